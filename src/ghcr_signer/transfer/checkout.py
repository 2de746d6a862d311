"""The checkout of a run on GitHub: is it the commit to judge, and what is its base."""

from __future__ import annotations

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import PULL_REQUEST, Event
from ghcr_signer.peers.git import Git

_OWN = "Give actions/checkout `fetch-depth: 0`, and no `ref`."
_WHOLE = "Give actions/checkout `fetch-depth: 0`."
_PRESENT = "Give actions/checkout `ref: ${{ github.ref }}` and `fetch-depth: 0`."


def base_of(git: Git, event: Event) -> str | None:
    """The commit that a change is judged against, by whose trust; None for the protected branch
    itself. A merge group, or another branch, is judged from where it parts from that.

    Raises UsageError (GS2011, GS2014) where the checkout cannot say.
    """
    if event.name == PULL_REQUEST:
        return _base_of_merge(git, event)
    if event.is_on_protected_branch:
        return None
    git.require_history()
    head = git.resolve("HEAD")
    if head != event.commit:
        message = f"HEAD is not the run's own commit, {event.commit[:12]!r}"
        raise UsageError(codes.WRONG_COMMIT, message, fix=_OWN)
    base = git.merge_base(head, _protected(git, event))
    if base is None:
        message = f"HEAD and {event.protected!r} have no commit in common"
        raise UsageError(codes.WRONG_COMMIT, message)
    return base


def _base_of_merge(git: Git, event: Event) -> str:
    """The first parent of refs/pull/N/merge, which GitHub makes anew whenever the base moves."""
    parents = git.parents(git.resolve("HEAD"))
    if len(parents) != 2 or parents[1] != event.head:
        message = f"HEAD is no merge of the pull request's head {event.head[:12]!r} into its base"
        fix = "Check out what GitHub merges: actions/checkout without `ref`, with `fetch-depth: 2`."
        raise UsageError(codes.WRONG_COMMIT, message, fix=fix)
    if _find(git, parents[0]) is None:
        message = f"this clone does not have the pull request's base, {parents[0][:12]}"
        raise UsageError(codes.SHALLOW, message, fix="Give actions/checkout `fetch-depth: 2`.")
    return parents[0]


def require_present_head(git: Git, event: Event) -> None:
    """Raise UsageError (GS2011, GS2014) unless HEAD is where the protected branch is now, with all
    its history, and the run's own commit is part of it: an old run that is run again moves nothing
    back.
    """
    git.require_history()
    head = git.resolve("HEAD")
    if _protected(git, event) != head or _was_put_back(git, event, head):
        message = f"HEAD is not the present head of {event.protected!r}"
        raise UsageError(codes.WRONG_COMMIT, message, fix=_PRESENT)
    commit = _find(git, event.commit)
    if commit is None or not git.is_ancestor(commit, head):
        message = f"the run's commit {event.commit[:12]!r} is not in {event.protected!r} any more"
        fix = "Run the workflow by hand (workflow_dispatch) for what the branch holds now."
        raise UsageError(codes.WRONG_COMMIT, message, fix=fix)


def _was_put_back(git: Git, event: Event, head: str) -> bool:
    """Whether the branch was seen elsewhere, and then put back to the run's own, older commit.

    actions/checkout does so where it is not given a `ref`: it fetches every branch, and then the
    event's commit into the remote branch (its git-source-provider.ts). The reflog still tells.
    """
    before = _find(git, f"{_remote(event)}@{{1}}")
    return before is not None and not git.is_ancestor(before, head)


def _protected(git: Git, event: Event) -> str:
    """Where the protected branch was when it was fetched; raises UsageError (GS2011)."""
    found = _find(git, _remote(event))
    if found is None:
        message = f"this clone has no branch {f'origin/{event.protected}'!r}"
        raise UsageError(codes.SHALLOW, message, fix=_WHOLE)
    return found


def _remote(event: Event) -> str:
    return f"refs/remotes/origin/{event.protected}"


def _find(git: Git, revision: str) -> str | None:
    try:
        return git.resolve(revision)
    except UsageError:
        return None
