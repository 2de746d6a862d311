"""What `sign` and `collect` have in common: the image that was named, and the set at the end,
which `push` pushes as they do.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Failure, GhcrSignerError, Refused, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify_alone
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.peers.worktree import Worktree, read_file
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.new_set import NewEntry, in_set, read_set
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.push import Pushed, push
from ghcr_signer.transfer.subjects import Source, resolve_digest


@dataclass(frozen=True, slots=True)
class Target:
    """The image of a ceremony: its repository, its digest, and where its manifests come from."""

    image: Reference
    digest: Digest
    source: Source
    notices: tuple[str, ...]


def reference(text: str) -> Reference:
    """A reference on the command line; raises UsageError (GS2001) for what is none."""
    try:
        return Reference.parse(text)
    except Refused as refusal:
        raise UsageError(codes.USAGE, str(refusal), fix=refusal.failure.next_step) from None


def check_directory(directory: Path) -> None:
    """Refuse a place that takes no set before anything is signed for it; raises UsageError."""
    if directory.exists():
        Worktree(directory).sets()
    above = next(folder for folder in directory.absolute().parents if folder.exists())
    for folder in (directory, above):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise UsageError(
                codes.USAGE,
                f"{folder} cannot be written to",
                file=str(folder),
                fix="Name another signature directory with --directory.",
            )


def target(
    named: Reference,
    subject_files: Sequence[Path],
    environment: Mapping[str, str],
    progress: Progress,
    *,
    command: str,
    confirm_tags: bool,
) -> Target:
    """The image that was named. With --subject, its registry is not asked.

    A tag is resolved, shown and asked about where `confirm_tags` and a person is there; elsewhere
    it is refused with the digest to use (GS1304).
    """
    location = None
    if not subject_files:
        location = Registries(Access.PULL, environment).locate(named)
    given = {}
    for path in subject_files:
        content = read_file(path, limits.MANIFEST_BYTES)
        given[Digest.of(content)] = content
    digest = named.digest
    notices = []
    if digest is None:
        if location is None:
            raise UsageError(codes.TAG_GIVEN, f"{named} has no digest, and --subject asks nobody")
        digest = resolve_digest(named, location)
        fix = f"Run: ghcr-signer {command} {named.at(digest)} …"
        if not (confirm_tags and progress.interactive):
            raise UsageError(codes.TAG_GIVEN, f"{named} is now {digest}", fix=fix)
        if not progress.ask(f"{named} is now {digest}. Is that the one?"):
            raise UsageError(codes.NOT_CONFIRMED, f"{named} is now {digest}", fix=fix)
    elif named.tag is not None:
        notices.append(f"the tag in {named} is dropped: the digest says what is meant")
    return Target(named.at(digest), digest, Source(given, location), tuple(notices))


def finish(
    command: str,
    image: Reference,
    entries: Sequence[NewEntry],
    verdicts: Sequence[Verdict],
    directory: Path,
    trust: TrustOptions,
    notices: Sequence[str],
) -> Report:
    """Write the new set, and say what to do with it; none where a verdict failed (GS1309)."""
    if not all(verdict.passed for verdict in verdicts):
        nothing = Failure(codes.NEW_SIGNATURE_FAILS, "no set was written")
        return Report(command, 1, tuple(verdicts), (nothing,), tuple(notices))
    files = {entry.digest.hex: entry.files(image) for entry in entries}
    name = Worktree(directory).write_set(files, datetime.now(UTC))
    written = f"{directory.as_posix()}/{name}"
    return Report(
        command,
        sets=1,
        verdicts=tuple(in_set(verdict, name) for verdict in verdicts),
        notices=tuple(notices),
        written=written,
        next_steps=(push_command(written, trust),),
    )


def push_command(path: str, trust: TrustOptions) -> str:
    """The command that carries a written set into a pull request, under the same trust."""
    return shlex.join(("ghcr-signer", "push", path, *trust.arguments))


def carry(
    report: Report,
    path: str | None,
    trust: Trust | None,
    environment: Mapping[str, str],
    progress: Progress,
) -> Report:
    """Verify a set that is there, push just what was verified, and add to the report where it is.

    Without trust it is pushed unverified. A push that fails leaves the set where it is; the
    report's next step is then still the one that pushes it. `path` is None where no set was
    written.
    """
    if path is None:
        return report
    directory, name = Path(path).parent, Path(path).name
    entries = read_set(directory, name)
    if trust is not None:
        report = _verified(report, name, entries, trust)
        if not report.passed:
            return replace(report, next_steps=())
    (again,) = report.next_steps
    try:
        pushed = push(directory, name, entries, environment, progress, again)
    except GhcrSignerError as error:
        return replace(report, failures=(*report.failures, error.failure))
    steps = () if pushed.pull_request else (f"open the pull request: {pushed.page}",)
    return replace(
        report,
        notices=(*report.notices, *_told(pushed)),
        next_steps=steps if pushed.page else (),
    )


def _verified(
    report: Report, name: str, entries: Mapping[str, Mapping[str, bytes]], trust: Trust
) -> Report:
    """The report with the set's verdicts. Where too few have signed, and nothing else is wrong, the
    set waits for the others, who find it on its branch: that is told, and no failure.
    """
    now = datetime.now(UTC)
    found = [verify_alone(entry, files, trust, now=now) for entry, files in entries.items()]
    waiting = [each for each in found if _waits(each)]
    notices = (
        f"too few have signed, so the pull request waits: {failure.message} ({each.path[:12]})"
        for each in waiting
        for failure in each.failures
    )
    return replace(
        report,
        sets=1,
        verdicts=tuple(in_set(each, name) for each in found if each not in waiting),
        notices=(*report.notices, *notices),
    )


def _waits(verdict: Verdict) -> bool:
    only_too_few = {failure.code for failure in verdict.failures} == {codes.THRESHOLD}
    return only_too_few and all(each.valid for each in verdict.signatures)


def _told(pushed: Pushed) -> Iterator[str]:
    yield f"{pushed.branch} at {pushed.place} is commit {pushed.commit}"
    if pushed.pull_request:
        yield f"its pull request is {pushed.pull_request}"
    elif pushed.page is None:
        yield "open its pull request where that repository is"
    if pushed.problem:
        yield f"no pull request was opened: {pushed.problem}"
