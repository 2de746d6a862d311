"""Runs on GitHub, as their events describe them (docs.github.com: Webhook events and payloads).

The payloads are in `payloads/`, cut down to a few keys of each object; a text in angle brackets
stands for a commit that a test has made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ghcr_signer.core.event import Event

PAYLOADS = Path(__file__).with_name("payloads")
REPOSITORY = "acme/signatures"
MAIN, MERGE = "refs/heads/main", "refs/pull/1/merge"
QUEUE = "refs/heads/gh-readonly-queue/main/pr-1"


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its event's name, its ref, who started it; `commits` fill the payload's brackets."""

    payload_name: str
    event: str
    ref: str
    actor: str = "alice"

    def payload(self, commits: Mapping[str, str] | None = None) -> Any:
        text = (PAYLOADS / f"{self.payload_name}.json").read_text()
        for name, commit in (commits or {}).items():
            text = text.replace(f"<{name}>", commit)
        return json.loads(text)

    def environment(self, commit: str = "<commit>") -> dict[str, str]:
        """What the runner says of it."""
        return {
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_REF": self.ref,
            "GITHUB_SHA": commit,
            "GITHUB_ACTOR": self.actor,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REPOSITORY_OWNER": "acme",
        }

    def read(
        self,
        commit: str = "<commit>",
        protected: str = "",
        commits: Mapping[str, str] | None = None,
    ) -> Event:
        return Event.read(self.environment(commit), self.payload(commits), protected)


RUNS = {
    run.payload_name: run
    for run in (
        Run("pull_request", "pull_request", MERGE),
        Run("pull_request_fork", "pull_request", MERGE, "mallory"),
        Run("pull_request_deleted_fork", "pull_request", MERGE, "mallory"),
        Run("pull_request_dependabot", "pull_request", MERGE, "dependabot[bot]"),
        Run("pull_request_other_base", "pull_request", MERGE),
        Run("merge_group", "merge_group", QUEUE, "github-merge-queue[bot]"),
        Run("push", "push", MAIN),
        Run("push_first", "push", MAIN),
        Run("push_forced", "push", MAIN),
        Run("push_deleted", "push", "refs/heads/sign"),
        Run("push_tag", "push", "refs/tags/v1"),
        Run("workflow_dispatch", "workflow_dispatch", MAIN),
        Run("schedule", "schedule", MAIN),
        Run("pull_request_target", "pull_request_target", MAIN, "mallory"),
        Run("workflow_run", "workflow_run", MAIN, "mallory"),
        Run("issue_comment", "issue_comment", MAIN, "mallory"),
    )
}
