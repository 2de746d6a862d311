"""What is attacked: a project with two signers, a log and a merged set; and a good change to it.

Everything is made of fixed numbers, so it is the same bytes each time. So anybody can make the
private keys: they are worth nothing, and nothing but these tests must ever trust them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests import forge

APP, TOOL = "ghcr.io/acme/app", "ghcr.io/acme/tool"
OLD_SET, NEW_SET = "2025-01-02T03-04-05Z", "2025-02-03T04-05-06Z"
OLD_TIME, NEW_TIME = (datetime(2025, *when, tzinfo=UTC) for when in ((1, 2, 3), (2, 3, 4)))
OLD_INDEX, NEW_INDEX = 1000, 2000

SIGNATURE = "dev.cosignproject.cosign/signature"
BUNDLE = "dev.sigstore.cosign/bundle"
INDEX = "application/vnd.oci.image.index.v1+json"

Files = dict[str, bytes]
Layer = tuple[bytes, dict[str, str]]


class Fixed(forge.Signer):
    """A signer whose key is made of its name, and whose signatures are always the same."""

    def __init__(self, name: str, kind: str = "P-256") -> None:
        seed = hashlib.sha512(f"{name} {kind}".encode()).digest()
        self.kind = kind
        if kind == "Ed25519":
            self.private = ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
        elif kind.startswith("RSA-"):
            self.private = _rsa(seed, int(kind[4:]))
        else:
            curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[kind]
            self.private = ec.derive_private_key(int.from_bytes(seed[:31]), curve)

    def sign(self, message: bytes, hash_: hashes.HashAlgorithm | None = None) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            algorithm = ec.ECDSA(hash_ or hashes.SHA256(), deterministic_signing=True)
            return self.private.sign(message, algorithm)
        return super().sign(message, hash_)


def _rsa(seed: bytes, bits: int) -> rsa.RSAPrivateKey:
    p, q = (_prime(seed + name, bits // 2) for name in (b"p", b"q"))
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    exponents = d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, *exponents, public).private_key()


def _prime(seed: bytes, bits: int) -> int:
    """The first prime from a number of that many bits on: of two such the product has twice."""
    digits = b"".join(hashlib.sha512(seed + bytes([at])).digest() for at in range(bits // 512))
    start = int.from_bytes(digits) | (3 << (bits - 2)) | 1
    return next(number for number in count(start, 2) if _is_prime(number))


def _is_prime(number: int) -> bool:
    """Fermat's test: nobody has chosen these numbers to deceive it."""
    return number % 65537 != 1 and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5))


ALICE, BOB, MALLORY = Fixed("alice"), Fixed("bob"), Fixed("mallory")
LOG, OTHER_LOG = forge.Log(Fixed("log")), forge.Log(Fixed("another log"))


@cache
def rsa_signer() -> Fixed:
    """Somebody with an RSA key, which takes a second to make."""
    return Fixed("rosa", "RSA-2048")


def image(name: str) -> bytes:
    """The manifest of an image whose config is its name."""
    digest = f"sha256:{forge.sha256(name.encode())}"
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "size": len(name),
        "digest": digest,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": forge.OCI_MANIFEST,
        "config": config,
        "layers": [],
    }
    return forge.compact(manifest)


def index(*images: bytes) -> bytes:
    """An index of images, each for another platform."""
    listed = [
        {
            "mediaType": forge.OCI_MANIFEST,
            "size": len(content),
            "digest": f"sha256:{forge.sha256(content)}",
            "platform": {"os": "linux", "architecture": architecture},
        }
        for content, architecture in zip(images, ("amd64", "arm64"), strict=False)
    ]
    return forge.compact({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})


IMAGES = {name: image(name) for name in ("app 1", "app 2", "app 3")}
OLD_IMAGE, NEW_IMAGE, OTHER_IMAGE = IMAGES.values()
OLD, NEW, OTHER = map(forge.sha256, IMAGES.values())


def payload(digest: str = NEW, repository: str = APP, **optional: object) -> bytes:
    return forge.payload(repository, digest, optional or None)


def logged(
    content: bytes,
    value: bytes,
    signer: forge.Signer = ALICE,
    *,
    log: forge.Log = LOG,
    time: datetime = NEW_TIME,
    index: int = NEW_INDEX,
    **more: Any,
) -> str:
    """The log's promise for a signature, as cosign keeps it."""
    return log.entry(content, value, signer.pem, time=time, index=index, **more)


def layer(content: bytes | None = None, signer: forge.Signer = ALICE, **of_entry: Any) -> Layer:
    """What a signer has signed and the log has taken."""
    content = payload() if content is None else content
    value = signer.sign(content)
    bundle = logged(content, value, signer, **of_entry)
    return content, {SIGNATURE: forge.b64(value), BUNDLE: bundle}


def unlogged(content: bytes | None = None, signer: forge.Signer = ALICE) -> Layer:
    content = payload() if content is None else content
    return content, {SIGNATURE: forge.b64(signer.sign(content))}


def entry(
    *layers: Layer, digest: str = NEW, repository: str = APP, tags: Sequence[str] = ("latest",)
) -> Files:
    """An entry's files."""
    name = f"{repository}@sha256:{digest}\n".encode()
    files = {"IMAGE": name, **forge.artifact(layers or [layer(payload(digest, repository))])}
    if "latest" in tags:
        files["LATEST"] = b""
    further = [tag for tag in tags if tag != "latest"]
    if further:
        files["TAGS"] = "".join(f"{tag}\n" for tag in further).encode()
    return files


def placed(files: Mapping[str, bytes], set_name: str = NEW_SET, digest: str = NEW) -> Files:
    """An entry's files, by their paths in the repository."""
    return {f"SIGNATURES/{set_name}/{digest}/{name}": data for name, data in files.items()}


def authority(name: str, **limits: object) -> dict[str, Any]:
    return {"name": name, "key": {"path": f"keys/{name}.pub", **limits}}


def rule(*authorities: dict[str, Any], **words: Any) -> dict[str, Any]:
    """The project's rule, with other authorities, or other words."""
    return {
        "name": "app",
        "images": [{"glob": "ghcr.io/acme/**"}],
        "authorities": authorities or (authority("alice"), authority("bob")),
        "tags": ["latest", "v*"],
        **words,
    }


def policy(*authorities: dict[str, Any], **words: Any) -> Files:
    """The project's policy, with other words in its one rule."""
    return policy_of(rule(*authorities, **words))


def tool_policy(*authorities: dict[str, Any], **words: Any) -> Files:
    """A policy with a second rule, which alone is about TOOL: what is merged keeps to the first."""
    app = rule(images=[{"glob": APP}])
    return policy_of(app, rule(*authorities, name="tool", images=[{"glob": TOOL}], **words))


def policy_of(*rules: dict[str, Any], **words: Any) -> Files:
    """A policy file. JSON is YAML."""
    document = {"version": 1, "trustedRoot": "trusted_root.json", "rules": rules, **words}
    return {"policy.yml": json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"}


def old_entry() -> Files:
    """The merged entry."""
    return entry(layer(payload(OLD), time=OLD_TIME, index=OLD_INDEX), digest=OLD)


def base() -> Files:
    """What has been merged: trust, and one set, by which `latest` is the old image."""
    return {
        **policy(),
        "keys/alice.pub": ALICE.pem,
        "keys/bob.pub": BOB.pem,
        "trusted_root.json": LOG.trusted_root(),
        "README.md": b"# Signatures\n",
        **placed(old_entry(), OLD_SET, OLD),
    }


def change() -> Files:
    """What a good pull request adds: one set, by which `latest` becomes the new image."""
    return placed(entry())
