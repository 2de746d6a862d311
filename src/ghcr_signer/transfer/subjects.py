"""Which digests a ceremony is about: an image, its platforms, and their manifests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Refused, Unreachable, UsageError
from ghcr_signer.core.image import Child, Image
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.peers.registry.registries import Location
from ghcr_signer.transfer.fetch import labels, read_image

Read = Callable[[Digest], Image | None]


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
        """A manifest, None where it is not there; raises Refused (GS1307) for anything else."""
        try:
            return read_image(self.location, self.given, digest)
        except Refused as refusal:
            raise Refused(refusal.failure.code, f"{digest}: {refusal}") from None

    def lacks(self, digest: Digest) -> str:
        """That a manifest is not there, for people."""
        if self.location is None:
            return f"no file given with --subject is {digest}"
        return f"{self.location.client.host}/{self.location.repository} has no {digest}"

    def origin(self, image: Image) -> Mapping[str, str]:
        """What the config says of the image's origin, an index's first platform's; empty where it
        cannot be read: nothing rests on it.
        """
        if self.location is None:
            return {}
        try:
            below = (found for _, found in descend(self.read, image, attestations=False))
            return labels(self.location, next((it for it in below if it and it.config), image))
        except (Refused, Unreachable):
            return {}


def resolve_digest(image: Reference, location: Location) -> Digest:
    """The digest that an image's tag points at.

    Raises UsageError (GS2001) for an image without a tag, Refused (GS1307) where there is none.
    """
    if image.tag is None:
        raise UsageError(codes.USAGE, f"{image} names neither a digest nor a tag")
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
        raise Refused(codes.NOT_SIGNABLE, source.lacks(digest))
    found = [Subject(digest, "index" if top.children else "image", top)]
    below = descend(source.read, top, attestations=attestations)
    for child, image in below if recursive else ():
        if image is None:
            raise Refused(codes.SUBJECT_MISSING, f"{child.platform}: {source.lacks(child.digest)}")
        found.append(Subject(child.digest, child.platform, image))
    return found


def descend(read: Read, top: Image, *, attestations: bool) -> Iterator[tuple[Child, Image | None]]:
    """What an index lists, and the indexes in it: each digest once, its manifest if `read` has it.

    Raises Refused (GS1307) for more digests than a set may have.
    """
    seen = {top.digest}
    waiting = deque(top.children)
    while waiting:
        child = waiting.popleft()
        if child.digest in seen or (child.attestation and not attestations):
            continue
        seen.add(child.digest)
        if len(seen) > limits.ENTRIES_PER_SET:
            raise Refused(codes.NOT_SIGNABLE, f"more than {limits.ENTRIES_PER_SET} digests to sign")
        image = read(child.digest)
        yield child, image
        waiting.extend(image.children if image else ())
