"""Report -> annotations: what a reviewer sees beside the file at fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.directory import IMAGE, parse_set_name
from ghcr_signer.core.errors import Failure, Refused
from ghcr_signer.core.wording import counted
from ghcr_signer.report.escape import log_line, visible
from ghcr_signer.report.report import Report

_SHOWN = 9  # GitHub shows ten errors of a step: the last one counts the others
# Of each part: the runner cuts what is longer than 4,096 characters, and the next step comes last.
_LONGEST = 1500
_NAMES = (codes.UNEXPECTED_FILE, codes.SET_NAME)  # about a name at the directory's top


@dataclass(frozen=True, slots=True)
class Annotation:
    """One error: the runner's properties of it (`title`, `file`, `line`), and its text."""

    properties: dict[str, str]
    message: str


def of(report: Report, directory: str) -> Iterator[Annotation]:
    """The first failures, then one that counts the rest.

    `directory` is the signature directory's path in the repository.
    """
    failures = list(report.causes)
    for failure in failures[:_SHOWN]:
        yield Annotation(_properties(failure, directory), _message(failure))
    more = len(failures) - _SHOWN
    if more > 0:
        title = counted(more, "more failure")
        yield Annotation({"title": title}, "The job's summary and the report list them all.")


def _properties(failure: Failure, directory: str) -> dict[str, str]:
    properties = {"title": f"{failure.code.id} {failure.code.title}"}
    if failure.file:
        properties |= {"file": visible(_path(failure, directory)), "line": "1"}
    return properties


def _path(failure: Failure, directory: str) -> str:
    """The file's path in the repository. Of an entry as a whole, its IMAGE stands for it."""
    parts = failure.file.split("/")
    if _is_set(parts[0]):
        return "/".join((directory, *parts, *([IMAGE] if len(parts) == 2 else [])))
    if len(parts) == 1 and failure.code in _NAMES:
        return f"{directory}/{failure.file}"
    return failure.file


def _is_set(name: str) -> bool:
    try:
        parse_set_name(name)
    except Refused:
        return False
    return True


def _message(failure: Failure) -> str:
    """What, why, the next step: lines of the job's log, too."""
    parts = (failure.message, failure.code.reason, f"→ {failure.next_step}")
    return "\n".join(map(_cut, parts))


def _cut(part: str) -> str:
    line = log_line(part)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
