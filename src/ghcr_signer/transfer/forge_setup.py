"""How a project is set up on GitHub: what its API tells of the settings, and where to look else.

Whatever the token is not told is unknown, never good and never wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

from ghcr_signer.core import codes, limits
from ghcr_signer.core.branch_rules import judge
from ghcr_signer.core.errors import GhcrSignerError, Refused
from ghcr_signer.core.finding import Finding, good, unknown, wrong
from ghcr_signer.core.policy import Policy
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.github.api import Api, listed, text
from ghcr_signer.peers.registry.auth import GHCR
from ghcr_signer.transfer.clone_setup import Workflows

_Kind = TypeVar("_Kind", dict[str, Any], list[Any])
_PAGE = 100
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Forge:
    """A repository on GitHub, seen by a token."""

    api: Api
    policy: Policy | None
    workflows: Workflows

    def look(self, now: datetime) -> Iterator[Finding]:
        """Everything that can be asked; nothing is raised."""
        about, why = self._get("GitHub", f"/repos/{self.api.name}", self.api.web, dict)
        if why:
            yield why
            return
        branch, kind = text(about, "default_branch"), text(about, "owner", "type")
        yield good("GitHub", f"{self.api.name}, default branch {branch}")
        yield self._clock(now)
        rebase = about.get("allow_rebase_merge") is not False
        yield from self._rules(branch, rebase=rebase)
        yield self._owners()
        yield from self._actions()
        yield from map(self._environment, self.workflows.environments)
        yield from self._packages(self.api.name.partition("/")[0], kind)

    def _get(
        self, name: str, path: str, where: str, kind: type[_Kind]
    ) -> tuple[_Kind, Finding | None]:
        """A document of a kind, or why there is none and where a person can look."""
        try:
            found = self.api.get(path)
            why = "GitHub's answer is of no kind that is known here"
        except GhcrSignerError as error:
            found, why = None, str(error)
        if isinstance(found, kind):
            return found, None
        fix = f"With a token that may read the settings, or by yourself: {where}"
        return kind(), unknown(name, why, fix)

    def _clock(self, now: datetime) -> Finding:
        try:
            ahead = (now - parsedate_to_datetime(self.api.date)).total_seconds()
        except (ValueError, TypeError):
            return unknown("clock", "GitHub did not say what time it is")
        if abs(ahead) > limits.CLOCK_SKEW_SECONDS:
            why = f"this machine is {abs(ahead):.0f} seconds {'ahead' if ahead > 0 else 'behind'}"
            return wrong("clock", codes.SETUP_MACHINE, why, "Set the clock.")
        return good("clock", "as GitHub's")

    def _rules(self, branch: str, *, rebase: bool) -> Iterator[Finding]:
        where = f"{self.api.web}/settings/rules"
        path = f"rules/branches/{quote(branch, safe='')}?per_page={_PAGE}"
        rules, why = self._get("rules", path, where, list)
        if why:
            yield why
            return
        rules = [rule for rule in rules if isinstance(rule, dict)]
        yield from judge(rules, where, rebase=rebase)
        for ruleset in sorted({str(rule.get("ruleset_id")) for rule in rules}):
            yield self._bypass(ruleset, where)

    def _bypass(self, ruleset: str, where: str) -> Finding:
        """Whoever may bypass the rules is told to those alone who may change them."""
        name = "rules: bypass"
        found, why = self._get(name, f"rulesets/{ruleset}", where, dict)
        if why:
            return why
        called = text(found, "name")
        if not isinstance(found.get("bypass_actors"), list):
            fix = f"At {where}: the list of {called!r} should be empty."
            return unknown(name, "only who may change the rules is told who may bypass them", fix)
        if found["bypass_actors"]:
            who = ", ".join(text(each, "actor_type") for each in found["bypass_actors"])
            fix = f"At {where}: empty the bypass list of {called!r}."
            return wrong(name, codes.SETUP_BRANCH, f"{who} may bypass {called!r}", fix)
        return good(name, f"nobody may bypass {called!r}")

    def _owners(self) -> Finding:
        name = "CODEOWNERS on GitHub"
        where = f"{self.api.web}/blob/HEAD/.github/CODEOWNERS"
        found, why = self._get(name, "codeowners/errors", where, dict)
        if why:
            return why
        errors = listed(found, "errors")
        if errors:
            words = "; ".join(text(error, "message").partition("\n")[0] for error in errors)
            fix = f"Name a team or a person who may write: {where}"
            return wrong(name, codes.SETUP_FILES, words, fix)
        return good(name, "every owner is known, and may write")

    def _actions(self) -> Iterator[Finding]:
        name, where = "Actions: token", f"{self.api.web}/settings/actions"
        found, why = self._get(name, "actions/permissions/workflow", where, dict)
        if why:
            yield why
            return
        default = text(found, "default_workflow_permissions")
        if default == "read":
            yield good(name, "by default it can only read")
        else:
            fix = f"At {where}, Workflow permissions: Read repository contents."
            why_not = f"a workflow that says nothing about it gets a token that can {default}"
            yield wrong(name, codes.SETUP_SETTINGS, why_not, fix)
        if self.workflows.call("collect"):
            yield self._may_propose(found.get("can_approve_pull_request_reviews") is True, where)

    def _may_propose(self, may: bool, where: str) -> Finding:
        name = "Actions: pull requests"
        if may:
            return good(name, "a workflow may open one, as collect does")
        fix = f"At {where}: Allow GitHub Actions to create and approve pull requests."
        return wrong(name, codes.SETUP_SETTINGS, "collect may not open one", fix)

    def _environment(self, environment: str) -> Finding:
        name, where = f"environment {environment}", f"{self.api.web}/settings/environments"
        try:
            found = self.api.get(f"environments/{quote(environment, safe='')}")
        except GhcrSignerError as error:
            if error.failure.code is not codes.GITHUB_REFUSED:
                return unknown(name, str(error), f"Look whether it has required reviewers: {where}")
            why = f"{error}; GitHub makes a missing one, without protection"
            fix = f"Make it at {where}, with required reviewers."
            return wrong(name, codes.SETUP_SETTINGS, why, fix)
        for rule in listed(found, "protection_rules"):
            if text(rule, "type") == "required_reviewers" and listed(rule, "reviewers"):
                return good(name, "somebody is asked before anything is published")
        fix = f"At {where}: Required reviewers."
        return wrong(name, codes.SETUP_SETTINGS, "nobody is asked before it is used", fix)

    def _packages(self, owner: str, kind: str) -> Iterator[Finding]:
        """What the policy names on ghcr.io. Who may write to a package is in no API."""
        if self.policy is None:
            return
        whose = "orgs" if kind == "Organization" else "users"
        page = f"https://github.com/{whose}/{owner}/packages"
        path = f"/{whose}/{owner}/packages?package_type=container&per_page={_PAGE}"
        found, why = self._get("packages", path, page, list)
        if why:
            yield why
        packages = [each for each in found if self._is_named(owner, text(each, "name"))]
        names = {text(each, "name"): text(each, "visibility") for each in packages}
        shut = sorted(name for name, seen in names.items() if seen != "public")
        if shut:
            fix = f"Change visibility, which cannot be undone: {_settings(page, shut)}"
            yield unknown("packages: visibility", f"only who logs in can read {_few(shut)}", fix)
        elif names:
            yield good("packages: visibility", f"everybody can read {_few(sorted(names))}")
        fix = f"Manage Actions access, this repository, Write: {_settings(page, sorted(names))}"
        yield unknown("packages: access", "GitHub's API does not tell who may write", fix)

    def _is_named(self, owner: str, package: str) -> bool:
        try:
            image = Reference.parse(f"{GHCR}/{owner.lower()}/{package}")
        except Refused:
            return False
        return bool(self.policy and self.policy.rules_for(image))


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _settings(page: str, names: Sequence[str]) -> str:
    """Where to click, package by package."""
    if not names:
        return f"{page}, then the package, Package settings"
    return _few([f"{page}/container/{quote(name, safe='')}/settings" for name in names])
