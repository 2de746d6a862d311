"""The review: what merging a change does, for whoever is asked to merge it.

It rests on what is in git: the new sets, the policy, and the ledger of the base. Where a registry
was read too, `Seen` is what it said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from ghcr_signer.core import codes, image, limits
from ghcr_signer.core.directory import LATEST_TAG, Entry
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.image import Image
from ghcr_signer.core.ledger import Declared, Tag, Unit, last_movers
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.policy import Policy, Rule
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trusted_root import public_good
from ghcr_signer.core.verdict import SignatureVerdict, Verdict

_LISTED = 50  # of one image: platforms, signatures, annotations
_LONGEST = 200  # characters of a text that an image or a signature brings
_REKOR = "https://rekor.sigstore.dev"
_SOURCE = re.compile(
    r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]{1,100}?)(?:\.git)?/?",
    re.ASCII,
)
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image says that it comes from: the words of whoever built it, "" for none."""

    source: str = ""
    revision: str = ""

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Origin:
        """From what core/image.py reads; what is too long is cut, and leads nowhere."""
        return cls(cut(labels.get("source", "")), cut(labels.get("revision", "")))

    def compared_with(self, before: Origin) -> str:
        """Where GitHub shows what has changed between two revisions of one source; else ""."""
        ours, theirs = _SOURCE.fullmatch(self.source), _SOURCE.fullmatch(before.source)
        revisions = (before.revision, self.revision)
        if not (ours and theirs and all(map(_REVISION.fullmatch, revisions))):
            return ""
        names = ours[1], ours[2]
        same = "/".join(names).lower() == f"{theirs[1]}/{theirs[2]}".lower()
        if not same or names[1] in (".", "..") or revisions[0] == revisions[1]:
            return ""
        return f"https://github.com/{names[0]}/{names[1]}/compare/{'...'.join(revisions)}"


@dataclass(frozen=True, slots=True)
class Platform:
    """A manifest that an index lists; `here`: the same set has an entry for it."""

    name: str
    digest: Digest
    here: bool


@dataclass(frozen=True, slots=True)
class Quorum:
    """Who signed under one rule, of how many that it wants; `missing` are those who can sign still,
    where more must.
    """

    rule: str
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether enough have signed."""
        return len(self.signed) >= max(self.threshold, 1)


@dataclass(frozen=True, slots=True)
class Signed:
    """One valid signature: whose, when by the log, where in that; `link` shows it in a browser."""

    authority: str
    time: datetime | None
    log: LogPosition | None
    link: str


class State(Enum):
    """What became of a merged set: it counts, fails under today's policy, or is withdrawn."""

    GOOD = ""
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Move:
    """A tag, where the ledger of the base has it (None: nowhere), and where it will point.

    `path` is of the entry that moves it; `since` is the set that moved it last, `state` what has
    become of that.
    """

    repository: str
    tag: str
    before: Digest | None
    since: str
    state: State
    after: Digest
    path: str

    @property
    def key(self) -> Tag:
        """registry/repository and tag."""
        return self.repository, self.tag

    @property
    def stays(self) -> bool:
        """Whether it points there already."""
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An image of the change, together with its platforms that are signed alike.

    `path` is its entry's; `is_known`: its own manifest or index was there to be read; `entries`
    counts its entry and those of the platforms. Of `platforms`, `signatures` and `annotations` the
    first are listed and all are counted.
    """

    path: str
    repository: str
    digest: Digest
    passed: bool
    is_known: bool
    entries: int
    platforms: tuple[Platform, ...]
    platform_count: int
    quorums: tuple[Quorum, ...]
    signatures: tuple[Signed, ...]
    signature_count: int
    annotations: tuple[tuple[str, str], ...]
    annotation_count: int

    @property
    def set_name(self) -> str:
        """The set that it is in."""
        return self.path.partition("/")[0]

    @property
    def unit(self) -> Unit:
        """registry/repository, and the digest."""
        return self.repository, self.digest

    @property
    def logged(self) -> datetime | None:
        """When it was signed last, by the log."""
        return max((each.time for each in self.signatures if each.time), default=None)


class Standing(Enum):
    """How a tag stands in the registry, beside the ledger of the base."""

    AS_EXPECTED = "as expected"
    THERE = "there already"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """What registries said: where tags point (None: nowhere), which images are there, what those
    say of their origin; `unread` gives for a registry/repository why it could not be read.
    """

    tags: Mapping[Tag, Digest | None]
    images: Mapping[Unit, bool]
    origins: Mapping[Unit, Origin]
    unread: Mapping[str, str]

    def standing(self, move: Move) -> Standing:
        """How a tag stands."""
        if move.key not in self.tags:
            return Standing.UNKNOWN
        current = self.tags[move.key]
        if current == move.after:
            return Standing.THERE
        return Standing.AS_EXPECTED if current == move.before else Standing.ELSEWHERE


@dataclass(frozen=True, slots=True)
class Review:
    """What merging does: tags move, `latest` first of a repository's, and images get signatures.

    `now` is the instant that ages are told from, `folder` the signature directory; `more` counts
    images beyond the cap of a change; `origins` are as git has them; `seen` is None where no
    registry was asked.
    """

    now: datetime
    folder: str
    moves: tuple[Move, ...] = ()
    images: tuple[Reviewed, ...] = ()
    more: int = 0
    origins: Mapping[Unit, Origin] = field(default_factory=dict)
    seen: Seen | None = None

    @property
    def moving(self) -> tuple[Move, ...]:
        """The tags that will point elsewhere than now."""
        return tuple(move for move in self.moves if not move.stays)

    def origin(self, unit: Unit) -> Origin:
        """Where an image says that it comes from: the registry's answer, else what git has."""
        seen = self.seen.origins.get(unit) if self.seen else None
        return seen or self.origins.get(unit, Origin())

    def compare(self, reviewed: Reviewed) -> str:
        """Where the difference from what a tag of the image points at now can be seen, else ""."""
        for move in self.moves:
            if move.path == reviewed.path and move.before and not move.stays:
                before = self.origin((move.repository, move.before))
                return self.origin(reviewed.unit).compared_with(before)
        return ""


