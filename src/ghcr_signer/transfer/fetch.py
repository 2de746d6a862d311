"""Registry -> files: the signatures of a digest, and the image's own manifests."""

from __future__ import annotations

from collections.abc import Mapping

from ghcr_signer.core import codes, directory, image, limits
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.core.image import Image
from ghcr_signer.core.manifest import SignatureManifest
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.registry.registries import Location


def signature_files(
    location: Location, digest: Digest, *, just_written: bool = False
) -> dict[str, bytes] | None:
    """MANIFEST and its blobs, raw; None where there is no `.sig` tag.

    Raises Refused for a manifest that is not one of signatures, Unreachable for a missing blob.
    `just_written` waits for a registry that does not know at once what it has just taken.
    """
    client, repository = location.client, location.repository
    manifest = client.manifest(repository, digest.signature_tag, just_written=just_written)
    if manifest is None:
        return None
    files = {directory.MANIFEST: manifest.content}
    for name, descriptor in SignatureManifest.parse(manifest.content).files.items():
        content = client.blob(repository, descriptor, just_written=just_written)
        if content is None:
            raise Unreachable(
                codes.NOT_FOUND, f"{client.host}/{repository} lacks the blob {descriptor.digest}"
            )
        files[name] = content
    return files


def read_image(
    location: Location | None, given: Mapping[Digest, bytes], digest: Digest
) -> Image | None:
    """An image's own manifest: the file that was given, else the registry's; None for neither."""
    content = given.get(digest)
    if content is None and location is not None:
        manifest = location.client.manifest(location.repository, digest)
        content = manifest.content if manifest else None
    return Image.parse(content) if content is not None else None


def labels(location: Location, subject: Image) -> Mapping[str, str]:
    """What the image's config says of its origin; empty for an index, or a config not there."""
    if subject.config is None or subject.config.size > limits.BLOB_BYTES:
        return {}
    config = location.client.blob(location.repository, subject.config)
    return image.labels(config) if config is not None else {}
