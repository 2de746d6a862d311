"""Where the programs are that scripts/tools installs."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# SoftHSM belongs to the system. All else is pinned, so that only the cache's own will do.
INSTALLED = frozenset({"softhsm2-util"})


def find(name: str) -> Path:
    """The program's path; without it the test is skipped, or fails where none may be skipped."""
    found = shutil.which(name, path=None if name in INSTALLED else str(_BIN))
    return Path(found) if found else missing(name)


def image(name: str) -> Path:
    """The archive of a base image's file system, like `find`."""
    archive = _BIN.parent / "images" / f"{name}.tar"
    return archive if archive.exists() else missing(archive.name)


def missing(name: str, remedy: str = "run ./scripts/tools") -> NoReturn:
    reason = f"needs {name}: {remedy}"
    if os.environ.get("GHCR_SIGNER_ALL_TOOLS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _directory() -> Path:
    """The rule is repeated in scripts/tools."""
    if chosen := os.environ.get("GHCR_SIGNER_TOOLS"):
        return Path(chosen).resolve() / "bin"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "ghcr-signer" / "tools" / "bin"


_BIN = _directory()  # read once, before a test gives itself another home
