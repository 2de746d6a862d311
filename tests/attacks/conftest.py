"""What the attacks share: a repository for their commits."""

from __future__ import annotations

import pytest
from tests.git_repository import Repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """One for all: each case has its own commits in it, and `main` is at the last."""
    return Repository(tmp_path_factory.mktemp("attacked") / "repository")
