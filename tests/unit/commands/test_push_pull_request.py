"""`push` with a token: the pull request is opened, found or explained, and the token goes nowhere
else. Against the stand-in for GitHub's API; what is pushed is pushed by git.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.peers import faulty
from tests.peers.faulty import Answer, Faulty
from tests.peers.github_api import NAME, PREFIX, TOKEN, GitHub
from tests.signer import BRANCH, FORK, HUB, IMAGE, SET, UPSTREAM, Heads, Signer, codes_of

from ghcr_signer.report.report import Report

assert NAME == UPSTREAM
PAGE = f"{HUB}{UPSTREAM}/compare/main...acme:{BRANCH}?expand=1"
FORKED = {"full_name": FORK, "fork": True, "parent": {"full_name": "Acme/Signatures"}}


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


@pytest.fixture
def github(signer: Signer) -> GitHub:
    github = GitHub()
    github.pushed = {"acme": Heads(signer)}
    github.settings["/user"] = {"login": "signer"}
    return github


@pytest.fixture
def server(github: GitHub) -> Iterator[Faulty]:
    with faulty.serve(respond=github) as server:
        yield server


Push = Callable[..., Report]


@pytest.fixture
def push(signer: Signer, server: Faulty) -> Push:
    def run(**environment: str) -> Report:
        api = {"GITHUB_API_URL": f"http://{server.host}{PREFIX}", "GH_TOKEN": TOKEN}
        report = signer.push(**{**api, **environment})
        assert TOKEN not in repr(report)
        return report

    return run


def test_the_pull_request_is_opened_and_says_what_it_brings(
    signer: Signer, github: GitHub, server: Faulty, push: Push
) -> None:
    signer.write()
    report = push()
    assert codes_of(report) == []
    (pull,) = github.pulls
    assert pull["head"] == {
        "label": f"acme:{BRANCH}",
        "ref": BRANCH,
        "sha": signer.branches()[BRANCH],
    }
    assert pull["base"]["ref"] == "main"
    assert pull["title"].startswith(f"Sign {IMAGE}@sha256:")
    assert f"The set `{SET}`: signatures" in pull["body"]
    assert "| `latest` |" in pull["body"]
    assert "workflow" not in pull["body"]
    assert report.notices[-2] == f"its pull request is http://{server.host}/{NAME}/pull/1"
    assert report.next_steps == ()


def test_the_same_again_finds_it(signer: Signer, github: GitHub, push: Push) -> None:
    signer.write()
    first = push()
    assert push().notices == first.notices
    assert len(github.pulls) == 1


def test_either_token_will_do_and_the_first_is_taken(
    signer: Signer, github: GitHub, push: Push
) -> None:
    signer.write()
    assert "no pull request was opened" in str(push(GH_TOKEN="wrong", GITHUB_TOKEN=TOKEN).notices)
    push(GH_TOKEN="", GITHUB_TOKEN=TOKEN)
    assert len(github.pulls) == 1


def test_from_the_fork_it_is_opened_upstream(signer: Signer, github: GitHub, push: Push) -> None:
    signer.write()
    signer.fork("fork")
    signer.refuse()
    github.pushed["signer"] = Heads(signer, FORK)
    for _ in range(2):
        assert codes_of(push()) == []
    (pull,) = github.pulls
    assert pull["head"]["label"] == f"signer:{BRANCH}"
    assert pull["head"]["sha"] == signer.branches(FORK)[BRANCH]


def test_the_token_s_owner_may_have_a_fork(signer: Signer, github: GitHub, push: Push) -> None:
    signer.write()
    signer.fork()
    signer.refuse()
    github.pushed["signer"] = Heads(signer, FORK)
    github.settings[f"/repos/{FORK}"] = FORKED
    assert codes_of(push()) == []
    (pull,) = github.pulls
    assert pull["head"]["label"] == f"signer:{BRANCH}"
    assert signer.git("remote") == "origin"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (f"/repos/{FORK}", {"full_name": FORK, "fork": False}),
        (f"/repos/{FORK}", {**FORKED, "parent": {"full_name": "acme/other"}}),
        ("/user", {"login": "../acme"}),
        ("/user", []),
    ],
)
def test_what_is_no_fork_of_it_is_not_pushed_to(
    path: str, document: dict[str, object], signer: Signer, github: GitHub, push: Push
) -> None:
    signer.write()
    signer.fork()
    signer.refuse()
    github.settings[path] = document
    report = push()
    assert codes_of(report) == ["GS1334"]
    assert "Fork it at" in next(report.all_failures).next_step
    assert set(signer.branches(FORK)) == {"main"}


def test_what_the_token_may_not_do_is_a_notice_and_the_page_remains(
    signer: Signer, github: GitHub, push: Push
) -> None:
    signer.write()
    github.permissions.remove("pull-requests")
    report = push()
    assert (codes_of(report), report.exit_code) == ([], 0)
    assert BRANCH in signer.branches()
    assert "Resource not accessible by integration" in report.notices[-2]
    assert report.next_steps == (f"open the pull request: {PAGE}",)


@pytest.mark.parametrize("token", ["wrong", "two\nlines", "ä"])
def test_a_token_that_is_none_is_a_notice(token: str, signer: Signer, push: Push) -> None:
    signer.write()
    report = push(GH_TOKEN=token)
    assert report.exit_code == 0
    assert report.notices[-2].startswith("no pull request was opened: ")
    assert report.next_steps == (f"open the pull request: {PAGE}",)


def test_a_pull_request_for_something_else_is_not_taken_for_ours(
    signer: Signer, github: GitHub, push: Push
) -> None:
    signer.write()
    github.after["POST pulls"] = lambda pull: {**pull, "head": {"sha": 40 * "0"}}
    assert "is for something else" in push().notices[-2]


def test_github_s_words_are_no_more_than_words(signer: Signer, github: GitHub, push: Push) -> None:
    signer.write()
    github.instead[1] = Answer(422, b'{"message": "\\u001b[31m::error::x"}')
    report = push()
    assert report.exit_code == 0
    assert "::error::x" in report.notices[-2]


@pytest.mark.parametrize(
    "environment",
    [
        {"GH_HOST": "github.acme.example"},
        {"GITHUB_SERVER_URL": "https://github.acme.example"},
        {"GH_TOKEN": "", "GITHUB_TOKEN": ""},
    ],
)
def test_a_token_of_another_host_is_not_sent(
    environment: dict[str, str], signer: Signer, server: Faulty, push: Push
) -> None:
    signer.write()
    report = push(**environment)
    assert server.log == []
    assert report.next_steps == (f"open the pull request: {PAGE}",)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com.evil.example/acme/signatures",
        "https://github.evil.example/acme/signatures",
        "https://github.com@evil.example/acme/signatures",
    ],
)
def test_nor_is_it_sent_for_a_host_that_looks_like_it(
    url: str, signer: Signer, server: Faulty, push: Push
) -> None:
    signer.write()
    signer.git("remote", "set-url", "origin", url)
    hub = signer.bare(UPSTREAM).as_uri()
    signer.git("config", f"url.{hub}.insteadOf", url)
    report = push()
    assert codes_of(report) == []
    assert BRANCH in signer.branches()
    assert server.log == []
