"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# no test asserts a time; in CI the examples are the same each time, elsewhere they are new
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")


@pytest.fixture(autouse=True)
def _nobody_in_particular(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test sees the credentials, tokens or proxies of whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))
    for name in list(os.environ):
        if name.startswith(
            ("GITHUB_", "GH_TOKEN", "COSIGN_", "SIGSTORE_", "DOCKER_")
        ) or name.lower() in (
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "no_proxy",
        ):
            monkeypatch.delenv(name)
