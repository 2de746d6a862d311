"""The peers themselves: each starts, does its job and is gone afterwards."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests

from . import cosign, images, process, registries, softhsm, token_server, tools
from .registries import Peer
from .token_server import TokenRequest, TokenServer, User

IMAGE = images.build(attestations=True)


@pytest.mark.parametrize(
    "start",
    [
        registries.docker_registry,
        registries.docker_registry_htpasswd,
        registries.distribution,
        registries.crane,
    ],
)
def test_a_registry_takes_an_image(start: Callable[[], AbstractContextManager[Peer]]) -> None:
    with start() as peer:
        takes_an_image(peer)
    with pytest.raises(requests.ConnectionError):
        images.read(peer.host, "acme/app", "latest")


def takes_an_image(peer: Peer) -> None:
    pushed = images.push(peer.host, "acme/app", IMAGE, tag="latest", auth=peer.auth)

    assert pushed == f"{peer.host}/acme/app@{IMAGE.digest}"
    assert images.read(peer.host, "acme/app", "latest", auth=peer.auth) == IMAGE.index
    for manifest in IMAGE.platforms + IMAGE.attestations:
        assert images.read(peer.host, "acme/app", manifest.digest, auth=peer.auth) == manifest


def test_a_registry_with_passwords_wants_them() -> None:
    with registries.docker_registry_htpasswd() as peer, refused():
        images.push(peer.host, "acme/app", IMAGE, auth=("signer", "wrong"))


# Tokens


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    users = {"signer": User("secret", {"acme/*": frozenset({"pull", "push"})})}
    anyone = {"acme/public": frozenset({"pull"})}
    with token_server.serve(users, anonymous=anyone) as server:
        yield server


@pytest.fixture
def token_registry(tokens: TokenServer) -> Iterator[Peer]:
    with registries.docker_registry_token(tokens, "signer", "secret") as peer:
        yield peer


def test_a_registry_with_tokens_takes_an_image(token_registry: Peer) -> None:
    takes_an_image(token_registry)


def test_every_token_request_is_recorded(token_registry: Peer, tokens: TokenServer) -> None:
    for repository in ("acme/one", "acme/two"):
        images.push(token_registry.host, repository, IMAGE, auth=token_registry.auth)

    assert tokens.requests == [
        TokenRequest("signer", ("repository:acme/one:pull,push",)),
        TokenRequest("signer", ("repository:acme/two:pull,push",)),
    ]


def test_a_token_is_good_for_what_its_user_may_do(token_registry: Peer) -> None:
    with refused():
        images.push(token_registry.host, "other/app", IMAGE, auth=token_registry.auth)
    with refused():
        images.push(token_registry.host, "acme/app", IMAGE, auth=("signer", "wrong"))


def test_anyone_may_read_what_is_public(token_registry: Peer) -> None:
    host = token_registry.host
    for repository in ("acme/public", "acme/private"):
        images.push(host, repository, IMAGE, tag="latest", auth=token_registry.auth)

    assert images.read(host, "acme/public", "latest") == IMAGE.index
    with refused():
        images.read(host, "acme/private", "latest")
    with refused():
        images.push(host, "acme/public", IMAGE)


def test_a_token_ends_when_its_server_says(token_registry: Peer, tokens: TokenServer) -> None:
    tokens.lifetime = 0
    with refused():
        images.push(token_registry.host, "acme/app", IMAGE, auth=token_registry.auth)


def test_crane_takes_a_realm_by_its_name() -> None:
    public = {"acme/*": frozenset({"pull", "push"})}
    with (
        token_server.serve({}, anonymous=public, host="localhost") as server,
        registries.docker_registry_token(server) as peer,
    ):
        image = images.push(peer.host, "acme/app", IMAGE)
        crane = subprocess.run([tools.find("crane"), "digest", image], capture_output=True)
        assert crane.stdout.decode().strip() == IMAGE.digest


def refused() -> AbstractContextManager[object]:
    return pytest.raises(requests.HTTPError, match=r"^401 ")


# cosign


@pytest.fixture(scope="module")
def registry() -> Iterator[Peer]:
    with registries.distribution() as peer:
        yield peer


@pytest.fixture(params=[2, 3], ids=["cosign2", "cosign3"])
def program(request: pytest.FixtureRequest) -> cosign.Cosign:
    return cosign.find(request.param)


@pytest.fixture(params=["p256", "rsa", "softhsm"])
def key(
    request: pytest.FixtureRequest, program: cosign.Cosign, tmp_path: Path
) -> Iterator[cosign.KeyPair]:
    if request.param == "softhsm":
        with softhsm.key_pair(program) as pair:
            yield pair
    else:
        yield program.generate_key(request.param, tmp_path)


def test_cosign_signs_and_verifies(
    registry: Peer, program: cosign.Cosign, key: cosign.KeyPair, tmp_path: Path
) -> None:
    image = images.push(registry.host, f"acme/{tmp_path.name}", IMAGE)
    repository, _, _ = image.partition("@")

    program.sign(
        image, key, recursive=True, identity="ghcr.io/acme/app", annotations={"reviewed": "yes"}
    )

    for manifest in (IMAGE.index, *IMAGE.platforms):
        (payload,) = program.verify(f"{repository}@{manifest.digest}", key.public)
        assert payload["critical"]["image"] == {"docker-manifest-digest": manifest.digest}
        assert payload["critical"]["identity"] == {"docker-reference": "ghcr.io/acme/app"}
        assert payload["optional"] == {"reviewed": "yes"}
    (signature,) = program.download_signature(image)
    assert signature["Base64Signature"]

    stranger = program.generate_key("p256", tmp_path)
    with pytest.raises(cosign.CosignError, match="no matching signatures"):
        program.verify(image, stranger.public)


# What they stand on


def test_a_server_that_ends_at_once_is_an_error() -> None:
    url = f"http://127.0.0.1:{process.free_port()}/"
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    server = process.running(command, ready=url, environment={})
    with pytest.raises(RuntimeError, match="exit 7"), server:
        pass


def test_a_missing_program_skips_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHCR_SIGNER_ALL_TOOLS", "0")
    with pytest.raises(pytest.skip.Exception, match="needs nonesuch"):
        tools.find("nonesuch")
    monkeypatch.setenv("GHCR_SIGNER_ALL_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="needs nonesuch"):
        tools.find("nonesuch")
