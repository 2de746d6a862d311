"""Globs over repositories and tags, whole and case-sensitive; one key is one authority."""

import pytest
from tests.forge import Signer
from tests.trust import rule

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.policy import Policy
from ghcr_signer.core.reference import Reference


def covers(glob: str, name: str) -> bool:
    return rule(images=(glob,)).covers(Reference.parse(name))


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
    assert covers(glob, name)


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
    assert not covers(glob, name)


def test_every_rule_that_covers_an_image_is_about_it() -> None:
    broad = rule(name="broad", images=("ghcr.io/acme/**",))
    narrow = rule(name="narrow", images=("ghcr.io/other/x", "ghcr.io/acme/app"))
    policy = Policy((broad, narrow))
    assert policy.rules_for(Reference.parse("ghcr.io/acme/app:v1")) == (broad, narrow)
    assert policy.rules_for(Reference.parse("ghcr.io/acme/tool")) == (broad,)
    assert policy.rules_for(Reference.parse("ghcr.io/evil/app")) == ()
    assert Policy(()).rules_for(Reference.parse("ghcr.io/acme/app")) == ()


@pytest.mark.parametrize(
    ("globs", "tags", "others"),
    [
        (("latest",), ["latest"], ["Latest", "latest2", "xlatest", "v1"]),
        (("v*", "nightly"), ["v", "v1.2.3", "nightly"], ["xv1", "V1", "nightly-1"]),
        (("**",), ["latest", "v1"], []),
        ((), [], ["latest", ""]),
    ],
)
def test_a_set_moves_the_tags_that_a_rule_names(
    globs: tuple[str, ...], tags: list[str], others: list[str]
) -> None:
    found = rule(tags=globs)
    assert all(found.lets_move(tag) for tag in tags)
    assert not any(found.lets_move(tag) for tag in others)


def test_one_key_under_two_names_is_refused() -> None:
    signer = Signer()
    with pytest.raises(UsageError) as refusal:
        rule(signer, Signer(), signer)
    assert refusal.value.failure.code is codes.KEY_UNUSABLE
