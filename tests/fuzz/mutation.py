"""Changes to JSON that keep it JSON, mostly: what changes single bytes hardly gets past the syntax.

Objects are kept as pairs while they are changed, so that a key can occur twice. A text that is JSON
or base64 in its turn, as a log entry's is, is changed on the inside too.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import cache
from random import Random
from typing import Any

Mutator = Callable[[bytes, int, int], bytes]
"""A custom mutator of atheris: an input, how long it may become, and a seed."""

Blindly = Callable[[bytes, int], bytes]
"""libFuzzer's own mutator: bytes, and how many there may be."""


class Members(list[tuple[str, Any]]):
    """The members of an object, in their order."""


_TEXTS = (
    *("", "x", "\n", "\0", "é", "\u202e", "\ud800", "::error::x", "sha256:", "ghcr.io/acme/app"),
    *("docker.io/", "index.docker.io/", "x/index.docker.io/y", "x/docker.io/y", "README.md"),
    *("sha256:" + "0" * 64, "0" * 64, "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "latest", "**", "AA==", "AB==", "required", "optional", "any"),
)
_NUMBERS = (0, 1, -1, 2, 252, 252.0, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 0.5, 1e300, 10**400)
_VALUES = (None, True, False, [], Members(), [[]], *_TEXTS, *_NUMBERS)
_RAW = ("NaN", "-Infinity", "1e999", "-0", "01", "1E2", "'x'", "", "[" * 30 + "]" * 30)


class _Raw(str):
    """Text that goes into the document as it is."""


def document(content: bytes, random: Random, blindly: Blindly) -> bytes:
    """A changed document; where it is no JSON, changed bytes."""
    try:
        tree = json.loads(content, object_pairs_hook=Members)
        for _ in range(random.choice((1, 1, 1, 1, 2))):
            tree = _changed(tree, random, blindly)
        return _spelt(tree, random.choice((_plainly, _plainly, _airily)), random).encode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, RecursionError):
        return blindly(content, 2 * len(content) + 64)


def _changed(tree: Any, random: Random, blindly: Blindly) -> Any:
    """The tree with a change at some place in it."""
    inner = isinstance(tree, list) and len(tree) > 0
    if inner and random.random() < 0.85:
        return _changed_inside(tree, random, blindly)
    if isinstance(tree, str) and random.random() < 0.7:
        return _changed_text(tree, random, blindly)
    if isinstance(tree, int) and random.random() < 0.5:
        return tree + random.choice((-1, 1, 256, 2**32))
    return _Raw(random.choice(_RAW)) if random.random() < 0.04 else random.choice(_VALUES)


def _changed_inside(tree: list[Any], random: Random, blindly: Blindly) -> Any:
    copy = type(tree)(tree)
    at = _somewhere([repr(each) for each in copy], random)
    match random.choice(("descend",) * 8 + ("remove", "repeat", "move", "rename")):
        case "remove":
            del copy[at]
        case "repeat":
            copy.insert(random.randrange(len(copy) + 1), copy[at])
        case "move":
            copy.insert(random.randrange(len(copy)), copy.pop(at))
        case "rename" if isinstance(copy, Members):
            other = random.choice(copy)[0]
            copy[at] = (random.choice((other, *_TEXTS, copy[at][0].upper())), copy[at][1])
        case _ if isinstance(copy, Members):
            copy[at] = (copy[at][0], _changed(copy[at][1], random, blindly))
        case _:
            copy[at] = _changed(copy[at], random, blindly)
    return copy


def _changed_text(text: str, random: Random, blindly: Blindly) -> str:
    content = text.encode("utf-8", "surrogatepass")
    if text[:1] in ("{", "[") and random.random() < 0.9:
        return document(content, random, blindly).decode("utf-8", "replace")
    try:
        inner = base64.b64decode(text, validate=True) if len(text) > 8 else b""
    except (ValueError, binascii.Error):
        inner = b""
    if inner and random.random() < 0.8:
        is_json = inner[:1] == b"{"
        new = document(inner, random, blindly) if is_json else blindly(inner, len(inner) + 16)
        return base64.b64encode(new).decode()
    return blindly(content, len(content) + 16).decode("utf-8", "replace")


def _spelt(tree: Any, gap: Callable[[Random], str], random: Random) -> str:
    def text(value: str) -> str:
        if random.random() < 0.02:
            return '"' + "".join(f"\\u{ord(c) & 0xFFFF:04x}" for c in value) + '"'
        return json.dumps(value, ensure_ascii=random.random() < 0.5)

    if isinstance(tree, _Raw):
        return str(tree)
    if isinstance(tree, str):
        return text(tree)
    if isinstance(tree, Members):
        pairs = (f"{text(key)}{gap(random)}:{_spelt(value, gap, random)}" for key, value in tree)
        return "{" + gap(random) + ",".join(pairs) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(_spelt(value, gap, random) + gap(random) for value in tree) + "]"
    return json.dumps(tree)


