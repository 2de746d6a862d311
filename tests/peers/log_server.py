"""A transparency log on loopback for the real cosign: it answers as Rekor v1 does (rekor openapi,
`POST /api/v1/log/entries`), and promises the time that it is told to.

Rekor itself would promise the present only, and would need a database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

from tests.forge import NOW, Log, compact, sha256


class LogServer(ThreadingHTTPServer):
    """`time` is what the next entries get."""

    log = Log()
    time: datetime = NOW

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, proposed: bytes) -> tuple[str, bytes]:
        """An entry's name, and what is said of it."""
        entry = json.loads(proposed)
        spec = entry["spec"]
        body = compact(
            {
                "apiVersion": entry["apiVersion"],
                "kind": entry["kind"],
                "spec": {"data": spec["data"], "signature": spec["signature"]},
            }
        )
        bundle = json.loads(self.log.entry(b"", b"", b"", body=body, time=self.time))
        promise = bundle["SignedEntryTimestamp"]
        name = sha256(body)
        said = {**bundle["Payload"], "verification": {"signedEntryTimestamp": promise}}
        return name, compact({name: said})


class _Handler(BaseHTTPRequestHandler):
    server: LogServer
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def do_POST(self) -> None:
        name, answer = self.server.add(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(201)
        for header, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(answer))),
            ("Location", f"{self.server.url}{self.path}/{name}"),
            ("ETag", name),
        ):
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is in the log."""


@contextmanager
def serve() -> Iterator[LogServer]:
    """A log of its own."""
    with LogServer(("127.0.0.1", 0), _Handler) as server:
        server.log = Log()
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
