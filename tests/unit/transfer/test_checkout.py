"""Which commit is judged, against which base: with clones as actions/checkout makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.actions import clone
from tests.unit.actions.clone import ALL_BRANCHES, Clone
from tests.unit.actions.runs import RUNS

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import Event
from ghcr_signer.peers.git import Git
from ghcr_signer.transfer.checkout import base_of, require_present_head


@pytest.fixture
def origin(tmp_path: Path) -> Clone:
    """`main`, and a pull request's branch `sign` beside it."""
    made = clone.create(tmp_path / "origin")
    made.commit({"README.md": b"1"})
    made.branch("sign")
    made.commit({"SIGNATURES/x": b"x"})
    made.git("switch", "--quiet", "main")
    made.commit({"README.md": b"2"})
    return made


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@contextmanager
def refuses(code: Code, what: str, fix: str = "") -> Iterator[None]:
    with pytest.raises(UsageError, match=what) as caught:
        yield
    assert caught.value.failure.code is code
    assert fix in caught.value.failure.next_step


def pull_request(head: str) -> Event:
    return RUNS["pull_request"].read(commits={"head": head})


def push(commit: str) -> Event:
    return RUNS["push"].read(commit)


# The base of a pull request


@pytest.mark.parametrize("depth", [2, 3, 0])
def test_the_base_is_the_merge_s_first_parent(origin: Clone, work: Path, depth: int) -> None:
    main = origin.head
    head = clone.pull_request(origin, "sign")
    git = Git.around(clone.check_out_merge(origin, work, depth).folder)
    assert base_of(git, pull_request(head)) == main


def test_with_a_depth_of_one_the_message_says_which_depth(origin: Clone, work: Path) -> None:
    head = clone.pull_request(origin, "sign")
    git = Git.around(clone.check_out_merge(origin, work, depth=1).folder)
    with refuses(codes.SHALLOW, "does not have the pull request's base", "fetch-depth: 2"):
        base_of(git, pull_request(head))


