"""Where an image says that it comes from, and when that becomes a link."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_signer.core.image import manifest_labels
from ghcr_signer.core.origin import Origin

OLD, NEW = "a" * 40, "b" * 40
APP = "https://github.com/acme/app"


@pytest.mark.parametrize(
    ("source", "other"),
    [
        (APP, APP),
        (f"{APP}/", f"{APP}.git"),
        ("https://github.com/Acme/App", APP),
    ],
)
def test_two_revisions_of_one_source_are_compared(source: str, other: str) -> None:
    found = Origin(source, NEW).compared_with(Origin(other, OLD))
    assert found.lower() == f"{APP}/compare/{OLD}...{NEW}"


@pytest.mark.parametrize(
    "after",
    [
        Origin(APP, ""),
        Origin("", NEW),
        Origin(APP, OLD),
        Origin(APP, NEW[:39]),
        Origin(APP, f"{NEW}a"),
        Origin(APP, NEW.upper()),
        Origin(APP, f"{NEW}\n"),
        Origin("https://github.com/acme/other", NEW),
        Origin("http://github.com/acme/app", NEW),
        Origin("https://github.com.example/acme/app", NEW),
        Origin("https://example.com/acme/app", NEW),
        Origin("https://me@github.com/acme/app", NEW),
        Origin("https://github.com/acme/app/tree/main", NEW),
        Origin("https://github.com/acme/..", NEW),
        Origin("https://github.com/acme/app?x", NEW),
        Origin("https://github.com/acme/app)[x](https://example.com", NEW),
        Origin("https://github.com/acmé/app", NEW),
    ],
    ids=str,
)
def test_what_is_not_exactly_that_makes_no_link(after: Origin) -> None:
    assert after.compared_with(Origin(APP, OLD)) == ""


def test_nor_does_a_link_of_an_image_that_says_something_else_first() -> None:
    assert Origin(APP, NEW).compared_with(Origin("", OLD)) == ""
    assert Origin(APP, NEW).compared_with(Origin(APP, "main")) == ""


_ALMOST = st.from_regex(r"https://github\.com/[ -~]{0,20}/[ -~]{0,20}", fullmatch=True)


@given(_ALMOST | st.text(), st.sampled_from([OLD, NEW]) | st.text())
def test_a_link_has_nothing_that_ends_it_or_leads_elsewhere(source: str, revision: str) -> None:
    link = Origin(source, revision).compared_with(Origin(source, "c" * 40))
    assert link == "" or re.fullmatch(
        r"https://github\.com/[A-Za-z0-9-]+/[A-Za-z0-9._-]+/compare/c{40}\.\.\.[0-9a-f]{40}", link
    )


def test_a_long_text_is_cut_and_leads_nowhere() -> None:
    long = f"https://github.com/acme/{'x' * 100}"
    assert Origin.of({"source": long, "revision": NEW}) == Origin(long, NEW)
    found = Origin.of({"source": f"{APP}?{'x' * 1000}", "revision": NEW * 10})
    assert len(found.source) == len(found.revision) == 201
    assert found.compared_with(Origin(found.source, OLD)) == ""


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b'{"annotations":{"org.opencontainers.image.source":"x"}}', {"source": "x"}),
        (b'{"annotations":{"org.opencontainers.image.source":7}}', {}),
        (b'{"annotations":["org.opencontainers.image.source"]}', {}),
        (b'{"annotations":null}', {}),
        (b"{}", {}),
        (b"[]", {}),
        (b"no JSON", {}),
    ],
)
def test_a_manifest_s_annotations_are_read_where_they_can_be(
    content: bytes, labels: dict[str, str]
) -> None:
    assert manifest_labels(content) == labels
