"""A proposal on GitHub: what is made, what is refused, and what is said where it fails."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from tests.peers import faulty
from tests.peers.faulty import Answer, Faulty
from tests.peers.github_api import NAME, PREFIX, TOKEN, GitHub
from tests.peers.process import free_port

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Failure, GhcrSignerError, UsageError
from ghcr_signer.peers.github import api as peer
from ghcr_signer.peers.github import proposal as made
from ghcr_signer.peers.github.api import Api
from ghcr_signer.peers.github.proposal import Proposal, Proposed, submit

BRANCH = "ghcr-signer/2026-11-20T12-00-00Z"
SET = "SIGNATURES/2026-11-20T12:00:00+00:00"
ENTRY, OTHER = 64 * "a", 64 * "b"
FILES = {
    f"{SET}/{ENTRY}/IMAGE": b"ghcr.io/acme/app@sha256:" + 64 * b"a" + b"\n",
    f"{SET}/{ENTRY}/LATEST": b"",
    f"{SET}/{ENTRY}/PAYLOAD_BLOB": b"\x00\xff not text\r\n",
}
BASE = {
    "README.md": b"# Signatures\n",
    "SIGNATURES/README.md": b"one level down\n",
    "SIGNATURES/2026-01-01T00:00:00+00:00/" + OTHER + "/IMAGE": b"an older set\n",
    "SIGNATURES.md": b"sorts before the folder\n",
}
# the requests of a proposal, where the signature directory is there: two levels, three blobs
READS = ["GET commit", "GET root", "GET SIGNATURES"]
WRITES = ["POST blob", "POST blob", "POST blob", "POST tree", "POST commit"]
BACK = ["GET commit", "GET root", "GET SIGNATURES", "GET set"]
REQUESTS = [*READS, *WRITES, *BACK, "POST ref", "POST pull"]
FIRST_WRITE, PULL = len(READS) + 1, len(REQUESTS)


@pytest.fixture
def github() -> GitHub:
    return GitHub(BASE)


@pytest.fixture
def server(github: GitHub) -> Iterator[Faulty]:
    with faulty.serve(respond=github) as server:
        yield server


def proposal(github: GitHub, files: Mapping[str, bytes] = FILES) -> Proposal:
    return Proposal(BRANCH, "main", github.base, files, "Sign\n", "Sign it", "What it is.\n")


Propose = Callable[..., Proposed]


@pytest.fixture
def propose(github: GitHub, server: Faulty, waits: list[float]) -> Propose:
    def run(
        what: Proposal | None = None, *, api: str = "", name: str = NAME, token: str = TOKEN
    ) -> Proposed:
        address = api or f"http://{server.host}{PREFIX}"
        with closing(Api(name, api=address, token=token, sleep=waits.append)) as asked:
            return submit(asked, what or proposal(github))

    return run


@contextmanager
def fails(code: Code, match: str = ".") -> Iterator[list[Failure]]:
    """Something raises one of our errors with this code, and never with the token in it."""
    found: list[Failure] = []
    with pytest.raises(GhcrSignerError) as caught:
        yield found
    failure = caught.value.failure
    found.append(failure)
    assert failure.code is code, failure
    assert re.search(match, failure.message), failure.message
    assert TOKEN not in repr(failure) + repr(caught.value) + failure.next_step


def refused(status: int, message: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps({"message": message}).encode(), named)


# What is made


def test_the_set_is_on_a_new_branch_on_top_of_the_base_with_a_pull_request(
    github: GitHub, propose: Propose, server: Faulty, waits: list[float]
) -> None:
    done = propose()
    assert done == Proposed(
        1, f"http://{server.host}/{NAME}/pull/1", BRANCH, github.refs[f"heads/{BRANCH}"]
    )
    assert github.files(done.commit) == {**BASE, **FILES}
    assert github.parents(done.commit) == [github.base]
    assert github.refs["heads/main"] == github.base
    [pull] = github.pulls
    assert (pull["title"], pull["body"]) == ("Sign it", "What it is.\n")
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (BRANCH, "main")
    assert [f"{method} {what}" for method, what in map(_kind, server.log)] == [
        f"{line.split()[0]} {_RESOURCES[line.split()[1]]}" for line in REQUESTS
    ]
    assert waits == []


_RESOURCES = {
    "commit": "commits",
    "root": "trees",
    "SIGNATURES": "trees",
    "set": "trees",
    "tree": "trees",
    "blob": "blobs",
    "ref": "refs",
    "pull": "pulls",
}


def _kind(line: str) -> tuple[str, str]:
    method, _, path = line.partition(" ")
    what = path.removeprefix(f"{PREFIX}/repos/{NAME}/").removeprefix("git/")
    return method, what.partition("/")[0]


@pytest.mark.parametrize("base", [{"README.md": b"x"}, {"deep/er/README.md": b"x"}])
@pytest.mark.parametrize("folder", ["SIGNATURES", "deep/SIGNATURES", "deep/er/SIGNATURES"])
def test_the_directory_may_be_new_and_anywhere(
    github: GitHub, propose: Propose, base: dict[str, bytes], folder: str
) -> None:
    github.base = github.commit(base)
    files = {path.replace("SIGNATURES", folder): content for path, content in FILES.items()}
    done = propose(proposal(github, files))
    assert github.files(done.commit) == {**base, **files}


def test_equal_contents_are_uploaded_once(github: GitHub, propose: Propose, server: Faulty) -> None:
    twins = {path.replace(ENTRY, OTHER): content for path, content in FILES.items()}
    done = propose(proposal(github, {**FILES, **twins}))
    assert github.files(done.commit) == {**BASE, **FILES, **twins}
    assert [_kind(line) for line in server.log].count(("POST", "blobs")) == len(FILES)


def test_the_parent_is_the_base_that_was_read_also_where_the_branch_moved_on(
    github: GitHub, propose: Propose
) -> None:
    github.refs["heads/main"] = moved = github.commit({"README.md": b"newer\n"}, github.base)
    done = propose()
    assert github.parents(done.commit) == [github.base]
    assert github.refs["heads/main"] == moved


def test_many_writes_are_made_at_the_pace_that_github_takes(
    github: GitHub, propose: Propose, waits: list[float]
) -> None:
    files = {f"{SET}/{number:064x}/IMAGE": str(number).encode() for number in range(70)}
    propose(proposal(github, files))
    # and a tree, a commit, a ref and a pull request
    assert waits == [1.0] * (len(files) + 4 - peer.WRITES_AT_ONCE)


def test_the_fake_has_the_ids_of_git(github: GitHub, tmp_path: Path) -> None:
    files = {**BASE, **FILES, "a": b"1", "a.b/c": b"2", "a-b": b"3", "ab": b""}
    environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path)}

    def git(*arguments: str) -> str:
        command = ["git", "-c", "core.autocrlf=false", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    git("init", "--quiet")
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    git("add", "--all", "--force")
    assert github.tree(github.commit(files)) == git("write-tree")


# What is taken


@pytest.mark.parametrize("entry", [ENTRY, OTHER])
def test_a_set_that_is_there_is_never_added_to(
    github: GitHub, propose: Propose, server: Faulty, entry: str
) -> None:
    github.base = github.commit({f"{SET}/{entry}/IMAGE": b"merged\n"})
    with fails(codes.NAME_TAKEN, "the set is there already"):
        propose()
    assert not [line for line in server.log if line.startswith("POST")]


@pytest.mark.parametrize(
    ("path", "mode"), [("SIGNATURES", "120000"), ("SIGNATURES", "100644"), (SET, "120000")]
)
def test_what_is_no_folder_is_never_replaced(
    github: GitHub, propose: Propose, server: Faulty, path: str, mode: str
) -> None:
    github.base = github.commit({path: b"elsewhere"}, mode=mode)
    with fails(codes.NOT_REGULAR, "is no folder"):
        propose()
    assert not [line for line in server.log if line.startswith("POST")]


def test_a_branch_that_is_there_is_never_moved(github: GitHub, propose: Propose) -> None:
    theirs = github.refs[f"heads/{BRANCH}"] = github.commit({"x": b"theirs"})
    with fails(codes.NAME_TAKEN, BRANCH):
        propose()
    assert github.refs[f"heads/{BRANCH}"] == theirs
    assert github.pulls == []


# What was proposed is what was verified


def _tree_entries(change: Callable[[list[dict[str, Any]]], object]) -> Callable[..., Any]:
    def meddle(sent: dict[str, Any]) -> dict[str, Any]:
        change(sent["tree"])
        return sent

    return meddle


@pytest.mark.parametrize(
    ("route", "meddle"),
    [
        ("POST git/blobs", lambda sent: {**sent, "content": "b3RoZXI="}),
        ("POST git/trees", lambda sent: {"tree": sent["tree"]}),
        ("POST git/trees", _tree_entries(lambda tree: tree[0].update(mode="100755"))),
        ("POST git/trees", _tree_entries(lambda tree: tree[0].update(sha=tree[1]["sha"]))),
        ("POST git/trees", _tree_entries(lambda tree: tree[0].update(path=f"{SET}/{ENTRY}/X"))),
        ("POST git/trees", _tree_entries(lambda tree: tree.pop())),
        *(
            ("POST git/trees", _tree_entries(lambda tree, at=at: tree.append({**tree[0], **at})))
            for at in (
                {"path": ".github/workflows/evil.yml"},
                {"path": "README.md"},
                {"path": "SIGNATURES/README.md"},
                {"path": f"{SET}/{OTHER}/IMAGE"},
                {"path": f"{SET}/README.md", "mode": "120000"},
            )
        ),
        ("POST git/commits", lambda sent: {**sent, "parents": []}),
        ("POST git/commits", lambda sent: {**sent, "parents": sent["parents"] * 2}),
    ],
)
def test_no_branch_points_at_anything_else(
    github: GitHub, propose: Propose, route: str, meddle: Callable[..., Any]
) -> None:
    github.before[route] = meddle
    with fails(codes.PROPOSAL_DIFFERS):
        propose()
    assert list(github.refs) == ["heads/main"]


@pytest.mark.parametrize(
    ("route", "meddle"),
    [
        ("GET git/commits", lambda answer: {**answer, "sha": 40 * "0"}),
        ("GET git/commits", lambda answer: {**answer, "tree": None}),
        ("GET git/commits", lambda answer: {**answer, "tree": {"sha": "../../../user"}}),
        ("GET git/commits", lambda answer: []),
        ("GET git/trees", lambda answer: {**answer, "truncated": True}),
        ("GET git/trees", lambda answer: {**answer, "tree": "many"}),
        ("GET git/trees", lambda answer: {**answer, "tree": [7]}),
        ("GET git/trees", lambda answer: None),
        ("POST git/blobs", lambda answer: {}),
        ("POST git/trees", lambda answer: {"sha": 7}),
        ("POST git/commits", lambda answer: {"sha": "../../../user"}),
        ("POST git/commits", lambda answer: "done"),
    ],
)
def test_an_answer_that_does_not_say_what_is_there_is_none(
    github: GitHub, propose: Propose, route: str, meddle: Callable[..., Any]
) -> None:
    github.after[route] = meddle
    with fails(codes.PROPOSAL_DIFFERS):
        propose()
    assert list(github.refs) == ["heads/main"]


# After the branch was made


def _left(github: GitHub, server: Faulty, failure: Failure) -> None:
    """The branch is there, and the failure says its name and where to go on."""
    assert github.files(github.refs[f"heads/{BRANCH}"]) == {**BASE, **FILES}
    assert BRANCH in failure.message
    assert failure.next_step.endswith(
        f"by hand: http://{server.host}/{NAME}/compare/main...{BRANCH}?expand=1"
    )


def test_where_workflows_may_not_open_pull_requests_the_setting_is_named(
    github: GitHub, propose: Propose, server: Faulty
) -> None:
    github.may_open_pull_requests = False
    with fails(codes.NO_PULL_REQUEST, "not permitted to create or approve") as found:
        propose()
    _left(github, server, found[0])
    assert "Settings → Actions → General" in found[0].next_step
    assert "Allow GitHub Actions to create and approve pull requests" in found[0].next_step


def test_where_the_token_may_not_the_permission_is_named(
    github: GitHub, propose: Propose, server: Faulty
) -> None:
    github.permissions.remove("pull-requests")
    with fails(codes.NO_PULL_REQUEST, "not accessible by integration") as found:
        propose()
    _left(github, server, found[0])
    assert "`permissions: pull-requests: write`" in found[0].next_step
    assert "Settings" not in found[0].next_step


@pytest.mark.parametrize(
    "final",
    [
        refused(401, "Bad credentials"),
        refused(404, "Not Found"),
        refused(422, "Validation Failed"),
        refused(429, "slow down", Retry_After="9999"),
        refused(503, "down", Retry_After="9999"),
        Answer(201, b"{}"),
        Answer(201, b"<html>"),
        Answer(307, b"", {"Location": "/elsewhere"}),
    ],
)
def test_whatever_fails_then_the_branch_is_named(
    github: GitHub, propose: Propose, server: Faulty, final: Answer
) -> None:
    github.instead[PULL] = final
    with fails(codes.NO_PULL_REQUEST) as found:
        propose()
    _left(github, server, found[0])


@pytest.mark.parametrize(
    "change",
    [
        {"head": {"sha": 40 * "0"}},
        {"base": {"ref": "other"}},
        {"number": "1"},
        {"number": None},
    ],
)
def test_a_pull_request_for_something_else_is_not_ours(
    github: GitHub, propose: Propose, server: Faulty, change: dict[str, Any]
) -> None:
    github.after["POST pulls"] = lambda answer: {**answer, **change}
    with fails(codes.NO_PULL_REQUEST, "for something else") as found:
        propose()
    _left(github, server, found[0])


@pytest.mark.parametrize("answered", [[], {}, [{"number": 7, "head": {"sha": 40 * "0"}}], [3]])
def test_another_s_pull_request_from_the_branch_is_not_ours(
    github: GitHub, propose: Propose, answered: object
) -> None:
    github.instead[PULL] = refused(422, "A pull request already exists for acme:x.")
    github.after["GET pulls"] = lambda answer: answered
    with fails(codes.NO_PULL_REQUEST, "for something else"):
        propose()


def test_the_branches_names_cannot_lead_the_address_elsewhere(
    github: GitHub, propose: Propose
) -> None:
    github.may_open_pull_requests = False
    github.refs["heads/a?b#c"] = github.base
    with fails(codes.NO_PULL_REQUEST) as found:
        propose(replace(proposal(github), base_branch="a?b#c"))
    assert f"/compare/a%3Fb%23c...{BRANCH}?expand=1" in found[0].next_step


# Refusals


@pytest.mark.parametrize(
    ("final", "code", "fix"),
    [
        (refused(401, "Bad credentials"), codes.GITHUB_DENIED, "leave the input `token`"),
        (
            refused(403, "Resource not accessible by integration"),
            codes.GITHUB_DENIED,
            "`permissions: contents: write`",
        ),
        (refused(404, "Not Found"), codes.GITHUB_REFUSED, "`permissions: contents: write`"),
        (refused(409, "Git Repository is empty."), codes.GITHUB_REFUSED, "Read its answer"),
        (refused(422, "Validation Failed"), codes.GITHUB_REFUSED, "Read its answer"),
        (refused(422, "x already exists"), codes.GITHUB_REFUSED, "Read its answer"),
        (refused(418, "no"), codes.GITHUB_REFUSED, "Read its answer"),
        (refused(307, "Moved"), codes.GITHUB_REFUSED, "renamed"),
    ],
)
@pytest.mark.parametrize("number", [1, FIRST_WRITE])
def test_a_refusal_is_said_at_once(
    github: GitHub,
    propose: Propose,
    waits: list[float],
    final: Answer,
    code: Code,
    fix: str,
    number: int,
) -> None:
    github.instead[number] = final
    with fails(code) as found:
        propose()
    assert fix in found[0].next_step
    assert found[0].code.exit_code == 3
    assert waits == []
    assert list(github.refs) == ["heads/main"]


def test_a_token_that_may_not_write_contents_gets_the_line_to_add(
    github: GitHub, propose: Propose
) -> None:
    github.permissions.clear()
    with fails(codes.GITHUB_DENIED, "not accessible by integration") as found:
        propose()
    assert "`permissions: contents: write`" in found[0].next_step


def test_github_s_words_are_said_and_cut(github: GitHub, propose: Propose) -> None:
    body = {"message": "Validation Failed", "errors": [{"message": "the rule"}, "plain", 7, {}]}
    github.instead[FIRST_WRITE] = Answer(422, json.dumps(body).encode())
    with fails(codes.GITHUB_REFUSED, "422 Validation Failed; the rule; plain"):
        propose()
    github.instead[github.count + FIRST_WRITE] = refused(422, "x" * 100_000)
    with fails(codes.GITHUB_REFUSED, "422 xxx") as found:
        propose()
    assert len(found[0].message) < 500


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"7", b'"text"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"errors": 7}'],
)
@pytest.mark.parametrize("status", [200, 302, 422])
def test_an_answer_of_any_shape_becomes_an_error_of_ours(
    github: GitHub, propose: Propose, status: int, body: bytes
) -> None:
    for number in range(1, PULL):
        github.instead = {github.count + number: Answer(status, body)}
        with pytest.raises(GhcrSignerError) as caught:
            propose()
        expected = codes.PROPOSAL_DIFFERS if status == 200 else codes.GITHUB_REFUSED
        assert caught.value.failure.code is expected
        assert list(github.refs) == ["heads/main"]


def test_numbers_of_a_rate_limit_that_are_none_are_an_error_of_ours(
    github: GitHub, propose: Propose
) -> None:
    for value in ("many", "inf"):
        headers = {"X-RateLimit-Remaining": value, "X-RateLimit-Limit": value}
        github.instead = {github.count + 1: Answer(200, b"{}", headers)}
        with fails(codes.GITHUB_REFUSED, "leads nowhere"):
            propose()


# What passes


@pytest.mark.parametrize("number", range(1, len(REQUESTS) + 1), ids=REQUESTS)
@pytest.mark.parametrize("lost", [Answer(502, b"<html>"), Answer(lost=True)])
@pytest.mark.parametrize("carried_out", [False, True])
def test_a_request_or_its_answer_may_be_lost_once(
    github: GitHub,
    propose: Propose,
    waits: list[float],
    number: int,
    lost: Answer,
    carried_out: bool,
) -> None:
    (github.although if carried_out else github.instead)[number] = lost
    done = propose()
    assert waits == [1.0]
    assert github.files(done.commit) == {**BASE, **FILES}
    assert github.refs == {"heads/main": github.base, f"heads/{BRANCH}": done.commit}
    assert [pull["number"] for pull in github.pulls] == [done.number] == [1]


@pytest.mark.parametrize("always", [Answer(503), Answer(lost=True), refused(429, "slow down")])
def test_patience_has_an_end(propose: Propose, waits: list[float], always: Answer) -> None:
    with faulty.serve(respond=lambda request: always) as down:
        with fails(codes.GITHUB_UNREACHABLE):
            propose(api=f"http://{down.host}")
        assert len(down.requests) == len(waits) + 1 > 2
    assert sum(waits) <= peer.PATIENCE_SECONDS


def test_patience_is_for_the_whole_proposal(
    github: GitHub, propose: Propose, waits: list[float]
) -> None:
    busy = refused(429, "slow down", Retry_After="50")
    github.instead = dict.fromkeys((1, 3, 5), busy)
    with fails(codes.GITHUB_UNREACHABLE, "slow down"):
        propose()
    assert waits == [50.0, 50.0]


def test_nobody_there_is_said(propose: Propose, waits: list[float]) -> None:
    with fails(codes.GITHUB_UNREACHABLE, r"no answer \(ConnectionError\)") as found:
        propose(api=f"http://127.0.0.1:{free_port()}")
    assert found[0].code.exit_code == 3
    assert sum(waits) <= peer.PATIENCE_SECONDS


@pytest.mark.parametrize(
    ("busy", "wait"),
    [
        (refused(429, "slow down", Retry_After="7"), 7.0),
        (refused(403, "wait", Retry_After="7"), 7.0),
        (refused(503, "down", Retry_After="7"), 7.0),
        (refused(503, "down", Retry_After="0"), 1.0),
        (refused(429, "slow down"), 60.0),
        (refused(429, "slow down", Retry_After="\xb2"), 60.0),
        (refused(403, "You have exceeded a secondary rate limit."), 60.0),
    ],
)
def test_a_rate_limit_is_waited_for(
    github: GitHub, propose: Propose, waits: list[float], busy: Answer, wait: float
) -> None:
    github.instead[FIRST_WRITE] = busy
    propose()
    assert waits == [wait]


def test_a_reset_is_waited_for_where_it_is_soon(
    github: GitHub, propose: Propose, waits: list[float]
) -> None:
    def limit(seconds: int) -> Answer:
        return refused(
            403,
            "API rate limit exceeded for installation.",
            X_RateLimit_Limit="1000",
            X_RateLimit_Remaining="0",
            X_RateLimit_Reset=str(int(time.time()) + seconds),
        )

    github.instead[1] = limit(90)
    propose()
    [waited] = waits
    assert 30 < waited <= 90
    github.instead = {github.count + 1: limit(3600)}
    with fails(codes.GITHUB_UNREACHABLE, "API rate limit exceeded") as found:
        propose()
    assert re.search(r"run it again in (5[0-9]|60) min\.", found[0].next_step)
    assert waits == [waited]


# The token


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("number", [1, FIRST_WRITE, PULL])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_no_redirect_carries_the_token_to_another_place(
    github: GitHub, propose: Propose, status: int, number: int, host: str
) -> None:
    with faulty.serve(respond=lambda request: Answer(200, b"{}")) as thief:
        place = f"http://{host}:{thief.server_port}/steal"
        github.instead[number] = Answer(status, b"{}", {"Location": place})
        code = codes.NO_PULL_REQUEST if number == PULL else codes.GITHUB_REFUSED
        with fails(code):
            propose()
        assert thief.requests == []


def test_a_redirect_without_an_end_ends(propose: Propose) -> None:
    around = {"Location": "/around"}
    with (
        faulty.serve(respond=lambda request: Answer(301, b"", around)) as server,
        fails(codes.GITHUB_REFUSED, "leads nowhere"),
    ):
        propose(api=f"http://{server.host}")


def test_the_token_is_in_one_header_of_each_request_and_nowhere_else(
    github: GitHub, propose: Propose, server: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    propose()
    assert len(server.requests) == len(REQUESTS)
    for request in server.requests:
        assert request.authorization == f"token {TOKEN}"
        headers = {**request.headers, "authorization": ""}
        assert TOKEN not in f"{request.target} {headers} {request.body!r}"
    assert "git/blobs" in caplog.text
    assert TOKEN not in caplog.text
    with closing(Api(NAME, api="https://api.github.com", token=TOKEN)) as api:
        assert TOKEN not in f"{api!r} {api}"


def test_a_server_that_says_the_token_is_not_repeated(github: GitHub, propose: Propose) -> None:
    github.instead[1] = refused(422, f"no {TOKEN} here")
    with fails(codes.GITHUB_REFUSED, r"no \*\*\* here"):
        propose()


@pytest.mark.parametrize("token", ["", " ", "a b", f"{TOKEN}\n", f"{TOKEN}\r\nX: y", "ä"])
def test_a_token_that_no_header_carries_is_refused_unsaid(propose: Propose, token: str) -> None:
    with pytest.raises(UsageError, match="no token") as caught:
        propose(token=token)
    assert TOKEN not in repr(caught.value.failure)


@pytest.mark.parametrize(
    "api",
    [
        "",
        "api.github.com",
        "http://api.github.com",
        "http://10.0.0.1/api/v3",
        "ftp://api.github.com",
        "https://",
        "https://user:pass@api.github.com",
        "https://127.0.0.1@evil.example",
        "http://127.0.0.1@evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1\\@evil.example",
        "https://api.github.com?x=y",
        "https://api.github.com/a b",
        "https://api.github.com\n",
    ],
)
def test_the_token_goes_nowhere_but_to_a_safe_address(api: str) -> None:
    with pytest.raises(UsageError, match="https") as caught:
        Api(NAME, api=api, token=TOKEN)
    assert caught.value.failure.code is codes.USAGE


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.github.com/", "https://github.com"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("https://github.acme.example/api/v3", "https://github.acme.example"),
        ("https://github.acme.example:8443/api/v3", "https://github.acme.example:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_the_address_for_people_follows_from_the_api_s(api: str, web: str) -> None:
    with closing(Api(NAME, api=api, token=TOKEN)) as asked:
        assert asked.web == f"{web}/{NAME}"


@pytest.mark.parametrize(
    "name",
    ["", "acme", "acme/", "/app", "acme/app/x", "acme/..", "acme/.", "a b/c", "a/b\n", "a/ä"],
)
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="OWNER/REPOSITORY"):
        Api(name, api="https://api.github.com", token=TOKEN)


def test_https_works_and_wants_a_good_certificate(
    server: Faulty, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.proxy["HTTPS_PROXY"])
    api = f"https://acme.example{PREFIX}"
    with fails(codes.GITHUB_UNREACHABLE, "SSLError"):
        propose(api=api)
    assert server.requests == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.proxy["REQUESTS_CA_BUNDLE"])
    assert propose(api=api).url == f"https://acme.example/{NAME}/pull/1"
    assert {request.host for request in server.requests} == {"acme.example"}


# What a proposal is


@pytest.mark.parametrize(
    "files",
    [{}, {"README.md": b""}, {f"{SET}/{ENTRY}/IMAGE": b"", f"X/{SET}/{ENTRY}/IMAGE": b""}],
)
def test_files_are_those_of_one_set(github: GitHub, files: dict[str, bytes]) -> None:
    with pytest.raises((ValueError, IndexError)):
        proposal(github, files).folder  # noqa: B018


def test_ids_are_git_s(github: GitHub) -> None:
    assert made._blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert made._blob_id(b"x") == sha1(b"blob 1\0x").hexdigest() == github.put("blob", b"x")
