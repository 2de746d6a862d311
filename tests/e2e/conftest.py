"""One engine, and one image built in it from nothing, for all tests in here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.house.repository import ROOT
from tests.peers import docker
from tests.peers.docker import Engine

TAG = "ghcr-signer:test"


@dataclass(frozen=True, slots=True)
class Built:
    """Our image, and what it took."""

    tag: str
    seconds: float
    log: str


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with docker.engine() as running:
        yield running


@pytest.fixture(scope="session")
def image(engine: Engine) -> Built:
    """Of the work tree; the engine is new, so nothing of it is there yet."""
    start = time.monotonic()
    log = engine.run("build", "--tag", TAG, ROOT)
    return Built(TAG, time.monotonic() - start, log)
