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
class Pattern:
    """A pattern, folder by folder: None stands for `**`. `below`: what is below a match matches.

    A path is followed through all of the ways at once: a pattern of many wildcards, which anybody
    may have written, takes no longer than another.
    """

    parts: tuple[re.Pattern[str] | None, ...]
    below: bool

    @classmethod
    def parse(cls, pattern: str) -> Pattern:
        """One without a slash, but at its end, is about any folder; any other about the top."""
        parts = pattern.split("/")
        if len(parts) == 1 or (len(parts) == 2 and not parts[1]):
            parts = ["**", *parts]
        elif not parts[0]:
            parts = parts[1:]
        if not parts[-1]:  # a folder: what is below it
            parts[-1] = "**"
        below = parts[-1] != "*" or pattern == "*"  # docs/* is about what is in docs, not deeper
        regexes = (None if each == "**" else _regex(each) for each in parts)
        return cls(tuple(regexes), below)

    def matches(self, path: str) -> bool:
        """Whether it is about a path."""
        end = len(self.parts)
        reached = self._with_skipped({0})
        for name in path.split("/"):
            found = {end} if end in reached and self.below else set()
            for at in reached - {end}:
                part = self.parts[at]
                if part is None:
                    found |= {at, end} if at + 1 == end else {at}
                elif part.fullmatch(name):
                    found.add(at + 1)
            reached = self._with_skipped(found)
        return end in reached

    def _with_skipped(self, reached: set[int]) -> set[int]:
        """With where one is too if a `**`, but the last, stands for no folder."""
        found = set(reached)
        for at, part in enumerate(self.parts[:-1]):
            if at in found and part is None:
                found.add(at + 1)
        return found


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """The lines that count, in their order: a pattern, and who owns what it matches."""

    lines: tuple[tuple[Pattern, tuple[str, ...]], ...]

    @classmethod
    def parse(cls, text: str) -> CodeOwners:
        """Read the file; a line that GitHub would skip is skipped."""
        lines = []
        for line in text.splitlines():
            pattern, *owners = line.partition("#")[0].split() or [""]
            if not pattern or re.search(r"[!\[\]\\]", pattern):
                continue
            if all(map(_OWNER.fullmatch, owners)):
                lines.append((Pattern.parse(pattern), tuple(owners)))
        return cls(tuple(lines))

    def of(self, path: str) -> tuple[str, ...]:
        """Who owns a path; nobody where the last pattern that matches names nobody."""
        for pattern, owners in reversed(self.lines):
            if pattern.matches(path):
                return owners
        return ()


def _regex(part: str) -> re.Pattern[str]:
    """One folder's name: each word is found where it first is, and never looked for again."""
    first, *words = (re.escape(word).replace(r"\?", ".") for word in re.split(r"\*+", part))
    *between, last = words or [""]
    found = "".join(f"(?>.*?{word})" for word in between)
    return re.compile(f"{first}{found}.*{last}" if words else first, re.DOTALL)
