"""What this program raises on purpose, and nothing else.

    GhcrSignerError          carries the Failure that a user reads
    ├── Refused              something does not verify, or must not be signed or published
    ├── UsageError           wrong usage or configuration
    └── Unreachable          a registry could not be reached, or would not serve us

The exit code of a run follows from the failure's code, never from the class.

A parser knows no paths: it raises `Refused` about the bytes it was given, and the caller that knows
which file they came from says so with `about`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import TracebackType

from ghcr_signer.core import limits
from ghcr_signer.core.codes import Code


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong, as a user meets it.

    `message` says what happened, here and now; `file` is the file at fault, relative to what was
    examined ("" where no file is); `fix` is the exact next step, by default the code's own remedy.
    """

    code: Code
    message: str
    file: str = ""
    fix: str = ""

    @property
    def next_step(self) -> str:
        """The exact next step for the reader."""
        return self.fix or self.code.remedy


class GhcrSignerError(Exception):
    """Any error that this program raises on purpose."""

    def __init__(self, code: Code, message: str, *, file: str = "", fix: str = "") -> None:
        if len(message) > limits.TEXT_CHARACTERS:  # a thousand entries could each quote a file
            message = f"{message[: limits.TEXT_CHARACTERS]}…"
        super().__init__(message)
        self.failure = Failure(code, message, file, fix)


class Refused(GhcrSignerError):
    """Something does not verify, or must not be published."""


class UsageError(GhcrSignerError):
    """Wrong usage or configuration."""


class Unreachable(GhcrSignerError):
    """A registry could not be reached, or would not serve us."""


class about:  # noqa: N801 - reads as the sentence it is: with about("IMAGE"): parse(...)
    """Put the name of the file at fault on a `GhcrSignerError` raised inside."""

    __slots__ = ("_file",)

    def __init__(self, file: str) -> None:
        self._file = file

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Name the file, unless something closer to the fault has done so."""
        if isinstance(error, GhcrSignerError) and not error.failure.file:
            error.failure = replace(error.failure, file=self._file)
