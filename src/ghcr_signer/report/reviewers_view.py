"""Report of a change -> Markdown: what a reviewer sees in twenty seconds, and what lies behind it.

First the verdict, then what to do, what moves, who signed; the rest is folded. All of it fits into
the room that is given: rows are shown whole or counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ghcr_signer.core.codes import Code
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.review import Move, Review, Reviewed
from ghcr_signer.report import review as words
from ghcr_signer.report import text, trust_change
from ghcr_signer.report.escape import markdown, markdown_with_code
from ghcr_signer.report.report import Report

SUMMARY_BYTES = 1024 * 1024 - 1024  # a larger job's summary is dropped as a whole (GitHub)
COMMENT_BYTES = 65_536 - 1024  # a larger comment is refused; GitHub counts characters
_OPEN = 20  # rows that are not folded
_FOLDED = 1000
_LONGEST_STEP = 1000

_Row = Sequence[str]


class _Page:
    """Lines that fit: rows take at most half of what is left, so the rest has its room."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self._left = room

    def add(self, *lines: str) -> None:
        """Lines of a length that is known."""
        self.lines += lines
        self._left -= _size(lines)

    def rows(self, rows: Sequence[_Row], most: int, more: str) -> None:
        """As many whole rows as fit, at most so many; `more` says how many `{}` there are yet."""
        share = self._left // 2
        for number, row in enumerate(rows):
            share -= _size(row)
            if number == most or share < 0:
                self.add(more.format(len(rows) - number))
                return
            self.add(*row)


def _size(lines: _Row) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def render(report: Report, review: Review, room: int = SUMMARY_BYTES) -> Iterator[str]:
    """The view, line by line, without line breaks; at most `room` bytes with them."""
    page = _Page(room)
    step = words.next_step(report, review)
    mark = "✅" if report.passed else "❌"
    page.add(f"### {mark} {markdown(words.headline(report, review))}", "")
    warnings = [note for note in report.notices if note.startswith("WARNING")]
    page.rows([[f"> ⚠️ {markdown(note)}", ""] for note in warnings], _OPEN, "> … and {} more")
    _failures(page, report, step)
    page.add(f"**Next:** {markdown_with_code(step[:_LONGEST_STEP])}", "")
    _trust(page, report)
    _moves(page, review)
    _images(page, review)
    _details(page, report, review)
    yield from page.lines


def _failures(page: _Page, report: Report, step: str) -> None:
    """Each failure; what is wrong with many files is said once."""
    alike: dict[tuple[Code, str, str], list[str]] = {}
    for each in report.causes:
        alike.setdefault((each.code, each.message, each.next_step), []).append(each.file)
    rows = [_failure(*failure, files, step) for failure, files in alike.items()]
    page.rows(rows, _OPEN, "- … and {} more failures")
    if rows:
        page.add("")


def _failure(code: Code, message: str, fix: str, files: Sequence[str], step: str) -> _Row:
    more = f" and {words.counted(len(files) - 1, 'more file')}" if len(files) > 1 else ""
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
    rows = [[f"{'  ' * depth}- {markdown(line)}"] for depth, line in lines]
    page.rows(rows, _FOLDED, "- … and {} more")
    page.add("")


def _moves(page: _Page, review: Review) -> None:
    rows = [_move(move, review) for move in review.moves]
    if not rows:
        return
    page.add("| tag | now, by the ledger | after merging |", "|---|---|---|")
    page.rows(rows, _OPEN, "| … and {} more | | |")
    page.add("")


def _move(move: Move, review: Review) -> _Row:
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
    page.rows([_image(each, review) for each in review.images], _OPEN, "| | … and {} more | | | |")
    page.add("")


def _image(image: Reviewed, review: Review) -> _Row:
    compare = review.compare(image)
    name = markdown(f"{image.repository}@{image.digest.short}")
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
    """What a reviewer looks up: digests in full, log entries, labels, rules, notes."""
    if review.images:
        page.add("<details><summary>Digests, log entries, annotations, labels</summary>", "")
        rows = [list(_facts(image, review)) for image in review.images]
        page.rows(rows, _FOLDED, "- … and {} more")
        page.add("", "</details>", "")
    if report.change:
        passed = sum(check.passed for check in report.change)
        kept = "all" if report.passed else f"{passed} of"
        heading = f"The change keeps {kept} {len(report.change)} rules"
        page.add(f"<details><summary>{heading}</summary>", "")
        rules = [[f"- {'✅' if each.passed else '❌'} {each.name}"] for each in report.change]
        page.rows(rules, _FOLDED, "- … and {} more")
        page.add("", "</details>", "")
    notes = (*words.unread(review), *report.notices, *text.summary(report))
    page.rows([[f"- {markdown(note)}"] for note in notes], _FOLDED, "- … and {} more")


def _facts(image: Reviewed, review: Review) -> Iterator[str]:
    """One image in full."""
    yield f"- **{markdown(image.repository)}**<br>`{image.digest}`"
    yield f"  - set {markdown(image.set_name)}, {words.counted(image.entries, 'manifest')}"
    for each in image.signatures:
        when = f"{each.time:%Y-%m-%d %H:%M:%S} UTC" if each.time else "at no verified time"
        index = f"log index {each.log.index}" if each.log else "not logged"
        linked = f"[{index}]({each.link})" if each.link else index
        yield f"  - {markdown(each.authority)}, {when}, {linked}"
    more = image.signature_count - len(image.signatures)
    if more:
        yield f"  - … and {words.counted(more, 'more signature')}"
    if image.annotations:
        yield f"  - signed: {markdown(words.signed_annotations(image))}"
    origin = review.origin(image.unit)
    if origin.source:
        yield f"  - source {markdown(origin.source)}"
    if origin.revision:
        yield f"  - revision {markdown(origin.revision)}"


def _code(digest: Digest) -> str:
    return f"`{digest.short}`"
