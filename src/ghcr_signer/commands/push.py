"""push: commit a set that is written on a branch of its own, push it, and open its pull request."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ghcr_signer.commands.arguments import TrustOptions, add_trust, trust_options
from ghcr_signer.commands.carry import carry
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress


@dataclass(frozen=True, slots=True)
class Options:
    """Which set, and by what trust it is judged before anybody else sees it."""

    path: Path
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `push`."""
    parser.epilog = (
        "The set is judged as its pull request will be, by the trust of the remote's default"
        " branch. It goes to the remote `upstream`, else `origin`; where that refuses, to your fork"
        " of it."
        " With GH_TOKEN or GITHUB_TOKEN the pull request is opened, else the page for it is named."
    )
    parser.add_argument(
        "set", type=Path, metavar="SET", help="the set's folder, such as SIGNATURES/2026-…"
    )
    add_trust(parser)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(arguments.set, trust_options(arguments), environment)


def run(options: Options, progress: Progress) -> Report:
    """Judge the set as its pull request will be, and push it; the same again does no harm."""
    path = options.path.as_posix()
    return carry(Report("push"), path, options.trust, options.environment, progress)
