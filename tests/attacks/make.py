"""Writes the catalogue's folders anew: `python -m tests.attacks.make`.

The same recipes give the same bytes, so that what is committed can be compared with them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.attacks import world
from tests.attacks.case import CASES, GOOD
from tests.attacks.recipes import (
    artifacts,
    changes,
    claims,
    documents,
    events,
    injection,
    keys,
    log,
    policies,
    publishing,
    references,
    sets,
    signatures,
    structure,
)
from tests.attacks.recipes.recipe import RECIPES

MODULES = (
    *(structure, documents, references, artifacts, signatures, log, claims, sets, changes),
    *(policies, keys, injection, publishing, events),
)


@cache
def everything() -> dict[Path, bytes]:
    """Every file of the catalogue."""
    for module in MODULES:
        module.add()
    folders: dict[Path, Mapping[str, bytes]] = {
        GOOD / "base": world.base(),
        GOOD / "change": world.change(),
        **{CASES / recipe.name: recipe.files() for recipe in RECIPES.values()},
    }
    return {
        folder / path: content
        for folder, found in folders.items()
        for path, content in found.items()
    }


def main() -> None:
    for folder in (GOOD, CASES):
        shutil.rmtree(folder, ignore_errors=True)
    for path, content in everything().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
