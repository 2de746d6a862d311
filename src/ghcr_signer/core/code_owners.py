"""CODEOWNERS: who is asked about a path (docs.github.com, About code owners).

Patterns are those of .gitignore but for `!`, `[ ]` and escapes, which GitHub does not know: it
skips a line that it does not understand, and so is one skipped here. The last pattern that matches
counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for the file; the first that is there counts."""

_OWNER = re.compile(r"@[A-Za-z0-9-]+(?:/[A-Za-z0-9._-]+)?|[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """The lines that count, in their order: a pattern, and who owns what it matches."""

    lines: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]

    @classmethod
    def parse(cls, text: str) -> CodeOwners:
        """Read the file; a line that GitHub would skip is skipped."""
        lines = []
        for line in text.splitlines():
            pattern, *owners = line.partition("#")[0].split() or [""]
            if not pattern or re.search(r"[!\[\]\\]", pattern):
                continue
            if all(map(_OWNER.fullmatch, owners)):
                lines.append((_regex(pattern), tuple(owners)))
        return cls(tuple(lines))

    def of(self, path: str) -> tuple[str, ...]:
        """Who owns a path; nobody where the last pattern that matches names nobody."""
        for pattern, owners in reversed(self.lines):
            if pattern.fullmatch(path):
                return owners
        return ()


def _regex(pattern: str) -> re.Pattern[str]:
    """A pattern without a slash, but at its end, is about any folder; any other about the top."""
    parts = pattern.split("/")
    if len(parts) == 1 or (len(parts) == 2 and not parts[1]):
        parts = ["**", *parts]
    elif not parts[0]:
        parts = parts[1:]
    if not parts[-1]:  # a folder: what is below it
        parts[-1] = "**"
    written = ""
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        if part == "**":
            written += ".+" if last else "(?:.+/)?"
            continue
        words = re.split(r"([*?])", part)
        written += "".join({"*": "[^/]*", "?": "[^/]"}.get(each, re.escape(each)) for each in words)
        if not last:
            written += "/"
        elif part != "*" or pattern == "*":  # docs/* is about what is in docs, and not deeper
            written += "(?:/.+)?"
    return re.compile(written)
