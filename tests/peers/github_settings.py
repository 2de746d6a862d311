"""A repository's settings as GitHub's REST API describes them, all of them as they should be.

The shapes are those of docs.github.com, REST (repos/rules, repos/repos, actions/permissions,
deployments/environments, packages), as far as anything here reads them.
"""

import json
from pathlib import Path
from typing import Any

from .github_api import NAME

RULESET = 41
OWNER = NAME.partition("/")[0]
REPOSITORY = f"/repos/{NAME}"
RULES = f"{REPOSITORY}/rules/branches/main"
BYPASS = f"{REPOSITORY}/rulesets/{RULESET}"
ERRORS = f"{REPOSITORY}/codeowners/errors"
TOKEN = f"{REPOSITORY}/actions/permissions/workflow"
ENVIRONMENT = f"{REPOSITORY}/environments/publish"
PACKAGES = f"/orgs/{OWNER}/packages"
FORBIDDEN = {"message": "Resource not accessible by personal access token"}


def ruleset(file: Path) -> dict[str, Any]:
    """A ruleset that was imported from a file, as one who may change it is told."""
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document | {
        "id": RULESET,
        "source_type": "Repository",
        "source": NAME,
        "current_user_can_bypass": "never",
    }


def rules(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a ruleset as they are told of a branch that they are in force on."""
    source = {
        "ruleset_source_type": "Repository",
        "ruleset_source": NAME,
        "ruleset_id": document["id"],
    }
    return [{**rule, **source} for rule in document["rules"]]


def settings(file: Path) -> dict[str, Any]:
    """Everything as it should be, with the ruleset of a file."""
    imported = ruleset(file)
    return {
        REPOSITORY: {
            "full_name": NAME,
            "owner": {"login": OWNER, "type": "Organization"},
            "default_branch": "main",
            "allow_merge_commit": True,
            "allow_squash_merge": True,
            "allow_rebase_merge": True,
        },
        RULES: rules(imported),
        BYPASS: imported,
        ERRORS: {"errors": []},
        TOKEN: {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
        ENVIRONMENT: {
            "name": "publish",
            "protection_rules": [
                {
                    "id": 1,
                    "type": "required_reviewers",
                    "prevent_self_review": False,
                    "reviewers": [{"type": "User", "reviewer": {"login": "alice", "id": 7}}],
                },
                {"id": 2, "type": "branch_policy"},
            ],
            "deployment_branch_policy": {
                "protected_branches": True,
                "custom_branch_policies": False,
            },
        },
        PACKAGES: [
            {"id": 197, "name": name, "package_type": "container", "visibility": visibility}
            for name, visibility in (("app", "public"), ("deep/tool", "public"))
        ],
    }
