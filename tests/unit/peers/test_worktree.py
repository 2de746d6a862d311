"""A signature directory on disk: no link is followed, a set is written whole or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.directory import File
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.core.manifest import Descriptor
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers import worktree
from ghcr_signer.peers.worktree import TEMPORARY_PREFIX, Worktree, find_upwards, read_file

NOW = datetime(2026, 11, 20, 12, 0, 0, 999_999, tzinfo=UTC)
SET, NEXT, AFTER = (f"2026-11-20T12:00:0{second}+00:00" for second in range(3))
DASHES = "2026-11-20T12-00-00Z"
ENTRY = 64 * "a"
FILES = {ENTRY: {"IMAGE": b"one\n", "MANIFEST": b"{}"}, 64 * "b": {"IMAGE": b"two\n"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "SIGNATURES"


@pytest.fixture
def entry(root: Path) -> Path:
    """The folder of the only entry of the only set."""
    path = root / SET / ENTRY
    path.mkdir(parents=True)
    return path


def read(root: Path) -> dict[str, File]:
    """The files of that entry."""
    return dict(Worktree(root).read_set(SET).entries[ENTRY])


def contents(folder: Path) -> dict[str, dict[str, bytes]]:
    return {
        path.name: {file.name: file.read_bytes() for file in path.iterdir()}
        for path in folder.iterdir()
    }


# Reading


def test_regular_files_are_read(root: Path, entry: Path) -> None:
    (entry / "IMAGE").write_bytes(b"one\r\n")
    (entry / "LATEST").touch()
    (entry / "MANIFEST").write_bytes(b"{}")
    (entry / "MANIFEST").chmod(0o755)
    assert read(root) == {
        "IMAGE": File(directory.REGULAR, 5, b"one\r\n"),
        "LATEST": File(directory.REGULAR, 0, b""),
        "MANIFEST": File(directory.EXECUTABLE, 2, b"{}"),
    }


def test_a_link_to_a_file_is_not_followed(root: Path, entry: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (entry / "IMAGE").symlink_to(tmp_path / "secret")
    (entry / "MANIFEST").symlink_to(tmp_path / "nothing")
    assert read(root) == dict.fromkeys(("IMAGE", "MANIFEST"), File(directory.SYMLINK, 0, None))


def test_a_folder_in_an_entry_is_not_read(root: Path, entry: Path) -> None:
    (entry / "IMAGE").mkdir()
    (entry / "IMAGE" / "MANIFEST").write_bytes(b"{}")
    assert read(root) == {"IMAGE": File(directory.FOLDER, 0, None)}


def test_a_pipe_or_a_socket_is_not_opened(root: Path, entry: Path) -> None:
    os.mkfifo(entry / "IMAGE")  # to open it would wait for a writer, without an end
    assert read(root)["IMAGE"].content is None
    assert read(root)["IMAGE"].mode not in (directory.REGULAR, directory.EXECUTABLE)


@pytest.mark.parametrize(("name", "cap"), [("IMAGE", limits.IMAGE_BYTES), ("LATEST", 0)])
def test_a_file_over_its_cap_is_not_read(root: Path, entry: Path, name: str, cap: int) -> None:
    (entry / name).write_bytes(bytes(cap))
    assert read(root)[name] == File(directory.REGULAR, cap, bytes(cap))
    (entry / name).write_bytes(bytes(cap + 1))
    assert read(root)[name] == File(directory.REGULAR, cap + 1, None)


def test_a_file_without_a_meaning_is_not_read(root: Path, entry: Path) -> None:
    (entry / "NOTES").write_text("something")
    assert read(root) == {"NOTES": File(directory.REGULAR, 9, None)}


def test_what_is_no_folder_is_a_stray_and_no_entry(root: Path, entry: Path) -> None:
    (root / SET / "file").write_text("something")
    (root / SET / "link").symlink_to(entry, target_is_directory=True)
    found = Worktree(root).read_set(SET)
    assert list(found.entries) == [ENTRY]
    assert found.strays == ("file", "link")


def test_of_too_many_entries_one_more_than_the_cap_is_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ENTRIES_PER_SET", 2)
    for number in range(9):
        (root / SET / str(number)).mkdir(parents=True)
    assert len(Worktree(root).read_set(SET).entries) == 3


def test_a_set_that_is_too_large_is_not_read_to_its_end(
    root: Path, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SET_BYTES", 10)
    (entry / "IMAGE").write_bytes(bytes(4))
    (root / SET / "other").mkdir()
    (root / SET / "other" / "IMAGE").write_bytes(bytes(6))
    assert len(Worktree(root).read_set(SET).entries) == 2
    (root / SET / "other" / "IMAGE").write_bytes(bytes(7))
    with pytest.raises(Refused, match="more than 10 bytes") as caught:
        Worktree(root).read_set(SET)
    assert (caught.value.failure.code, caught.value.failure.file) == (codes.TOO_LARGE, SET)


def test_a_name_that_is_no_text_is_told_in_text(root: Path, entry: Path) -> None:
    (Path(os.fsdecode(bytes(entry) + b"/\xff"))).write_text("something")
    assert list(read(root)) == ["\\udcff"]


def test_sets_come_in_the_order_of_their_instants(root: Path) -> None:
    for name in (AFTER, DASHES, NEXT):
        (root / name).mkdir(parents=True)
    (root / "README.md").write_text("about")
    assert Worktree(root).sets() == ([DASHES, NEXT, AFTER], [])


def test_what_is_no_set_is_a_failure(root: Path, tmp_path: Path) -> None:
    (root / SET).mkdir(parents=True)
    (root / NEXT).symlink_to(root / SET, target_is_directory=True)
    (root / AFTER).write_text("a file")
    (root / "notes").mkdir()
    sets, failures = Worktree(root).sets()
    assert sets == [SET]
    assert [failure.file for failure in failures] == [NEXT, AFTER, "notes"]


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_a_directory_that_is_none_is_wrong_usage(root: Path, kind: str) -> None:
    if kind == "file":
        root.write_text("a file")
    with pytest.raises(UsageError) as refusal:
        Worktree(root).sets()
    assert refusal.value.failure.code is codes.NO_DIRECTORY
    assert refusal.value.failure.file == str(root)


def test_a_blob_is_read_only_as_it_was_verified(root: Path, entry: Path) -> None:
    blob, path = entry / "PAYLOAD_BLOB", f"{SET}/{ENTRY}"
    descriptor = Descriptor("type", Digest.of(b"payload"), 7)

    blob.write_bytes(b"payload")
    assert Worktree(root).read_blob(path, blob.name, descriptor) == b"payload"

    for changed in (b"Payload", b"payloads", b"pay", b""):
        blob.write_bytes(changed)
        with pytest.raises(Refused) as refusal:
            Worktree(root).read_blob(path, blob.name, descriptor)
        assert refusal.value.failure.code is codes.BLOB_DIGEST
        assert refusal.value.failure.file == f"{path}/PAYLOAD_BLOB"


# Writing


def test_a_set_is_written_as_it_is_under_the_present_second(root: Path) -> None:
    assert Worktree(root).write_set(FILES, NOW) == SET
    assert contents(root / SET) == FILES
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_where_names_have_no_colons_it_has_none(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktree, "_COLONS", False)
    assert Worktree(root).write_set(FILES, NOW) == DASHES
    assert Worktree(root).sets() == ([DASHES], [])


@pytest.mark.parametrize("taken", [SET, DASHES])
def test_a_taken_second_is_left_to_its_set_in_either_spelling(root: Path, taken: str) -> None:
    (root / taken).mkdir(parents=True)
    (root / taken / "theirs").write_text("theirs")
    assert Worktree(root).write_set(FILES, NOW) == NEXT
    assert Worktree(root).write_set(FILES, NOW) == AFTER
    assert (root / taken / "theirs").read_text() == "theirs"
    assert len(list(root.iterdir())) == 3


def test_a_file_in_the_place_of_a_set_is_left_as_it_is(root: Path) -> None:
    root.mkdir()
    (root / SET).write_text("theirs")
    assert Worktree(root).write_set(FILES, NOW) == NEXT
    assert (root / SET).read_text() == "theirs"


def test_a_set_that_cannot_be_written_whole_is_not_written(root: Path) -> None:
    broken = {**FILES, 64 * "c": {"no/such/folder": b""}}
    with pytest.raises(UsageError):
        Worktree(root).write_set(broken, NOW)
    assert not list(root.parent.glob("**/*"))


def test_an_interrupted_set_is_not_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Worktree(root).write_set(FILES, NOW)
    assert not list(root.parent.glob("**/*"))


def test_what_a_killed_run_has_left_is_removed(root: Path) -> None:
    left = root.parent / f"{TEMPORARY_PREFIX}abc" / "set" / ENTRY
    left.mkdir(parents=True)
    (left / "IMAGE").write_text("half")
    os.utime(left.parent.parent, (0, 0))
    Worktree(root).write_set(FILES, NOW)
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_what_another_run_is_writing_is_left(root: Path) -> None:
    being_written = root.parent / f"{TEMPORARY_PREFIX}abc"
    being_written.mkdir(parents=True)
    Worktree(root).write_set(FILES, NOW)
    assert being_written.exists()


def test_outside_a_repository_nothing_above_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "trusted.pub").write_text("planted")
    below = tmp_path / "below"
    below.mkdir()
    assert find_upwards("trusted.pub", below) is None
    (below / "trusted.pub").write_text("own")
    assert find_upwards("trusted.pub", below) == below / "trusted.pub"


# Files that a user names


def test_a_file_is_found_beside_and_above(tmp_path: Path) -> None:
    below = tmp_path / "repository" / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "repository" / "trusted.pub").touch()
    for folder in (below, below.parent, below.parents[1]):
        assert find_upwards("trusted.pub", folder) == tmp_path / "repository" / "trusted.pub"
    (below / "trusted.pub").touch()
    assert find_upwards("trusted.pub", below) == below / "trusted.pub"


@pytest.mark.parametrize("kind", ["folder", "file"])  # of a clone; of a worktree or submodule
def test_but_not_outside_of_the_repository(tmp_path: Path, kind: str) -> None:
    repository = tmp_path / "repository"
    (repository / "a").mkdir(parents=True)
    if kind == "folder":
        (repository / ".git").mkdir()
    else:
        (repository / ".git").write_text("gitdir: elsewhere")
    (tmp_path / "trusted.pub").touch()
    assert find_upwards("trusted.pub", repository / "a") is None


def test_a_folder_is_not_the_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "trusted.pub").mkdir()
    assert find_upwards("trusted.pub", tmp_path) is None


def test_a_link_to_nowhere_is_the_file_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "policy.yml").symlink_to("gone")
    assert find_upwards("policy.yml", tmp_path) == tmp_path / "policy.yml"


def test_a_named_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_bytes(bytes(10))
    assert read_file(path, 10) == bytes(10)
    for missing, limit in ((path, 9), (tmp_path / "none", 9), (tmp_path, 9)):
        with pytest.raises(UsageError) as refusal:
            read_file(missing, limit)
        assert refusal.value.failure.code is codes.USAGE
        assert refusal.value.failure.file == str(missing)


# Replacing a set


def test_a_set_is_replaced_whole(root: Path) -> None:
    Worktree(root).write_set(FILES, NOW)
    new = {ENTRY: {"IMAGE": b"one\n", "TAGS": b"v1\n"}}
    Worktree(root).replace_set(SET, new)
    assert contents(root / SET) == new
    assert [path.name for path in root.parent.iterdir()] == [root.name]


@pytest.mark.parametrize("fails", [0, 1])
def test_where_it_cannot_be_replaced_it_stays(
    root: Path, fails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Worktree(root).write_set(FILES, NOW)
    calls = []
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) - 1 == fails:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UsageError, match="No space left") as refusal:
        Worktree(root).replace_set(SET, {ENTRY: {"IMAGE": b"new"}})
    assert refusal.value.failure.code is codes.SET_NOT_REPLACED
    assert contents(root / SET) == FILES
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_one_that_cannot_be_put_back_either_is_not_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Worktree(root).write_set(FILES, NOW)
    calls = []
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) > 1:
            raise OSError(13, "Permission denied")
        return rename(path, target)

    with monkeypatch.context() as denied:
        denied.setattr(Path, "rename", failing)
        with pytest.raises(UsageError, match="Permission denied"):
            Worktree(root).replace_set(SET, {ENTRY: {"IMAGE": b"new"}})
    assert not (root / SET).exists()
    Worktree(root).put_back()
    assert contents(root / SET) == FILES


def test_a_set_that_stepped_aside_when_a_run_was_killed_is_put_back(root: Path) -> None:
    Worktree(root).write_set(FILES, NOW)
    aside = root.parent / f"{TEMPORARY_PREFIX}killed" / "aside"
    aside.mkdir(parents=True)
    (root / SET).rename(aside / SET)

    Worktree(root).put_back()

    assert contents(root / SET) == FILES


@pytest.mark.parametrize("linked", ["leftover", "aside", "set"])
def test_nothing_is_taken_from_behind_a_link(root: Path, tmp_path: Path, linked: str) -> None:
    root.mkdir()
    leftover = root.parent / f"{TEMPORARY_PREFIX}killed"
    elsewhere = tmp_path / "elsewhere"
    if linked == "leftover":
        (elsewhere / "aside" / SET).mkdir(parents=True)
        leftover.symlink_to(elsewhere)
    elif linked == "set":
        elsewhere.mkdir()
        (leftover / "aside").mkdir(parents=True)
        (leftover / "aside" / SET).symlink_to(elsewhere)
    else:
        (elsewhere / SET).mkdir(parents=True)
        leftover.mkdir()
        (leftover / "aside").symlink_to(elsewhere)
    Worktree(root).put_back()
    assert not list(root.iterdir())


def test_what_has_no_set_s_name_is_not_put_back(root: Path) -> None:
    root.mkdir()
    aside = root.parent / f"{TEMPORARY_PREFIX}killed" / "aside"
    (aside / "policy").mkdir(parents=True)
    Worktree(root).put_back()
    assert not list(root.iterdir())
