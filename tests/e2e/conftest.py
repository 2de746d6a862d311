"""One engine, one image built in it from nothing, and act's copy of it all, for all tests here."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from tests.e2e.act import Act
from tests.e2e.act_copy import act_copy
from tests.e2e.signatures import PACKAGE
from tests.house import repository
from tests.house.repository import ROOT
from tests.peers import docker, images, registries, token_server
from tests.peers.docker import Engine
from tests.peers.images import Image, Manifest
from tests.peers.registries import PASSWORD, USERNAME, Peer
from tests.peers.token_server import TokenServer, User

TAG = "ghcr-signer:test"
COMMIT = "c0ffee" * 6 + "c0de"


@dataclass(frozen=True, slots=True)
class Built:
    """Our image, and what it took."""

    tag: str
    seconds: float
    log: str


@dataclass(frozen=True, slots=True)
class Software:
    """This repository in act's copy, as others refer to it."""

    owner: str
    commit: str
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.owner}/ghcr-signer"

    def at(self, folder: Path) -> dict[str, Path]:
        """Where act finds it."""
        return {f"{self.name}@{self.commit}": folder}


@dataclass(frozen=True, slots=True)
class Target:
    """A registry that everybody may read and nobody may write who has no token."""

    registry: Peer  # named localhost, as its realm: else credentials are not sent there
    tokens: TokenServer

    def hold(self, image: Image, tag: str | None = None) -> None:
        """Have an image, or what is stored like one, in our package."""
        images.push(self.registry.host, PACKAGE, image, tag=tag, auth=self.registry.auth)

    def read(self, reference: str) -> Manifest | None:
        """What it has of our package by this tag or digest, for everybody."""
        try:
            return images.read(self.registry.host, PACKAGE, reference)
        except requests.HTTPError as error:
            if error.response.status_code == 404:
                return None
            raise


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


@pytest.fixture(scope="session")
def act(engine: Engine, image: Built) -> Act:
    """It builds the image of act's copy in each run, and the engine keeps its layers. Ours is there
    before, so that what it took was from nothing.
    """
    return Act(engine)


@pytest.fixture(scope="session")
def software(tmp_path_factory: pytest.TempPathFactory) -> Software:
    copy = Software("founders", COMMIT, tmp_path_factory.mktemp("software"))
    for file in repository.files():
        path = file.relative_to(ROOT)
        target = copy.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(act_copy(path.as_posix(), file.read_bytes(), copy.name, copy.commit))
        shutil.copymode(file, target)
    return copy


@pytest.fixture(scope="session")
def released(software: Software, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents and the package, as scripts/release fills them in."""
    folder = tmp_path_factory.mktemp("released")
    shutil.copy(ROOT / "README.md", folder)
    shutil.copytree(ROOT / "src", folder / "src")
    shutil.copytree(software.folder / "docs" / "workflows", folder / "docs" / "workflows")
    script = ROOT / "scripts" / "release"
    subprocess.run(
        [sys.executable, script, software.owner, software.commit, "v0.1.0", folder], check=True
    )
    return folder


@pytest.fixture
def target() -> Iterator[Target]:
    """The user may read everything, and write our package alone."""
    pull, push = frozenset({"pull"}), frozenset({"pull", "push"})
    users = {USERNAME: User(PASSWORD, {"*": pull, PACKAGE: push})}
    with (
        token_server.serve(users, anonymous={"*": pull}, host="localhost") as tokens,
        registries.docker_registry_token(tokens, USERNAME, PASSWORD) as registry,
    ):
        port = registry.host.rpartition(":")[2]
        yield Target(replace(registry, host=f"localhost:{port}"), tokens)
