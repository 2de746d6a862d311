"""An outside repository uses the actions and the reusable workflows, as the documents say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.act import Act, checkout
from tests.e2e.act_copy import CONTAINER
from tests.e2e.conftest import Software, Target
from tests.e2e.project import Project
from tests.e2e.signatures import (
    DIGEST,
    FIRST,
    IMAGE,
    OWNER,
    PACKAGE,
    REAL_OWNER,
    REAL_PACKAGE,
    SECRETS,
    SIGNATURE,
    below,
    ours,
    real,
    stored,
    to,
)
from tests.forge import Signer
from tests.git_repository import Repository
from tests.house.workflows import YAML_BLOCK
from tests.peers import faulty, github_api
from tests.peers.docker import CRANE
from tests.peers.github_api import GitHub

pytestmark = pytest.mark.xdist_group("docker")

FILE = "signatures.yml"
WORKFLOW = f".github/workflows/{FILE}"


Init = Callable[[str, bytes], dict[str, bytes]]


@pytest.fixture
def init(released: Path, tmp_path: Path) -> Init:
    """What an adopter starts with who says whose images they are, and has a signer's key."""

    def run(owner: str, key: bytes) -> dict[str, bytes]:
        new = Repository(tmp_path / "new")
        (tmp_path / "signer.pub").write_bytes(key)
        program = [sys.executable, "-m", "ghcr_signer", "init", "--key", "../signer.pub"]
        whose = ["--image", f"ghcr.io/{owner}/**", "--owner", f"@{owner}/signers"]
        environment = os.environ | {"PYTHONPATH": str(released / "src")}
        subprocess.run([*program, *whose], cwd=new.root, env=environment, check=True)
        files = below(new.root)
        return {name: files[name] for name in files if not name.startswith(".git/")}

    return run


@pytest.fixture
def single_actions(released: Path) -> dict[str, bytes]:
    """What the README shows to those whose runner is older."""
    blocks = YAML_BLOCK.findall((released / "README.md").read_text(encoding="utf-8"))
    (block,) = (block for block in blocks if "/ghcr-signer/verify@" in block)
    return {WORKFLOW: block.encode()}


# By the reusable workflows


def test_a_new_project_judges_a_pull_request(
    act: Act, software: Software, init: Init, tmp_path: Path
) -> None:
    """By the reusable workflow of another repository, which rehearses the upload too."""
    merged, new = real()
    files = init(REAL_OWNER, merged.pop("trusted.pub")) | merged
    project = Project(tmp_path / "project", f"{REAL_OWNER}/signatures", files)
    event = project.propose(new)

    run = act.run(project, FILE, event, software.at(software.folder), job="verify")

    assert (run.code, run.jobs, run.errors) == (0, {"verify": "success"}, [])
    assert run.outputs["verified"] == "3"
    assert "rehearsed: 3 entries went there and came back" in run.summary


def test_a_new_project_publishes_a_merge(
    act: Act, software: Software, init: Init, target: Target, tmp_path: Path
) -> None:
    signer, registry = Signer(), target.registry
    target.hold(IMAGE)
    files = init(OWNER, signer.pem)
    files[WORKFLOW] += to(registry).replace("      transparency_log: optional\n", "").encode()
    files["policy.yml"] += b"  transparencyLog: optional\n"
    project = Project(tmp_path / "project", f"{OWNER}/signatures", files)
    project.propose(ours(FIRST, signer, "latest"))

    run = act.run(project, FILE, project.merge(), software.at(software.folder), SECRETS)

    assert (run.code, run.jobs, run.errors) == (0, {"publish": "success"}, [])
    assert (run.outputs["published"], run.outputs["tags"]) == ("1", f"ghcr.io/{PACKAGE}:latest")
    assert target.read("latest") == IMAGE.index


