"""YAML has one reading, or none; and PyYAML's own safe loader has the same."""

import contextlib
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.pyyaml import libyaml_reads_likewise, reads_likewise

from ghcr_signer.core import codes, limits, strict_yaml
from ghcr_signer.core.errors import Refused

BILLION = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi"))
).encode()

# text in which YAML's own characters, and what its readers differ about, are common
PIECES = st.sampled_from(
    [
        *("a", "b: ", "- ", "? ", ": ", ", ", " #", "\n", "\n  ", "\n- ", "|\n ", ">-\n ", "\r\n"),
        *("&x ", "*x", "!!str ", "! ", "<<: ", "---", "...", "%YAML 1.1", "\\ud800", "\\UFFFFFFFF"),
        *"'\"[]{}\t\\é~=\u2028\ufeff",
        *("true", "yes", "010", "0x1f", "1_0", "7", "-3", "1.5", "null", "2026", "-01-01", "1:30"),
    ]
)
DOCUMENTS = st.lists(PIECES, max_size=16).map("".join)
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**16), 10**16) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as refused:
        strict_yaml.loads(content)
    assert refused.value.failure.code is codes.POLICY_MALFORMED
    return str(refused.value)


@given(DOCUMENTS)
def test_what_is_accepted_other_readers_read_likewise(text: str) -> None:
    try:
        ours = strict_yaml.loads(text.encode())
    except Refused:
        return
    assert reads_likewise(ours, text)
    assert libyaml_reads_likewise(ours, text)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | DOCUMENTS.map(str.encode))
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes) -> None:
    with contextlib.suppress(Refused):
        strict_yaml.loads(content)


