"""A pull request's merge, found and fetched as data: for a run that the pull request's own run
started when it ended (workflow_run).

That other run was the proposer's to write, so nothing is taken from it, no artifact and no name of
a file: GitHub says which commit it was for, and which pull request proposes that commit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import OtherRun
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.github.api import Api
from ghcr_signer.peers.github.pull_request import Head, find, is_open

PAUSES_SECONDS = (0.0, 2.0, 4.0, 8.0, 16.0)
"""Before each look: GitHub merges anew when it is asked, and takes a moment for it."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging the pull request would make of its base, both full commit ids."""

    number: int
    base: str
    commit: str


def fetch_merge(
    git: Git, api: Api, other: OtherRun, branch: str, token: str, environment: Mapping[str, str]
) -> Merge | None:
    """The merge of the pull request that the other run was for, into the present head of `branch`;
    None where no open pull request proposes that run's commit any more: a newer run will come.

    Raises UsageError (GS2035) where there is no such merge, Unreachable (GS3007 to GS3009).
    """
    head = Head(other.head_repository, other.head_branch, other.head)
    number = find(api, head, branch)
    if not number:
        return None
    present, merged = f"refs/remotes/origin/{branch}", f"refs/remotes/pull/{number}/merge"
    refspecs = (f"+refs/heads/{branch}:{present}", f"+refs/pull/{number}/merge:{merged}")
    for pause in PAUSES_SECONDS:
        time.sleep(pause)
        if not is_open(api, number, head, branch):
            return None
        if git.fetch(api.web, refspecs, token, environment):
            base, commit = git.resolve(present), git.resolve(merged)
            if git.parents(commit) == (base, head.commit):
                return Merge(number, base, commit)
    message = f"pull request {number} is not merged into {branch!r} as that is now"
    raise UsageError(codes.NOT_MERGED_YET, message)
