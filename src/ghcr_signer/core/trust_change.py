"""The change of trust: what a proposal does to who may sign what, and what it does to merged sets.

All of it is what a pull request says, so every word of it is foreign text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ghcr_signer.core.errors import Failure
from ghcr_signer.core.policy import Authority, Policy, Rule, Trust
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.wording import shown


class Part(Enum):
    """What a difference is about."""

    RULE = "rule"
    AUTHORITY = "authority"
    LOG = "log"
    WITHDRAWN = "withdrawn"


class Verb(Enum):
    """What becomes of it."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the policy whose values differ: those that go, and those that come."""

    word: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule, an authority, a log or a withdrawn digest that a proposal adds, removes or changes.

    `rule` is the name of the rule that an authority is in, else "". `id` is what makes it the one
    that it is: of an authority its key's fingerprint, of a log its id, of a withdrawal the digest.
    """

    part: Part
    verb: Verb
    rule: str
    name: str
    id: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Flip:
    """A merged entry that would pass and now does not, or would fail, and why."""

    path: str
    passes: bool
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustChange:
    """What a proposal changes. `entries` were judged, each under the present trust and under the
    proposal; where `is_compared` is false there is no present trust that loads, and a flip is an
    entry that would fail. `retires` are the sets that would fail and do not yet.
    """

    differences: tuple[Difference, ...]
    is_compared: bool
    entries: int = 0
    flips: tuple[Flip, ...] = ()
    retires: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        present: Trust | None,
        proposed: Trust,
        before: Sequence[Verdict] = (),
        after: Sequence[Verdict] = (),
    ) -> TrustChange:
        """Compare two trusts, and the verdicts of the same entries under each.

        `present` is None, and `before` empty, where there is none or it does not load.
        """
        passed = {verdict.path: verdict.passed for verdict in before}
        failing = {verdict.set_name for verdict in before if not verdict.passed}
        flips = tuple(
            Flip(verdict.path, verdict.passed, verdict.failures)
            for verdict in after
            if passed.get(verdict.path, True) != verdict.passed
        )
        would_fail = {verdict.set_name: None for verdict in after if not verdict.passed}
        return cls(
            tuple(sorted(_differences(present, proposed), key=_importance(present))),
            present is not None,
            len(after),
            flips,
            tuple(name for name in would_fail if name not in failing),
        )


_Words = Mapping[str, tuple[str, ...]]
_Things = Mapping[str, tuple[str, _Words]]
"""By their ids: the name of each, and what the policy or the trusted root says of it."""


def _differences(present: Trust | None, proposed: Trust) -> Iterator[Difference]:
    old, new = present.policy if present else Policy(()), proposed.policy
    yield from _compare(Part.RULE, _rules(old), _rules(new))
    were, are = ({rule.name: rule for rule in policy.rules} for policy in (old, new))
    for name in {**were, **are}:
        before, after = _authorities(were.get(name)), _authorities(are.get(name))
        yield from _compare(Part.AUTHORITY, before, after, name)
    yield from _compare(Part.LOG, _logs(present), _logs(proposed))
    yield from _compare(Part.WITHDRAWN, _withdrawn(old), _withdrawn(new))


def _importance(present: Trust | None) -> Callable[[Difference], tuple[bool, bool]]:
    """What is told first: what is trusted and will be otherwise, of which there is no more than
    now; then keys and logs that no rule knows yet. A proposal may add so much besides that nobody
    reads to its end.
    """
    rules = present.policy.rules if present else ()
    known = {each.key.fingerprint for rule in rules for each in rule.authorities}

    def importance(each: Difference) -> tuple[bool, bool]:
        stranger = each.part in (Part.AUTHORITY, Part.LOG) and each.id not in known
        return each.verb is Verb.ADDED, not stranger

    return importance


def _compare(part: Part, before: _Things, after: _Things, rule: str = "") -> Iterator[Difference]:
    for each in {**before, **after}:
        name, _ = after[each] if each in after else before[each]
        old, new = (there[each][1] if each in there else {} for there in (before, after))
        words = tuple(_words(old, new))
        if each not in before:
            yield Difference(part, Verb.ADDED, rule, name, each, words)
        elif each not in after:
            yield Difference(part, Verb.REMOVED, rule, name, each, words)
        elif words:
            yield Difference(part, Verb.CHANGED, rule, name, each, words)


def _words(old: _Words, new: _Words) -> Iterator[Word]:
    for word in {**old, **new}:
        before, after = old.get(word, ()), new.get(word, ())
        gone = tuple(value for value in before if value not in after)
        come = tuple(value for value in after if value not in before)
        if gone or come:
            yield Word(word, gone, come)


def _rules(policy: Policy) -> _Things:
    return {rule.name: (rule.name, _rule(rule)) for rule in policy.rules}


def _rule(rule: Rule) -> _Words:
    return {
        "images": rule.images,
        "threshold": (str(rule.threshold),),
        "everySignature": (rule.every_signature.value,),
        "transparencyLog": (rule.transparency_log.value,),
        "dockerReference": (rule.docker_reference.value,),
        "platforms": (rule.platforms.value,),
        "annotations": tuple(f"{name}={value}" for name, value in rule.annotations.items()),
        "tags": rule.tags,
        "freshness": (f"{rule.freshness.days}d",) if rule.freshness else (),
    }


def _authorities(rule: Rule | None) -> _Things:
    """By the keys' fingerprints: a name is for people, and a proposal may give it another key."""
    authorities = rule.authorities if rule else ()
    return {each.key.fingerprint: (each.name, _authority(each)) for each in authorities}


def _authority(authority: Authority) -> _Words:
    revoked = authority.revoked
    return {
        "name": (authority.name,),
        "kind": (authority.key.kind,),
        "notBefore": _instant(authority.not_before),
        "notAfter": _instant(authority.not_after),
        "rotateAfter": _instant(authority.rotate_after),
        "revoked": (f"{_since(revoked.start)}: {revoked.reason}",) if revoked else (),
    }


def _logs(trust: Trust | None) -> _Things:
    logs = trust.trusted_root.logs.values() if trust else ()
    return {
        each.id: (
            each.url,
            {
                "url": (each.url,),
                "key": (each.key.fingerprint,),
                "start": _instant(each.start),
                "end": _instant(each.end),
            },
        )
        for each in logs
    }


def _withdrawn(policy: Policy) -> _Things:
    return {
        str(digest): ("", {"date": _instant(each.date), "reason": (each.reason,)})
        for digest, each in policy.withdrawn.items()
    }


def _since(start: datetime | None) -> str:
    return f"from {shown(start)}" if start else "all of its signatures"


def _instant(instant: datetime | None) -> tuple[str, ...]:
    return (shown(instant),) if instant else ()
