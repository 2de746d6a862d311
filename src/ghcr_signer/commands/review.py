"""review: what merging would do, by what is in git and by what the registry holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    TrustOptions,
    add_trust,
    trust_options,
)
from ghcr_signer.commands.judgement import Judgement
from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.survey import survey

if TYPE_CHECKING:
    pass

_DEFAULT = "origin/HEAD...HEAD"


@dataclass(frozen=True, slots=True)
class Options:
    """Which change to review, and under which trust."""

    change: str
    directory: Path
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `review`."""
    parser.add_argument(
        "change",
        nargs="?",
        default=_DEFAULT,
        metavar="BASE..HEAD",
        help="what HEAD does to BASE; BASE...HEAD: to where the two part; BASE: what the present"
        f" HEAD does to it (default: {_DEFAULT})",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help=f"the signature directory (default: {DEFAULT_DIRECTORY})",
    )
    add_trust(parser)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    trust = trust_options(arguments)
    return Options(arguments.change, arguments.directory, trust, environment)


def run(options: Options, progress: Progress) -> Report:
    """Judge the change as `verify --base` does, and read the registries of what passes.

    That a registry cannot be read fails nothing: the report says it. Raises UsageError (GS2010)
    for commits that are not there.
    """
    git = Git.around(options.directory)
    base, head = _ends(options.change, git)
    registries = Registries(Access.PULL, options.environment)
    judgement = Judgement(
        options.directory,
        options.trust,
        sets=(),
        now=datetime.now(UTC),
        progress=progress,
        look=partial(survey, registries=registries, progress=progress),
    )
    folder = git.path(options.directory)
    with closing(CommittedDirectory(git, head, folder)) as source:
        return replace(judgement.of_change(git, base, source), command="review")


def _ends(change: str, git: Git) -> tuple[str, str]:
    """The base and the head that a range means, as git understands it."""
    left, dots, right = change.partition("..")
    base, head = git.resolve(left or "HEAD"), git.resolve(right.removeprefix(".") or "HEAD")
    if dots and right.startswith("."):
        shared = git.merge_base(base, head)
        if shared is None:
            raise UsageError(codes.NO_COMMIT, f"{change!r}: they have no commit in common")
        base = shared
    return base, head
