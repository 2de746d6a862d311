"""The checkout of a run on GitHub: is it the commit to judge, and what is its base."""

from __future__ import annotations

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import MERGE_GROUP, PULL_REQUEST, Event
from ghcr_signer.peers.git import Git


def base_of(git: Git, event: Event) -> str | None:
    """The commit that a change is judged against, by whose trust; None where there is no change.

    Raises UsageError (GS2011, GS2013, GS2014) where the checkout cannot say.
    """
    event.require_target()
    if event.name == PULL_REQUEST:
        return _base_of_merge(git, event)
    if event.name == MERGE_GROUP:
        git.require_history()
        base = git.merge_base(git.resolve("HEAD"), _protected(git, event))
        if base is None:
            message = f"HEAD and {event.protected} have no commit in common"
            raise UsageError(codes.WRONG_COMMIT, message)
        return base
    return None


def _base_of_merge(git: Git, event: Event) -> str:
    """The first parent of refs/pull/N/merge, which GitHub makes anew whenever the base moves."""
    parents = git.parents(git.resolve("HEAD"))
    if len(parents) != 2 or parents[1] != event.head:
        message = f"HEAD does not merge {event.head[:12]} of the pull request"
        fix = "Check out what GitHub merges: actions/checkout without `ref`, with `fetch-depth: 2`."
        raise UsageError(codes.WRONG_COMMIT, message, fix=fix)
    git.require(parents[0])
    return parents[0]


def require_present_head(git: Git, event: Event) -> None:
    """Raise UsageError unless HEAD is where the protected branch is now, with all its history, and
    the run's own commit is part of it: an old run that is run again moves nothing back.
    """
    git.require_history()
    head = git.resolve("HEAD")
    fix = "Give actions/checkout `ref: ${{ github.ref }}` and `fetch-depth: 0`."
    if _protected(git, event) != head:
        message = f"HEAD is not the present head of {event.protected}"
        raise UsageError(codes.WRONG_COMMIT, message, fix=fix)
    if not git.is_ancestor(git.resolve(event.commit), head):
        message = f"the run's commit {event.commit[:12]} is not in {event.protected} any more"
        fix = "Run the workflow by hand (workflow_dispatch) for what the branch holds now."
        raise UsageError(codes.WRONG_COMMIT, message, fix=fix)


def _protected(git: Git, event: Event) -> str:
    """Where the protected branch was when it was fetched; raises UsageError (GS2011)."""
    try:
        return git.resolve(f"refs/remotes/origin/{event.protected}")
    except UsageError:
        message = f"this clone has no branch origin/{event.protected}"
        fix = "Give actions/checkout `fetch-depth: 0`."
        raise UsageError(codes.SHALLOW, message, fix=fix) from None
