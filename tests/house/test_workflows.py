"""The workflows say what they must: permissions, concurrency, checkouts, pins, what they pass on.

None of this shows when they are run on one machine, and all of it matters on GitHub.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from typing import Any

import pytest
from tests.house.repository import ROOT
from tests.house.workflows import (
    ACTIONS,
    COMMANDS,
    DOCUMENTS,
    FORKS,
    TEMPLATE,
    WORKFLOWS,
    YAML_FILES,
    Yaml,
    evaluate,
    everything,
    jobs,
    load,
    steps,
)

from ghcr_signer.core import branch_rules
from ghcr_signer.core.branch_rules import GITHUB_ACTIONS
from ghcr_signer.core.finding import State

READ = {"contents": "read"}
ASK = {"contents": "read", "packages": "read"}
COMMENT = {"contents": "read", "pull-requests": "write"}
PUBLISH = {"contents": "read", "packages": "write"}
PERMISSIONS = {
    ("check-image.yml", "check-image"): ASK,
    ("ci.yml", "test"): READ,
    ("collect.yml", "collect"): {
        "contents": "write",
        "packages": "read",
        "pull-requests": "write",
    },
    ("comment.yml", "comment"): COMMENT,
    ("main.yml", "publish"): PUBLISH,
    ("publish.yml", "approve"): {},
    ("publish.yml", "publish"): PUBLISH,
    ("pull-request.yml", "changes"): READ,
    ("pull-request.yml", "verify"): READ,
    ("pull-request.yml", "check-image"): ASK,
    ("pull-request.yml", "comment"): COMMENT,
    ("pull-request.yml", "gate"): {},
    ("verify.yml", "verify"): READ,
    ("template", "verify"): READ,
    ("template", "check-image"): ASK,
    ("template", "comment"): COMMENT,
    ("template", "publish"): PUBLISH,
    ("forks", "comment"): COMMENT,
}
# A finding of zizmor's that is meant, each with its reason on the line.
IGNORES = {
    ".github/workflows/verify.yml": 1,  # crane's image has a tag: docs/release.md
    "docs/workflows/comment-forks.yml": 1,  # it runs after strangers' runs, and uses none of them
    "collect/action.yml": 1,  # a Dockerfile beside the folder is taken for an image
    "comment/action.yml": 1,
    "publish/action.yml": 1,
    "verify/action.yml": 1,
}
CHECKOUT = "actions/checkout@"
CALL = re.compile(r"(?:\$|[\w-]+/ghcr-signer)/\.github/workflows/([a-z-]+\.yml)(?:@\S+)?")
PIN = re.compile(r" *(?:- )?uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+\S*)")
# What scripts/release fills in, and what a reader does.
PLACEHOLDER = re.compile(r" *(?:- )?uses: [\w.-]+/[\w./-]+@<commit>(?: # <version>)?")


# Permissions.


def test_each_job_has_the_permissions_that_it_needs_and_no_other() -> None:
    ours = {**WORKFLOWS, "template": TEMPLATE, "forks": FORKS}
    found = {(n, j): job["permissions"] for n, w in ours.items() for j, job in w["jobs"].items()}
    assert found == PERMISSIONS
    assert {name for name, workflow in ours.items() if workflow["permissions"] != {}} == set()


def test_verify_asks_to_read_the_contents_and_for_nothing_else() -> None:
    """A permission more would stop every workflow that calls it, before it starts."""
    assert asked("verify.yml") == {"contents": "read"}


def asked(workflow: str) -> Yaml:
    permissions: Yaml = {}
    for job in WORKFLOWS[workflow]["jobs"].values():
        permissions |= job["permissions"]
    return permissions


def test_each_permission_says_what_it_is_for() -> None:
    lines = [line for path in YAML_FILES for line in path.read_text("utf-8").splitlines()]
    granted = [line for line in lines if re.match(r" +[a-z-]+: (read|write)\b", line)]
    assert len(granted) == sum(map(len, PERMISSIONS.values()))
    assert [line for line in granted if not re.search(r": (read|write) # to [a-z]", line)] == []


def test_each_caller_grants_what_it_calls_and_gives_inputs_that_exist() -> None:
    """Also in the documents: GitHub starts no job of a workflow that grants too little."""
    called = set()
    for name, job, content in jobs():
        if match := CALL.fullmatch(content.get("uses", "")):
            called.add((name, match[1]))
            workflow = WORKFLOWS[match[1]]["on"]["workflow_call"]
            assert content["permissions"] == asked(match[1]), (name, job)
            assert set(content.get("with", {})) <= set(workflow["inputs"]), (name, job)
            assert set(content.get("secrets", {})) <= set(workflow.get("secrets", {})), (name, job)
    assert called >= {
        ("pull-request.yml", "verify.yml"),
        ("main.yml", "publish.yml"),
        ("pull-request.yml", "check-image.yml"),
        ("pull-request.yml", "comment.yml"),
        *(("template", f"{name}.yml") for name in ("verify", "check-image", "comment", "publish")),
        ("forks", "comment.yml"),
    }


# Concurrency and approval.


def test_publishing_is_one_at_a_time_in_order_and_none_is_dropped() -> None:
    publish = WORKFLOWS["publish.yml"]["jobs"]["publish"]["concurrency"]
    group = publish.pop("group")
    assert publish == {"cancel-in-progress": "false", "queue": "max"}
    literal, expression = group[: group.index("${{")], group[group.index("${{") :]
    assert literal == "ghcr-signer-publish"
    github = {"run_id": "17"}
    assert evaluate(expression, inputs={"dry_run": False}, github=github) == ""
    assert evaluate(expression, inputs={"dry_run": True}, github=github) == "-dry-run-17"


def test_an_approval_that_takes_days_holds_up_nothing() -> None:
    assert "concurrency" not in WORKFLOWS["publish.yml"]
    assert "concurrency" not in WORKFLOWS["publish.yml"]["jobs"]["approve"]
    assert WORKFLOWS["publish.yml"]["jobs"]["approve"]["environment"] == "${{ inputs.environment }}"
    assert "environment" not in WORKFLOWS["publish.yml"]["jobs"]["publish"]


def test_no_caller_of_publish_has_a_concurrency_group() -> None:
    """The same group in caller and callee waits for itself."""
    for name, workflow in everything().items():
        for job in workflow.get("jobs", {}).values():
            if "/publish.yml" in job.get("uses", ""):
                assert "concurrency" not in workflow, name
                assert "concurrency" not in job, name


@pytest.mark.parametrize(
    ("environment", "dry_run", "wanted"),
    [("", False, False), ("", True, False), ("prod", False, True), ("prod", True, False)],
)
def test_an_approval_is_asked_where_there_is_an_environment(
    environment: str, dry_run: bool, wanted: bool
) -> None:
    condition = WORKFLOWS["publish.yml"]["jobs"]["approve"]["if"]
    inputs = {"environment": environment, "dry_run": dry_run}
    assert evaluate(condition, inputs=inputs) is wanted


@pytest.mark.parametrize(
    ("environment", "dry_run", "approve", "runs"),
    [
        ("prod", False, "success", True),
        ("prod", False, "failure", False),
        ("prod", False, "cancelled", False),
        ("prod", False, "skipped", False),
        ("prod", True, "skipped", True),
        ("prod", True, "failure", False),
        ("", False, "skipped", True),
        ("", True, "skipped", True),
        ("", False, "failure", False),
    ],
)
def test_publishing_waits_for_the_approval_that_is_asked(
    environment: str, dry_run: bool, approve: str, runs: bool
) -> None:
    job = WORKFLOWS["publish.yml"]["jobs"]["publish"]
    contexts: dict[str, Any] = {
        "inputs": {"environment": environment, "dry_run": dry_run},
        "needs": {"approve": {"result": approve}},
    }
    assert job["needs"] == "approve"
    assert evaluate(job["if"], cancelled=lambda: False, **contexts) is runs
    assert evaluate(job["if"], cancelled=lambda: True, **contexts) is False


@pytest.mark.parametrize("workflow", [WORKFLOWS["main.yml"], TEMPLATE], ids=["main", "template"])
def test_a_push_publishes_and_a_person_may_choose(workflow: Yaml) -> None:
    assert set(workflow["on"]["workflow_dispatch"]["inputs"]) == {"dry_run", "set"}
    assert workflow["on"]["push"] == {"branches": ["main", "master"]}
    given = workflow["jobs"]["publish"]["with"]
    assert given["sets"] == "${{ inputs.set }}"
    for event, ticked, dry_run in (
        ("push", "", False),  # an empty text would start no job at all
        ("workflow_dispatch", False, False),
        ("workflow_dispatch", True, True),
    ):
        contexts = {"github": {"event_name": event}, "inputs": {"dry_run": ticked}}
        assert evaluate(given["dry_run"], **contexts) is dry_run


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ("pull_request", {"verify", "check-image", "comment"}),
        ("merge_group", {"verify", "check-image"}),
        ("push", {"publish"}),
        ("workflow_dispatch", {"publish"}),
    ],
)
def test_in_the_template_each_event_has_its_jobs(event: str, wanted: set[str]) -> None:
    github = {"event_name": event}
    running = {n for n, j in TEMPLATE["jobs"].items() if evaluate(j["if"], github=github)}
    assert running == wanted
    assert event in TEMPLATE["on"]


# The comment.


@pytest.mark.parametrize(
    ("event", "action", "signatures", "runs"),
    [
        ("pull_request", "opened", "true", True),
        ("pull_request", "opened", "false", False),
        ("pull_request", "synchronize", "false", True),
        ("pull_request", "edited", "false", True),
        ("merge_group", "checks_requested", "true", False),
    ],
)
def test_a_pull_request_is_commented_where_there_is_or_was_something_to_say(
    event: str, action: str, signatures: str, runs: bool
) -> None:
    job = WORKFLOWS["pull-request.yml"]["jobs"]["comment"]
    contexts: dict[str, Any] = {
        "github": {"event_name": event, "event": {"action": action}},
        "needs": {"changes": {"outputs": {"signatures": signatures}}},
    }
    assert evaluate(job["if"], **contexts) is runs


def test_comments_of_one_pull_request_are_written_one_after_the_other() -> None:
    """And those of others do not wait, nor those about another directory."""
    concurrency = WORKFLOWS["comment.yml"]["jobs"]["comment"]["concurrency"]
    assert concurrency["cancel-in-progress"] == "true"
    pieces = re.split(r"\$\{\{(.*?)\}\}", concurrency["group"])

    def group(directory: str, **github: Any) -> str:
        contexts: dict[str, Any] = {"inputs": {"directory": directory}, "github": github}
        return "".join(
            evaluate(piece, **contexts) if number % 2 else piece
            for number, piece in enumerate(pieces)
        )

    def forked(repository: str, branch: str) -> dict[str, Any]:
        run = {"head_repository": {"full_name": repository}, "head_branch": branch}
        return {"event_name": "workflow_run", "event": {"workflow_run": run}, "ref": "x"}

    own = {"event_name": "pull_request", "event": {}, "ref": "refs/pull/1/merge"}
    groups = [
        group("", **own),
        group("OTHER", **own),
        group("", **own | {"ref": "refs/pull/2/merge"}),
        group("", **forked("mallory/x", "sign")),
        group("", **forked("mallory/x", "other")),
        group("", **forked("eve/x", "sign")),
    ]
    assert len(set(groups)) == len(groups)
    assert all(each.startswith("ghcr-signer-comment-") for each in groups)


@pytest.mark.parametrize(
    ("event", "repository", "runs"),
    [
        ("pull_request", "mallory/x", True),
        ("pull_request", "acme/x", False),  # it has commented itself
        ("push", "mallory/x", False),
    ],
)
def test_the_variant_for_forks_runs_for_forks(event: str, repository: str, runs: bool) -> None:
    run = {"event": event, "head_repository": {"full_name": repository}}
    contexts: dict[str, Any] = {
        "github": {"event": {"workflow_run": run}, "repository": "acme/x"},
    }
    assert evaluate(FORKS["jobs"]["comment"]["if"], **contexts) is runs


def test_the_variant_for_forks_has_no_cache_and_waits_for_the_template() -> None:
    assert FORKS["cache-mode"] == "none"
    assert FORKS["on"]["workflow_run"] == {"workflows": [TEMPLATE["name"]], "types": ["completed"]}


# Checkouts, timeouts, pins.


def test_no_checkout_leaves_a_credential_behind() -> None:
    checkouts = [
        (name, step)
        for name, _, job in jobs()
        for step in steps(job)
        if step.get("uses", "").startswith(CHECKOUT)
    ]
    assert {name for name, _ in checkouts} >= set(WORKFLOWS) - {"main.yml"}
    for name, step in checkouts:
        assert step["with"]["persist-credentials"] == "false", name


@pytest.mark.parametrize(
    ("workflow", "job", "ref", "depths"),
    [
        ("verify.yml", "verify", None, (2, 0)),
        ("pull-request.yml", "changes", None, (2, 0)),
        ("publish.yml", "publish", "${{ github.ref }}", (0, 0)),
        ("collect.yml", "collect", "${{ github.ref }}", (0, 0)),
        ("check-image.yml", "check-image", None, (2, 0)),
        ("comment.yml", "comment", None, (2, 2)),
    ],
)
def test_a_checkout_brings_the_commits_that_are_asked_for(
    workflow: str, job: str, ref: str | None, depths: tuple[int, int]
) -> None:
    """`ref` is absent where the event's own commit is judged; depths: pull_request, other events"""
    (checkout,) = (
        step["with"]
        for step in steps(WORKFLOWS[workflow]["jobs"][job])
        if step.get("uses", "").startswith(CHECKOUT)
    )
    assert checkout.get("ref") == ref
    depth = checkout["fetch-depth"]
    events = ("pull_request", "merge_group")
    assert depths == tuple(evaluate(depth, github={"event_name": event}) for event in events)


