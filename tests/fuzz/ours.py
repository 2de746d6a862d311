"""A signer and a log of our own, the same in every run: what was changed is signed as it is."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.forge import Log, Signer

ALICE, BOB, LOG = Signer(), Signer("Ed25519"), Log()
ALICE.private = ec.derive_private_key(0xA11CE, ec.SECP256R1())
BOB.private = ed25519.Ed25519PrivateKey.from_private_bytes(b"B" * 32)
LOG.signer.private = ec.derive_private_key(0x106, ec.SECP256R1())
