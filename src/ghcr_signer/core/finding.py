"""Finding: one thing that was looked at in how a project is set up, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Failure


class State(Enum):
    """How something is: as it should be, not so, or nobody could see."""

    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at (`name`), and what was seen, or why nothing could be (`message`).

    `failure` is there where it is wrong; `fix` is the exact next step where nobody could see.
    """

    name: str
    message: str
    failure: Failure | None = None
    fix: str = ""
    unknown: bool = False

    @property
    def state(self) -> State:
        """How it is."""
        if self.failure is not None:
            return State.WRONG
        return State.UNKNOWN if self.unknown else State.GOOD


def good(name: str, message: str) -> Finding:
    """It is as it should be."""
    return Finding(name, message)


def wrong(name: str, code: Code, message: str, fix: str = "", *, file: str = "") -> Finding:
    """It is not as it should be: `fix` says what to do, by default the code's own remedy."""
    return Finding(name, message, Failure(code, f"{name}: {message}", file, fix))


def unknown(name: str, why: str, fix: str = "") -> Finding:
    """It could not be seen; `fix` says how it could be, or where a person can look."""
    return Finding(name, why, fix=fix, unknown=True)
