"""What PyYAML makes of a document, and whether that is what we make of it."""

from __future__ import annotations

from typing import Any

import yaml


def reads_likewise(ours: Any, text: str) -> bool:
    """Whether it sees what we see: one loader the structure and spelling, another the values."""
    return _loads_likewise(ours, text, yaml.BaseLoader, yaml.SafeLoader)


def libyaml_reads_likewise(ours: Any, text: str) -> bool:
    """The same of libyaml, below PyYAML: another reader, which refuses more."""
    try:
        return _loads_likewise(ours, text, yaml.CBaseLoader, yaml.CSafeLoader)
    except yaml.MarkedYAMLError:
        return True  # it has no other reading, but none


def _loads_likewise(ours: Any, text: str, base: Any, safe: Any) -> bool:
    spelt = yaml.load(text, base)
    try:
        theirs = yaml.load(text, safe)
    except (yaml.constructor.ConstructorError, ValueError):  # it makes more of =, ~ or 2026-99-99
        theirs = ours  # so that the spelling alone is compared
    return _collapses(theirs, spelt) or _agrees(ours, theirs, spelt)


def _agrees(ours: Any, theirs: Any, spelt: Any) -> bool:
    """Whether ours has their structure and spelling and, where it is no string, their value."""
    match ours:
        case dict():
            # theirs are other keys where it makes something of them: null, or a date
            pairs = zip(ours.items(), theirs.values(), spelt.items(), strict=True)
            return all(k == s and _agrees(v, t, sv) for (k, v), t, (s, sv) in pairs)
        case list():
            return all(_agrees(*each) for each in zip(ours, theirs, spelt, strict=True))
        case bool() | int():
            return type(ours) is type(theirs) and ours == theirs and spelt == str(ours).lower()
        case _:
            return bool(ours == spelt)


def _collapses(theirs: Any, spelt: Any) -> bool:
    """Whether keys that are spelt differently are one to the safe loader: `7` and `0x7`."""
    match spelt:
        case dict():
            inner = zip(theirs.values(), spelt.values(), strict=False)
            return len(theirs) != len(spelt) or any(_collapses(*each) for each in inner)
        case list():
            return any(_collapses(*each) for each in zip(theirs, spelt, strict=True))
    return False