def review(
    verdicts: Sequence[Verdict],
    merged: Collection[Verdict],
    declared: Iterable[Declared],
    subjects: Mapping[str, bytes],
    folder: str,
    *,
    policy: Policy,
    now: datetime,
) -> Review:
    """What merging the judged entries does.

    `declared` is what the base's entries say that they move, `merged` are verdicts of those that
    move one of the same tags last; `subjects` gives for paths of both the image's own manifest or
    index, whose digest has been compared.
    """
    known = dict(_parsed(subjects))
    before = last_movers(declared)
    entries = {each.path: (each, each.entry) for each in verdicts if each.entry}
    there = {(entry.image.name, path) for path, (_, entry) in entries.items()}
    groups = list(_grouped(verdicts, known).items())
    images = []
    for path, count in groups[: limits.CHANGE_ENTRIES]:
        verdict, entry = entries[path]
        platforms = _platforms(path, entry.image.name, known, there) if path in known else None
        images.append(_reviewed(verdict, entry, count, platforms, policy, now))
    return Review(
        now,
        folder,
        _moves(verdicts, before, {verdict.path: verdict for verdict in merged}),
        tuple(images),
        len(groups) - len(images),
        dict(_origins(verdicts, before.values(), subjects)),
    )


def log_link(position: LogPosition) -> str:
    """Where a browser shows a log entry; "" for any log but sigstore's public one."""
    log = public_good().logs.get(position.log)
    if log is None or log.url != _REKOR:
        return ""
    return f"https://search.sigstore.dev/?logIndex={position.index}"


