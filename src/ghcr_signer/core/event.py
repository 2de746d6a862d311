"""The event that started a run on GitHub, and what may be done because of it (DESIGN, guards).

A payload's `base.sha` may be hours old, so no commit is taken from it but to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError

PULL_REQUEST, MERGE_GROUP = "pull_request", "merge_group"
_BY_HAND = ("workflow_dispatch", "schedule")
_VERIFY = (PULL_REQUEST, MERGE_GROUP, "push", *_BY_HAND)
_PUBLISH = ("push", *_BY_HAND)
_BRANCH = "refs/heads/"
_DEPENDABOT = "dependabot[bot]"


@dataclass(frozen=True, slots=True)
class Event:
    """What GitHub says about a run.

    `ref` and `commit` are those of the run; `protected` is the branch that trust comes from;
    `target` is the ref that a pull request or merge group goes into, "" for other events; `head` is
    the commit that a pull request proposes; `foreign` is whether it does so from another
    repository; `before` is where the branch was before a push, "" for other events.
    """

    name: str
    ref: str
    commit: str
    actor: str
    protected: str
    target: str
    head: str
    foreign: bool
    forced: bool
    before: str

    @classmethod
    def read(
        cls, environment: Mapping[str, str], payload: Mapping[str, Any], protected_branch: str
    ) -> Event:
        """Read the runner's variables and the payload. `protected_branch` may be "": then it is the
        repository's default branch. Raises UsageError (GS2012, GS2013) where something is missing.
        """
        name = environment.get("GITHUB_EVENT_NAME", "")
        if name not in _VERIFY:
            raise UsageError(codes.WRONG_EVENT, f"{name!r} is none of {', '.join(_VERIFY)}")
        ref = environment.get("GITHUB_REF", "")
        protected = protected_branch or _text(payload, "repository", "default_branch")
        if not protected and name == "schedule":  # which runs on the default branch alone
            protected = ref.removeprefix(_BRANCH)
        if not protected:
            raise UsageError(codes.WRONG_BRANCH, "the event does not name the default branch")
        target = {
            PULL_REQUEST: _BRANCH + _text(payload, PULL_REQUEST, "base", "ref"),
            MERGE_GROUP: _text(payload, MERGE_GROUP, "base_ref"),
        }
        proposer = _text(payload, PULL_REQUEST, "head", "repo", "full_name")
        return cls(
            name,
            ref,
            environment.get("GITHUB_SHA", ""),
            environment.get("GITHUB_ACTOR", ""),
            protected,
            target.get(name, ""),
            _text(payload, PULL_REQUEST, "head", "sha"),
            name == PULL_REQUEST and proposer != environment.get("GITHUB_REPOSITORY", ""),
            payload.get("forced") is True,
            _text(payload, "before") if name == "push" else "",
        )

    def require_target(self) -> None:
        """Raise UsageError (GS2013) for a change that goes into another branch."""
        if self.target and self.target != _BRANCH + self.protected:
            message = f"it goes into {self.target.removeprefix(_BRANCH)}, not {self.protected}"
            raise UsageError(codes.WRONG_BRANCH, message)

    def require_publishable(self) -> None:
        """Raise unless the run may publish: on the protected branch, which was not rewritten, with
        a token that writes (GS2012, GS2013, GS2015, GS2016).
        """
        if self.foreign or (self.actor == _DEPENDABOT and self.name in ("push", PULL_REQUEST)):
            who = "another repository" if self.foreign else "Dependabot"
            raise UsageError(codes.READ_ONLY_TOKEN, f"the run was started by {who}")
        if self.name not in _PUBLISH:
            raise UsageError(codes.WRONG_EVENT, f"{self.name} is none of {', '.join(_PUBLISH)}")
        if self.ref != _BRANCH + self.protected:
            raise UsageError(codes.WRONG_BRANCH, f"this is {self.ref}, not {self.protected}")
        if self.forced:
            raise UsageError(codes.FORCED_PUSH, f"{self.protected} was pushed with force")


def _text(document: object, *keys: str) -> str:
    """The text at the end of a path of keys, "" where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, str) else ""
