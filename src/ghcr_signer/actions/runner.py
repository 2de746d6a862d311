"""Report -> the runner: log, annotations, summary, outputs.

What is printed may be a command to the runner: every line goes through `escape.log_line`, every
command through actions-toolkit, which escapes.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from actions_toolkit import core as toolkit

from ghcr_signer.report import annotation, escape, json, markdown, text
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

_SUMMARY_BYTES = 1024 * 1024 - 1024  # a larger one is dropped as a whole (GitHub, job summaries)
_LOG_SECONDS = 10


def mask(secret: str) -> None:
    """Have the runner show *** in place of a secret."""
    toolkit.set_secret(secret)


class Log(Progress):
    """Progress in a job's log: a line now and then, since nothing there can be overwritten."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def say(self, words: str) -> None:
        """One line."""
        _print(words)

    def step(self, what: str, done: int, total: int | None) -> None:
        """A line every ten seconds."""
        if time.monotonic() - self._last >= _LOG_SECONDS:
            self._last = time.monotonic()
            _print(f"{what} {done}" + (f" of {total}" if total else ""))


def _print(line: str) -> None:
    print(escape.log_line(line), flush=True)  # noqa: T201


def debug(words: str) -> None:
    """Lines for whoever asked for debug logging."""
    for line in words.splitlines():
        toolkit.debug(escape.visible(line))


def log(report: Report) -> None:
    """The report as text."""
    for line in text.render(report):
        _print(line)


def annotate(report: Report, directory: Path) -> None:
    """Errors beside the files at fault."""
    for each in annotation.of(report, directory.as_posix()):
        # toolkit.error() would print every property that is unset too, as empty
        toolkit.issue_command("error", each.properties, each.message)


def summarise(report: Report, path: str | None) -> None:
    """Append to the job's summary as much as it may hold, whole lines."""
    if path:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(_fitting(f"{line}\n" for line in markdown.render(report)))


def _fitting(lines: Iterable[str]) -> Iterable[str]:
    room = _SUMMARY_BYTES
    for line in lines:
        room -= len(line.encode())
        if room < 0:
            yield "\n… the rest is in the log and in the report.\n"
            return
        yield line


def output(report: Report, further: Mapping[str, str]) -> None:
    """The step's outputs; the report as a file of the workspace, which later steps can read."""
    passed = sum(verdict.passed for verdict in report.verdicts)
    outputs = {
        "result": "passed" if report.passed else "failed",
        "sets": str(report.sets),
        "verified": str(passed),
        "failed": str(len(report.verdicts) - passed),
        "report": _write(report),
        **further,
    }
    for name, value in outputs.items():
        toolkit.set_output(name, value)


def _write(report: Report) -> str:
    """Write the report under a name that nobody has taken, not even as a link; returns it."""
    handle, path = tempfile.mkstemp(prefix="ghcr-signer-", suffix=".json", dir=".")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o644)  # later steps are not always root
        file.writelines(json.render(report))
    return Path(path).name