def cut(text: str) -> str:
    """A text that an image or a signature brings, in a length that can be shown."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _parsed(subjects: Mapping[str, bytes]) -> Iterator[tuple[str, Image]]:
    for path, content in subjects.items():
        try:
            yield path, Image.parse(content)
        except Refused:  # where platforms matter, step 10 has refused it
            continue


def _moves(
    verdicts: Iterable[Verdict], before: Mapping[Tag, Declared], merged: Mapping[str, Verdict]
) -> tuple[Move, ...]:
    """Of several sets that move a tag the last one wins."""
    moves: dict[Tag, Move] = {}
    for path, entry in ((each.path, each.entry) for each in verdicts if each.entry):
        for key in ((entry.image.name, tag) for tag in entry.tags):
            last = before.get(key)
            state = _state(merged.get(f"{last.set_name}/{last.digest.hex}")) if last else State.GOOD
            digest, since = (last.digest, last.set_name) if last else (None, "")
            moves[key] = Move(*key, digest, since, state, entry.digest, path)
    return tuple(sorted(moves.values(), key=lambda m: (m.repository, m.tag != LATEST_TAG, m.tag)))


def _state(verdict: Verdict | None) -> State:
    if verdict is None or verdict.passed:
        return State.GOOD
    withdrawn = any(failure.code is codes.WITHDRAWN for failure in verdict.failures)
    return State.WITHDRAWN if withdrawn else State.RETIRED


def _origins(
    verdicts: Iterable[Verdict], before: Iterable[Declared], subjects: Mapping[str, bytes]
) -> Iterator[tuple[Unit, Origin]]:
    units = {verdict.path: verdict.entry.unit for verdict in verdicts if verdict.entry}
    units |= {f"{e.set_name}/{e.digest.hex}": (e.repository, e.digest) for e in before}
    for path, content in subjects.items():
        if path in units:
            yield units[path], Origin.of(image.manifest_labels(content))


def _grouped(verdicts: Sequence[Verdict], known: Mapping[str, Image]) -> dict[str, int]:
    """The path of each image's entry, and how many entries of its platforms go with it: those that
    differ from it in nothing that a reviewer judges.
    """
    entries = {verdict.path: verdict for verdict in verdicts if verdict.entry}
    above: dict[str, str] = {}
    for path, index in entries.items():
        for child in known[path].children if path in known else ():
            below = entries.get(_beside(path, child.digest))
            if below is not None and below is not index and _alike(below, index):
                above.setdefault(below.path, path)
    groups: dict[str, int] = {}
    for path in entries:
        top = path
        while top in above:
            top = above[top]
        groups[top] = groups.get(top, 0) + 1
    return groups


def _alike(below: Verdict, index: Verdict) -> bool:
    """Whether an entry says nothing that its index's does not say: good, no tags, signed alike."""
    return (
        below.passed
        and index.passed
        and below.passed_entry.image.name == index.passed_entry.image.name
        and not below.passed_entry.tags
        and below.rules == index.rules
        and _annotations(below) == _annotations(index)
    )


def _beside(path: str, digest: Digest) -> str:
    """Where the same set would have an entry for another digest."""
    return f"{path.partition('/')[0]}/{digest.hex}"


def _reviewed(
    verdict: Verdict,
    entry: Entry,
    entries: int,
    platforms: Sequence[Platform] | None,
    policy: Policy,
    now: datetime,
) -> Reviewed:
    valid = [each for each in verdict.signatures if each.valid]
    annotations = _annotations(verdict)
    return Reviewed(
        verdict.path,
        entry.image.name,
        entry.digest,
        verdict.passed,
        platforms is not None,
        entries,
        tuple((platforms or ())[:_LISTED]),
        len(platforms or ()),
        tuple(_quorums(verdict, policy.rules_for(entry.image), now)),
        tuple(map(_signed, valid[:_LISTED])),
        len(valid),
        tuple((cut(name), cut(value)) for name, value in annotations[:_LISTED]),
        len(annotations),
    )


def _platforms(
    path: str, repository: str, known: Mapping[str, Image], there: Collection[tuple[str, str]]
) -> list[Platform]:
    """What an index lists, and the indexes in it as far as they are known, each digest once; first
    what has no entry. `there` has registry/repository and path of each entry.
    """
    found: dict[Digest, Platform] = {}
    waiting = [path]
    done = set()
    while waiting:
        current = waiting.pop()
        done.add(current)
        for child in known[current].children if current in known else ():
            below = _beside(path, child.digest)
            if child.index and below in known and below not in done:
                waiting.append(below)
            elif not (child.index or child.attestation):
                here = (repository, below) in there
                found[child.digest] = Platform(cut(child.platform), child.digest, here)
    return sorted(found.values(), key=lambda platform: platform.here)


def _quorums(verdict: Verdict, rules: Iterable[Rule], now: datetime) -> Iterator[Quorum]:
    asked = {each.rule: each.names for each in verdict.rules}
    for rule in rules:
        if rule.name in asked:
            signed = asked[rule.name]
            others = [a.name for a in rule.authorities if a.name not in signed and a.counts_at(now)]
            quorum = Quorum(rule.name, rule.threshold, signed, tuple(others))
            yield replace(quorum, missing=()) if quorum.met else quorum


def _signed(signature: SignatureVerdict) -> Signed:
    log = signature.log
    return Signed(signature.authority or "", signature.time, log, log_link(log) if log else "")


def _annotations(verdict: Verdict) -> list[tuple[str, str]]:
    """What valid signatures say besides, each once."""
    claims = [each.claims.annotations for each in verdict.signatures if each.valid and each.claims]
    return sorted({pair for each in claims for pair in each.items()})
