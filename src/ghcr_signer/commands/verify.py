"""verify: judge every entry of a directory, offline; with --registry, rehearse the upload too."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    POLICY,
    TrustOptions,
    add_commit,
    add_directory,
    add_sets,
    add_trust,
    find_trust,
    require_trust,
    trust_files,
    trust_options,
)
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, GhcrSignerError, Refused, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.worktree import FilesAround, Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import Examination, examine
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from ghcr_signer.core.ledger import Declared
    from ghcr_signer.peers.commit import CommittedDirectory
    from ghcr_signer.peers.git import Git
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.transfer.source import Source, TrustFiles

_PLAIN_HTTP = "http://"


@dataclass(frozen=True, slots=True)
class Options:
    """What to verify, under which trust, and where to rehearse."""

    directory: Path | None
    trust: TrustOptions
    sets: tuple[str, ...]
    registry: str | None
    commit: str | None
    base: str | None
    environment: Mapping[str, str]


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
        "--registry",
        metavar="HOST/REPOSITORY",
        help="rehearse the upload there, each entry in REPOSITORY/<its own repository>, and read"
        " everything back; http://HOST is accepted here, and gets no credentials",
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
    )


def run(options: Options, progress: Progress) -> Report:
    """Verify; raises UsageError for what was named and is not there."""
    judgement = _Judgement(options, progress, datetime.now(UTC))
    if options.base is not None or options.commit is not None:
        return _run_on_commit(options, judgement)
    directory = options.directory or DEFAULT_DIRECTORY
    if options.directory is None and not options.sets and not directory.exists():
        return Report("verify", notices=(f"there is no {directory} here: nothing to verify",))
    return judgement.of(Worktree(directory), FilesAround(directory))


def _run_on_commit(options: Options, judgement: _Judgement) -> Report:
    """Sets out of a commit; with a base, what it does to that, by the trust of that."""
    from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
    from ghcr_signer.peers.git import Git

    directory = options.directory or DEFAULT_DIRECTORY
    git = Git.around(directory)
    folder, head = git.path(directory), git.resolve(options.commit or "HEAD")
    with closing(CommittedDirectory(git, head, folder)) as source:
        if options.base is not None:
            return _run_on_change(judgement, git, git.resolve(options.base), source)
        if not source.exists:
            message = f"there is no {directory} in {head[:12]}"
            if options.directory is not None or options.sets:
                raise UsageError(codes.NO_DIRECTORY, message, file=str(directory))
            return Report("verify", notices=(f"{message}: nothing to verify",))
        return judgement.of(source, CommittedFiles(git, head, folder))


def _run_on_change(
    judgement: _Judgement, git: Git, base: str, source: CommittedDirectory
) -> Report:
    """Step 11, and the sets that a change adds, by the trust of its base."""
    from ghcr_signer.core.change import too_much, verify_change
    from ghcr_signer.core.ledger import last_moves
    from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
    from ghcr_signer.transfer.changes import compared_with, read_change, signed_after

    head, folder = source.commit, source.folder
    before, after = (CommittedFiles(git, commit, folder) for commit in (base, head))
    trust = judgement.options.trust
    places = (*trust_files(trust, before), *trust_files(trust, after))
    change = read_change(git, base, head, folder, places)
    if before.find(POLICY) and not after.find(POLICY):  # a key in its place would be weaker
        change = replace(change, result_trusts=False)
    notices = [f"judged as a change to {base[:12]}"]
    if change.base_sets is None and not source.exists:
        notices.append(f"there is no {folder}, neither before nor after: no signature was judged")
    if change.result_trusts and change.outside:
        notices += _of_proposed_trust(trust, before if change.base_trusts else None, after)
    if change.brings_its_trust:
        notices.insert(
            0,
            "WARNING: the directory and its trust both begin with this change: its sets are judged"
            " by a key that it brings, so compare that key with the signer's",
        )
    files = after if change.brings_its_trust else before
    sets = judgement.options.sets or change.new_sets(source.sets()[0])
    trusted = change.base_trusts or change.brings_its_trust
    declared: list[Declared] = []
    report = Report("verify", failures=tuple(source.sets()[1]))
    with closing(CommittedDirectory(git, base, folder)) as merged:
        if sets and trusted and not any(too_much(change)):
            moving = source.read_tags(sets)
            declared = merged.read_tags() if moving else []
            beside = compared_with(source, sets, moving, declared)
            report = judgement.of(source, files, sets, beside)
        added = frozenset(change.added_sets)
        found = (verdict.entry for verdict in report.verdicts)
        entries = [entry for entry in found if entry and entry.set_name in added]
        signed = signed_after(merged, entries)
    checks = verify_change(change, last_moves(declared), signed, entries, now=judgement.now)
    return replace(report, change=checks, notices=(*notices, *report.notices))


def _of_proposed_trust(
    options: TrustOptions, before: TrustFiles | None, after: TrustFiles
) -> Iterator[str]:
    """Load the trust as a change has it, since without it nothing could be judged any more; and say
    so where it is another.
    """
    proposed = require_trust(options, after)
    try:
        present = find_trust(options, before) if before else None
    except GhcrSignerError:  # a change may mend what is broken
        present = None
    if present is None or present.trust != proposed.trust:
        yield f"the {proposed.kind} changes; what the change brings counts once it is merged"


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What all ways of verifying have in common."""

    options: Options
    progress: Progress
    now: datetime

    def of(
        self,
        source: Source,
        files: TrustFiles,
        sets: Sequence[str] = (),
        beside: frozenset[str] = frozenset(),
    ) -> Report:
        """Steps 1 to 10 for the sets of a source, by the trust among the files. `beside` are sets
        that step 10 compares them with.
        """
        options, sets = self.options, sets or self.options.sets
        rehearsal = _rehearsal(options) if options.registry else None
        directory = options.directory or DEFAULT_DIRECTORY
        if not trust_files(options.trust, files) and source.sets() == ([], []):
            return Report("verify", notices=(f"{directory} holds no set: nothing to verify",))
        loaded = require_trust(options.trust, files)
        trust = loaded.trust
        found = examine(source, trust, self.now, self.progress, (*sets, *beside)).without(beside)
        notices = [] if options.trust.keys else [f"trusted: {loaded}"]
        if loaded.is_anywhere:
            notices.append("any repository is accepted: no --repository was given")
        if not found.verdicts and not found.failures:
            notices.append(f"{directory} holds no set: nothing to verify")
        failures = found.failures
        if rehearsal and found.passed:
            failures = _rehearse(found, source, rehearsal, trust, self.now, self.progress)
            if not failures:
                number = len(found.verdicts)
                entries = "1 entry" if number == 1 else f"{number} entries"
                notices.append(f"rehearsed: {entries} went there and came back")
        elif rehearsal:
            notices.append("not rehearsed: something does not verify")
        return Report("verify", found.sets, found.verdicts, failures, tuple(notices))


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
    found: Examination,
    source: Source,
    registries: Registries,
    trust: Trust,
    now: datetime,
    progress: Progress,
) -> tuple[Failure, ...]:
    """Push every entry and read it back; the failures."""
    from ghcr_signer.core.plan import Plan, Push
    from ghcr_signer.transfer.execute import execute

    pushes = tuple(Push(verdict.path, verdict.passed_entry) for verdict in found.verdicts)
    plan = Plan(pushes, live=(), blocked=())
    return execute(plan, source, registries, trust, now, progress).failures
