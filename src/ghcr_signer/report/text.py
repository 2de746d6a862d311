"""Report -> lines for a person. The last line says how it ended; failures say what to do.

Rules: a line a fact; an error is its code and what happened, then why, then `→` the next step; a
good entry takes one line, and in a long directory none. Colour is the caller's (`paint`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ghcr_signer.core.codes import WITHDRAWN, Code
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.finding import State
from ghcr_signer.core.plan import Confirm, MoveTag, Operation, Plan, Push
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.wording import counted, shown
from ghcr_signer.report.escape import visible
from ghcr_signer.report.report import Report

Paint = Callable[[str, str], str]
"""(text, colour) -> the text, coloured or not. Colours: green, red, yellow, dim, bold."""

_SHOWN_WHEN_GOOD = 30
_SHOWN_FAILURES = 50


def no_colour(text: str, colour: str) -> str:
    """The text as it is."""
    return text


def render(
    report: Report, paint: Paint = no_colour, *, only_failures: bool = False
) -> Iterator[str]:
    """The report, line by line, without line breaks."""
    if report.content is not None:
        yield report.content.rstrip("\n")
        return
    if not only_failures:
        yield from _successes(report, paint)
    yield from _failures(report, paint)
    if not only_failures:
        yield from _conclusion(report, paint)


def _successes(report: Report, paint: Paint) -> Iterator[str]:
    """What went well: of a published set the operations, of any other the entries."""
    if report.review is not None:
        from ghcr_signer.report import review_text

        yield from review_text.lines(report.review, paint)
    elif report.plan is None and len(report.verdicts) <= _SHOWN_WHEN_GOOD:
        for verdict in report.verdicts:
            if verdict.passed:
                yield _good(verdict, paint)
    if report.change and all(check.passed for check in report.change):
        yield f"{paint('✓', 'green')} the change keeps to the rules"
    yield from _operations(report, paint)
    yield from _findings(report, paint)


def _findings(report: Report, paint: Paint) -> Iterator[str]:
    """What is as it should be, then what nobody could see; what is wrong is among the failures."""
    for finding in report.findings:
        if finding.state is State.GOOD:
            yield f"{paint('✓', 'green')} {visible(f'{finding.name}: {finding.message}')}"
    for finding in report.findings:
        if finding.state is State.UNKNOWN:
            yield f"{paint('?', 'yellow')} {visible(f'{finding.name}: {finding.message}')}"
            if finding.fix:
                yield f"    → {visible(finding.fix)}"


def _failures(report: Report, paint: Paint) -> Iterator[str]:
    """Each failure; why a code exists is said once for each code, and each remedy once."""
    failures = list(report.causes)
    explained: set[Code] = set()
    advised: set[str] = set()
    for failure in failures[:_SHOWN_FAILURES]:
        yield _failure(failure, paint)
        if failure.code not in explained:
            yield paint(f"    {failure.code.title}. {failure.code.reason}", "dim")
        if failure.next_step not in advised:
            yield f"    → {visible(failure.next_step)}"
        explained.add(failure.code)
        advised.add(failure.next_step)
    if len(failures) > _SHOWN_FAILURES:
        yield paint(f"… and {len(failures) - _SHOWN_FAILURES} more failures", "red")


def _conclusion(report: Report, paint: Paint) -> Iterator[str]:
    yield from _retired(report, paint)
    yield from _trust_change(report, paint)
    for notice in report.notices:
        yield f"{paint('note:', 'yellow')} {visible(notice)}"
    yield from summary(report, paint)
    steps = report.next_steps
    if report.review is not None:
        from ghcr_signer.report import review as words

        colour = "green" if report.passed else "red"
        yield paint(visible(words.headline(report, report.review)), colour)
        steps = (words.next_step(report, report.review),)
    if steps:
        yield ""
        yield paint("Next:", "bold")
        for step in steps:
            yield f"  {visible(step)}"


def _retired(report: Report, paint: Paint) -> Iterator[str]:
    """The retired sets, a line each: the first reason, and how many there are besides."""
    for retired in report.retired[:_SHOWN_FAILURES]:
        word = "withdrawn:" if retired.withdrawn else "retired:"
        first, *others = sorted(retired.failures, key=lambda f: f.code is not WITHDRAWN)
        more = f" (and {counted(len(others), 'reason')} more)" if others else ""
        said = f"{visible(retired.set_name)}: {first.code.id} {visible(first.message)}{more}"
        yield f"{paint(word, 'yellow')} {said}"
    if len(report.retired) > _SHOWN_FAILURES:
        yield f"… and {len(report.retired) - _SHOWN_FAILURES} more retired sets"


def _trust_change(report: Report, paint: Paint) -> Iterator[str]:
    if report.trust_change is None:
        return
    from ghcr_signer.report import trust_change

    yield f"{paint('trust:', 'yellow')} what the proposal changes"
    for depth, line in trust_change.lines(report.trust_change):
        yield f"{'  ' * (depth + 1)}{visible(line)}"


def _good(verdict: Verdict, paint: Paint) -> str:
    entry = verdict.passed_entry
    logged = verdict.logged
    when = f", logged {shown(logged)}" if logged else ", not logged"
    tags = f" → {', '.join(entry.tags)}" if entry.tags else ""
    signed = f"signed by {', '.join(verdict.signers)}{when}"
    rest = f"{entry.image.name}@{entry.digest.short}{tags}  {signed}"
    return f"{paint('✓', 'green')} {visible(rest)}"


def _operations(report: Report, paint: Paint) -> Iterator[str]:
    if report.plan is None:
        return
    if report.done is None:
        for operation in report.plan.operations:
            words = _action(operation, ("publish", "confirm", "move"))
            yield f"{paint('·', 'dim')} would {visible(words)}"
        return
    for operation in report.done:
        words = _action(operation, ("published", "confirmed", "moved"))
        yield f"{paint('✓', 'green')} {visible(words)}"


def _action(operation: Operation, verbs: tuple[str, str, str]) -> str:
    name, digest = operation.entry.image.name, operation.entry.digest.short
    match operation:
        case Push():
            return f"{verbs[0]} the signatures of {name}@{digest}"
        case Confirm():
            return f"{verbs[1]} the signatures of {name}@{digest}"
        case MoveTag(_, _, tag, current):
            return f"{verbs[2]} {name}:{tag} {_from_to(digest, current)}"


def _from_to(new: str, current: Digest | None) -> str:
    return f"from {current.short} to {new}" if current else f"to {new} (a new tag)"


def _failure(failure: Failure, paint: Paint) -> str:
    where = f" {visible(failure.file)}:" if failure.file else ""
    return f"{paint('✗', 'red')} {paint(failure.code.id, 'red')}{where} {visible(failure.message)}"


def summary(report: Report, paint: Paint = no_colour) -> Iterator[str]:
    """What it comes to, in numbers."""
    if report.written:
        yield f"{paint('✓', 'green')} wrote {visible(report.written)}"
    elif report.sets:
        good = sum(verdict.passed for verdict in report.verdicts)
        total = len(report.verdicts)
        outside = len([*report.other_failures]) if report.plan is None else 0
        entries, sets = counted(total, "entry", "entries"), counted(report.sets, "set")
        besides = f"; {counted(outside, 'failure')} besides" if outside else ""
        besides += f"; {counted(len(report.retired), 'set')} retired" if report.retired else ""
        yield paint(
            f"{good} of {entries} in {sets} verify{besides}", "green" if report.passed else "red"
        )
    if report.plan is not None:
        yield _published(report.plan, report.done)
    counts = Counter(finding.state for finding in report.findings)
    if counts[State.WRONG] or counts[State.UNKNOWN]:
        numbers = f"{counts[State.GOOD]} well, {counts[State.WRONG]} wrong"
        numbers += f", {counts[State.UNKNOWN]} could not be seen"
        yield paint(numbers, "green" if report.passed else "red")


def _published(plan: Plan, done: Sequence[Operation] | None) -> str:
    operations = plan.operations if done is None else done
    pushed = sum(isinstance(operation, Push) for operation in operations)
    moved = sum(isinstance(operation, MoveTag) for operation in operations)
    numbers = f"{pushed} published, {len(plan.live)} live already, {counted(moved, 'tag')} moved"
    return numbers if done is not None else f"dry run, nothing was changed; it would be: {numbers}"
