"""Which keys are accepted, and what each one takes for its signature."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.forge import Signer

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.core.key import PublicKey

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KINDS = ["P-256", "P-384", "P-521", "RSA-2048", "RSA-4096", "Ed25519"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_verifies_its_signature_and_no_other(kind: str) -> None:
    signer, other = Signer(kind), Signer(kind)
    key = PublicKey.from_pem(signer.pem)
    assert key.kind == kind
    assert key.verifies(signer.sign(b"message"), b"message")
    assert not key.verifies(signer.sign(b"message"), b"another")
    assert not key.verifies(other.sign(b"message"), b"message")


@pytest.mark.parametrize(
    ("kind", "hash_", "accepted"),
    [
        ("P-256", hashes.SHA256(), True),
        ("P-256", hashes.SHA384(), False),
        ("P-384", hashes.SHA384(), True),
        ("P-384", hashes.SHA256(), True),
        ("P-384", hashes.SHA512(), False),
        ("P-521", hashes.SHA512(), True),
        ("P-521", hashes.SHA256(), True),
        ("P-521", hashes.SHA384(), False),
        ("RSA-2048", hashes.SHA256(), True),
        ("RSA-2048", hashes.SHA512(), False),
    ],
)
def test_the_hash_follows_the_key(kind: str, hash_: hashes.HashAlgorithm, accepted: bool) -> None:
    signer = Signer(kind)
    signature = signer.sign(b"message", hash_)
    assert PublicKey.from_pem(signer.pem).verifies(signature, b"message") is accepted


def test_ed25519_is_accepted_pure_and_prehashed() -> None:
    signer = Signer("Ed25519")
    key = PublicKey.from_pem(signer.pem)
    assert key.verifies(signer.sign(b"message"), b"message")
    assert key.verifies(signer.sign_prehashed(b"message"), b"message")
    assert not key.verifies(signer.sign_prehashed(b"message"), b"another")


def test_a_high_s_is_accepted_as_cosign_does() -> None:
    signer = Signer()
    r, s = decode_dss_signature(signer.sign(b"message"))
    key = PublicKey.from_pem(signer.pem)
    for either in (s, P256_ORDER - s):
        assert key.verifies(encode_dss_signature(r, either), b"message")


def padded(signature: bytes) -> bytes:
    """The same ECDSA signature with a needless zero byte before r (BER, not DER)."""
    r_length = signature[3]
    body = b"\x02" + bytes([r_length + 1]) + b"\x00" + signature[4:]
    return b"\x30" + bytes([len(body)]) + body


def long_form(signature: bytes) -> bytes:
    """The same signature with its length in the long form (BER, not DER)."""
    return b"\x30\x81" + signature[1:]


@pytest.mark.parametrize(
    "spoil",
    [
        padded,
        long_form,
        lambda signature: signature + b"\x00",
        lambda signature: signature[:-1],
        lambda signature: b"",
        lambda signature: b"\x31" + signature[1:],
        lambda signature: b"\x30\x80" + signature[2:] + b"\x00\x00",
        lambda signature: b"".join(
            number.to_bytes(32, "big") for number in decode_dss_signature(signature)
        ),
    ],
    ids=["padded", "long form", "trailing", "cut", "empty", "set", "indefinite", "P1363"],
)
def test_another_spelling_of_an_ecdsa_signature_is_malformed(spoil) -> None:
    signer = Signer()
    with pytest.raises(Refused) as refusal:
        PublicKey.from_pem(signer.pem).verifies(spoil(signer.sign(b"message")), b"message")
    assert refusal.value.failure.code is codes.SIGNATURE_MALFORMED


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (P256_ORDER, 1), (1, P256_ORDER), (0, 0)])
def test_numbers_out_of_range_verify_nothing(r: int, s: int) -> None:
    key = PublicKey.from_pem(Signer().pem)
    assert not key.verifies(encode_dss_signature(r, s), b"message")


def test_an_ed25519_signature_has_64_bytes() -> None:
    signer = Signer("Ed25519")
    with pytest.raises(Refused):
        PublicKey.from_pem(signer.pem).verifies(signer.sign(b"message") + b"\x00", b"message")


def test_an_rsa_signature_of_another_length_verifies_nothing() -> None:
    signer = Signer("RSA-2048")
    signature = signer.sign(b"message")
    key = PublicKey.from_pem(signer.pem)
    assert not key.verifies(b"\x00" + signature, b"message")
    assert not key.verifies(signature + b"\x00", b"message")


def public_pem(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def off_curve() -> bytes:
    spki = bytearray(Signer().spki)
    spki[-1] ^= 1
    return bytes(spki)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        private_pem(),
        public_pem(rsa.generate_private_key(65537, 1024)),
        public_pem(rsa.generate_private_key(3, 2048)),
        public_pem(ec.generate_private_key(ec.SECP256K1())),
        public_pem(ec.generate_private_key(ec.SECP224R1())),
        public_pem(dsa.generate_private_key(2048)),
        public_pem(x25519.X25519PrivateKey.generate()),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"\n" * 70000,
        Signer().pem + Signer().pem,
    ],
    ids=[
        "empty",
        "text",
        "private",
        "small",
        "e3",
        "k1",
        "P-224",
        "DSA",
        "X25519",
        "junk",
        "huge",
        "two",
    ],
)
def test_other_keys_are_refused_and_never_echoed(content: bytes) -> None:
    with pytest.raises(UsageError) as refusal:
        PublicKey.from_pem(content)
    assert refusal.value.failure.code is codes.KEY_UNUSABLE
    assert len(str(refusal.value)) < 80


def test_a_point_off_the_curve_is_refused() -> None:
    with pytest.raises(UsageError):
        PublicKey.from_der(off_curve())


def test_keys_are_equal_when_their_spki_is() -> None:
    signer = Signer()
    assert PublicKey.from_pem(signer.pem) == PublicKey.from_der(signer.spki)
    assert PublicKey.from_pem(signer.pem) == PublicKey.from_pem(b"a comment\n" + signer.pem)
    assert PublicKey.from_pem(signer.pem) != PublicKey.from_pem(Signer().pem)
