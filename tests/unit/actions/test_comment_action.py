"""The action comment: what a pull request's reviewer is told, and who is not heard."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.forge import Signer
from tests.house.workflows import ACTIONS
from tests.peers import faulty
from tests.peers.faulty import Answer, Faulty, Request
from tests.peers.github_api import PREFIX, TOKEN
from tests.peers.github_comments import LONGEST, Discussed
from tests.unit.actions import clone
from tests.unit.actions.clone import Clone
from tests.unit.actions.sets import LATER, OPTIONAL, Files, entry
from tests.unit.actions.stage import Stage, Told

from ghcr_signer.commands import review
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.event import Event
from ghcr_signer.report.report import Report
from ghcr_signer.transfer import merge

MARK = "<!-- ghcr-signer:review -->"
FORK = "mallory/signatures"


@pytest.fixture
def github(origin: Clone) -> Discussed:
    return Discussed(origin.folder)


@pytest.fixture
def server(github: Discussed) -> Iterator[Faulty]:
    """GitHub; and ghcr.io, which has nothing."""

    def respond(request: Request) -> Answer:
        if request.host == "ghcr.io":
            return faulty.error(404, "MANIFEST_UNKNOWN")
        return github(request)

    with faulty.serve(respond=respond) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "PAUSES_SECONDS", (0.0, 0.0, 0.0))


def propose(origin: Clone, files: Files, branch: str = "sign") -> str:
    """A pull request with these files on top of `main`; its head."""
    origin.branch(branch)
    origin.commit(files)
    origin.git("switch", "--quiet", "main")
    return clone.pull_request(origin, branch)


def comment(
    stage: Stage, server: Faulty, work: Clone, head: str, run: str = "pull_request", **inputs: str
) -> Told:
    """Run the action in a checkout, for a pull request with this head."""
    environment = {"GITHUB_API_URL": f"http://{server.host}{PREFIX}", **server.proxy}
    given = {**OPTIONAL, "token": TOKEN, **inputs}
    return stage.run("comment", run, work, {"head": head}, environment=environment, **given)


def about(head: str) -> str:
    """What a comment says that the summary of a run does not: a run is of one commit."""
    return f"This is about the commit `{head}`&#44; and about no later one&#46;\n"


def plain(body: str) -> str:
    """A comment, as GitHub shows its text."""
    return html.unescape(body.replace("<!-- -->", ""))


# In the pull request's own run


def test_the_comment_says_what_the_summary_says(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry(tags=["latest"])[1])
    told = comment(stage, server, clone.check_out_merge(origin, work), head)
    assert told.code == 0, told.said
    assert set(told.outputs) >= set(ACTIONS["comment"]["outputs"])
    assert told.outputs["comment"] == f"http://{server.host}/acme/signatures/pull/1#issuecomment-1"
    (body,) = github.bodies
    assert body.startswith(f"{MARK}\n### ✅ ")
    assert "moves 1 tag" in plain(body)
    assert "ghcr.io/acme/app:**latest**" in plain(body)
    assert about(head) in body
    assert body.partition("\n")[2].replace(f"\n{about(head)}", "").strip() == told.summary.strip()


def test_a_further_commit_changes_the_comment(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry()[1])
    comment(stage, server, clone.check_out_merge(origin, work / "1"), head)
    origin.git("switch", "--quiet", "sign")
    origin.commit(entry(LATER, signer=Signer())[1])
    origin.git("switch", "--quiet", "main")
    head = clone.pull_request(origin, "sign")
    told = comment(stage, server, clone.check_out_merge(origin, work / "2"), head)
    assert (told.code, told.codes) == (1, ["GS0502"]), told.said
    (body,) = github.bodies
    assert "### ❌ Do not merge" in body
    assert "GS0502" in body
    assert body.splitlines()[3] == about(head).strip()


def test_without_signatures_nothing_is_posted_and_what_was_said_is_mended(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, {"README.md": b"words\n"})
    made = clone.check_out_merge(origin, work)
    told = comment(stage, server, made, head)
    assert (told.code, told.outputs["comment"], github.bodies) == (0, "", []), told.said
    github.say(f"{MARK}\nMerging publishes much")
    told = comment(stage, server, made, head)
    assert told.code == 0
    assert "no set is added" in plain(github.bodies[0])


def test_a_change_of_who_may_sign_is_said(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, {"trusted.pub": Signer().pem})
    told = comment(stage, server, clone.check_out_merge(origin, work), head)
    assert told.code == 0, told.said
    (body,) = github.bodies
    assert "trusted.pub" in plain(body)
    assert "the comment: http://" in told.log


def test_an_error_is_said_too_for_what_was_said_is_so_no_more(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    origin.commit({"policy.yml": b"version: 9\n"})
    github.say(f"{MARK}\n### All is well")
    head = propose(origin, entry()[1])
    made = clone.check_out_merge(origin, work)
    told = comment(stage, server, made, head, transparency_log="")
    assert told.code == 2
    assert len(github.bodies) == 1
    assert told.codes[0] in github.bodies[0]
    assert "All is well" not in github.bodies[0]


@pytest.mark.parametrize("run", ["pull_request_fork", "pull_request_dependabot"])
def test_where_the_token_reads_only_it_is_said_and_no_failure(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty, run: str
) -> None:
    github.permissions = set()
    head = propose(origin, entry(tags=["latest"])[1])
    told = comment(stage, server, clone.check_out_merge(origin, work), head, run)
    assert (told.code, told.errors, github.bodies) == (0, [], []), told.said
    (notice,) = (each for each in told.commands if each.name == "notice")
    assert "no comment was written" in notice.data
    shown = plain(told.summary)
    assert "no comment was written" in shown
    assert "moves 1 tag" in shown


def test_a_fork_s_pull_request_is_commented_where_the_repository_lets_it(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    """An organization may give forks of private repositories a token that writes."""
    head = propose(origin, entry()[1])
    told = comment(stage, server, clone.check_out_merge(origin, work), head, "pull_request_fork")
    assert (told.code, len(github.bodies)) == (0, 1)


def test_a_fork_s_bad_signatures_fail_also_where_nothing_can_be_written(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    github.permissions = set()
    head = propose(origin, entry(signer=Signer())[1])
    made = clone.check_out_merge(origin, work)
    told = comment(stage, server, made, head, "pull_request_fork")
    assert (told.code, told.codes) == (1, ["GS0502"])


def test_elsewhere_a_missing_permission_is_a_failure_that_names_it(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    github.permissions = set()
    head = propose(origin, entry()[1])
    told = comment(stage, server, clone.check_out_merge(origin, work), head)
    assert (told.code, told.codes) == (3, ["GS3008"])
    assert "`permissions: pull-requests: write`" in told.errors[0].data


def test_a_comment_about_another_directory_is_another(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    github.say(f"{MARK}\nabout SIGNATURES")
    files = {f"deep/{path}": content for path, content in entry()[1].items()}
    head = propose(origin, files)
    made = clone.check_out_merge(origin, work)
    told = comment(stage, server, made, head, directory="deep/SIGNATURES")
    assert told.code == 0, told.said
    assert github.bodies[0] == f"{MARK}\nabout SIGNATURES"
    assert github.bodies[1].startswith("<!-- ghcr-signer:review deep/SIGNATURES -->\n")


def test_however_much_there_is_it_fits(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    """The stand-in refuses what GitHub refuses."""
    stranger, files = Signer(), {}
    for number in range(300):
        name = f"ghcr.io/acme/{'long-name-' * 12}{number}"
        files |= entry(signer=stranger, repository=name)[1]
    head = propose(origin, files)
    told = comment(stage, server, clone.check_out_merge(origin, work), head)
    assert set(told.codes) == {"GS0502", "291"}
    (body,) = github.bodies
    assert len(body.encode()) <= LONGEST


def test_also_where_there_is_no_view_it_fits(
    stage: Stage,
    origin: Clone,
    work: Path,
    github: Discussed,
    server: Faulty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = (Failure(codes.USAGE, "💥" * 4000),) * 50
    monkeypatch.setattr(review, "run", lambda *_: Report("review", failures=failures))
    head = propose(origin, entry()[1])
    comment(stage, server, clone.check_out_merge(origin, work), head)
    (body,) = github.bodies
    assert len(body.encode()) <= LONGEST
    assert "the rest is in the summary" in body


def test_nothing_in_a_change_is_markup_or_a_mention(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    path, files = entry(signer=Signer())
    evil = "@acme/all <img src=x> [x](https://evil.example) #1 -->\n<!-- ghcr-signer:review -->"
    files[f"{path}/{evil.replace('/', '|')}"] = b""
    head = propose(origin, files)
    comment(stage, server, clone.check_out_merge(origin, work), head)
    (body,) = github.bodies
    assert body.count("<!-- ghcr-signer") == 1
    for part in ("@acme", "<img", "](https://evil", "#1 "):
        assert part not in body


@pytest.mark.parametrize(
    ("run", "code", "says"),
    [
        ("merge_group", "GS2012", "started by 'merge_group'"),
        ("push", "GS2012", "started by 'push'"),
        ("issue_comment", "GS2012", "started by 'issue_comment'"),
        ("pull_request_target", "GS2012", "started by 'pull_request_target'"),
        ("pull_request_other_base", "GS2013", "into 'release', not into 'main'"),
    ],
)
def test_other_events_and_branches_are_refused(
    stage: Stage,
    origin: Clone,
    work: Path,
    github: Discussed,
    server: Faulty,
    run: str,
    code: str,
    says: str,
) -> None:
    head = propose(origin, entry()[1])
    told = comment(stage, server, clone.check_out_merge(origin, work), head, run)
    assert (told.code, told.codes) == (2, [code])
    assert says in told.errors[0].data
    assert server.log == []


# After a run of a fork's pull request


@pytest.fixture
def main(origin: Clone, work: Path) -> Clone:
    """What the workflow checks out: `main`, and one commit before it."""
    origin.commit({"earlier": b""})
    origin.commit({"later": b""})
    at = "refs/remotes/origin/main"
    return clone.check_out(origin, work, f"+refs/heads/main:{at}", at=at, depth=2)


def test_the_merge_is_fetched_judged_and_commented(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry(tags=["latest"])[1])
    github.open(head)
    before = main.head
    told = comment(stage, server, main, head, "workflow_run")
    assert told.code == 0, told.said
    assert told.outputs["result"] == "passed"
    (body,) = github.bodies
    assert "ghcr.io/acme/app:**latest**" in plain(body)
    assert about(head) in body
    assert body.partition("\n")[2].replace(f"\n{about(head)}", "").strip() == told.summary.strip()
    # nothing of it is in the workspace
    assert (main.head, main.git("status", "--porcelain", "--", "SIGNATURES")) == (before, "")
    assert not (main.folder / "SIGNATURES").exists()
    # and nowhere is the token kept
    written = [path for path in (main.folder / ".git").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in path.read_bytes() for path in written)


def test_bad_signatures_are_said_and_leave_no_red_mark_on_the_branch(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry(signer=Signer())[1])
    github.open(head)
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, told.errors, told.outputs["result"]) == (0, [], "failed"), told.said
    assert (told.outputs["failed"], told.report["result"]) == ("1", "failed")
    assert "GS0502" in told.log
    assert "### ❌ Do not merge" in github.bodies[0]


def test_a_clone_with_all_its_history_stays_whole(
    stage: Stage, origin: Clone, work: Path, github: Discussed, server: Faulty
) -> None:
    made = clone.check_out_main(origin, work)
    head = propose(origin, entry()[1])
    github.open(head)
    told = comment(stage, server, made, head, "workflow_run")
    assert (told.code, len(github.bodies)) == (0, 1), told.said
    assert made.git("rev-parse", "--is-shallow-repository") == "false"


def test_a_credential_that_the_checkout_left_is_not_sent_too(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    """As actions/checkout does without `persist-credentials: false`: GitHub refuses two."""
    main.git("config", f"http.http://{server.host}/.extraheader", "AUTHORIZATION: basic eDp5")
    head = propose(origin, entry()[1])
    github.open(head)
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, len(github.bodies)) == (0, 1), told.said


def test_what_was_merged_since_counts(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    """The trust is the branch's as it is now, not as it was checked out or proposed."""
    origin.branch("sign")
    origin.commit(entry()[1])
    origin.git("switch", "--quiet", "main")
    origin.commit({"trusted.pub": Signer().pem})
    head = clone.pull_request(origin, "sign")
    github.open(head)
    told = comment(stage, server, main, head, "workflow_run")
    assert told.outputs["result"] == "failed"
    assert "GS0502" in github.bodies[0]