def _plainly(random: Random) -> str:
    return ""


def _airily(random: Random) -> str:
    return random.choice(("", " ", "\n", "\t", "  "))


def of_json(data: bytes, most: int, seed: int) -> bytes:
    """A custom mutator for inputs that are JSON."""
    return _within(most, data, document(data, Random(seed), _blindly))


def of_parts(data: bytes, most: int, seed: int) -> bytes:
    """A custom mutator for inputs of several parts (`join`), of which any may be JSON."""
    random = Random(seed)
    parts = split(data)
    at = _somewhere(parts, random)
    match random.choice(("change",) * 16 + ("remove", "repeat", "blind")):
        case "remove" if len(parts) > 1:
            del parts[at]
        case "repeat":
            parts.insert(at, random.choice(parts))
        case "blind":
            return _blindly(data, most)
        case _:
            head, mark, content = parts[at].partition(HEAD)
            if mark and random.random() < 0.9:
                parts[at] = head + HEAD + document(content, random, _blindly)
            else:
                parts[at] = document(parts[at], random, _blindly)
    return _within(most, data, join(parts))


def of_lines(data: bytes, most: int, seed: int) -> bytes:
    """A custom mutator for YAML: lines and words change places; or JSON, which most of it is."""
    random = Random(seed)
    if data[:1] == b"{" and random.random() < 0.8:
        return _within(most, data, document(data, random, _blindly))
    lines = data.splitlines(keepends=True)
    if not lines or random.random() < 0.2:
        return _blindly(data, most)
    at = random.randrange(len(lines))
    match random.choice(("word",) * 4 + ("remove", "repeat", "indent", "blind")):
        case "remove":
            del lines[at]
        case "repeat":
            lines.insert(random.randrange(len(lines) + 1), lines[at])
        case "indent":
            lines[at] = random.choice((b" ", b"  ", b"- ", b"\t", b"? ", b"# ")) + lines[at]
        case "blind":
            lines[at] = _blindly(lines[at], len(lines[at]) + 16)
        case _:
            words = _WORD.findall(data) or [b"x"]
            new = random.choice((random.choice(words), *_YAML, *map(_encoded, _TEXTS)))
            found = list(_WORD.finditer(lines[at]))
            start, end = random.choice(found).span() if found else (0, 0)
            lines[at] = lines[at][:start] + new + lines[at][end:]
    return _within(most, data, b"".join(lines))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_WORD = re.compile(rb"[^\s,:{}\[\]'\"-]+|[,:{}\[\]'\"-]")
_YAML = (
    *b"&a *a << --- ... | >- ~ yes 010 0x1f 1_0 -0 +1 1.5 1:30 null = 2026-02-30 [ ] { }".split(),
    *b"keys/../alice.pub /etc/passwd keys//bob.pub C:/x bob.pub threshold".split(),
    *b"ghcr.io/**/x* ghcr.io/acme** * **/x ghcr.io/*/*/*/* latest* sha256-*".split(),
    *(b"!!str x", b"! x", b"? ", b"%YAML 1.1", b'"\\ud800"', b'"\\UFFFFFFFF"'),
    *map(_encoded, "\ufeff\u2028\r"),
)


def from_seeds(change: Mutator, seeds: Callable[[], Iterator[bytes]]) -> Mutator:
    """A custom mutator that often begins again with a good input: what has once been broken stays
    so, and would soon be all that there is.
    """

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        return change(random.choice(good()) if random.random() < 0.5 else data, most, seed)

    @cache
    def good() -> list[bytes]:
        return list(seeds())

    return mutate


PART, HEAD = b"\n\xff\xff", b"\xff"
"""What stands between parts, and after a part's head where it has one: no UTF-8 holds them."""


def split(data: bytes) -> list[bytes]:
    """The parts of an input: any bytes have some."""
    return data.split(PART)


def join(parts: Iterable[bytes]) -> bytes:
    """An input of these parts."""
    return PART.join(parts)


def _somewhere(parts: Sequence[Sized], random: Random) -> int:
    """The number of a part: any, or rather a large one, since most of what counts is in there."""
    weights = [len(part) for part in parts]
    if random.random() < 0.3 or not any(weights):
        return random.randrange(len(parts))
    return random.choices(range(len(parts)), weights)[0]


def _within(most: int, data: bytes, new: bytes) -> bytes:
    return new if len(new) <= most else _blindly(data, most)


def _blindly(content: bytes, most: int) -> bytes:
    import atheris  # only where a fuzzer runs

    return bytes(atheris.Mutate(content, max(most, len(content), 1)))
