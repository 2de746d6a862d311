"""Real registries on loopback, empty at the start and gone at the end."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import process, tools
from .token_server import ISSUER, SERVICE, Json, TokenServer

USERNAME = "signer"
PASSWORD = "secret"
# What `htpasswd -nbB -C 4 signer secret` prints. The least cost that bcrypt has, since the
# registry checks the password at every request.
HTPASSWD = f"{USERNAME}:$2b$04$rYNVBKo3sLeq9Bep.a6uXuHvdQEDPzgDPDBLrsoLSf8HGjvKG/.FC\n"


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    host: str
    username: str | None = None
    password: str | None = None

    @property
    def auth(self) -> tuple[str, str] | None:
        return (self.username, self.password) if self.username and self.password else None


@contextmanager
def docker_registry() -> Iterator[Peer]:
    """Debian's docker-registry (2.8), open to everyone."""
    with _distribution("docker-registry") as host:
        yield Peer("docker-registry", host)


@contextmanager
def docker_registry_htpasswd() -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as directory:
        passwords = Path(directory, "htpasswd")
        passwords.write_text(HTPASSWD)
        auth: Json = {"htpasswd": {"realm": "test", "path": str(passwords)}}
        with _distribution("docker-registry", auth) as host:
            yield Peer("docker-registry-htpasswd", host, USERNAME, PASSWORD)


@contextmanager
def docker_registry_token(
    server: TokenServer, username: str | None = None, password: str | None = None
) -> Iterator[Peer]:
    """Debian's docker-registry that trusts `server`; the user is one of the server's."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = Path(directory, "certificate.pem")
        certificate.write_bytes(server.certificate)
        auth: Json = {
            "token": {
                "realm": server.realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(certificate),
            }
        }
        with _distribution("docker-registry", auth) as host:
            yield Peer("docker-registry-token", host, username, password)


@contextmanager
def distribution() -> Iterator[Peer]:
    """distribution 3, open to everyone."""
    with _distribution("registry") as host:
        yield Peer("distribution", host)


@contextmanager
def crane() -> Iterator[Peer]:
    """`crane registry serve`, which knows no authentication."""
    host = f"127.0.0.1:{process.free_port()}"
    with process.running(
        [tools.find("crane"), "registry", "serve", "--address", host],
        ready=f"http://{host}/v2/",
        environment={},
    ):
        yield Peer("crane", host)


@contextmanager
def _distribution(program: str, auth: Json | None = None) -> Iterator[str]:
    """Debian's 2.8 and the present 3 are one program, and read one configuration."""
    host = f"127.0.0.1:{process.free_port()}"
    configuration: Json = {
        "version": "0.1",
        "http": {"addr": host},
        "storage": {"inmemory": {}, "delete": {"enabled": True}},
    }
    if auth:
        configuration["auth"] = auth
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "config.yml")
        file.write_text(json.dumps(configuration))  # JSON is YAML too
        with process.running(
            [tools.find(program), "serve", file],
            ready=f"http://{host}/v2/",
            environment={"OTEL_TRACES_EXPORTER": "none"},  # 3 would send traces to port 4318
        ):
            yield host
