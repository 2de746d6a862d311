"""A new set: signatures that were made or collected, verified, and written whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ghcr_signer.core import codes, directory
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify_alone
from ghcr_signer.peers.worktree import Worktree


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One digest's signatures: MANIFEST and blobs by name; the image's own manifest if it was read;
    the tags that they move.
    """

    digest: Digest
    signatures: Mapping[str, bytes]
    subject: bytes | None
    tags: tuple[str, ...]

    def files(self, image: Reference) -> dict[str, bytes]:
        """The entry's files, by name."""
        return {
            directory.IMAGE: directory.image_content(image.at(self.digest)),
            **self.signatures,
            **({directory.SUBJECT: self.subject} if self.subject is not None else {}),
            **directory.tag_files(self.tags),
        }


def verify_new(image: Reference, entry: NewEntry, trust: Trust, now: datetime) -> Verdict:
    """What CI will say of an entry that is in no set yet, alone in it: steps 1 to 10."""
    return verify_alone(entry.digest.hex, entry.files(image), trust, now=now)


def in_set(verdict: Verdict, name: str) -> Verdict:
    """The same verdict, now that the entry's set has a name."""
    entry = replace(verdict.entry, set_name=name) if verdict.entry else None
    return replace(verdict, path=f"{name}/{verdict.path}", entry=entry)


def read_set(directory: Path, name: str) -> dict[str, dict[str, bytes]]:
    """A set's files, by entry and name, each read once; raises Refused (GS0101, GS0103) for what
    no command of ours writes.
    """
    found = Worktree(directory).read_set(name)
    if found.strays:
        raise Refused(codes.UNEXPECTED_FILE, f"{found.strays[0]!r} is no entry", file=name)
    contents: dict[str, dict[str, bytes]] = {entry: {} for entry in found.entries}
    for entry, files in found.entries.items():
        for file, read in files.items():
            if read.content is None:
                path = f"{name}/{entry}/{file}"
                raise Refused(codes.NOT_REGULAR, "it is no file of a set", file=path)
            contents[entry][file] = read.content
    return contents


def parse_tags(latest: bool, further: Sequence[str]) -> tuple[str, ...]:
    """--latest and --tag as one list, as LATEST and TAGS would be read; raises UsageError."""
    lines = "".join(f"{tag}\n" for tag in further).encode("utf-8", "replace")
    try:
        return directory.parse_tags(latest, lines or None)
    except Refused as refusal:
        raise UsageError(
            codes.USAGE, f"--tag: {refusal}", fix=refusal.failure.code.reason
        ) from None
