"""Signatures made in software, and a transparency log of our own: good ones, and bad ones.

What real tools make is tested with real tools. This is for what they refuse to make, and for a
thousand entries at once. The shapes are cosign's (cosign specs/SIGNATURE_SPEC.md).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl import bindings

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SET = "2026-11-20T12:00:00+00:00"


def compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Signer:
    """A private key of one kind: "P-256", "P-384", "P-521", "RSA-2048", …, "Ed25519"."""

    def __init__(self, kind: str = "P-256") -> None:
        self.kind = kind
        self.private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
        if kind.startswith("P-"):
            curves: dict[str, ec.EllipticCurve]
            curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
            self.private = ec.generate_private_key(curves[kind])
        elif kind.startswith("RSA-"):
            self.private = rsa.generate_private_key(65537, int(kind[4:]))
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    @property
    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def spki(self) -> bytes:
        return self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes, hash_: hashes.HashAlgorithm | None = None) -> bytes:
        """Sign, with SHA-256 unless another hash is asked for (Ed25519 has its own)."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(message, ec.ECDSA(hash_ or hashes.SHA256()))
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hash_ or hashes.SHA256())
        return self.private.sign(message)

    def sign_prehashed(self, message: bytes) -> bytes:
        """Ed25519ph, which cosign writes for an Ed25519 key."""
        assert isinstance(self.private, ed25519.Ed25519PrivateKey)
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        state = bindings.crypto_sign_ed25519ph_state()
        bindings.crypto_sign_ed25519ph_update(state, message)
        secret = self.private.private_bytes_raw() + public
        return bindings.crypto_sign_ed25519ph_final_create(state, secret)


@dataclass
class Log:
    """A transparency log of our own, like Rekor v1: it promises whatever it is asked to."""

    signer: Signer = field(default_factory=Signer)
    next_index: int = 1000

    @property
    def id(self) -> str:
        return sha256(self.signer.spki)

    def trusted_root(self, start: str = "2021-01-01T00:00:00Z", end: str | None = None) -> bytes:
        valid = {"start": start} | ({"end": end} if end else {})
        key = {"rawBytes": b64(self.signer.spki), "validFor": valid}
        log = {
            "baseUrl": "https://log.example",
            "publicKey": key,
            "logId": {"keyId": b64(bytes.fromhex(self.id))},
        }
        return compact({"tlogs": [log]})

    def entry(
        self,
        payload: bytes,
        signature: bytes,
        pem: bytes,
        *,
        time: datetime = NOW,
        index: int | None = None,
        body: bytes | None = None,
    ) -> str:
        """The bundle annotation for a signature (or for a body that is given)."""
        if index is None:
            self.next_index += 1
            index = self.next_index
        spec = {
            "data": {"hash": {"algorithm": "sha256", "value": sha256(payload)}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(pem)}},
        }
        entry = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
        logged = {
            "body": b64(body if body is not None else compact(entry)),
            "integratedTime": int(time.timestamp()),
            "logIndex": index,
            "logID": self.id,
        }
        promise = self.signer.sign(
            json.dumps(logged, sort_keys=True, separators=(",", ":")).encode()
        )
        return compact({"SignedEntryTimestamp": b64(promise), "Payload": logged}).decode()


def payload(repository: str, digest: str, optional: Mapping[str, object] | None = None) -> bytes:
    """A simple-signing payload; `digest` is hexadecimal."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": f"sha256:{digest}"},
        "type": "cosign container image signature",
    }
    return compact({"critical": critical, "optional": optional})


def config(payloads: Sequence[bytes]) -> bytes:
    created = "0001-01-01T00:00:00Z"
    return compact(
        {
            "architecture": "",
            "created": created,
            "history": [{"created": created} for _ in payloads],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(p)}" for p in payloads]},
            "config": {},
        }
    )


def layer(content: bytes, annotations: Mapping[str, str]) -> dict[str, object]:
    return {
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "size": len(content),
        "digest": f"sha256:{sha256(content)}",
        "annotations": dict(annotations),
    }


def artifact(layers: Sequence[tuple[bytes, Mapping[str, str]]]) -> dict[str, bytes]:
    """MANIFEST, CONFIG_BLOB and PAYLOAD_BLOB… of layers given as (payload, annotations)."""
    payloads = [content for content, _ in layers]
    config_blob = config(payloads)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": len(config_blob),
            "digest": f"sha256:{sha256(config_blob)}",
        },
        "layers": [layer(content, annotations) for content, annotations in layers],
    }
    files = {"MANIFEST": compact(manifest), "CONFIG_BLOB": config_blob}
    for number, content in enumerate(dict.fromkeys(payloads)):
        files[f"PAYLOAD_BLOB.{number}" if number else "PAYLOAD_BLOB"] = content
    return files


def signed_layer(
    signer: Signer,
    repository: str,
    digest: str,
    *,
    log: Log | None = None,
    time: datetime = NOW,
    optional: Mapping[str, object] | None = None,
) -> tuple[bytes, dict[str, str]]:
    """One good signature as (payload, annotations), logged where a log is given."""
    content = payload(repository, digest, optional)
    signature = signer.sign(content)
    annotations = {"dev.cosignproject.cosign/signature": b64(signature)}
    if log is not None:
        annotations["dev.sigstore.cosign/bundle"] = log.entry(
            content, signature, signer.pem, time=time
        )
    return content, annotations


def entry(
    signers: Sequence[Signer],
    repository: str = "ghcr.io/acme/app",
    digest: str | None = None,
    *,
    log: Log | None = None,
    time: datetime = NOW,
    tags: Sequence[str] = (),
    optional: Mapping[str, object] | None = None,
) -> tuple[str, dict[str, bytes]]:
    """A good entry: its folder's name, and its files."""
    digest = digest or sha256(repr((repository, tags, optional)).encode())
    layers = [
        signed_layer(signer, repository, digest, log=log, time=time, optional=optional)
        for signer in signers
    ]
    files = {"IMAGE": f"{repository}@sha256:{digest}\n".encode(), **artifact(layers)}
    if "latest" in tags:
        files["LATEST"] = b""
    further = [tag for tag in tags if tag != "latest"]
    if further:
        files["TAGS"] = "".join(f"{tag}\n" for tag in further).encode()
    return digest, files


def write(root: Path, sets: Mapping[str, Mapping[str, Mapping[str, bytes]]]) -> Path:
    """Write sets of entries of files below `root`/SIGNATURES; return that."""
    directory = root / "SIGNATURES"
    for set_name, entries in sets.items():
        for entry_name, files in entries.items():
            folder = directory / set_name / entry_name
            folder.mkdir(parents=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)
    return directory
