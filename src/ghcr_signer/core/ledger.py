"""The ledger: what all sets of a directory together say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ghcr_signer.core.directory import parse_set_name
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Verdict

Tag = tuple[str, str]
"""registry/repository, and a tag in it."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who moves which tag, and which digests are known.

    `movers` gives for each (registry/repository, tag) the path of the entry that moves it: of all
    sets that name the tag, the one with the latest instant. `signed` holds the
    (registry/repository, digest) of every entry.
    """

    movers: Mapping[Tag, str]
    signed: frozenset[tuple[str, Digest]]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Ledger:
        """Read the ledger out of verdicts; raises ValueError for one that has not passed."""
        entries = [(verdict.path, verdict.passed_entry) for verdict in verdicts]
        entries.sort(key=lambda item: parse_set_name(item[1].set_name))
        movers = {(entry.image.name, tag): path for path, entry in entries for tag in entry.tags}
        return cls(movers, frozenset(entry.unit for _, entry in entries))


def last_moves(declared: Iterable[tuple[str, str, Iterable[str]]]) -> dict[Tag, datetime]:
    """When each tag was last moved. `declared`: the set, registry/repository, the tags."""
    moves: dict[Tag, datetime] = {}
    for set_name, repository, tags in declared:
        instant = parse_set_name(set_name)
        for tag in tags:
            moves[repository, tag] = max(instant, moves.get((repository, tag), instant))
    return moves
