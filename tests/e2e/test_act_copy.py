"""act's copy differs from this repository in the lines that are listed here, and in no other."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from tests.e2e.act_copy import CONTAINER, act_copy
from tests.house import repository
from tests.house.repository import ROOT
from tests.house.workflows import YAML_FILES, parse
from tests.peers.docker import CRANE

NAME, REF = "acme/ghcr-signer", "v1"
AT = f"{NAME}/{{}}@{REF}".format
PATHS = [path.relative_to(ROOT).as_posix() for path in YAML_FILES]
DIFFERENCES = {
    ".github/workflows/check-image.yml": [
        "-      - uses: $/verify",
        f"+      - uses: {AT('verify')}",
    ],
    ".github/workflows/collect.yml": [
        "-      queue: max",
        "-      - uses: $/collect",
        f"+      - uses: {AT('collect')}",
    ],
    ".github/workflows/comment.yml": [
        "-      - uses: $/comment",
        f"+      - uses: {AT('comment')}",
    ],
    ".github/workflows/main.yml": [
        "-    uses: $/.github/workflows/publish.yml",
        f"+    uses: {AT('.github/workflows/publish.yml')}",
    ],
    ".github/workflows/publish.yml": [
        "-      queue: max",
        "-      - uses: $/publish",
        f"+      - uses: {AT('publish')}",
    ],
    ".github/workflows/pull-request.yml": [
        line
        for name in ("verify", "check-image", "comment")
        for line in (
            f"-    uses: $/.github/workflows/{name}.yml",
            f"+    uses: {AT(f'.github/workflows/{name}.yml')}",
        )
    ],
    ".github/workflows/verify.yml": [
        f"+    container: {CONTAINER}",
        "-        image: gcr.io/go-containerregistry/crane:v0.21.9",
        "-        command: registry serve --address :5000",
        f"+        image: {CRANE}",
        "-      - uses: $/verify",
        f"+      - uses: {AT('verify')}",
    ],
    "docs/workflows/comment-forks.yml": ["-cache-mode: none"],
}


def copied(path: str) -> bytes:
    return act_copy(path, (ROOT / path).read_bytes(), NAME, REF)


def test_the_copy_differs_in_these_lines_and_in_no_other() -> None:
    found = {}
    for file in repository.files():
        path = file.relative_to(ROOT).as_posix()
        ours, acts = file.read_bytes(), copied(path)
        if acts != ours:
            lines = list(difflib.unified_diff(_lines(ours), _lines(acts), n=0))[2:]
            found[path] = [line for line in lines if not line.startswith("@@")]
    assert found == DIFFERENCES


def _lines(text: bytes) -> list[str]:
    """Without the comments at their ends, which are not for act."""
    return [line.partition(" # ")[0] for line in text.decode().splitlines()]


@pytest.mark.parametrize("path", [p for p in PATHS if not p.startswith("template/")])
def test_nothing_is_left_that_act_refuses(path: str) -> None:
    """What a workflow or action gets anew must be among the differences, or act cannot run it."""
    copy = parse(copied(path).decode())
    for job in copy.get("jobs", {}).values():
        assert ("container" in job) == ("services" in job)
        for service in job.get("services", {}).values():
            assert service == {"image": CRANE}
    texts = _texts(copy)
    assert {"queue", "cache-mode"} & set(texts) == set()
    assert [text for text in texts if text.startswith("$/")] == []


def _texts(value: Any) -> list[str]:
    """Every key and every value."""
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in _texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value]


def test_a_base_image_loses_its_digest() -> None:
    """Which a release gives it."""
    released = b"FROM python:3-slim@sha256:%s AS base\nFROM base\n" % (b"1a" * 32)
    copied = act_copy("Dockerfile", released, NAME, REF)
    assert copied == b"FROM python:3-slim AS base\nFROM base\n"


def test_crane_s_image_is_found_by_its_digest_too() -> None:
    """Which a release gives it."""
    workflow = ".github/workflows/verify.yml"
    tag = b"crane:v0.21.9"
    ours = (ROOT / workflow).read_bytes()
    released = ours.replace(tag, tag + b"@sha256:" + b"1a" * 32)
    assert released != ours
    assert act_copy(workflow, released, NAME, REF) == act_copy(workflow, ours, NAME, REF)
