"""Review -> words: what merging a change does, as each form of the report says it.

Every word here may be foreign text: whoever prints it escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ghcr_signer.core import codes
from ghcr_signer.core.review import Move, Quorum, Review, Reviewed, Seen, Standing, State
from ghcr_signer.core.wording import counted
from ghcr_signer.report.report import Report

_AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def headline(report: Report, review: Review) -> str:
    """The verdict in one sentence."""
    failures = list(report.causes)
    if failures:
        if _signature_wanted(report, review):
            return "Do not merge yet: a signature is missing"
        more = len(failures) - 1
        besides = f" (and {counted(more, 'more failure')})" if more else ""
        return f"Do not merge: {failures[0].code.title}{besides}"
    trust = report.trust_change
    if not review.images and trust is not None:
        retires = f", and retires {counted(len(trust.retires), 'set')}" if trust.retires else ""
        return f"Merging changes who may sign what{retires}"
    if not review.images:
        return "Merging publishes nothing: no set is added"
    what = "image" if all(each.is_known for each in review.images) else "digest"
    images = counted(len(review.images) + review.more, what)
    entries = sum(each.entries for each in review.images)
    manifests = f" ({entries} manifests)" if entries > len(review.images) else ""
    moving = review.moving
    tags = f"moves {counted(len(moving), 'tag')}" if moving else "moves no tag"
    return f"Merging publishes the signatures of {images}{manifests} and {tags}"


def next_step(report: Report, review: Review) -> str:
    """The exact next step."""
    failure = next(report.causes, None)
    if failure is not None:
        return _signature_wanted(report, review) or failure.next_step
    first = "Heed the warning first. " if report.warnings else ""
    return f"{first}{_question(report, review)}"


def _question(report: Report, review: Review) -> str:
    """What a person is asked about a change that passes."""
    if report.trust_change is not None:
        return "Is this who shall sign what? Compare each new key with its owner's, then merge."
    if not review.images:
        return "Review it as any other change, then merge."
    if any(move.state is State.WITHDRAWN for move in review.moving):
        return "Is this what is to take the withdrawn image's place? Then merge."
    return "Is this what is to be released? Then merge: publishing follows, the tags move last."


def _signature_wanted(report: Report, review: Review) -> str:
    """Who is to sign, and how, where nothing else is wrong but that too few have."""
    if any(failure.code is not codes.THRESHOLD for failure in report.causes):
        return ""
    for image in review.images:
        wanted = next((each for each in image.quorums if not each.met), None)
        if wanted and wanted.signed and wanted.missing:
            names = " or ".join(wanted.missing)
            return (
                f"Have {names} sign too: `ghcr-signer sign {image.repository}@{image.digest}"
                f" --add-to {review.folder}/{image.set_name} --sk --push` (or --key), on the"
                " branch of this change."
            )
    return ""


def quorum(found: Quorum) -> str:
    """Who signed, of how many."""
    signed = ", ".join(found.signed) or "nobody"
    missing = f"; missing: {' or '.join(found.missing)}" if found.missing else ""
    return f"{signed} ({len(found.signed)} of {found.threshold}{missing})"


def not_enough(found: Iterable[Quorum]) -> Iterator[str]:
    """For who signs: who must sign too before the set is worth anything."""
    for each in found:
        if not each.met:
            signed = ", ".join(each.signed) or "nobody"
            more = f"{max(each.threshold, 1) - len(each.signed)} more"
            of = f" of {', '.join(each.missing)}" if each.missing else ", and nobody else may sign"
            yield f"NOT ENOUGH YET: {signed} signed, and the rule {each.rule!r} wants {more}{of}"


def quorums(image: Reviewed) -> str:
    """Who signed under each rule; the rule is named where there are several."""
    if len(image.quorums) == 1:
        return quorum(image.quorums[0])
    return "; ".join(f"{each.rule}: {quorum(each)}" for each in image.quorums) or "nobody"


def platforms(image: Reviewed) -> str:
    """The platforms, those without a signature first."""
    if not image.is_known:
        return "not known"
    names = [each.name if each.here else f"{each.name} NOT SIGNED" for each in image.platforms]
    more = image.platform_count - len(names)
    return ", ".join([*names, *([f"and {more} more"] if more else [])])


def absence(image: Reviewed, review: Review) -> str:
    """That an image is not where it is said to be, "" where it is, or nobody says."""
    gone = review.seen is not None and review.seen.images.get(image.unit) is False
    return "not in the registry" if gone else ""


def signed_annotations(image: Reviewed) -> str:
    """What was signed besides the digest."""
    pairs = [f"{name}={value}" for name, value in image.annotations]
    more = image.annotation_count - len(pairs)
    return ", ".join([*pairs, *([f"and {more} more"] if more else [])])


def before(move: Move) -> str:
    """Since when a tag points where the ledger has it, "" for a new tag."""
    state = f", which is {move.state.value}" if move.state is not State.GOOD else ""
    return f"since the set {move.since}{state}" if move.before else ""


def standing(move: Move, seen: Seen) -> str:
    """What the registry says of a tag, "" where it says what the ledger says."""
    if seen.images.get((move.repository, move.after)) is False:
        return "the image is not in the registry: the tag will not move"
    current = seen.tags.get(move.key)
    match seen.standing(move):
        case Standing.AS_EXPECTED:
            return ""
        case Standing.UNKNOWN:
            return "the registry was not read"
        case Standing.THERE:
            return "the registry has it there already"
        case Standing.ELSEWHERE:
            where = f"has it at {current.short}" if current else "has no such tag"
            known = ": it moves only if a set knows that digest" if current else ""
            return f"the registry {where}{known}"


def age(then: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = (now - then).total_seconds()
    for length, unit in _AGES:
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "just now"


def unread(review: Review) -> Iterator[str]:
    """The registries that could not be read, and why."""
    for repository, why in review.seen.unread.items() if review.seen else ():
        yield f"{repository} could not be read: {why}"
