"""A case of the catalogue, as its folder describes it: an attack, and how it is refused.

`expected.json` says what the attacker hopes for, the code, step and file of the refusal, and for
each door every code that is told there; or, of a door that the attack does not fit through, why.
`base/` and `change/` hold what the attack writes over the good project's own files; `operations`
say what no file of this repository can be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.attacks.operations import Operation, Tree, carry_out

HERE = Path(__file__).parent
GOOD, CASES = HERE / "good", HERE / "cases"

VERIFY, BASE, REHEARSAL, PUBLISH, ACTION = "verify", "base", "rehearsal", "publish", "action"
DOORS = (VERIFY, BASE, REHEARSAL, PUBLISH)

NOTHING_TO_PUBLISH = "nothing to publish: the door is open, and the registry stays as it is"
REASONS = (
    NOTHING_TO_PUBLISH,
    "a work tree has no base: what a change does to another is not seen there",
    "a work tree is judged by the trust beside it: here that is the attacker's",
    "no file system holds it: only git does",
    "in sum the commits do nothing wrong: only their history tells",
    "only a registry does this: nothing is wrong with the files",
    "only a run on GitHub has an event",
)
"""Why an attack may not fit through a door. There are no others."""


@dataclass(frozen=True, slots=True)
class Case:
    """An attack. `trees` are the repository before it, and after each of its commits."""

    name: str
    what: str
    code: str
    step: int
    file: str
    doors: Mapping[str, list[str] | str]
    trees: tuple[Tree, ...]
    says: str
    registry: str
    scenario: str

    @property
    def before(self) -> Tree:
        return self.trees[0]

    @property
    def after(self) -> Tree:
        return self.trees[-1]

    def told_at(self, door: str) -> list[str]:
        """The codes that are told at a door: none where it stays open."""
        told = self.doors[door]
        return [] if isinstance(told, str) else told

    def fits(self, door: str) -> bool:
        """Whether the attack can be sent through a door."""
        return door in self.doors and self.doors[door] in (NOTHING_TO_PUBLISH, self.told_at(door))


@cache
def cases() -> tuple[Case, ...]:
    """Every case, by name."""
    return tuple(load(folder) for folder in sorted(CASES.iterdir()))


def load(folder: Path) -> Case:
    """A case from its folder."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    known = {
        "what",
        "code",
        "step",
        "file",
        "doors",
        "says",
        "begins",
        "operations",
        "registry",
        "scenario",
    }
    assert set(expected) <= known, folder.name
    before: Tree = {**read(GOOD / "base"), **read(folder / "base")}
    operations: list[Operation] = expected.get("operations", [])
    for each in operations:
        if each.get("at") == "base":
            carry_out(each, before)
    after: Tree = dict(before)
    if expected.get("begins", "good") == "good":
        after |= read(GOOD / "change")
    after |= read(folder / "change")
    trees = [before, *_grown(after, (each for each in operations if each.get("at") != "base"))]
    return Case(
        folder.name,
        expected["what"],
        expected["code"],
        expected["step"],
        expected["file"],
        expected["doors"],
        tuple(trees),
        expected.get("says", ""),
        expected.get("registry", ""),
        expected.get("scenario", ""),
    )


@cache
def read(folder: Path) -> Mapping[str, bytes]:
    """The files below a folder, by their paths there; none where there is no such folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _grown(tree: Tree, operations: Iterable[Operation]) -> Iterator[Tree]:
    """The tree after each commit: one more for each `commit`, in which `path` has another text, or
    is not there.
    """
    for each in operations:
        if each["do"] == "commit":
            between = dict(tree)
            carry_out({**each, "do": "write" if "text" in each else "remove"}, between)
            yield between
        else:
            carry_out(each, tree)
    yield tree
