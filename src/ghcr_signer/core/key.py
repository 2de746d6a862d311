"""Public keys: which are accepted, and how each one verifies.

The choices are cosign's, made explicit (sigstore/sigstore pkg/signature, algorithm_registry.go and
cosign's `LoadVerifier`): the hash follows the curve, and SHA-256 is tried besides, since cosign
hashed with SHA-256 whatever the curve until 2026. A high S is accepted in an ECDSA signature, as
cosign does: most signatures by hardware keys have one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Refused, UsageError

_Verify = Callable[[bytes, bytes], None]

_ECDSA = {
    "secp256r1": ("P-256", (ec.ECDSA(hashes.SHA256()),)),
    "secp384r1": ("P-384", (ec.ECDSA(hashes.SHA384()), ec.ECDSA(hashes.SHA256()))),
    "secp521r1": ("P-521", (ec.ECDSA(hashes.SHA512()), ec.ECDSA(hashes.SHA256()))),
}
_RSA_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that may be trusted. Two are equal when their SPKI is."""

    kind: str
    spki: bytes
    """SubjectPublicKeyInfo, DER (RFC 5280, section 4.1)."""
    pem: bytes
    """The same in PEM, as the log holds it (RFC 7468, section 13)."""
    fingerprint: str = field(compare=False)
    """sha256 of the SPKI, as `sha256:<hex>`."""
    _verifiers: tuple[_Verify, ...] = field(repr=False, compare=False)

    @classmethod
    def from_pem(cls, content: bytes) -> PublicKey:
        """Read a PEM public key; raises UsageError (GS2004) for any that is not accepted."""
        if content.count(b"-----BEGIN ") > 1:  # only the first would count, which nobody expects
            raise UsageError(codes.KEY_UNUSABLE, "it holds more than one key")
        return _load(load_pem_public_key, content)

    @classmethod
    def from_der(cls, content: bytes) -> PublicKey:
        """Read a DER SubjectPublicKeyInfo; raises UsageError (GS2004)."""
        return _load(load_der_public_key, content)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature over the message.

        Raises Refused (GS0501) where the signature is not in canonical form for this kind of key.
        """
        for verify in self._verifiers:
            try:
                verify(signature, message)
            except InvalidSignature:
                continue
            return True
        return False


def essence_of(signature: bytes) -> bytes:
    """What nobody can change in a signature without the private key, if it verifies; or its hash.

    Of an ECDSA signature (r, s) anybody can make another, (r, -s), and have that logged anew.
    """
    try:
        r, _ = decode_dss_signature(signature)
    except ValueError:  # of another kind: there is one spelling only
        return hashlib.sha256(signature).digest()
    return r.to_bytes((r.bit_length() + 7) // 8)


def _load(load: Callable[[bytes], PublicKeyTypes], content: bytes) -> PublicKey:
    if len(content) > limits.KEY_BYTES:
        raise UsageError(codes.KEY_UNUSABLE, f"a key of more than {limits.KEY_BYTES} bytes")
    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm):
        # what the file holds is never echoed: it may be a private key
        raise UsageError(codes.KEY_UNUSABLE, "it does not hold a public key") from None
    kind, verifiers = _verifiers(key)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(
        kind,
        spki,
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        f"sha256:{hashlib.sha256(spki).hexdigest()}",
        verifiers,
    )


def _verifiers(key: PublicKeyTypes) -> tuple[str, tuple[_Verify, ...]]:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _ECDSA:
        kind, algorithms = _ECDSA[key.curve.name]
        return kind, tuple(_ecdsa(key, algorithm) for algorithm in algorithms)
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa(key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", (_canonical_ed25519(key.verify), _canonical_ed25519(_ed25519ph(key)))
    raise UsageError(codes.KEY_UNUSABLE, "it holds a key of a kind that is not accepted")


def _ecdsa(key: ec.EllipticCurvePublicKey, algorithm: ec.ECDSA) -> _Verify:
    def verify(signature: bytes, message: bytes) -> None:
        try:
            decode_dss_signature(signature)  # strict DER; OpenSSL alone would take more
        except ValueError:
            raise Refused(
                codes.SIGNATURE_MALFORMED, "the signature is not a DER ECDSA signature"
            ) from None
        key.verify(signature, message, algorithm)

    return verify


def _rsa(key: rsa.RSAPublicKey) -> tuple[str, tuple[_Verify, ...]]:
    least, most = limits.RSA_BITS
    if not least <= key.key_size <= most:
        raise UsageError(codes.KEY_UNUSABLE, f"an RSA key of {key.key_size} bits")
    exponent = key.public_numbers().e
    if exponent < _RSA_EXPONENT:
        raise UsageError(codes.KEY_UNUSABLE, f"an RSA key with the exponent {exponent}")

    def verify(signature: bytes, message: bytes) -> None:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())

    return f"RSA-{key.key_size}", (verify,)


def _canonical_ed25519(verify: _Verify) -> _Verify:
    def checked(signature: bytes, message: bytes) -> None:
        if len(signature) != 64:
            raise Refused(codes.SIGNATURE_MALFORMED, "an Ed25519 signature has 64 bytes")
        verify(signature, message)

    return checked


def _ed25519ph(key: ed25519.Ed25519PublicKey) -> _Verify:
    """Ed25519ph (RFC 8032, section 5.1), which cosign writes and `cryptography` does not have."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def verify(signature: bytes, message: bytes) -> None:
        from nacl import bindings, exceptions

        state = bindings.crypto_sign_ed25519ph_state()
        bindings.crypto_sign_ed25519ph_update(state, message)
        try:
            bindings.crypto_sign_ed25519ph_final_verify(state, signature, raw)
        except exceptions.BadSignatureError:
            raise InvalidSignature from None

    return verify
