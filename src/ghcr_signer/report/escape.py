"""Foreign text on its way out. Every text that came from a file or a registry goes through here.

A name may hold a line break and a workflow command, an escape sequence that rewrites the terminal,
or a character that turns the direction of reading. All of them are shown, none of them acts.
"""

from __future__ import annotations

import unicodedata

from ghcr_signer.core import limits
from ghcr_signer.core.blank import is_blank


def visible(text: str) -> str:
    """The text on one line: control, format, surrogate and separator characters as escapes, and
    those that nobody would see.

    Nor does it hold `##[`, which begins a workflow command wherever it stands in a line of a job's
    log (actions/runner, ActionCommand): a step may run the command line, too.
    """
    shown = text if len(text) <= limits.TEXT_CHARACTERS else f"{text[: limits.TEXT_CHARACTERS]}…"
    shown = shown.replace("##[", "##\\[")
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(_visible(character) for character in shown)


def _visible(character: str) -> str:
    acts = unicodedata.category(character)[0] in "CZ" and character != " "
    if acts or is_blank(character):
        return character.encode("unicode_escape", "backslashreplace").decode()
    return character


def log_line(text: str) -> str:
    """The text as one line of a job's log that is no workflow command of the runner's.

    A command is what `visible` takes apart, and a line that begins with `::` (actions/runner,
    ActionCommand).
    """
    line = visible(text)
    return f"\\{line}" if line.lstrip().startswith("::") else line


def markdown(text: str) -> str:
    """The text as nothing but text in GitHub's Markdown: no link, mention, table or tag of its own.

    Every punctuation character becomes a numeric character reference, which is never markup
    (CommonMark 0.31, section 2.5). GitHub looks for @mentions, #numbers, :emoji: and addresses of
    mail once references have become characters again: an empty comment keeps those from what
    follows.
    """
    return "".join(map(_reference, visible(text)))


def markdown_with_code(text: str) -> str:
    """The same, but what stands between two backticks is code, in which nothing acts either: a
    command that can be copied.
    """
    parts = visible(text).split("`")
    if len(parts) % 2 == 0 or not all(map(str.strip, parts[1::2])):
        return markdown(text)
    return "`".join(part if at % 2 else markdown(part) for at, part in enumerate(parts))


def _reference(character: str) -> str:
    if character.isalnum() or character == " ":
        return character
    return f"&#{ord(character)};{'<!-- -->' if character in '@#:' else ''}"
