"""registry: the embedded registry on its own, in memory, until it is interrupted."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen."""

    host: str
    port: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `registry`."""
    parser.add_argument(
        "--address",
        default="127.0.0.1:5000",
        metavar="HOST:PORT",
        help="a loopback address; port 0 takes a free one (default: 127.0.0.1:5000)",
    )


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options; raises UsageError for an address that is not one."""
    host, _, port = arguments.address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(codes.USAGE, f"{arguments.address!r} is not HOST:PORT")
    return Options("127.0.0.1" if host == "localhost" else host.strip("[]"), int(port))


def run(options: Options, progress: Progress) -> Report:
    """Serve until interrupted; raises UsageError where the address cannot be had."""
    try:
        registry = EmbeddedRegistry(host=options.host, port=options.port)
    except (OSError, ValueError) as error:
        raise UsageError(
            codes.USAGE, f"cannot listen on {options.host}:{options.port}: {error}"
        ) from None
    progress.say(f"Serving on {registry.host}, in memory. Ctrl-C ends it, and forgets everything.")
    registry.serve_forever()
    return Report("registry")
