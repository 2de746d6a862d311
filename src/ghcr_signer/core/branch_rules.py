"""What the rules of a branch let through, by GitHub's own words for them (REST, repos/rules).

`rules` are those that are in force on the branch, whichever ruleset they come from: where two of
them differ, the stricter one counts. docs/rulesets/default-branch.json has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ghcr_signer.core import codes
from ghcr_signer.core.finding import Finding, good, wrong

Rule = Mapping[str, Any]

GITHUB_ACTIONS = 15368
"""The id of the app that reports the checks of workflows: anybody who can write could report one of
the same name."""

_OURS = ("verify", "gate")
_METHODS = {"merge", "squash"}
_REVIEW = {
    "require_code_owner_review": "no review from Code Owners is required",
    "dismiss_stale_reviews_on_push": "an approval stays when something is pushed after it",
    "require_last_push_approval": "whoever pushed last may approve it",
}


def judge(rules: Sequence[Rule], where: str, *, rebase: bool = True) -> Iterator[Finding]:
    """Whether the rules of a branch are enough; `where` is the address at which to change them,
    `rebase` whether the repository itself lets anybody merge by a rebase.
    """
    yield _reviews(_parameters(rules, "pull_request"), where)
    yield _merge_methods(_parameters(rules, "pull_request"), where, rebase=rebase)
    queue = any(rule.get("type") == "merge_queue" for rule in rules)
    yield _checks(_parameters(rules, "required_status_checks"), where, queue=queue)
    yield _history({str(rule.get("type")) for rule in rules}, where)


def _reviews(given: Sequence[Rule], where: str) -> Finding:
    name = "rules: reviews"
    if not given:
        fix = f"At {where}: Require a pull request before merging."
        return wrong(name, codes.SETUP_BRANCH, "whoever can write may push without one", fix)
    missing = []
    if not any(_number(each.get("required_approving_review_count")) > 0 for each in given):
        missing.append("no approval is required")
    for word, words in _REVIEW.items():
        if not any(each.get(word) is True for each in given):
            missing.append(words)
    if missing:
        fix = f"At {where}: one approval or more, and tick what is named."
        return wrong(name, codes.SETUP_BRANCH, "; ".join(missing), fix)
    return good(name, "a pull request, approved by a code owner after the last push")


def _merge_methods(given: Sequence[Rule], where: str, *, rebase: bool) -> Finding:
    name = "rules: merging"
    allowed = {"merge", "squash", "rebase"} if rebase else _METHODS
    for each in given:
        methods = each.get("allowed_merge_methods")
        allowed &= {str(m) for m in methods} if isinstance(methods, list) and methods else allowed
    if allowed <= _METHODS:
        return good(name, f"by {' or '.join(sorted(allowed))}")
    fix = f"At {where}: allow Merge and Squash only."
    why = "a rebase makes several commits of one pull request, and publish judges each"
    return wrong(name, codes.SETUP_BRANCH, why, fix)


def _checks(given: Sequence[Rule], where: str, *, queue: bool) -> Finding:
    name = "rules: checks"
    required = [check for each in given for check in _list(each.get("required_status_checks"))]
    ours = [check for check in required if _is_ours(str(check.get("context")))]
    if not ours:
        fix = f"At {where}: require the check `verify / verify` (in a fork or a copy: `gate`)."
        return wrong(name, codes.SETUP_BRANCH, "what does not verify can be merged", fix)
    shown = ", ".join(str(check.get("context")) for check in ours)
    if not any(check.get("integration_id") == GITHUB_ACTIONS for check in ours):
        fix = f"At {where}: choose GitHub Actions as the source of {shown}."
        why = f"whoever can write may report {shown} in the workflow's place"
        return wrong(name, codes.SETUP_BRANCH, why, fix)
    if not queue and not any(e.get("strict_required_status_checks_policy") is True for e in given):
        fix = f"At {where}: Require branches to be up to date before merging."
        why = "two changes that are each good may be merged in an order that is not"
        return wrong(name, codes.SETUP_BRANCH, why, fix)
    return good(name, f"{shown}, {'in a merge queue' if queue else 'up to date with the branch'}")


def _history(types: set[str], where: str) -> Finding:
    name = "rules: history"
    missing = []
    if "non_fast_forward" not in types:
        missing.append("a forced push can undo what was merged")
    if "deletion" not in types:
        missing.append("the branch can be deleted")
    if missing:
        fix = f"At {where}: Block force pushes, Restrict deletions."
        return wrong(name, codes.SETUP_BRANCH, "; ".join(missing), fix)
    return good(name, "nobody rewrites or deletes it")


def _is_ours(context: str) -> bool:
    """A check's name, or that of a job of a reusable workflow: CALLER / CALLED."""
    return context.rpartition(" / ")[2] in _OURS


def _parameters(rules: Sequence[Rule], kind: str) -> list[Rule]:
    """The parameters of every rule of a kind; none for one that has none."""
    found = [rule.get("parameters") for rule in rules if rule.get("type") == kind]
    return [each if isinstance(each, dict) else {} for each in found]


def _list(value: Any) -> list[Rule]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