def test_the_pull_request_s_own_head_is_not_what_is_merged(origin: Clone, work: Path) -> None:
    head = clone.pull_request(origin, "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    with refuses(codes.WRONG_COMMIT, "no merge of", "without `ref`"):
        base_of(git, pull_request(head))


def test_a_head_that_is_itself_a_merge_names_no_base(origin: Clone, work: Path) -> None:
    """Whoever makes the pull request chooses that merge's parents."""
    origin.merge("main", into="sign")
    origin.git("switch", "--quiet", "main")
    head = clone.pull_request(origin, "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    assert len(git.parents(head)) == 2
    with refuses(codes.WRONG_COMMIT, "no merge of"):
        base_of(git, pull_request(head))


def test_a_merge_of_another_head_is_refused(origin: Clone, work: Path) -> None:
    """The branch was pushed to meanwhile: this merge is not of what the event is about."""
    old = clone.pull_request(origin, "sign")
    origin.git("switch", "--quiet", "sign")
    origin.commit()
    clone.pull_request(origin, "sign")
    git = Git.around(clone.check_out_merge(origin, work).folder)
    with refuses(codes.WRONG_COMMIT, old[:12]):
        base_of(git, pull_request(old))


def test_a_merge_the_other_way_round_is_refused(origin: Clone, work: Path) -> None:
    main = origin.head
    head = origin.git("rev-parse", "sign")
    origin.merge("main", into="sign")
    git = Git.around(
        clone.check_out(origin, work, ALL_BRANCHES, at="refs/remotes/origin/sign").folder
    )
    assert git.parents(git.resolve("HEAD")) == (head, main)
    with refuses(codes.WRONG_COMMIT, "no merge of"):
        base_of(git, pull_request(head))


def test_a_merge_of_three_is_refused(origin: Clone, work: Path) -> None:
    head = origin.git("rev-parse", "sign")
    origin.branch("third")
    origin.commit({"third": b""})
    origin.git("switch", "--quiet", "--detach", "main")
    origin.git("merge", "--quiet", "--no-ff", "--message", "octopus", "sign", "third")
    origin.git("update-ref", "refs/pull/1/merge", "HEAD")
    git = Git.around(clone.check_out_merge(origin, work).folder)
    assert len(git.parents(git.resolve("HEAD"))) == 3
    with refuses(codes.WRONG_COMMIT, "no merge of"):
        base_of(git, pull_request(head))


def test_a_pull_request_without_a_head_is_refused(origin: Clone, work: Path) -> None:
    clone.pull_request(origin, "sign")
    git = Git.around(clone.check_out_merge(origin, work).folder)
    with refuses(codes.WRONG_COMMIT, "no merge of"):
        base_of(git, pull_request(""))


# The base of a merge group


def queue(origin: Clone, *branches: str) -> str:
    """The branch of a merge queue: the branches merged on top of `main`, in order."""
    origin.branch("gh-readonly-queue/main/pr-1")
    head = origin.merge(*branches, into="gh-readonly-queue/main/pr-1")
    origin.git("switch", "--quiet", "main")
    return head


def test_a_merge_group_is_judged_against_the_branch_itself(origin: Clone, work: Path) -> None:
    main, head = origin.head, queue(origin, "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    assert base_of(git, RUNS["merge_group"].read(head)) == main


def test_another_entry_that_waits_before_it_is_part_of_the_change(
    origin: Clone, work: Path
) -> None:
    """`merge_group.base_sha` names that entry's merge: it is no base."""
    main = origin.head
    origin.branch("other")
    origin.commit({"other": b""})
    head = queue(origin, "other", "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    assert git.parents(head)[0] != main
    assert base_of(git, RUNS["merge_group"].read(head)) == main


def test_a_merge_group_of_a_branch_that_has_moved_on_keeps_its_base(
    origin: Clone, work: Path
) -> None:
    main, head = origin.head, queue(origin, "sign")
    origin.commit({"later": b""})
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    assert base_of(git, RUNS["merge_group"].read(head)) == main


def test_a_merge_group_wants_the_whole_history(origin: Clone, work: Path) -> None:
    head = queue(origin, "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head, depth=2).folder)
    with refuses(codes.SHALLOW, "lacks older commits", "fetch-depth: 0"):
        base_of(git, RUNS["merge_group"].read(head))


def test_a_merge_group_wants_the_branch_that_it_goes_into(origin: Clone, work: Path) -> None:
    head = queue(origin, "sign")
    only = "+refs/heads/gh-readonly-queue/*:refs/remotes/origin/gh-readonly-queue/*"
    git = Git.around(clone.check_out(origin, work, only, at=head).folder)
    with refuses(codes.SHALLOW, "no branch 'origin/main'", "fetch-depth: 0"):
        base_of(git, RUNS["merge_group"].read(head))


def test_a_merge_group_s_checkout_is_of_its_own_commit(origin: Clone, work: Path) -> None:
    head = queue(origin, "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    with refuses(codes.WRONG_COMMIT, "not the run's own commit", "no `ref`"):
        base_of(git, RUNS["merge_group"].read(origin.head))


def test_histories_that_have_nothing_in_common_have_no_base(origin: Clone, work: Path) -> None:
    origin.git("switch", "--quiet", "--orphan", "apart")
    head = origin.commit({"apart": b""})
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    with refuses(codes.WRONG_COMMIT, "no commit in common"):
        base_of(git, RUNS["merge_group"].read(head))


@pytest.mark.parametrize("run", ["push", "workflow_dispatch", "schedule"])
def test_what_is_merged_already_has_no_base(origin: Clone, work: Path, run: str) -> None:
    git = Git.around(clone.check_out_main(origin, work).folder)
    assert base_of(git, RUNS[run].read(origin.head)) is None


@pytest.mark.parametrize("run", ["push", "workflow_dispatch"])
def test_another_branch_is_judged_by_the_trust_of_the_protected_one(
    origin: Clone, work: Path, run: str
) -> None:
    """A branch that is green by its own key would look like a pull request that is."""
    main = origin.head
    origin.git("switch", "--quiet", "sign")
    origin.commit({"trusted.pub": b"its own"})
    branch, parted = origin.head, origin.git("merge-base", main, "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=branch).folder)
    event = replace(RUNS[run].read(branch), ref="refs/heads/sign")
    assert base_of(git, event) == parted.strip()


# The present head


def test_the_head_of_the_branch_is_the_present_one(origin: Clone, work: Path) -> None:
    require_present_head(Git.around(clone.check_out_main(origin, work).folder), push(origin.head))


def test_an_older_run_publishes_what_the_branch_holds_now(origin: Clone, work: Path) -> None:
    """With `ref: ${{ github.ref }}`, a run that waited or is run again finds the present head."""
    old = origin.head
    origin.commit()
    require_present_head(Git.around(clone.check_out_main(origin, work).folder), push(old))


def test_a_checkout_of_the_run_s_own_commit_is_behind_the_branch(origin: Clone, work: Path) -> None:
    old = origin.head
    origin.commit()
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=old).folder)
    with refuses(codes.WRONG_COMMIT, "not the present head of 'main'", "ref: ${{ github.ref }}"):
        require_present_head(git, push(old))


def test_a_checkout_that_puts_the_branch_back_is_found_out(origin: Clone, work: Path) -> None:
    """So does actions/checkout without `ref`: it fetches the event's commit into the branch."""
    old = origin.head
    origin.commit()
    made = clone.check_out_main(origin, work, f"+{old}:refs/remotes/origin/main")
    assert made.head == made.git("rev-parse", "refs/remotes/origin/main") == old
    with refuses(codes.WRONG_COMMIT, "not the present head of 'main'", "ref: ${{ github.ref }}"):
        require_present_head(Git.around(made.folder), push(old))


def test_a_clone_that_is_used_again_may_have_moved_forwards(origin: Clone, work: Path) -> None:
    """As on a runner of one's own."""
    made = clone.check_out_main(origin, work)
    new = origin.commit()
    made.git("fetch", "--quiet", "origin", ALL_BRANCHES)
    made.git("checkout", "--quiet", "-B", "main", "refs/remotes/origin/main")
    require_present_head(Git.around(made.folder), push(new))


def test_a_commit_on_top_of_the_branch_is_not_its_head(origin: Clone, work: Path) -> None:
    made = clone.check_out_main(origin, work)
    made.commit({"made in the job": b""})
    with refuses(codes.WRONG_COMMIT, "not the present head"):
        require_present_head(Git.around(made.folder), push(origin.head))


def test_a_run_whose_commit_was_rewritten_away_publishes_nothing(origin: Clone, work: Path) -> None:
    gone = origin.head
    origin.git("branch", "keeps-it")
    origin.git("reset", "--quiet", "--hard", "HEAD~1")
    origin.commit({"another": b""})
    git = Git.around(clone.check_out_main(origin, work).folder)
    assert git.resolve(gone) == gone
    with refuses(codes.WRONG_COMMIT, "not in 'main' any more", "workflow_dispatch"):
        require_present_head(git, push(gone))


@pytest.mark.parametrize("commit", ["", 40 * "0", 40 * "f", "no-such-commit"])
def test_a_run_whose_commit_is_nowhere_publishes_nothing(
    origin: Clone, work: Path, commit: str
) -> None:
    git = Git.around(clone.check_out_main(origin, work).folder)
    with refuses(codes.WRONG_COMMIT, "not in 'main' any more", "workflow_dispatch"):
        require_present_head(git, push(commit))


def test_the_branch_of_a_pull_request_is_not_the_protected_one(origin: Clone, work: Path) -> None:
    head = origin.git("rev-parse", "sign")
    git = Git.around(clone.check_out(origin, work, ALL_BRANCHES, at=head).folder)
    with refuses(codes.WRONG_COMMIT, "not the present head"):
        require_present_head(git, push(head))


def test_publishing_wants_the_whole_history(origin: Clone, work: Path) -> None:
    only = "+refs/heads/main:refs/remotes/origin/main"
    at = "refs/remotes/origin/main"
    git = Git.around(clone.check_out(origin, work, only, at=at, depth=1).folder)
    with refuses(codes.SHALLOW, "lacks older commits", "fetch-depth: 0"):
        require_present_head(git, push(origin.head))


def test_publishing_wants_the_branch_from_origin(origin: Clone) -> None:
    with refuses(codes.SHALLOW, "no branch 'origin/main'", "fetch-depth: 0"):
        require_present_head(Git.around(origin.folder), push(origin.head))


def test_a_protected_branch_with_a_strange_name_is_shown_on_one_line(
    origin: Clone, work: Path
) -> None:
    git = Git.around(clone.check_out_main(origin, work).folder)
    event = RUNS["push"].read(origin.head, protected="x\n::error::owned")
    with refuses(codes.SHALLOW, r"\\n::error::owned"):
        require_present_head(git, event)
