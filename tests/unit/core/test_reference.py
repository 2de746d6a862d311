"""Names of images: one grammar, nothing implied."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Digest, Reference, parse_tag, same_repository

HEX = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [
        f"ghcr.io/acme/app@sha256:{HEX}",
        "localhost/app",
        "localhost:5000/app:v1",
        "127.0.0.1:5000/a/b/c",
        "[::1]:5000/app",
        "xn--bcher-kva.example/app",
        f"registry.example:443/a__b/c-d/e.f/g---h:V1.2_3-x@sha256:{HEX}",
        "a.b/c",
    ],
)
def test_a_reference_is_written_as_it_was_read(text: str) -> None:
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alpine",
        "library/alpine",
        "ghcr.io",
        "ghcr.io/",
        "GHCR.io/acme/app",
        "bücher.example/app",
        "ghcr.io/Acme/app",
        "ghcr.io/../app",
        "ghcr.io/a/../b",
        "ghcr.io//app",
        "ghcr.io/app/",
        "ghcr.io/a b",
        "ghcr.io/a_",
        "ghcr.io/a..b",
        "ghcr.io/a___b",
        "ghcr.io/app\n",
        "ghcr.io/app:",
        "ghcr.io/app:.x",
        "ghcr.io/app:v1:v2",
        "ghcr.io/app@",
        f"ghcr.io/app@sha256:{HEX.upper()}",
        f"ghcr.io/app@sha256:{HEX}0",
        f"ghcr.io/app@sha512:{HEX * 2}",
        f"ghcr.io/app@sha256:{HEX}@sha256:{HEX}",
        f"ghcr.io/app@sha256:{HEX}\n",
        "http://ghcr.io/app",
        "user@ghcr.io/app",
        "ghcr.io:port/app",
        "-ghcr.io/app",
        "ghcr.io\u202e/app",
        "ghcr.io/" + "a" * 256,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        Reference.parse(text)
    assert refusal.value.failure.code is codes.REFERENCE_MALFORMED


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        assert str(Reference.parse(text)) == text


# text that is nearly a reference, and often one
PARTS = st.sampled_from(
    [
        *("ghcr.io", "localhost", "docker.io", "index.docker.io", "[::1]", "xn--e1a", "GHCR.io"),
        *("/", "/", "/", "acme", "app", "a__b", "a--b", "..", ".", "_", "-", ":", ":5000", ":v1"),
        *("@", "@sha256:", HEX, f"@sha256:{HEX}", "\n", " ", "%2e", "\u0456", "?", "#", "\\"),
    ]
)
NEARLY = st.lists(PARTS, max_size=10).map("".join)


@given(NEARLY, NEARLY)
def test_what_is_read_is_what_is_written_and_only_equal_names_are_one(one: str, two: str) -> None:
    with contextlib.suppress(Refused):
        first, second = Reference.parse(one), Reference.parse(two)
        assert str(first) == one
        assert Reference.parse(str(first)) == first
        hosts = [each.registry.replace("index.docker.io", "docker.io") for each in (first, second)]
        same = hosts[0] == hosts[1] and first.repository == second.repository
        assert same_repository(first.name, second) == same


def test_a_bare_word_is_a_host_only_where_nothing_else_can_be_meant() -> None:
    assert Reference.parse("registry/app", any_host=True).registry == "registry"
    with pytest.raises(Refused):
        Reference.parse("registry/app")


@pytest.mark.parametrize("tag", ["latest", "v1", "_", "1.2-3_x", "a" * 128, "sha256-abc"])
def test_tags_that_a_set_may_move(tag: str) -> None:
    assert parse_tag(tag) == tag


@pytest.mark.parametrize(
    "tag",
    ["", ".x", "-x", "a b", "a/b", "a" * 129, "v1\n", "é"],
)
def test_what_is_no_tag(tag: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_tag(tag)
    assert refusal.value.failure.code is codes.TAG_MALFORMED


@pytest.mark.parametrize(
    "tag",
    [
        *(f"sha256-{HEX}{suffix}" for suffix in ("", ".sig", ".att", "-x", ".", "-")),
        *(f"sha{size}-{HEX}" for size in (384, 512)),
    ],
)
def test_where_signatures_live_no_set_may_move_a_tag(tag: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_tag(tag)
    assert refusal.value.failure.code is codes.TAG_MALFORMED


@pytest.mark.parametrize("text", [None, 7, "", HEX, f"sha256:{HEX}x", f"sha256:{HEX[1:]}", b"x"])
def test_only_sha256_digests_are_known(text: object) -> None:
    with pytest.raises(Refused):
        Digest.parse(text)


def test_docker_hub_has_two_names() -> None:
    image = Reference.parse("docker.io/library/alpine")
    assert same_repository("index.docker.io/library/alpine", image)
    assert same_repository("docker.io/library/alpine", image)
    assert not same_repository("index.docker.io/library/alpine2", image)
    assert not same_repository("ghcr.io/index.docker.io/library/alpine", image)
    mirrored = Reference.parse("ghcr.io/index.docker.io/library/alpine")
    assert same_repository("ghcr.io/index.docker.io/library/alpine", mirrored)
    assert not same_repository("ghcr.io/docker.io/library/alpine", mirrored)
