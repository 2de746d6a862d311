"""The ledger: what all sets of a directory together say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ghcr_signer.core.directory import parse_set_name
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who moves which tag, and which digests are known.

    `movers` gives for each (registry/repository, tag) the path of the entry that moves it: of all
    sets that name the tag, the one with the latest instant. `signed` holds the
    (registry/repository, digest) of every entry.
    """

    movers: Mapping[tuple[str, str], str]
    signed: frozenset[tuple[str, Digest]]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Ledger:
        """Read the ledger out of verdicts; raises ValueError for one that has not passed."""
        entries = [(verdict.path, verdict.passed_entry) for verdict in verdicts]
        entries.sort(key=lambda item: parse_set_name(item[1].set_name))
        movers = {(entry.image.name, tag): path for path, entry in entries for tag in entry.tags}
        return cls(movers, frozenset(entry.unit for _, entry in entries))
