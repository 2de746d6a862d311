"""A signer: a clone, a git configuration of their own, and two repositories on disk that their git
takes for GitHub's: upstream, and perhaps a fork of it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghcr_signer.commands import push, verify
from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.core.policy import Requirement
from ghcr_signer.report import json as json_report
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress
from tests import forge

HUB = "https://github.com/"
UPSTREAM, FORK = "acme/signatures", "signer/signatures"
IMAGE = "ghcr.io/acme/app"
SET = "2026-11-20T12:00:00+00:00"
BRANCH = "ghcr-signer/2026-11-20T12-00-00Z"
TRUST = TrustOptions(transparency_log=Requirement.OPTIONAL)


@dataclass
class Signer:
    """`folder` holds everything; `clone` is the signer's clone of upstream."""

    folder: Path
    key: forge.Signer = field(default_factory=forge.Signer)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Upstream has a commit with the trusted key; the clone is fresh."""
        home = self.folder / "home"
        home.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        self.environment["GIT_CONFIG_NOSYSTEM"] = "1"
        for name, value in {
            "user.name": "A Signer",
            "user.email": "signer@example.com",
            "init.defaultBranch": "main",
            f"url.{(self.folder / 'hub').as_uri()}/.insteadOf": HUB,
        }.items():
            self.git("config", "--global", name, value, at=home)
        self.make(UPSTREAM)
        maker = self.folder / "maker"
        self.git("init", "--quiet", str(maker), at=home)
        (maker / "trusted.pub").write_bytes(self.key.pem)
        (maker / "README.md").write_bytes(b"Signatures\n")
        self.merge(maker)
        self.git("clone", "--quiet", f"{HUB}{UPSTREAM}", str(self.clone), at=home)

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    def bare(self, name: str) -> Path:
        """A repository on the hub."""
        return self.folder / "hub" / name

    def make(self, name: str) -> Path:
        """A new repository on the hub."""
        self.git("init", "--quiet", "--bare", str(self.bare(name)), at=self.folder)
        return self.bare(name)

    def fork(self, remote: str | None = None) -> Path:
        """A fork of upstream, and a remote for it."""
        bare = self.bare(FORK)
        self.git("clone", "--quiet", "--bare", str(self.bare(UPSTREAM)), str(bare), at=self.folder)
        if remote:
            self.git("remote", "add", remote, f"{HUB}{FORK}")
        return bare

    def refuse(self, name: str = UPSTREAM) -> None:
        """From now on the hub refuses every push there."""
        self.hook(name, "pre-receive", "echo 'not here' >&2; exit 1")

    def hook(self, name: str, event: str, script: str) -> Path:
        """What the hub runs at an event there; the hook."""
        hook = self.bare(name) / "hooks" / event
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)
        return hook

    def merge(self, maker: Path | None = None, **files: bytes) -> str:
        """Somebody commits to upstream's default branch; returns the commit."""
        maker = maker or self.folder / "maker"
        for name, content in files.items():
            (maker / name).write_bytes(content)
        self.git("add", "--all", "--force", at=maker)
        self.git("commit", "--quiet", "--message", "…", at=maker)
        self.git("push", "--quiet", f"{HUB}{UPSTREAM}", "HEAD:main", at=maker)
        return self.git("rev-parse", "HEAD", at=maker)

    def write(
        self,
        name: str = SET,
        *,
        by: Sequence[forge.Signer] = (),
        optional: Mapping[str, object] | None = None,
    ) -> dict[str, bytes]:
        """Write a good set of one entry into the clone; its files, by their paths in the clone."""
        entry, files = forge.entry(by or [self.key], IMAGE, tags=["latest"], optional=optional)
        forge.write(self.clone, {name: {entry: files}})
        return {f"SIGNATURES/{name}/{entry}/{file}": files[file] for file in files}

    def push(
        self,
        name: str = SET,
        *,
        at: Path | None = None,
        progress: Progress | None = None,
        trust: TrustOptions = TRUST,
        **environment: str,
    ) -> Report:
        """`ghcr-signer push` of a set in the clone, or in another directory."""
        path = (at or self.clone / "SIGNATURES") / name
        options = push.Options(path, trust, {**self.environment, **environment})
        try:
            report = push.run(options, progress or Progress())
        except Exception as error:
            report = Report.of_error("push", error)
        "".join(json_report.render(report))  # which holds it to its schema
        return report

    def verify(self, commit: str, trust: TrustOptions = TRUST) -> Report:
        """What CI says of a commit."""
        self.git("fetch", "--quiet", "origin")
        options = verify.Options(
            directory=self.clone / "SIGNATURES",
            trust=trust,
            sets=(),
            registry=None,
            commit=commit,
            base="origin/main",
            environment={},
        )
        return verify.run(options, Progress())

    def branches(self, name: str = UPSTREAM) -> dict[str, str]:
        """The branches of a repository on the hub, and their commits."""
        said = self.git(
            "for-each-ref",
            "--format=%(refname:short) %(objectname)",
            "refs/heads",
            at=self.bare(name),
        )
        return {
            branch: commit for branch, _, commit in (x.partition(" ") for x in said.splitlines())
        }

    def files(self, commit: str, name: str = UPSTREAM) -> dict[str, bytes]:
        """What a commit on the hub adds to its parent: contents by their paths."""
        bare = self.bare(name)
        said = self.git("diff-tree", "-r", "--raw", "--no-abbrev", f"{commit}^", commit, at=bare)
        found = {}
        for line in said.splitlines():
            what, _, path = line.partition("\t")
            _, mode, _, blob, status = what.split()
            assert (mode, status) == ("100644", "A"), line
            found[path] = self.bytes("cat-file", "blob", blob, at=bare)
        return found

    @property
    def state(self) -> tuple[str, ...]:
        """What is the signer's own in the clone: work tree, index, HEAD, branches, stashes."""
        return (
            self.git("status", "--porcelain=v2", "--ignored"),
            self.git("ls-files", "--stage"),
            self.git("for-each-ref", "refs/heads", "refs/tags", "refs/stash"),
            (self.clone / ".git" / "HEAD").read_text(),
        )

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """What the signer's git says, in the clone."""
        return self.bytes(*arguments, at=at).decode().rstrip("\n")

    def bytes(self, *arguments: str, at: Path | None = None) -> bytes:
        done = subprocess.run(
            ["git", *arguments], cwd=at or self.clone, env=self.environment, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


class Heads(Mapping[str, str]):
    """The branches of a repository on the hub, as the stand-in for GitHub's API has its refs."""

    def __init__(self, signer: Signer, name: str = UPSTREAM) -> None:
        self._signer, self._name = signer, name

    def _now(self) -> dict[str, str]:
        branches = self._signer.branches(self._name)
        return {f"heads/{branch}": commit for branch, commit in branches.items()}

    def __getitem__(self, ref: str) -> str:
        """The commit of heads/BRANCH."""
        return self._now()[ref]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._now())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._now())


def codes_of(report: Report) -> list[str]:
    """The codes of what failed."""
    return [failure.code.id for failure in report.all_failures]
