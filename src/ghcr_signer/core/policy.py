"""Policy and Trust: who may sign what, and which logs count.

The vocabulary is that of sigstore's ClusterImagePolicy where it has a word. A policy is read from
`policy.yml` (docs/policy.md), or made of keys and globs that were named: then it has one rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache, lru_cache

from ghcr_signer.core import codes
from ghcr_signer.core.directory import LATEST_TAG
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.trusted_root import TrustedRoot


class Requirement(Enum):
    """Whether a signature, or an entry, must have something."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class EverySignature(Enum):
    """Whether every signature of an entry must be valid, or enough of them."""

    VALID = "valid"
    ANY = "any"


class DockerReference(Enum):
    """Whether the signed docker-reference must be the entry's repository."""

    MATCH = "match"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that does not count any more: from an instant on, or (None) at all."""

    start: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody who may sign: a name for people, and the key that makes it distinct.

    `not_before` and `not_after` bound the verified times of its signatures; `rotate_after` is when
    its key should be replaced, of which is warned a month ahead. Instants are UTC.
    """

    name: str
    key: PublicKey
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked: Revocation | None = None
    rotate_after: datetime | None = None

    def require_at(self, time: datetime | None) -> None:
        """Step 7: it counted at the verified time; without one, nothing says that it did. Raises
        Refused.
        """
        name, revoked = self.name, self.revoked
        if revoked is not None and revoked.start is None:
            raise Refused(codes.TIME_REVOKED, f"{name} is revoked: {revoked.reason}")
        if time is None:
            if revoked or self.not_before or self.not_after:
                message = f"{name} counts for a time only, and this has no time"
                raise Refused(codes.TIME_MISSING, message)
            return
        if revoked is not None and revoked.start is not None and time >= revoked.start:
            since = f"since {revoked.start.isoformat()}: {revoked.reason}"
            raise Refused(codes.TIME_REVOKED, f"{name}, at {time.isoformat()}, is revoked {since}")
        if self.not_before is not None and time < self.not_before:
            message = f"{name}, at {time.isoformat()}, counts from {self.not_before.isoformat()}"
            raise Refused(codes.TIME_AUTHORITY, message)
        if self.not_after is not None and time > self.not_after:
            message = f"{name}, at {time.isoformat()}, counted until {self.not_after.isoformat()}"
            raise Refused(codes.TIME_AUTHORITY, message)

    def counts_at(self, time: datetime) -> bool:
        """Whether what it signs at an instant counts."""
        try:
            self.require_at(time)
        except Refused:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold of the images that one of its globs names.

    Globs match registry[:port]/repository as a whole, in their case: `*` stays within a segment of
    the path, `**` crosses segments. `threshold` counts distinct authorities within an entry;
    `annotations` must be signed exactly so; `tags` are globs over the tags that a set may move;
    `freshness` is how old the signatures of what a tag points at may become: for audits alone.
    """

    name: str
    images: tuple[str, ...]
    authorities: tuple[Authority, ...]
    threshold: int = 1
    every_signature: EverySignature = EverySignature.VALID
    transparency_log: Requirement = Requirement.REQUIRED
    docker_reference: DockerReference = DockerReference.MATCH
    platforms: Requirement = Requirement.OPTIONAL
    annotations: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = (LATEST_TAG,)
    freshness: timedelta | None = None

    def __post_init__(self) -> None:
        """One key in two authorities would count one signer twice: refused (GS2004)."""
        if len({authority.key for authority in self.authorities}) != len(self.authorities):
            raise UsageError(codes.KEY_UNUSABLE, f"the rule {self.name!r} names one key twice")

    def covers(self, image: Reference) -> bool:
        """Whether the rule is about an image."""
        name = image.name
        return any(_matches(glob, name) for glob in self.images)

    def lets_move(self, tag: str) -> bool:
        """Whether a set may move the tag."""
        return any(_matches(glob, tag) for glob in self.tags)

    def require_moves(self, tag: str, fix: str = "") -> None:
        """Raise Refused (GS1002), with this next step if there is one, unless a set may move it."""
        if not self.lets_move(tag):
            allowed = ", ".join(self.tags) or "none"
            message = f"the rule {self.name!r} does not let a set move {tag!r}, but {allowed}"
            raise Refused(codes.TAG_NOT_ALLOWED, message, fix=fix)


def wants_platforms(rules: Iterable[Rule]) -> bool:
    """Whether one of the rules wants every platform of an index in its set."""
    return Requirement.REQUIRED in [rule.platforms for rule in rules]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A digest that is forbidden for good, since when and why."""

    date: datetime
    reason: str

    def __str__(self) -> str:
        return f"since {self.date.isoformat()}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may sign what: every rule that covers an image must pass; one that none covers fails."""

    rules: tuple[Rule, ...]
    withdrawn: Mapping[Digest, Withdrawal] = field(default_factory=dict)

    def rules_for(self, image: Reference) -> tuple[Rule, ...]:
        """The rules that cover an image; a broad rule never weakens a narrow one."""
        return tuple([rule for rule in self.rules if rule.covers(image)])


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verdict rests on: the policy and the trusted root, both from one place."""

    policy: Policy
    trusted_root: TrustedRoot

    @property
    def of_one_signer(self) -> Trust:
        """The same, where one signer is enough: what is asked of each of those who must sign."""
        rules = tuple(replace(rule, threshold=1) for rule in self.policy.rules)
        return replace(self, policy=replace(self.policy, rules=rules))


@lru_cache(maxsize=1024)
def _matches(glob: str, name: str) -> bool:
    return _pattern(glob).fullmatch(name) is not None


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", glob)
    meaning = {"*": "[^/]*", "**": ".*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))
