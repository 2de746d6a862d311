"""JSON has one reading, or none."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_signer.core import codes, strict_json
from ghcr_signer.core.errors import Refused

documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(documents)
def test_what_json_writes_is_read_as_it_was(document: object) -> None:
    assert strict_json.loads(json.dumps(document).encode(), depth=100) == document


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes) -> None:
    with contextlib.suppress(Refused):
        strict_json.loads(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"c":2,"b":1}}',
        b'{"\\u0061":1,"a":2}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{} x",
        b"",
        b"'a'",
        b"{a:1}",
        b"[1,]",
        b"01",
        b'"\n"',
        b"9" * 5000,
        b"[" * 21 + b"]" * 21,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda content: repr(content[:16]),
)
def test_what_two_readers_could_read_differently_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        strict_json.loads(content)
    assert refusal.value.failure.code is codes.NOT_JSON


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    text = "[{" * 100 + '\\"'
    assert strict_json.loads(json.dumps([text])) == [text]


@pytest.mark.parametrize(
    "filling", ['\\"', "x", '"', "[", "{}"], ids=["escapes", "text", "quotes", "open", "pairs"]
)
def test_four_mebibytes_are_refused_without_reading_them_again_and_again(filling: str) -> None:
    content = ("[" * 30 + '"' + filling * (4 * 1024 * 1024 // len(filling))).encode()
    with pytest.raises(Refused):
        strict_json.loads(content)


def test_depth_up_to_the_cap_is_read() -> None:
    assert strict_json.loads(b"[" * 20 + b"]" * 20) is not None
