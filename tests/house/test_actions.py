"""The actions are described alike wherever they are described, and each is there to be run."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from tests.house.repository import ROOT
from tests.house.workflows import ACTIONS, COMMANDS, ROOT_ACTION, examples, jobs, steps

OWN_ACTION = re.compile(r"(?:\$|[\w-]+/ghcr-signer)(?:/([a-z]+))?(?:@\S+)?")
EVERY_ACTION = {**ACTIONS, "": ROOT_ACTION}


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_the_root_action_has_what_the_others_have(kind: str) -> None:
    """Described as there; where not all of them have it, or mean the same, with those that do."""
    texts: dict[str, dict[str, list[str]]] = {}
    for command in COMMANDS:
        for name, described in ACTIONS[command][kind].items():
            texts.setdefault(name, {}).setdefault(described["description"], []).append(command)
    expected = {}
    for name, meanings in texts.items():
        expected[name] = " ".join(
            text
            if len(those) == len(COMMANDS)
            else f"({', '.join(f'`{c}`' for c in those)}) {text}"
            for text, those in meanings.items()
        )
    found = {name: described["description"] for name, described in ROOT_ACTION[kind].items()}
    if kind == "inputs":
        assert ROOT_ACTION["inputs"]["command"]["required"] == "true"
        del found["command"]
    assert found == expected


@pytest.mark.parametrize("name", EVERY_ACTION)
def test_an_input_that_is_not_given_is_empty(name: str) -> None:
    """Defaults live in the code, for a workflow that passes its own inputs on gives empty ones."""
    defaults = {k: i["default"] for k, i in EVERY_ACTION[name]["inputs"].items() if "default" in i}
    assert defaults == {"token": "${{ github.token }}"}


@pytest.mark.parametrize("name", EVERY_ACTION)
def test_every_name_can_be_a_variable_s_and_every_default_is_said(name: str) -> None:
    for key, described in EVERY_ACTION[name]["inputs"].items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", key)
        needed = described.get("required") == "true" or key in ("command", "image", "from")
        assert ("Default: " in described["description"]) is not needed


@pytest.mark.parametrize("name", EVERY_ACTION)
def test_an_action_is_one_image_and_one_program(name: str) -> None:
    runs = EVERY_ACTION[name]["runs"]
    image, program = (
        ("../Dockerfile", f"{name}/entrypoint.py") if name else ("Dockerfile", "entrypoint.py")
    )
    assert runs == {"using": "docker", "image": image, "entrypoint": f"/ghcr-signer/{program}"}
    assert (ROOT / name / image).resolve() == ROOT / "Dockerfile"
    assert (ROOT / "Dockerfile").is_file()
    assert os.access(ROOT / program, os.X_OK)
    assert (ROOT / program).read_bytes().startswith(b"#!")


def test_whoever_uses_an_action_gives_inputs_that_it_has() -> None:
    """In the workflows and in the documents."""
    used: set[str] = set()
    pieces: list[tuple[str, dict[str, Any]]] = [(n, s) for n, _, job in jobs() for s in steps(job)]
    pieces += [(name, step) for name, example in examples() for step in steps(example)]
    for where, step in pieces:
        if match := OWN_ACTION.fullmatch(step.get("uses", "")):
            action = EVERY_ACTION[match[1] or ""]
            given = set(step.get("with", {}))
            required = {k for k, i in action["inputs"].items() if i.get("required") == "true"}
            assert required <= given <= set(action["inputs"]), where
            used.add(match[1] or "")
    assert used >= set(COMMANDS)
