"""JSON as we accept it: one reading for one sequence of bytes.

RFC 8259 leaves open what duplicate keys mean, JSON parsers add NaN and lone surrogates, and a deep
document exhausts a recursive reader. All of that is refused here, before anything looks inside.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Refused

Json = Any


def loads(content: bytes | str, *, depth: int = limits.JSON_DEPTH) -> Json:
    """Parse a whole document; raises Refused (GS0105) for what readers could read differently."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        if text.count("{") + text.count("[") > depth:
            _check_depth(text, depth)
        document = _DECODER.decode(text)
        if "\\u" in text:
            _refuse_lone_surrogates(document)
    except _Departure as departure:
        raise Refused(codes.NOT_JSON, str(departure)) from None
    except UnicodeError:
        raise Refused(codes.NOT_JSON, "it is not valid UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise Refused(codes.NOT_JSON, f"it is not JSON: {error}") from None
    return document


class _Departure(Exception):
    """A document that is JSON to some reader, and not to us."""


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Departure(f"the key {twice[:100]!r} occurs twice")
    return members


def _no_constant(name: str) -> None:
    raise _Departure(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Departure(f"the number {text[:100]} is too large")
    return number


def _check_depth(text: str, depth: int) -> None:
    """Count brackets outside strings; the document need not be valid for that."""
    level = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in "{[":
            level += 1
            if level > depth:
                raise _Departure(f"it is nested deeper than {depth} levels")
        elif token[0] in "}]":
            level -= 1


def _refuse_lone_surrogates(document: Json) -> None:
    """An escape can spell half a character; UTF-8 cannot, and raises UnicodeError."""
    json.dumps(document, ensure_ascii=False).encode("utf-8")


# possessive, and an open string is one too: nothing is ever read twice
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite
)