@given(VALUES)
def test_what_pyyaml_writes_is_read_as_it_was_or_refused(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    with contextlib.suppress(Refused):
        assert strict_yaml.loads(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "on",
        "True",
        "1.5",
        "1e3",
        ".inf",
        "0x1f",
        "0o17",
        "010",
        "1_000",
        "+1",
        "-0",
        "null",
        "~",
        "",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "1:30",
        "=",
        '"true"',
        "'7'",
    ],
)
def test_what_readers_read_differently_is_a_string(text: str) -> None:
    assert strict_yaml.loads(f"a: {text}".encode()) == {"a": text.strip("\"'")}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("0", 0), ("7", 7), ("-12", -12), ("9" * 18, 10**18 - 1)],
)
def test_booleans_and_decimal_integers_are_what_they_look_like(text: str, value: object) -> None:
    read = strict_yaml.loads(f"[{text}]".encode())
    assert read == [value]
    assert isinstance(read, list)
    assert type(read[0]) is type(value)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a: &x 1", 1, "an anchor"),
        (b"a: &x [1]", 1, "an anchor"),
        (b"&x a: 1", 1, "an anchor"),
        (b"a: 1\nb: *a", 2, "an alias"),
        (b"*a : 1", 1, "an alias"),
        (b"a: !!str 1", 1, "a tag"),
        (b"a: ! 1", 1, "a tag"),
        (b"a: !!python/object/apply:os.system [x]", 1, "a tag"),
        (b"!!map {a: 1}", 1, "a tag"),
        (b"a:\n  <<: {b: 1}", 2, "a merge key"),
        (b"a: 1\n'<<': 2", 2, "a merge key"),
        (b"a: 1\nb: 2\na: 3", 3, "the key 'a' occurs twice"),
        (b'x: {a: 1, "\\x61": 2}', 1, "the key 'a' occurs twice"),
        (b"a: 1\n---\nb: 2", 2, "a second document"),
        (b"a: 1\n...\n---\n", 3, "a second document"),
        (b"%YAML 1.1\n---\na: 1", 1, "a directive"),
        (b"%TAG ! tag:x,2026:\n---\na: 1", 1, "a directive"),
        (b"# x\n%FOO bar\n---\na: 1", 2, "a directive"),
        (b"1: a", 1, "a key that is not a string"),
        (b"true: a", 1, "a key that is not a string"),
        (b"? [a]\n: b", 1, "a key that is not a string"),
        (b"? {a: b}\n: b", 1, "a key that is not a string"),
        (b"a: " + b"9" * 19, 1, "an integer of too many digits"),
        (b"a: " + b"9" * 5000, 1, "an integer of too many digits"),
        (b"[" * 21 + b"]" * 21, 1, "nested deeper than 20"),
        (b"[" * 100_000, 1, "nested deeper than 20"),
        (b"- " * 100_000, 1, "nested deeper than 20"),
        (b"? " * 100_000, 1, "nested deeper than 20"),
        (b"{a: " * 50_000, 1, "nested deeper than 20"),
        (b"", 1, "it is empty"),
        (b"# nothing\n", 2, "it is empty"),
        (b"a: 1\n\xff", 2, "not valid UTF-8"),
        (b"a: \xed\xa0\x80", 1, "not valid UTF-8"),
        ("a: 1".encode("utf-16"), 1, "not valid UTF-8"),
        (b"\xef\xbb\xbfa: 1", 1, "U+FEFF"),
        (b"a: 1\n# \x00", 2, "U+0000"),
        (b"a: 1 # \x1b[2K", 1, "U+001B"),
        (b"a: b\rc: d", 1, "U+000D"),
        ("a: b\n# \u202e".encode(), 2, "U+202E"),
        ("a: b\u200b".encode(), 1, "U+200B"),
        ("a: b\u3164".encode(), 1, "U+3164"),
        ("a: b\u2800".encode(), 1, "U+2800"),
        (b'a: "b\\ufe0f"', 1, "U+FE0F"),
        ("a: b\u2028c: d".encode(), 1, "U+2028"),
        ("a: b\x85c: d".encode(), 1, "U+0085"),
        (b'a: 1\nb: "\\0"', 2, "U+0000"),
        (b'a: "\\ud800"', 1, "U+D800"),
        (b'a: "\\u202e"', 1, "U+202E"),
        (b"a: 1\nb: [1", 2, "it is not YAML"),
        (b"a: 1\n\tb: 2", 2, "it is not YAML"),
        (b"a: 'x", 1, "it is not YAML"),
        (b"a: @x", 1, "it is not YAML"),
        (b"a: 1\n b: 2", 2, "it is not YAML"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else "",
)
def test_what_has_no_place_here_is_refused_with_its_line(
    content: bytes, line: int, words: str
) -> None:
    said = refusal(content)
    assert said.startswith(f"line {line}: ")
    assert words in said


@pytest.mark.parametrize("content", [b'a: "\\UFFFFFFFF"', "a: \uffff".encode()])
def test_what_is_no_character_is_refused(content: bytes) -> None:
    assert "it is not YAML" in refusal(content)


def test_a_bomb_is_refused_at_its_fuse() -> None:
    assert refusal(BILLION) == "line 1: an anchor"


def test_what_is_larger_than_the_cap_is_not_read() -> None:
    assert "bytes" in refusal(b"#" * (limits.POLICY_BYTES + 1))
    assert strict_yaml.loads(b"a: 1\n#" + b"#" * (limits.POLICY_BYTES - 6)) == {"a": 1}


def test_depth_up_to_the_cap_is_read() -> None:
    assert strict_yaml.loads(b"[" * 20 + b"]" * 20) == [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]


def test_a_message_does_not_repeat_a_long_document() -> None:
    assert len(refusal(b"a: !" + b"x" * 100_000 + b"^")) < 300
    assert len(refusal(b"? " + b"k" * 900 + b"\n: 1\n? " + b"k" * 900 + b"\n: 1\n")) < 300


def test_lines_may_end_as_on_windows_and_a_document_may_have_a_beginning() -> None:
    assert strict_yaml.loads(b"---\r\na: 1\r\nb:\r\n- |\r\n  x\r\n...\r\n") == {
        "a": 1,
        "b": ["x\n"],
    }
