"""HTTP: a request read whole, an answer written; what it means is for `server.py`.

(RFC 9110, RFC 9112, as far as a registry's clients use them.)
"""

from __future__ import annotations

import os
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ghcr_signer.embedded_registry.blobs import BLOB_BYTES
from ghcr_signer.embedded_registry.protocol import RegistryError, Response

Answer = Callable[[str, str, Message, bytes], Response]
Observer = Callable[[str, str, int], None]


class Server(ThreadingHTTPServer):
    """One thread a connection; it knows its connections, so that it can hang up on them."""

    daemon_threads = True
    request_queue_size = 128
    # A port that is taken is taken. On Windows the first option, elsewhere the second (which
    # HTTPServer sets since Python 3.12.5), would let another program listen on ours.
    allow_reuse_address = os.name != "nt"
    allow_reuse_port = False

    def __init__(
        self,
        address: tuple[str, int],
        family: socket.AddressFamily,
        answer: Answer,
        on_request: Observer | None,
    ) -> None:
        self.address_family = family
        self.answer = answer
        self.on_request = on_request
        self._connections: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        """Bind, without HTTPServer's look-up of our name in DNS, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in a thread of its own."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection, then close it."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the listening socket, and hang up; each thread then ends by itself."""
        super().server_close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no news."""


class _FramingError(RegistryError):
    """Where the body ends cannot be known, so nothing more can be read from the connection."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(status, "SIZE_INVALID", message)


class _Connection(BaseHTTPRequestHandler):
    """One client's connection: request after request, each read to its end before it is judged."""

    protocol_version = "HTTP/1.1"
    server_version = "ghcr-signer"
    sys_version = ""
    disable_nagle_algorithm = True
    server: Server

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except RegistryError as error:
            if isinstance(error, _FramingError):
                self.close_connection = True
            response = error.response
        else:
            response = self.server.answer(self.command, self.path, self.headers, body)
        if self.server.on_request:
            self.server.on_request(self.command, self.path, response.status)
        self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what http.server itself cannot read, in the registry's own form, and hang up."""
        self.close_connection = True
        text = message or explain or "the request cannot be read"
        self._send(RegistryError(code, "UNSUPPORTED", text).response)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing; `on_request` is how to watch."""

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _read_body(self) -> bytes:
        """The request's body. One that is too large is read all the same, and dropped.

        A client that is still sending when we hang up would see a broken connection, not our 413.
        """
        pieces: list[bytes] = []
        size = 0
        for piece in self._pieces():
            size += len(piece)
            if size > BLOB_BYTES:
                pieces.clear()
            else:
                pieces.append(piece)
        if size > BLOB_BYTES:
            raise RegistryError(413, "SIZE_INVALID", f"a request has at most {BLOB_BYTES} bytes")
        return b"".join(pieces)

    def _pieces(self) -> Iterator[bytes]:
        """The body as it comes: chunked, or of the length that is given, or none (RFC 9112 §6)."""
        lengths = set(self.headers.get_all("Content-Length", []))
        encodings = self.headers.get_all("Transfer-Encoding", [])
        if encodings:
            if lengths or [encoding.lower() for encoding in encodings] != ["chunked"]:
                raise _FramingError("a body is chunked, or has a Content-Length, and nothing else")
            yield from self._chunks()
        elif lengths:
            length, *others = lengths
            if others or not re.fullmatch(r"[0-9]{1,18}", length):
                raise _FramingError("Content-Length is not one number")
            yield from self._exactly(int(length))
        elif self.command == "PATCH":
            raise _FramingError("a chunk needs a Content-Length, or to be chunked", status=411)

    def _chunks(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield from self._exactly(size)
            if self.rfile.readline(3) != b"\r\n":
                raise _FramingError("a chunk is longer than it says")
        while self.rfile.readline(1024).strip():
            pass  # trailers, of which we need none

    def _chunk_size(self) -> int:
        size = self.rfile.readline(1024).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
            raise _FramingError("a chunk's size is not a hexadecimal number")
        return int(size, 16)

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self.rfile.read(min(length, 1024 * 1024))
            if not piece:
                raise ConnectionAbortedError("the client left in the middle of a body")
            length -= len(piece)
            yield piece
