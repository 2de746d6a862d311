"""schema: print a JSON Schema, as it is used at run time."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from ghcr_signer.core import schemas
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress


@dataclass(frozen=True, slots=True)
class Options:
    """Which schema."""

    name: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `schema`."""
    parser.add_argument(
        "name", choices=schemas.NAMES, metavar="NAME", help=", ".join(schemas.NAMES)
    )


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(arguments.name)


def run(options: Options, progress: Progress) -> Report:
    """Return the schema's text."""
    return Report("schema", content=schemas.text(options.name))
