"""Repositories made with git, and clones of them as actions/checkout makes them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "somebody@example.com" for who in ("AUTHOR", "COMMITTER")},
}
ALL_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"


@dataclass(frozen=True, slots=True)
class Clone:
    """A repository with a work tree."""

    folder: Path

    def git(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            ["git", "-C", self.folder, *arguments],
            env=ENVIRONMENT,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.strip()

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def commit(self, files: Mapping[str, bytes | None] | None = None) -> str:
        """Write the files (None: remove it), commit all that is in the work tree."""
        for name, content in (files or {}).items():
            path = self.folder / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")
        return self.head

    def branch(self, name: str, start: str = "main") -> None:
        self.git("switch", "--quiet", "--create", name, start)

    def merge(self, *names: str, into: str = "main") -> str:
        """Merge branches into another, one merge commit each; leaves that one checked out."""
        self.git("switch", "--quiet", into)
        for name in names:
            self.git("merge", "--quiet", "--no-ff", "--message", f"merge {name}", name)
        return self.head


def create(folder: Path) -> Clone:
    """An empty repository, on `main`."""
    folder.mkdir(parents=True)
    made = Clone(folder)
    made.git("init", "--quiet", "--initial-branch", "main")
    return made


def pull_request(origin: Clone, branch: str, base: str = "main") -> str:
    """refs/pull/1/merge, as GitHub makes it; returns the pull request's head."""
    head = origin.git("rev-parse", branch)
    origin.git("switch", "--quiet", "--detach", base)
    origin.git("merge", "--quiet", "--no-ff", "--message", "merge", branch)
    origin.git("update-ref", "refs/pull/1/merge", "HEAD")
    origin.git("switch", "--quiet", "main")
    return head


def check_out(
    origin: Clone, folder: Path, *refspecs: str, at: str, depth: int = 0, branch: str = ""
) -> Clone:
    """What actions/checkout does: one fetch for each refspec, then the commit, or a branch."""
    made = create(folder)
    made.git("remote", "add", "origin", f"file://{origin.folder}")
    for refspec in refspecs:
        made.git("fetch", "--quiet", *([f"--depth={depth}"] if depth else []), "origin", refspec)
    made.git("checkout", "--quiet", "--force", *(["-B", branch] if branch else []), at)
    return made


def check_out_main(origin: Clone, folder: Path, *further: str) -> Clone:
    """Every branch with all its history; on `main`."""
    return check_out(
        origin, folder, ALL_BRANCHES, *further, at="refs/remotes/origin/main", branch="main"
    )


def check_out_merge(origin: Clone, folder: Path, depth: int = 2) -> Clone:
    """The merge of a pull request."""
    ref = "refs/remotes/pull/1/merge"
    return check_out(origin, folder, f"+refs/pull/1/merge:{ref}", at=ref, depth=depth)
