"""Somebody who runs ghcr-signer: a folder of theirs, no settings, no way to the internet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop.terminal import Terminal
from tests.peers import cosign

PROGRAM = (sys.executable, "-m", "ghcr_signer")
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The report, where --format json was asked for."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@dataclass(frozen=True, slots=True)
class User:
    folder: Path

    @property
    def signatures(self) -> Path:
        return self.folder / "SIGNATURES"

    @property
    def entries(self) -> dict[str, Path]:
        """The entries of all sets, by digest."""
        return {f"sha256:{path.name}": path for path in self.signatures.glob("*/*")}

    @property
    def has_nothing_new(self) -> bool:
        """Whether no set, no part of one and no temporary file was left."""
        left = [path.name for path in self.folder.glob(".ghcr-signer*")]
        return not left and not any(self.signatures.glob("*"))

    def run(self, *arguments: str | Path, environment: Mapping[str, str] = cosign.NOTHING) -> Done:
        """Run ghcr-signer where no terminal is."""
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def does(self, *arguments: str | Path, environment: Mapping[str, str] = cosign.NOTHING) -> Done:
        """Run it, and expect that all goes well."""
        done = self.run(*arguments, environment=environment)
        assert done.code == 0, f"{arguments}: exit {done.code}\n{done.stdout}\n{done.stderr}"
        return done

    def at_terminal(
        self, *arguments: str | Path, environment: Mapping[str, str] = cosign.NOTHING
    ) -> Terminal:
        """Run it at a terminal."""
        plain = {"NO_COLOR": "1", "TERM": "dumb"}
        return Terminal(
            [*PROGRAM, *arguments], self.folder, self._environment({**plain, **environment})
        )

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"HOME": str(self.folder / "home"), "HTTPS_PROXY": cosign.NOWHERE, **more}
