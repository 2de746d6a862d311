"""Keys and trusted roots that a pull request proposes, and that nobody may trust."""

from __future__ import annotations

import base64
import json
from itertools import count

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import attack
from tests.attacks.world import ALICE, MALLORY


def add() -> None:
    _keys()
    _curves()
    _roots()


def _pem(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _key(name: str, what: str, pem: bytes, code: str = "GS2004") -> None:
    """A key that no policy may have, in alice's place."""
    change = {"keys/alice.pub": pem}
    attack(name, code, what, file="keys/alice.pub", begins="base", change=change)


def _keys() -> None:
    weak = rsa.RSAPublicNumbers(65537, (1 << 1023) + 1155).public_key()
    modulus = world.rsa_signer().private.public_key().public_numbers().n  # type: ignore[union-attr]
    curve = ec.derive_private_key(12345, ec.SECP256K1()).public_key()
    numbers = dsa.DSAParameterNumbers((1 << 2047) + 1, (1 << 255) + 95, 2)
    secret = ALICE.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _key("an-rsa-key-of-1024-bits", "It can be factored.", _pem(weak))
    for exponent in (1, 3):
        _key(
            f"an-rsa-key-with-the-exponent-{exponent}",
            "Signatures can be computed without the private key (Bleichenbacher 2006).",
            _pem_of(_rsa_spki(modulus, exponent)),
        )
    _key("a-key-on-another-curve", "A curve that no other part of the job knows.", _pem(curve))
    _key(
        "a-key-that-cannot-sign",
        "A key for another purpose verifies nothing, or everything.",
        _pem(x25519.X25519PrivateKey.from_private_bytes(b"x" * 32).public_key()),
    )
    _key(
        "a-dsa-key",
        "A kind that nobody should use any more.",
        _pem(dsa.DSAPublicNumbers(3, numbers).public_key()),
    )
    _key("a-private-key", "Whoever clones the repository can sign.", secret)
    _key("two-keys-in-a-file", "The reviewer compares the first.", ALICE.pem + MALLORY.pem)
    _key(
        "a-certificate-in-a-key-s-place",
        "Its validity is not looked at.",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    )
    _key("a-key-that-is-none", "What cannot be read refuses nothing.", b"x\n")
    attack(
        "one-key-for-two-authorities",
        "GS2004",
        "One signer is two of two.",
        file="policy.yml",
        begins="base",
        change={
            **world.policy(world.authority("alice"), world.authority("bob"), threshold=2),
            "keys/bob.pub": ALICE.pem,
        },
    )
    attack(
        "one-key-in-two-spellings",
        "GS2004",
        "Spelt as a compressed point, the same key is another file.",
        file="policy.yml",
        begins="base",
        change={"keys/bob.pub": _pem_of(_p256_spki(_compressed()))},
    )


def _curves() -> None:
    point = _point()
    x, y = point[1:33], point[33:]
    off = (int.from_bytes(y) ^ 1).to_bytes(32)
    for name, what, encoded in (
        (
            "an-off-curve-point",
            "A point on a weaker curve gives the private key away, or verifies anything.",
            b"\x04" + x + off,
        ),
        ("the-point-at-infinity", "Every signature verifies under it.", b"\x00"),
        ("a-point-that-is-cut-off", "The rest is whatever lies behind it.", point[:-1]),
        (
            "a-point-with-more-behind-it",
            "What follows is another key to somebody.",
            point + b"\x00",
        ),
        (
            "a-point-beyond-the-field",
            "A coordinate above the prime is another spelling of a point.",
            b"\x04" + b"\xff" * 32 + y,
        ),
        (
            "a-compressed-point-that-is-none",
            "There is no y for this x.",
            b"\x02" + _no_coordinate().to_bytes(32),
        ),
    ):
        _key(name, what, _pem_of(_p256_spki(encoded)))
    _key(
        "a-curve-of-the-attacker-s-own",
        "With a generator of its own, anybody's key has a known private key (CVE-2020-0601).",
        _pem_of(_explicit_spki(point)),
    )


def _point() -> bytes:
    return ALICE.spki[-65:]


def _compressed() -> bytes:
    x, y = _point()[1:33], _point()[33:]
    return bytes([2 + (y[-1] & 1)]) + x


def _no_coordinate() -> int:
    """The first x of no point."""
    return next(x for x in count(1) if pow(x**3 - 3 * x + B, (P - 1) // 2, P) != 1)


# SubjectPublicKeyInfo by hand, since no library makes these (RFC 5280, 4.1; RFC 3279, 2.3)

EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
PRIME256V1 = bytes.fromhex("06082a8648ce3d030107")
PRIME_FIELD = bytes.fromhex("06072a8648ce3d0101")
RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d0101010500")
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8 or 1)
    return (
        bytes([tag]) + (octets if length < 128 else bytes([0x80 | len(octets)]) + octets) + content
    )


def _integer(number: int) -> bytes:
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1))


def _bits(content: bytes) -> bytes:
    return _der(3, b"\x00", content)


def _p256_spki(point: bytes) -> bytes:
    return _der(0x30, _der(0x30, EC_PUBLIC_KEY, PRIME256V1), _bits(point))


def _rsa_spki(modulus: int, exponent: int) -> bytes:
    key = _der(0x30, _integer(modulus), _integer(exponent))
    return _der(0x30, _der(0x30, RSA_ENCRYPTION), _bits(key))


def _explicit_spki(point: bytes) -> bytes:
    """P-256 in so many words, but for the generator: that is the key itself."""
    a = (P - 3).to_bytes(32)
    field = _der(0x30, PRIME_FIELD, _integer(P))
    curve = _der(0x30, _der(4, a), _der(4, B.to_bytes(32)))
    parameters = _der(0x30, _integer(1), field, curve, _der(4, point), _integer(ORDER), _integer(1))
    return _der(0x30, _der(0x30, EC_PUBLIC_KEY, parameters), _bits(point))


def _pem_of(spki: bytes) -> bytes:
    text = base64.encodebytes(spki).decode().replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(
        ["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]
    ).encode()


def _roots() -> None:
    root = json.loads(world.LOG.trusted_root())
    (log,) = root["tlogs"]
    unbounded = log | {"publicKey": log["publicKey"] | {"validFor": {}}}
    weak = log | {"publicKey": log["publicKey"] | {"rawBytes": forge.b64(_p256_spki(b"\x00"))}}
    for name, what, content in (
        ("a-trusted-root-without-logs", "Without a log no log is missing.", {"tlogs": []}),
        (
            "a-log-s-key-without-a-beginning",
            "A key that counts since ever promises what lies before it was made.",
            {"tlogs": [unbounded]},
        ),
        ("a-log-s-key-at-infinity", "Every promise verifies under it.", {"tlogs": [weak]}),
    ):
        attack(
            name,
            "GS2005",
            what,
            file="trusted_root.json",
            begins="base",
            change={"trusted_root.json": forge.compact(content)},
        )
    attack(
        "a-trusted-root-with-a-key-twice",
        "GS2005",
        "The reviewer sees the project's log, the program takes the other.",
        file="trusted_root.json",
        begins="base",
        change={
            "trusted_root.json": world.LOG.trusted_root()[:-1]
            + b","
            + world.OTHER_LOG.trusted_root()[1:]
        },
    )
