"""review: what merging would do, by what is in git and by what the registry holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    TrustOptions,
    add_trust,
    trust_options,
)
from ghcr_signer.commands.judgement import Judgement, lag
from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.survey import survey


@dataclass(frozen=True, slots=True)
class Options:
    """Which change to review, and under which trust."""

    change: str | None
    directory: Path
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `review`."""
    parser.add_argument(
        "change",
        nargs="?",
        metavar="BASE..HEAD",
        help="what HEAD does to BASE; BASE...HEAD: to where the two part; BASE: what the present"
        " HEAD does to it (default: what it does since it left origin's default branch)",
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
    tip, base, head = _ends(options.change, git)
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
        report = judgement.of_change(git, base, source)
    behind = () if tip == base else (lag(tip),)
    return replace(report, command="review", notices=(*behind, *report.notices))


def _ends(change: str | None, git: Git) -> tuple[str, str, str]:
    """What a range names on its left, the base and the head that it means, as git understands it;
    the default branch's, where there is none.
    """
    if change is None:
        branch = git.default_branch()
        if branch is None:
            fix = "Name the change: ghcr-signer review BASE...HEAD"
            raise UsageError(codes.NO_COMMIT, "origin's default branch is not known here", fix=fix)
        change = f"{branch}...HEAD"
    left, dots, right = change.partition("..")
    tip, head = git.resolve(left or "HEAD"), git.resolve(right.removeprefix(".") or "HEAD")
    if not (dots and right.startswith(".")):
        return tip, tip, head
    shared = git.merge_base(tip, head)
    if shared is None:
        raise UsageError(codes.NO_COMMIT, f"{change!r}: they have no commit in common")
    return tip, shared, head
