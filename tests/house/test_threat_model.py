"""The threat model: each invariant names tests, and each test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from tests.house.repository import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

ROW = re.compile(r"^\| I(\d+) \| \*\*(.+?)\*\*: .+? \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[^`]+\.py)::([^`]+)`")
CASE = re.compile(r"`(tests/attacks/[^`:]+)`")


def rows() -> list[tuple[str, str]]:
    """Each invariant's title, and where its tests are."""
    return [(title, tests) for _, title, tests in ROW.findall(TEXT)]


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def missing(text: str) -> list[str]:
    """The tests and cases of attack that a text names, and that are not there."""
    tests = [
        f"{path}::{name}"
        for path, name in TEST.findall(text)
        if not (ROOT / path).is_file() or name not in functions(path)
    ]
    return tests + [path for path in CASE.findall(text) if not (ROOT / path).is_dir()]


def test_every_test_that_is_named_is_there() -> None:
    assert missing(TEXT) == []


def test_invariants_are_numbered_and_every_reference_is_to_one() -> None:
    numbers = [int(number) for number, _, _ in ROW.findall(TEXT)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == TEXT.count("\n| I")  # a row that is spelt otherwise is not passed over
    assert {int(number) for number in re.findall(r"\bI(\d+)\b", TEXT)} == set(numbers)


@pytest.mark.parametrize(("title", "tests"), rows(), ids=lambda text: text[:40])
def test_every_invariant_is_held_by_a_test(title: str, tests: str) -> None:
    assert TEST.search(tests)
    assert all(name.startswith("test_") for _, name in TEST.findall(tests))


def test_what_must_hold_is_the_beginning_of_the_invariants() -> None:
    part = SECURITY.partition("## What must hold")[2].partition("\n## ")[0]
    promised = re.findall(r"^\d+\. \*\*(.+?)\.?\*\*", part, re.MULTILINE)
    assert promised
    assert [title for title, _ in rows()][: len(promised)] == promised


def test_the_checker_sees_a_test_that_is_not_there() -> None:
    here = "tests/house/test_threat_model.py"
    assert missing(f"`{here}::test_every_test_that_is_named_is_there`") == []
    assert missing(f"`{here}::test_that_nobody_wrote`") != []
    assert missing("`tests/house/test_nothing.py::test_x`") != []
    assert missing("`tests/attacks/cases/that-nobody-made`") != []
