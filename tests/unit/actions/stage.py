"""The runner, as far as an action sees it: what it gives to a step, and how it reads what is said.

The rules are those of actions/runner: ActionCommand, OutputManager, FileCommandManager.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.actions.clone import Clone
from tests.unit.actions.runs import RUNS

from ghcr_signer.actions import main

COMMANDS = {
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group"),
    *("internal-set-repo-path", "notice", "remove-matcher", "save-state", "set-env", "set-output"),
    *("stop-commands", "warning"),
}
OURS = {"add-mask", "debug", "error", "notice", "warning"}


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    properties: dict[str, str]
    data: str


def lines(said: str) -> list[str]:
    """As .NET reads lines."""
    return re.split(r"\r\n|\r|\n", said)


def command(line: str) -> Command | None:
    """The command that a line is; None for a line of the log."""
    line = line.lstrip()
    if line.startswith("::") and "::" in line[2:]:
        about, _, data = line[2:].partition("::")
        name, _, properties = about.partition(" ")
        if name in COMMANDS:
            pairs = dict(pair.split("=", 1) for pair in properties.split(",") if "=" in pair)
            return Command(name, {key: _plain(text) for key, text in pairs.items()}, _plain(data))
    if "##[" in line:
        about, bracket, data = line.partition("##[")[2].partition("]")
        if bracket and about.partition(" ")[0] in COMMANDS:
            return Command(about.partition(" ")[0], {}, data)
    return None


def _plain(text: str) -> str:
    for token, escaped in (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25")):
        text = text.replace(escaped, token)
    return text


def outputs(content: str) -> dict[str, str]:
    """The pairs in a file of outputs."""
    found = {}
    rest = content.splitlines()
    while rest:
        name, heredoc, delimiter = rest.pop(0).partition("<<")
        assert heredoc, name
        end = rest.index(delimiter)
        found[name] = "\n".join(rest[:end])
        rest = rest[end + 1 :]
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What a step told the runner."""

    code: int
    said: str
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def commands(self) -> list[Command]:
        return [found for line in lines(self.said) if (found := command(line))]

    @property
    def log(self) -> str:
        """What is no command."""
        return "\n".join(line for line in lines(self.said) if command(line) is None)

    @property
    def errors(self) -> list[Command]:
        return [each for each in self.commands if each.name == "error"]

    @property
    def codes(self) -> list[str]:
        """The codes of the annotations."""
        return [each.properties["title"].partition(" ")[0] for each in self.errors]

    @property
    def files(self) -> list[str | None]:
        return [each.properties.get("file") for each in self.errors]


@dataclass
class Stage:
    """A runner with one folder for what it gives to steps."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def environment(
        self,
        run: str,
        work: Clone,
        commits: Mapping[str, str],
        inputs: Mapping[str, str],
        commit: str = "",
    ) -> dict[str, str]:
        event, output, summary = (self.folder / name for name in ("event", "output", "summary"))
        event.write_text(json.dumps(RUNS[run].payload(commits)))
        for file in (output, summary):
            file.write_bytes(b"")
        return {
            **RUNS[run].environment(commit or work.head),
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(work.folder),
            **{f"INPUT_{name.upper()}": text for name, text in inputs.items()},
        }

    def run(
        self,
        action: str,
        run: str,
        work: Clone,
        commits: Mapping[str, str] | None = None,
        *,
        commit: str = "",
        environment: Mapping[str, str | None] | None = None,
        **inputs: str,
    ) -> Told:
        """Run an action of this process. A variable that is None is not there."""
        given: dict[str, str | None] = dict(
            self.environment(run, work, commits or {}, inputs, commit)
        )
        given |= environment or {}
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            for name, text in given.items():
                if text is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, text)
            code = main(action)
        captured = self.capsys.readouterr()
        assert captured.err == ""
        return self.told(code, captured.out, work)

    def told(self, code: int, said: str, work: Clone) -> Told:
        """What was said, and written into the runner's files; only our own commands are in it."""
        found = outputs((self.folder / "output").read_text())
        report = {}
        if "report" in found:
            report = json.loads((work.folder / found["report"]).read_text())
        told = Told(code, said, (self.folder / "summary").read_text(), found, report)
        assert {each.name for each in told.commands} <= OURS
        assert len(told.errors) <= 10
        assert all(len(each.data) <= 4096 for each in told.commands)
        assert code == 0 or told.errors
        return told
