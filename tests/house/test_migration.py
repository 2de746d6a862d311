"""docs/migrate.md, done as it says, on a repository made like those that it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.house import repository
from tests.house.repository import ROOT
from tests.shared import dangerzone

URL = "https://github.com/OWNER/ghcr-signer"
SETS = "9 of 9 entries in 3 sets verify"
# What such a repository has besides its signatures and its key; what is in these is its own affair.
OLD_FILES = {
    "ghcr-signer.py": "print('the old script')\n",
    "README.md": "# Our signatures\n",
    "SIGNATURES/README.md": "What this is\n",
    "mazette.toml": "[asset.cosign]\n",
    "mazette.lock": "{}\n",
    "trusted.pub.asc": "a signature of the key\n",
    ".gitignore": "assets/\n",
    ".github/workflows/verify-signatures.yml": "run: uv run ./ghcr-signer.py verify-local\n",
    ".github/workflows/publish-signatures.yml": "run: uv run ./ghcr-signer.py publish\n",
}


@dataclass(frozen=True, slots=True)
class Fork:
    """A clone of such a repository, its origin, and this software as a remote that it can fetch."""

    folder: Path
    environment: dict[str, str]
    commit: str

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def follow(self) -> str:
        """Every sh block of the document, one after the other, in one shell; what they print."""
        text = (ROOT / "docs" / "migrate.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        return self.run("sh", "-euxc", "".join(blocks).replace("<commit>", self.commit))


@pytest.fixture
def fork(tmp_path: Path) -> Fork:
    software, origin, folder = (tmp_path / name for name in ("software", "origin", "fork"))
    programs = tmp_path / "programs"
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": sys.prefix,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "3",
        "GIT_CONFIG_KEY_0": f"url.{software.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
        "GIT_CONFIG_KEY_1": "user.name",
        "GIT_CONFIG_VALUE_1": "Somebody",
        "GIT_CONFIG_KEY_2": "user.email",
        "GIT_CONFIG_VALUE_2": "somebody@example.org",
    }

    def git(where: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=where, env=environment, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit_all(where: Path) -> str:
        git(where, "init", "--quiet", "--initial-branch", "main")
        git(where, "add", "--all")
        git(where, "commit", "--quiet", "--message", "As it is")
        return git(where, "rev-parse", "HEAD")

    for path in repository.files():
        target = software / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    commit = commit_all(software)

    shutil.copytree(dangerzone(), folder, copy_function=shutil.copyfile)
    for name, content in OLD_FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    commit_all(folder)
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(origin))
    git(folder, "remote", "add", "origin", str(origin))

    # the real uv, offline: this environment serves as the one that it would make for the script
    programs.mkdir()
    uv = programs / "uv"
    options = "--offline --no-config --no-sync --active --script"
    uv.write_text(
        f'#!/bin/sh\n[ "$1" = run ] && shift && exec "{sys.executable}" -m uv run {options} "$@"\n'
    )
    uv.chmod(0o755)
    return Fork(folder, environment, commit)


def test_the_walk_over_verifies_every_set_and_keeps_what_is_the_fork_s(fork: Fork) -> None:
    assert SETS in fork.follow()
    kept = [name for name in OLD_FILES if name not in ("ghcr-signer.py", ".gitignore")]
    changed = fork.run("git", "diff", "--name-status", "main", "HEAD", "--", "SIGNATURES", *kept)
    assert changed == ""
    assert fork.run("git", "diff", "--name-status", "main", "HEAD", "--", "trusted.pub") == ""
    assert fork.run("git", "show", "HEAD:.gitignore").startswith("assets/\n")


def test_the_walk_over_ends_with_a_clean_tree_on_the_origin(fork: Fork) -> None:
    fork.follow()
    assert fork.run("git", "status", "--porcelain") == ""
    assert fork.run("git", "rev-parse", "@{upstream}") == fork.run("git", "rev-parse", "HEAD")
    (fork.folder / ".venv").mkdir()
    (fork.folder / ".venv" / "pyvenv.cfg").touch()
    (fork.folder / ".ghcr-signer-tmp-x").mkdir()
    (fork.folder / ".ghcr-signer-tmp-x" / "file").touch()
    assert fork.run("git", "status", "--porcelain") == ""


def test_afterwards_the_old_workflows_commands_work(fork: Fork) -> None:
    fork.follow()
    assert SETS in fork.run("uv", "run", "./ghcr-signer.py", "verify-local")
    done = subprocess.run(
        ["uv", "run", "./ghcr-signer.py", "publish"],
        cwd=fork.folder,
        env=fork.environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, "GS1207" in done.stdout) == (2, True)


def test_afterwards_the_fork_has_all_that_setting_up_needs(fork: Fork, tmp_path: Path) -> None:
    fork.follow()
    assert os.access(fork.folder / "scripts" / "setup", os.X_OK)
    needed = re.findall(r"requirements/[a-z]+\.txt", (ROOT / "scripts" / "setup").read_text())
    assert needed
    assert all((fork.folder / name).is_file() for name in needed)
    assert repository.build_wheel(fork.folder, tmp_path).is_file()