def test_every_job_that_runs_has_a_timeout() -> None:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            if "uses" not in content:
                assert 0 < int(content["timeout-minutes"]) <= 60, (name, job)


def test_whatever_is_used_is_pinned_by_a_full_commit_with_its_version() -> None:
    commits: dict[tuple[str, str], set[str]] = {}
    for path in (*YAML_FILES, *DOCUMENTS):
        filled_in = path in DOCUMENTS or path.relative_to(ROOT).parts[0] in ("docs", "template")
        for line in path.read_text(encoding="utf-8").splitlines():
            if not re.match(r" *(- )?uses: (?!\$/)", line):
                continue
            if not (filled_in and PLACEHOLDER.fullmatch(line)):
                pin = PIN.fullmatch(line)
                assert pin, f"{path.relative_to(ROOT)}: {line.strip()}"
                commits.setdefault((pin[1], pin[3]), set()).add(pin[2])
    assert ("actions/checkout", "v7.0.1") in commits
    assert [version for version, found in commits.items() if len(found) > 1] == []


def test_what_a_workflow_uses_of_this_repository_is_there() -> None:
    used = {c.get("uses", "") for _, _, c in jobs()}
    used |= {step.get("uses", "") for _, _, job in jobs() for step in steps(job)}
    own = {uses.removeprefix("$/") for uses in used if uses.startswith("$/")}
    assert own > set(COMMANDS)
    for path in own:
        assert (ROOT / path / "action.yml").is_file() or (ROOT / path).is_file(), path