@pytest.mark.parametrize(
    ("about", "value"),
    [
        ("state", "closed"),
        ("head.sha", 40 * "0"),
        ("head.ref", "other"),
        ("head.repo.full_name", "mallory/another"),
        ("head.repo.full_name", "acme/signatures"),
        ("head.repo", None),
        ("base.ref", "release"),
        ("base.repo.full_name", "mallory/signatures"),
        ("number", "1"),
    ],
)
def test_a_pull_request_that_proposes_something_else_is_not_spoken_to(
    stage: Stage,
    origin: Clone,
    main: Clone,
    github: Discussed,
    server: Faulty,
    about: str,
    value: object,
) -> None:
    head = propose(origin, entry()[1])
    place = pull = github.open(head)
    *way, last = about.split(".")
    for name in way:
        place = place[name]
    place[last] = value
    github.instead[1] = Answer(200, json.dumps([pull]).encode())  # whatever was asked for
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, github.bodies) == (0, []), told.said
    assert "no open pull request proposes the commit" in told.log


def test_one_that_has_moved_on_meanwhile_is_left_to_its_newer_run(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry()[1])
    pull = github.open(head)
    github.instead[1] = Answer(200, json.dumps([pull]).encode())
    github.pulls[0] = {**pull, "head": {**pull["head"], "sha": 40 * "1"}}
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, github.bodies) == (0, [])
    assert "no open pull request proposes the commit" in told.log


