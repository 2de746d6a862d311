"""Origin: where an image says that it comes from. Nothing is judged by it: a person reads it.

All of it is foreign text; what becomes a link is held to a strict pattern first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST = 200  # characters
_SOURCE = re.compile(
    r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]{1,100}?)(?:\.git)?/?",
    re.ASCII,
)
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image says that it comes from: the words of whoever built it, "" for none."""

    source: str = ""
    revision: str = ""

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Origin:
        """From what core/image.py reads; what is too long is cut, and leads nowhere."""
        return cls(cut(labels.get("source", "")), cut(labels.get("revision", "")))

    def compared_with(self, before: Origin) -> str:
        """Where GitHub shows what has changed between two revisions of one source; else ""."""
        ours, theirs = _SOURCE.fullmatch(self.source), _SOURCE.fullmatch(before.source)
        revisions = (before.revision, self.revision)
        if not (ours and theirs and all(map(_REVISION.fullmatch, revisions))):
            return ""
        names = ours[1], ours[2]
        same = "/".join(names).lower() == f"{theirs[1]}/{theirs[2]}".lower()
        if not same or names[1] in (".", "..") or revisions[0] == revisions[1]:
            return ""
        return f"https://github.com/{names[0]}/{names[1]}/compare/{'...'.join(revisions)}"


def cut(text: str) -> str:
    """A text that an image or a signature brings, in a length that can be shown."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
