"""A project of the tests: a repository with a policy and sets, and a registry with the images."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghcr_signer.commands import publish, verify
from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.report import json as json_report
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress
from tests import forge
from tests.peers import images

IMAGE = "ghcr.io/acme/app"
OLD, NEW, NEWEST = (f"2026-11-{day}T12:00:00+00:00" for day in (10, 11, 12))


@dataclass
class Project:
    """A repository with a policy and sets, and a registry that holds the images."""

    root: Path
    host: str
    requests: list[str]
    alice: forge.Signer = field(default_factory=forge.Signer)
    bob: forge.Signer = field(default_factory=forge.Signer)
    digests: dict[str, str] = field(default_factory=dict)

    def trusts(self, *names: str, **more: object) -> None:
        """A policy of these signers."""
        for name in names:
            (self.root / f"{name}.pub").write_bytes(getattr(self, name).pem)
        authorities = [{"name": name, "key": {"path": f"{name}.pub"}} for name in names]
        rule = {
            "name": "app",
            "images": [{"glob": "ghcr.io/acme/**"}],
            "authorities": authorities,
            "transparencyLog": "optional",
        }
        policy = {"version": 1, "rules": [rule], **more}
        (self.root / "policy.yml").write_text(json.dumps(policy))  # which is YAML too

    def add(self, set_name: str, by: forge.Signer, tags: Sequence[str] = ()) -> Path:
        """A set of one entry for an image of its own; returns the entry's folder."""
        image = images.build(set_name)
        images.push(self.host, "acme/app", image)
        self.digests[set_name] = image.digest
        name, files = forge.entry([by], IMAGE, image.digest.removeprefix("sha256:"), tags=tags)
        self.requests.clear()
        return forge.write(self.root, {set_name: {name: files}}) / set_name / name

    def publish(
        self, *, sets: Sequence[str] = (), since: str | None = None, dry_run: bool = False
    ) -> Report:
        options = publish.Options(
            directory=self.root / "SIGNATURES",
            trust=TrustOptions(),
            sets=tuple(sets),
            commit="HEAD" if since is not None else None,
            since=since,
            dry_run=dry_run,
            registry_map={"ghcr.io": self.host},
            username=None,
            password=None,
            environment={},
        )
        report = publish.run(options, Progress())
        "".join(json_report.render(report))  # which holds it to its schema
        return report

    def verify(self, base: str) -> Report:
        """What HEAD does to a base."""
        options = verify.Options(
            directory=self.root / "SIGNATURES",
            trust=TrustOptions(),
            sets=(),
            registry=None,
            commit=None,
            base=base,
            environment={},
        )
        report = verify.run(options, Progress())
        "".join(json_report.render(report))
        return report

    def commit(self) -> str:
        """Commit what is there; returns the commit."""
        if not (self.root / ".git").exists():
            self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "…")
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        who = {f"GIT_{w}_{k}": "nobody" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
        none = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | who | none,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout.strip()

    @property
    def signed(self) -> list[str]:
        """The sets whose signatures were uploaded."""
        return [
            name
            for name, digest in self.digests.items()
            if f"PUT /v2/acme/app/manifests/{digest.replace(':', '-')}.sig" in self.requests
        ]
