"""Where the requests for an image go, and with whose credentials."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.peers import faulty
from tests.peers.faulty import BASIC, Answer, Faulty

from ghcr_signer.core.errors import Unreachable, UsageError
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.registry.auth import Credentials
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access

ME = Credentials("me", "s3cret")
TOKEN = {"GITHUB_TOKEN": "ghs_secret"}
GHCR = Reference.parse("ghcr.io/acme/app")


def sent(server: Faulty, registries: Registries, image: Reference = GHCR) -> list[str | None]:
    """Asks for a tag, and tells which credentials the server saw."""
    location = registries.locate(image)
    location.client.tag_digest(location.repository, "latest")
    return [request.authorization for request in server.requests]


def challenge_once() -> tuple[Answer, ...]:
    return (BASIC, Answer(404))


def test_an_image_is_where_it_says() -> None:
    found = Registries(Access.PULL, {}).locate(GHCR)
    assert (found.client.host, found.repository) == ("ghcr.io", "acme/app")


def test_a_rehearsal_keeps_repositories_apart() -> None:
    there = Reference.parse("127.0.0.1:5000/try")
    registries = Registries(Access.PUSH, {}, rehearsal=there)
    found = registries.locate(GHCR)
    assert (found.client.host, found.repository) == ("127.0.0.1:5000", "try/acme/app")


def test_a_host_has_one_client() -> None:
    registries = Registries(Access.PULL, {}, mapping={"ghcr.io": "other.example"})
    mapped = registries.locate(GHCR).client
    assert mapped is registries.locate(Reference.parse("other.example/a/b")).client
    assert mapped.host == "other.example"


def test_github_token_goes_to_ghcr() -> None:
    with faulty.serve(*challenge_once()) as server:
        assert sent(server, Registries(Access.PUSH, TOKEN | server.proxy))[1] is not None


def test_github_token_does_not_follow_a_mapping() -> None:
    with faulty.serve(*challenge_once()) as server:
        registries = Registries(Access.PUSH, TOKEN, mapping={"ghcr.io": server.host})
        with pytest.raises(Unreachable, match="401"):
            sent(server, registries)
    assert [request.authorization for request in server.requests] == [None]


def test_what_was_given_for_a_host_is_for_that_host() -> None:
    with faulty.serve(*challenge_once()) as server, faulty.serve(BASIC) as other:
        registries = Registries(
            Access.PUSH, {}, {server.host: ME}, {"ghcr.io": server.host, "b.example": other.host}
        )
        assert sent(server, registries) == [None, ME.basic]
        with pytest.raises(Unreachable, match="401"):
            sent(other, registries, Reference.parse("b.example/acme/app"))
    assert [request.authorization for request in other.requests] == [None]


@pytest.mark.parametrize("options", [{"plain_http": True}, {"anonymous": True}])
def test_nobody_has_no_credentials(options: Mapping[str, bool], tmp_path: Path) -> None:
    with faulty.serve(BASIC) as server:
        (tmp_path / "config.json").write_text(
            f'{{"auths": {{"{server.host}": {{"auth": "bTpw"}}}}}}'
        )
        registries = Registries(
            Access.PUSH,
            {"DOCKER_CONFIG": str(tmp_path)},
            {server.host: ME},
            {"ghcr.io": server.host},
            **options,
        )
        with pytest.raises(Unreachable, match="401"):
            sent(server, registries)
    assert [request.authorization for request in server.requests] == [None]


def test_a_mapping_to_no_host_is_wrong_usage() -> None:
    registries = Registries(Access.PULL, {}, mapping={"ghcr.io": "me:s3cret@registry.example"})
    with pytest.raises(UsageError):
        registries.locate(GHCR)


def test_a_secret_is_not_shown() -> None:
    shown = repr(Registries(Access.PULL, {"GITHUB_TOKEN": "ghs_secret"}, {"ghcr.io": ME}))
    assert "secret" not in shown
    assert "s3cret" not in shown
