"""What may be raised, and what other readers make of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from ghcr_signer.core import codes, limits, strict_json
from ghcr_signer.core.errors import GhcrSignerError

T = TypeVar("T")


def accepted(read: Callable[[], T]) -> T | None:
    """What is read, or None where it is refused in words of ours; any other error goes on."""
    try:
        return read()
    except GhcrSignerError as refusal:
        failure = refusal.failure
    assert failure.code is not codes.INTERNAL
    assert len(failure.message) <= limits.TEXT_CHARACTERS + 1
    return None


def holds(check: Callable[[], object]) -> bool:
    """Whether a check that raises where it does not hold does hold."""
    return accepted(lambda: (check(),)) is not None


def require_one_reading(content: bytes) -> None:
    """JSON that was accepted is what Python's own reader makes of it."""
    assert strict_json.loads(content) == json.loads(content)
