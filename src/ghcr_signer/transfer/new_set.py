"""A new set: signatures that were made or collected, verified, and written whole."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ghcr_signer.core import directory
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify, verify_set


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One digest's signatures: MANIFEST and blobs by name, and the image's own manifest if read."""

    digest: Digest
    signatures: Mapping[str, bytes]
    subject: bytes | None


def entry_files(
    image: Reference, entries: Sequence[NewEntry], top: Digest, tags: Sequence[str]
) -> dict[str, dict[str, bytes]]:
    """The files of each entry, by the entry's name; the tags go to the image itself."""
    files = {}
    for entry in entries:
        files[entry.digest.hex] = {
            directory.IMAGE: directory.image_content(image.at(entry.digest)),
            **entry.signatures,
            **({directory.SUBJECT: entry.subject} if entry.subject is not None else {}),
            **(directory.tag_files(tags) if entry.digest == top else {}),
        }
    return files


def verify_new(
    files: Mapping[str, Mapping[str, bytes]], trust: Trust, now: datetime
) -> tuple[Verdict, ...]:
    """What CI will say of the set: steps 1 to 10. Its name is not known yet."""
    name = directory.set_name(now, colons=True)
    return verify_set(
        [
            verify(f"{name}/{entry}", directory.regular(contents), trust, now=now)
            for entry, contents in files.items()
        ]
    )


def git_commands(root: Path, name: str, image: Reference) -> tuple[str, ...]:
    """The commands that carry a new set into a pull request."""
    branch = f"signatures-{name.replace(':', '-').replace('+00-00', 'Z')}"
    return (
        f"git switch --create {branch}",
        f"git add {shlex.quote(f'{root.as_posix()}/{name}')}",
        f"git commit --message {shlex.quote(f'Sign {image}')}",
        "git push --set-upstream origin HEAD",
        "and open a pull request.",
    )


def parse_tags(latest: bool, further: Sequence[str]) -> tuple[str, ...]:
    """--latest and --tag as one list, as LATEST and TAGS would be read; raises Refused (GS0204)."""
    lines = "".join(f"{tag}\n" for tag in further).encode("utf-8", "replace")
    return directory.parse_tags(latest, lines or None)
