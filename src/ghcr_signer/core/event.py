"""The event that started a run on GitHub, and what may be done because of it (DESIGN, guards).

A payload's `base.sha` may be hours old, so no commit is taken from it but to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError

PULL_REQUEST, MERGE_GROUP, WORKFLOW_RUN = "pull_request", "merge_group", "workflow_run"
_PUBLISH = ("push", "workflow_dispatch", "schedule")
_VERIFY = (PULL_REQUEST, MERGE_GROUP, *_PUBLISH)
_BRANCH = "refs/heads/"
_DEPENDABOT = "dependabot[bot]"


@dataclass(frozen=True, slots=True)
class OtherRun:
    """The run whose end started this one (workflow_run): what started it, in which repository; and
    from which repository's branch and commit it came.

    Whoever proposes a change chooses the last three, and through the workflow's file in that change
    all that the other run did and left. GitHub alone says the first two.
    """

    event: str
    repository: str
    head_repository: str
    head_branch: str
    head: str


@dataclass(frozen=True, slots=True)
class Event:
    """What GitHub says about a run. A text that it does not say is "".

    `ref` and `commit` are those of the run; `protected` is the branch that trust comes from;
    `target` is the ref that a pull request or merge group goes into; `head` is the commit that a
    pull request proposes; `foreign` is whether it does so from another repository; `forced` is
    whether a branch was pushed with force; `before` is where the branch was before a push; `number`
    is the pull request's, 0 where there is none; `other` is the run whose end started this one.
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
    number: int
    other: OtherRun | None

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
            _number(payload, PULL_REQUEST, "number"),
            _other(payload) if name == WORKFLOW_RUN else None,
        )

    @property
    def token_reads_only(self) -> bool:
        """Whether GitHub gives this run a token that writes nothing, whatever the workflow says."""
        of_dependabot = self.actor == _DEPENDABOT and self.name in ("push", PULL_REQUEST)
        return self.foreign or of_dependabot

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
        if self.name in (PULL_REQUEST, MERGE_GROUP):
            self._require_target()

    def require_commentable(self, repository: str) -> None:
        """Raise UsageError unless the run is about a pull request (GS2012), and that is for the
        protected branch (GS2013): its own run, or one that the end of such a run here started.
        """
        self._require_name((PULL_REQUEST, WORKFLOW_RUN))
        self._require_protected()
        if self.other is None:
            self._require_target()
            if not self.number:
                raise UsageError(codes.WRONG_EVENT, "the event names no pull request by its number")
        elif self.other.event != PULL_REQUEST or self.other.repository != repository:
            message = (
                f"the run that ended was started by {self.other.event!r} in"
                f" {self.other.repository!r}, not by {PULL_REQUEST} in {repository!r}"
            )
            raise UsageError(codes.WRONG_EVENT, message)

    def require_publishable(self) -> None:
        """Raise unless the run may publish: on the protected branch, which was not rewritten, with
        a token that writes (GS2012, GS2013, GS2015, GS2016).
        """
        if self.token_reads_only:
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

    def _require_target(self) -> None:
        if self.target != _BRANCH + self.protected:
            into = self.target.removeprefix(_BRANCH)
            message = f"the change goes into {into!r}, not into {self.protected!r}"
            raise UsageError(codes.WRONG_BRANCH, message)

    def _require_protected(self) -> None:
        if not self.protected:
            message = "the event does not name the repository's default branch"
            fix = "Name it in the input `protected_branch`."
            raise UsageError(codes.WRONG_BRANCH, message, fix=fix)


def _other(payload: object) -> OtherRun:
    return OtherRun(
        _text(payload, WORKFLOW_RUN, "event"),
        _text(payload, WORKFLOW_RUN, "repository", "full_name"),
        _text(payload, WORKFLOW_RUN, "head_repository", "full_name"),
        _text(payload, WORKFLOW_RUN, "head_branch"),
        _text(payload, WORKFLOW_RUN, "head_sha"),
    )


def _number(document: object, *keys: str) -> int:
    found = _get(document, *keys)
    return found if type(found) is int and found > 0 else 0


def _text(document: object, *keys: str) -> str:
    """The text at the end of a path of keys, "" where there is none."""
    found = _get(document, *keys)
    return found if isinstance(found, str) else ""


def _get(document: object, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
