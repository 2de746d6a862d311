"""doctor: what it sees in a repository that is set up as the documents say, and in others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import stand_in
from tests.forge import SET, Log, Signer, entry, write
from tests.git_repository import Repository
from tests.house.repository import ROOT
from tests.peers import faulty, github_api, github_settings, tools
from tests.peers.faulty import Answer, Faulty
from tests.peers.github_api import NAME, PREFIX, GitHub
from tests.peers.process import free_port

from ghcr_signer import cli
from ghcr_signer.peers.installation import Software
from ghcr_signer.transfer.clone_setup import Workflows

ALICE = Signer()
RULESET = ROOT / "docs" / "rulesets" / "default-branch.json"
RELEASED = Software("founders/ghcr-signer", "1a" * 20, "v1.2.3")
WORKFLOW = ".github/workflows/signatures.yml"
Found = dict[str, dict[str, Any]]
Doctor = Callable[..., Found]


@pytest.fixture
def root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A repository that init has written into, and a cosign that has PIV."""
    root = tmp_path / "project"
    Repository(root).git("remote", "add", "origin", f"https://github.com/{NAME}")
    (tmp_path / "alice.pub").write_bytes(ALICE.pem)
    monkeypatch.chdir(root)
    monkeypatch.setattr("ghcr_signer.commands.init.installed", lambda: RELEASED)
    assert cli.run(["init", "--key", "../alice.pub", "--owner", "@acme/signers"]) == 0
    capsys.readouterr()
    stand_in.cosign(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return root


@pytest.fixture
def github() -> GitHub:
    found = GitHub()
    found.settings = github_settings.settings(RULESET)
    return found


@pytest.fixture
def server(github: GitHub) -> Iterator[Faulty]:
    with faulty.serve(respond=github) as server:
        yield server


@pytest.fixture
def doctor(root: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Its findings by their names, worst state first where two have one name."""

    def run(*arguments: str, code: int | None = None) -> Found:
        ended = cli.run(["doctor", *arguments, "--format", "json"])
        report = json.loads(capsys.readouterr().out)
        states = {each["state"] for each in report.get("findings", [])}
        assert ended == (code if code is not None else int("wrong" in states)), report
        found: Found = {}
        for each in report.get("findings", []):
            if found.get(each["name"], each)["state"] != "wrong" or each["state"] == "wrong":
                found[each["name"]] = each
        return found

    return run


@pytest.fixture
def online(doctor: Doctor, server: Faulty, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.setenv("GITHUB_API_URL", f"http://{server.host}{PREFIX}")
    monkeypatch.setenv("GH_TOKEN", github_api.TOKEN)
    return doctor


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


# What init has written, and the ruleset that is imported, is what doctor wants


def test_what_init_writes_is_well(doctor: Doctor) -> None:
    found = doctor()
    assert {name: each["state"] for name, each in found.items()} == {
        "git": "good",
        "cosign": "good",
        "SIGNATURES": "good",
        "trust": "good",
        "keys": "good",
        ".gitattributes": "good",
        "CODEOWNERS": "good",
        "updates": "good",
        "workflows: verify": "good",
        "workflows: publish": "good",
        "workflows: pins": "good",
        "GitHub": "unknown",
    }
    assert "GH_TOKEN=" in found["GitHub"]["fix"]


def test_the_settings_that_the_documents_ask_for_are_well(online: Doctor) -> None:
    found = online()
    assert {name for name, each in found.items() if each["state"] != "good"} == {"packages: access"}
    assert {name for name in found if name.startswith("rules: ")} == {
        f"rules: {name}" for name in ("reviews", "merging", "checks", "history", "bypass")
    }


def test_a_person_reads_what_is_wrong_last(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ".github/CODEOWNERS").unlink()
    assert cli.run(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert shown.index("✓ trust:") < shown.index("? GitHub:") < shown.index("✗ GS1503")
    assert shown.endswith("10 well, 1 wrong, 1 could not be seen\n")


# The files


def _without(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def _with(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: append(root / name, text)


def _in_place(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


def _set(root: Path) -> None:
    name, files = entry([ALICE], log=Log())
    write(root, {SET: {name: files}, "not a set": {name: files}})


PIN = RELEASED.commit
SOON = f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%dT%H:%M:%SZ}"
LATER = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%dT%H:%M:%SZ}"
KEY = "{path: keys/alice.pub"


@pytest.mark.parametrize(
    ("change", "name", "code"),
    [
        (_without("policy.yml"), "trust", "GS1501"),
        (_without("keys/alice.pub"), "trust", "GS1501"),
        (_with("policy.yml", "oops: 1\n"), "trust", "GS1501"),
        (_set, "SIGNATURES", "GS1501"),
        (_in_place("policy.yml", KEY, f"{KEY}, rotateAfter: {SOON}"), "keys", "GS1502"),
        (_in_place("policy.yml", KEY, f"{KEY}, notAfter: 2020-01-01T00:00:00Z"), "keys", "GS1502"),
        (_without(".gitattributes"), ".gitattributes", "GS1503"),
        (_with(".gitattributes", "* text=auto\n"), ".gitattributes", "GS1503"),
        (_with(".gitattributes", "PAYLOAD_BLOB filter=lfs\n"), ".gitattributes", "GS1503"),
        (_with(".gitattributes", "* ident\n"), ".gitattributes", "GS1503"),
        (_without(".github/CODEOWNERS"), "CODEOWNERS", "GS1503"),
        (_with(".github/CODEOWNERS", "/keys/\n"), "CODEOWNERS", "GS1503"),
        (_with(".github/CODEOWNERS", "*.yml\n"), "CODEOWNERS", "GS1503"),
        (_with(".github/CODEOWNERS", "CODEOWNERS\n"), "CODEOWNERS", "GS1503"),
        (_in_place(".github/CODEOWNERS", "@acme/signers", "@OWNER"), "CODEOWNERS", "GS1503"),
        (_in_place(".github/CODEOWNERS", "@acme/signers", "acme"), "CODEOWNERS", "GS1503"),
        (_without(".github/dependabot.yml"), "updates", "GS1503"),
        (_in_place(WORKFLOW, f"verify.yml@{PIN}", "verify.yml@v1"), "workflows: pins", "GS1504"),
        (_in_place(WORKFLOW, PIN, PIN[:39]), "workflows: pins", "GS1504"),
        (_in_place(WORKFLOW, "/verify.yml@", "/other.yml@"), "workflows: verify", "GS1504"),
        (_without(WORKFLOW), "workflows: publish", "GS1504"),
    ],
)
def test_what_is_wrong_in_the_files_is_named(
    root: Path, doctor: Doctor, change: Callable[[Path], None], name: str, code: str
) -> None:
    before = {n for n, each in doctor().items() if each["state"] == "wrong"}
    assert before == set()
    change(root)
    found = doctor()
    assert found[name]["code"] == code
    assert found[name]["fix"]


@pytest.mark.parametrize(
    "change",
    [
        _in_place("policy.yml", KEY, f"{KEY}, rotateAfter: {LATER}"),
        _with(".gitattributes", "*.md text\n"),
        _with(".github/CODEOWNERS", "/docs/\n"),
        _in_place(WORKFLOW, "permissions: {}", "permissions: {} # uses: a/b@v1"),
        lambda root: (root / ".github/dependabot.yml").rename(root / "renovate.json"),
    ],
)
def test_what_does_no_harm_is_well(
    root: Path, doctor: Doctor, change: Callable[[Path], None]
) -> None:
    change(root)
    assert {n for n, each in doctor().items() if each["state"] == "wrong"} == set()


def test_only_a_signer_needs_cosign(root: Path, doctor: Doctor) -> None:
    (root.parent / "cosign").write_text("#!/bin/sh\nexit 1\n")
    assert "does not tell its version" in doctor()["cosign"]["message"]
    (root.parent / "cosign").unlink()
    assert doctor()["cosign"]["state"] == "unknown"


@pytest.mark.parametrize("program", ["cosign2", "cosign3"])
def test_a_real_cosign_tells_that_it_has_no_piv(root: Path, doctor: Doctor, program: str) -> None:
    (root.parent / "cosign").unlink()
    (root.parent / "cosign").symlink_to(tools.find(program))
    found = doctor()["cosign"]
    assert found["state"] == "unknown"
    assert "built without support for security keys" in found["message"]


@pytest.mark.parametrize(("version", "state"), [("2.35.9", "wrong"), ("2.36.0", "good")])
def test_an_old_git_is_named(root: Path, doctor: Doctor, version: str, state: str) -> None:
    real = shutil.which("git")
    script = f"for last; do :; done; [ $last = version ] && exec echo git version {version}"
    (root.parent / "git").write_text(f'#!/bin/sh\n{script}\nexec {real} "$@"\n')
    (root.parent / "git").chmod(0o755)
    assert doctor()["git"]["state"] == state


def test_outside_a_repository_it_says_so(
    root: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    assert doctor(code=2) == {}


# GitHub


def _pull_request(github: GitHub) -> dict[str, Any]:
    (found,) = (r for r in github.settings[github_settings.RULES] if r["type"] == "pull_request")
    parameters: dict[str, Any] = found["parameters"]
    return parameters


def _checks(github: GitHub) -> dict[str, Any]:
    rules = github.settings[github_settings.RULES]
    (found,) = (rule for rule in rules if rule["type"] == "required_status_checks")
    parameters: dict[str, Any] = found["parameters"]
    return parameters


def _drop(kind: str) -> Callable[[GitHub], None]:
    def change(github: GitHub) -> None:
        rules = github.settings[github_settings.RULES]
        rules[:] = [rule for rule in rules if rule["type"] != kind]

    return change


def _put(path: str, **words: Any) -> Callable[[GitHub], None]:
    return lambda github: github.settings[path].update(words)


ACTOR = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
ERROR = {"line": 7, "column": 3, "kind": "Unknown owner", "path": "CODEOWNERS"}
ERROR["message"] = "Unknown owner on line 7: make sure @x exists\n\n  * @x\n    ^"


@pytest.mark.parametrize(
    ("change", "name", "code"),
    [
        (_drop("pull_request"), "rules: reviews", "GS1506"),
        (_drop("required_status_checks"), "rules: checks", "GS1506"),
        (_drop("non_fast_forward"), "rules: history", "GS1506"),
        (_drop("deletion"), "rules: history", "GS1506"),
        (
            lambda g: _pull_request(g).update(required_approving_review_count=0),
            "rules: reviews",
            "GS1506",
        ),
        (
            lambda g: _pull_request(g).update(require_code_owner_review=False),
            "rules: reviews",
            "GS1506",
        ),
        (
            lambda g: _pull_request(g).update(dismiss_stale_reviews_on_push=False),
            "rules: reviews",
            "GS1506",
        ),
        (
            lambda g: _pull_request(g).pop("require_last_push_approval"),
            "rules: reviews",
            "GS1506",
        ),
        (
            lambda g: _pull_request(g)["allowed_merge_methods"].append("rebase"),
            "rules: merging",
            "GS1506",
        ),
        (lambda g: _pull_request(g).pop("allowed_merge_methods"), "rules: merging", "GS1506"),
        (
            lambda g: _checks(g).update(strict_required_status_checks_policy=False),
            "rules: checks",
            "GS1506",
        ),
        (
            lambda g: _checks(g)["required_status_checks"][0].pop("integration_id"),
            "rules: checks",
            "GS1506",
        ),
        (
            lambda g: _checks(g)["required_status_checks"][0].update(context="tests"),
            "rules: checks",
            "GS1506",
        ),
        (_put(github_settings.BYPASS, bypass_actors=[ACTOR]), "rules: bypass", "GS1506"),
        (_put(github_settings.ERRORS, errors=[ERROR]), "CODEOWNERS on GitHub", "GS1503"),
        (
            _put(github_settings.TOKEN, default_workflow_permissions="write"),
            "Actions: token",
            "GS1507",
        ),
    ],
)
def test_what_is_wrong_in_the_settings_is_named(
    online: Doctor, github: GitHub, change: Callable[[GitHub], Any], name: str, code: str
) -> None:
    change(github)
    found = online()
    also = {"rules: merging"} if name == "rules: reviews" else set()  # a pull request's, too
    assert {n for n, each in found.items() if each["state"] == "wrong"} - also == {name} - also
    assert found[name]["code"] == code
    assert "/settings/" in found[name]["fix"] or "CODEOWNERS" in found[name]["fix"]


def test_a_queue_brings_the_branch_up_to_date_itself(online: Doctor, github: GitHub) -> None:
    _checks(github).update(strict_required_status_checks_policy=False)
    github.settings[github_settings.RULES].append({"type": "merge_queue", "ruleset_id": 41})
    assert online()["rules: checks"]["state"] == "good"


def test_of_two_rulesets_the_stricter_counts(online: Doctor, github: GitHub) -> None:
    lax = {"required_approving_review_count": 0, "allowed_merge_methods": ["rebase", "squash"]}
    github.settings[github_settings.RULES].append(
        {"type": "pull_request", "parameters": lax, "ruleset_id": 41}
    )
    found = online()
    assert found["rules: reviews"]["state"] == "good"
    assert found["rules: merging"]["message"] == "by squash"


def test_a_repository_that_knows_no_rebase_needs_no_rule_for_it(
    online: Doctor, github: GitHub
) -> None:
    _pull_request(github).pop("allowed_merge_methods")
    github.settings[github_settings.REPOSITORY]["allow_rebase_merge"] = False
    assert online()["rules: merging"]["state"] == "good"


def test_who_may_bypass_is_unknown_where_it_is_not_told(online: Doctor, github: GitHub) -> None:
    del github.settings[github_settings.BYPASS]["bypass_actors"]
    assert online()["rules: bypass"]["state"] == "unknown"


def test_collect_needs_to_open_pull_requests(root: Path, online: Doctor, github: GitHub) -> None:
    call = f"    uses: founders/ghcr-signer/.github/workflows/collect.yml@{PIN}\n"
    (root / ".github/workflows/collect.yml").write_text(f"jobs:\n  collect:\n{call}")
    assert online()["Actions: pull requests"]["code"] == "GS1507"
    github.settings[github_settings.TOKEN]["can_approve_pull_request_reviews"] = True
    assert online()["Actions: pull requests"]["state"] == "good"


ASKED = ("      # environment: publish", "      environment: publish")


def test_an_environment_that_is_named_asks_somebody(
    root: Path, online: Doctor, github: GitHub
) -> None:
    assert "environment publish" not in online()
    _in_place(WORKFLOW, *ASKED)(root)
    assert online()["environment publish"]["state"] == "good"
    environment = github.settings[github_settings.ENVIRONMENT]
    environment["protection_rules"][0]["reviewers"] = []
    assert online()["environment publish"]["code"] == "GS1507"
    del github.settings[github_settings.ENVIRONMENT]
    assert "GitHub makes a missing one" in online()["environment publish"]["message"]
    github.settings[github_settings.ENVIRONMENT] = Answer(403, b'{"message": "no"}')
    assert online()["environment publish"]["state"] == "unknown"


def test_a_line_without_an_end_takes_no_time_without_an_end(root: Path) -> None:
    path = root / WORKFLOW
    path.write_text(f"{path.read_text()}\n      environment: a{' ' * 900_000}!\n")
    assert Workflows.read(root).environments == ()


def test_packages_that_only_some_can_read_are_named_with_their_settings(
    online: Doctor, github: GitHub
) -> None:
    found = online()["packages: visibility"]
    assert found["message"] == "everybody can read app, deep/tool"
    github.settings[github_settings.PACKAGES][1]["visibility"] = "private"
    found = online()["packages: visibility"]
    assert found["state"] == "unknown"
    page = "https://github.com/orgs/acme/packages/container/deep%2Ftool/settings"
    assert page in found["fix"]
    assert "container/app/settings" not in found["fix"]
    assert page in online()["packages: access"]["fix"]


def test_what_the_token_is_not_told_is_unknown(online: Doctor, github: GitHub) -> None:
    told = github.settings[github_settings.REPOSITORY]
    denied = Answer(403, json.dumps(github_settings.FORBIDDEN).encode())
    github.settings = dict.fromkeys(github.settings, denied)
    github.settings[github_settings.REPOSITORY] = told
    found = online()
    names = {"rules", "CODEOWNERS on GitHub", "Actions: token", "packages"}
    for name in names:
        assert found[name]["state"] == "unknown"
        assert "403 Resource not accessible" in found[name]["message"]
        assert "or by yourself: http" in found[name]["fix"]


def test_a_token_that_is_none_leaves_github_unknown(
    online: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "expired")
    found = online()
    assert found["GitHub"]["state"] == "unknown"
    assert "401" in found["GitHub"]["message"]
    assert "expired" not in json.dumps(found)


def test_where_github_does_not_answer_it_says_so_at_once(
    online: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{free_port()}")
    assert "no answer" in online()["GitHub"]["message"]


@pytest.mark.parametrize("name", ["acme", "acme/..", "../acme", "acme/a b"])
def test_what_is_no_repository_s_name_is_refused(online: Doctor, name: str) -> None:
    assert online("--github", name, code=2) == {}


@pytest.mark.parametrize(("seconds", "state"), [(-200, "good"), (400, "wrong"), (-400, "wrong")])
def test_this_machine_s_clock_is_compared(
    online: Doctor, github: GitHub, seconds: int, state: str
) -> None:
    theirs = datetime.now(UTC) - timedelta(seconds=seconds)
    date = f"{theirs:%a, %d %b %Y %H:%M:%S} GMT"
    about = json.dumps(github.settings[github_settings.REPOSITORY]).encode()
    github.settings[github_settings.REPOSITORY] = Answer(200, about, {"Date": date})
    assert online()["clock"]["state"] == state


def test_the_token_goes_to_the_api_alone(
    root: Path, online: Doctor, server: Faulty, github: GitHub
) -> None:
    Repository(root).git("remote", "set-url", "origin", "https://evil.example/acme/signatures")
    found = online()
    assert found["GitHub"]["state"] == "unknown"
    assert github.count == 0
    assert online("--github", NAME)["GitHub"]["state"] == "good"
    assert github.count > 0


@pytest.mark.parametrize("nonsense", [[], {}, "x", 7, [7], {"errors": 7}, [{"type": 7}]])
def test_nonsense_from_an_api_is_no_traceback(
    root: Path, online: Doctor, github: GitHub, nonsense: Any
) -> None:
    _in_place(WORKFLOW, *ASKED)(root)
    about = github.settings[github_settings.REPOSITORY]
    github.settings = dict.fromkeys(github.settings, nonsense)
    online()
    github.settings[github_settings.REPOSITORY] = about
    online()
