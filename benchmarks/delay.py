"""A proxy on loopback that holds back every request for a while, and counts them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Proxy:
    """HTTP/1.1 with bodies that say their length; a thread for each direction of a connection."""

    def __init__(self, upstream: str, seconds: float) -> None:
        host, _, port = upstream.partition(":")
        self._upstream, self._seconds = (host, int(port)), seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._upstream)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=self._requests, args=(client, server), daemon=True).start()
            Thread(target=_copy, args=(server, client), daemon=True).start()

    def close(self) -> None:
        """Take no further connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client.makefile("rb") as stream:
            head = b""
            while line := stream.readline():
                head += line
                if line != b"\r\n":
                    continue
                length = _LENGTH.search(head)
                body = stream.read(int(length[1])) if length else b""
                self.requests += 1
                if self._seconds:
                    time.sleep(self._seconds)
                server.sendall(head + body)
                head = b""
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(upstream: str, seconds: float) -> Iterator[Proxy]:
    """A proxy before `upstream`, HOST:PORT, until the block ends."""
    made = Proxy(upstream, seconds)
    thread = Thread(target=made.serve)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
