"""SUBJECT: an image's own manifest or index, or the config of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from ghcr_signer.core import image
from ghcr_signer.core.image import Image
from tests.forge import compact
from tests.fuzz import real
from tests.fuzz.mutation import from_seeds, of_json
from tests.fuzz.reading import accepted, require_one_reading

_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker.distribution.manifest."


def seeds() -> Iterator[bytes]:
    for files in real.entries().values():
        yield files["MANIFEST"]
        yield files["CONFIG_BLOB"]
    for index, manifest in (
        (f"{_OCI}index.v1+json", f"{_OCI}manifest.v1+json"),
        (f"{_DOCKER}list.v2+json", f"{_DOCKER}v2+json"),
    ):
        child = {"mediaType": manifest, "digest": "sha256:" + "0" * 64, "size": 7}
        platform = {"os": "linux", "architecture": "arm64", "variant": "v8"}
        attestation = {"vnd.docker.reference.type": "attestation-manifest"}
        listed = [child | {"platform": platform}, child | {"annotations": attestation}]
        yield compact({"schemaVersion": 2, "mediaType": index, "manifests": listed})
    label = {"org.opencontainers.image.source": "https://example.com/acme/app"}
    yield compact({"created": "2026-01-01T00:00:00Z", "config": {"Labels": label}})


mutate = from_seeds(of_json, seeds)


def run(data: bytes) -> None:
    labels = image.labels(data)
    assert all(isinstance(value, str) and value for value in labels.values())
    found = accepted(lambda: Image.parse(data))
    if found is None:
        return
    require_one_reading(data)
    document = json.loads(data)
    assert found.digest.hex == hashlib.sha256(data).hexdigest()
    listed = document["manifests"] if found.config is None else []
    assert [child["digest"] for child in listed] == [str(child.digest) for child in found.children]
    if found.config is not None:
        assert document["config"]["digest"] == str(found.config.digest)
