"""YAML as we accept it: a small part of it, with one reading for one sequence of bytes.

PyYAML splits the document into events; what they mean is decided here. Readers of YAML differ about
`yes`, `010`, `1_000`, `2026-01-01` and `~`: here only `true`, `false` and decimal integers are not
strings. An alias can make a few lines a billion nodes, a tag or a directive can change what the
rest means, and a character that nobody sees can hide a line from its reviewer: all are refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NoReturn

import yaml

from ghcr_signer.core import codes, limits
from ghcr_signer.core.blank import is_blank
from ghcr_signer.core.errors import Refused

Yaml = dict[str, "Yaml"] | list["Yaml"] | str | int | bool

_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_INTEGER_DIGITS = 18  # what 64 bits hold
_UNUSUAL = re.compile(r"[^\t\n\x20-\x7e]")
_LONGEST_QUOTE = 160


def loads(content: bytes) -> Yaml:
    """Read a whole document; raises Refused (GS2017) naming the line."""
    if len(content) > limits.POLICY_BYTES:
        raise Refused(codes.POLICY_MALFORMED, f"it has more than {limits.POLICY_BYTES} bytes")
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        _refuse(content[: error.start].count(b"\n"), "it is not valid UTF-8")
    for number, line in enumerate(text.split("\n")):
        _require_visible(number, line)
        if line.startswith("%"):
            _refuse(number, "a directive")
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    try:
        return _document(events)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.line if error.problem_mark else 0
        _refuse(at, f"it is not YAML: {error.problem}"[:_LONGEST_QUOTE])
    except (yaml.YAMLError, ValueError, OverflowError):  # such as an escape that is no character
        raise Refused(codes.POLICY_MALFORMED, "it is not YAML") from None


def _document(events: Iterator[yaml.Event]) -> Yaml:
    """The one document of a stream."""
    next(events)  # the stream begins
    if isinstance(start := next(events), yaml.StreamEndEvent):
        _refuse(_line(start), "it is empty")
    document = _node(next(events), events, 0)
    next(events)  # the document ends
    if not isinstance(end := next(events), yaml.StreamEndEvent):
        _refuse(_line(end), "a second document begins")
    return document


def _node(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Yaml:
    """The value that begins with an event, and takes as many of those that follow as it needs."""
    line = _line(event)
    if isinstance(event, yaml.AliasEvent):
        _refuse(line, "an alias")
    if getattr(event, "anchor", None) is not None:
        _refuse(line, "an anchor")
    if getattr(event, "tag", None) is not None:
        _refuse(line, "a tag")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if depth == limits.YAML_DEPTH:
        _refuse(line, f"it is nested deeper than {limits.YAML_DEPTH} levels")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, depth + 1)
    return _sequence(events, depth + 1)


def _mapping(events: Iterator[yaml.Event], depth: int) -> dict[str, Yaml]:
    members: dict[str, Yaml] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        line = _line(event)
        key = _node(event, events, depth)
        if not isinstance(key, str):
            _refuse(line, "a key that is not a string")
        if key == "<<":
            _refuse(line, "a merge key")
        if key in members:
            _refuse(line, f"the key {key[:_LONGEST_QUOTE]!r} occurs twice")
        members[key] = _node(next(events), events, depth)
    return members


def _sequence(events: Iterator[yaml.Event], depth: int) -> list[Yaml]:
    items: list[Yaml] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        items.append(_node(event, events, depth))
    return items


def _scalar(event: yaml.ScalarEvent) -> str | int | bool:
    line, text = _line(event), str(event.value)
    _require_visible(line, text)  # an escape can spell what the document must not hold
    if event.style is not None:  # quoted, or a block
        return text
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        if len(text) > _INTEGER_DIGITS:
            _refuse(line, "an integer of too many digits")
        return int(text)
    return text


def _require_visible(line: int, text: str) -> None:
    """Refuse control characters, and those that turn the direction of reading or show nothing."""
    for match in _UNUSUAL.finditer(text):
        category = unicodedata.category(match[0])
        if category in ("Cc", "Cf", "Cs", "Zl", "Zp") or is_blank(match[0]):
            _refuse(line, f"the character U+{ord(match[0]):04X}, which nobody sees")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


def _refuse(line: int, what: str) -> NoReturn:
    raise Refused(codes.POLICY_MALFORMED, f"line {line + 1}: {what}") from None
