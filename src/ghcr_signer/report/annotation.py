"""Report -> annotations: what a reviewer sees beside the file at fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ghcr_signer.core.directory import IMAGE, parse_set_name
from ghcr_signer.core.errors import Failure, Refused
from ghcr_signer.report.escape import visible
from ghcr_signer.report.report import Report

_SHOWN = 9  # GitHub shows ten errors of a step: the last one counts the others


@dataclass(frozen=True, slots=True)
class Annotation:
    """One error: the runner's properties of it (`title`, `file`, `line`), and its text."""

    properties: dict[str, str]
    message: str


def of(report: Report, directory: str) -> Iterator[Annotation]:
    """The first failures, then one that counts the rest. `directory` is the signature directory."""
    failures = list(report.all_failures)
    for failure in failures[:_SHOWN]:
        yield Annotation(_properties(failure, directory), _message(failure))
    more = len(failures) - _SHOWN
    if more > 0:
        title = f"{more} more failure{'s' if more > 1 else ''}"
        yield Annotation({"title": title}, "The job's summary and the report list them all.")


def _properties(failure: Failure, directory: str) -> dict[str, str]:
    properties = {"title": f"{failure.code.id} {failure.code.title}"}
    if failure.file:
        properties |= {"file": visible(_path(failure.file, directory)), "line": "1"}
    return properties


def _path(file: str, directory: str) -> str:
    """The file's path in the repository. Of an entry as a whole, its IMAGE stands for it."""
    parts = file.split("/")
    try:
        parse_set_name(parts[0])
    except Refused:
        return file
    return "/".join((directory, *parts, *([IMAGE] if len(parts) == 2 else [])))


def _message(failure: Failure) -> str:
    return "\n".join(
        (visible(failure.message), failure.code.reason, f"→ {visible(failure.next_step)}")
    )
