"""act runs a workflow on the tests' Docker Engine; what came of it, as a Run.

Traps, each with its answer here: a failed run leaks its containers without --rm; jobs that run at
once mix their lines; a checkout of the repository itself is skipped unless it is told otherwise;
the repository's name comes from the remote `origin`.
"""

from __future__ import annotations

import html
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.act_copy import ORIGIN
from tests.e2e.project import Event, Project
from tests.house.workflows import WORKFLOWS, steps
from tests.peers import tools
from tests.peers.docker import JOB, Engine

CHECKOUT = Path(__file__).with_name("checkout")
SECONDS = 300
WHOLE = "the whole run"
NOTHING: Mapping[str, str] = {}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Annotation:
    level: str  # error, warning or notice
    properties: Mapping[str, str]
    message: str


@dataclass
class Run:
    """What a run left, and what it said."""

    code: int = -1
    jobs: dict[str, str] = field(default_factory=dict)  # id -> result, of those that ran
    annotations: list[Annotation] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""  # as a reader sees it
    log: str = ""
    seconds: dict[str, float] = field(default_factory=dict)  # of each step, by its name

    def read(self, line: str) -> None:
        """One line of act's: JSON, or what went wrong with act itself."""
        try:
            record: Json = json.loads(line)
        except ValueError:
            self.log += f"{line}\n"
            return
        self.log += f"{record.get('job', '')}| {record['msg'].rstrip()}\n"
        if "jobResult" in record:
            self.jobs[record["jobID"]] = record["jobResult"]
        if record.get("stage") == "Main" and "executionTime" in record:
            self.seconds[record["step"]] = record["executionTime"] / 1e9
        command = record.get("command")
        if command in ("error", "warning", "notice"):
            properties = record.get("kvPairs") or {}
            self.annotations.append(Annotation(command, properties, record["arg"]))
        elif command == "summary":
            self.summary += html.unescape(record["content"]).replace("<!-- -->", "")
        elif command == "set-output":
            self.outputs[record["name"]] = record["arg"]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The code of each error, and the file beside which it is shown ("": none)."""
        return [
            (each.properties.get("title", "").partition(" ")[0], each.properties.get("file", ""))
            for each in self.annotations
            if each.level == "error"
        ]


@dataclass(frozen=True, slots=True)
class Act:
    engine: Engine

    def run(
        self,
        project: Project,
        workflow: str,
        event: Event,
        software: Mapping[str, Path],
        secrets: Mapping[str, str] = NOTHING,
        variables: Mapping[str, str] = NOTHING,
        job: str = "",
    ) -> Run:
        """Run a workflow of the project, where the commit of the event is checked out (that of a
        push need not be), or one job with those that it needs. `software` is where the repositories
        are that the workflow uses, by their OWNER/REPOSITORY@REF; `variables` are the
        environment's, also where act has its own.
        """
        with tempfile.TemporaryDirectory() as name:
            file = Path(name, "event.json")
            file.write_text(json.dumps(event.payload), encoding="utf-8")
            origin = project.folder / ".git"
            start = time.monotonic()
            done = subprocess.run(
                [
                    *(tools.find("act"), event.name, "--json"),
                    *("--workflows", f".github/workflows/{workflow}", "--eventpath", file),
                    *("--actor", "signer", *(("--job", job) if job else ())),
                    *("--platform", f"ubuntu-latest={JOB}", "--pull=false"),
                    *("--action-offline-mode", "--no-cache-server", "--no-skip-checkout"),
                    *("--container-daemon-socket", "-", "--rm", "--concurrent-jobs", "1"),
                    # for jobs that have no container; in those that have, a variable says where
                    *("--container-options", f"--volume {origin}:{ORIGIN}:ro"),
                    *("--var", f"ORIGIN={origin}"),
                    *_each("--local-repository", {checkout(): CHECKOUT, **software}),
                    *_each("--secret", secrets),
                    *_each("--env", variables),
                ],
                cwd=project.folder,
                env={**self.engine.environment, "HOME": name},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                timeout=SECONDS,
            )
        run = Run(done.returncode, seconds={WHOLE: time.monotonic() - start})
        for line in (done.stdout + done.stderr).splitlines():
            run.read(line)
        sys.stderr.write(run.log)  # pytest shows it for a test that failed
        return run


def _each(option: str, pairs: Mapping[str, object]) -> Iterator[str]:
    for key, value in pairs.items():
        yield from (option, f"{key}={value}")


def checkout() -> str:
    """actions/checkout as our workflows name it: they all name the same commit."""
    jobs = (job for workflow in WORKFLOWS.values() for job in workflow["jobs"].values())
    used = {step["uses"] for job in jobs for step in steps(job) if "uses" in step}
    (name,) = (uses for uses in used if uses.startswith("actions/checkout@"))
    return str(name)
