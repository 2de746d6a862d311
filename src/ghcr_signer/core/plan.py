"""The plan: what publishing would do. A pure function of verdicts, ledger and what is there.

A plan is made of entries that have passed, so what was not verified cannot be published; and it
never replaces what it does not hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.directory import LATEST_TAG, Entry
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.ledger import Ledger, Tag, Unit
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Step, Verdict


@dataclass(frozen=True, slots=True)
class Held:
    """What the registries hold: the digest of each unit's `.sig` manifest and the digest that each
    tag points at (None: not there), and which of the images to tag are there themselves.
    """

    signatures: Mapping[Unit, Digest | None]
    tags: Mapping[Tag, Digest | None]
    images: frozenset[Unit]


@dataclass(frozen=True, slots=True)
class Push:
    """Upload an entry's signatures, read them back, verify what was read."""

    path: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Confirm:
    """Read back and verify an entry that is live already, since a tag of its set will move."""

    path: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class MoveTag:
    """Point a tag at an entry's image. `current` is where it points now, None: nowhere."""

    path: str
    entry: Entry
    tag: str
    current: Digest | None


Operation = Push | Confirm | MoveTag


@dataclass(frozen=True, slots=True)
class Retired:
    """A merged set that fails under today's policy, and why: nothing is done with it any more."""

    set_name: str
    failures: tuple[Failure, ...]

    @property
    def broken(self) -> bool:
        """Whether its files are at fault, which no policy changes: it was not merged like this."""
        files = (Step.STRUCTURE, Step.REFERENCE, Step.BLOBS, Step.ARTIFACT)
        return any(
            failure.code.step in files and failure.code is not codes.REPOSITORY_NOT_ALLOWED
            for failure in self.failures
        )

    @property
    def withdrawn(self) -> bool:
        """Whether it is because a digest in it is withdrawn."""
        return any(failure.code is codes.WITHDRAWN for failure in self.failures)


@dataclass(frozen=True, slots=True)
class Plan:
    """The operations in their order, the entries that are live already, what must not be done."""

    operations: tuple[Operation, ...]
    live: tuple[str, ...]
    blocked: tuple[Failure, ...]

    @property
    def sets(self) -> frozenset[str]:
        """The names of the sets that something is to be done for."""
        return frozenset(operation.entry.set_name for operation in self.operations)

    def only(self, sets: Collection[str]) -> Plan:
        """The part of the plan that is about these sets."""
        return Plan(
            tuple(each for each in self.operations if each.entry.set_name in sets),
            tuple(path for path in self.live if path.partition("/")[0] in sets),
            tuple(each for each in self.blocked if each.file.partition("/")[0] in sets),
        )


def plan(
    verdicts: Sequence[Verdict], ledger: Ledger, held: Held, retired: Collection[str] = ()
) -> Plan:
    """What publishing would do. Raises ValueError for a verdict that has not passed, but in a set
    that is `retired`: of such a set nothing is published, and a tag that it moves last stays.

    Signatures first, then what is live already and must be confirmed, then tags, `latest` last.
    """
    entries = {
        verdict.path: verdict.passed_entry
        for verdict in verdicts
        if verdict.set_name not in retired
    }
    known = {verdict.entry.unit for verdict in verdicts if verdict.entry}
    chosen = _chosen(entries, held)
    conflicts = tuple(
        _conflict(path, held.signatures[entry.unit])
        for path, entry in entries.items()
        if entry.artifact.manifest.digest != chosen[entry.unit]
    )
    blocked_sets = {entries[failure.file].set_name for failure in conflicts}
    moves, refusals = _moves(entries, ledger, held, known, blocked_sets)
    moving_sets = {move.entry.set_name for move in moves}

    uploads: list[Push] = []
    confirms: list[Confirm] = []
    live: list[str] = []
    for path, entry in entries.items():
        if entry.artifact.manifest.digest != chosen[entry.unit]:
            continue
        if held.signatures[entry.unit] is None:
            uploads.append(Push(path, entry))
            continue
        live.append(path)
        if entry.set_name in moving_sets:
            confirms.append(Confirm(path, entry))
    return Plan((*uploads, *confirms, *moves), tuple(live), (*conflicts, *refusals))


def _chosen(entries: Mapping[str, Entry], held: Held) -> dict[Unit, Digest]:
    """The `.sig` manifest that each unit has or gets: the registry's own, else the latest set's."""
    ours = {entry.unit: entry.artifact.manifest.digest for entry in entries.values()}
    return {unit: held.signatures[unit] or digest for unit, digest in ours.items()}


def _moves(
    entries: Mapping[str, Entry],
    ledger: Ledger,
    held: Held,
    known: set[Unit],
    blocked_sets: set[str],
) -> tuple[list[MoveTag], list[Failure]]:
    """The tags that move, `latest` last, and those that must not."""
    moves: list[MoveTag] = []
    refusals: list[Failure] = []
    for (name, tag), path in sorted(ledger.movers.items(), key=_latest_last):
        if path not in entries:
            message = f"{name}:{tag} stays where it is: the set that moves it last is retired"
            refusals.append(Failure(codes.TAG_RETIRED, message, path))
            continue
        entry, current = entries[path], held.tags[name, tag]
        if current == entry.digest:
            continue
        refusal = _refusal(entry, tag, current, held, known, blocked_sets)
        if refusal is None:
            moves.append(MoveTag(path, entry, tag, current))
        else:
            refusals.append(Failure(refusal[0], refusal[1], path))
    return moves, refusals


def _latest_last(mover: tuple[Tag, str]) -> tuple[bool, Tag]:
    (name, tag), _ = mover
    return tag == LATEST_TAG, (name, tag)


def _refusal(
    entry: Entry,
    tag: str,
    current: Digest | None,
    held: Held,
    known: set[Unit],
    blocked_sets: set[str],
) -> tuple[codes.Code, str] | None:
    """Why a tag must not move, if it must not."""
    name = f"{entry.image.name}:{tag}"
    if entry.set_name in blocked_sets:
        return codes.TAG_WAITS, f"{name} stays where it is: its set is not wholly live"
    if entry.unit not in held.images:
        return codes.IMAGE_ABSENT, f"{name} stays where it is: {entry.image} is not there"
    if current is not None and (entry.image.name, current) not in known:
        return codes.TAG_UNKNOWN, f"{name} points at {current}, which no set knows"
    return None


def _conflict(path: str, present: Digest | None) -> Failure:
    if present is None:
        return Failure(codes.CONFLICT, "a later set has other signatures for this digest", path)
    return Failure(codes.CONFLICT, f"the registry holds other signatures: manifest {present}", path)
