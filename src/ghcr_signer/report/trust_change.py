"""TrustChange -> lines: who may sign what from now on, and what that does to merged sets.

Every line is foreign text: whoever prints it escapes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ghcr_signer.core.trust_change import Difference, Flip, Part, TrustChange, Verb, Word
from ghcr_signer.core.wording import counted

_SHOWN = 100  # of each kind: the JSON report has all
_ONE_LINE = 200  # characters; what is much longer is cut where it is printed
_MARKS = {Verb.ADDED: "+", Verb.REMOVED: "-", Verb.CHANGED: "~"}


def lines(change: TrustChange) -> Iterator[tuple[int, str]]:
    """Each line, and how deep it is. What merging would break comes first."""
    for name in change.retires[:_SHOWN]:
        yield 0, f"WARNING: the set {name} would fail: merging this retires it"
    yield from _more(len(change.retires), "such sets")
    for difference in change.differences[:_SHOWN]:
        yield 0, _difference(difference)
        for word in difference.words:
            if word.word != "name" or difference.verb is Verb.CHANGED:  # else it is said above
                yield from _word(word)
    yield from _more(len(change.differences), "differences")
    if not change.differences:
        yield 0, "no rule, authority, log or withdrawn digest changes"
    for flip in change.flips[:_SHOWN]:
        yield 0, _flip(flip)
    yield from _more(len(change.flips), "entries that would pass or fail")
    yield 0, _conclusion(change)


def _more(number: int, what: str) -> Iterator[tuple[int, str]]:
    if number > _SHOWN:
        yield 0, f"… and {number - _SHOWN} more {what}"


def _difference(difference: Difference) -> str:
    name, rule = difference.name, difference.rule
    what = {
        Part.RULE: f"rule {name!r}",
        Part.AUTHORITY: f"authority {name!r} of the rule {rule!r}, key {difference.id}",
        Part.LOG: f"transparency log {name!r}, id {difference.id}",
        Part.WITHDRAWN: f"withdrawn digest {difference.id}",
    }[difference.part]
    return f"{_MARKS[difference.verb]} {what} is {difference.verb.value}"


def _word(word: Word) -> Iterator[tuple[int, str]]:
    """One value in the place of another, or those that go and those that come: of many each has
    a line, so that none is cut off.
    """
    if len(word.before) == len(word.after) == 1:
        yield 1, f"{word.word}: {word.before[0]!r} becomes {word.after[0]!r}"
        return
    gone = (f"- {value!r}" for value in word.before)
    come = (f"+ {value!r}" for value in word.after)
    values = (*gone, *come)
    if sum(map(len, values)) <= _ONE_LINE:
        yield 1, f"{word.word}: {', '.join(values)}"
        return
    yield 1, f"{word.word}:"
    yield from ((2, value) for value in values)


def _flip(flip: Flip) -> str:
    if flip.passes:
        return f"would pass: {flip.path}"
    first, *others = flip.failures
    more = f" (and {len(others)} more)" if others else ""
    return f"would fail: {flip.path}: {first.code.id} {first.message}{more}"


def _conclusion(change: TrustChange) -> str:
    entries = counted(change.entries, "entry", "entries")
    if not change.is_compared:
        return f"there is no trust yet that loads; {entries} judged under the proposal alone"
    none = "" if change.flips else ": none of them would pass or fail that now does not"
    return f"{entries} judged under both{none}"
