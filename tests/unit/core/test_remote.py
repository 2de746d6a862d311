"""Which repository a remote's URL names."""

from __future__ import annotations

import pytest

from ghcr_signer.core.remote import repository


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/signatures",
        "https://github.com/acme/signatures.git",
        "https://somebody@github.com/acme/signatures.git/",
        "git@github.com:acme/signatures.git",
        "ssh://git@github.com:22/acme/signatures.git",
        "https://GitHub.com/acme/signatures",
    ],
)
def test_a_repository_is_found_in_every_spelling(url: str) -> None:
    assert repository(url, "github.com") == "acme/signatures"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "../signatures",
        "/srv/git/acme/signatures",
        "https://github.com/acme",
        "https://github.com/acme/signatures/tree/main",
        "https://github.com.evil.example/acme/signatures",
        "https://evil.example/github.com/acme",
        "https://github.com@evil.example/acme/signatures",
        "git@evil.example:acme/signatures",
        "https://github.com/acme/sig natures",
        "https://github.com/acme/signatures\nx",
    ],
)
def test_another_host_s_and_nonsense_are_none(url: str) -> None:
    assert repository(url, "github.com") is None
