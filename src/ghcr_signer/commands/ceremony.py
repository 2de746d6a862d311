"""What `sign` and `collect` have in common: the image that was named, and where its set goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Failure, Refused, UsageError
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.peers.worktree import Worktree, read_file
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress
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


def refused(command: str, verdicts: Sequence[Verdict], notices: Sequence[str]) -> Report:
    """The report of a ceremony whose signatures do not verify (GS1309)."""
    nothing = Failure(codes.NEW_SIGNATURE_FAILS, "no set was written")
    return Report(command, 1, tuple(verdicts), (nothing,), tuple(notices))
