"""The ledger: what all sets of a directory together say. Step 10 judges each set by those before.

A tag moves forwards only, as clients see it: those that remember the greatest log index they have
met refuse a smaller one, so a set that they would refuse is never published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ghcr_signer.core import codes
from ghcr_signer.core.directory import Entry, parse_set_name
from ghcr_signer.core.errors import Failure, Refused
from ghcr_signer.core.policy import Policy, Rule, wants_platforms
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Check, SignatureVerdict, Step, Verdict

Tag = tuple[str, str]
"""registry/repository, and a tag in it."""

Unit = tuple[str, Digest]
"""registry/repository, and an image's digest."""

_SET = Check(Step.SET, "its tags move forwards, each once, and no platform is missing")


@dataclass(frozen=True, slots=True)
class Declared:
    """What an entry says that it moves: tags of a registry/repository, to a digest."""

    set_name: str
    repository: str
    digest: Digest
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far a tag has come in one log: the greatest index and the latest time, both verified."""

    index: int
    time: datetime


@dataclass(slots=True)
class Ledger:
    """What the sets so far say. It grows set by set, in the order of their instants.

    `movers` gives for each (registry/repository, tag) the path of the entry that moves it last,
    whether or not that entry passes; tags that the policy lets nobody move are not in it.
    """

    movers: dict[Tag, str] = field(default_factory=dict)
    _reached: dict[Tag, dict[str, _Reached]] = field(default_factory=dict)
    _signatures: set[tuple[Digest, bytes]] = field(default_factory=set)

    def add(self, verdicts: Iterable[Verdict], policy: Policy) -> None:
        """Enter a set: what fails counts too, since clients may have met it before it failed."""
        for verdict in verdicts:
            self._signatures.update(_essences(verdict, verdict.signatures))
            if verdict.entry and verdict.entry.tags:
                self._add_tags(verdict, policy.rules_for(verdict.entry.image))

    def _add_tags(self, verdict: Verdict, rules: Collection[Rule]) -> None:
        for name, tag in _tags(verdict):
            before = self._reached.get((name, tag), {})
            self._reached[name, tag] = _furthest(verdict.judged, before)
            if all(rule.lets_move(tag) for rule in rules):
                self.movers[name, tag] = verdict.path

    def check_fresh(self, verdict: Verdict) -> None:
        """An entry that moves a tag holds a valid signature that no earlier set holds, under each
        rule (GS1006).

        An old public signature under a fresh set name would otherwise bring an old image back: of a
        narrow rule's signers, by whoever may sign for a broad one.
        """
        for signatures in verdict.by_rule:
            valid = [each for each in signatures if each.valid]
            if self._signatures.issuperset(_essences(verdict, valid)):
                message = "an earlier set holds every signature of it"
                raise Refused(codes.SIGNATURE_REUSED, f"{message} that a rule counts")

    def check_forwards(self, tag: Tag, verdict: Verdict) -> None:
        """In each log a greater index than any earlier mover's, else a later time (GS1005)."""
        mine = _furthest(each for each in verdict.judged if each.valid)
        latest = max((each.time for each in mine.values()), default=None)
        for log, reached in self._reached.get(tag, {}).items():
            if log in mine:
                if mine[log].index <= reached.index:
                    said = f"its log index {mine[log].index} is not above {reached.index}"
                    raise _older(tag, said)
            elif latest is None:
                raise _older(tag, "it has no verified time, which an earlier set has")
            elif latest <= reached.time:
                raise _older(tag, f"it was logged at {latest:%FT%TZ}, not after an earlier set")


def verify_set(
    verdicts: Sequence[Verdict], policy: Policy, ledger: Ledger, *, whole: bool = True
) -> tuple[Verdict, ...]:
    """Step 10, set, for each entry that has not failed before. `ledger` holds the earlier sets.

    `whole`: these are all entries of the set, so that each platform must be among them.
    """
    movers: dict[Tag, int] = {}
    for verdict in verdicts:
        for tag in _tags(verdict):
            movers[tag] = movers.get(tag, 0) + 1
    there = _Units.of(verdicts) if whole and wants_platforms(policy.rules) else None
    return tuple(_with_step(verdict, policy, ledger, movers, there) for verdict in verdicts)


def last_moves(movers: Mapping[Tag, Declared]) -> dict[Tag, datetime]:
    """When each tag was last moved."""
    return {tag: parse_set_name(mover.set_name) for tag, mover in movers.items()}


