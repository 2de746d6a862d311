"""What is kept between two runs of `sign`: private, dropped in time, and missed by nobody."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ghcr_signer.core import limits
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.kept import Kept

NAME, DIGEST = 64 * "0", Digest(64 * "a")
FILES = {"MANIFEST": b"{}", "PAYLOAD_BLOB": b"payload"}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept({"XDG_CACHE_HOME": str(tmp_path / "cache")})


def root(kept: Kept) -> Path:
    assert kept.root is not None
    return kept.root


def test_what_is_put_is_there_until_it_is_removed(kept: Kept) -> None:
    assert kept.get(NAME, DIGEST) is None
    assert kept.put(NAME, DIGEST, {"MANIFEST": b"old"})
    assert kept.put(NAME, DIGEST, FILES)
    assert kept.get(NAME, DIGEST) == FILES
    assert kept.get(NAME, Digest(64 * "b")) is None
    assert kept.get(64 * "1", DIGEST) is None
    kept.remove(NAME)
    kept.remove(NAME)
    assert kept.get(NAME, DIGEST) is None


def test_nobody_else_may_look_into_it(kept: Kept) -> None:
    before = os.umask(0)
    try:
        kept.put(NAME, DIGEST, FILES)
        kept.note_tries("sha256:1", 2)
    finally:
        os.umask(before)
    for path in (root(kept), *root(kept).rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("mode", [0o750, 0o707, 0o777])
def test_a_folder_that_others_may_enter_is_not_used(mode: int, kept: Kept) -> None:
    kept.put(NAME, DIGEST, FILES)
    root(kept).chmod(mode)
    assert kept.get(NAME, DIGEST) is None
    assert not kept.put(64 * "1", DIGEST, FILES)


def test_a_link_in_its_place_is_not_followed(kept: Kept, tmp_path: Path) -> None:
    kept.put(NAME, DIGEST, FILES)
    elsewhere = root(kept).rename(tmp_path / "elsewhere")
    root(kept).symlink_to(elsewhere)
    assert kept.get(NAME, DIGEST) is None
    assert not kept.put(64 * "1", DIGEST, FILES)


@pytest.mark.parametrize("file", ["MANIFEST", "stray"])
def test_what_holds_a_link_or_a_strange_file_is_not_taken(
    file: str, kept: Kept, tmp_path: Path
) -> None:
    kept.put(NAME, DIGEST, FILES)
    (tmp_path / "other").write_bytes(b"{}")
    path = root(kept) / NAME / DIGEST.hex / file
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "other")
    assert kept.get(NAME, DIGEST) is None


def test_what_nobody_came_back_for_is_dropped(kept: Kept) -> None:
    for name in (NAME, 64 * "1"):
        kept.put(name, DIGEST, FILES)
    kept.note_tries("sha256:1", 1)
    for path in root(kept).iterdir():
        if path.name != 64 * "1":
            age = path.stat().st_mtime - limits.KEPT_SIGNATURE_SECONDS - 1
            os.utime(path, (age, age))
    kept.drop_old()
    assert kept.get(NAME, DIGEST) is None
    assert kept.get(64 * "1", DIGEST) == FILES
    assert kept.tries("sha256:1") == 1  # a wrong PIN is not undone by waiting


def test_the_tries_of_each_key_are_remembered_until_it_takes_a_pin(kept: Kept) -> None:
    kept.note_tries("sha256:1", 2)
    kept.note_tries("sha256:1", 1)
    assert (kept.tries("sha256:1"), kept.tries("sha256:2")) == (1, None)
    kept.note_tries("sha256:1", None)
    assert kept.tries("sha256:1") is None


@pytest.mark.skipif(os.name == "nt", reason="LOCALAPPDATA is the user's own")
@pytest.mark.parametrize(("mode", "counts"), [(0o755, True), (0o770, False), (0o777, False)])
def test_tries_are_read_where_nobody_else_can_have_written_them(
    kept: Kept, mode: int, counts: bool
) -> None:
    kept.note_tries("key", 1)
    root(kept).chmod(mode)
    assert kept.tries("key") == (1 if counts else None)
    kept.note_tries("other", 1)
    file = kept.tries_file("other")
    assert file is not None
    assert file.exists() == counts


def test_nor_are_they_noted_in_a_stranger_s_folder(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.note_tries("key", 1)
    monkeypatch.setattr(os, "geteuid", lambda: root(kept).stat().st_uid + 1)
    assert kept.tries("key") is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/ghcr-signer/signatures"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/ghcr-signer/signatures"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/ghcr-signer/signatures"),
    ],
)
def test_it_is_in_the_user_s_cache(environment: dict[str, str], expected: str) -> None:
    assert Kept(environment).root == Path(expected)


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_a_home_nothing_is_kept_and_nothing_fails(environment: dict[str, str]) -> None:
    kept = Kept(environment)
    assert kept.root is None
    assert not kept.put(NAME, DIGEST, FILES)
    kept.note_tries("sha256:1", 1)
    kept.drop_old()
    kept.remove(NAME)
    assert (kept.get(NAME, DIGEST), kept.tries("sha256:1")) == (None, None)


def test_where_it_cannot_be_written_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    kept = Kept({"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert not kept.put(NAME, DIGEST, FILES)
    kept.note_tries("sha256:1", 1)
    assert kept.get(NAME, DIGEST) is None
