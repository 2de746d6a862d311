"""A good document with something strange somewhere in it, for property tests."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5_000_000),
    st.floats(allow_nan=False, allow_infinity=False),  # the readers refuse both
    st.text(max_size=5),
    st.sampled_from(["sha256:" + "0" * 64, "sha256:" + "0" * 64 + "\n", "120000", [], {}]),
    st.sampled_from(["2026-01-01T00:00:00Z\n", "2026-01-01", "optional", "a\nb"]),
)


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """The document with a value replaced, removed, renamed or added."""
    document = copy.deepcopy(good)
    *place, last = draw(st.sampled_from(_spots(document)))
    at = document
    for key in place:
        at = at[key]
    match draw(st.sampled_from(["replace", "remove", "rename", "add"])):
        case "replace":
            at[last] = draw(VALUES)
        case "remove":
            del at[last]
        case "rename" if isinstance(at, dict):
            at[draw(st.sampled_from([f"{last}\n", f"{last}x", str(last).lower(), ""]))] = at.pop(
                last
            )
        case _ if isinstance(at, dict):
            at[draw(st.text(max_size=8))] = draw(VALUES)
    return document


def _spots(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place] if place else []
    items: Any = ()
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, inner in items:
        found += _spots(inner, (*place, key))
    return found