@pytest.mark.parametrize("what", ["no merge", "an older base", "another head", "no merge commit"])
def test_where_github_has_no_merge_into_the_present_branch_it_says_so(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty, what: str
) -> None:
    head = propose(origin, entry()[1])
    if what == "no merge":
        origin.git("update-ref", "-d", "refs/pull/1/merge")
    elif what == "an older base":
        origin.commit({"newer": b""})
    elif what == "another head":
        propose(origin, {"other": b""}, "other")
    else:
        origin.git("update-ref", "refs/pull/1/merge", head)
    github.open(head)
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, told.codes, github.bodies) == (3, ["GS2035"], []), told.said
    assert len([line for line in server.log if line.endswith("/pulls/1")]) == 3


def test_github_s_merge_is_waited_for(
    stage: Stage,
    origin: Clone,
    main: Clone,
    github: Discussed,
    server: Faulty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = propose(origin, entry()[1])
    origin.commit({"newer": b""})
    github.open(head)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            clone.pull_request(origin, "sign")

    monkeypatch.setattr(merge, "PAUSES_SECONDS", (0.0, 2.0, 4.0))
    monkeypatch.setattr(merge.time, "sleep", pause)
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, len(github.bodies), pauses) == (0, 1, [0.0, 2.0]), told.said


