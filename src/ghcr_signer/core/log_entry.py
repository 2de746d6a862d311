"""A transparency log entry: the promise that it will be logged, and what binds it to a signature.

cosign keeps Rekor's answer beside a `.sig` signature as the annotation `dev.sigstore.cosign/bundle`
(cosign pkg/cosign/bundle/rekor.go): the entry's body, its time and index, and the log's signature
over them, the signed entry timestamp, here called promise. A true promise alone proves nothing
about the signature beside it: the entry must be *bound* to it (CVE-2026-22703, CVE-2022-23649).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from ghcr_signer.core import base64_canonical, codes, strict_json
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trusted_root import Log, TrustedRoot

_MEMBERS = {"SignedEntryTimestamp", "Payload"}
_PAYLOAD_MEMBERS = {"body", "integratedTime", "logIndex", "logID"}
_LATEST_TIME = 253402300799  # 9999-12-31T23:59:59Z, the last instant that datetime holds
_LARGEST_INDEX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where an entry stands: the log's id and the entry's index in it."""

    log: str
    index: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry as its log promised it. Nothing in it counts before `verify_promise`."""

    position: LogPosition
    integrated_time: int
    """Seconds since 1970, as the log says."""
    body: str
    """The canonical entry in base64, exactly as signed."""
    promise: bytes
    """The log's signature over the other three (the signed entry timestamp)."""

    @classmethod
    def parse(cls, annotation: str) -> LogEntry:
        """Read the bundle annotation; raises Refused (GS0602) for what cosign never writes."""
        try:
            bundle = strict_json.loads(annotation)
            if set(bundle) != _MEMBERS or set(bundle["Payload"]) != _PAYLOAD_MEMBERS:
                raise Refused(codes.LOG_ENTRY_MALFORMED, "its members are not those of a bundle")
            payload = bundle["Payload"]
            base64_canonical.decode(payload["body"])
            return cls(
                LogPosition(
                    _log_id(payload["logID"]), _number(payload["logIndex"], _LARGEST_INDEX)
                ),
                _number(payload["integratedTime"], _LATEST_TIME),
                payload["body"],
                base64_canonical.decode(bundle["SignedEntryTimestamp"]),
            )
        except (Refused, ValueError, TypeError, AttributeError) as error:
            raise Refused(
                codes.LOG_ENTRY_MALFORMED, f"the log entry cannot be read: {error}"
            ) from None

    @property
    def time(self) -> datetime:
        """When the log says that it took the entry, UTC; believed once the promise verifies."""
        return datetime.fromtimestamp(self.integrated_time, UTC)

    def verify_promise(self, trusted_root: TrustedRoot) -> Log:
        """Check the log's signature over body, time, index and id; return the log.

        Raises Refused: GS0603 where the log is not trusted, GS0604 where it did not sign this.
        Source of the signed form: RFC 8785 over the four members (rekor, SignedEntryTimestamp);
        with a base64 text, a hexadecimal text and two integers that is this one line.
        """
        log = trusted_root.logs.get(self.position.log)
        if log is None:
            raise Refused(
                codes.LOG_UNKNOWN, f"the log {self.position.log[:16]}… is not in the trusted root"
            )
        signed = (
            f'{{"body":"{self.body}","integratedTime":{self.integrated_time},'
            f'"logID":"{self.position.log}","logIndex":{self.position.index}}}'
        )
        try:
            promised = log.key.verifies(self.promise, signed.encode())
        except Refused:
            promised = False
        if not promised:
            raise Refused(
                codes.LOG_PROMISE, f"{log.url} did not sign this entry, its time or its index"
            )
        return log

    def check_binding(self, payload: Digest, signature: bytes, key: PublicKey) -> None:
        """Check that the entry is about this payload, signature and key, and nothing else.

        The entry that should have been logged is built and compared whole, byte for byte. Raises
        Refused GS0605, GS0606, GS0607 or GS0608, naming what differs.
        """
        if self.body != expected_body(payload, signature, key):
            raise self._difference(payload, signature, key)

    def _difference(self, payload: Digest, signature: bytes, key: PublicKey) -> Refused:
        try:
            entry = strict_json.loads(base64_canonical.decode(self.body))
            spec = entry["spec"]
            logged = spec["data"]["hash"]["value"]
            logged_key = spec["signature"]["publicKey"]["content"]
            logged_signature = spec["signature"]["content"]
        except (Refused, KeyError, TypeError):
            return Refused(codes.LOG_ENTRY_KIND, "the log entry is not a hashedrekord")
        if logged != payload.hex:
            return Refused(
                codes.LOG_BINDS_PAYLOAD, f"the log entry is about a payload sha256:{logged!s:.64}"
            )
        if logged_key != _base64(key.pem):
            return Refused(codes.LOG_BINDS_KEY, "the log entry was made with another key")
        if logged_signature != _base64(signature):
            return Refused(codes.LOG_BINDS_SIGNATURE, "the log entry holds another signature")
        return Refused(
            codes.LOG_ENTRY_KIND, "the log entry is not hashedrekord 0.0.1 in its canonical form"
        )


def expected_body(payload: Digest, signature: bytes, key: PublicKey) -> str:
    """The hashedrekord 0.0.1 entry for a signature, canonical (RFC 8785) and in base64.

    Source: rekor pkg/types/hashedrekord/v0.0.1, hashedrekord_v0_0_1_schema.json.
    """
    return _base64(
        b'{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256",'
        b'"value":"%s"}},"signature":{"content":"%s","publicKey":{"content":"%s"}}}}'
        % (
            payload.hex.encode(),
            binascii.b2a_base64(signature, newline=False),
            binascii.b2a_base64(key.pem, newline=False),
        )
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _log_id(text: object) -> str:
    if isinstance(text, str) and Digest.from_hex(text):
        return text
    raise ValueError("logID is not 64 hexadecimal digits")


def _number(value: object, largest: int) -> int:
    if type(value) is int and 0 <= value <= largest:  # a bool is an int to isinstance
        return value
    raise ValueError(f"{value!r} is not a whole number of its range")
