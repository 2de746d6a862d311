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
_PUBLISH = ("push", "workflow_dispatch", "schedule")
_VERIFY = (PULL_REQUEST, MERGE_GROUP, *_PUBLISH)
_BRANCH = "refs/heads/"
_DEPENDABOT = "dependabot[bot]"


@dataclass(frozen=True, slots=True)
class Event:
    """What GitHub says about a run. A text that it does not say is "".

    `ref` and `commit` are those of the run; `protected` is the branch that trust comes from;
    `target` is the ref that a pull request or merge group goes into; `head` is the commit that a
    pull request proposes; `foreign` is whether it does so from another repository; `forced` is
    whether a branch was pushed with force; `before` is where the branch was before a push.
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
    def read(cls, environment: Mapping[str, str], payload: object, protected_branch: str) -> Event:
        """Read the runner's variables and the payload. `protected_branch` may be "": then it is the
        repository's default branch.
        """
        name = environment.get("GITHUB_EVENT_NAME", "")
        ref = environment.get("GITHUB_REF", "")
        protected = protected_branch or _text(payload, "repository", "default_branch")
        if not protected and name == "schedule":  # which runs on the default branch alone
            protected = ref.removeprefix(_BRANCH)
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
            bool(_get(payload, "forced")),
            _text(payload, "before") if name == "push" else "",
        )

    @property
    def is_on_protected_branch(self) -> bool:
        """Whether the run is about the protected branch itself."""
        return self.ref == _BRANCH + self.protected

    def require_verifiable(self) -> None:
        """Raise UsageError for an event that brings nothing to judge (GS2012), or a change that
        goes into another branch than the protected one (GS2013).
        """
        self._require_name(_VERIFY)
        self._require_protected()
        is_proposal = self.name in (PULL_REQUEST, MERGE_GROUP)
        if is_proposal and self.target != _BRANCH + self.protected:
            into = self.target.removeprefix(_BRANCH)
            message = f"the change goes into {into!r}, not into {self.protected!r}"
            raise UsageError(codes.WRONG_BRANCH, message)

    def require_publishable(self) -> None:
        """Raise unless the run may publish: on the protected branch, which was not rewritten, with
        a token that writes (GS2012, GS2013, GS2015, GS2016).
        """
        if self.foreign or (self.actor == _DEPENDABOT and self.name in ("push", PULL_REQUEST)):
            who = "another repository" if self.foreign else "Dependabot"
            raise UsageError(codes.READ_ONLY_TOKEN, f"the run was started by {who}")
        self._require_name(_PUBLISH)
        self._require_protected()
        if not self.is_on_protected_branch:
            message = f"the run is on {self.ref!r}, not on the branch {self.protected!r}"
            fix = f"Run it on {self.protected!r}, or name yours in the input `protected_branch`."
            raise UsageError(codes.WRONG_BRANCH, message, fix=fix)
        if self.forced:
            raise UsageError(codes.FORCED_PUSH, f"{self.protected!r} was pushed with force")

    def _require_name(self, names: tuple[str, ...]) -> None:
        if self.name not in names:
            message = f"the run was started by {self.name!r}, not by {' or '.join(names)}"
            raise UsageError(codes.WRONG_EVENT, message)

    def _require_protected(self) -> None:
        if not self.protected:
            message = "the event does not name the repository's default branch"
            fix = "Name it in the input `protected_branch`."
            raise UsageError(codes.WRONG_BRANCH, message, fix=fix)


def _text(document: object, *keys: str) -> str:
    """The text at the end of a path of keys, "" where there is none."""
    found = _get(document, *keys)
    return found if isinstance(found, str) else ""


def _get(document: object, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
