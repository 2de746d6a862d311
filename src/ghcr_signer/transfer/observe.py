"""Registry -> Held: what is there already, so that a plan can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ghcr_signer.core.directory import Entry
from ghcr_signer.core.ledger import Ledger, Tag, Unit
from ghcr_signer.core.plan import Held
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.transfer.progress import Progress

THREADS = 8
"""Requests under way at once. ghcr.io takes 2,000 a minute: eight, at a quarter of a second each. A
faster network may be told to wait (429), which costs nothing but that wait.
"""


def observe(
    verdicts: Sequence[Verdict], ledger: Ledger, registries: Registries, progress: Progress
) -> Held:
    """One HEAD an entry, one a tag, and one for each image that a tag would move to.

    `verdicts` are those of what should be live; a tag that another entry moves last is not asked
    for.
    """
    entries = {verdict.path: verdict.passed_entry for verdict in verdicts}
    units = {entry.unit: entry for entry in entries.values()}
    movers = {tag: entries[path] for tag, path in ledger.movers.items() if path in entries}
    with ThreadPoolExecutor(THREADS) as pool:
        held = {}
        for unit, found in zip(
            units,
            pool.map(lambda entry: _signatures(registries, entry), units.values()),
            strict=True,
        ):
            held[unit] = found
            progress.step("compared", len(held), len(units))
        tags = dict(
            zip(
                movers,
                pool.map(lambda tag: _tag(registries, movers[tag], tag), movers),
                strict=True,
            )
        )
        images = _images(registries, pool, movers, tags)
    return Held(held, tags, images)


def _signatures(registries: Registries, entry: Entry) -> Digest | None:
    location = registries.locate(entry.image)
    return location.client.tag_digest(location.repository, entry.digest.signature_tag)


def _tag(registries: Registries, entry: Entry, tag: Tag) -> Digest | None:
    location = registries.locate(entry.image)
    return location.client.tag_digest(location.repository, tag[1])


def _is_there(registries: Registries, entry: Entry) -> bool:
    location = registries.locate(entry.image)
    return location.client.has_manifest(location.repository, entry.digest)


def _images(
    registries: Registries,
    pool: ThreadPoolExecutor,
    movers: Mapping[Tag, Entry],
    tags: Mapping[Tag, Digest | None],
) -> frozenset[Unit]:
    """Which of the images are there that a tag does not point at yet."""
    wanted = {entry.unit: entry for tag, entry in movers.items() if tags[tag] != entry.digest}
    found = pool.map(lambda entry: _is_there(registries, entry), wanted.values())
    return frozenset(unit for unit, there in zip(wanted, found, strict=True) if there)
