"""The JSON Schemas: the one description of the shapes that this project reads and writes.

`jsonschema-rs` decides, since it is fifty times faster; where it says no, `jsonschema` finds the
place and the words. A property test holds the two to one verdict.

A schema may name the error code of a departure beside the keyword that it departs from:
`"x-codes": {"additionalProperties": "GS0403"}`; without that it is GS0106. In the same way
`"x-words"` names the words for a reader, where the validator's own would not help.
"""

from __future__ import annotations

import json
from functools import cache
from pkgutil import get_data
from typing import TYPE_CHECKING

import jsonschema_rs

from ghcr_signer.core import codes, strict_json
from ghcr_signer.core.errors import Refused

if TYPE_CHECKING:
    from jsonschema import ValidationError

NAMES = ("directory", "manifest", "config", "payload", "policy", "report")
_LONGEST_QUOTE = 160


@cache
def text(name: str) -> str:
    """The schema as it is shipped, JSON Schema draft 2020-12; `name` is one of NAMES."""
    return (get_data(__name__, f"{name}.schema.json") or b"").decode()


def require(name: str, document: strict_json.Json) -> None:
    """Hold a document to a schema, or to a part of one such as `directory#entry`.

    Raises Refused with the first departure and its place.
    """
    if not _decider(name).is_valid(document):
        raise _explain(name, document)


@cache
def _schema(name: str) -> strict_json.Json:
    """A whole schema, or `whole#part` for a definition in it, with the definitions that it uses."""
    whole, _, part = name.partition("#")
    schema = json.loads(text(whole))  # ours: nobody reads it differently
    return {"$defs": schema["$defs"], "$ref": f"#/$defs/{part}"} if part else schema


@cache
def _decider(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_schema(name))


def _explain(name: str, document: strict_json.Json) -> Refused:
    from jsonschema import Draft202012Validator

    # the first and no more: a document of 4 MiB can depart from a schema a million times
    first = next(Draft202012Validator(_schema(name)).iter_errors(document), None)
    if first is None:  # the two disagree: what one of them refuses is refused
        return Refused(codes.SCHEMA, f"it departs from the schema {name!r}")
    place = "/".join(str(part) for part in first.absolute_path) or "the document"
    return Refused(_code(first), f"at {place[:_LONGEST_QUOTE]}: {_words(first)}")


def _code(error: ValidationError) -> codes.Code:
    return codes.BY_ID[_beside(error, "x-codes", codes.SCHEMA.id)]


def _beside(error: ValidationError, names: str, default: str) -> str:
    """What the schema names for the keyword that the document departs from."""
    named = error.schema.get(names, {}) if isinstance(error.schema, dict) else {}
    return str(named.get(error.validator, default))


def _words(error: ValidationError) -> str:
    message = _beside(error, "x-words", str(error.message))
    return message if len(message) <= _LONGEST_QUOTE else f"{message[:_LONGEST_QUOTE]}…"
