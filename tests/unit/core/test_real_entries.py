"""Real signatures by a real YubiKey, in a real log: each verifies, and each change is refused."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.forge import Log, Signer, artifact, compact, sha256, signed_layer
from tests.shared import dangerzone
from tests.trust import rule
from tests.trust import trust as make_trust

from ghcr_signer.core import codes
from ghcr_signer.core.directory import regular
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.policy import Authority, Trust
from ghcr_signer.core.verdict import Step, Verdict
from ghcr_signer.core.verification import verify

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BUNDLE = "dev.sigstore.cosign/bundle"
SIGNATURE = "dev.cosignproject.cosign/signature"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Files = dict[str, bytes]


def entries() -> dict[str, Files]:
    found: dict[str, Files] = {}
    for image in sorted((dangerzone() / "SIGNATURES").glob("*/*/IMAGE")):
        folder = image.parent
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        found[f"{folder.parent.name}/{folder.name}"] = files
    return found


@pytest.fixture(scope="module")
def real() -> dict[str, Files]:
    return entries()


@pytest.fixture(scope="module")
def trust() -> Trust:
    key = PublicKey.from_pem((dangerzone() / "trusted.pub").read_bytes())
    return make_trust(rule(Authority("trusted.pub", key)))


def judge(path: str, files: Files, trust: Trust) -> Verdict:
    (verdict,) = verify_set([verify(path, regular(files), trust, now=NOW)], trust.policy, Ledger())
    return verdict


def first_code(verdict: Verdict) -> codes.Code:
    assert not verdict.passed
    return verdict.failures[0].code


def test_every_real_entry_verifies_with_every_step(real: dict[str, Files], trust: Trust) -> None:
    assert len(real) == 9
    for path, files in real.items():
        verdict = judge(path, files, trust)
        assert verdict.passed, verdict.failures
        assert [check.step for check in verdict.checks] == [1, 2, 3, 4, 9, 10]
        (signature,) = verdict.signatures
        assert [check.step for check in signature.checks] == [5, 6, 7, 8]
        assert signature.log is not None


def test_most_real_signatures_have_a_high_s(real: dict[str, Files]) -> None:
    high = 0
    for files in real.values():
        annotations = json.loads(files["MANIFEST"])["layers"][0]["annotations"]
        _, s = decode_dss_signature(base64.b64decode(annotations[SIGNATURE]))
        high += s > P256_ORDER // 2
    assert high > len(real) / 2


def test_every_byte_of_a_blob_counts(real: dict[str, Files], trust: Trust) -> None:
    for path, files in real.items():
        for name in ("PAYLOAD_BLOB", "CONFIG_BLOB"):
            for position in range(len(files[name])):
                changed = files | {name: flipped(files[name], position)}
                assert first_code(judge(path, changed, trust)) is codes.BLOB_DIGEST


def test_every_byte_of_image_counts(real: dict[str, Files], trust: Trust) -> None:
    expected = {
        codes.REFERENCE_MALFORMED,  # no reference any more
        codes.REFERENCE_DIGEST,  # another digest
        codes.CLAIM_REPOSITORY,  # another repository: not what was signed
    }
    path, files = next(iter(real.items()))
    for position in range(len(files["IMAGE"])):
        for byte in range(256):
            image = bytearray(files["IMAGE"])
            if image[position] != byte:
                image[position] = byte
                code = first_code(judge(path, files | {"IMAGE": bytes(image)}, trust))
                assert code in expected


def flipped(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 1
    return bytes(changed)


# What is refused when a value at this place of MANIFEST is changed.
MANIFEST_CODES: dict[str, set[codes.Code]] = {
    "schemaVersion": {codes.SCHEMA},
    "mediaType": {codes.MEDIA_TYPE},
    "config.mediaType": {codes.MEDIA_TYPE},
    "config.size": {codes.BLOB_SIZE},
    "config.digest": {codes.SCHEMA, codes.BLOB_DIGEST},
    "layers.0.mediaType": {codes.MEDIA_TYPE},
    "layers.0.size": {codes.BLOB_SIZE},
    "layers.0.digest": {codes.SCHEMA, codes.BLOB_DIGEST},
    f"layers.0.annotations.{SIGNATURE}": {codes.SIGNATURE_MALFORMED, codes.SIGNATURE_UNTRUSTED},
    # the text of the bundle: its syntax, its log, its promise (which covers the other three)
    f"layers.0.annotations.{BUNDLE}": {
        codes.LOG_ENTRY_MALFORMED,
        codes.LOG_UNKNOWN,
        codes.LOG_PROMISE,
    },
}


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*place, number))
    else:
        yield place, value


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(document))
    at = copy
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return copy


def other_values(value: Any) -> Iterator[Any]:
    """Every text that differs in one character, or the next number."""
    if isinstance(value, int):
        yield value + 1
        return
    for position, character in enumerate(value):
        yield value[:position] + chr(ord(character) ^ 1) + value[position + 1 :]


def test_every_byte_of_a_json_value_in_the_manifest_counts(
    real: dict[str, Files], trust: Trust
) -> None:
    for path, files in real.items():
        manifest = json.loads(files["MANIFEST"])
        for place, value in leaves(manifest):
            for other in other_values(value):
                changed = files | {"MANIFEST": compact(replaced(manifest, place, other))}
                code = first_code(judge(path, changed, trust))
                assert code in MANIFEST_CODES[".".join(map(str, place))], (place, other)


def test_every_byte_of_a_json_value_in_the_log_entry_counts(
    real: dict[str, Files], trust: Trust
) -> None:
    expected = {
        "SignedEntryTimestamp": {codes.LOG_ENTRY_MALFORMED, codes.LOG_PROMISE},
        "Payload.body": {codes.LOG_ENTRY_MALFORMED, codes.LOG_PROMISE},
        "Payload.integratedTime": {codes.LOG_PROMISE},
        "Payload.logIndex": {codes.LOG_PROMISE},
        "Payload.logID": {codes.LOG_ENTRY_MALFORMED, codes.LOG_UNKNOWN},
    }
    for path, files in real.items():
        bundle = json.loads(annotation(files, BUNDLE))
        for place, value in leaves(bundle):
            for other in other_values(value):
                text = compact(replaced(bundle, place, other)).decode()
                code = first_code(judge(path, with_annotation(files, BUNDLE, text), trust))
                assert code in expected[".".join(map(str, place))], (place, other)


def test_a_changed_payload_with_a_manifest_to_match_has_no_signature(
    real: dict[str, Files], trust: Trust
) -> None:
    for path, files in real.items():
        annotations = json.loads(files["MANIFEST"])["layers"][0]["annotations"]
        for position in range(len(files["PAYLOAD_BLOB"])):
            layers = [(flipped(files["PAYLOAD_BLOB"], position), annotations)]
            changed = {**files, **artifact(layers)}
            assert first_code(judge(path, changed, trust)) is codes.SIGNATURE_UNTRUSTED


def annotation(files: Files, name: str) -> str:
    value: str = json.loads(files["MANIFEST"])["layers"][0]["annotations"][name]
    return value


def with_annotation(files: Files, name: str, value: str | None) -> Files:
    manifest = json.loads(files["MANIFEST"])
    annotations = manifest["layers"][0]["annotations"]
    if value is None:
        del annotations[name]
    else:
        annotations[name] = value
    return files | {"MANIFEST": compact(manifest)}


@pytest.fixture(scope="module")
def two(real: dict[str, Files]) -> tuple[tuple[str, Files], tuple[str, Files]]:
    paths = sorted(real)
    return (paths[0], real[paths[0]]), (paths[-1], real[paths[-1]])


def swap_payload(one: Files, other: Files) -> Files:
    return one | {"PAYLOAD_BLOB": other["PAYLOAD_BLOB"]}


def swap_artifact(one: Files, other: Files) -> Files:
    names = ("MANIFEST", "CONFIG_BLOB", "PAYLOAD_BLOB")
    return one | {name: other[name] for name in names}


def swap_bundle(one: Files, other: Files) -> Files:
    return with_annotation(one, BUNDLE, annotation(other, BUNDLE))


def swap_image(one: Files, other: Files) -> Files:
    return one | {"IMAGE": other["IMAGE"]}


def remove_bundle(one: Files, other: Files) -> Files:
    return with_annotation(one, BUNDLE, None)


@pytest.mark.parametrize(
    ("swap", "code"),
    [
        (swap_payload, codes.BLOB_DIGEST),
        (swap_artifact, codes.CLAIM_DIGEST),
        (swap_bundle, codes.LOG_BINDS_PAYLOAD),
        (swap_image, codes.REFERENCE_DIGEST),
        (remove_bundle, codes.LOG_ENTRY_MISSING),
    ],
)
def test_a_part_of_another_entry_is_refused(
    two: tuple[tuple[str, Files], tuple[str, Files]],
    trust: Trust,
    swap: Callable[[Files, Files], Files],
    code: codes.Code,
) -> None:
    (path, one), (_, other) = two
    assert first_code(judge(path, swap(one, other), trust)) is code


def test_another_entrys_folder_name_is_refused(
    two: tuple[tuple[str, Files], tuple[str, Files]], trust: Trust
) -> None:
    (_, one), (path, _) = two
    assert first_code(judge(path, one, trust)) is codes.REFERENCE_DIGEST


def test_a_log_that_nobody_trusts_is_refused(
    two: tuple[tuple[str, Files], tuple[str, Files]], trust: Trust
) -> None:
    (path, files), _ = two
    signature = base64.b64decode(annotation(files, SIGNATURE))
    pem = trust.policy.rules[0].authorities[0].key.pem
    forged = Log().entry(files["PAYLOAD_BLOB"], signature, pem)
    verdict = judge(path, with_annotation(files, BUNDLE, forged), trust)
    assert first_code(verdict) is codes.LOG_UNKNOWN
    assert verdict.signatures[0].checks[-1].step is Step.LOG_ENTRY


def test_a_stranger_s_signature_with_his_own_true_log_entry_is_refused(
    two: tuple[tuple[str, Files], tuple[str, Files]], trust: Trust
) -> None:
    (path, files), _ = two
    digest = path.partition("/")[2]
    repository = "ghcr.io/freedomofpress/dangerzone/v1"
    forged = artifact([signed_layer(Signer(), repository, digest, log=Log())])
    verdict = judge(path, {"IMAGE": files["IMAGE"], **forged}, trust)
    assert first_code(verdict) is codes.SIGNATURE_UNTRUSTED


def test_the_final_newline_of_image_and_the_tags_are_not_the_signature_s(
    two: tuple[tuple[str, Files], tuple[str, Files]], trust: Trust
) -> None:
    (path, files), _ = two
    assert judge(path, files | {"IMAGE": files["IMAGE"].rstrip() + b"\n"}, trust).passed
    assert judge(path, files | {"TAGS": b"v1\n"}, trust).passed
    assert judge(path, {k: v for k, v in files.items() if k != "LATEST"}, trust).passed


def test_the_vendored_trusted_root_is_the_public_one() -> None:
    vendored = Path(codes.__file__).parent / "public_good" / "trusted_root.json"
    shared_root = dangerzone().parent / "trusted_root.json"
    assert json.loads(vendored.read_bytes()) == json.loads(shared_root.read_bytes())
    source = (vendored.parent / "SOURCE.md").read_text()
    assert "sigstore` 4.5.1" in source
    assert sha256(vendored.read_bytes()) in source