def test_signatures_of_a_registry_become_a_pull_request(
    act: Act, software: Software, target: Target, tmp_path: Path
) -> None:
    signer = Signer()
    target.hold(IMAGE)
    target.hold(signature := stored(signer), SIGNATURE)
    workflow = f"""\
on: workflow_dispatch
jobs:
  collect:
    uses: {software.name}/.github/workflows/collect.yml@{software.commit}
    with:
      image: ghcr.io/{PACKAGE}@{IMAGE.digest}
      from: {target.registry.host}/{PACKAGE}
      latest: true
      transparency_log: optional
""".encode()
    project = Project(
        tmp_path / "project", github_api.NAME, {WORKFLOW: workflow, "trusted.pub": signer.pem}
    )
    github = GitHub()
    github.objects |= project.objects()
    github.refs["heads/main"] = project.head

    with faulty.serve(respond=github) as server:
        run = act.run(
            project,
            FILE,
            project.dispatched(),
            software.at(software.folder),
            {"GITHUB_TOKEN": github_api.TOKEN},
            {"GITHUB_API_URL": f"http://{server.host}{github_api.PREFIX}"},
        )

    assert (run.code, run.jobs, run.errors) == (0, {"collect": "success"}, [])
    (pull,) = github.pulls
    assert pull["head"]["ref"] == run.outputs["branch"]
    assert run.outputs["pull_request"].endswith(f"/{project.name}/pull/1")
    commit = github.refs[f"heads/{run.outputs['branch']}"]
    assert github.parents(commit) == [project.head]
    folder = f"SIGNATURES/{run.outputs['set']}/{DIGEST}"
    files = github.files(commit)
    assert files[f"{folder}/MANIFEST"] == signature.index.content
    assert f"{folder}/LATEST" in files


# By single actions


def test_the_action_verify_judges_a_pull_request(
    act: Act, software: Software, single_actions: dict[str, bytes], tmp_path: Path
) -> None:
    merged, new = real()
    project = Project(tmp_path / "project", f"{REAL_OWNER}/signatures", single_actions | merged)
    event = project.propose(new)

    run = act.run(project, FILE, event, software.at(software.folder))

    assert (run.code, run.jobs, run.errors) == (0, {"verify": "success"}, [])
    assert run.outputs["verified"] == "3"


def test_the_action_publish_publishes_a_push(
    act: Act, software: Software, single_actions: dict[str, bytes], target: Target, tmp_path: Path
) -> None:
    signer, registry = Signer(), target.registry
    target.hold(IMAGE)
    single_actions[WORKFLOW] += f"""\
        with:
          registry_map: ghcr.io={registry.host}
          username: {registry.username}
          password: ${{{{ secrets.PASSWORD }}}}
          transparency_log: optional
""".encode()
    project = Project(
        tmp_path / "project", f"{OWNER}/signatures", single_actions | {"trusted.pub": signer.pem}
    )
    project.propose(ours(FIRST, signer, "latest"))

    run = act.run(project, FILE, project.merge(), software.at(software.folder), SECRETS)

    assert (run.code, run.jobs, run.errors) == (0, {"publish": "success"}, [])
    assert target.read("latest") == IMAGE.index


def test_a_rehearsal_goes_to_the_service_container(
    act: Act, software: Software, tmp_path: Path
) -> None:
    """It holds what was rehearsed when a later step asks it. The root's action takes a command."""
    workflow = f"""\
on: pull_request
jobs:
  verify:
    runs-on: ubuntu-latest
    container: {CONTAINER}
    services:
      registry:
        image: {CRANE}
    steps:
      - uses: {checkout()}
        with:
          fetch-depth: 2
      - uses: {software.name}@{software.commit}
        with:
          command: verify
          registry: http://registry:5000/rehearsal
      - run: |
          exec 3<> /dev/tcp/registry/5000
          printf 'GET /v2/_catalog HTTP/1.0\\r\\n\\r\\n' >&3
          cat <&3 >> "$GITHUB_STEP_SUMMARY"
        shell: bash
"""
    merged, new = real()
    project = Project(
        tmp_path / "project", f"{REAL_OWNER}/signatures", merged | {WORKFLOW: workflow.encode()}
    )
    event = project.propose(new)

    run = act.run(project, FILE, event, software.at(software.folder))

    assert (run.code, run.errors) == (0, [])
    assert f'{{"repositories":["rehearsal/{REAL_PACKAGE}"]}}' in run.summary


# What goes wrong


@pytest.mark.parametrize("command", ["verify", "publish"])
def test_a_shallow_checkout_gets_the_depth_to_set(
    act: Act, software: Software, command: str, tmp_path: Path
) -> None:
    workflow = f"""\
on: [pull_request, push]
jobs:
  judge:
    runs-on: ubuntu-latest
    steps:
      - uses: {checkout()}
      - uses: {software.name}/{command}@{software.commit}
"""
    merged, new = real()
    project = Project(
        tmp_path / "project", f"{REAL_OWNER}/signatures", merged | {WORKFLOW: workflow.encode()}
    )
    event = project.propose(new)
    if command == "publish":
        event = project.merge()

    run = act.run(project, FILE, event, software.at(software.folder))

    assert (run.code, run.errors) == (1, [("GS2011", "")])
    (annotation,) = run.annotations
    depth = {"verify": 2, "publish": 0}[command]
    assert f"`fetch-depth: {depth}`" in annotation.message
