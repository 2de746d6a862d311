"""The review: what merging a change does, for whoever is asked to merge it.

It rests on what is in git: the new sets, the policy, and the ledger of the base. Where a registry
was read too, `Seen` is what it said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from ghcr_signer.core.ledger import Tag, Unit
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.origin import Origin
from ghcr_signer.core.reference import Digest


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
    """What merging does: tags move, `latest` told first, those that stay last; and images get
    signatures.

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
