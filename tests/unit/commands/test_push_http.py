"""`push` over HTTP, where GitHub's refusals are statuses: git's own server, `git http-backend`,
behind a door that asks for a name and a password.
"""

from __future__ import annotations

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.interop.user import User
from tests.peers import faulty
from tests.peers.faulty import Answer, Faulty, Request
from tests.signer import BRANCH, FORK, SET, UPSTREAM, Signer, codes_of

PASSWORD = "s3cret"
ALLOWED = f"Basic {b64encode(f'me:{PASSWORD}'.encode()).decode()}"
DENIED = Answer(403, b"Permission to acme/signatures.git denied to me.\n")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    signer = Signer(tmp_path)
    signer.write()
    for name in (UPSTREAM, FORK):
        if name == FORK:
            signer.fork()
        signer.git("config", "http.receivepack", "true", at=signer.bare(name))
    return signer


@contextmanager
def served(
    signer: Signer, *, denied: tuple[str, ...] = (), answer: Answer = DENIED
) -> Iterator[Faulty]:
    """The hub over HTTP: anybody reads, `me` writes, but not to those that are denied."""

    def respond(request: Request) -> Answer:
        if "git-receive-pack" in request.target:
            if request.authorization != ALLOWED:
                return Answer(401, b"", {"WWW-Authenticate": 'Basic realm="hub"'})
            if request.path.strip("/").startswith(denied):
                return answer
        return _by_git(signer.folder / "hub", request)

    with faulty.serve(respond=respond) as server:
        signer.git("remote", "set-url", "origin", f"http://{server.host}/{UPSTREAM}")
        signer.git("remote", "add", "fork", f"http://{server.host}/{FORK}")
        yield server


def _by_git(root: Path, request: Request) -> Answer:
    """What git's own CGI program answers (git-http-backend)."""
    target = urlsplit(request.target)
    done = subprocess.run(
        ["git", "http-backend"],
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": target.path,
            "QUERY_STRING": target.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        },
        input=request.body,
        capture_output=True,
        check=True,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    return Answer(int(headers.pop("Status", "200").split()[0]), body, headers)


def knows_the_password(signer: Signer) -> None:
    """As a credential helper does."""
    helper = f"!f() {{ echo username=me; echo password={PASSWORD}; }}; f"
    signer.git("config", "--global", "credential.helper", helper)


def test_the_signer_s_own_credentials_open_the_door(signer: Signer) -> None:
    knows_the_password(signer)
    with served(signer):
        assert codes_of(signer.push()) == []
    assert BRANCH in signer.branches()
    assert BRANCH not in signer.branches(FORK)


def test_at_a_terminal_git_asks_the_person(signer: Signer) -> None:
    with (
        served(signer),
        User(signer.clone).at_terminal(
            *("push", f"SIGNATURES/{SET}", "--transparency-log", "optional"),
            environment=signer.environment,
        ) as terminal,
    ):
        terminal.expect("Username for")
        terminal.type("me\n")
        terminal.expect("Password for")
        terminal.type(f"{PASSWORD}\n")
        assert terminal.end() == 0
        assert PASSWORD not in terminal.shown
    assert BRANCH in signer.branches()


def test_a_403_is_a_refusal_and_the_fork_takes_it(signer: Signer) -> None:
    knows_the_password(signer)
    with served(signer, denied=(UPSTREAM,)):
        assert codes_of(signer.push()) == []
    assert BRANCH not in signer.branches()
    assert BRANCH in signer.branches(FORK)


def test_what_the_server_says_is_told_and_no_password(signer: Signer) -> None:
    with served(signer, denied=(UPSTREAM, FORK)) as server:
        for name, where in (("origin", UPSTREAM), ("fork", FORK)):
            signer.git("remote", "set-url", name, f"http://me:{PASSWORD}@{server.host}/{where}")
        report = signer.push()
    assert (codes_of(report), report.exit_code) == (["GS1334"], 3)
    assert "The requested URL returned error: 403" in str(report.failures)
    assert PASSWORD not in repr(report)


def test_without_credentials_nothing_hangs(signer: Signer) -> None:
    with served(signer) as server:
        report = signer.push(GH_TOKEN="gh_s3cret")
        assert not any("gh_s3cret" in str(request.headers) for request in server.requests)
    assert codes_of(report) == ["GS1334"]
    assert "terminal prompts disabled" in str(report.failures)


def test_a_server_that_fails_is_no_refusal(signer: Signer) -> None:
    """So nothing goes to the fork: upstream may have it already, or take it a moment later."""
    knows_the_password(signer)
    with served(signer, denied=(UPSTREAM,), answer=Answer(502)):
        assert codes_of(signer.push()) == ["GS1335"]
    assert BRANCH not in signer.branches(FORK)
