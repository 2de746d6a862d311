"""A server that answers as it is told, faults included, and records what it is asked.

It listens on loopback, and stands in for the whole internet as a proxy for https: whatever host a
client asks for is answered here, under a certificate of our own.
"""

import json
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .certificate import self_signed

HOSTS = (
    "ghcr.io",
    "objects.example",
    "tokens.example",
    "acme.example",
    "auth.acme.example",
    "registry.acme.example",
)


@dataclass(frozen=True, slots=True)
class Request:
    host: str
    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False  # hang up instead
    missing: int = 0  # hang up with so many bytes of the body still promised
    stalled: bool = False  # say no more after the body, though more was promised
    silent: bool = False  # say nothing at all

    @property
    def ends(self) -> bool:
        """Whether nothing more can be said on this connection."""
        return self.lost or self.silent or self.stalled or self.missing > 0


def error(status: int, code: str, message: str = "no", **headers: str) -> Answer:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def bearer(realm: str) -> Answer:
    """A registry's challenge."""
    return Answer(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})


BASIC = Answer(401, b"", {"WWW-Authenticate": 'Basic realm="registry"'})
UNSCRIPTED = Answer(418, b"this was not in the script")
Respond = Callable[[Request], Answer]


class Faulty(ThreadingHTTPServer):
    """The server, and its record."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, respond: Respond, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        certificate = directory / "certificate.pem"
        self.host = f"127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.connects: list[str] = []  # what it was asked for as a proxy
        self.connections = 0
        self.respond = respond
        self.tls = _tls(certificate)
        self.lock = Lock()
        self.over = Event()
        # what a client needs in its environment to find the whole internet here
        self.proxy = {
            "HTTPS_PROXY": f"http://{self.host}",
            "REQUESTS_CA_BUNDLE": str(certificate),
        }

    @property
    def log(self) -> list[str]:
        """The requests as "METHOD path", in the order in which they came."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(request)
            return self.respond(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def serve(*script: Answer, respond: Respond | None = None) -> Iterator[Faulty]:
    """Answers from the script, one a request; or as `respond` says."""
    answers = iter(script)

    def scripted(request: Request) -> Answer:
        return next(answers, UNSCRIPTED)

    with (
        tempfile.TemporaryDirectory() as directory,
        Faulty(respond or scripted, Path(directory)) as server,
    ):
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the acknowledgement of its head
    server: Faulty

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # the one inside TLS too

    def do_CONNECT(self) -> None:
        self.server.connects.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers}
        self._send(
            self.server.answer(Request(headers["host"], self.command, self.path, headers, body))
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.close_connection = answer.ends
        if answer.silent:
            self.server.over.wait()
        if answer.silent or answer.lost:
            return
        if "Date" in answer.headers:
            self.send_response_only(answer.status)
        else:
            self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        promised = len(answer.body) + answer.missing + answer.stalled
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        if answer.stalled:
            self.server.over.wait()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: `requests` is the record."""


def _tls(file: Path) -> ssl.SSLContext:
    """A context for all HOSTS; its certificate, which signs itself, goes into `file`."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key, "the internet", HOSTS)
    pem = serialization.Encoding.PEM
    file.write_bytes(certificate.public_bytes(pem))
    private = file.with_name("key.pem")
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return context
