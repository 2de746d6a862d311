"""A registry, and a client that adds nothing to a request and hides nothing of an answer."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ghcr_signer.embedded_registry import EmbeddedRegistry


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """The status and the error's code; fails where the body has not the spec's form."""
        [error] = self.json["errors"]
        assert set(error) == {"code", "message"}
        assert isinstance(error["message"], str)
        assert error["message"]
        assert self.headers["Content-Type"] == "application/json"
        return self.status, error["code"]


class Client:
    """One connection, kept alive: an answer that is out of step breaks every later one."""

    def __init__(self, host: str) -> None:
        self.connection = http.client.HTTPConnection(host, timeout=20)

    def __call__(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self.connection.request(method, target, body, dict(headers or {}))
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def call(registry: EmbeddedRegistry) -> Iterator[Client]:
    client = Client(registry.host)
    yield client
    client.connection.close()
