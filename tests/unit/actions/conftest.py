"""What the tests of the actions share: a runner, a repository, sets that are signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.actions import clone, sets
from tests.unit.actions.clone import Clone
from tests.unit.actions.stage import Stage


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Stage:
    folder = tmp_path / "runner"
    folder.mkdir()
    return Stage(folder, monkeypatch, capsys)


@pytest.fixture
def origin(tmp_path: Path) -> Clone:
    """A repository that trusts a key, and has no signatures yet."""
    made = clone.create(tmp_path / "origin")
    made.commit({"trusted.pub": sets.SIGNER.pem, "README.md": b"#\n"})
    return made


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where a run checks out."""
    return tmp_path / "work"
