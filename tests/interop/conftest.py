"""The peers, each started once for a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.user import User
from tests.peers import cosign, registries, softhsm, tools
from tests.peers.cosign import Cosign, KeyPair
from tests.peers.registries import Peer


@pytest.fixture(scope="module")
def first() -> Iterator[Peer]:
    """Where images are pushed, and signed."""
    with registries.docker_registry() as peer:
        yield peer


@pytest.fixture(scope="module")
def second() -> Iterator[Peer]:
    """Where signatures are published, of another make."""
    with registries.crane() as peer:
        yield peer


@pytest.fixture(scope="module")
def regctl() -> Path:
    return tools.find("regctl")


@pytest.fixture(scope="module", params=[2, 3], ids=["cosign2", "cosign3"])
def program(request: pytest.FixtureRequest) -> Cosign:
    return cosign.find(request.param)


@pytest.fixture(scope="module", params=["p256", "rsa", "softhsm"])
def key(
    request: pytest.FixtureRequest, program: Cosign, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyPair]:
    if request.param == "softhsm":
        with softhsm.key_pair(program) as pair:
            yield pair
    else:
        yield program.generate_key(request.param, tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def other_key(program: Cosign, tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """Somebody else's."""
    return program.generate_key("p256", tmp_path_factory.mktemp("other_key"))


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)
