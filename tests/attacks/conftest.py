"""What the attacks share: a repository for their commits, a runner, and nobody who waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.git_repository import Repository
from tests.unit.actions.stage import Stage

from ghcr_signer.peers.registry.transport import Transport


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """One for all: each case has its own commits in it, and `main` is at the last."""
    return Repository(tmp_path_factory.mktemp("attacked") / "repository")


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Stage:
    folder = tmp_path / "runner"
    folder.mkdir()
    return Stage(folder, monkeypatch, capsys)


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that lies is asked again, at once."""
    defaults = Transport.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", lambda seconds: None)