def test_what_the_linters_are_told_to_ignore_is_counted_and_has_a_reason() -> None:
    found: dict[str, int] = {}
    for path in YAML_FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "zizmor:" in line:
                name = path.relative_to(ROOT).as_posix()
                found[name] = found.get(name, 0) + 1
                assert re.search(r"# zizmor: ignore\[[a-z-]+\] \w+", line), line
    assert found == IGNORES
    configurations = ("zizmor.yml", ".github/zizmor.yml", ".github/actionlint.yaml")
    assert [name for name in configurations if (ROOT / name).exists()] == []


# What the reusable workflows pass on.


# What each does not pass on: `verify.yml` asks no registry, and the others say themselves what for.
KEPT = {
    "verify": {"check_images", "token"},
    "check-image": {"check_images", "registry"},
}


@pytest.mark.parametrize("name", [*COMMANDS, "check-image"])
def test_a_reusable_workflow_has_its_action_s_inputs_and_passes_each_on(name: str) -> None:
    action = "verify" if name == "check-image" else name
    workflow, kept = WORKFLOWS[f"{name}.yml"], KEPT.get(name, set())
    inputs = {k: i for k, i in ACTIONS[action]["inputs"].items() if k not in kept}
    call = workflow["on"]["workflow_call"]
    (given,) = (
        step["with"]
        for step in steps(workflow["jobs"][name])
        if step.get("uses", "") == f"$/{action}"
    )
    secrets = call.get("secrets", {})
    expected = {
        key: f"${{{{ {'secrets' if key in secrets else 'inputs'}.{key} }}}}" for key in inputs
    }
    if name == "verify":
        expected["registry"] = "${{ inputs.registry || 'http://registry:5000/rehearsal' }}"
    else:
        expected["token"] = "${{ secrets.token || github.token }}"
    if name == "check-image":
        expected["check_images"] = "true"
    assert given == expected

    typed = {key: "boolean" if key in ("dry_run", "latest") else "string" for key in inputs}
    own = {"environment": "string"} if name == "publish" else {}
    assert {key: value["type"] for key, value in call["inputs"].items()} == own | {
        key: kind for key, kind in typed.items() if key not in secrets
    }
    for key, value in (call["inputs"] | secrets).items():
        if key in inputs:
            same = value["description"] == inputs[key]["description"]
            assert same or key in ("token", "registry")  # whose defaults are the workflow's own
            assert value.get("required") == inputs[key].get("required")


