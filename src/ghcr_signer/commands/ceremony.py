"""What `sign` and `collect` have in common: the image on the command line, and the set at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Failure, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.peers.worktree import Worktree, read_file
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.new_set import NewEntry, entry_files, git_commands, verify_new
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Source, resolve_digest


@dataclass(frozen=True, slots=True)
class Target:
    """The image of a ceremony: its repository, its digest, and where its manifests come from."""

    image: Reference
    digest: Digest
    source: Source
    notices: tuple[str, ...]


def target(
    text: str,
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
    named = Reference.parse(text)
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
        notices.append(f"the tag in {text} is dropped: the digest says what is meant")
    return Target(named.at(digest), digest, Source(given, location), tuple(notices))


def finish(
    command: str,
    target: Target,
    entries: Sequence[NewEntry],
    tags: Sequence[str],
    directory: Path,
    trust: Trust | None,
    notices: Sequence[str],
) -> Report:
    """Verify the new set, write it, and say what to do with it. What fails is not written."""
    now = datetime.now(UTC)
    files = entry_files(target.image, entries, target.digest, tags)
    verdicts = verify_new(files, trust, now) if trust else ()
    if not all(verdict.passed for verdict in verdicts):
        nothing = Failure(codes.NEW_SIGNATURE_FAILS, "no set was written")
        return Report(command, 1, verdicts, (nothing,), tuple(notices))
    name = Worktree(directory).write_set(files, now)
    return Report(
        command,
        sets=1,
        verdicts=verdicts,
        notices=tuple(notices),
        written=f"{directory.as_posix()}/{name}",
        next_steps=git_commands(directory, name, target.image),
    )
