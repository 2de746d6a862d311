"""Image: the manifest or index that is signed, and the platforms that it lists (OCI image-spec)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ghcr_signer.core import codes, limits, strict_json
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from ghcr_signer.core.reference import Digest

_ATTESTATION = ("vnd.docker.reference.type", "attestation-manifest")
_LABELS = ("created", "version", "revision", "source")


@dataclass(frozen=True, slots=True)
class Child:
    """A manifest that an index lists. `attestation`: buildx's own, which describes a platform;
    `index`: it is an index in its turn.
    """

    digest: Digest
    platform: str
    attestation: bool
    index: bool


@dataclass(frozen=True, slots=True)
class Image:
    """An image's own manifest or index, as it was read. `config` is None for an index."""

    content: bytes
    media_type: str
    digest: Digest
    children: tuple[Child, ...]
    config: Descriptor | None

    @classmethod
    def parse(cls, content: bytes) -> Image:
        """Read a manifest or index; raises Refused (GS1307) for anything that is not one."""
        try:
            document = strict_json.loads(content)
            media_type = _media_type(document)
            index = media_type in INDEX_TYPES
            listed = document["manifests"] if index else []
            if len(listed) > limits.PLATFORMS:
                raise ValueError(f"it lists more than {limits.PLATFORMS} manifests")
            children = tuple(_child(entry) for entry in listed)
            config = None if index else _config(document["config"])
        except (Refused, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(
                codes.NOT_SIGNABLE, f"it is not an image manifest or index: {error}"
            ) from None
        return cls(content, media_type, Digest.of(content), children, config)


def labels(config: bytes) -> Mapping[str, str]:
    """What an image's config says of its origin, for people: created, version, revision, source.

    Nothing is judged by it; a config that cannot be read says nothing.
    """
    try:
        document = strict_json.loads(config)
        found = document.get("config", {}).get("Labels") or {}
        values = {name: found.get(f"org.opencontainers.image.{name}") for name in _LABELS}
        values["created"] = values["created"] or document.get("created")
    except (Refused, AttributeError):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def manifest_labels(content: bytes) -> Mapping[str, str]:
    """What an image's own manifest or index says of its origin, as `labels` does of a config."""
    try:
        found = strict_json.loads(content).get("annotations") or {}
        values = {name: found.get(f"org.opencontainers.image.{name}") for name in _LABELS}
    except (Refused, AttributeError):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def _media_type(document: strict_json.Json) -> str:
    """The type that it states; OCI allows to leave it out, then its members tell."""
    stated = document.get("mediaType")
    if stated is None:
        return OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if stated not in MANIFEST_TYPES:
        raise ValueError(f"its media type is {stated!r}")
    if ("manifests" in document) != (stated in (OCI_INDEX, DOCKER_LIST)) or (
        "layers" in document
    ) != (stated in (OCI_MANIFEST, DOCKER_MANIFEST)):
        raise ValueError("its members are not those of its media type")
    return str(stated)


def _child(entry: strict_json.Json) -> Child:
    platform = entry.get("platform") or {}
    parts = (platform.get("os"), platform.get("architecture"), platform.get("variant"))
    key, value = _ATTESTATION
    return Child(
        Digest.parse(entry["digest"]),
        "/".join(str(part) for part in parts if part) or "no platform",
        (entry.get("annotations") or {}).get(key) == value,
        entry.get("mediaType") in INDEX_TYPES,
    )


def _config(entry: strict_json.Json) -> Descriptor:
    size = entry["size"]
    if type(size) is not int or size < 0:
        raise ValueError("its config has no size")
    return Descriptor(str(entry["mediaType"]), Digest.parse(entry["digest"]), size)
