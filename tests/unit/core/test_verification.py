"""The numbered steps, one fault at a time: each is refused for its own reason and no other."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.forge import (
    NOW,
    SET,
    Log,
    Signer,
    artifact,
    b64,
    compact,
    config,
    entry,
    payload,
    sha256,
    signed_layer,
)
from tests.trust import authority, rule
from tests.trust import trust as make_trust

from ghcr_signer.core import codes, limits
from ghcr_signer.core.directory import EXECUTABLE, FOLDER, SUBMODULE, SYMLINK, File, regular
from ghcr_signer.core.key import essence_of
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.manifest import OCI_INDEX, OCI_MANIFEST
from ghcr_signer.core.policy import (
    Authority,
    DockerReference,
    EverySignature,
    Requirement,
    Revocation,
    Trust,
    Withdrawal,
)
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Step, Verdict
from ghcr_signer.core.verification import verify

ALICE, BOB, MALLORY = Signer(), Signer("RSA-2048"), Signer()
LOG, OTHER_LOG = Log(), Log()
REPOSITORY = "ghcr.io/acme/app"
DIGEST = sha256(b"an image")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BUNDLE = "dev.sigstore.cosign/bundle"
SIGNATURE = "dev.cosignproject.cosign/signature"

Files = dict[str, bytes]
FILES_KNOWN = ("IMAGE", "MANIFEST", "CONFIG_BLOB", "PAYLOAD_BLOB")


def trust(*signers: Signer, root: bytes | None = None, **members: Any) -> Trust:
    members = {"images": ("ghcr.io/acme/**",), **members}
    return make_trust(rule(*(signers or (ALICE,)), **members), root=root or LOG.trusted_root())


def good(**options: object) -> Files:
    _, files = entry([ALICE], REPOSITORY, DIGEST, log=LOG, **options)  # type: ignore[arg-type]
    return files


def judge(files: Files, trusted: Trust | None = None, name: str = DIGEST) -> Verdict:
    return judge_files(regular(files), trusted, name)


def judge_files(
    files: dict[str, File], trusted: Trust | None = None, name: str = DIGEST
) -> Verdict:
    trusted = trusted or trust()
    verdict = verify(f"{SET}/{name}", files, trusted, now=NOW)
    return verify_set([verdict], trusted.policy, Ledger())[0]


def code(verdict: Verdict) -> codes.Code:
    assert not verdict.passed
    failure = verdict.failures[0]
    failed = [check for check in verdict.checks if not check.passed] + [
        check for signature in verdict.signatures for check in signature.checks if not check.passed
    ]
    assert failure.code.step in {int(check.step) for check in failed}
    assert failure.file.startswith(SET)
    assert failure.message
    return failure.code


def edited(change: Callable[[dict], object], files: Files | None = None) -> Files:  # type: ignore[type-arg]
    """The good entry, its manifest changed as a document."""
    files = files or good()
    manifest = json.loads(files["MANIFEST"])
    change(manifest)
    return files | {"MANIFEST": compact(manifest)}


def with_config(document: object) -> Files:
    """The good entry with another config, and a manifest to match."""
    content = compact(document)

    def change(manifest: dict) -> None:  # type: ignore[type-arg]
        manifest["config"] |= {"size": len(content), "digest": f"sha256:{sha256(content)}"}

    return edited(change) | {"CONFIG_BLOB": content}


def with_payload(content: bytes) -> Files:
    """An entry that signs, and logs, exactly these bytes."""
    signature = ALICE.sign(content)
    annotations = {SIGNATURE: b64(signature), BUNDLE: LOG.entry(content, signature, ALICE.pem)}
    return good() | artifact([(content, annotations)])


def with_annotations(**annotations: str) -> Files:
    content, own = signed_layer(ALICE, REPOSITORY, DIGEST, log=LOG)
    return good() | artifact([(content, own | annotations)])


def with_bundle(make: Callable[[bytes, bytes], str]) -> Files:
    """The good entry with another log entry, made of payload and signature."""
    content, annotations = signed_layer(ALICE, REPOSITORY, DIGEST)
    signature = base64.b64decode(annotations[SIGNATURE])
    return good() | artifact([(content, annotations | {BUNDLE: make(content, signature)})])


def test_a_good_entry_passes_every_step() -> None:
    verdict = judge(good(tags=["latest", "v1"], optional={"env": "prod"}))
    assert verdict.passed, verdict.failures
    assert [int(check.step) for check in verdict.checks] == [1, 2, 3, 4, 9, 10]
    (signature,) = verdict.signatures
    assert [int(check.step) for check in signature.checks] == [5, 6, 7, 8]
    assert signature.authority == "signer 0"
    assert signature.time == NOW
    assert signature.claims is not None
    assert signature.claims.annotations == {"env": "prod"}
    assert verdict.passed_entry.tags == ("latest", "v1")


def original_config(payloads: list[bytes]) -> dict:  # type: ignore[type-arg]
    document: dict = json.loads(config(payloads))  # type: ignore[type-arg]
    return document


GOOD_PAYLOAD = payload(REPOSITORY, DIGEST)
MUTABLE = json.loads(GOOD_PAYLOAD)


def claims(**critical: object) -> bytes:
    return compact({"critical": MUTABLE["critical"] | critical, "optional": None})


def set_in(manifest: dict, *place: object, value: object) -> None:  # type: ignore[type-arg]
    at = manifest
    for key in place[:-1]:
        at = at[key]  # type: ignore[index]
    at[place[-1]] = value  # type: ignore[index]


FAULTS: dict[str, tuple[codes.Code, Callable[[], Files]]] = {
    # (1) structure
    "an unknown file": (codes.UNEXPECTED_FILE, lambda: good() | {"EXTRA": b""}),
    "an unknown file in lower case": (codes.UNEXPECTED_FILE, lambda: good() | {"image": b""}),
    "PAYLOAD_BLOB.0": (codes.UNEXPECTED_FILE, lambda: good() | {"PAYLOAD_BLOB.0": b"x"}),
    "PAYLOAD_BLOB.01": (codes.UNEXPECTED_FILE, lambda: good() | {"PAYLOAD_BLOB.01": b"x"}),
    "a name with a line break": (codes.UNEXPECTED_FILE, lambda: good() | {"LATEST\n": b""}),
    "no MANIFEST": (codes.MISSING_FILE, lambda: {"IMAGE": good()["IMAGE"]}),
    "no files at all": (codes.MISSING_FILE, dict),
    "LATEST with content": (codes.TOO_LARGE, lambda: good() | {"LATEST": b"x"}),
    "an IMAGE of 2 KiB": (codes.TOO_LARGE, lambda: good() | {"IMAGE": b"x" * 2048}),
    "a manifest that is not JSON": (codes.NOT_JSON, lambda: good() | {"MANIFEST": b"{"}),
    "a manifest with a key twice": (
        codes.NOT_JSON,
        lambda: good() | {"MANIFEST": good()["MANIFEST"].replace(b"{", b'{"schemaVersion":1,', 1)},
    ),
    "a manifest that is an array": (codes.SCHEMA, lambda: good() | {"MANIFEST": b"[]"}),
    "no layers": (codes.SCHEMA, lambda: edited(lambda m: m.update(layers=[]))),
    "a size that is a float": (
        codes.SCHEMA,
        lambda: edited(lambda m: set_in(m, "config", "size", value=float(m["config"]["size"]))),
    ),
    "a negative size": (
        codes.SCHEMA,
        lambda: edited(lambda m: set_in(m, "config", "size", value=-1)),
    ),
    "a digest with a line break": (
        codes.SCHEMA,
        lambda: edited(lambda m: set_in(m, "config", "digest", value=f"sha256:{'0' * 64}\n")),
    ),
    # (2) reference
    "IMAGE with a tag": (
        codes.REFERENCE_MALFORMED,
        lambda: good() | {"IMAGE": f"{REPOSITORY}:v1@sha256:{DIGEST}".encode()},
    ),
    "IMAGE without a digest": (
        codes.REFERENCE_MALFORMED,
        lambda: good() | {"IMAGE": REPOSITORY.encode()},
    ),
    "IMAGE with two lines": (
        codes.REFERENCE_MALFORMED,
        lambda: good() | {"IMAGE": good()["IMAGE"] + b"\n"},
    ),
    "IMAGE with a carriage return": (
        codes.REFERENCE_MALFORMED,
        lambda: good() | {"IMAGE": good()["IMAGE"].replace(b"\n", b"\r\n")},
    ),
    "IMAGE that is not ASCII": (
        codes.REFERENCE_MALFORMED,
        lambda: good() | {"IMAGE": "ghcr.io/acmé".encode()},
    ),
    "IMAGE of another digest": (
        codes.REFERENCE_DIGEST,
        lambda: good() | {"IMAGE": f"{REPOSITORY}@sha256:{'0' * 64}".encode()},
    ),
    "IMAGE of a repository that is not allowed": (
        codes.REPOSITORY_NOT_ALLOWED,
        lambda: good() | {"IMAGE": f"ghcr.io/evil/app@sha256:{DIGEST}".encode()},
    ),
    "a tag that is a signature's": (
        codes.TAG_MALFORMED,
        lambda: good() | {"TAGS": f"sha256-{DIGEST}.sig".encode()},
    ),
    "an empty line in TAGS": (codes.TAG_MALFORMED, lambda: good() | {"TAGS": b"v1\n\nv2"}),
    "TAGS of nothing": (codes.TAG_MALFORMED, lambda: good() | {"TAGS": b""}),
    "a carriage return in TAGS": (codes.TAG_MALFORMED, lambda: good() | {"TAGS": b"v1\r\n"}),
    "a tag twice in TAGS": (codes.TAG_MALFORMED, lambda: good() | {"TAGS": b"v1\nv1"}),
    "latest in LATEST and TAGS": (
        codes.TAG_MALFORMED,
        lambda: good() | {"LATEST": b"", "TAGS": b"latest"},
    ),
    "too many tags": (
        codes.TAG_MALFORMED,
        lambda: good() | {"TAGS": "\n".join(f"v{n}" for n in range(101)).encode()},
    ),
    # (3) blobs
    "a payload that is longer": (
        codes.BLOB_SIZE,
        lambda: good() | {"PAYLOAD_BLOB": good()["PAYLOAD_BLOB"] + b" "},
    ),
    "two sizes for one digest": (
        codes.BLOB_SIZE,
        lambda: edited(
            lambda m: set_in(m, "layers", 1, "size", value=1),
            good() | artifact([signed_layer(ALICE, REPOSITORY, DIGEST, log=LOG)] * 2),
        ),
    ),
    "another config": (
        codes.BLOB_DIGEST,
        lambda: good() | {"CONFIG_BLOB": good()["CONFIG_BLOB"].replace(b"layers", b"slayer")},
    ),
    "a payload that no layer names": (
        codes.BLOB_UNNAMED,
        lambda: good() | {"PAYLOAD_BLOB.1": b"x"},
    ),
    "a layer without its payload": (
        codes.BLOB_MISSING,
        lambda: edited(
            lambda m: m["layers"].append(m["layers"][0] | {"digest": f"sha256:{'0' * 64}"})
        ),
    ),
    "a SUBJECT that is another image": (
        codes.SUBJECT_DIGEST,
        lambda: good() | {"SUBJECT": b"another image"},
    ),
    # (4) artifact
    "an image index": (
        codes.MEDIA_TYPE,
        lambda: edited(lambda m: m.update(mediaType="application/vnd.oci.image.index.v1+json")),
    ),
    "a layer of an image": (
        codes.MEDIA_TYPE,
        lambda: edited(
            lambda m: set_in(
                m, "layers", 0, "mediaType", value="application/vnd.oci.image.layer.v1.tar"
            )
        ),
    ),
    "a config of another type": (
        codes.MEDIA_TYPE,
        lambda: edited(
            lambda m: set_in(m, "config", "mediaType", value="application/vnd.oci.empty.v1+json")
        ),
    ),
    "more layers than the cap": (
        codes.TOO_MANY_LAYERS,
        lambda: edited(lambda m: m.update(layers=m["layers"] * (limits.LAYERS + 1))),
    ),
    "a subject": (
        codes.MANIFEST_SAYS_MORE,
        lambda: edited(lambda m: m.update(subject=m["config"])),
    ),
    "an artifactType": (
        codes.MANIFEST_SAYS_MORE,
        lambda: edited(lambda m: m.update(artifactType="application/x")),
    ),
    "an annotation that relinks the package": (
        codes.MANIFEST_SAYS_MORE,
        lambda: edited(
            lambda m: m.update(
                annotations={"org.opencontainers.image.source": "https://github.com/evil/app"}
            )
        ),
    ),
    "urls": (
        codes.MANIFEST_SAYS_MORE,
        lambda: edited(lambda m: set_in(m, "layers", 0, "urls", value=["https://evil.example"])),
    ),
    "data": (
        codes.MANIFEST_SAYS_MORE,
        lambda: edited(lambda m: set_in(m, "config", "data", value="e30=")),
    ),
    "an annotation of the config": (
        codes.MANIFEST_SAYS_MORE,
        lambda: edited(lambda m: set_in(m, "config", "annotations", value={})),
    ),
    "labels in the config": (
        codes.CONFIG_SHAPE,
        lambda: with_config(
            original_config([GOOD_PAYLOAD])
            | {"config": {"Labels": {"org.opencontainers.image.source": "https://evil.example"}}}
        ),
    ),
    "an author in the config": (
        codes.CONFIG_SHAPE,
        lambda: with_config(original_config([GOOD_PAYLOAD]) | {"author": "mallory"}),
    ),
    "a command in the config's history": (
        codes.CONFIG_SHAPE,
        lambda: with_config(
            original_config([GOOD_PAYLOAD]) | {"history": [{"created_by": "mallory"}]}
        ),
    ),
    "an architecture in the config": (
        codes.CONFIG_SHAPE,
        lambda: with_config(original_config([GOOD_PAYLOAD]) | {"architecture": "amd64"}),
    ),
    "diff_ids of something else": (
        codes.CONFIG_SHAPE,
        lambda: with_config(original_config([b"something else"])),
    ),
    "an annotation of a layer that cosign does not write": (
        codes.LAYER_ANNOTATIONS,
        lambda: with_annotations(**{"org.opencontainers.image.source": "https://evil.example"}),
    ),
    # (5) signature
    "a signature that is not base64": (
        codes.SIGNATURE_MALFORMED,
        lambda: with_annotations(**{SIGNATURE: "!!!!"}),
    ),
    "a signature with a line break": (
        codes.SIGNATURE_MALFORMED,
        lambda: with_annotations(**{SIGNATURE: b64(ALICE.sign(GOOD_PAYLOAD)) + "\n"}),
    ),
    "a signature in URL-safe base64": (
        codes.SIGNATURE_MALFORMED,
        lambda: with_annotations(**{SIGNATURE: "--__"}),
    ),
    "a signature with bytes after it": (
        codes.SIGNATURE_MALFORMED,
        lambda: with_annotations(**{SIGNATURE: b64(ALICE.sign(GOOD_PAYLOAD) + b"\x00")}),
    ),
    "an empty signature": (codes.SIGNATURE_MALFORMED, lambda: with_annotations(**{SIGNATURE: ""})),
    "a signature of something else": (
        codes.SIGNATURE_UNTRUSTED,
        lambda: with_annotations(**{SIGNATURE: b64(ALICE.sign(b"something else"))}),
    ),
    "a stranger's signature": (
        codes.SIGNATURE_UNTRUSTED,
        lambda: entry([MALLORY], REPOSITORY, DIGEST, log=LOG)[1],
    ),
    "a certificate": (
        codes.CERTIFICATE_UNSUPPORTED,
        lambda: with_annotations(**{"dev.sigstore.cosign/certificate": "-----BEGIN"}),
    ),
    "an empty chain": (
        codes.CERTIFICATE_UNSUPPORTED,
        lambda: with_annotations(**{"dev.sigstore.cosign/chain": ""}),
    ),
    # (6) log entry
    "no log entry": (
        codes.LOG_ENTRY_MISSING,
        lambda: entry([ALICE], REPOSITORY, DIGEST)[1],
    ),
    "a log entry that is not JSON": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_annotations(**{BUNDLE: "{"}),
    ),
    "a log entry with a member more": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_bundle(lambda p, s: LOG.entry(p, s, ALICE.pem)[:-1] + ',"x":1}'),
    ),
    "a time that is true": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_bundle(lambda p, s: changed_entry(p, s, integratedTime=True)),
    ),
    "a time that is a text": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_bundle(lambda p, s: changed_entry(p, s, integratedTime="1")),
    ),
    "a negative index": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_bundle(lambda p, s: changed_entry(p, s, logIndex=-1)),
    ),
    "a time beyond the year 9999": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_bundle(lambda p, s: changed_entry(p, s, integratedTime=10**12)),
    ),
    "a log id in upper case": (
        codes.LOG_ENTRY_MALFORMED,
        lambda: with_bundle(lambda p, s: changed_entry(p, s, logID=LOG.id.upper())),
    ),
    "another log's entry": (
        codes.LOG_UNKNOWN,
        lambda: with_bundle(lambda p, s: OTHER_LOG.entry(p, s, ALICE.pem)),
    ),
    "another log's entry under our log's id": (
        codes.LOG_PROMISE,
        lambda: with_bundle(
            lambda p, s: OTHER_LOG.entry(p, s, ALICE.pem).replace(OTHER_LOG.id, LOG.id)
        ),
    ),
    "a later time": (
        codes.LOG_PROMISE,
        lambda: with_bundle(
            lambda p, s: changed_entry(p, s, integratedTime=int(NOW.timestamp()) + 1)
        ),
    ),
    "a greater index": (
        codes.LOG_PROMISE,
        lambda: with_bundle(lambda p, s: changed_entry(p, s, logIndex=10**9)),
    ),
    "an entry about another payload": (
        codes.LOG_BINDS_PAYLOAD,
        lambda: with_bundle(lambda p, s: LOG.entry(b"another", s, ALICE.pem)),
    ),
    "an older signature with a newer log entry": (
        codes.LOG_BINDS_SIGNATURE,
        lambda: with_bundle(lambda p, s: LOG.entry(p, ALICE.sign(p), ALICE.pem)),
    ),
    "another key's true log entry": (
        codes.LOG_BINDS_KEY,
        lambda: with_bundle(lambda p, s: LOG.entry(p, MALLORY.sign(p), MALLORY.pem)),
    ),
    "our signature logged under another key": (
        codes.LOG_BINDS_KEY,
        lambda: with_bundle(lambda p, s: LOG.entry(p, s, MALLORY.pem)),
    ),
    "an entry of another kind": (
        codes.LOG_ENTRY_KIND,
        lambda: with_bundle(
            lambda p, s: LOG.entry(p, s, ALICE.pem, body=logged_body(p, s, kind="rekord"))
        ),
    ),
    "an entry that says more": (
        codes.LOG_ENTRY_KIND,
        lambda: with_bundle(
            lambda p, s: LOG.entry(p, s, ALICE.pem, body=logged_body(p, s, more=1))
        ),
    ),
    "an entry that is not JSON": (
        codes.LOG_ENTRY_KIND,
        lambda: with_bundle(lambda p, s: LOG.entry(p, s, ALICE.pem, body=b"x")),
    ),
    # (7) time
    "a time in the future": (
        codes.TIME_FUTURE,
        lambda: good(time=NOW + timedelta(seconds=301)),
    ),
    "a time before the log's key": (
        codes.TIME_LOG_KEY,
        lambda: good(time=NOW.replace(year=2020)),
    ),
    "an RFC 3161 timestamp": (
        codes.TIMESTAMP_UNSUPPORTED,
        lambda: with_annotations(**{"dev.sigstore.cosign/rfc3161timestamp": "{}"}),
    ),
    # (8) claims
    "a payload that is not JSON": (codes.NOT_JSON, lambda: with_payload(b"a signed letter")),
    "a payload with a key twice": (
        codes.NOT_JSON,
        lambda: with_payload(
            GOOD_PAYLOAD.replace(b'"optional":null', b'"optional":{},"optional":null')
        ),
    ),
    "a payload of another shape": (codes.SCHEMA, lambda: with_payload(b'{"critical":{}}')),
    "a payload of another type": (
        codes.CLAIM_TYPE,
        lambda: with_payload(claims(type="atomic container signature")),
    ),
    "a payload that signs another image": (
        codes.CLAIM_DIGEST,
        lambda: with_payload(payload(REPOSITORY, "0" * 64)),
    ),
    "a payload for another repository": (
        codes.CLAIM_REPOSITORY,
        lambda: with_payload(payload("ghcr.io/acme/other", DIGEST)),
    ),
    "a payload for the same path on another host": (
        codes.CLAIM_REPOSITORY,
        lambda: with_payload(payload("evil.example/acme/app", DIGEST)),
    ),
    "a payload for no repository": (
        codes.SCHEMA,
        lambda: with_payload(payload("", DIGEST)),
    ),
    "a signed annotation that names another repository": (
        codes.CLAIM_ANNOTATION,
        lambda: with_payload(payload(REPOSITORY, DIGEST, {"repository": "ghcr.io/acme/other"})),
    ),
}


def changed_entry(content: bytes, signature: bytes, **members: object) -> str:
    bundle = json.loads(LOG.entry(content, signature, ALICE.pem))
    bundle["Payload"] |= members
    return compact(bundle).decode()


def logged_body(
    content: bytes, signature: bytes, kind: str = "hashedrekord", **more: object
) -> bytes:
    bundle = json.loads(LOG.entry(content, signature, ALICE.pem))
    body = json.loads(base64.b64decode(bundle["Payload"]["body"]))
    return compact(body | {"kind": kind} | more)


HOUR = timedelta(hours=1)


def unlogged() -> Files:
    return entry([ALICE], REPOSITORY, DIGEST)[1]


def signed_by(*signers: Signer, time: datetime = NOW) -> Files:
    return entry(signers, REPOSITORY, DIGEST, log=LOG, time=time)[1]


def by(*authorities: Signer | Authority, **members: Any) -> Trust:
    """One rule of these authorities."""
    return make_trust(rule(*authorities, **members), root=LOG.trusted_root())


def alice(**limits: Any) -> Authority:
    return authority(ALICE, "alice", **limits)


def revoked(start: datetime | None) -> Authority:
    return alice(revoked=Revocation(start, "a lost token"))


# a file that only a policy refuses: which code, which files, which policy
POLICY_FAULTS: dict[str, tuple[codes.Code, Callable[[], Files], Callable[[], Trust]]] = {
    # (2) reference
    "no rule": (codes.REPOSITORY_NOT_ALLOWED, good, lambda: make_trust()),
    "no rule that covers it": (
        codes.REPOSITORY_NOT_ALLOWED,
        good,
        lambda: by(ALICE, images=("ghcr.io/acme/other", "ghcr.io/*")),
    ),
    # (7) time
    "before notBefore": (
        codes.TIME_AUTHORITY,
        good,
        lambda: by(alice(not_before=NOW + timedelta(seconds=1))),
    ),
    "after notAfter": (
        codes.TIME_AUTHORITY,
        good,
        lambda: by(alice(not_after=NOW - timedelta(seconds=1))),
    ),
    "after notAfter, within the skew of clocks": (
        codes.TIME_AUTHORITY,
        lambda: good(time=NOW + timedelta(seconds=1)),
        lambda: by(alice(not_after=NOW)),
    ),
    "at the instant of the revocation": (codes.TIME_REVOKED, good, lambda: by(revoked(NOW))),
    "after the revocation": (codes.TIME_REVOKED, good, lambda: by(revoked(NOW - HOUR))),
    "revoked for good": (codes.TIME_REVOKED, good, lambda: by(revoked(None))),
    "revoked for good, and not logged": (
        codes.TIME_REVOKED,
        unlogged,
        lambda: by(revoked(None), transparency_log=Requirement.OPTIONAL),
    ),
    **{
        f"not logged, by an authority with {name}": (
            codes.TIME_MISSING,
            unlogged,
            lambda limits=limits: by(alice(**limits), transparency_log=Requirement.OPTIONAL),
        )
        for name, limits in {
            "notBefore": {"not_before": NOW - HOUR},
            "notAfter": {"not_after": NOW + HOUR},
            "a revocation": {"revoked": Revocation(NOW + HOUR, "a lost token")},
        }.items()
    },
    # (8) claims
    "an annotation that is not there": (
        codes.CLAIM_REQUIRED,
        good,
        lambda: by(ALICE, annotations={"env": "prod"}),
    ),
    "an annotation that says something else": (
        codes.CLAIM_REQUIRED,
        lambda: good(optional={"env": "prod "}),
        lambda: by(ALICE, annotations={"env": "prod"}),
    ),
    "an annotation that is no text": (
        codes.CLAIM_REQUIRED,
        lambda: good(optional={"number": 1}),
        lambda: by(ALICE, annotations={"number": "1"}),
    ),
    "one annotation of two": (
        codes.CLAIM_REQUIRED,
        lambda: good(optional={"env": "prod"}),
        lambda: by(ALICE, annotations={"env": "prod", "team": "a"}),
    ),
    "a signed `repository`, even where the docker-reference is ignored": (
        codes.CLAIM_ANNOTATION,
        lambda: with_payload(payload(REPOSITORY, DIGEST, {"repository": "ghcr.io/acme/other"})),
        lambda: by(ALICE, docker_reference=DockerReference.IGNORE),
    ),
    "another digest, even where the docker-reference is ignored": (
        codes.CLAIM_DIGEST,
        lambda: with_payload(payload(REPOSITORY, "0" * 64)),
        lambda: by(ALICE, docker_reference=DockerReference.IGNORE),
    ),
    # (9) policy
    "one of two": (codes.THRESHOLD, good, lambda: by(ALICE, BOB, threshold=2)),
    "one authority twice": (
        codes.THRESHOLD,
        lambda: signed_by(ALICE, ALICE),
        lambda: by(ALICE, BOB, threshold=2),
    ),
    "one authority's very signature twice": (
        codes.THRESHOLD,
        lambda: good() | artifact([signed_layer(ALICE, REPOSITORY, DIGEST, log=LOG)] * 2),
        lambda: by(ALICE, BOB, threshold=2),
    ),
    "a threshold of nothing is one all the same": (
        codes.THRESHOLD,
        lambda: signed_by(MALLORY),
        lambda: by(ALICE, threshold=0, every_signature=EverySignature.ANY),
    ),
    "any may fail, but too many do": (
        codes.THRESHOLD,
        lambda: signed_by(ALICE, MALLORY),
        lambda: by(ALICE, BOB, threshold=2, every_signature=EverySignature.ANY),
    ),
    "enough, and one that fails": (
        codes.SIGNATURE_FAILS,
        lambda: signed_by(ALICE, BOB, MALLORY),
        lambda: by(ALICE, BOB, threshold=2),
    ),
    "a withdrawn digest": (
        codes.WITHDRAWN,
        good,
        lambda: make_trust(
            rule(ALICE),
            root=LOG.trusted_root(),
            withdrawn={Digest(DIGEST): Withdrawal(NOW - HOUR, "a broken build")},
        ),
    ),
    "a withdrawn digest that nobody trusted signed": (
        codes.WITHDRAWN,
        lambda: signed_by(MALLORY),
        lambda: make_trust(
            rule(ALICE),
            root=LOG.trusted_root(),
            withdrawn={Digest(DIGEST): Withdrawal(NOW - HOUR, "a broken build")},
        ),
    ),
}


@pytest.mark.parametrize("name", POLICY_FAULTS)
def test_each_rule_of_a_policy_refuses_what_breaks_it(name: str) -> None:
    expected, files, trusted = POLICY_FAULTS[name]
    verdict = judge(files(), trusted())
    assert not verdict.passed
    failed = [check.failure for check in verdict.checks if check.failure]
    of_signatures = [f for f in verdict.failures if f not in failed]
    # what a signature is refused for comes first, and step 9 follows from it
    assert expected in {f.code for f in (failed if expected.step in (2, 9) else of_signatures)}
    assert len({f.code for f in of_signatures}) <= 1
    assert verdict.entry is None or expected.step != 2


GOOD_UNDER: dict[str, tuple[Callable[[], Files], Callable[[], Trust]]] = {
    "at notBefore": (good, lambda: by(alice(not_before=NOW))),
    "at notAfter": (good, lambda: by(alice(not_after=NOW))),
    "before the revocation": (good, lambda: by(revoked(NOW + timedelta(seconds=1)))),
    "rotateAfter is no bound": (
        unlogged,
        lambda: by(alice(rotate_after=NOW - HOUR), transparency_log=Requirement.OPTIONAL),
    ),
    "another authority is revoked": (
        good,
        lambda: by(authority(BOB, "bob", revoked=Revocation(None, "lost")), alice()),
    ),
    "the annotations are there, and more": (
        lambda: good(optional={"env": "prod", "team": "a"}),
        lambda: by(ALICE, annotations={"env": "prod"}),
    ),
    "the docker-reference is ignored": (
        lambda: with_payload(payload("localhost:5000/x", DIGEST)),
        lambda: by(ALICE, docker_reference=DockerReference.IGNORE),
    ),
    "two of two": (lambda: signed_by(ALICE, BOB), lambda: by(ALICE, BOB, threshold=2)),
    "two of three": (lambda: signed_by(ALICE, BOB), lambda: by(ALICE, MALLORY, BOB, threshold=2)),
    "any may fail": (
        lambda: signed_by(MALLORY, ALICE),
        lambda: by(ALICE, every_signature=EverySignature.ANY),
    ),
    "another digest is withdrawn": (
        good,
        lambda: make_trust(
            rule(ALICE),
            root=LOG.trusted_root(),
            withdrawn={Digest("0" * 64): Withdrawal(NOW, "a broken build")},
        ),
    ),
}


@pytest.mark.parametrize("name", GOOD_UNDER)
def test_a_policy_accepts_what_keeps_to_it(name: str) -> None:
    files, trusted = GOOD_UNDER[name]
    verdict = judge(files(), trusted())
    assert verdict.passed, verdict.failures


def test_a_withdrawal_says_since_when_and_why() -> None:
    _, files, trusted = POLICY_FAULTS["a withdrawn digest"]
    verdict = judge(files(), trusted())
    (failure,) = verdict.failures
    assert "`withdrawn`" in failure.message
    assert "2026-11-21T11:00:00" in failure.message
    assert "a broken build" in failure.message
    assert "sign a newer set" in failure.next_step
    assert failure.file.endswith("/IMAGE")
    # it is known all the same which tags it moved, and how far the log had come
    assert verdict.entry is not None
    assert verdict.signatures[0].log is not None


def test_an_entry_whose_blobs_are_bad_still_says_which_tags_it_moves() -> None:
    verdict = judge(good(tags=["v1"]) | {"CONFIG_BLOB": b""})
    assert code(verdict) is codes.BLOB_SIZE
    assert verdict.entry is not None
    assert verdict.entry.tags == ("v1",)
    with pytest.raises(ValueError, match="has not passed"):
        _ = verdict.passed_entry


def test_every_rule_that_covers_an_image_must_pass() -> None:
    names = {"broad": ("ghcr.io/**",), "narrow": ("ghcr.io/acme/*",), "other": ("ghcr.io/x/*",)}
    broad, narrow, other = (rule(ALICE, name=n, images=images) for n, images in names.items())
    two = replace(narrow, authorities=(*narrow.authorities, authority(BOB, "bob")), threshold=2)
    strangers = replace(other, authorities=(authority(MALLORY, "mallory"),))
    root = LOG.trusted_root()
    assert judge(good(), make_trust(broad, narrow, strangers, root=root)).passed
    for rules in ((broad, two), (two, broad)):
        verdict = judge(good(), make_trust(*rules, root=root))
        assert code(verdict) is codes.THRESHOLD
        assert "'narrow'" in verdict.failures[0].message
        assert judge(signed_by(ALICE), make_trust(*rules, root=root)).failures == verdict.failures


def test_an_index_that_lists_a_withdrawn_digest_is_withdrawn_with_it() -> None:
    child = sha256(b"amd64")
    descriptor = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{child}", "size": 1}
    index = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]})
    digest = sha256(index)
    _, files = entry([ALICE], REPOSITORY, digest, log=LOG)

    def judged(withdrawn: str, subject: bytes | None) -> Verdict:
        why = {Digest(withdrawn): Withdrawal(NOW - HOUR, "a broken build")}
        trusted = make_trust(rule(ALICE), root=LOG.trusted_root(), withdrawn=why)
        return judge(files | ({"SUBJECT": subject} if subject else {}), trusted, digest)

    found = judged(child, index)
    assert code(found) is codes.WITHDRAWN
    assert found.failures[0].file == f"{SET}/{digest}/SUBJECT"
    assert f"sha256:{child}, which it lists," in found.failures[0].message
    assert judged(child, None).passed  # nothing says what it lists
    assert judged("0" * 64, index).passed
    assert judged(digest, index).failures[0].file == f"{SET}/{digest}/IMAGE"
    no_index = b"no image at all"
    _, files = entry([ALICE], REPOSITORY, digest := sha256(no_index), log=LOG)
    assert judged(child, no_index).passed


def test_a_verdict_shows_the_signatures_as_the_first_failing_rule_judges_them() -> None:
    lax = rule(authority(ALICE, "alice, laxly"), name="lax")
    strict = rule(authority(ALICE, "alice"), name="strict")
    strictest = rule(MALLORY, name="strictest")
    root = LOG.trusted_root()
    passed = judge(good(), make_trust(lax, strict, root=root))
    assert passed.signers == ("alice", "alice, laxly")
    assert [signature.authority for signature in passed.signatures] == ["alice, laxly"]
    assert [check.name.split(":")[0] for check in passed.checks if check.step is Step.POLICY] == [
        "rule 'lax'",
        "rule 'strict'",
    ]
    failed = judge(good(), make_trust(lax, strict, strictest, lax, root=root))
    assert [f.code for f in failed.failures] == [codes.SIGNATURE_UNTRUSTED, codes.THRESHOLD]
    assert len([c for c in failed.checks if c.step is Step.POLICY]) == 3
    assert [each[0].authority for each in failed.others] == [
        "alice, laxly",
        "alice",
        "alice, laxly",
    ]


def test_only_valid_signatures_have_a_signer_and_a_time() -> None:
    later = NOW + timedelta(seconds=60)
    layers = [
        signed_layer(ALICE, REPOSITORY, DIGEST, log=LOG),
        signed_layer(BOB, REPOSITORY, DIGEST, log=LOG, time=later),
    ]
    bob = authority(BOB, "bob", not_after=NOW)
    verdict = judge(good() | artifact(layers), by(alice(), bob, every_signature=EverySignature.ANY))
    assert verdict.passed
    assert verdict.signers == ("alice",)
    assert verdict.logged == NOW


def test_the_essence_tells_signatures_apart_and_not_their_disguises() -> None:
    key = authority(ALICE).key
    one, other = (ALICE.sign(GOOD_PAYLOAD) for _ in range(2))
    r, s = decode_dss_signature(one)
    disguised = encode_dss_signature(r, P256_ORDER - s)
    assert key.verifies(disguised, GOOD_PAYLOAD)
    assert disguised != one
    assert essence_of(one) == essence_of(disguised) != essence_of(other)
    for kind in ("P-256", "P-384", "P-521", "RSA-2048", "Ed25519"):
        signer = Signer(kind)
        first, second = signer.sign(GOOD_PAYLOAD), signer.sign(b"another")
        assert essence_of(first) != essence_of(second)
        assert len(essence_of(first)) >= 30


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_refused_for_its_own_reason(name: str) -> None:
    expected, make = FAULTS[name]
    assert code(judge(make())) is expected


def test_every_code_of_an_entry_s_steps_has_a_fault() -> None:
    elsewhere = {
        codes.NOT_REGULAR,
        codes.SET_NAME,
        codes.ENTRY_NAME,
        codes.EMPTY_SET,
        codes.TOO_MANY,
        codes.INTERNAL,
    }
    steps = {code for code in codes.ALL if code.step <= 9}  # step 10: test_ledger.py
    faults = (*FAULTS.values(), *POLICY_FAULTS.values())
    assert {expected for expected, *_ in faults} == steps - elsewhere


@pytest.mark.parametrize("mode", [SYMLINK, SUBMODULE, FOLDER, "100664"])
@pytest.mark.parametrize("name", ["IMAGE", "MANIFEST", "PAYLOAD_BLOB", "LATEST"])
def test_only_regular_files_count(mode: str, name: str) -> None:
    files = regular(good(tags=["latest"]))
    files[name] = File(mode, files[name].size, files[name].content)
    assert code(judge_files(files)) is codes.NOT_REGULAR


def test_an_executable_file_is_a_regular_file() -> None:
    files = regular(good())
    files["IMAGE"] = File(EXECUTABLE, files["IMAGE"].size, files["IMAGE"].content)
    assert judge_files(files).passed


@pytest.mark.parametrize("name", ["", "latest", DIGEST.upper(), DIGEST[1:], f"{DIGEST}0", "..\n"])
def test_a_folder_that_is_not_named_after_a_digest(name: str) -> None:
    assert code(judge(good(), name=name)) is codes.ENTRY_NAME


def test_a_config_with_recorded_times_is_cosign_s_too() -> None:
    created = "2026-11-20T12:00:00.123456789Z"
    document = original_config([GOOD_PAYLOAD]) | {
        "created": created,
        "history": [{"created": created}],
    }
    assert judge(with_config(document)).passed


def test_docker_media_types_are_cosign_s_too() -> None:
    def change(manifest: dict) -> None:  # type: ignore[type-arg]
        manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
        manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"

    assert judge(edited(change)).passed


def test_a_time_within_the_skew_of_clocks_is_accepted() -> None:
    assert judge(good(time=NOW + timedelta(seconds=300))).passed


def test_the_log_s_key_counts_until_its_end() -> None:
    ended = LOG.trusted_root(end=NOW.isoformat())
    assert judge(good(), trust(root=ended)).passed
    assert code(judge(good(time=NOW + timedelta(seconds=1)), trust(root=ended))) is (
        codes.TIME_LOG_KEY
    )


def test_without_a_log_entry_where_none_is_required() -> None:
    unlogged = entry([ALICE], REPOSITORY, DIGEST)[1]
    verdict = judge(unlogged, trust(transparency_log=Requirement.OPTIONAL))
    assert verdict.passed
    assert verdict.signatures[0].time is None
    assert [int(check.step) for check in verdict.signatures[0].checks] == [5, 6, 7, 8]


def test_a_bad_log_entry_fails_even_where_none_is_required() -> None:
    forged = with_bundle(lambda p, s: OTHER_LOG.entry(p, s, ALICE.pem))
    verdict = judge(forged, trust(transparency_log=Requirement.OPTIONAL))
    assert code(verdict) is codes.LOG_UNKNOWN


def test_two_signers_are_two_layers_of_one_payload() -> None:
    files = entry([ALICE, BOB], REPOSITORY, DIGEST, log=LOG)[1]
    assert "PAYLOAD_BLOB.1" not in files
    verdict = judge(files, trust(ALICE, BOB))
    assert verdict.passed
    assert [signature.authority for signature in verdict.signatures] == ["signer 0", "signer 1"]


def test_two_payloads_are_two_files() -> None:
    layers = [
        signed_layer(ALICE, REPOSITORY, DIGEST, log=LOG, optional={"n": str(number)})
        for number in range(2)
    ]
    files = good() | artifact(layers)
    assert "PAYLOAD_BLOB.1" in files
    assert judge(files).passed


def test_one_failing_signature_fails_the_entry() -> None:
    files = entry([ALICE, MALLORY], REPOSITORY, DIGEST, log=LOG)[1]
    verdict = judge(files)
    assert [signature.valid for signature in verdict.signatures] == [True, False]
    assert [failure.code for failure in verdict.failures] == [
        codes.SIGNATURE_UNTRUSTED,
        codes.SIGNATURE_FAILS,
    ]


def test_no_valid_signature_is_too_few() -> None:
    verdict = judge(entry([MALLORY], REPOSITORY, DIGEST, log=LOG)[1])
    assert verdict.failures[-1].code is codes.THRESHOLD


def test_several_trusted_keys_of_several_kinds() -> None:
    trusted = trust(BOB, Signer("Ed25519"), ALICE)
    assert judge(good(), trusted).signatures[0].authority == "signer 2"


def test_an_rsa_signature_is_not_malformed_only_because_an_ecdsa_key_cannot_read_it() -> None:
    files = entry([BOB], REPOSITORY, DIGEST, log=LOG)[1]
    assert judge(files, trust(ALICE, BOB)).passed


def test_a_verdict_without_step_10_has_not_passed() -> None:
    verdict = verify(f"{SET}/{DIGEST}", regular(good()), trust(), now=NOW)
    assert not verdict.failures
    assert not verdict.passed
    with pytest.raises(ValueError, match="has not passed"):
        _ = verdict.passed_entry


def test_an_unexpected_fault_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr("ghcr_signer.core.verification._artifact", broken)
    verdict = judge(good())
    assert code(verdict) is codes.INTERNAL


NAMES = st.sampled_from(
    [*FILES_KNOWN, "PAYLOAD_BLOB.1", "LATEST", "TAGS", "SUBJECT", "EXTRA", "é", ""]
)


@given(st.dictionaries(NAMES, st.binary(max_size=300), max_size=6))
def test_any_files_are_judged_and_nothing_is_raised(files: Files) -> None:
    verdict = judge(good() | files if len(files) < 3 else files)
    assert verdict.passed == (not verdict.failures)
    assert all(failure.code is not codes.INTERNAL for failure in verdict.failures)


@pytest.mark.parametrize("kind", ["P-384", "P-521", "RSA-2048", "Ed25519"])
def test_entries_of_every_kind_of_key(kind: str) -> None:
    signer = Signer(kind)
    assert judge(entry([signer], REPOSITORY, DIGEST, log=LOG)[1], trust(signer)).passed


def test_the_steps_have_names_and_numbers() -> None:
    assert [step.value for step in Step] == list(range(1, 12))
