"""A recipe: what a case's folder shall hold.

What is refused with which code is written here by hand. What else is told at a door follows from
the rules below, and is written into `expected.json` code by code, where a reader sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests import forge
from tests.attacks import case, world
from tests.attacks.world import NEW, NEW_SET, Files

from ghcr_signer.core import codes

ENTRY = f"SIGNATURES/{NEW_SET}/{NEW}"
SET = f"SIGNATURES/{NEW_SET}"

NOTHING, NO_BASE, OWN_TRUST, GIT_ONLY, IN_SUM, REGISTRY_ONLY, EVENT_ONLY = case.REASONS

_NAMES = {
    *("IMAGE", "MANIFEST", "CONFIG_BLOB", "PAYLOAD_BLOB", "LATEST", "TAGS", "SUBJECT"),
    "EXTRA",  # which is none
}

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """See `attack`."""

    name: str
    code: str
    what: str
    file: str
    change: Mapping[str, bytes]
    base: Mapping[str, bytes]
    begins: str
    doors: Mapping[str, list[str] | str]
    more: Mapping[str, Any] = field(default_factory=dict)

    def files(self) -> Files:
        """The folder's files, by their paths in it."""
        expected = {
            "what": self.what,
            "code": self.code,
            "step": codes.BY_ID[self.code].step,
            "file": self.file,
            "doors": self.doors,
            **({} if self.begins == "good" else {"begins": self.begins}),
            **self.more,
        }
        text = json.dumps(expected, indent=2, ensure_ascii=True) + "\n"
        return {
            "expected.json": text.encode(),
            **{f"base/{path}": content for path, content in self.base.items()},
            **{f"change/{path}": content for path, content in self.change.items()},
        }


RECIPES: dict[str, Recipe] = {}


def attack(
    name: str,
    code: str,
    what: str,
    *,
    file: str,
    change: Mapping[str, bytes] | None = None,
    base: Mapping[str, bytes] | None = None,
    operations: Sequence[Operation] = (),
    begins: str = "good",
    also: Sequence[str] = (),
    publish: Sequence[str] | str | None = None,
    doors: Mapping[str, str | list[str]] | None = None,
    **more: Any,
) -> None:
    """Add a case.

    An entry's file, in `file` and `change`, is one of the new entry's. `change` is laid over
    the good change, and with `begins="base"` over the base alone; `base` over the good base. `also`
    are codes that follow from the fault at every door, `publish` those that are told there, where
    the rules do not give them; `doors` says of others what they tell, or why they do not.
    """
    assert name not in RECIPES, name
    told = sorted({code, *also, *_follows(code)})
    at_publish = publish if isinstance(publish, str) else sorted(publish or _published(told))
    at_work_tree: list[str] | str = NO_BASE if codes.BY_ID[code].step == 11 else told
    every = {
        case.VERIFY: at_work_tree,
        case.BASE: told,
        case.REHEARSAL: told,
        case.PUBLISH: at_publish,
        **(doors or {}),
    }
    RECIPES[name] = Recipe(
        name,
        code,
        what,
        _path(file),
        {_path(path): content for path, content in (change or {}).items()},
        base or {},
        begins,
        {door: sorted(each) if isinstance(each, list) else each for door, each in every.items()},
        {**({"operations": list(operations)} if operations else {}), **more},
    )


def do(word: str, path: str, **more: object) -> Operation:
    """An operation: see operations.py."""
    return {"do": word, "path": path, **more}


def write(path: str, text: str) -> Operation:
    """A file that would act in this repository too, or has a name that not every system takes."""
    return {"do": "write", "path": path, "text": text}


def _path(name: str) -> str:
    """A path in the repository; the name of an entry's file is one of the new entry."""
    return f"{ENTRY}/{name}" if name.partition(".")[0] in _NAMES else name


def _follows(code: str) -> list[str]:
    """Of an entry whose one signature fails, too few are valid."""
    return ["GS0901"] if 5 <= codes.BY_ID[code].step <= 8 else []


def _published(told: Sequence[str]) -> list[str]:
    """Where files are at fault nothing is published at all (GS1201); where a policy refuses the set
    that moves a tag last, the tag stays (GS1208).
    """
    steps = {codes.BY_ID[each].step for each in told if each != "GS0203"}
    if steps & {1, 2, 3, 4}:
        return [*told, "GS1201"]
    if steps & {11, 20} or "GS0203" in told:  # of an image that is not allowed no tag is known
        return list(told)
    return [*told, "GS1208"]


def edited(files: Files, change: Callable[[Any], object]) -> Files:
    """An entry's MANIFEST, changed as a document."""
    manifest = json.loads(files["MANIFEST"])
    change(manifest)
    return {"MANIFEST": forge.compact(manifest)}


def manifest(change: Callable[[Any], object]) -> Files:
    """The good entry's MANIFEST, changed as a document."""
    return edited(world.entry(), change)


def signed_layers(*layers: world.Layer) -> Files:
    """The files of signatures: MANIFEST, CONFIG_BLOB and what they sign."""
    return forge.artifact(layers)


def tool_layers(*layers: world.Layer) -> Files:
    """The same of an entry for TOOL, which has a rule of its own."""
    return world.entry(*layers, repository=world.TOOL)


def annotated(**annotations: str) -> Files:
    """The good signature with other annotations beside it, or in their place."""
    content, own = world.layer()
    return signed_layers((content, own | annotations))
