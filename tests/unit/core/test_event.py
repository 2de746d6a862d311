"""What started a run, and what may be done because of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.runs import PAYLOADS, REPOSITORY, RUNS

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import Event, OtherRun

PASSES = None


def verdict(event: Event, guard: str, *given: str) -> Code | None:
    """The code of what a guard says, None where it lets the run pass."""
    try:
        getattr(event, guard)(*given)
    except UsageError as error:
        return error.failure.code
    return None


def test_every_payload_is_of_a_run() -> None:
    assert {path.stem for path in PAYLOADS.iterdir()} == set(RUNS)


@pytest.mark.parametrize(
    ("run", "verifies", "publishes", "comments"),
    [
        ("pull_request", PASSES, codes.WRONG_EVENT, PASSES),
        ("pull_request_fork", PASSES, codes.READ_ONLY_TOKEN, PASSES),
        ("pull_request_deleted_fork", PASSES, codes.READ_ONLY_TOKEN, PASSES),
        ("pull_request_dependabot", PASSES, codes.READ_ONLY_TOKEN, PASSES),
        ("pull_request_other_base", codes.WRONG_BRANCH, codes.WRONG_EVENT, codes.WRONG_BRANCH),
        ("merge_group", PASSES, codes.WRONG_EVENT, codes.WRONG_EVENT),
        ("push", PASSES, PASSES, codes.WRONG_EVENT),
        ("push_first", PASSES, PASSES, codes.WRONG_EVENT),
        ("push_forced", PASSES, codes.FORCED_PUSH, codes.WRONG_EVENT),
        ("push_deleted", PASSES, codes.WRONG_BRANCH, codes.WRONG_EVENT),
        ("push_tag", PASSES, codes.WRONG_BRANCH, codes.WRONG_EVENT),
        ("workflow_dispatch", PASSES, PASSES, codes.WRONG_EVENT),
        ("schedule", PASSES, PASSES, codes.WRONG_EVENT),
        ("pull_request_target", codes.WRONG_EVENT, codes.WRONG_EVENT, codes.WRONG_EVENT),
        ("workflow_run", codes.WRONG_EVENT, codes.WRONG_EVENT, PASSES),
        ("issue_comment", codes.WRONG_EVENT, codes.WRONG_EVENT, codes.WRONG_EVENT),
    ],
)
def test_what_each_event_may_do(
    run: str, verifies: Code | None, publishes: Code | None, comments: Code | None
) -> None:
    event = RUNS[run].read()
    assert verdict(event, "require_verifiable") is verifies
    assert verdict(event, "require_publishable") is publishes
    assert verdict(event, "require_commentable", REPOSITORY) is comments


def test_every_event_has_its_row() -> None:
    (mark,) = test_what_each_event_may_do.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in mark.args[1]} == set(RUNS)


def test_a_pull_request_is_read() -> None:
    event = RUNS["pull_request_fork"].read("c", commits={"head": "h"})
    assert event == Event(
        name="pull_request",
        ref="refs/pull/1/merge",
        commit="c",
        actor="mallory",
        protected="main",
        target="refs/heads/main",
        head="h",
        foreign=True,
        forced=False,
        before="",
        number=1,
        other=None,
    )


def test_of_the_run_that_ended_only_where_it_came_from_is_read() -> None:
    event = RUNS["workflow_run"].read("c", commits={"head": "h"})
    assert event.other == OtherRun(
        event="pull_request",
        repository="acme/signatures",
        head_repository="mallory/signatures",
        head_branch="sign",
        head="h",
    )
    assert (event.head, event.number, event.target) == ("", 0, "")


@pytest.mark.parametrize("number", [None, "1", 1.5, -1, 0, True, [], {}])
def test_a_number_that_is_none_is_nought(number: object) -> None:
    payload = RUNS["pull_request"].payload()
    payload["pull_request"]["number"] = number
    environment = RUNS["pull_request"].environment()
    event = Event.read(environment, payload, "")
    assert event.number == 0
    assert verdict(event, "require_commentable", REPOSITORY) is codes.WRONG_EVENT


@pytest.mark.parametrize(
    ("run", "only_reads"),
    [
        ("pull_request", False),
        ("pull_request_fork", True),
        ("pull_request_deleted_fork", True),
        ("pull_request_dependabot", True),
        ("workflow_run", False),
        ("push", False),
    ],
)
def test_whose_token_writes_nothing(run: str, only_reads: bool) -> None:
    assert RUNS[run].read().token_reads_only is only_reads


def test_the_payload_s_own_base_commit_is_never_read() -> None:
    """It may be hours old, or another entry of the queue."""
    for name in ("pull_request", "merge_group"):
        event = RUNS[name].read()
        assert not [value for value in vars_of(event) if "base of" in str(value)]
        assert "<another queued entry>" not in vars_of(event)


def vars_of(event: Event) -> list[object]:
    return [getattr(event, name) for name in Event.__slots__]


@pytest.mark.parametrize(
    ("run", "protected", "verifies", "publishes"),
    [
        ("pull_request", "release", codes.WRONG_BRANCH, codes.WRONG_EVENT),
        ("pull_request_other_base", "release", PASSES, codes.WRONG_EVENT),
        ("merge_group", "release", codes.WRONG_BRANCH, codes.WRONG_EVENT),
        ("push", "release", PASSES, codes.WRONG_BRANCH),
        ("workflow_dispatch", "release", PASSES, codes.WRONG_BRANCH),
        ("schedule", "release", PASSES, codes.WRONG_BRANCH),
        ("push", "main", PASSES, PASSES),
        ("push", "refs/heads/main", PASSES, codes.WRONG_BRANCH),
        ("push", "MAIN", PASSES, codes.WRONG_BRANCH),
        ("push", "main~1", PASSES, codes.WRONG_BRANCH),
    ],
)
def test_the_protected_branch_is_the_one_that_was_named(
    run: str, protected: str, verifies: Code | None, publishes: Code | None
) -> None:
    event = RUNS[run].read(protected=protected)
    assert verdict(event, "require_verifiable") is verifies
    assert verdict(event, "require_publishable") is publishes


def test_a_branch_named_like_a_tag_or_like_the_branch_s_ref_is_another() -> None:
    for ref in ("refs/tags/main", "refs/heads/refs/heads/main", "main", "refs/heads/main/x", ""):
        event = replace(RUNS["push"].read(), ref=ref)
        assert verdict(event, "require_publishable") is codes.WRONG_BRANCH


def test_dependabot_s_push_has_a_token_that_reads_and_its_name_alone_is_not_enough() -> None:
    push = RUNS["push"].read()
    assert verdict(replace(push, actor="dependabot[bot]"), "require_publishable") is (
        codes.READ_ONLY_TOKEN
    )
    by_hand = replace(RUNS["workflow_dispatch"].read(), actor="dependabot[bot]")
    assert verdict(by_hand, "require_publishable") is PASSES
    assert verdict(replace(push, actor="dependabot"), "require_publishable") is PASSES


# Where something is missing, or is not what it should be


def without(payload: Any, *way: str) -> Any:
    inner = payload
    for key in way[:-1]:
        inner = inner[key]
    del inner[way[-1]]
    return payload


@pytest.mark.parametrize(
    ("run", "missing", "guard", "code"),
    [
        ("pull_request", ["repository"], "require_verifiable", codes.WRONG_BRANCH),
        ("pull_request", ["pull_request"], "require_verifiable", codes.WRONG_BRANCH),
        ("pull_request", ["pull_request", "base"], "require_verifiable", codes.WRONG_BRANCH),
        ("pull_request", ["pull_request", "base", "ref"], "require_verifiable", codes.WRONG_BRANCH),
        (
            "pull_request",
            ["pull_request", "head", "repo", "full_name"],
            "require_publishable",
            codes.READ_ONLY_TOKEN,
        ),
        ("merge_group", ["repository"], "require_verifiable", codes.WRONG_BRANCH),
        ("merge_group", ["merge_group"], "require_verifiable", codes.WRONG_BRANCH),
        ("merge_group", ["merge_group", "base_ref"], "require_verifiable", codes.WRONG_BRANCH),
        ("push", ["repository"], "require_publishable", codes.WRONG_BRANCH),
        ("push", ["repository", "default_branch"], "require_publishable", codes.WRONG_BRANCH),
        ("workflow_dispatch", ["repository"], "require_publishable", codes.WRONG_BRANCH),
        ("push", ["repository"], "require_verifiable", codes.WRONG_BRANCH),
    ],
)
def test_what_is_missing_closes_the_guard(
    run: str, missing: list[str], guard: str, code: Code | None
) -> None:
    payload = without(RUNS[run].payload(), *missing)
    event = Event.read(RUNS[run].environment(), payload, "")
    assert verdict(event, guard) is code


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (["repository"], codes.WRONG_BRANCH),
        (["workflow_run"], codes.WRONG_EVENT),
        (["workflow_run", "event"], codes.WRONG_EVENT),
        (["workflow_run", "repository"], codes.WRONG_EVENT),
        (["workflow_run", "repository", "full_name"], codes.WRONG_EVENT),
    ],
)
def test_what_is_missing_of_the_run_that_ended_closes_the_guard(
    missing: list[str], code: Code
) -> None:
    run = RUNS["workflow_run"]
    event = Event.read(run.environment(), without(run.payload(), *missing), "")
    assert verdict(event, "require_commentable", REPOSITORY) is code


@pytest.mark.parametrize("run", ["pull_request", "merge_group"])
def test_where_neither_branch_has_a_name_they_are_not_the_same(run: str) -> None:
    event = Event.read(RUNS[run].environment(), {}, "")
    assert verdict(event, "require_verifiable") is codes.WRONG_BRANCH


def test_a_branch_without_a_name_says_how_to_name_it() -> None:
    event = Event.read(RUNS["push"].environment(), {}, "")
    with pytest.raises(UsageError) as caught:
        event.require_publishable()
    assert "protected_branch" in caught.value.failure.fix


@pytest.mark.parametrize("variable", ["GITHUB_EVENT_NAME", "GITHUB_REF"])
def test_without_the_runner_s_variables_nothing_is_published(variable: str) -> None:
    run = RUNS["schedule"]
    environment = {name: text for name, text in run.environment().items() if name != variable}
    event = Event.read(environment, run.payload(), "")
    assert verdict(event, "require_publishable") in (codes.WRONG_EVENT, codes.WRONG_BRANCH)


KEYS = (
    *("repository", "default_branch", "pull_request", "merge_group", "base", "head", "ref"),
    *("repo", "full_name", "base_ref", "sha", "forced", "number", "workflow_run", "event"),
    *("head_repository", "head_branch", "head_sha"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.sampled_from(sorted(RUNS)), JSON)
def test_a_payload_of_any_shape_raises_nothing_but_a_usage_error(run: str, payload: Any) -> None:
    event = Event.read(RUNS[run].environment(), payload, "")
    assert all(isinstance(value, str | bool | int | OtherRun | None) for value in vars_of(event))
    verdict(event, "require_verifiable")
    verdict(event, "require_publishable")
    verdict(event, "require_commentable", REPOSITORY)


@given(JSON)
def test_no_payload_makes_a_pull_request_publishable(payload: Any) -> None:
    for run in ("pull_request", "pull_request_fork", "pull_request_target", "issue_comment"):
        event = Event.read(RUNS[run].environment(), payload, "")
        assert verdict(event, "require_publishable") is not PASSES


@pytest.mark.parametrize(
    ("value", "forced"),
    [(True, True), (False, False), (None, False), ("false", True), (1, True), ({}, False)],
)
def test_what_might_say_forced_says_it(value: object, forced: bool) -> None:
    payload = RUNS["push"].payload() | {"forced": value}
    assert Event.read(RUNS["push"].environment(), payload, "").forced is forced


def test_hostile_names_are_shown_as_they_are_spelt() -> None:
    event = replace(RUNS["push"].read(), ref="refs/heads/x\n::error::owned")
    with pytest.raises(UsageError) as caught:
        event.require_publishable()
    assert "\n" not in str(caught.value)
