"""Registry -> Seen: where the tags of a review point, and what its images say of their origin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from ghcr_signer.core.errors import GhcrSignerError
from ghcr_signer.core.image import Image
from ghcr_signer.core.ledger import Tag, Unit
from ghcr_signer.core.origin import Origin, cut
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.review import Move, Review, Seen
from ghcr_signer.peers.registry.registries import Location, Registries
from ghcr_signer.transfer.observe import THREADS
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Source

_MOST = 200  # images, and tags: a reviewer looks at fewer
_Answer = TypeVar("_Answer")


def survey(
    review: Review, registries: Registries, progress: Progress
) -> tuple[Seen, dict[str, bytes]]:
    """What registries say of a review, and by their paths the manifests of its images.

    Only what has passed is asked for: else a change could choose where our requests go.
    """
    images = [image for image in review.images if image.passed][:_MOST]
    passed = {image.path for image in images}
    moves = [move for move in review.moves if move.path in passed][:_MOST]
    before = [(move.repository, move.before) for move in moves if move.before]
    units = list(dict.fromkeys([*(image.unit for image in images), *before]))
    reader = _Reader(registries)
    tags: dict[Tag, Digest | None] = {}
    found: dict[Unit, _Found] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for move, tag in zip(moves, pool.map(reader.tag, moves), strict=True):
            tags |= {move.key: tag[0]} if tag else {}
        for unit, image in zip(units, pool.map(reader.image, units), strict=True):
            found |= {unit: image} if image else {}
            progress.step("read", len(found), len(units))
    origins = {unit: each.origin for unit, each in found.items() if each.origin != Origin()}
    there = {unit: each.image is not None for unit, each in found.items()}
    manifests = {
        image.path: read.content
        for image in images
        if image.unit in found and (read := found[image.unit].image)
    }
    return Seen(tags, there, origins, reader.unread), manifests


@dataclass(frozen=True, slots=True)
class _Found:
    """An image, None where it is not there, and what it says of its origin."""

    image: Image | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class _Reader:
    """It asks no more of a registry/repository once that could not be read."""

    registries: Registries
    unread: dict[str, str] = field(default_factory=dict)

    def tag(self, move: Move) -> tuple[Digest | None] | None:
        """Where a tag points; None where nobody says."""
        return self._ask(
            move.repository, lambda at: (at.client.tag_digest(at.repository, move.tag),)
        )

    def image(self, unit: Unit) -> _Found | None:
        """An image; None where nobody says whether it is there."""
        repository, digest = unit
        return self._ask(repository, lambda at: _found(Source({}, at), digest))

    def _ask(self, repository: str, question: Callable[[Location], _Answer]) -> _Answer | None:
        if repository in self.unread:
            return None
        try:
            return question(self.registries.locate(Reference.parse(repository)))
        except GhcrSignerError as error:
            self.unread.setdefault(repository, cut(str(error)))
            return None


def _found(source: Source, digest: Digest) -> _Found:
    image = source.read(digest)
    return _Found(image, Origin.of(source.origin(image)) if image else Origin())
