"""Registries: where the requests for an image go, and with whose credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.registry import auth
from ghcr_signer.peers.registry.auth import Credentials
from ghcr_signer.peers.registry.client import Client
from ghcr_signer.peers.registry.transport import Access, Transport


@dataclass(frozen=True, slots=True)
class Location:
    """A repository of a registry, as a client can ask for it."""

    client: Client
    repository: str


@dataclass(frozen=True, slots=True)
class Registries:
    """The registries that a command talks to; each host's client is made when it is first needed.

    `given` are credentials for hosts that the user named; for other hosts they are found by
    `auth.find`, unless `anonymous`. `mapping` sends the requests for one host to another, whose
    credentials are then used. `rehearsal` sends everything to one repository, below which each
    image has its own; `plain_http` is for a rehearsal alone, and gets no credentials.
    """

    access: Access
    environment: Mapping[str, str] = field(repr=False)
    given: Mapping[str, Credentials] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False
    rehearsal: Reference | None = None
    plain_http: bool = False
    _clients: dict[str, Client] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def locate(self, image: Reference) -> Location:
        """Where an image's requests go."""
        if self.rehearsal is not None:
            repository = f"{self.rehearsal.repository}/{image.repository}"
            return Location(self._client(self.rehearsal.registry), repository)
        host = self.mapping.get(image.registry, image.registry)
        return Location(self._client(host), image.repository)

    def _client(self, host: str) -> Client:
        with self._lock:
            if host not in self._clients:
                self._clients[host] = Client(
                    Transport(
                        host,
                        self._credentials(host),
                        self.access,
                        self.environment,
                        plain_http=self.plain_http,
                    )
                )
            return self._clients[host]

    def _credentials(self, host: str) -> Credentials | None:
        if self.anonymous or self.plain_http:
            return None
        return self.given.get(host) or auth.find(host, self.environment)
