"""What a remote's URL says, and what of it is shown."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_signer.core import remote
from ghcr_signer.core.remote import Hub

HERE = Hub("github.com", "acme", "app")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/app",
        "https://github.com/acme/app.git",
        "https://github.com/acme/app/",
        "http://GitHub.com/acme/app.git/",
        "https://x-access-token:s3cret@github.com/acme/app.git",
        "https://s3cret@github.com/acme/app",
        "ssh://git@github.com/acme/app.git",
        "ssh://git@github.com:22/acme/app",
        "ssh://git@ssh.github.com:443/acme/app.git",
        "git+ssh://github.com/acme/app",
        "git@github.com:acme/app.git",
        "git@github.com:/acme/app.git",
        "github.com:acme/app",
        "git@github.com-work:acme/app.git",  # a Host of ~/.ssh/config
        "ssh://git@github.com-work/acme/app.git",
    ],
)
def test_each_form_of_a_url_means_the_same_repository(url: str) -> None:
    assert remote.parse(url) == HERE


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://github.acme.example/acme/app", "github.acme.example"),
        ("https://github.acme.example:8443/acme/app", "github.acme.example:8443"),
        ("git@github.acme.example:acme/app.git", "github.acme.example"),
        ("ssh://git@github.acme.example:2222/acme/app", "github.acme.example"),
        ("https://acme.ghe.com/acme/app", "acme.ghe.com"),
    ],
)
def test_a_github_of_one_s_own_is_known_by_its_name(url: str, host: str) -> None:
    assert remote.parse(url) == Hub(host, "acme", "app")


def test_any_other_host_is_known_if_it_is_named() -> None:
    url = "git@code.acme.example:acme/app.git"
    assert remote.parse(url) is None
    assert remote.parse(url, "Code.acme.example") == Hub("code.acme.example", "acme", "app")
    with_port = "https://code.acme.example:8443/acme/app"
    assert remote.parse(with_port, "code.acme.example:8443") is not None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/git/app.git",
        "../app",
        "file:///srv/github.com/acme/app",
        "C:/github.com/acme",
        "https://gitlab.com/acme/app",
        "https://gitlab.com/acme/group/app",
        "git@codeberg.org:acme/app",
        "https://github.com.evil/acme",
        "https://github.com@evil.example/acme/app",
        "https://evil.example/github.com/acme/app",
        "https://evil.example\\@github.com/acme/app",
        "https://evil.example#@github.com/acme/app",
        "https://evil.example?@github.com/acme/app",
        "https://github.com-work/acme/app",  # an alias is ssh's alone
        "https://github.com/acme/..",
        "https://github.com/acme/..git",
        "https://github.com/acme/...git",
        "https://github.com/../app",
        "https://github.com/acme/app?x=y",
        "https://github.com/acme/app#x",
        "https://github.com/acme/app\n",
        "https://github.com/acme/a pp",
        "https://github.com/acme/äpp",
        "https://github.com/acme/app/tree/main",
        "git@github.com:acme/app\x1b[31m",
    ],
)
def test_what_is_no_repository_of_github_s_is_none(url: str) -> None:
    assert remote.parse(url) is None


WORD = st.text(string.ascii_letters + string.digits + "_-", min_size=1)
NAME = st.text(string.ascii_letters + string.digits + "._-", min_size=1).filter(
    lambda name: name.strip(".") and not name.endswith(".git")
)


@given(WORD, NAME, st.sampled_from(["https://github.com/", "git@github.com:"]), WORD)
def test_the_same_under_another_owner_is_a_fork(
    owner: str, name: str, start: str, other: str
) -> None:
    hub = remote.parse(f"{start}{owner}/{name}.git")
    fork = remote.parse(remote.with_owner(f"{start}{owner}/{name}.git", other))
    assert (hub, fork) == (Hub("github.com", owner, name), Hub("github.com", other, name))
    assert hub is not None
    assert fork is not None
    assert hub.is_other_s(fork) == fork.is_other_s(hub) == (owner.lower() != other.lower())


@given(st.text())
def test_whatever_is_taken_for_a_repository_has_the_names_of_one(url: str) -> None:
    found = remote.parse(url, url)
    if found is not None:
        assert set(found.name) <= set(string.ascii_letters + string.digits + "._-/")
        assert found.web.isascii()
        assert found.web.isprintable()


SECRET = st.text(string.ascii_letters + string.digits + ":%.-_@", min_size=8)


@given(SECRET, st.sampled_from(["fatal: unable to access '{}/'", "{}", "a {} b"]))
def test_a_secret_in_a_url_is_never_shown(secret: str, words: str) -> None:
    shown = remote.without_secrets(words.format(f"https://{secret}@github.com/acme/app.git"))
    assert shown == words.format("https://github.com/acme/app.git")


def test_what_has_no_secret_is_shown_as_it_is() -> None:
    for url in ("git@github.com:acme/app.git", "/srv/git/a@b", "https://github.com/acme/app@v1"):
        assert remote.without_secrets(url) == url


def test_pages_and_addresses_are_those_of_the_host() -> None:
    own = Hub("github.acme.example", "acme", "app")
    assert HERE.fork_page == "https://github.com/acme/app/fork"
    assert HERE.compare_page("main", "me", "ghcr-signer/x") == (
        "https://github.com/acme/app/compare/main...me:ghcr-signer/x?expand=1"
    )
    hostile = HERE.compare_page("a?b=c#d\u202e\n%", "me", "x")
    assert (
        hostile
        == "https://github.com/acme/app/compare/a%3Fb%3Dc%23d%E2%80%AE%0A%25...me:x?expand=1"
    )
    assert own.compare_page("main", "me", "x").startswith("https://github.acme.example/acme/app/")
    assert HERE.api == "https://api.github.com"
    assert own.api == "https://github.acme.example/api/v3"
    assert Hub("acme.ghe.com", "acme", "app").api == "https://api.acme.ghe.com"


@pytest.mark.parametrize("name", ["main", "trunk/ä", "a-b", "release/1.0", "+x", "a'b\"c"])
def test_a_branch_is_a_branch(name: str) -> None:
    assert remote.branch(f"refs/heads/{name}") == name


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "refs/tags/v1",
        "refs/heads/",
        "refs/heads/-x",
        "refs/heads//x",
        "refs/heads/a b",
        "refs/heads/a:refs/heads/b",
        "refs/heads/*",
        "refs/heads/a\nb",
        "refs/heads/a\x1b",
        "refs/heads/a..b",
        "refs/heads/a@{1}",
        "refs/heads/a^",
        "refs/heads/a~1",
        "refs/heads/a\\b",
        "refs/heads/[a]",
        "refs/heads/a?",
    ],
)
def test_what_would_act_in_a_refspec_is_no_branch(ref: str) -> None:
    assert remote.branch(ref) is None


def test_without_an_owner_there_is_none_to_replace() -> None:
    with pytest.raises(ValueError, match="srv"):
        remote.with_owner("/srv/git/app.git", "me")


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
    assert remote.repository(url, "github.com") == "acme/signatures"


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
    assert remote.repository(url, "github.com") is None
