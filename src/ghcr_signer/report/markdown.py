"""Report -> Markdown, for a job's summary: what a reviewer reads before saying yes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ghcr_signer.core.errors import Failure
from ghcr_signer.core.finding import State
from ghcr_signer.core.plan import Confirm, MoveTag, Operation
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.report import reviewers_view, text
from ghcr_signer.report.escape import markdown
from ghcr_signer.report.report import Report

_LONGEST_TABLE = 200
_SHOWN_FAILURES = 100
_SHOWN_REASONS = 3
_RETIRED = "⏸️"
_STATES = {State.GOOD: "✅", State.UNKNOWN: "❔"}  # what is wrong is among the failures


def render(report: Report) -> Iterator[str]:
    """The report, line by line, without line breaks."""
    if report.content is not None:  # as it was made, lines and all; a policy's words are in it
        yield "<pre>"
        yield from map(markdown, report.content.rstrip("\n").split("\n"))
        yield "</pre>"
        return
    if report.review is not None:
        yield from reviewers_view.render(report, report.review)
        return
    dry_run = " (dry run)" if report.plan is not None and report.done is None else ""
    result = "passed" if report.passed else "**failed**"
    yield f"### ghcr-signer {report.command}{dry_run}: {result}"
    yield ""
    for line in text.summary(report):
        yield f"{markdown(line)}<br>"
    yield ""
    yield from _failures(list(report.causes))
    yield from _operations(report)
    yield from _retired(report)
    yield from _trust_change(report)
    # what moved, or would, is said above of a publication: most entries moved their tags long ago
    yield from _entries(report, "its tags" if report.plan else "tags that move")
    for finding in report.findings:
        if mark := _STATES.get(finding.state):
            fix = f" → {markdown(finding.fix)}" if finding.fix else ""
            yield f"- {mark} {markdown(finding.name)}: {markdown(finding.message)}{fix}"
    for notice in report.notices:
        yield f"- {markdown(notice)}"


def fitting(lines: Iterable[str], limit: int, rest: str) -> Iterator[str]:
    """As many of the lines as fit into so many bytes; then, where some do not, what `rest` says."""
    room = limit - len(f"\n{rest}\n".encode())
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            yield ""
            yield rest
            return
        yield line


def _failures(failures: list[Failure]) -> Iterator[str]:
    for failure in failures[:_SHOWN_FAILURES]:
        where = f" {markdown(failure.file)}:" if failure.file else ""
        yield f"- ❌ **{failure.code.id}**{where} {markdown(failure.message)}"
        yield f"  <br>{markdown(failure.code.title)}. → {markdown(failure.next_step)}"
    if len(failures) > _SHOWN_FAILURES:
        yield f"- … and {len(failures) - _SHOWN_FAILURES} more"
    if failures:
        yield ""


def _operations(report: Report) -> Iterator[str]:
    """What was done, or would be."""
    if report.plan is None:
        return
    would = report.done is None
    for operation in report.plan.operations if report.done is None else report.done:
        yield f"- {'would ' if would else ''}{_operation(operation)}"
    yield ""


def _operation(operation: Operation) -> str:
    image, digest = markdown(operation.entry.image.name), operation.entry.digest.short
    if isinstance(operation, MoveTag):
        before = operation.current.short if operation.current else "nowhere, it is a new tag"
        return f"move **{markdown(operation.tag)}** of {image} to {digest}, from {before}"
    what = "confirm" if isinstance(operation, Confirm) else "publish"
    return f"{what} the signatures of {image} {digest}"


def _retired(report: Report) -> Iterator[str]:
    for retired in report.retired[:_SHOWN_FAILURES]:
        word = "withdrawn" if retired.withdrawn else "retired"
        reasons = dict.fromkeys(f"{f.code.id} {f.message}" for f in retired.failures)
        shown = "; ".join(markdown(reason) for reason in list(reasons)[:_SHOWN_REASONS])
        yield f"- {_RETIRED} {word} **{markdown(retired.set_name)}**: {shown}"
    if len(report.retired) > _SHOWN_FAILURES:
        yield f"- … and {len(report.retired) - _SHOWN_FAILURES} more retired sets"
    if report.retired:
        yield ""


def _trust_change(report: Report) -> Iterator[str]:
    if report.trust_change is None:
        return
    from ghcr_signer.report import trust_change

    yield "What the proposal changes in who may sign what:"
    yield ""
    for depth, line in trust_change.lines(report.trust_change):
        yield f"{'  ' * depth}- {markdown(line)}"
    yield ""


def _entries(report: Report, tags: str) -> Iterator[str]:
    verdicts, retired = report.verdicts, report.retired_sets
    if not verdicts:
        return
    yield f"| | image | {tags} | signed by | logged, UTC | set |"
    yield "|---|---|---|---|---|---|"
    for verdict in verdicts[:_LONGEST_TABLE]:
        yield _row(verdict, verdict.set_name in retired)
    if len(verdicts) > _LONGEST_TABLE:
        yield f"| | … and {len(verdicts) - _LONGEST_TABLE} more | | | | |"
    yield ""


def _row(verdict: Verdict, retired: bool) -> str:
    entry = verdict.entry
    set_name, _, name = verdict.path.partition("/")
    image = f"{entry.image.name}@{entry.digest.short}" if entry else name
    tags = ", ".join(entry.tags) if entry else ""
    signers = ", ".join(verdict.signers)
    logged = f"{verdict.logged:%Y-%m-%d %H:%M:%S}" if verdict.logged else "no"
    mark = _RETIRED if retired else "✅" if verdict.passed else "❌"
    cells = (image, tags, signers, logged, set_name)
    return f"| {mark} | {' | '.join(map(markdown, cells))} |"
