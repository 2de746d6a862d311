"""What a pull request's check says: `changes` on real repositories, `gate` on every result."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.house.workflows import WORKFLOWS

JOBS = WORKFLOWS["pull-request.yml"]["jobs"]
SET = "SIGNATURES/2026-02-09T07:41:13+00:00"
RESULTS = ("success", "failure", "cancelled", "skipped")
HOSTILE = "::error::\nsignatures=true\n$(touch x)"


class Repository:
    """A repository with a protected branch, main, and a change that is built upon it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("trusted.pub", "a key")
        self.write(f"{SET}/IMAGE", "an image")
        self.write("README.md", "what this is")
        self.commit()
        self.git("switch", "--quiet", "--create", "change")

    def git(self, *arguments: str) -> str:
        none = os.devnull
        who = {f"GIT_{w}_{k}": "nobody" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=os.environ | who | {"GIT_CONFIG_GLOBAL": none, "GIT_CONFIG_SYSTEM": none},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "…")

    def merge(self) -> None:
        """As GitHub does for refs/pull/N/merge, after the protected branch has gone on."""
        self.commit()
        self.git("switch", "--quiet", "main")
        self.write("SIGNATURES/2026-02-10T00:00:00+00:00/IMAGE", "of another change")
        self.commit()
        self.git("merge", "--quiet", "--no-ff", "--message", "…", "change")


def run(job: str, name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step's script, as the runner runs it."""
    (step,) = (step for step in JOBS[job]["steps"] if step.get("name") == name)
    assert set(step["env"]) == set(environment)  # nothing else from the outside reaches it
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GITHUB_OUTPUT": str(folder.parent / "output"),
            **environment,
        },
        capture_output=True,
        encoding="utf-8",
    )


def compared(folder: Path, event: str, target: str) -> str:
    """The output of `changes`, whole."""
    done = run("changes", "compare", folder, EVENT=event, TARGET=target)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return (folder.parent / "output").read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    return Repository(folder)


def _submodule(repository: Repository, path: str) -> None:
    """A commit of another repository, and git told not to look at it."""
    ignored = f'[submodule "s"]\n path = {path}\n url = ./s\n ignore = all\n'
    repository.write(".gitmodules", ignored)
    commit = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    (repository.folder / path).mkdir()


def _link(repository: Repository) -> None:
    (repository.folder / SET / "IMAGE").unlink()
    (repository.folder / SET / "IMAGE").symlink_to("../../trusted.pub")


def _folder(repository: Repository) -> None:
    repository.git("rm", "--quiet", "trusted.pub")
    repository.write("trusted.pub/x", "x")


SEEN: dict[str, Callable[[Repository], object]] = {
    "a set is added": lambda r: r.write("SIGNATURES/2026-03-01T00:00:00+00:00/IMAGE", "x"),
    "a merged set is changed": lambda r: r.write(f"{SET}/IMAGE", "x"),
    "a mode is changed": lambda r: (r.folder / SET / "IMAGE").chmod(0o755),
    "a file becomes a link": _link,
    "a submodule is added": lambda r: _submodule(r, f"{SET}/s"),
    "a submodule is the key's twin": lambda r: _submodule(r, "TRUSTED.PUB"),
    "the directory is renamed": lambda r: r.git("mv", "SIGNATURES", "elsewhere"),
    "the directory is removed": lambda r: r.git("rm", "-rq", "SIGNATURES"),
    "the key is changed": lambda r: r.write("trusted.pub", "another key"),
    "the key is removed": lambda r: r.git("rm", "--quiet", "trusted.pub"),
    "the key becomes a folder": _folder,
    "a name is hostile": lambda r: r.write(f"SIGNATURES/{HOSTILE}", "x"),
    "a name is another's in other case": lambda r: r.write("Signatures/x", "x"),
    "a key's name is another's in other case": lambda r: r.write("Trusted.pub", "x"),
}
UNDER_A_POLICY: dict[str, Callable[[Repository], object]] = {
    "the policy is changed": lambda r: r.write("policy.yml", "another"),
    "the policy is removed": lambda r: r.git("rm", "--quiet", "policy.yml"),
    "the policy gets a twin": lambda r: r.write("Policy.yml", "x"),
    "one of its keys is changed": lambda r: r.write("keys/alice.pub", "another key"),
    "something else is changed, which may be a key": lambda r: r.write("README.md", "x"),
}
UNSEEN: dict[str, Callable[[Repository], object]] = {
    "nothing": lambda r: None,
    "something else": lambda r: r.write("README.md", "x"),
    "a name begins alike": lambda r: r.write("SIGNATURES.md", "x"),
    "a name ends alike": lambda r: r.write("docs/SIGNATURES/x", "x"),
    "the key of a folder": lambda r: r.write("docs/trusted.pub", "x"),
    "a hostile name elsewhere": lambda r: r.write(HOSTILE, "x"),
    "attributes": lambda r: r.write(".gitattributes", "* -diff\n"),
}


