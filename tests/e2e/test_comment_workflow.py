"""The comment on a pull request, and the question whether its images are there."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.act import Act, Run
from tests.e2e.conftest import Software, Target
from tests.e2e.project import Event, Files, Project
from tests.e2e.signatures import DIGEST, FIRST, IMAGE, PACKAGE, SECOND, entry
from tests.forge import Signer
from tests.peers import faulty, github_api
from tests.peers.faulty import Faulty
from tests.peers.github_comments import Discussed
from tests.unit.actions.runs import RUNS

pytestmark = pytest.mark.xdist_group("docker")

FILE = "signatures.yml"
WORKFLOW = f".github/workflows/{FILE}"
MARK = "<!-- ghcr-signer:review -->"
FORKS = "comment-forks.yml"
ABSENT = "e" * 64


class Repository:
    """An adopter's, whose images are in a registry of the test's own; GitHub is a stand-in."""

    def __init__(
        self, act: Act, software: Software, target: Target, released: Path, folder: Path
    ) -> None:
        self._act, self._software = act, software
        self.signer = Signer()
        self.host = target.registry.host
        given = f"""\
    with:
      repositories: {self.host}/**
      transparency_log: optional
"""
        jobs = "".join(
            f"  {name}:\n    uses: {software.name}/.github/workflows/{name}.yml@{software.commit}\n"
            f"{given}"
            for name in ("check-image", "comment")
        )
        forks = (released / "docs" / "workflows" / FORKS).read_text(encoding="utf-8")
        files = {
            WORKFLOW: f"on: pull_request\njobs:\n{jobs}".encode(),
            f".github/workflows/{FORKS}": f"{forks}{given}".encode(),
            "trusted.pub": self.signer.pem,
        }
        self.project = Project(folder, github_api.NAME, files)
        self.github = Discussed(folder)

    def entry(self, folder: str, digest: str, *tags: str) -> dict[str, bytes]:
        return entry(folder, self.signer, f"{self.host}/{PACKAGE}", digest, *tags)

    def run(self, event: Event, server: Faulty, job: str, workflow: str = FILE) -> Run:
        return self._act.run(
            self.project,
            workflow,
            event,
            self._software.at(self._software.folder),
            {"GITHUB_TOKEN": github_api.TOKEN},
            {"GITHUB_API_URL": f"http://{server.host}{github_api.PREFIX}"},
            job,
        )


@pytest.fixture
def repository(
    act: Act, software: Software, target: Target, released: Path, tmp_path: Path
) -> Repository:
    return Repository(act, software, target, released, tmp_path / "project")


@pytest.fixture
def server(repository: Repository) -> Iterator[Faulty]:
    with faulty.serve(respond=repository.github) as server:
        yield server


def shown(github: Discussed) -> str:
    """The only comment, as a reader sees it."""
    (body,) = github.bodies
    assert body.startswith(f"{MARK}\n")
    text = html.unescape(body.replace("<!-- -->", ""))
    sys.stderr.write(f"--- the comment\n{text}\n---\n")
    return text


def forked(files: Files, repository: Repository) -> Event:
    """A fork's pull request brings these files, and its own run has ended."""
    head = repository.project.propose(files).payload["pull_request"]["head"]["sha"]
    repository.github.open(head)
    return Event("workflow_run", RUNS["workflow_run"].payload({"head": head}))


def test_a_pull_request_gets_one_comment_that_is_kept_up_to_date(
    repository: Repository, server: Faulty, target: Target
) -> None:
    target.hold(IMAGE)
    event = repository.project.propose(repository.entry(FIRST, DIGEST, "latest"))

    first = repository.run(event, server, "comment")

    assert (first.code, first.jobs, first.annotations) == (0, {"comment": "success"}, [])
    text = shown(repository.github)
    assert f"{repository.host}/{PACKAGE}:**latest**" in text
    assert "a new tag" in text
    assert first.outputs["comment"].endswith(f"/{github_api.NAME}/pull/1#issuecomment-1")

    target.hold(IMAGE, "latest")
    second = repository.run(event, server, "comment")

    assert (second.code, second.errors) == (0, [])
    assert "the registry has it there already" in shown(repository.github)
    assert repository.github.requests == ["POST", "PATCH 1"]


def test_where_the_token_reads_only_the_run_says_so_and_is_green(
    repository: Repository, server: Faulty, target: Target
) -> None:
    target.hold(IMAGE)
    repository.github.permissions = set()
    event = repository.project.propose(repository.entry(FIRST, DIGEST, "latest"))
    event.payload["pull_request"]["head"]["repo"] = {"full_name": "mallory/signatures"}

    run = repository.run(event, server, "comment")

    assert (run.code, run.jobs) == (0, {"comment": "success"})
    (notice,) = run.annotations
    assert (notice.level, "no comment was written" in notice.message) == ("notice", True)
    assert f"{repository.host}/{PACKAGE}:**latest**" in run.summary
    assert repository.github.bodies == []


def test_a_fork_s_pull_request_is_commented_after_its_run(
    repository: Repository, server: Faulty, target: Target
) -> None:
    target.hold(IMAGE)
    event = forked(repository.entry(FIRST, DIGEST, "latest"), repository)

    run = repository.run(event, server, "comment", FORKS)

    assert (run.code, run.jobs, run.annotations) == (0, {"comment": "success"}, [])
    assert run.outputs["result"] == "passed"
    assert f"{repository.host}/{PACKAGE}:**latest**" in shown(repository.github)


def test_a_fork_s_bad_signatures_are_said_there(repository: Repository, server: Faulty) -> None:
    stranger = entry(FIRST, Signer(), f"{repository.host}/{PACKAGE}", DIGEST, "latest")
    event = forked(stranger, repository)

    run = repository.run(event, server, "comment", FORKS)

    assert (run.code, run.errors, run.outputs["result"]) == (0, [], "failed")
    assert "GS0502" in shown(repository.github)


def test_an_image_that_is_not_in_its_registry_is_shown_at_its_entry(
    repository: Repository, server: Faulty, target: Target
) -> None:
    target.hold(IMAGE)
    files = repository.entry(FIRST, DIGEST) | repository.entry(FIRST, ABSENT)
    event = repository.project.propose(files)

    run = repository.run(event, server, "check-image")

    assert (run.code, run.errors) == (1, [("GS3010", f"{FIRST}/{ABSENT}/IMAGE")])
    assert f"has no sha256:{ABSENT}" in run.annotations[0].message
    asked = {scope for each in target.tokens.requests for scope in each.scopes}
    assert f"repository:{PACKAGE}:pull" in asked
    assert json.dumps(run.outputs).count("pull,push") == 0


def test_images_that_are_there_pass(repository: Repository, server: Faulty, target: Target) -> None:
    target.hold(IMAGE)
    event = repository.project.propose(
        repository.entry(FIRST, DIGEST) | repository.entry(SECOND, DIGEST)
    )

    run = repository.run(event, server, "check-image")

    assert (run.code, run.errors) == (0, [])
    assert "asked: every image is in its registry" in run.summary
