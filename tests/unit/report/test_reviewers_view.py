"""The reviewer's view: what it says at a glance, and that foreign text in it is only text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.forge import NOW, SET

from ghcr_signer.core import codes, schemas
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.origin import Origin
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.review import (
    Move,
    Platform,
    Quorum,
    Review,
    Reviewed,
    Seen,
    Signed,
    State,
)
from ghcr_signer.core.trust_change import Difference, Flip, Part, TrustChange, Verb, Word
from ghcr_signer.core.verdict import Check, Step
from ghcr_signer.report import json as json_report
from ghcr_signer.report import markdown, text
from ghcr_signer.report.escape import markdown_with_code
from ghcr_signer.report.report import Report
from ghcr_signer.report.review import age
from ghcr_signer.report.reviewers_view import COMMENT_BYTES, SUMMARY_BYTES, render

APP = "ghcr.io/acme/app"
OLD_SET = "2026-10-01T12:00:00+00:00"
OLD, NEW = Digest.of(b"old"), Digest.of(b"new")
PATH = f"{SET}/{NEW.hex}"
LOGGED = NOW - timedelta(days=3)
LINK = "https://search.sigstore.dev/?logIndex=1234"
MOVE = Move(APP, "latest", OLD, OLD_SET, State.GOOD, NEW, PATH)
IMAGE = Reviewed(
    PATH,
    APP,
    NEW,
    passed=True,
    is_known=True,
    entries=3,
    platforms=(Platform("linux/amd64", OLD, here=True), Platform("linux/arm64", OLD, here=True)),
    platform_count=2,
    quorums=(Quorum("app", 1, ("alice",), ()),),
    signatures=(Signed("alice", LOGGED, LogPosition("f" * 64, 1234), LINK),),
    signature_count=1,
    annotations=(("env", "prod"),),
    annotation_count=1,
)
REVIEW = Review(NOW, "SIGNATURES", (MOVE,), (IMAGE,))
HEADLINE = "Merging publishes the signatures of 1 image (3 manifests) and moves 1 tag"
RULES = (Check(Step.CHANGE, "tags move forwards"),)


def report(review: Review = REVIEW, **more: Any) -> Report:
    return Report("verify", **{"change": RULES, "review": review, **more})


def plain(lines: Sequence[str]) -> str:
    """What GitHub shows, without its markup."""
    return html.unescape("\n".join(lines).replace("<!-- -->", ""))


def shown(found: Report) -> str:
    return plain(list(markdown.render(found)))


def told(found: Report) -> str:
    return "\n".join(text.render(found))


def document(found: Report) -> Any:
    written = json.loads("".join(json_report.render(found)))
    schemas.require("report", written)
    return written["review"]


def failing(*failures: Failure, review: Review = REVIEW) -> Report:
    return report(review, failures=failures)


# At a glance


def test_it_begins_with_the_verdict_the_next_step_and_what_moves() -> None:
    first, _, then, _, heading, _, tag, *_ = shown(report()).splitlines()
    assert (
        first == "### ✅ Merging publishes the signatures of 1 image (3 manifests) and moves 1 tag"
    )
    assert then.startswith("**Next:** Is this what is to be released? Then merge")
    assert heading == "| tag | now, by the ledger | after merging |"
    assert tag == (
        f"| {APP}:**latest** | `{OLD.short}`<br>since the set {OLD_SET} | **`{NEW.short}`** |"
    )


def test_the_image_s_row_says_who_signed_and_when_with_a_link() -> None:
    assert (
        f"| ✅ | {APP}@{NEW.short} | linux/amd64, linux/arm64 | alice (1 of 1)"
        f" | [3 days ago]({LINK}) |" in shown(report())
    )


def test_an_image_that_is_not_there_says_so_also_where_it_moves_no_tag() -> None:
    review = replace(REVIEW, moves=(), seen=Seen({}, {IMAGE.unit: False}, {}, {}))
    assert f"{APP}@{NEW.short}<br>⚠️ not in the registry |" in shown(report(review))
    assert f"{APP}@{NEW.short} (not in the registry), " in told(report(review))
    there = replace(REVIEW, moves=(), seen=Seen({}, {IMAGE.unit: True}, {}, {}))
    for found in (shown(report(there)), told(report(there)), shown(report())):
        assert "not in the registry" not in found


def test_what_is_looked_up_is_folded() -> None:
    folded = shown(report()).partition("<details>")[2]
    for fact in (
        f"`{NEW}`",
        f"set {SET}, 3 manifests",
        f"alice, 2026-11-18 12:00:00 UTC, [log index 1234]({LINK})",
        "signed: env=prod",
        "- ✅ tags move forwards",
    ):
        assert fact in folded


def test_every_form_says_the_same() -> None:
    assert f"\n{HEADLINE}\n" in told(report())
    assert (
        f"· {APP}:latest moves from {OLD.short}, since the set {OLD_SET}, to {NEW.short}"
        in told(report())
    )
    found = document(report())
    assert found["headline"] == HEADLINE
    assert found["moves"] == [
        {
            "path": PATH,
            "image": APP,
            "tag": "latest",
            "from": str(OLD),
            "to": str(NEW),
            "since": OLD_SET,
            "state": "",
        }
    ]
    (image,) = found["images"]
    assert image["rules"] == [{"rule": "app", "threshold": 1, "signed": ["alice"], "missing": []}]
    assert image["logged"] == [
        {"authority": "alice", "log": "f" * 64, "log_index": 1234, "link": LINK}
    ]


def test_no_set_no_tag_no_doubt() -> None:
    nothing = report(Review(NOW, "SIGNATURES"))
    assert shown(nothing).startswith("### ✅ Merging publishes nothing: no set is added\n")
    assert "Review it as any other change" in shown(nothing)
    quiet = report(replace(REVIEW, moves=(replace(MOVE, before=NEW),)))
    assert "and moves no tag" in shown(quiet)
    assert "| stays |" in shown(quiet)
    assert f"{APP}:latest stays at {NEW.short}" in told(quiet)


def test_a_failure_is_the_verdict_and_its_fix_the_next_step() -> None:
    mixed = Failure(codes.CHANGE_MIXED, "touched", "README.md", "run `git checkout x`")
    found = failing(mixed, replace(mixed, file="other"), Failure(codes.SET_AHEAD, "m"))
    title = codes.CHANGE_MIXED.title
    assert shown(found).startswith(f"### ❌ Do not merge: {title} (and 2 more failures)\n")
    assert "- ❌ **GS1102** README.md and 1 more file: touched" in shown(found)
    assert "\n**Next:** run `git checkout x`\n" in shown(found)
    assert document(found)["next"] == "run `git checkout x`"
    assert told(found).endswith("Next:\n  run `git checkout x`")


def test_a_missing_signature_is_named_with_the_command_that_adds_it() -> None:
    few = replace(IMAGE, passed=False, quorums=(Quorum("app", 2, ("alice",), ("bob", "carol")),))
    found = failing(Failure(codes.THRESHOLD, "1 of 2", PATH), review=replace(REVIEW, images=(few,)))
    assert shown(found).startswith("### ❌ Do not merge yet: a signature is missing\n")
    command = f"ghcr-signer sign {APP}@{NEW} --add-to SIGNATURES/{SET} --sk --push"
    assert f"**Next:** Have bob or carol sign too: `{command}`" in shown(found)
    assert "alice (1 of 2; missing: bob or carol)" in shown(found)
    besides = failing(
        Failure(codes.THRESHOLD, "1 of 2", PATH),
        Failure(codes.CHANGE_MIXED, "touched"),
        review=replace(REVIEW, images=(few,)),
    )
    assert "--add-to" not in shown(besides)


def test_what_became_of_the_last_mover_is_said() -> None:
    gone = replace(MOVE, state=State.WITHDRAWN)
    found = report(replace(REVIEW, moves=(gone,)))
    assert f"since the set {OLD_SET}, which is withdrawn" in shown(found)
    assert "take the withdrawn image's place" in shown(found)
    assert document(found)["moves"][0]["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("tags", "there", "words", "machine"),
    [
        ({(APP, "latest"): OLD}, True, "", "as expected"),
        ({(APP, "latest"): NEW}, True, "has it there already", "there already"),
        ({(APP, "latest"): None}, True, "the registry has no such tag", "elsewhere"),
        ({(APP, "latest"): Digest.of(b"x")}, True, "it moves only if a set knows", "elsewhere"),
        ({(APP, "latest"): OLD}, False, "the image is not in the registry", "as expected"),
        ({}, None, "the registry was not read", "unknown"),
    ],
)
def test_what_the_registry_says_otherwise_is_said(
    tags: Any, there: bool | None, words: str, machine: str
) -> None:
    images = {} if there is None else {(APP, NEW): there}
    found = report(replace(REVIEW, seen=Seen(tags, images, {}, {APP: "no connection"})))
    assert ("⚠️" in shown(found)) == bool(words)
    assert words in shown(found)
    assert words in told(found)
    assert document(found)["moves"][0]["registry"] == machine
    assert f"{APP} could not be read: no connection" in shown(found)
    assert f"{APP} could not be read: no connection" in told(found)
    assert document(found)["unread"] == {APP: "no connection"}


def test_where_the_registry_is_not_asked_nothing_is_said_of_it() -> None:
    assert "registry" not in shown(report())
    assert "registry" not in json.dumps(document(report()))


def test_what_has_changed_is_linked() -> None:
    origins = {
        (APP, OLD): Origin("https://github.com/acme/app", "a" * 40),
        (APP, NEW): Origin("https://github.com/acme/app", "b" * 40),
    }
    link = f"https://github.com/acme/app/compare/{'a' * 40}...{'b' * 40}"
    for review in (
        replace(REVIEW, origins=origins),
        replace(REVIEW, seen=Seen({}, {}, origins, {})),
    ):
        assert f"[what has changed]({link})" in shown(report(review))
        assert f"what has changed: {link}" in told(report(review))
        assert document(report(review))["images"][0]["compare"] == link
    assert "what has changed" not in shown(report(replace(REVIEW, moves=())))


def test_an_image_without_its_manifest_is_a_digest() -> None:
    unknown = replace(IMAGE, is_known=False, platforms=(), platform_count=0, entries=1)
    found = shown(report(replace(REVIEW, images=(unknown, unknown))))
    assert found.startswith("### ✅ Merging publishes the signatures of 2 digests and moves 1 tag")
    assert "| not known |" in found


def test_a_platform_without_a_signature_is_shouted() -> None:
    half = replace(IMAGE, platforms=(Platform("linux/arm64", OLD, here=False),), platform_count=9)
    assert "| linux/arm64 NOT SIGNED, and 8 more |" in shown(
        report(replace(REVIEW, images=(half,)))
    )


def test_a_warning_comes_before_anything_else() -> None:
    found = report(notices=("a note", "WARNING: look here"))
    lines = shown(found).splitlines()
    assert lines[0].startswith("### ⚠️ Merging publishes")
    assert lines[2] == "> ⚠️ WARNING: look here"
    assert lines[4].startswith("**Next:** Heed the warning first. Is this")


def test_a_change_of_trust_is_the_verdict_where_nothing_is_signed() -> None:
    change = TrustChange((), True, retires=(OLD_SET,))
    found = report(Review(NOW, "SIGNATURES"), trust_change=change)
    assert shown(found).startswith("### ⚠️ Merging changes who may sign what, and retires 1 set\n")
    assert f"- WARNING: the set {OLD_SET} would fail" in shown(found)
    assert "Compare each new key with its owner's" in shown(found)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(days=400), "400 days ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(minutes=61), "1 hour ago"),
        (timedelta(seconds=120), "2 minutes ago"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-200), "just now"),
    ],
)
def test_an_age_is_told_in_the_largest_unit(ago: timedelta, said: str) -> None:
    assert age(NOW - ago, NOW) == said


# How long


def test_what_is_too_long_is_cut_at_whole_rows_and_counted() -> None:
    long = tuple((f"a{number}", "|" * 200) for number in range(50))
    images = tuple(replace(IMAGE, annotations=long) for _ in range(1000))
    moves = tuple(replace(MOVE, tag=f"v{number}") for number in range(1000))
    failures = tuple(
        Failure(codes.CHANGE_MIXED, f"{number} {'😀' * 4000}", "`" * 4000) for number in range(100)
    )
    review = Review(NOW, "SIGNATURES", moves, images)
    for found in (report(review), failing(*failures, review=review)):
        for room in (COMMENT_BYTES, SUMMARY_BYTES, 10_000):
            lines = list(render(found, review, room))
            assert len("\n".join(lines).encode()) < room
            assert lines.count("</details>") == 3
            assert sum(line.startswith("<details>") for line in lines) == 3
            assert any(re.fullmatch(r"\| … and \d+ more \| \| \|", line) for line in lines)
            assert any(re.fullmatch(r"- … and \d+ more", line) for line in lines)
    assert COMMENT_BYTES < 65_536
    assert SUMMARY_BYTES < 1024 * 1024
    assert len(list(text.render(report(review)))) < 500


def test_of_many_tags_each_is_folded_at_least() -> None:
    moves = tuple(replace(MOVE, tag=f"v{number}") for number in range(100))
    found = shown(report(replace(REVIEW, moves=moves)))
    assert found.count(f"| {APP}:**v99** |") == 1
    assert found.count(f"| {APP}:**v1** |") == 2
    assert "<summary>Every tag</summary>" in found
    assert "<summary>Every tag</summary>" not in shown(report())


def test_the_text_of_many_is_cut_too() -> None:
    review = Review(NOW, "SIGNATURES", (MOVE,) * 40, (IMAGE,) * 40)
    assert "… and 10 more tags" in told(report(review))
    assert "… and 10 more images" in told(report(review))


# Foreign text

_NASTY = (
    "](https://evil.example)",
    "![x](https://evil.example)",
    "<img src=x onerror=alert(1)>",
    "</details><script>alert(1)</script>",
    "@everyone",
    "#1",
    "acme/app#1",
    "| a | b |",
    "`code`",
    "``` fence",
    "https://evil.example",
    "www.evil.example",
    "me@evil.example",
    "\n\n# heading\n",
    "\r::error::x",
    "<!--",
    "-->",
    "&lt;b&gt;",
    "&#64;everyone",
    "\\",
    "**bold**",
    ":tada:",
    "$x$",
    "\u202eevil",
    "[x]: https://evil.example",
)
FOREIGN = st.lists(st.sampled_from(_NASTY) | st.text(max_size=8), max_size=4).map("".join)
ALLOWED = {"br", "details", "/details", "summary", "/summary", "!--"}


def hostile(words: st.DataObject) -> Report:
    """Foreign text in the place of every text that is shown."""

    def word() -> str:
        return words.draw(FOREIGN)

    flip = Failure(codes.THRESHOLD, word(), word(), word())
    image = replace(
        IMAGE,
        path=f"{word()}/{NEW.hex}",
        repository=word(),
        platforms=(Platform(word(), OLD, here=False),),
        quorums=(Quorum(word(), 2, (word(),), (word(),)), Quorum(word(), 2, (word(),), ())),
        signatures=(Signed(word(), LOGGED, LogPosition(word(), 1), ""),),
        annotations=((word(), word()),),
    )
    move = Move(word(), word(), OLD, word(), State.RETIRED, NEW, image.path)
    origins = {
        image.unit: Origin(word(), word()),
        (image.repository, OLD): Origin(word(), word()),
    }
    seen = Seen({move.key: Digest.of(b"x")}, {}, {}, {word(): word()})
    return Report(
        "review",
        failures=words.draw(
            st.sampled_from([(), (flip,), (Failure(codes.CHANGE_MIXED, word(), word(), word()),)])
        ),
        notices=(word(), f"WARNING {word()}"),
        change=RULES,
        trust_change=TrustChange(
            (
                Difference(
                    Part.AUTHORITY, Verb.ADDED, word(), word(), word(), (Word("x", (), (word(),)),)
                ),
            ),
            True,
            1,
            (Flip(word(), False, (flip,)),),
            (word(),),
        ),
        review=Review(NOW, word(), (move,), (image,), 0, origins, seen),
    )


@given(st.data())
def test_foreign_text_is_nothing_but_text(words: st.DataObject) -> None:
    """As a parser of its own sees it: no link, image, tag, heading or fence but our own."""
    found = hostile(words)
    lines = list(markdown.render(found))
    assert not any("\n" in line or "\r" in line for line in lines)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse("\n".join(lines))
    headings = [token for token in tokens if token.type == "heading_open"]
    assert len(headings) == 1
    assert not any(token.type in ("fence", "code_block", "hr") for token in tokens)
    assert sum(token.type == "table_open" for token in tokens) == 2
    columns = [token for token in tokens if token.type in ("th_open", "td_open")]
    assert len(columns) == 2 * 3 + 2 * 5
    inline = [child for token in tokens for child in token.children or ()]
    for token in inline:
        assert token.type not in ("image", "link_open")
    raw = [token.content for token in (*tokens, *inline) if token.type.startswith("html_")]
    tags = {tag for content in raw for tag in re.findall(r"<(/?[a-z]+|!--)", content)}
    assert tags <= ALLOWED
    for line in lines:
        outside = re.sub(r"`[^`]*`", "", line)
        assert not re.search(r"@|https?:|www\.", outside)
        assert not re.search(r"(?<!&)#\S", outside.removeprefix("### "))


@given(st.data())
def test_nor_does_it_act_on_a_terminal_or_in_json(words: st.DataObject) -> None:
    found = hostile(words)
    for line in text.render(found):
        assert line.isprintable() or line == ""
    assert document(found)["headline"]


@given(FOREIGN, FOREIGN, FOREIGN)
def test_a_command_is_code_whatever_stands_around_it(one: str, two: str, three: str) -> None:
    line = markdown_with_code(f"{one}`{two}`{three}")
    (token,) = [t for t in MarkdownIt("commonmark").parse(f"x {line} x") if t.type == "inline"]
    kinds = {child.type for child in token.children or ()}
    assert kinds <= {"text", "code_inline", "html_inline", "text_special"}
    assert "\n" not in line


def test_a_command_can_be_copied() -> None:
    assert markdown_with_code("Run `git mv a b`.") == "Run `git mv a b`&#46;"
    assert markdown_with_code("a ` b") == "a &#96; b"
    assert "`" not in markdown_with_code("an empty `` one")
