"""Review -> lines for a person, among those of `text.py`."""

from __future__ import annotations

from collections.abc import Iterator

from ghcr_signer.core.review import Move, Review, Reviewed
from ghcr_signer.core.wording import counted, shown
from ghcr_signer.report import review as words
from ghcr_signer.report.escape import visible
from ghcr_signer.report.text import Paint

_SHOWN = 30
_SHOWN_SIGNATURES = 5


def lines(review: Review, paint: Paint) -> Iterator[str]:
    """What merging does: the tags that move, then the images."""
    for move in review.moves[:_SHOWN]:
        yield f"{paint('·', 'dim')} {visible(_move(move, review))}"
    yield from _more(len(review.moves) - _SHOWN, "tag")
    for image in review.images[:_SHOWN]:
        if image.passed:
            yield f"{paint('✓', 'green')} {visible(_image(image, review))}"
            yield from (f"    {visible(line)}" for line in _facts(image, review))
    yield from _more(len(review.images) - _SHOWN, "image")
    yield from (f"{paint('note:', 'yellow')} {visible(line)}" for line in words.unread(review))


def _more(number: int, what: str) -> Iterator[str]:
    if number > 0:
        yield f"… and {counted(number, f'more {what}')}"


def _move(move: Move, review: Review) -> str:
    said = words.standing(move, review.seen) if review.seen else ""
    besides = f" ({said})" if said else ""
    name = f"{move.repository}:{move.tag}"
    if move.stays:
        return f"{name} stays at {move.after.short}{besides}"
    where = f"from {move.before.short}, {words.before(move)}, to " if move.before else "to "
    new = "" if move.before else " (a new tag)"
    return f"{name} moves {where}{move.after.short}{new}{besides}"


def _image(image: Reviewed, review: Review) -> str:
    names = words.platforms(image) if image.is_known else ""
    logged = image.logged
    when = f"logged {words.age(logged, review.now)}" if logged else "not logged"
    absence = words.absence(image, review)
    name = f"{image.repository}@{image.digest.short}{f' ({absence})' if absence else ''}"
    return f"{name}{f', {names}' if names else ''}, signed by {words.quorums(image)}, {when}"


def _facts(image: Reviewed, review: Review) -> Iterator[str]:
    for each in image.signatures[:_SHOWN_SIGNATURES]:
        if each.log is not None:
            when = f"{shown(each.time)}, " if each.time else ""
            yield f"{each.authority}: {when}log index {each.log.index} {each.link}".rstrip()
    if image.annotations:
        yield f"signed: {words.signed_annotations(image)}"
    origin = review.origin(image.unit)
    if origin.source or origin.revision:
        yield f"source {origin.source or 'unknown'}, revision {origin.revision or 'unknown'}"
    if compare := review.compare(image):
        yield f"what has changed: {compare}"
