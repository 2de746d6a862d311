"""Policy and Trust: who may sign what, and which logs count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.reference import Reference
from ghcr_signer.core.trusted_root import TrustedRoot


class Requirement(Enum):
    """Whether a signature must have something."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody who may sign: a name for people, and the key that makes it distinct."""

    name: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may sign what.

    An entry needs a signature by one of the authorities; every signature in it must verify; the
    signed docker-reference must match. `repositories` are globs over registry/repository, None for
    any: `*` stays within a segment of the path, `**` crosses segments.
    """

    authorities: tuple[Authority, ...]
    repositories: tuple[str, ...] | None
    transparency_log: Requirement = Requirement.REQUIRED

    def __post_init__(self) -> None:
        """One key in two authorities would count one signer twice: refused (GS2004)."""
        if len({authority.key for authority in self.authorities}) != len(self.authorities):
            raise UsageError(codes.KEY_UNUSABLE, "one key is named twice")

    def allows(self, image: Reference) -> bool:
        """Whether the image's repository is one that this policy is about."""
        return self.repositories is None or any(
            _pattern(glob).fullmatch(image.name) for glob in self.repositories
        )


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verdict rests on: the policy and the trusted root, both from one place."""

    policy: Policy
    trusted_root: TrustedRoot


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", glob)
    meaning = {"*": "[^/]*", "**": ".*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))
