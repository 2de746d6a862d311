"""The real data beside the repository: read from there, never copied into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared() -> Path:
    """The folder `shared` beside the repository; skips the test without it, fails it in CI."""
    if not _SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("../shared is missing, and CI must have it")
        pytest.skip("needs the folder `shared` beside the repository")
    return _SHARED


def dangerzone() -> Path:
    """The signature directory and trusted key of a project that uses this format."""
    return shared() / "testdata" / "dangerzone"
