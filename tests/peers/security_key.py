"""A security key made of software: to cosign built with PIV, the same as a YubiKey.

cosign (piv-go) reaches cards through libpcsclite, which talks to the daemon pcscd over a Unix
socket; PCSCLITE_CSOCK_NAME names another. Here is such a socket, and behind it readers with a card:
the daemon's messages (pcsc-lite 1.9, winscard_msg.h), and of the card what piv-go asks of one
(NIST SP 800-73-4, part 2; Yubico's extensions: attestation, metadata, version).
"""

from __future__ import annotations

import socketserver
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PIN = "123456"
_SLOTS = {0x9A, 0x9C, 0x9D, 0x9E}
_SIGNATURE = 0x9C

# Return codes of the daemon (pcsclite.h), and status words of a card (ISO 7816-4).
NO_SMARTCARD, SHARING_VIOLATION = 0x8010000C, 0x8010000B
_OK, _NOT_SATISFIED, _BLOCKED = 0x9000, 0x6982, 0x6983
_NOT_FOUND, _WRONG_DATA, _UNKNOWN = 0x6A82, 0x6A80, 0x6D00

# Messages of the daemon by their number: the members of each, after which its answer is shaped.
_MESSAGES = {
    0x01: "III",  # establish a context: scope, context, result
    0x02: "II",  # release it
    0x04: "I128sIIiII",  # connect: context, reader, share, protocols, card, protocol, result
    0x06: "iII",  # disconnect
    0x07: "iI",  # begin a transaction
    0x08: "iII",  # end it
    0x11: "iiI",  # version: major, minor, result
}
_ESTABLISH, _CONNECT, _TRANSMIT, _READERS = 0x01, 0x04, 0x09, 0x12
_T1 = 2
_TRANSMIT_SHAPE = "iIIIIIII"
_STATE_SHAPE = "128sIIi33s3xII"
_STATES = 16


@dataclass
class SecurityKey:
    """The card, its readers, and what is wrong with them. `touches` says of each signature in turn
    whether the key will be touched; after the last, it is.
    """

    socket: Path
    private: ec.EllipticCurvePrivateKey
    readers: int = 1
    connecting: int = 0
    slots: set[int] = field(default_factory=lambda: {_SIGNATURE})
    tries: int = 3
    touches: list[bool] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    signatures: int = 0
    _verified: bool = False

    @property
    def environment(self) -> Mapping[str, str]:
        """What cosign needs to reach it."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket)}

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    def answer(self, command: bytes) -> bytes:
        """The card's answer to a command, with its status word."""
        _, instruction, p1, p2 = command[:4]
        data = command[5 : 5 + command[4]] if len(command) > 4 else b""
        content, status = b"", _OK
        match instruction:
            case 0xA4:  # SELECT
                pass
            case 0xFD:  # GET VERSION
                content = bytes((5, 4, 3))
            case 0xF9:  # ATTEST
                content, status = self._attest(p1)
            case 0xF7:  # GET METADATA: P-256, PIN always, touch always, made on the card
                content = bytes.fromhex("010111 02020302 030101")
            case 0xCB:  # GET DATA: there is no certificate
                status = _NOT_FOUND
            case 0x20:  # VERIFY
                status = self._verify(data)
            case 0x87:  # GENERAL AUTHENTICATE
                content, status = self._sign(data) if p2 in self.slots else (b"", _WRONG_DATA)
            case _:
                status = _UNKNOWN
        return content + struct.pack(">H", status)

    def _verify(self, data: bytes) -> int:
        if not data:
            return 0x63C0 | self.tries
        if not self.tries:
            return _BLOCKED
        self.pins.append(data.rstrip(b"\xff").decode())
        self._verified = self.pins[-1] == PIN
        self.tries = 3 if self._verified else self.tries - 1
        return _OK if self._verified else 0x63C0 | self.tries

    def _sign(self, data: bytes) -> tuple[bytes, int]:
        verified, self._verified = self._verified, False
        if not verified or (self.touches and not self.touches.pop(0)):
            return b"", _NOT_SATISFIED
        self.signatures += 1
        digest = data[-32:]
        made = self.private.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        inner = bytes((0x82, len(made))) + made
        return bytes((0x7C, len(inner))) + inner, _OK

    def _attest(self, slot: int) -> tuple[bytes, int]:
        if slot not in self.slots:
            return b"", _WRONG_DATA
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "attestation")])
        begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
        certificate = (
            x509.CertificateBuilder(name, name, self.private.public_key(), 1, begin, end)
            .sign(self.private, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )
        return certificate, _OK


class _Daemon(socketserver.StreamRequestHandler):
    """One client of the daemon."""

    def handle(self) -> None:
        key: SecurityKey = self.server.key  # type: ignore[attr-defined]
        while header := self.rfile.read(8):
            size, command = struct.unpack("II", header)
            body = self.rfile.read(size)
            if command == _READERS:
                self.wfile.write(_states(key.readers))
            elif command == _TRANSMIT:
                members = list(struct.unpack(_TRANSMIT_SHAPE, body))
                answer = key.answer(self.rfile.read(members[3]))
                members[6:] = [len(answer), 0]
                self.wfile.write(struct.pack(_TRANSMIT_SHAPE, *members) + answer)
            else:
                members = list(struct.unpack(_MESSAGES[command], body))
                members[-1] = 0
                if command == _ESTABLISH:
                    members[1] = 1  # the context, and below the card: a client has one of each
                if command == _CONNECT:
                    members[-3:] = [1, _T1, key.connecting]
                self.wfile.write(struct.pack(_MESSAGES[command], *members))


def _states(readers: int) -> bytes:
    """The daemon's list of readers, each with a card in it."""
    found = [
        struct.pack(_STATE_SHAPE, b"Software YubiKey %02d" % number, 1, 0x34, 0, b";", 1, 2)
        for number in range(readers)
    ]
    nothing = struct.pack(_STATE_SHAPE, b"", 0, 0, 0, b"", 0, 0)
    return b"".join(found) + nothing * (_STATES - readers)


@contextmanager
def plugged_in() -> Iterator[SecurityKey]:
    """A key in its reader, with a key pair in the slot for signatures."""
    with tempfile.TemporaryDirectory() as folder:  # a short path: a socket's has few characters
        path = Path(folder, "pcscd")
        key = SecurityKey(path, ec.generate_private_key(ec.SECP256R1()))
        with socketserver.ThreadingUnixStreamServer(str(path), _Daemon) as server:
            server.daemon_threads = True
            server.key = key  # type: ignore[attr-defined]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
            thread.start()
            try:
                yield key
            finally:
                server.shutdown()
                thread.join()
