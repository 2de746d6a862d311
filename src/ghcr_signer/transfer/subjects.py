"""Which digests a ceremony is about: an image, its platforms, and their manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.image import Child, Image
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.peers.registry.registries import Location
from ghcr_signer.transfer.fetch import read_image


@dataclass(frozen=True, slots=True)
class Subject:
    """A digest that is signed. `label` is for people: "index", or a platform's name."""

    digest: Digest
    label: str
    image: Image


@dataclass(frozen=True, slots=True)
class Source:
    """Where manifests come from: files that were given, and a registry (None: it is not asked)."""

    given: Mapping[Digest, bytes]
    location: Location | None

    def read(self, digest: Digest) -> Image | None:
        """A manifest, or None where it is not there."""
        return read_image(self.location, self.given, digest)


def resolve_digest(image: Reference, location: Location) -> Digest:
    """The digest that an image's tag points at; raises Refused (GS1307) for no tag, or none there."""
    if image.tag is None:
        raise Refused(codes.NOT_SIGNABLE, f"{image} names neither a tag nor a digest")
    digest = location.client.tag_digest(location.repository, image.tag)
    if digest is None:
        raise Refused(codes.NOT_SIGNABLE, f"{image} is not there")
    return digest


def subjects(
    source: Source, digest: Digest, *, recursive: bool, attestations: bool
) -> list[Subject]:
    """The image, then each of its platforms, each digest once. `attestations`: buildx's too.

    Raises Refused: GS1307 where the image is not there, GS1308 where a platform's manifest is not.
    """
    top = source.read(digest)
    if top is None:
        raise Refused(codes.NOT_SIGNABLE, f"{digest} is not there")
    found = {digest: Subject(digest, "index" if top.children else "image", top)}
    if recursive:
        for child, image in _descend(source, top, attestations, limits.INDEX_DEPTH):
            found.setdefault(child.digest, Subject(child.digest, child.platform, image))
    return list(found.values())


def _descend(
    source: Source, parent: Image, attestations: bool, depth: int
) -> Iterator[tuple[Child, Image]]:
    if parent.children and depth == 0:
        raise Refused(codes.NOT_SIGNABLE, f"{parent.digest}: indexes inside indexes, too deep")
    for child in parent.children:
        if child.attestation and not attestations:
            continue
        image = source.read(child.digest)
        if image is None:
            raise Refused(codes.SUBJECT_MISSING, f"{child.platform}: {child.digest} is not there")
        yield child, image
        yield from _descend(source, image, attestations, depth - 1)
