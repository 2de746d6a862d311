"""The one comment on a pull request: whose it is, and that it stays one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from tests.peers import faulty
from tests.peers.faulty import Answer, Faulty
from tests.peers.github_api import NAME, PREFIX, TOKEN
from tests.peers.github_comments import LONGEST, Discussed

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.peers.github import comment
from ghcr_signer.peers.github.api import Api

MARK = comment.marker()
SECONDARY = b'{"message": "You have exceeded a secondary rate limit. Please wait."}'

Keep = Callable[..., str]


@pytest.fixture
def github() -> Discussed:
    return Discussed()


@pytest.fixture
def server(github: Discussed) -> Iterator[Faulty]:
    with faulty.serve(respond=github) as server:
        yield server


@pytest.fixture
def keep(server: Faulty, waits: list[float]) -> Keep:
    def kept(said: str, mark: str = MARK, *, first: bool = True) -> str:
        address = f"http://{server.host}{PREFIX}"
        with closing(Api(NAME, api=address, token=TOKEN, sleep=waits.append)) as api:
            return comment.keep(api, 1, mark, said, first=first)

    return kept


def test_the_first_is_posted_and_later_ones_change_it(
    github: Discussed, keep: Keep, server: Faulty
) -> None:
    github.say("a word before", "alice")
    first = keep("one\ntwo")
    assert keep("three") == first == f"http://{server.host}/{NAME}/pull/1#issuecomment-2"
    assert github.bodies == ["a word before", f"{MARK}\nthree"]
    assert github.requests == ["POST", "PATCH 2"]


@pytest.mark.parametrize("stored", ["same", "same\n", "same\r\n"])
def test_what_is_said_already_is_not_said_again(github: Discussed, keep: Keep, stored: str) -> None:
    github.say(f"{MARK}\n{stored}")
    assert keep("same\n")
    assert github.requests == []


def test_where_nothing_is_to_be_said_nothing_is_posted_and_what_was_said_is_mended(
    github: Discussed, keep: Keep
) -> None:
    assert keep("nothing", first=False) == ""
    assert github.requests == []
    keep("much")
    assert keep("nothing", first=False)
    assert github.bodies == [f"{MARK}\nnothing"]


@pytest.mark.parametrize(
    "login",
    ["mallory", "github-actions", "Github-Actions[bot]", "github-actions[bot] ", "dependabot[bot]"],
)
def test_another_s_comment_with_our_marker_is_neither_changed_nor_taken_for_ours(
    github: Discussed, keep: Keep, login: str
) -> None:
    theirs = f"{MARK}\nAll is well: merge this."
    github.say(theirs, login)
    keep("not at all")
    keep("not at all, again")
    assert github.bodies == [theirs, f"{MARK}\nnot at all, again"]
    assert github.requests == ["POST", "PATCH 2"]


def test_a_comment_without_an_author_is_not_ours(github: Discussed, keep: Keep) -> None:
    """As GitHub shows those of an account that is no more."""
    github.say(f"{MARK}\nx")["user"] = None
    keep("said")
    assert len(github.comments) == 2


@pytest.mark.parametrize("body", [f"> {MARK}\nquoted", f"see below\n{MARK}", "", None])
def test_of_our_own_account_only_what_begins_with_the_marker_is_meant(
    github: Discussed, keep: Keep, body: str | None
) -> None:
    """Other workflows have the same account."""
    github.say("x")["body"] = body
    keep("said")
    assert github.bodies == [body, f"{MARK}\nsaid"]


def test_whoever_the_token_is_is_the_author(github: Discussed, keep: Keep) -> None:
    github.viewer = "signer-app[bot]"
    github.say(f"{MARK}\nof the job's own token")
    keep("said")
    assert keep("said") == keep("said")
    assert github.bodies == [f"{MARK}\nof the job's own token", f"{MARK}\nsaid"]


def test_two_of_ours_become_one_again(github: Discussed, keep: Keep) -> None:
    """Two runs at once have each made one."""
    for body in ("one", "two", "three"):
        github.say(f"{MARK}\n{body}")
    github.say(f"{MARK}\nnot ours", "mallory")
    keep("now")
    assert github.bodies == [f"{MARK}\nnow", f"{MARK}\nnot ours"]
    assert github.requests == ["PATCH 1", "DELETE 2", "DELETE 3"]


def test_those_of_other_directories_are_others(github: Discussed, keep: Keep) -> None:
    keep("one")
    keep("two", comment.marker("deep/SIGNATURES"))
    keep("three", comment.marker("deep/SIGNATURES"))
    assert [body.partition("\n")[2] for body in github.bodies] == ["one", "three"]


@pytest.mark.parametrize("name", ["--><b>", "a\nb", "ä b", "-->"])
def test_no_directory_s_name_ends_the_marker(name: str) -> None:
    mark = comment.marker(name)
    assert mark.isascii()
    assert (mark.count(">"), mark.count("\n"), mark.endswith(" -->")) == (1, 0, True)


@pytest.mark.parametrize("before", [99, 100, 101, 250])
def test_it_is_found_behind_hundreds_of_others(
    github: Discussed, keep: Keep, server: Faulty, before: int
) -> None:
    for number in range(before):
        github.say(f"{number}", "mallory")
    keep("once")
    keep("twice")
    assert github.bodies[before:] == [f"{MARK}\ntwice"]


def test_pages_without_an_end_end(keep: Keep, server: Faulty, github: Discussed) -> None:
    always = [github.say("again", "mallory") for _ in range(100)]

    def respond(request: Any) -> Answer:
        if request.method == "GET":
            return Answer(200, json.dumps(always).encode())
        return github(request)

    server.respond = respond
    assert keep("said")
    assert len([line for line in server.log if line.startswith("GET")]) == comment._PAGES


def test_one_that_was_removed_meanwhile_is_made_anew(
    github: Discussed, keep: Keep, server: Faulty
) -> None:
    for body in ("one", "two"):
        github.say(f"{MARK}\n{body}")

    def respond(request: Any) -> Answer:
        if request.method == "PATCH":
            github.comments.clear()
        return github(request)

    server.respond = respond
    assert keep("nothing", first=False) == ""
    assert github.bodies == []
    assert keep("said")
    assert github.bodies == [f"{MARK}\nsaid"]


def test_a_double_that_is_gone_already_is_well(github: Discussed, keep: Keep) -> None:
    for body in ("one", "two"):
        github.say(f"{MARK}\n{body}")
    github.although[4] = Answer(404, b'{"message": "Not Found"}')  # list, viewer, PATCH, DELETE
    assert keep("said")
    assert github.bodies == [f"{MARK}\nsaid"]


@pytest.mark.parametrize("lost", [Answer(502, b"<html>"), Answer(lost=True)])
def test_a_lost_answer_leaves_a_double_that_the_next_run_removes(
    github: Discussed, keep: Keep, lost: Answer
) -> None:
    github.although[2] = lost  # the POST was carried out
    keep("said")
    assert github.bodies == [f"{MARK}\nsaid"] * 2
    keep("said")
    assert github.bodies == [f"{MARK}\nsaid"]


# What fails


def fails(keep: Keep, code: Code, match: str) -> str:
    with pytest.raises(Unreachable, match=match) as caught:
        keep("said")
    assert caught.value.failure.code is code
    assert TOKEN not in repr(caught.value.failure)
    return caught.value.failure.next_step


def test_a_token_that_may_not_write_gets_the_line_to_add(github: Discussed, keep: Keep) -> None:
    github.permissions = set()
    fix = fails(keep, codes.GITHUB_DENIED, "not accessible by integration")
    assert "`permissions: pull-requests: write`" in fix
    assert github.requests == []


def test_a_secondary_rate_limit_is_waited_for(
    github: Discussed, keep: Keep, waits: list[float]
) -> None:
    github.instead[2] = Answer(403, SECONDARY, {"Retry-After": "7"})
    keep("said")
    assert (github.bodies, waits) == ([f"{MARK}\nsaid"], [7.0])


def test_a_long_rate_limit_is_said(github: Discussed, keep: Keep, waits: list[float]) -> None:
    github.instead[2] = Answer(403, SECONDARY, {"Retry-After": "3600"})
    fix = fails(keep, codes.GITHUB_UNREACHABLE, "secondary rate limit")
    assert ("60 min" in fix, waits) == (True, [])


def test_a_comment_that_is_too_long_is_github_s_to_refuse(keep: Keep) -> None:
    with pytest.raises(Unreachable, match="Body is too long"):
        keep("x" * LONGEST)


@pytest.mark.parametrize(
    "answered", [b"{}", b"null", b"[7]", b'["x"]', b'[{"body": 7}]', b"<html>", b'[{"id": "1"}]']
)
def test_a_list_of_any_shape_changes_nothing_of_others(
    github: Discussed, keep: Keep, answered: bytes
) -> None:
    github.say("a word", "alice")
    github.instead[1] = Answer(200, answered)
    with suppress(Unreachable):
        keep("said")
    assert github.bodies[0] == "a word"
    assert set(github.requests) <= {"POST"}


@pytest.mark.parametrize(
    "answered",
    [
        b"{}",
        b'{"data": null}',
        b'{"data": {"viewer": {"login": 7}}}',
        b'{"data": {"viewer": {"login": ""}}}',
        b'{"errors": [{"message": "Something went wrong"}]}',
    ],
)
def test_where_github_does_not_say_whose_the_token_is_nothing_is_changed(
    github: Discussed, keep: Keep, answered: bytes
) -> None:
    github.say(f"{MARK}\nx")
    github.instead[2] = Answer(200, answered)
    fails(keep, codes.GITHUB_REFUSED, "whose the token is")
    assert github.requests == []
