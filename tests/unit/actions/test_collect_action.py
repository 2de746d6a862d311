"""The action collect: from a registry into a pull request."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import forge
from tests.forge import Signer
from tests.house.workflows import ACTIONS
from tests.peers import faulty
from tests.peers.faulty import Faulty
from tests.peers.github_api import PREFIX, TOKEN, GitHub
from tests.unit.actions import clone
from tests.unit.actions.clone import Clone
from tests.unit.actions.sets import IMAGE, NAME, OPTIONAL, SIGNER, push_image
from tests.unit.actions.stage import Stage, Told

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry import EmbeddedRegistry

IMAGE_REFERENCE = f"{NAME}@{IMAGE.digest}"


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    """It holds the image and a signature of it."""
    with EmbeddedRegistry() as registry:
        push_image(registry)
        sign(registry, SIGNER)
        yield registry


@pytest.fixture
def github() -> GitHub:
    return GitHub()


@pytest.fixture
def server(github: GitHub) -> Iterator[Faulty]:
    with faulty.serve(respond=github) as server:
        yield server


def sign(registry: EmbeddedRegistry, signer: Signer) -> None:
    digest = Digest.parse(IMAGE.digest)
    files = forge.artifact([forge.signed_layer(signer, NAME, digest.hex)])
    for blob in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
        registry.blobs.put("acme/app", files[blob])
    registry.manifests.put("acme/app", files["MANIFEST"], forge.OCI_MANIFEST, digest.signature_tag)


def mirror(origin: Clone, github: GitHub) -> None:
    """GitHub has the same objects, and `main` where it is here."""
    names = origin.git("rev-list", "--objects", "--no-object-names", "main").splitlines()
    for name in names:
        kind = origin.git("cat-file", "-t", name)
        content = subprocess.run(
            ["git", "-C", origin.folder, "cat-file", kind, name], capture_output=True, check=True
        ).stdout
        assert github.put(kind, content) == name
    github.refs["heads/main"] = origin.head


def collect(
    stage: Stage,
    work: Clone,
    registry: EmbeddedRegistry,
    server: Faulty,
    run: str = "workflow_dispatch",
    **inputs: str,
) -> Told:
    given = {
        "image": IMAGE_REFERENCE,
        "from": f"{registry.host}/acme/app",
        "latest": "true",
        "token": TOKEN,
        **OPTIONAL,
        **inputs,
    }
    address = {"GITHUB_API_URL": f"http://{server.host}{PREFIX}"}
    return stage.run("collect", run, work, environment=address, **given)


@pytest.fixture
def made(origin: Clone, work: Path, github: GitHub) -> Clone:
    mirror(origin, github)
    return clone.check_out_main(origin, work)


@pytest.mark.parametrize("run", ["push", "workflow_dispatch", "schedule"])
def test_signatures_become_a_pull_request(
    stage: Stage,
    made: Clone,
    registry: EmbeddedRegistry,
    github: GitHub,
    server: Faulty,
    run: str,
) -> None:
    told = collect(stage, made, registry, server, run, tags="v1  v2")
    assert told.code == 0, told.said
    assert set(told.outputs) >= set(ACTIONS["collect"]["outputs"])
    name, branch = told.outputs["set"], told.outputs["branch"]
    (pull,) = github.pulls
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (branch, "main")
    assert told.outputs["pull_request"].endswith("/acme/signatures/pull/1")
    commit = github.refs[f"heads/{branch}"]
    assert github.parents(commit) == [made.head]
    added = {path for path in github.files(commit) if path.startswith("SIGNATURES/")}
    folder = f"SIGNATURES/{name}/{IMAGE.digest.removeprefix('sha256:')}"
    assert {f"{folder}/{file}" for file in ("IMAGE", "MANIFEST", "LATEST", "TAGS")} <= added
    assert github.files(commit)[f"{folder}/TAGS"] == b"v1\nv2\n"
    assert told.outputs["pull_request"] in told.log
    assert "ghcr-signer push" not in told.log
    assert [each.name for each in told.commands] == ["add-mask"]


def test_what_no_trusted_key_signed_is_not_proposed(
    stage: Stage, made: Clone, registry: EmbeddedRegistry, github: GitHub, server: Faulty
) -> None:
    sign(registry, Signer())
    told = collect(stage, made, registry, server)
    assert told.code == 1
    assert told.codes == ["GS0502", "GS1309"]
    assert "set" not in told.outputs
    assert (github.pulls, set(github.refs)) == ([], {"heads/main"})


def test_a_token_that_may_not_write_says_which_permission_is_missing(
    stage: Stage, made: Clone, registry: EmbeddedRegistry, github: GitHub, server: Faulty
) -> None:
    github.permissions = set()
    told = collect(stage, made, registry, server)
    assert (told.code, told.codes) == (3, ["GS3008"])
    assert "contents: write" in told.errors[0].data
    assert told.outputs["result"] == "failed"
    assert (github.pulls, set(github.refs)) == ([], {"heads/main"})


def test_where_no_pull_request_may_be_opened_the_setting_is_named(
    stage: Stage, made: Clone, registry: EmbeddedRegistry, github: GitHub, server: Faulty
) -> None:
    github.may_open_pull_requests = False
    told = collect(stage, made, registry, server)
    assert (told.code, told.codes) == (1, ["GS1403"])
    assert "Settings → Actions" in told.errors[0].data


@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        ({"image": ""}, "GS2001", "the input image is missing"),
        ({"from": " "}, "GS2001", "the input from is missing"),
        ({"image": "app"}, "GS2001", "'app'"),
        ({"from": "x"}, "GS2001", "'x'"),
        ({"latest": "1"}, "GS2001", "the input latest is '1'"),
        ({"tags": "a/b"}, "GS2001", "a/b"),
        ({"token": ""}, "GS2001", "there is no token"),
        ({"transparency_log": "x"}, "GS2001", "transparency_log is 'x'"),
        ({"directory": "../x"}, "GS2009", "is in no git repository"),
        ({"trusted_key": "no.pub"}, "GS2001", "no.pub"),
    ],
)
def test_wrong_inputs_say_what_is_wrong(
    stage: Stage,
    made: Clone,
    registry: EmbeddedRegistry,
    github: GitHub,
    server: Faulty,
    inputs: dict[str, str],
    code: str,
    says: str,
) -> None:
    told = collect(stage, made, registry, server, **inputs)
    assert (told.code, told.codes) == (2, [code]), told.said
    assert says in told.errors[0].data + told.errors[0].properties.get("file", "")
    assert github.pulls == []


def test_a_tag_with_the_digest_to_use(
    stage: Stage, made: Clone, registry: EmbeddedRegistry, github: GitHub, server: Faulty
) -> None:
    name = f"{registry.host}/acme/app"
    told = collect(stage, made, registry, server, image=f"{name}:v1")
    assert (told.code, told.codes) == (2, ["GS1304"])
    assert f"{name}@{IMAGE.digest}" in told.errors[0].data
    assert github.pulls == []
