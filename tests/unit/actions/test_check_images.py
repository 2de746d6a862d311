"""verify with `check_images`: which registries are asked for which images, and with what."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.forge import Signer
from tests.peers import faulty
from tests.peers.faulty import Answer, Faulty, Request
from tests.unit.actions import clone
from tests.unit.actions.clone import Clone
from tests.unit.actions.sets import IMAGE, LATER, OPTIONAL, SET, Files, entry
from tests.unit.actions.stage import Stage, Told

from ghcr_signer.core import limits

TOKEN = "ghs_reads"
HERE, ABSENT = IMAGE.digest.removeprefix("sha256:"), "e" * 64
SCOPE = "scope=repository%3Aacme%2Fapp%3Apull"
ASKED = f"HEAD /v2/acme/app/manifests/{IMAGE.digest}"


class Ghcr:
    """ghcr.io, as far as it is asked: `held` are the digests that it has."""

    def __init__(self) -> None:
        self.held = {HERE}
        self.instead: Answer | None = None

    def __call__(self, request: Request) -> Answer:
        if request.path == "/token":
            return Answer(200, b'{"token": "t"}')
        if request.authorization != "Bearer t":
            return faulty.bearer("https://ghcr.io/token")
        there = request.path.rpartition(":")[2] in self.held
        return self.instead or (Answer(200) if there else faulty.error(404, "MANIFEST_UNKNOWN"))


@pytest.fixture
def ghcr() -> Ghcr:
    return Ghcr()


@pytest.fixture
def server(ghcr: Ghcr) -> Iterator[Faulty]:
    with faulty.serve(respond=ghcr) as server:
        yield server


def check(
    stage: Stage, origin: Clone, work: Path, server: Faulty, files: Files, **inputs: str
) -> Told:
    origin.branch("sign")
    origin.commit(files)
    origin.git("switch", "--quiet", "main")
    head = clone.pull_request(origin, "sign")
    given = {**OPTIONAL, "check_images": "true", "token": TOKEN, **inputs}
    environment = {**server.proxy, "HOME": str(stage.folder)}
    made = clone.check_out_merge(origin, work)
    return stage.run(
        "verify", "pull_request", made, {"head": head}, environment=environment, **given
    )


def test_an_image_that_is_there_passes_and_the_token_goes_to_its_realm(
    stage: Stage, origin: Clone, work: Path, server: Faulty
) -> None:
    told = check(stage, origin, work, server, entry(digest=HERE)[1])
    assert told.code == 0, told.said
    assert "asked: every image is in its registry" in told.log
    assert server.log == [ASKED, "GET /token", ASKED]
    assert SCOPE in server.requests[1].target
    pair = b64encode(f"alice:{TOKEN}".encode()).decode()
    assert server.requests[1].authorization == f"Basic {pair}"
    assert {request.host for request in server.requests} == {"ghcr.io"}


def test_one_that_is_not_there_is_annotated_at_its_entry(
    stage: Stage, origin: Clone, work: Path, server: Faulty
) -> None:
    path, files = entry(LATER, digest=ABSENT)
    told = check(stage, origin, work, server, entry(digest=HERE)[1] | files)
    assert (told.code, told.codes, told.files) == (1, ["GS3010"], [f"{path}/IMAGE"]), told.said
    assert f"ghcr.io/acme/app has no sha256:{ABSENT}" in told.errors[0].data
    assert "asked: every" not in told.log
    assert told.outputs["verified"] == "2"


def test_an_image_in_two_sets_is_asked_for_once(
    stage: Stage, origin: Clone, work: Path, server: Faulty
) -> None:
    origin.commit(entry(SET, digest=HERE)[1])
    files = {}
    for second in ("06", "07"):
        name = f"2025-01-02T03:04:{second}+00:00"
        files |= entry(name, digest=HERE)[1]
    check(stage, origin, work, server, files)
    assert server.log.count(ASKED) == 2  # with no token, and with one


@pytest.mark.parametrize("flag", ["", "false"])
def test_by_default_no_registry_is_asked(
    stage: Stage, origin: Clone, work: Path, server: Faulty, flag: str
) -> None:
    told = check(stage, origin, work, server, entry(digest=ABSENT)[1], check_images=flag)
    assert (told.code, server.requests, server.connects) == (0, [], []), told.said


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (entry(digest=HERE, signer=Signer())[1], "GS0502"),
        (entry(digest=HERE, repository="ghcr.io/mallory/app")[1], "GS0203"),
        (entry(digest=HERE, repository="registry.acme.example/app")[1], "GS0203"),
        (entry(digest=HERE, repository="127.0.0.1:1/acme/app")[1], "GS0203"),
    ],
)
def test_nothing_is_asked_for_that_has_not_passed(
    stage: Stage, origin: Clone, work: Path, server: Faulty, files: Files, code: str
) -> None:
    told = check(stage, origin, work, server, files)
    assert (told.codes, server.requests, server.connects) == ([code], [], [])


def test_a_change_that_is_too_large_asks_for_nothing(
    stage: Stage, origin: Clone, work: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHANGE_ENTRIES", 1)
    files = entry(digest=HERE)[1] | entry(LATER, digest=ABSENT)[1]
    told = check(stage, origin, work, server, files)
    assert (sorted(told.codes), server.requests) == (["GS1104", "GS2001"], [])


def test_of_a_whole_directory_no_more_is_asked_than_of_a_change(
    stage: Stage, origin: Clone, work: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHANGE_ENTRIES", 1)
    origin.commit(entry(digest=HERE)[1] | entry(LATER, digest=ABSENT)[1])
    made = clone.check_out_main(origin, work)
    inputs = {**OPTIONAL, "check_images": "true"}
    environment = {**server.proxy, "HOME": str(stage.folder)}
    told = stage.run("verify", "push", made, environment=environment, **inputs)
    assert (told.code, told.codes, server.requests) == (2, ["GS2001"], [])
    assert "Name the sets" in told.errors[0].data


def test_to_another_registry_no_token_goes(
    stage: Stage, origin: Clone, work: Path, server: Faulty
) -> None:
    """Whatever it asks for."""
    with faulty.serve() as other:

        def respond(request: Request) -> Answer:
            if request.path == "/token":
                return Answer(200, b'{"token": "t"}')
            if request.authorization != "Bearer t":
                return faulty.bearer(f"http://{other.host}/token")
            return Answer(200)

        other.respond = respond
        files = entry(digest=HERE, repository=f"{other.host}/acme/app")[1]
        told = check(stage, origin, work, server, files, repositories=f"{other.host}/**")
        assert told.code == 0, told.said
        assert [each.authorization for each in other.requests] == [None, None, "Bearer t"]
        assert server.requests == []


def test_a_registry_that_denies_says_what_to_grant_to_read(
    stage: Stage, origin: Clone, work: Path, server: Faulty, ghcr: Ghcr
) -> None:
    ghcr.instead = faulty.error(403, "DENIED", "denied")
    path, files = entry(digest=HERE)
    told = check(stage, origin, work, server, files)
    assert (told.code, told.codes, told.files) == (3, ["GS3002"], [f"{path}/IMAGE"]), told.said
    assert "`permissions: packages: read`" in told.errors[0].data
    assert "packages: write" not in told.errors[0].data.partition("→")[2]


def test_a_registry_that_cannot_be_reached_is_exit_3_and_not_an_image_that_is_missing(
    stage: Stage, origin: Clone, work: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghcr_signer.peers.registry.answer.backoff", lambda tries: 0.0)
    server.respond = lambda request: Answer(lost=True)
    told = check(stage, origin, work, server, entry(digest=HERE)[1])
    assert (told.code, told.codes) == (3, ["GS3001"]), told.said
    assert told.outputs["result"] == "failed"


def test_signatures_that_fail_weigh_more_than_a_registry_out_of_reach(
    stage: Stage, origin: Clone, work: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghcr_signer.peers.registry.answer.backoff", lambda tries: 0.0)
    server.respond = lambda request: Answer(lost=True)
    files = entry(digest=HERE)[1] | entry(LATER, digest=ABSENT, signer=Signer())[1]
    told = check(stage, origin, work, server, files)
    assert (told.code, sorted(told.codes)) == (1, ["GS0502", "GS3001"])