@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
@pytest.mark.parametrize("what", [*SEEN, *UNSEEN])
def test_changes_says_whether_signatures_or_the_key_change(
    repository: Repository, what: str, event: str
) -> None:
    (SEEN | UNSEEN)[what](repository)
    repository.merge()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD^1")
    target = "refs/heads/main" if event == "merge_group" else ""
    answer = "true" if what in SEEN else "false"
    assert compared(repository.folder, event, target) == f"signatures={answer}\n"


@pytest.mark.parametrize("what", UNDER_A_POLICY)
def test_under_a_policy_everything_counts(repository: Repository, what: str) -> None:
    repository.git("switch", "--quiet", "main")
    repository.write("policy.yml", "a policy")
    repository.write("keys/alice.pub", "a key")
    repository.commit()
    repository.git("switch", "--quiet", "change")
    repository.git("merge", "--quiet", "main")
    UNDER_A_POLICY[what](repository)
    repository.merge()
    assert compared(repository.folder, "pull_request", "") == "signatures=true\n"


def test_a_policy_that_is_proposed_is_judged(repository: Repository) -> None:
    repository.write("policy.yml", "a policy")
    repository.merge()
    assert compared(repository.folder, "pull_request", "") == "signatures=true\n"


def test_in_a_merge_group_what_stands_before_in_the_queue_is_judged_too(
    repository: Repository,
) -> None:
    """The group's first parent is another entry of the queue; the branch is the base of both."""
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.write(f"{SET}/IMAGE", "of the entry before")
    repository.commit()
    repository.write("README.md", "of this one")
    repository.commit()
    seen = compared(repository.folder, "merge_group", "refs/heads/main")
    assert seen == "signatures=true\n"


def test_in_a_merge_group_what_the_branch_got_meanwhile_is_no_change(
    repository: Repository,
) -> None:
    repository.write("README.md", "x")
    repository.commit()
    repository.git("switch", "--quiet", "main")
    repository.write("trusted.pub", "the next key")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("switch", "--quiet", "change")
    seen = compared(repository.folder, "merge_group", "refs/heads/main")
    assert seen == "signatures=false\n"


@pytest.mark.parametrize(
    ("event", "target"),
    [("pull_request", ""), ("merge_group", "refs/heads/gone"), ("merge_group", "--all")],
)
def test_where_the_base_is_not_there_nothing_is_said(
    repository: Repository, event: str, target: str
) -> None:
    repository.git("switch", "--quiet", "main")
    root = run("changes", "compare", repository.folder, EVENT=event, TARGET=target)
    assert root.returncode != 0
    assert not (repository.folder.parent / "output").exists()


def test_verify_runs_where_changes_says_so() -> None:
    assert JOBS["verify"]["needs"] == "changes"
    assert JOBS["verify"]["if"] == "needs.changes.outputs.signatures == 'true'"
    outputs = {"signatures": "${{ steps.compare.outputs.signatures }}"}
    assert JOBS["changes"]["outputs"] == outputs


@pytest.mark.parametrize(
    ("changes", "signatures", "verify"),
    list(itertools.product(RESULTS, ("true", "false", ""), RESULTS)),
)
def test_gate_is_green_where_signatures_verify_or_none_change(
    tmp_path: Path, changes: str, signatures: str, verify: str
) -> None:
    done = run("gate", "decide", tmp_path, CHANGES=changes, SIGNATURES=signatures, VERIFY=verify)
    verified = changes == "success" and verify == "success"
    unchanged = (changes, signatures, verify) == ("success", "false", "skipped")
    assert (done.returncode == 0) is (verified or unchanged)
    assert ("::notice::" in done.stdout) is unchanged
    assert ("::error::" in done.stdout) is not (verified or unchanged)


def test_gate_always_reports() -> None:
    """A required check that is skipped, or never started, would block every merge or none."""
    assert JOBS["gate"]["if"] == "always()"
    assert JOBS["gate"]["needs"] == ["changes", "verify"]
    results = {"CHANGES": "changes.result", "SIGNATURES": "changes.outputs.signatures"}
    results |= {"VERIFY": "verify.result"}
    (step,) = JOBS["gate"]["steps"]
    assert step["env"] == {k: f"${{{{ needs.{value} }}}}" for k, value in results.items()}
    on = WORKFLOWS["pull-request.yml"]["on"]
    assert set(on) == {"pull_request", "merge_group"}
    # no filter of paths or branches; `edited`, since a new target branch starts nothing else
    assert on["pull_request"] == {"types": ["opened", "synchronize", "reopened", "edited"]}
    assert on["merge_group"] == ""
