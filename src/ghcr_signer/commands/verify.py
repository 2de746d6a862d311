"""verify: judge every entry of a directory, offline; with --registry, rehearse the upload too; with
--check-images, ask for the images.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    TrustOptions,
    add_commit,
    add_directory,
    add_sets,
    add_trust,
    trust_options,
)
from ghcr_signer.commands.judgement import Judgement
from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Failure, Refused, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.worktree import FilesAround, Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import Examination
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.transfer.source import Source

_PLAIN_HTTP = "http://"


@dataclass(frozen=True, slots=True)
class Options:
    """What to verify, under which trust, and where to rehearse. `all_sets`: of a change the merged
    sets too; `check_images`: whether to ask for the images.
    """

    directory: Path | None
    trust: TrustOptions
    sets: tuple[str, ...]
    registry: str | None
    commit: str | None
    base: str | None
    environment: Mapping[str, str]
    all_sets: bool = False
    check_images: bool = False

    def __post_init__(self) -> None:
        """Without a base all sets are verified, but for those that were named."""
        if self.all_sets and (self.base is None or self.sets):
            raise UsageError(codes.USAGE, "--all goes with --base, and without --set")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `verify`."""
    add_directory(parser)
    add_sets(parser, "verify")
    add_commit(parser)
    parser.add_argument(
        "--base",
        metavar="COMMIT",
        help="judge what the commit (default: HEAD) does to this one: by the rules for changes, and"
        " its new sets by the trust of this base",
    )
    parser.add_argument(
        "--all",
        dest="all_sets",
        action="store_true",
        help="with --base: verify the merged sets again too",
    )
    parser.add_argument(
        "--registry",
        metavar="HOST/REPOSITORY",
        help="rehearse the upload there, each entry in REPOSITORY/<its own repository>, and read"
        " everything back; http://HOST is accepted here, and gets no credentials",
    )
    parser.add_argument(
        "--check-images",
        action="store_true",
        help="ask each image's registry whether it is there, once its signatures have passed",
    )
    add_trust(parser)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(
        arguments.directory,
        trust_options(arguments),
        tuple(arguments.set),
        arguments.registry,
        arguments.commit,
        arguments.base,
        environment,
        arguments.all_sets,
        arguments.check_images,
    )


def run(options: Options, progress: Progress) -> Report:
    """Verify; raises UsageError for what was named and is not there."""
    directory, now = options.directory or DEFAULT_DIRECTORY, datetime.now(UTC)
    rehearsal = None
    if options.registry is not None:
        rehearsal = partial(_rehearse, _rehearsal(options), now, progress)
    ask = partial(_ask, options.environment, progress) if options.check_images else None
    judgement = Judgement(directory, options.trust, options.sets, now, progress, rehearsal, ask=ask)
    if options.base is not None or options.commit is not None:
        return _run_on_commit(options, judgement)
    if options.directory is None and not options.sets and not directory.exists():
        return Report("verify", notices=(f"there is no {directory} here: nothing to verify",))
    return judgement.of(Worktree(directory), FilesAround(directory))


def _run_on_commit(options: Options, judgement: Judgement) -> Report:
    """Sets out of a commit; with a base, what it does to that, by the trust of that."""
    from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
    from ghcr_signer.peers.git import Git

    directory = judgement.directory
    git = Git.around(directory)
    folder, head = git.path(directory), git.resolve(options.commit or "HEAD")
    with closing(CommittedDirectory(git, head, folder)) as source:
        if options.base is not None:
            base = git.resolve(options.base)
            return judgement.of_change(git, base, source, all_sets=options.all_sets)
        if not source.exists:
            message = f"there is no {directory} in {head[:12]}"
            if options.directory is not None or options.sets:
                raise UsageError(codes.NO_DIRECTORY, message, file=str(directory))
            return Report("verify", notices=(f"{message}: nothing to verify",))
        return judgement.of(source, CommittedFiles(git, head, folder))


def _rehearsal(options: Options) -> Registries:
    """Where --registry sends everything; raises UsageError (GS2001)."""
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.peers.registry.transport import Access

    text = options.registry or ""
    plain_http = text.startswith(_PLAIN_HTTP)
    try:
        target = Reference.parse(text.removeprefix(_PLAIN_HTTP), any_host=plain_http)
    except Refused as refusal:
        raise UsageError(codes.USAGE, f"the registry {text!r}: {refusal}") from None
    if target.tag or target.digest:
        raise UsageError(codes.USAGE, f"the registry {text!r}: a repository has no tag or digest")
    return Registries(Access.PUSH, options.environment, rehearsal=target, plain_http=plain_http)


def _rehearse(
    registries: Registries,
    now: datetime,
    progress: Progress,
    found: Examination,
    source: Source,
    trust: Trust,
) -> tuple[Failure, ...]:
    """Push every entry and read it back; the failures."""
    from ghcr_signer.core.plan import Plan, Push
    from ghcr_signer.transfer.execute import execute

    pushes = tuple(Push(verdict.path, verdict.passed_entry) for verdict in found.verdicts)
    plan = Plan(pushes, live=(), blocked=())
    return execute(plan, source, registries, trust, now, progress).failures


def _ask(
    environment: Mapping[str, str], progress: Progress, found: Examination
) -> tuple[Failure, ...]:
    """Ask for the images of what passed; the failures. For too many none is asked for (GS2001)."""
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.peers.registry.transport import Access
    from ghcr_signer.transfer.presence import absent

    if len(found.verdicts) > limits.CHANGE_ENTRIES:
        message = f"{len(found.verdicts)} images are too many to ask for at once"
        fix = f"Name the sets to verify, with at most {limits.CHANGE_ENTRIES} entries."
        return (Failure(codes.USAGE, message, fix=fix),)
    return absent(found.verdicts, Registries(Access.PULL, environment), progress)