def last_movers(declared: Iterable[Declared]) -> dict[Tag, Declared]:
    """Which entry moved each tag last."""
    movers: dict[Tag, Declared] = {}
    for each in sorted(declared, key=lambda each: parse_set_name(each.set_name)):
        movers |= {(each.repository, tag): each for tag in each.tags}
    return movers


def last_signed(entries: Iterable[tuple[str, Digest | None]]) -> dict[Digest, datetime]:
    """When each digest was last signed, by set and digest of entries."""
    signed: dict[Digest, datetime] = {}
    for set_name, digest in entries:
        if digest is not None:
            instant = parse_set_name(set_name)
            signed[digest] = max(instant, signed.get(digest, instant))
    return signed


@dataclass(frozen=True, slots=True)
class _Units:
    """What is in a set, and which of it an index in the set lists as an image."""

    there: Collection[Unit]
    listed: Collection[Unit]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> _Units:
        entries = [verdict.entry for verdict in verdicts if verdict.entry]
        return cls(
            {entry.unit for entry in entries},
            {
                (entry.image.name, digest)
                for entry in entries
                for digest, is_image in (entry.platforms or {}).items()
                if is_image
            },
        )


def _with_step(
    verdict: Verdict,
    policy: Policy,
    ledger: Ledger,
    movers: Mapping[Tag, int],
    there: _Units | None,
) -> Verdict:
    entry = verdict.entry
    if entry is None or not verdict.checks[-1].passed:
        return verdict
    check = _SET
    try:
        if entry.tags:
            _check_tags(verdict, policy.rules_for(entry.image), ledger, movers)
        if there is not None and wants_platforms(policy.rules_for(entry.image)):
            _check_platforms(entry, there)
    except Refused as refusal:
        failure = refusal.failure
        check = Check(
            Step.SET, failure.code.title, Failure(failure.code, str(refusal), verdict.path)
        )
    return replace(verdict, checks=(*verdict.checks, check))


def _check_tags(
    verdict: Verdict, rules: Iterable[Rule], ledger: Ledger, movers: Mapping[Tag, int]
) -> None:
    """Each tag once in the set, one that every rule lets move, and forwards."""
    for name, tag in _tags(verdict):
        if movers[name, tag] > 1:
            message = f"the tag {tag!r} is moved by another entry of this set too"
            raise Refused(codes.TAG_TWICE, message)
        for rule in rules:
            rule.require_moves(tag)
    ledger.check_fresh(verdict)
    for moved in _tags(verdict):
        ledger.check_forwards(moved, verdict)


def _check_platforms(entry: Entry, units: _Units) -> None:
    """Every platform of an index is there, and it is known whether this is an index."""
    if entry.platforms is None and entry.unit not in units.listed:
        message = "it has no SUBJECT, and no index of this set lists it"
        raise Refused(codes.PLATFORMS_UNKNOWN, message)
    for digest in entry.platforms or ():
        if (entry.image.name, digest) not in units.there:
            raise Refused(codes.PLATFORM_MISSING, f"this set has no entry for {digest}")


def _tags(verdict: Verdict) -> Iterator[Tag]:
    if verdict.entry:
        for tag in verdict.entry.tags:
            yield verdict.entry.image.name, tag


def _essences(
    verdict: Verdict, signatures: Iterable[SignatureVerdict]
) -> Iterator[tuple[Digest, bytes]]:
    """Signatures of an entry, each with the entry's digest: beside another digest a signature is
    worth nothing, and takes nothing from the entry that it is for.
    """
    for each in signatures:
        if verdict.entry and each.essence is not None:
            yield verdict.entry.digest, each.essence


def _furthest(
    signatures: Iterable[SignatureVerdict], before: Mapping[str, _Reached] | None = None
) -> dict[str, _Reached]:
    """How far these signatures, and what was before them, have come in each log."""
    found = dict(before or {})
    for each in signatures:
        if each.log is not None and each.time is not None:
            last = found.get(each.log.log, _Reached(each.log.index, each.time))
            found[each.log.log] = _Reached(
                max(last.index, each.log.index), max(last.time, each.time)
            )
    return found


def _older(tag: Tag, why: str) -> Refused:
    return Refused(codes.TAG_OLDER, f"{tag[0]}:{tag[1]} would move backwards: {why}")