def test_collect_by_hand_asks_what_matters_as_the_call_does() -> None:
    on = WORKFLOWS["collect.yml"]["on"]
    by_hand = on["workflow_dispatch"]["inputs"]
    assert list(by_hand) == ["image", "from", "latest", "tags"]
    assert by_hand.items() <= on["workflow_call"]["inputs"].items()


def test_the_rehearsal_s_registry_is_a_service_that_serves() -> None:
    """crane's image without a command prints its usage and exits."""
    (service,) = WORKFLOWS["verify.yml"]["jobs"]["verify"]["services"].items()
    name, registry = service
    assert name == "registry"
    assert registry["command"] == "registry serve --address :5000"


@pytest.mark.parametrize(
    ("template", "event", "runs"),
    [
        (True, "push", True),
        (True, "pull_request", True),
        (False, "push", False),
        (False, "pull_request", False),
        (False, "workflow_dispatch", True),
    ],
)
def test_this_software_s_own_tests_run_in_the_template_and_elsewhere_by_hand(
    template: bool, event: str, runs: bool
) -> None:
    job = WORKFLOWS["ci.yml"]["jobs"]["test"]
    github = {"event": {"repository": {"is_template": template}}, "event_name": event}
    assert evaluate(job["if"], github=github) is runs


def test_ci_checks_and_tests_without_the_data_that_is_not_published() -> None:
    commands = [step["run"] for step in steps(WORKFLOWS["ci.yml"]["jobs"]["test"]) if "run" in step]
    assert commands[1:] == [f"env --unset=CI ./scripts/{name}" for name in ("check", "test")]


