"""Step 5: what is no signature by a trusted key."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import OWN_TRUST, annotated, attack, signed_layers, tool_layers
from tests.attacks.world import ALICE, MALLORY, Files, Fixed

EDWARD = Fixed("edward", "Ed25519")
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PAYLOAD = world.payload()
TOOL_PAYLOAD = world.payload(repository=world.TOOL)


def add() -> None:
    _spellings()
    _strangers()
    _kinds()
    _certificates()


def spelt(value: bytes | str, signer: forge.Signer = ALICE) -> Files:
    """The good entry with another value for its signature, and a log entry to match."""
    return signed_layers(_layer(PAYLOAD, value, signer))


def tool_spelt(value: bytes, signer: forge.Signer) -> Files:
    """The same of an entry for TOOL."""
    return tool_layers(_layer(TOOL_PAYLOAD, value, signer))


def _layer(payload: bytes, value: bytes | str, signer: forge.Signer) -> world.Layer:
    text, logged = (value, b"x") if isinstance(value, str) else (forge.b64(value), value)
    bundle = world.logged(payload, logged, signer)
    return payload, {world.SIGNATURE: text, world.BUNDLE: bundle}


def der(*numbers: bytes, length: bytes | None = None) -> bytes:
    """A sequence of integers of which each is given as it is encoded."""
    body = b"".join(b"\x02" + bytes([len(number)]) + number for number in numbers)
    return b"\x30" + (length or bytes([len(body)])) + body


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)


def _spellings() -> None:
    good = ALICE.sign(PAYLOAD)
    r, s = map(_integer, decode_dss_signature(good))
    text = forge.b64(good)
    for name, what, value in (
        ("a-signature-that-is-no-base64", "A decoder skips what it does not know.", f"!{text}"),
        ("a-signature-with-a-line-break", "The same signature, looking like another.", f"{text}\n"),
        (
            "a-signature-in-the-other-base64",
            "The same signature in the alphabet of URLs.",
            base64.urlsafe_b64encode(b"\xff\xfe" + good).decode(),
        ),
        (
            "a-signature-with-unused-bits",
            "The last character's unused bits make sixteen texts of one signature.",
            "MAYCAQECAQF=",
        ),
        ("trailing-bytes-in-der", "What follows the signature rides along.", good + b"\x00"),
        (
            "a-non-minimal-integer-in-der",
            "A zero more in front makes another signature of the same numbers.",
            der(b"\x00" + r, s),
        ),
        (
            "a-long-length-in-der",
            "A length in two bytes makes another signature of the same numbers.",
            der(r, s, length=bytes([0x81, len(good) - 2])),
        ),
        (
            "a-negative-integer-in-der",
            "A number without its leading zero is negative: some readers take its bits.",
            der(b"\x80", s),
        ),
        ("a-third-integer-in-der", "What follows the two numbers rides along.", der(r, s, b"\x01")),
        ("an-empty-signature", "No bytes at all are no bytes that are wrong.", b""),
        (
            "a-signature-of-two-bare-numbers",
            "The form of JWS, which another library reads: one more spelling.",
            r.rjust(33, b"\0")[-32:] + s.rjust(33, b"\0")[-32:],
        ),
    ):
        attack(name, "GS0501", what, file="MANIFEST", change=spelt(value))
    attack(
        "a-signature-of-zeros",
        "GS0502",
        "r = s = 0 verifies anything in a verifier that forgets the range (CVE-2022-21449).",
        file="MANIFEST",
        change=spelt(der(b"\x00", b"\x00")),
    )
    attack(
        "a-signature-of-the-order",
        "GS0502",
        "r and s that are multiples of the order are zeros to a verifier that reduces them.",
        file="MANIFEST",
        change=spelt(der(_integer(P256_ORDER), _integer(P256_ORDER))),
    )


def _strangers() -> None:
    attack(
        "a-stranger-s-signature",
        "GS0502",
        "A true signature, truly logged, by a key that nobody trusts.",
        file="MANIFEST",
        change=signed_layers(world.layer(signer=MALLORY)),
    )
    attack(
        "a-signature-of-something-else",
        "GS0502",
        "The signer did sign, but another payload.",
        file="MANIFEST",
        change=spelt(ALICE.sign(world.payload(world.OTHER))),
    )
    attack(
        "a-payload-changed-after-signing",
        "GS0502",
        "Everything matches the payload but the signature.",
        file="MANIFEST",
        change=signed_layers((PAYLOAD, world.layer(world.payload(env="prod"))[1])),
    )
    attack(
        "a-signature-over-the-digest",
        "GS0502",
        "The signer's signature over the image's digest, made for something else.",
        file="MANIFEST",
        change=spelt(ALICE.sign(bytes.fromhex(world.NEW))),
    )
    attack(
        "a-key-that-comes-with-the-change",
        "GS0502",
        "The pull request brings the key that judges it.",
        file="MANIFEST",
        change={
            **signed_layers(world.layer(signer=MALLORY)),
            "keys/alice.pub": MALLORY.pem,
        },
        also=["GS1102"],
        doors={"verify": OWN_TRUST},
        publish=["GS1102"],
    )


def tool_of(signer: Fixed) -> Files:
    """A base that trusts this signer alone for TOOL."""
    name = signer.kind.lower()
    return {**world.tool_policy(world.authority(name)), f"keys/{name}.pub": signer.pem}


def _kinds() -> None:
    rosa = world.rsa_signer()
    assert isinstance(rosa.private, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 0)  # without salt it is the same each time
    good = rosa.sign(TOOL_PAYLOAD)
    modulus = rosa.private.public_key().public_numbers().n
    rsa_cases: tuple[tuple[str, str, bytes], ...] = (
        (
            "rsa-with-another-padding",
            "A signature that the same key made for another protocol (PSS).",
            rosa.private.sign(TOOL_PAYLOAD, pss, hashes.SHA256()),
        ),
        (
            "rsa-with-sha-1",
            "Two payloads with one SHA-1 can be made.",
            rosa.sign(TOOL_PAYLOAD, hashes.SHA1()),
        ),
        ("rsa-with-a-leading-zero", "The same signature, looking like another.", b"\x00" + good),
        (
            "rsa-with-the-modulus-added",
            "The same signature, looking like another.",
            (int.from_bytes(good) + modulus).to_bytes(257),
        ),
        (
            "rsa-signed-by-nobody",
            "With a small exponent a cube root is a signature: here the exponent is none.",
            b"\x00" * 255 + b"\x01",
        ),
    )
    for name, what, value in rsa_cases:
        attack(
            name,
            "GS0502",
            what,
            file="MANIFEST",
            change=tool_spelt(value, rosa),
            base=tool_of(rosa),
        )
    ed_good = EDWARD.sign(TOOL_PAYLOAD)
    s = int.from_bytes(ed_good[32:], "little") + ED25519_ORDER
    attack(
        "ed25519-with-the-order-added",
        "GS0502",
        "The same signature, looking like another: it would count as a new one.",
        file="MANIFEST",
        change=tool_spelt(ed_good[:32] + s.to_bytes(32, "little"), EDWARD),
        base=tool_of(EDWARD),
    )
    prehashed = EDWARD.sign_prehashed(TOOL_PAYLOAD)
    s = int.from_bytes(prehashed[32:], "little") + ED25519_ORDER
    attack(
        "ed25519ph-with-the-order-added",
        "GS0502",
        "The same, of the form of Ed25519 that another library verifies.",
        file="MANIFEST",
        change=tool_spelt(prehashed[:32] + s.to_bytes(32, "little"), EDWARD),
        base=tool_of(EDWARD),
    )
    attack(
        "ed25519-of-a-small-order-point",
        "GS0502",
        "With the neutral element for R and zero for S, a weak key would verify anything.",
        file="MANIFEST",
        change=tool_spelt(b"\x01" + b"\x00" * 63, EDWARD),
        base=tool_of(EDWARD),
    )
    attack(
        "ed25519-with-bytes-behind-it",
        "GS0501",
        "What follows the signature rides along.",
        file="MANIFEST",
        change=tool_spelt(ed_good + b"\x00", EDWARD),
        base=tool_of(EDWARD),
    )
    attack(
        "key-confusion-ecdsa-for-ed25519",
        "GS0501",
        "A signature of one kind is tried under a key of another, which may take it for anything.",
        file="MANIFEST",
        change=tool_spelt(ALICE.sign(TOOL_PAYLOAD), ALICE),
        base=tool_of(EDWARD),
    )
    attack(
        "key-confusion-ed25519-for-ecdsa",
        "GS0501",
        "The same, the other way round.",
        file="MANIFEST",
        change=spelt(ed_good, EDWARD),
    )
    attack(
        "key-confusion-rsa-for-ecdsa",
        "GS0501",
        "An RSA signature is tried under a key on a curve.",
        file="MANIFEST",
        change=spelt(good, rosa),
    )
    attack(
        "key-confusion-p-384-for-p-256",
        "GS0502",
        "A number of one curve is a number of the other, too.",
        file="MANIFEST",
        change=signed_layers(world.layer(signer=Fixed("alice", "P-384"))),
    )


def _certificates() -> None:
    certificate, chain = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/chain"
    for name, what, annotation, value in (
        (
            "a-certificate",
            "The verifier takes the identity in the certificate for a trusted one.",
            certificate,
            "-----BEGIN CERTIFICATE-----\n",
        ),
        (
            "a-bare-key-for-a-certificate",
            "The verifier takes the key from the artifact (GHSA-fx35-mq7g-6g98).",
            certificate,
            MALLORY.pem.decode(),
        ),
        (
            "a-chain-without-a-certificate",
            "An empty chain is no chain to one reader, and one without faults to another.",
            chain,
            "",
        ),
    ):
        attack(name, "GS0503", what, file="MANIFEST", change=annotated(**{annotation: value}))
