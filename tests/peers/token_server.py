"""A token server for registries: it checks the password and the scopes, and records who asked.

https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .certificate import self_signed

SERVICE = "registry.test"
ISSUER = "tokens.test"
# Registries take a token for this long after its end. Ending it earlier by as much makes
# `lifetime` the time for which it really works.
LEEWAY_SECONDS = 60

Json = dict[str, object]
Grants = Mapping[str, frozenset[str]]  # repository pattern -> actions
NOTHING: Grants = {}


@dataclass(frozen=True, slots=True)
class User:
    password: str
    grants: Grants


@dataclass(frozen=True, slots=True)
class TokenRequest:
    username: str | None
    scopes: tuple[str, ...]


class UnauthorizedError(Exception):
    """The credentials are no user's."""


class TokenServer:
    def __init__(
        self, realm: str, users: Mapping[str, User], anonymous: Grants, lifetime: int
    ) -> None:
        self.realm = realm
        self.lifetime = lifetime  # seconds, of the tokens to come: a test may change it
        self.requests: list[TokenRequest] = []
        self._users = users
        self._anonymous = anonymous
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._certificate = self_signed(self._key, ISSUER)

    @property
    def certificate(self) -> bytes:
        """The PEM that the registry is to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def answer(self, authorization: str | None, scopes: tuple[str, ...]) -> Json:
        """A token for as much of the scopes as may be had, which can be nothing."""
        username, grants = self._who(authorization)
        self.requests.append(TokenRequest(username, scopes))
        access = [_granted(scope, grants) for scope in scopes]
        return {"token": self._token(username or "", access), "expires_in": self.lifetime}

    def _who(self, authorization: str | None) -> tuple[str | None, Grants]:
        if authorization is None:
            return None, self._anonymous
        username, password = _basic(authorization)
        user = self._users.get(username)
        if user is None or user.password != password:
            raise UnauthorizedError
        return username, user.grants

    def _token(self, subject: str, access: list[Json]) -> str:
        now = int(time.time())
        certificate = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(certificate).decode()]}
        claims = {
            "iss": ISSUER,
            "aud": SERVICE,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime - LEEWAY_SECONDS,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"


@contextmanager
def serve(
    users: Mapping[str, User],
    *,
    anonymous: Grants = NOTHING,
    lifetime: int = 300,
    host: str = "127.0.0.1",
) -> Iterator[TokenServer]:
    """`host` names us in the realm: crane and cosign 3 take "localhost", but no such address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            scopes = tuple(" ".join(query.get("scope", ())).split())
            try:
                self._send(HTTPStatus.OK, server.answer(self.headers["Authorization"], scopes))
            except UnauthorizedError:
                self._send(HTTPStatus.UNAUTHORIZED, {"errors": [{"code": "UNAUTHORIZED"}]})

        def _send(self, status: HTTPStatus, value: Json) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: `requests` is the record."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        realm = f"http://{host}:{http.server_port}/token"
        server = TokenServer(realm, users, anonymous, lifetime)
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _granted(scope: str, grants: Grants) -> Json:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    matching = [may for pattern, may in grants.items() if fnmatchcase(name, pattern)]
    given = [action for action in actions.split(",") if any(action in may for may in matching)]
    return {"type": kind, "name": name, "actions": given if kind == "repository" else []}


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise UnauthorizedError from None
    username, colon, password = decoded.partition(":")
    if kind.lower() != "basic" or not colon:
        raise UnauthorizedError
    return username, password


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
