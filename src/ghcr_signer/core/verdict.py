"""Check, SignatureVerdict, Verdict: what verification says, check by check.

A verdict is never a bool. It lists what was checked, by the number of the step, and a step that was
not reached is not in the list: it can never be mistaken for one that passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from ghcr_signer.core.directory import Entry
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.signature import Claims


class Step(IntEnum):
    """The numbered steps of verification, as everywhere in this project."""

    STRUCTURE = 1
    REFERENCE = 2
    BLOBS = 3
    ARTIFACT = 4
    SIGNATURE = 5
    LOG_ENTRY = 6
    TIME = 7
    CLAIMS = 8
    POLICY = 9
    SET = 10
    CHANGE = 11


@dataclass(frozen=True, slots=True)
class Check:
    """One check that was made: its step, what it asked, and the failure if it failed."""

    step: Step
    name: str
    failure: Failure | None = None

    @property
    def passed(self) -> bool:
        """Whether the check was made and found nothing."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """What steps 5 to 8 say of one signature.

    `place` is where it stands (`MANIFEST`, layer 0); `authority` is the name of the trusted
    authority it verifies under and `key` that key's fingerprint, both None where there is none;
    `time` is the verified time, UTC, None without a verified log entry; `essence` tells whether two
    signatures are one (core/key.py), None where it is in no canonical form.
    """

    format: str
    place: str
    authority: str | None
    key: str | None
    claims: Claims | None
    log: LogPosition | None
    time: datetime | None
    essence: bytes | None
    checks: tuple[Check, ...]

    @property
    def valid(self) -> bool:
        """Whether steps 5 to 8 were all made and none failed."""
        return _all_passed(self.checks, _SIGNATURE_STEPS)


@dataclass(frozen=True, slots=True)
class Signers:
    """Which authorities of a rule have signed an entry validly, by name."""

    rule: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification says of one entry. `path` is the entry's, SET/DIGEST.

    `entry` is None where the files do not say which image it is about (steps 1 and 2). Where
    several rules cover that, `signatures` are as the first that fails judges them, else the first;
    `others` are the same as each of the other rules judges them. `rules` says who signed under each
    rule.
    """

    path: str
    entry: Entry | None
    signatures: tuple[SignatureVerdict, ...]
    checks: tuple[Check, ...]
    others: tuple[tuple[SignatureVerdict, ...], ...] = ()
    rules: tuple[Signers, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether steps 1 to 4, 9 and 10 were all made and none failed."""
        return _all_passed(self.checks, _ENTRY_STEPS)

    @property
    def by_rule(self) -> tuple[tuple[SignatureVerdict, ...], ...]:
        """The signatures as each rule judges them, in no order."""
        return self.signatures, *self.others

    @property
    def judged(self) -> Iterator[SignatureVerdict]:
        """The same, one after the other."""
        return (each for signatures in self.by_rule for each in signatures)

    @property
    def set_name(self) -> str:
        """The set that the entry is in."""
        return self.path.partition("/")[0]

    @property
    def passed_entry(self) -> Entry:
        """The entry, for whoever acts on it; raises ValueError unless it has passed."""
        if self.entry is None or not self.passed:
            raise ValueError(f"{self.path} has not passed")
        return self.entry

    @property
    def signers(self) -> tuple[str, ...]:
        """The authorities of its valid signatures, each once."""
        found = {each.authority for each in self.judged if each.authority and each.valid}
        return tuple(sorted(found))

    @property
    def logged(self) -> datetime | None:
        """The latest verified time of its valid signatures, None where no log entry gives one."""
        return max((each.time for each in self.judged if each.time and each.valid), default=None)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every failure: those of the signatures first, since step 9 follows from them."""
        if self.passed:
            return ()
        checks = [check for signature in self.signatures for check in signature.checks]
        return tuple(check.failure for check in (*checks, *self.checks) if check.failure)


_SIGNATURE_STEPS = {Step.SIGNATURE, Step.LOG_ENTRY, Step.TIME, Step.CLAIMS}
_ENTRY_STEPS = {
    Step.STRUCTURE,
    Step.REFERENCE,
    Step.BLOBS,
    Step.ARTIFACT,
    Step.POLICY,
    Step.SET,
}


def _all_passed(checks: tuple[Check, ...], steps: set[Step]) -> bool:
    made = set()
    for check in checks:
        if check.failure is not None:
            return False
        made.add(check.step)
    return steps <= made
