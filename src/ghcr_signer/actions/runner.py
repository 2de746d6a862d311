"""Report -> the runner: log, annotations, summary, outputs.

What is printed may be a command to the runner: every line goes through `escape.log_line`, every
command through actions-toolkit, which escapes.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path

from actions_toolkit import core as toolkit

from ghcr_signer.report import annotation, escape, json, markdown, text
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

_SUMMARY_BYTES = 1024 * 1024 - 1024  # a larger one is dropped as a whole (GitHub, job summaries)
_LOG_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action found and did, and the outputs that only it has.

    `fails`: whether what the report says to be wrong is a failure of this run.
    """

    report: Report
    outputs: Mapping[str, str] = field(default_factory=dict)
    fails: bool = True

    @property
    def exit_code(self) -> int:
        """The report's, where that is the run's."""
        return self.report.exit_code if self.fails else 0


def mask(secret: str) -> None:
    """Have the runner show *** in place of a secret."""
    toolkit.set_secret(secret)


def debug(lines: Iterable[str]) -> None:
    """Lines for whoever asked for debug logging."""
    for line in lines:
        toolkit.debug(escape.visible(line))


def failed(name: str, error: Exception, *, debug: bool) -> Report:
    """The report of an action that the error ended, which is being handled."""
    if debug:
        for line in traceback.format_exc().splitlines():
            toolkit.debug(escape.visible(line))
    return Report.of_error(name, error)


@contextmanager
def tamed() -> Iterator[None]:
    """Libraries warn on standard error, with foreign text, and the runner parses that too."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    with redirect_stderr(_Escaping()):
        yield


class _Escaping(io.TextIOBase):
    """Lines on their way to the log."""

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str, /) -> int:
        """Print the lines that are whole."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            _print(line)
        return len(text)


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


def notice(words: str) -> None:
    """An annotation of the run that is no failure."""
    toolkit.issue_command("notice", {"title": "ghcr-signer"}, escape.log_line(words))


def _print(line: str) -> None:
    print(escape.log_line(line), flush=True)  # noqa: T201


def tell(outcome: Outcome, folder: str, environment: Mapping[str, str]) -> None:
    """Say it in every way that the runner has; what cannot be said changes no verdict.

    `folder` is the signature directory's path in the repository.
    """
    report = outcome.report
    with _spared("the log"):
        for line in text.render(report):
            _print(line)
    with _spared("the annotations"):
        for each in annotation.of(report, folder) if outcome.fails else ():
            # toolkit.error() would print every property that is unset too, as empty
            toolkit.issue_command("error", each.properties, each.message)
    if environment.get("GITHUB_STEP_SUMMARY"):
        with _spared("the job's summary"):
            _summarise(report, Path(environment["GITHUB_STEP_SUMMARY"]))
    if environment.get("GITHUB_OUTPUT"):
        with _spared("the report"):
            toolkit.set_output("report", _write(report))
        with _spared("the outputs"):
            for name, value in {**_counts(report), **outcome.outputs}.items():
                toolkit.set_output(name, value)


@contextmanager
def _spared(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        words = f"ghcr-signer could not write {what}: {type(error).__name__}: {error}"
        toolkit.issue_command("warning", {}, escape.log_line(words))


def _summarise(report: Report, path: Path) -> None:
    """Append to the job's summary as much as it may hold, whole lines."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        rest = "… the rest is in the log and in the report."
        lines = markdown.fitting(markdown.render(report), _SUMMARY_BYTES, rest)
        file.writelines(f"{line}\n" for line in lines)


def _counts(report: Report) -> dict[str, str]:
    passed = sum(verdict.passed for verdict in report.verdicts)
    return {
        "result": "passed" if report.passed else "failed",
        "sets": str(report.sets),
        "verified": str(passed),
        "failed": str(len(report.verdicts) - passed),
    }


def _write(report: Report) -> str:
    """The report as a file of the workspace, which later steps can read; returns its name.

    The name is one that nobody has taken, not even for a link.
    """
    handle, path = tempfile.mkstemp(prefix="ghcr-signer-", suffix=".json", dir=".")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o644)  # later steps are not always root
        file.writelines(json.render(report))
    return Path(path).name
