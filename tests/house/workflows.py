"""The workflows and actions as YAML, and GitHub's expressions as far as these use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from tests.house.repository import ROOT

Yaml = dict[str, Any]

COMMANDS = ("collect", "verify", "comment", "publish")
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("template/*.md")])
YAML_BLOCK = re.compile(r"^```ya?ml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def parse(text: str) -> Yaml:
    """Every scalar stays the text that it is: YAML 1.1 would take the key `on` for a boolean."""
    parsed: Yaml = yaml.load(text, Loader=yaml.BaseLoader)
    return parsed


def load(path: str | Path) -> Yaml:
    return parse((ROOT / path).read_text(encoding="utf-8"))


WORKFLOWS = {path.name: load(path) for path in sorted(ROOT.glob(".github/workflows/*.yml"))}
TEMPLATE = load("template/.github/workflows/signatures.yml")
FORKS = load("docs/workflows/comment-forks.yml")
ACTIONS = {name: load(f"{name}/action.yml") for name in COMMANDS}
ROOT_ACTION = load("action.yml")
YAML_FILES = sorted(
    path
    for pattern in (
        *(".github/**/*.yml", "*/action.yml", "action.yml", "template/.github/**/*.yml"),
        "docs/workflows/*.yml",
    )
    for path in ROOT.glob(pattern)
)


def examples() -> Iterator[tuple[str, Yaml]]:
    """Every workflow, or piece of one, that a document shows."""
    for path in DOCUMENTS:
        for number, block in enumerate(YAML_BLOCK.findall(path.read_text(encoding="utf-8")), 1):
            example: Any = parse(block)
            if isinstance(example, list):
                example = {"steps": example}
            yield f"{path.relative_to(ROOT).as_posix()}, block {number}", example


def everything() -> dict[str, Yaml]:
    """The workflows, the template's, the one for forks, and those in documents."""
    return {**WORKFLOWS, "template": TEMPLATE, "forks": FORKS, **dict(examples())}


def jobs() -> Iterator[tuple[str, str, Yaml]]:
    for name, workflow in everything().items():
        for job, content in workflow.get("jobs", {}).items():
            yield name, job, content


def steps(job: Yaml) -> list[Yaml]:
    return [step for step in job.get("steps", []) if isinstance(step, dict)]


def evaluate(expression: str, **contexts: Any) -> Any:
    """What GitHub makes of an expression; `&&` and `||` give operands, as Python's words do."""
    python = re.sub(r"^\$\{\{|\}\}$", "", expression.strip())
    python = python.replace("&&", " and ").replace("||", " or ")
    python = re.sub(r"!(?!=)", " not ", python).strip()
    functions = {"format": lambda text, *values: text.format(*values), "always": lambda: True}
    return eval(python, functions | {name: _context(value) for name, value in contexts.items()})


def _context(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{name: _context(inner) for name, inner in value.items()})
    return value