# Who reviews, and what is kept up to date.


@pytest.mark.parametrize("folder", ["", "template"])
def test_code_owners_are_asked_about_everything_but_signatures(folder: str) -> None:
    text = (ROOT / folder / ".github" / "CODEOWNERS").read_text(encoding="utf-8")
    rules = [line.split() for line in text.splitlines() if line and not line.startswith("#")]

    def owners(path: str) -> list[str]:  # the last pattern that matches counts
        matching = [
            names for pattern, *names in rules if fnmatch(f"/{path}", f"{pattern.rstrip('/')}*")
        ]
        return matching[-1]

    for path in (
        "policy.yml",
        "trusted.pub",
        ".github/CODEOWNERS",
        ".github/workflows/main.yml",
        "action.yml",
    ):
        assert owners(path) == ["@OWNER"]
    assert owners("SIGNATURES/2026-02-09T07:41:13+00:00/IMAGE") == []


@pytest.mark.parametrize(
    ("file", "ecosystems"),
    [
        (".github/dependabot.yml", ["github-actions", "docker", "pip"]),
        ("template/.github/dependabot.yml", ["github-actions"]),
    ],
)
def test_new_versions_wait_for_a_week(file: str, ecosystems: list[str]) -> None:
    updates = load(file)["updates"]
    assert [update["package-ecosystem"] for update in updates] == ecosystems
    for update in updates:
        assert update["cooldown"] == {"default-days": "7"}
        for folder in update.get("directories", [update.get("directory")]):
            assert (ROOT / folder.lstrip("/")).is_dir()


