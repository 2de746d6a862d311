"""Globs over repositories, whole and case-sensitive; one key is one authority."""

import pytest
from tests.forge import Signer

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Policy
from ghcr_signer.core.reference import Reference


def allows(glob: str, name: str) -> bool:
    return Policy((), (glob,)).allows(Reference.parse(name))


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("ghcr.io/acme/app", "ghcr.io/acme/app"),
        ("ghcr.io/acme/*", "ghcr.io/acme/app"),
        ("ghcr.io/*/app", "ghcr.io/acme/app"),
        ("ghcr.io/acme/**", "ghcr.io/acme/a/b/c"),
        ("ghcr.io/acme/app*", "ghcr.io/acme/app-debug"),
        ("**", "ghcr.io/acme/app"),
        ("127.0.0.1:*/acme/app", "127.0.0.1:5000/acme/app"),
    ],
)
def test_a_glob_matches(glob: str, name: str) -> None:
    assert allows(glob, name)


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("ghcr.io/acme/*", "ghcr.io/acme/a/b"),
        ("ghcr.io/acme/**", "ghcr.io/acme2/app"),
        ("ghcr.io/acme/**", "ghcr.io/acme"),
        ("ghcr.io/acme/app", "ghcr.io/acme/app2"),
        ("ghcr.io/acme/app", "xghcr.io/acme/app"),
        ("ghcr.io/acme/app", "ghcrxio.example/acme/app"),
        ("ghcr.io/acme/?pp", "ghcr.io/acme/app"),
        ("ghcr.io/acme/[a]pp", "ghcr.io/acme/app"),
        ("GHCR.io/acme/app", "ghcr.io/acme/app"),
        ("", "ghcr.io/acme/app"),
    ],
)
def test_a_glob_matches_whole_and_case_sensitive(glob: str, name: str) -> None:
    assert not allows(glob, name)


def test_no_globs_allow_nothing_and_none_allows_anything() -> None:
    image = Reference.parse("ghcr.io/acme/app")
    assert not Policy((), ()).allows(image)
    assert Policy((), None).allows(image)


def test_one_key_under_two_names_is_refused() -> None:
    key = PublicKey.from_pem(Signer().pem)
    with pytest.raises(UsageError) as refusal:
        Policy((Authority("a", key), Authority("b", key)), None)
    assert refusal.value.failure.code is codes.KEY_UNUSABLE
