"""Names and files: what a directory's names mean."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_signer.core import codes, directory
from ghcr_signer.core.directory import FOLDER, REGULAR, SYMLINK
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Reference

instants = st.datetimes(
    min_value=datetime(1000, 1, 1),
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))


@given(instants, st.booleans())
def test_a_set_s_name_is_an_instant_in_either_spelling(instant: datetime, colons: bool) -> None:
    assert directory.parse_set_name(directory.set_name(instant, colons=colons)) == instant


def test_both_spellings() -> None:
    instant = datetime(2026, 2, 9, 7, 41, 13, tzinfo=UTC)
    assert directory.set_name(instant, colons=True) == "2026-02-09T07:41:13+00:00"
    assert directory.set_name(instant, colons=False) == "2026-02-09T07-41-13Z"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "SIGNATURES",
        "2026-02-09",
        "2026-02-30T07:41:13+00:00",
        "2026-02-09T24:00:00+00:00",
        "2026-02-09T07:41:60+00:00",
        "2026-02-09T07:41:13Z",
        "2026-02-09T07:41:13+01:00",
        "2026-02-09T07-41-13+00:00",
        "2026-02-09T07:41:13.5+00:00",
        "2026-02-09T07-41-13z",
        "2026-02-09T07:41:13+00:00\n",
        "\u0662026-02-09T07:41:13+00:00",
        "0000-02-09T07:41:13+00:00",
    ],
)
def test_other_names_are_no_sets(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        directory.parse_set_name(name)
    assert refusal.value.failure.code is codes.SET_NAME


NAMES = st.text(max_size=8) | st.sampled_from(
    [
        *("README.md", "2026-02-09T07:41:13+00:00", "2026-02-09T07-41-13Z", "2026-02-30T00-00-00Z"),
        *("2026-02-09T07:41:13+00:00\n", "2026-02-09t07:41:13+00:00", "2025-12-31T23-59-59Z"),
    ]
)
MODES = st.sampled_from([FOLDER, REGULAR, SYMLINK, "160000", "100755"])


@given(st.dictionaries(NAMES, MODES))
def test_whatever_lies_at_the_top_is_a_set_or_refused_or_the_readme(
    listing: dict[str, str],
) -> None:
    sets, failures = directory.arrange(listing)
    instants = [directory.parse_set_name(name) for name in sets]
    assert instants == sorted(set(instants))
    assert all(listing[name] == FOLDER for name in sets)
    refused = {failure.file for failure in failures}
    assert not refused & set(sets)
    assert set(listing) - {directory.README} <= refused | set(sets)


@given(st.binary(max_size=200) | st.lists(st.text(max_size=12)).map("\n".join).map(str.encode))
def test_any_content_of_image_and_tags_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(Refused):
        image, digest = directory.parse_image(content)
        assert image.digest == digest
    with contextlib.suppress(Refused):
        tags = directory.parse_tags(True, content)
        assert tags[0] == "latest"
        assert "\n".join(tags[1:]).encode() == content.removesuffix(b"\n")


def test_sets_are_ordered_by_their_instants_not_their_spelling() -> None:
    names = ["2026-02-09T07-41-14Z", "2026-02-09T07:41:13+00:00", "2025-12-31T23-59-59Z"]
    sets, failures = directory.arrange(dict.fromkeys(names, FOLDER))
    assert sets == ["2025-12-31T23-59-59Z", "2026-02-09T07:41:13+00:00", "2026-02-09T07-41-14Z"]
    assert failures == []


@pytest.mark.parametrize(
    ("name", "mode", "code"),
    [
        ("README.md", FOLDER, codes.SET_NAME),
        ("README.md", SYMLINK, codes.UNEXPECTED_FILE),
        ("readme.md", REGULAR, codes.UNEXPECTED_FILE),
        (".gitkeep", REGULAR, codes.UNEXPECTED_FILE),
        ("2026-02-09T07:41:13+00:00", SYMLINK, codes.UNEXPECTED_FILE),
        ("TO_PUBLISH", FOLDER, codes.SET_NAME),
        ("2026-02-10T07-41-13Z", FOLDER, codes.SET_NAME),
    ],
)
def test_what_does_not_belong_is_named(name: str, mode: str, code: codes.Code) -> None:
    listing = {"README.md": REGULAR, "2026-02-10T07:41:13+00:00": FOLDER} | {name: mode}
    _, failures = directory.arrange(listing)
    assert [failure.code for failure in failures] == [code]
    assert failures[0].file in (name, "2026-02-10T07:41:13+00:00")


def test_too_many_sets_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghcr_signer.core.limits.SETS", 2)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    names = [directory.set_name(start + timedelta(hours=n), colons=True) for n in range(3)]
    sets, failures = directory.arrange(dict.fromkeys(names, FOLDER))
    assert sets == []
    assert [failure.code for failure in failures] == [codes.TOO_MANY]


@pytest.mark.parametrize("tags", [(), ("latest",), ("v1",), ("latest", "v1", "v1.2"), ("v1", "v2")])
def test_tags_are_read_as_they_were_written(tags: tuple[str, ...]) -> None:
    files = directory.tag_files(tags)
    found = directory.parse_tags(directory.LATEST in files, files.get(directory.TAGS))
    assert sorted(found) == sorted(tags)


def test_image_is_read_as_it_was_written() -> None:
    image = Reference.parse(f"ghcr.io/acme/app@sha256:{'0' * 64}")
    content = directory.image_content(image)
    assert directory.parse_image(content) == (image, image.digest)
    assert directory.parse_image(content.rstrip()) == (image, image.digest)


def test_names_without_meaning_have_no_cap_and_are_never_read() -> None:
    assert directory.cap("EXTRA") is None
    assert directory.cap("PAYLOAD_BLOB.7") == directory.cap("PAYLOAD_BLOB")
