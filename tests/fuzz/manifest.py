"""Manifests and their configs: what is uploaded says nothing but the signatures.

The parts of an input are a manifest and a config.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from ghcr_signer.core.manifest import SignatureManifest
from tests.forge import artifact
from tests.fuzz import real
from tests.fuzz.mutation import from_seeds, join, of_parts, split
from tests.fuzz.reading import accepted, holds, require_one_reading

_ANNOTATIONS = {
    *("dev.cosignproject.cosign/signature", "dev.sigstore.cosign/bundle"),
    *("dev.sigstore.cosign/certificate", "dev.sigstore.cosign/chain"),
    "dev.sigstore.cosign/rfc3161timestamp",
}


def seeds() -> Iterator[bytes]:
    for files in real.entries().values():
        yield join([files["MANIFEST"], files["CONFIG_BLOB"]])
        yield join([files["MANIFEST"], files["CONFIG_BLOB"] + b"\n"])  # not as cosign writes it
    annotations = {"dev.cosignproject.cosign/signature": "AA=="}
    several = artifact([(b"one", annotations), (b"other", annotations), (b"one", annotations)])
    yield join([several["MANIFEST"], several["CONFIG_BLOB"] + b" "])


mutate = from_seeds(of_parts, seeds)


def run(data: bytes) -> None:
    content, *rest = split(data)
    manifest = accepted(lambda: SignatureManifest.parse(content))
    if manifest is None:
        return
    require_one_reading(content)
    document = json.loads(content)
    assert set(document) == {"schemaVersion", "mediaType", "config", "layers"}
    assert manifest.own.digest.hex == hashlib.sha256(content).hexdigest()
    assert manifest.own.size == len(content)
    described = (manifest.config, *(layer.descriptor for layer in manifest.layers))
    for found, said in zip(described, (document["config"], *document["layers"]), strict=True):
        assert set(said) - {"annotations"} == {"mediaType", "digest", "size"}
        assert said["digest"] == str(found.digest)
        assert said["size"] == found.size
        assert type(found.size) is int
        assert set(said.get("annotations", ())) <= _ANNOTATIONS
    assert set(manifest.files.values()) <= set(described)
    config = rest[0] if rest else b""
    if holds(lambda: manifest.check_config(config)):
        require_one_reading(config)
        said = json.loads(config)
        assert said["rootfs"]["diff_ids"] == [str(each.digest) for each in described[1:]]
        assert set(said) <= {"architecture", "os", "created", "history", "rootfs", "config"}
        assert (said["config"], said["architecture"], said["os"]) == ({}, "", "")
