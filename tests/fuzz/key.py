"""Public keys and signatures. The parts of an input are a key, a signature and a message."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from ghcr_signer.core.key import PublicKey, essence_of
from tests.forge import Signer
from tests.fuzz import real
from tests.fuzz.mutation import from_seeds, join, of_parts, split
from tests.fuzz.ours import ALICE, BOB
from tests.fuzz.reading import accepted


def seeds() -> Iterator[bytes]:
    for files in real.entries().values():
        signature = base64.b64decode(real.annotations(files)[real.SIGNATURE])
        yield join([real.key(), signature, files["PAYLOAD_BLOB"]])
    for signer in (ALICE, BOB, Signer("P-384"), Signer("P-521"), Signer("RSA-2048")):
        yield join([signer.pem, signer.sign(b"message"), b"message"])
        yield join([signer.spki, signer.sign(b"message"), b"message"])
    yield join([BOB.pem, BOB.sign_prehashed(b"message"), b"message"])


mutate = from_seeds(of_parts, seeds)


def run(data: bytes) -> None:
    content, signature, message, *_ = *split(data), b"", b""
    _judge(accepted(lambda: PublicKey.from_pem(content)), signature, message)
    _judge(accepted(lambda: PublicKey.from_der(content)), signature, message)
    start = signature.ljust(8, b"\0")
    spelt = (
        hashlib.sha256(signature).digest(),
        start[4 : 4 + start[3]].lstrip(b"\0"),  # r of an ECDSA signature
        start[5 : 5 + start[4]].lstrip(b"\0"),  # and of a long one, as P-521's
    )
    assert essence_of(signature) in spelt


def _judge(key: PublicKey | None, signature: bytes, message: bytes) -> None:
    if key is None:
        return
    assert PublicKey.from_pem(key.pem) == PublicKey.from_der(key.spki) == key
    assert b"PRIVATE" not in key.pem
    if accepted(lambda: key.verifies(signature, message)):
        for other in (signature + b"\0", signature[:-1]):
            assert not accepted(lambda other=other: key.verifies(other, message))
        assert not accepted(lambda: key.verifies(signature, message + b"x"))
