"""Manifests and tags, and what a manifest must be to get in (distribution-spec, Pushing manifests).

The registry behind ghcr.io believes nothing that it is told about a manifest, so neither does this
one: what is refused there must not pass a rehearsal here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from ghcr_signer.core import limits, strict_json
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry.blobs import Blobs
from ghcr_signer.embedded_registry.protocol import RegistryError, check_content, content_digest

_IMAGE_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_FOREIGN_LAYERS = (
    "application/vnd.oci.image.layer.nondistributable.v1.",
    "application/vnd.docker.image.rootfs.foreign.",
)
"""Layers that are fetched from elsewhere and need not be here (image-spec, Non-Distributable)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A stored manifest: its bytes, as they came, with what a client is told about them."""

    content: bytes
    media_type: str
    digest: str


@dataclass(slots=True)
class _Repository:
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Descriptor:
    name: str
    media_type: str
    digest: str
    size: int


class Manifests:
    """The manifests and tags of every repository. A repository begins with its first manifest."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._repositories: dict[str, _Repository] = {}

    def put(
        self, repository: str, content: bytes, media_type: str, tag: str | None = None
    ) -> Digest:
        """Store a manifest, in process: nothing is checked, its blobs and children may be absent.

        So `sign` puts an image here of which it knows only the manifests.
        """
        digest = Digest.of(content)
        self._store(repository, Manifest(content, media_type, str(digest)), tag)
        return digest

    def push(self, repository: str, reference: str, content: bytes, content_type: str) -> Manifest:
        """Store a manifest that a client sent, under its digest, and its tag where it gave one.

        Raises MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN or DIGEST_INVALID.
        """
        if len(content) > limits.MANIFEST_BYTES:
            raise _invalid(f"it has more than {limits.MANIFEST_BYTES} bytes", status=413)
        is_digest = ":" in reference
        digest = reference if is_digest else str(Digest.of(content))
        check_content(content, digest)
        manifest = Manifest(content, _media_type(content_type), digest)
        document = _document(manifest)
        if manifest.media_type in _INDEX_TYPES:
            self._check_index(repository, document)
        else:
            self._check_image(repository, document)
        self._store(repository, manifest, None if is_digest else reference)
        return manifest

    def get(self, repository: str, reference: str) -> Manifest:
        """The manifest that a tag or digest names; raises MANIFEST_UNKNOWN."""
        manifest = self.find(repository, reference)
        if manifest is None:
            raise _unknown(repository, reference)
        return manifest

    def find(self, repository: str, reference: str) -> Manifest | None:
        """The manifest that a tag or digest names; None if there is none."""
        with self._lock:
            here = self._repositories.get(repository, _Repository())
            return here.manifests.get(here.tags.get(reference, reference))

    def delete(self, repository: str, reference: str) -> None:
        """Remove a tag alone; or, by digest, a manifest with its tags. Raises MANIFEST_UNKNOWN."""
        with self._lock:
            here = self._repositories.get(repository, _Repository())
            if here.tags.pop(reference, None) is not None:
                return
            if here.manifests.pop(reference, None) is None:
                raise _unknown(repository, reference)
            here.tags = {tag: digest for tag, digest in here.tags.items() if digest != reference}

    def tags(self, repository: str) -> list[str]:
        """The repository's tags, in the order of their bytes; raises NAME_UNKNOWN."""
        with self._lock:
            here = self._repositories.get(repository)
            if here is None:
                raise RegistryError(404, "NAME_UNKNOWN", f"there is no repository {repository}")
            return sorted(here.tags)

    def _store(self, repository: str, manifest: Manifest, tag: str | None) -> None:
        with self._lock:
            here = self._repositories.setdefault(repository, _Repository())
            here.manifests[manifest.digest] = manifest
            if tag is not None:
                here.tags[tag] = manifest.digest

    def _check_image(self, repository: str, document: dict[str, Any]) -> None:
        """Refuse a manifest that is an index too, or whose config or layers are not here."""
        if "manifests" in document:
            raise _invalid("an image manifest has no `manifests`")
        config = _descriptor(document.get("config"), "config")
        for descriptor in [config, *_descriptors(document, "layers")]:
            if descriptor.media_type.startswith(_FOREIGN_LAYERS):
                continue
            blob = self._blobs.find(repository, descriptor.digest)
            _check_present(descriptor, None if blob is None else len(blob))

    def _check_index(self, repository: str, document: dict[str, Any]) -> None:
        """Refuse an index that is a manifest too, or whose manifests are not here."""
        if "config" in document or "layers" in document:
            raise _invalid("an index has neither `config` nor `layers`")
        for descriptor in _descriptors(document, "manifests"):
            child = self.find(repository, descriptor.digest)
            _check_present(descriptor, None if child is None else len(child.content))


def _unknown(repository: str, reference: str) -> RegistryError:
    return RegistryError(404, "MANIFEST_UNKNOWN", f"{repository} has no manifest {reference}")


def _invalid(message: str, *, status: int = 400) -> RegistryError:
    return RegistryError(status, "MANIFEST_INVALID", message)


def _media_type(content_type: str) -> str:
    """The manifest's type as the client names it; parameters are ignored, as the spec asks."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _IMAGE_TYPES + _INDEX_TYPES:
        raise _invalid(f"Content-Type {media_type[:100]!r} is not a manifest's")
    return media_type


def _document(manifest: Manifest) -> dict[str, Any]:
    """Parse a manifest as far as all types agree: version, own type, subject."""
    try:
        document = strict_json.loads(manifest.content)
    except Refused as refused:
        raise _invalid(refused.failure.message) from None
    if not isinstance(document, dict):
        raise _invalid("it is not a JSON object")
    if type(document.get("schemaVersion")) is not int or document["schemaVersion"] != 2:
        raise _invalid("`schemaVersion` is not 2")
    if document.get("mediaType") != manifest.media_type:
        raise _invalid(f"`mediaType` is not the Content-Type, {manifest.media_type}")
    if "subject" in document:
        # It may be missing from the repository: a referrer can come before what it refers to.
        _descriptor(document["subject"], "subject")
    return document


def _descriptors(document: dict[str, Any], member: str) -> list[_Descriptor]:
    values = document.get(member)
    if not isinstance(values, list):
        raise _invalid(f"`{member}` is not an array")
    return [_descriptor(value, f"{member}[{index}]") for index, value in enumerate(values)]


def _descriptor(value: object, name: str) -> _Descriptor:
    if not isinstance(value, dict):
        raise _invalid(f"`{name}` is not a descriptor")
    media_type, size = value.get("mediaType"), value.get("size")
    if not isinstance(media_type, str) or not media_type:
        raise _invalid(f"`{name}.mediaType` is missing")
    if type(size) is not int or size < 0:
        raise _invalid(f"`{name}.size` is not a number of bytes")
    try:
        return _Descriptor(name, media_type, content_digest(value.get("digest")), size)
    except RegistryError as error:
        raise _invalid(f"`{name}.digest`: {error.message}") from None


def _check_present(descriptor: _Descriptor, size: int | None) -> None:
    """Refuse a descriptor of something that is not here (size None), or has another size."""
    name, digest = descriptor.name, descriptor.digest
    if size is None:
        raise RegistryError(
            400, "MANIFEST_BLOB_UNKNOWN", f"`{name}`: the repository has no {digest}"
        )
    if size != descriptor.size:
        raise _invalid(f"`{name}`: {digest} has {size} bytes, not {descriptor.size}")
