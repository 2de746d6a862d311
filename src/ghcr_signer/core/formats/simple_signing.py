"""Simple signing: the payload and the layer annotations of a `.sig` manifest.

Sources: cosign specs/SIGNATURE_SPEC.md; pkg/oci/static/signature.go (annotations);
sigstore/sigstore pkg/signature/payload/payload.go (payload).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from ghcr_signer.core import schemas, strict_json
from ghcr_signer.core.manifest import SignatureManifest
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.signature import Claims, Signature

FORMAT = "simple-signing"
SIGNATURE = "dev.cosignproject.cosign/signature"
BUNDLE = "dev.sigstore.cosign/bundle"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"

_NO_ANNOTATIONS: Mapping[str, str] = {}


def signatures(
    manifest: SignatureManifest, blobs: Mapping[Digest, tuple[str, bytes]]
) -> Iterator[Signature]:
    """Each layer's signature, in their order; `blobs` gives each payload's file and bytes."""
    for number, layer in enumerate(manifest.layers, start=1):
        file, payload = blobs[layer.descriptor.digest]
        annotations = layer.annotations
        yield Signature(
            format=FORMAT,
            place=_place(number, len(manifest.layers)),
            payload_file=file,
            payload=layer.descriptor.digest,
            signed=payload,
            value=annotations[SIGNATURE],
            log_entry=annotations.get(BUNDLE),
            certificate=annotations.get(CERTIFICATE, annotations.get(CHAIN)),
            timestamp=annotations.get(TIMESTAMP),
        )


@cache
def _place(number: int, layers: int) -> str:
    return f"layer {number} of {layers}"


def claims(payload: bytes) -> Claims:
    """Read what was signed; raises Refused where the schema `payload` does not hold."""
    document = strict_json.loads(payload)
    schemas.require("payload", document)
    critical = document["critical"]
    annotations = document.get("optional")
    return Claims(
        Digest.parse(critical["image"]["docker-manifest-digest"]),
        critical["identity"]["docker-reference"],
        annotations if annotations else _NO_ANNOTATIONS,
    )