def test_git_changes_no_line_ending_of_what_was_signed() -> None:
    for folder in ("", "template"):
        lines = (ROOT / folder / ".gitattributes").read_text(encoding="utf-8").splitlines()
        assert "SIGNATURES/** -text" in lines


# The settings that no file can hold.


def test_the_rulesets_require_the_check_that_the_template_reports() -> None:
    names = (TEMPLATE["jobs"]["verify"]["name"], WORKFLOWS["verify.yml"]["jobs"]["verify"]["name"])
    ruleset = json.loads((ROOT / "docs/rulesets/default-branch.json").read_text("utf-8"))
    (checks,) = (r for r in ruleset["rules"] if r["type"] == "required_status_checks")
    required = checks["parameters"]["required_status_checks"]
    assert required == [{"context": " / ".join(names), "integration_id": GITHUB_ACTIONS}]


@pytest.mark.parametrize(("file", "target"), [("default-branch", "branch"), ("tags", "tag")])
def test_a_ruleset_is_in_force_at_once_and_for_everybody(file: str, target: str) -> None:
    ruleset = json.loads((ROOT / f"docs/rulesets/{file}.json").read_text("utf-8"))
    assert (ruleset["target"], ruleset["enforcement"]) == (target, "active")
    assert ruleset["bypass_actors"] == []
    assert f"(rulesets/{file}.json)" in (ROOT / "docs/maintainer.md").read_text("utf-8")


def test_the_rules_of_the_ruleset_are_those_that_doctor_wants() -> None:
    ruleset = json.loads((ROOT / "docs/rulesets/default-branch.json").read_text("utf-8"))
    found = list(branch_rules.judge(ruleset["rules"], "there"))
    assert [finding.message for finding in found if finding.state is not State.GOOD] == []
    assert len(found) == 4
    for rule in ruleset["rules"]:  # and each of them counts
        others = [each for each in ruleset["rules"] if each is not rule]
        assert any(each.state is State.WRONG for each in branch_rules.judge(others, "there"))
