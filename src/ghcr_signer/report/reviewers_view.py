"""Report of a change -> Markdown: what a reviewer sees in twenty seconds, and what lies behind it.

First the verdict, then what to do, what moves, who signed; the rest is folded. All of it fits into
the room that is given: rows are shown whole or counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from ghcr_signer.core.codes import Code
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.review import Move, Review, Reviewed
from ghcr_signer.core.verdict import Check
from ghcr_signer.core.wording import counted, shown
from ghcr_signer.report import review as words
from ghcr_signer.report import text, trust_change
from ghcr_signer.report.escape import markdown, markdown_with_code
from ghcr_signer.report.report import Report

SUMMARY_BYTES = 1024 * 1024 - 1024  # a larger job's summary is dropped as a whole (GitHub)
COMMENT_BYTES = 65_536 - 1024  # a larger comment is refused; GitHub counts characters
_OPEN = 20  # rows that are not folded
_FOLDED = 1000
_LONGEST_STEP = 1000

_TAGS = ("| tag | now, by the ledger | after merging |", "|---|---|---|")

_Row = Sequence[str]
_Thing = TypeVar("_Thing")


class _Page:
    """Lines that fit: rows take at most half of what is left, so the rest has its room."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self._left = room

    def add(self, *lines: str) -> None:
        """Lines of a length that is known."""
        self.lines += lines
        self._left -= _size(lines)

    def rows(
        self, things: Sequence[_Thing], row_of: Callable[[_Thing], _Row], most: int, more: str
    ) -> None:
        """As many whole rows as fit, at most so many; `more` says how many `{}` there are yet."""
        share = self._left // 2
        for number, thing in enumerate(things[: most + 1]):
            row = row_of(thing)
            share -= _size(row)
            if number == most or share < 0:
                self.add(more.format(len(things) - number))
                return
            self.add(*row)


def _size(lines: _Row) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def render(report: Report, review: Review, room: int = SUMMARY_BYTES) -> Iterator[str]:
    """The view, line by line, without line breaks; at most `room` bytes with them."""
    page = _Page(room)
    step = words.next_step(report, review)
    page.add(f"### {_mark(report)} {markdown(words.headline(report, review))}", "")
    page.rows(report.warnings, lambda note: (f"> ⚠️ {markdown(note)}", ""), _OPEN, "> … and {} more")
    _failures(page, report, step)
    page.add(f"**Next:** {markdown_with_code(step[:_LONGEST_STEP])}", "")
    _trust(page, report)
    _moves(page, review)
    _images(page, review)
    _details(page, report, review)
    yield from page.lines


def _mark(report: Report) -> str:
    """A change of trust passes, and is for a person to weigh; so is what comes with a warning."""
    if not report.passed:
        return "❌"
    return "⚠️" if report.trust_change or report.warnings else "✅"


def _failures(page: _Page, report: Report, step: str) -> None:
    """Each failure; what is wrong with many files is said once."""
    alike: dict[tuple[Code, str, str], list[str]] = {}
    for each in report.causes:
        alike.setdefault((each.code, each.message, each.next_step), []).append(each.file)
    failures = list(alike.items())
    page.rows(failures, partial(_failure, step), _OPEN, "- … and {} more failures")
    if failures:
        page.add("")


def _failure(step: str, failure: tuple[tuple[Code, str, str], Sequence[str]]) -> _Row:
    (code, message, fix), files = failure
    more = f" and {counted(len(files) - 1, 'more file')}" if len(files) > 1 else ""
    where = f" {markdown(files[0])}{more}:" if files[0] else ""
    then = f" → {markdown_with_code(fix)}" if fix != step else ""
    return (
        f"- ❌ **{code.id}**{where} {markdown(message)}",
        f"  <br>{markdown(code.title)}.{then}",
    )


def _trust(page: _Page, report: Report) -> None:
    if report.trust_change is None:
        return
    page.add("What changes in who may sign what:", "")
    lines = trust_change.lines(report.trust_change)
    page.rows(list(lines), _trust_line, _FOLDED, "- … and {} more")
    page.add("")


def _trust_line(line: tuple[int, str]) -> _Row:
    depth, said = line
    return (f"{'  ' * depth}- {markdown(said)}",)