def test_a_branch_s_name_reaches_no_other_address(
    stage: Stage,
    origin: Clone,
    main: Clone,
    github: Discussed,
    server: Faulty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    branch = "x&state=all&head=acme:sign#/../../user"
    head = propose(origin, entry()[1])
    github.open(head, branch=branch)
    meddled(monkeypatch, {"head_branch": branch})
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, len(github.bodies)) == (0, 1), told.said
    (asked,) = (each.target for each in server.requests if each.path.endswith("/pulls"))
    assert parse_qs(urlsplit(asked).query)["head"] == [f"mallory:{branch}"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"event": "push"}, "started by 'push' in 'acme/signatures'"),
        ({"event": "pull_request_target"}, "started by 'pull_request_target'"),
        ({"event": None}, "started by ''"),
        ({"repository": {"full_name": FORK}}, f"in '{FORK}'"),
        ({"repository": None}, "in ''"),
    ],
)
def test_only_after_a_pull_request_s_run_in_this_repository(
    stage: Stage,
    origin: Clone,
    main: Clone,
    github: Discussed,
    server: Faulty,
    change: dict[str, object],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = propose(origin, entry()[1])
    github.open(head)
    meddled(monkeypatch, change)
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, told.codes) == (2, ["GS2012"])
    assert says in told.errors[0].data
    assert server.log == []


def meddled(monkeypatch: pytest.MonkeyPatch, change: dict[str, object]) -> None:
    """The other run is as the payload says but for these."""
    read = Event.read.__func__

    def other(cls: type[Event], environment: Any, payload: Any, branch: str) -> Event:
        payload["workflow_run"] |= change
        return read(cls, environment, payload, branch)

    monkeypatch.setattr(Event, "read", classmethod(other))


def test_a_token_that_may_not_write_is_a_failure_there(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    github.permissions = set()
    head = propose(origin, entry()[1])
    github.open(head)
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, told.codes) == (3, ["GS3008"])


def test_a_token_that_git_s_side_refuses_is_said_without_it(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry()[1])
    github.open(head)
    respond = server.respond

    def refusing(request: Request) -> Answer:
        if "/info/refs" in request.target:
            return Answer(403, f"no, {TOKEN}".encode())
        return respond(request)

    server.respond = refusing
    told = comment(stage, server, main, head, "workflow_run")
    assert (told.code, told.codes) == (3, ["GS3007"])
    assert "git fetch" in told.errors[0].data
    assert TOKEN not in told.said.replace(f"::add-mask::{TOKEN}", "")


def test_git_follows_no_redirect_with_the_token(
    stage: Stage, origin: Clone, main: Clone, github: Discussed, server: Faulty
) -> None:
    head = propose(origin, entry()[1])
    github.open(head)
    respond = server.respond
    with faulty.serve() as elsewhere:

        def redirecting(request: Request) -> Answer:
            if "/info/refs" in request.target:
                place = f"http://{elsewhere.host}{request.target}"
                return Answer(301, b"", {"Location": place})
            return respond(request)

        server.respond = redirecting
        told = comment(stage, server, main, head, "workflow_run")
        assert (told.code, told.codes) == (3, ["GS3007"]), told.said
        assert elsewhere.requests == []
