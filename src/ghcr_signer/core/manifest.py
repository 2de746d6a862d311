"""Descriptor and Artifact: a signature's manifest, and what it consists of (OCI image-spec)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ghcr_signer.core import codes, schemas, strict_json
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of other bytes: their type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest in the signature directory, and the descriptors of the blobs that it names.

    `files` says which file holds which blob: CONFIG_BLOB, PAYLOAD_BLOB, PAYLOAD_BLOB.1 …; layers
    with one payload share a file. The bytes themselves stay in the files.
    """

    manifest: Descriptor
    files: Mapping[str, Descriptor]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's descriptor and annotations: in a `.sig` manifest, one signature."""

    descriptor: Descriptor
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SignatureManifest:
    """A `.sig` manifest that has been read: its config and its layers, in their order."""

    own: Descriptor
    config: Descriptor
    layers: tuple[Layer, ...]
    files: Mapping[str, Descriptor]
    """The file of each blob, by name. Two layers with one digest have one file."""

    @classmethod
    def parse(cls, content: bytes) -> SignatureManifest:
        """Read a `.sig` manifest; raises Refused where the schema `manifest` does not hold."""
        document = strict_json.loads(content)
        schemas.require("manifest", document)
        config = _descriptor(document["config"])
        layers = tuple(
            Layer(_descriptor(layer), layer["annotations"]) for layer in document["layers"]
        )
        own = Descriptor(_one(document["mediaType"]), Digest.of(content), len(content))
        return cls(own, config, layers, _files(config, layers))

    def check_config(self, content: bytes) -> None:
        """Check that the config says nothing but the layers' digests; raises Refused (GS0404)."""
        if content == self._usual_config():
            return
        document = strict_json.loads(content)
        schemas.require("config", document)
        if document["rootfs"]["diff_ids"] != [
            str(layer.descriptor.digest) for layer in self.layers
        ]:
            raise Refused(codes.CONFIG_SHAPE, "its diff_ids are not the digests of the layers")

    def _usual_config(self) -> bytes:
        """The config that cosign writes, unless it was asked to record times."""
        history = ",".join(['{"created":"0001-01-01T00:00:00Z"}'] * len(self.layers))
        digests = ",".join(f'"{layer.descriptor.digest}"' for layer in self.layers)
        return (
            '{"architecture":"","created":"0001-01-01T00:00:00Z",'
            f'"history":[{history}],"os":"",'
            f'"rootfs":{{"type":"layers","diff_ids":[{digests}]}},"config":{{}}}}'
        ).encode()


def _files(config: Descriptor, layers: Sequence[Layer]) -> dict[str, Descriptor]:
    payloads: dict[Digest, Descriptor] = {}
    for layer in layers:
        payloads.setdefault(layer.descriptor.digest, layer.descriptor)
    files = {"CONFIG_BLOB": config}
    for number, descriptor in enumerate(payloads.values()):
        files[f"PAYLOAD_BLOB.{number}" if number else "PAYLOAD_BLOB"] = descriptor
    return files


@cache
def _one(media_type: str) -> str:
    """One string for all that are equal: there are three, and ten thousand entries hold them."""
    return media_type


def _descriptor(document: strict_json.Json) -> Descriptor:
    size = document["size"]
    if type(size) is not int:  # JSON Schema takes 252.0 for an integer
        raise Refused(codes.SCHEMA, f"the size {size!r} is not an integer")
    return Descriptor(_one(document["mediaType"]), Digest(document["digest"][7:]), size)