def _moves(page: _Page, review: Review) -> None:
    if not review.moves:
        return
    page.add(*_TAGS)
    page.rows(review.moves, partial(_move, review), _OPEN, "| … and {} more | | |")
    page.add("")


def _move(review: Review, move: Move) -> _Row:
    now = f"{_code(move.before)}<br>{markdown(words.before(move))}" if move.before else "a new tag"
    said = words.standing(move, review.seen) if review.seen else ""
    warning = f"<br>⚠️ {markdown(said)}" if said else ""
    after = "stays" if move.stays else f"**{_code(move.after)}**"
    tag = f"{markdown(move.repository)}:**{markdown(move.tag)}**"
    return (f"| {tag} | {now} | {after}{warning} |",)


def _images(page: _Page, review: Review) -> None:
    if not review.images:
        return
    page.add("| | image | platforms | signed by | logged |", "|---|---|---|---|---|")
    page.rows(review.images, partial(_image, review), _OPEN, "| | … and {} more | | | |")
    page.add("")


def _image(review: Review, image: Reviewed) -> _Row:
    compare = review.compare(image)
    name = markdown(f"{image.repository}@{image.digest.short}")
    if absence := words.absence(image, review):
        name += f"<br>⚠️ {markdown(absence)}"
    cells = (
        "✅" if image.passed else "❌",
        f"{name}<br>[what has changed]({compare})" if compare else name,
        markdown(words.platforms(image)),
        markdown(words.quorums(image)),
        _logged(image, review),
    )
    return (f"| {' | '.join(cells)} |",)


def _logged(image: Reviewed, review: Review) -> str:
    """When, by the log: linked to the entry where a browser can show it."""
    if image.logged is None:
        return "not logged"
    age = words.age(image.logged, review.now)
    link = next((each.link for each in image.signatures if each.time == image.logged), "")
    return f"[{age}]({link})" if link else age


def _details(page: _Page, report: Report, review: Review) -> None:
    """What a reviewer looks up: tags, digests in full, log entries, labels, rules, notes."""
    if len(review.moves) > _OPEN:
        page.add("<details><summary>Every tag</summary>", "", *_TAGS)
        page.rows(review.moves, partial(_move, review), _FOLDED, "| … and {} more | | |")
        page.add("", "</details>", "")
    if review.images:
        page.add("<details><summary>Digests, log entries, annotations, labels</summary>", "")
        facts = partial(_facts, review)
        page.rows(review.images, lambda each: list(facts(each)), _FOLDED, "- … and {} more")
        page.add("", "</details>", "")
    if report.change:
        passed = sum(check.passed for check in report.change)
        kept = "all" if report.passed else f"{passed} of"
        heading = f"The change keeps {kept} {len(report.change)} rules"
        page.add(f"<details><summary>{heading}</summary>", "")
        page.rows(report.change, _rule, _FOLDED, "- … and {} more")
        page.add("", "</details>", "")
    notes = (*words.unread(review), *report.notices, *text.summary(report))
    page.rows(notes, lambda note: (f"- {markdown(note)}",), _FOLDED, "- … and {} more")


def _rule(check: Check) -> _Row:
    return (f"- {'✅' if check.passed else '❌'} {check.name}",)


def _facts(review: Review, image: Reviewed) -> Iterator[str]:
    """One image in full."""
    mark = "" if image.passed else "❌ "
    yield f"- {mark}**{markdown(image.repository)}**<br>`{image.digest}`"
    yield f"  - set {markdown(image.set_name)}, {counted(image.entries, 'manifest')}"
    for each in image.signatures:
        when = shown(each.time) if each.time else "at no verified time"
        index = f"log index {each.log.index}" if each.log else "not logged"
        linked = f"[{index}]({each.link})" if each.link else index
        yield f"  - {markdown(each.authority)}, {when}, {linked}"
    more = image.signature_count - len(image.signatures)
    if more:
        yield f"  - … and {counted(more, 'more signature')}"
    if image.annotations:
        yield f"  - signed: {markdown(words.signed_annotations(image))}"
    origin = review.origin(image.unit)
    if origin.source:
        yield f"  - source {markdown(origin.source)}"
    if origin.revision:
        yield f"  - revision {markdown(origin.revision)}"


def _code(digest: Digest) -> str:
    return f"`{digest.short}`"
