"""What `push`, `sign --push` and `collect --push` have in common: a written set on its way."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.commands.forecast import Forecast, forecast
from ghcr_signer.core import codes
from ghcr_signer.core.errors import GhcrSignerError, UsageError
from ghcr_signer.peers.git import Git
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.new_set import read_set
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.push import Pushed, prepare, push

_IN_VAIN = (codes.SET_THERE, codes.NO_DIRECTORY)  # the same again would fail in the same way


def push_command(path: str, trust: TrustOptions) -> str:
    """The command that carries a written set into a pull request, under the same trust."""
    return shlex.join(("ghcr-signer", "push", path, *trust.arguments))


def carry(
    report: Report,
    path: str,
    trust: TrustOptions,
    environment: Mapping[str, str],
    progress: Progress,
) -> Report:
    """Judge a set that is there as its pull request will be judged, push just what was judged, and
    add to the report what came of it.

    What fails leaves the set where it is; the report's next step is then the command that pushes
    it, unless that would be in vain.
    """
    directory, again = Path(path).parent, push_command(path, trust)
    try:
        entries = read_set(directory, Path(path).name)
        ready = prepare(directory, Path(path).name, entries, environment, progress)
        now = datetime.now(UTC)
        found = forecast(ready.git, ready.clone, ready.proposal, trust, now, progress)
        report = _with(report, found)
        if not report.passed:
            return replace(report, next_steps=())
        pushed = push(ready, progress, again)
    except GhcrSignerError as error:
        steps = () if error.failure.code in _IN_VAIN else (again,)
        return replace(report, failures=(*report.failures, error.failure), next_steps=steps)
    notices = (*report.notices, *_told(pushed), _left(ready.git, path))
    steps = () if pushed.pull_request else (f"open the pull request: {pushed.page}",)
    return replace(report, notices=notices, next_steps=steps if pushed.page else ())


def _with(report: Report, found: Forecast) -> Report:
    """The report with what CI will say. That others must sign too is no failure: they find the set
    on its branch; and `sign` may have said it.
    """
    said = found.report
    return replace(
        report,
        sets=said.sets if said.verdicts else 0,
        verdicts=said.verdicts,
        failures=(*report.failures, *said.failures),
        notices=tuple(dict.fromkeys((*report.notices, *said.notices, *found.waiting))),
        change=said.change,
    )


def _left(git: Git, path: str) -> str:
    """What lies in the clone still: git overwrites no file that it does not know, or that differs,
    and then refuses to pull the set that was merged.
    """
    name, folder = Path(path).name, git.path(Path(path).parent)
    try:
        is_known = name in (git.names(git.resolve("HEAD"), folder) or ())
    except UsageError:  # there is no commit yet
        is_known = False
    command = ("git", "checkout", "--", path) if is_known else ("rm", "-r", path)
    return f"it is pushed, and lies here too; before the next git pull: {shlex.join(command)}"


def _told(pushed: Pushed) -> Iterator[str]:
    yield f"{pushed.branch} at {pushed.place} is commit {pushed.commit}"
    if pushed.pull_request:
        yield f"its pull request is {pushed.pull_request}"
    elif pushed.page is None:
        yield "open its pull request where that repository is"
    if pushed.problem:
        yield f"no pull request was opened: {pushed.problem}"
