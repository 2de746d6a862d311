"""A signature directory in a commit: what a work tree would say of it, and what none could."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import trust as trusting
from tests.forge import NOW, Signer, entry, sha256
from tests.git_repository import (
    EXECUTABLE,
    FOLDER,
    LINK,
    REGULAR,
    SUBMODULE,
    Content,
    Repository,
    signatures,
)
from tests.shared import dangerzone

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.directory import File, SignatureSet, set_name
from ghcr_signer.core.errors import GhcrSignerError
from ghcr_signer.core.manifest import Descriptor
from ghcr_signer.core.policy import Requirement
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.worktree import Worktree
from ghcr_signer.transfer.examine import Examination, examine
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.source import Source

SET, NEXT = "2026-11-20T12:00:00+00:00", "2026-11-20T12-00-01Z"
ENTRY = 64 * "a"
NOWHERE = "1" * 40


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def committed(
    repository: Repository, files: dict[str, Content] | str
) -> closing[CommittedDirectory]:
    commit = repository.commit(files)
    return closing(CommittedDirectory(Git.around(repository.root), commit, "SIGNATURES"))


def read_entry(repository: Repository, files: dict[str, Content]) -> dict[str, File]:
    """The files of the only entry of the only set."""
    paths = {f"SIGNATURES/{SET}/{ENTRY}/{name}": content for name, content in files.items()}
    with committed(repository, paths) as source:
        return dict(source.read_set(SET).entries[ENTRY])


def refusal(act: Callable[[], object]) -> GhcrSignerError:
    with pytest.raises(GhcrSignerError) as found:
        act()
    return found.value


# Like a work tree


def everything(source: Source) -> tuple[object, dict[str, SignatureSet]]:
    names, failures = source.sets()
    return (names, failures), {name: source.read_set(name) for name in names}


def test_real_sets_are_the_same_in_a_commit_and_in_its_work_tree(repository: Repository) -> None:
    shutil.copytree(dangerzone() / "SIGNATURES", repository.root / "SIGNATURES")
    root = repository.root / "SIGNATURES"
    files: dict[str, Content] = {}
    for path in filter(Path.is_file, root.rglob("*")):
        path.chmod(0o644)
        files[path.relative_to(repository.root).as_posix()] = path.read_bytes()
    with committed(repository, files) as source:
        found = everything(source)
        assert found == everything(Worktree(root))
        assert len(found[1]) > 0


_INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 1)).map(
    lambda instant: set_name(instant.replace(microsecond=0, tzinfo=UTC), colons=True)
)
_CONTENT: st.SearchStrategy[Content] = st.one_of(
    st.binary(max_size=3),
    st.sampled_from([bytes(limits.IMAGE_BYTES), bytes(limits.IMAGE_BYTES + 1)]),
    st.tuples(st.just(EXECUTABLE), st.binary(max_size=1)),
    st.tuples(st.just(LINK), st.sampled_from([b"IMAGE", b"/etc/passwd", b"nowhere"])),
)
_FILE_NAMES = st.sampled_from(
    [
        *("IMAGE", "LATEST", "TAGS", "MANIFEST", "PAYLOAD_BLOB", "PAYLOAD_BLOB.1"),
        *("image", "a b", "-x", "ü", "\udcff", "new\nline", "back\\slash", "folder/x"),
    ]
)
_ENTRIES = st.dictionaries(
    st.sampled_from([ENTRY, 64 * "b", "not an entry", "\udcff"]),
    st.one_of(_CONTENT, st.dictionaries(_FILE_NAMES, _CONTENT, min_size=1, max_size=4)),
    min_size=1,
    max_size=3,
)
_DIRECTORIES = st.dictionaries(
    st.one_of(_INSTANTS, st.sampled_from([SET, NEXT, "README.md", "notes", ".gitattributes"])),
    st.one_of(_CONTENT, _ENTRIES),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def any_repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("any") / "repository")


def put(folder: Path, files: dict[str, object]) -> None:
    """In a work tree, by hand: git itself would leave out what it takes for unsafe."""
    for name, what in files.items():
        path = Path(folder, name)
        if isinstance(what, dict):
            path.mkdir(parents=True)
            put(path, what)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        mode, content = (REGULAR, what) if isinstance(what, bytes) else what  # type: ignore[misc]
        if mode == LINK:
            path.symlink_to(content.decode())  # type: ignore[union-attr]
        else:
            path.write_bytes(content)  # type: ignore[arg-type]
            path.chmod(0o755 if mode == EXECUTABLE else 0o644)


def flat(files: dict[str, object], prefix: str = "") -> dict[str, Content]:
    found: dict[str, Content] = {}
    for name, what in files.items():
        if isinstance(what, dict):
            found |= flat(what, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}"] = what  # type: ignore[assignment]
    return found


@given(files=_DIRECTORIES)
def test_any_directory_is_the_same_in_a_commit_and_in_a_work_tree(
    any_repository: Repository, files: dict[str, object]
) -> None:
    root = any_repository.root / "SIGNATURES"
    shutil.rmtree(root, ignore_errors=True)
    put(root, files)
    with committed(any_repository, flat(files, "SIGNATURES/")) as source:
        assert everything(source) == everything(Worktree(root))


MANY = 150


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("processors", [{0}, {0, 1}])
def test_many_sets_get_the_same_verdicts_from_a_commit_by_one_process_and_by_two(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, processors: set[int]
) -> None:
    signer = Signer()
    trust = trusting.trust(trusting.rule(signer, transparency_log=Requirement.OPTIONAL))
    sets = {}
    for number in range(MANY):
        name, files = entry([signer], digest=sha256(str(number).encode()))
        if number % 10 == 0:
            files["PAYLOAD_BLOB"] += b" "
        sets[set_name(NOW - timedelta(seconds=number), colons=True)] = {name: files}
    forks: list[int] = []
    fork = os.fork

    def counted() -> int:
        forks.append(fork())
        return forks[-1]

    monkeypatch.setattr(os, "fork", counted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: processors)
    monkeypatch.setattr("threading.active_count", lambda: 1)  # pytest-xdist has one of its own

    def examined(source: Source) -> Examination:
        return examine(source, trust, NOW, Progress())

    with committed(repository, signatures(sets)) as source:
        repository.check_out()
        found = examined(source)
        assert found == examined(Worktree(repository.root / "SIGNATURES"))
        assert found == examined(source)
    assert len(forks) == 3 * (len(processors) - 1)
    assert sum(verdict.passed for verdict in found.verdicts) == MANY - MANY / 10


# Unlike a work tree


def test_what_lies_in_the_work_tree_does_not_matter(repository: Repository) -> None:
    files: dict[str, Content] = {
        f"SIGNATURES/{SET}/{ENTRY}/IMAGE": b"$Id$\n",
        ".gitattributes": b"* ident text eol=crlf\n",
    }
    repository.commit(files)
    repository.check_out()
    path = repository.root / "SIGNATURES" / SET / ENTRY / "IMAGE"
    assert path.read_bytes() != b"$Id$\n"
    (path.parent / "LATEST").touch()
    with committed(repository, files) as source:
        assert source.read_set(SET).entries == {ENTRY: {"IMAGE": File(REGULAR, 5, b"$Id$\n")}}


def test_only_regular_files_are_read(repository: Repository) -> None:
    found = read_entry(
        repository,
        {
            "IMAGE": (LINK, b"../../../../secret"),
            "MANIFEST": (SUBMODULE, NOWHERE),
            "CONFIG_BLOB/x": b"1",
            "PAYLOAD_BLOB": ("100664", b"1"),
            "LATEST/": b"",
            "TAGS": (EXECUTABLE, b"v1\n"),
        },
    )
    assert found == {
        "IMAGE": File(directory.SYMLINK, 0, None),
        "MANIFEST": File(directory.SUBMODULE, 0, None),
        "CONFIG_BLOB": File(directory.FOLDER, 0, None),
        "PAYLOAD_BLOB": File("100664", 0, None),
        "LATEST": File(directory.FOLDER, 0, None),
        "TAGS": File(directory.EXECUTABLE, 3, b"v1\n"),
    }


def test_a_link_that_is_another_entry_s_file_is_a_link(repository: Repository) -> None:
    found = read_entry(repository, {"IMAGE": b"same", "MANIFEST": (LINK, b"same")})
    assert found["MANIFEST"] == File(directory.SYMLINK, 0, None)


@pytest.mark.parametrize(("name", "cap"), [("IMAGE", limits.IMAGE_BYTES), ("LATEST", 0)])
def test_a_file_over_its_cap_is_not_read(repository: Repository, name: str, cap: int) -> None:
    full, over = bytes(cap), bytes(cap + 1)
    assert read_entry(repository, {name: full})[name] == File(REGULAR, cap, full)
    found = read_entry(repository, {name: over, "PAYLOAD_BLOB": over, "NOTES": over})
    assert found == {
        name: File(REGULAR, cap + 1, None),
        "PAYLOAD_BLOB": File(REGULAR, cap + 1, over),  # the same object, under another cap
        "NOTES": File(REGULAR, cap + 1, None),
    }


def test_what_is_there_many_times_is_in_memory_once(repository: Repository) -> None:
    large = bytes(limits.BLOB_BYTES)
    found = read_entry(repository, {f"PAYLOAD_BLOB.{number}": large for number in range(10)})
    assert len({id(file.content) for file in found.values()}) == 1


def test_a_set_that_is_too_large_is_not_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SET_BYTES", 10)
    one, other = (f"SIGNATURES/{SET}/{name}/IMAGE" for name in "ab")
    with committed(repository, {one: bytes(5), other: bytes(5)}) as source:
        assert len(source.read_set(SET).entries) == 2
    over_its_cap = bytes(limits.IMAGE_BYTES + 1)  # not read, and so not counted
    with committed(repository, {one: bytes(6), other: over_its_cap}) as source:
        assert len(source.read_set(SET).entries) == 2
    with committed(repository, {one: bytes(6), other: bytes(6)}) as source:
        failure = refusal(lambda: source.read_set(SET)).failure
    assert (failure.code, failure.file) == (codes.TOO_LARGE, SET)


def test_of_a_set_with_too_many_entries_nothing_is_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ENTRIES_PER_SET", 2)
    files: dict[str, Content] = {f"SIGNATURES/{SET}/{n}/IMAGE": b"1" for n in range(3)}
    with committed(repository, files) as source:
        found = source.read_set(SET)
    assert len(found.entries) == 3
    assert not any(found.entries.values())


def test_what_lies_deeper_than_an_entry_is_never_looked_at(repository: Repository) -> None:
    leaf = repository.folder({"x": b"1"})
    for _ in range(12):
        leaf = repository.tree([(FOLDER, str(number), leaf) for number in range(10)])
    tree = leaf
    for name in ("bomb", ENTRY, SET, "SIGNATURES"):
        tree = repository.tree([(FOLDER, name, tree)])
    with committed(repository, tree) as source:
        assert source.read_set(SET).entries == {ENTRY: {"bomb": File(directory.FOLDER, 0, None)}}
        assert source.read_tags() == []


def test_a_set_with_a_hostile_tree_is_refused_and_the_others_are_read(
    repository: Repository,
) -> None:
    blob = repository.write("blob", b"1")
    twice = repository.tree([(REGULAR, "IMAGE", blob), (REGULAR, "IMAGE", blob)])
    good = repository.folder({f"{ENTRY}/IMAGE": b"1"})
    bad = repository.tree([(FOLDER, ENTRY, twice)])
    top = repository.tree([(FOLDER, NEXT, good), (FOLDER, SET, bad)])
    with committed(repository, repository.tree([(FOLDER, "SIGNATURES", top)])) as source:
        assert refusal(lambda: source.read_set(SET)).failure.code is codes.NO_GIT
        assert source.read_set(NEXT).entries == {ENTRY: {"IMAGE": File(REGULAR, 1, b"1")}}


@pytest.mark.parametrize("what", [b"a file", (LINK, b"elsewhere"), (SUBMODULE, NOWHERE)])
def test_only_a_folder_is_a_signature_directory(repository: Repository, what: Content) -> None:
    with committed(repository, {"SIGNATURES": what, "elsewhere/x": b"1"}) as source:
        assert not source.exists
        assert source.sets() == ([], [])
    with committed(repository, {"SIGNATURES/": b""}) as source:
        assert source.exists
        assert source.sets() == ([], [])


def test_what_is_no_set_is_a_failure(repository: Repository) -> None:
    files: dict[str, Content] = {
        f"SIGNATURES/{SET}": (SUBMODULE, NOWHERE),
        f"SIGNATURES/{NEXT}": (LINK, b"elsewhere"),
        "SIGNATURES/README.md": (LINK, b"elsewhere"),
        "SIGNATURES/notes/x": b"1",
    }
    with committed(repository, files) as source:
        names, failures = source.sets()
    assert names == []
    assert [failure.file for failure in failures] == [NEXT, SET, "README.md", "notes"]


def test_a_blob_is_read_only_as_it_was_verified(repository: Repository) -> None:
    path = f"{SET}/{ENTRY}"
    with committed(repository, {f"SIGNATURES/{path}/PAYLOAD_BLOB": b"payload"}) as source:
        descriptor = Descriptor("type", Digest.of(b"payload"), 7)
        assert source.read_blob(path, "PAYLOAD_BLOB", descriptor) == b"payload"
        other = Descriptor("type", Digest.of(b"another"), 7)
        for name, wrong in (("PAYLOAD_BLOB", other), ("MANIFEST", descriptor)):
            found = refusal(lambda name=name, wrong=wrong: source.read_blob(path, name, wrong))
            assert found.failure.code is codes.BLOB_DIGEST
            assert found.failure.file == f"{path}/{name}"
        smaller = Descriptor("type", Digest.of(b"payload"), 6)
        found = refusal(lambda: source.read_blob(path, "PAYLOAD_BLOB", smaller))
        assert "at most 6" in found.failure.message


# Tags


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_tags_are_read_without_a_judgement(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("ghcr_signer.peers.commit._AT_ONCE", at_once)

    def image(name: str) -> bytes:
        return f"ghcr.io/acme/{name}@sha256:{ENTRY}\n".encode()

    other = 64 * "b"
    entries: dict[str, Content] = {
        f"{SET}/{ENTRY}/IMAGE": image("app"),
        f"{SET}/{ENTRY}/LATEST": b"",
        f"{SET}/{ENTRY}/TAGS": b"v1\nv2\n",
        f"{SET}/{other}/IMAGE": image("none"),
        f"{NEXT}/{ENTRY}/IMAGE": image("app"),
        f"{NEXT}/{ENTRY}/TAGS": b"v2",
        # these say nothing that could be read
        f"{NEXT}/{other}/IMAGE": b"nothing\n",
        f"{NEXT}/{other}/LATEST": b"",
        "2026-11-20T12:00:02+00:00/x/LATEST": b"",
        "2026-11-20T12:00:03+00:00/x/IMAGE": (LINK, b"IMAGE"),
        "2026-11-20T12:00:03+00:00/x/LATEST": b"",
        "2026-11-20T12:00:04+00:00/x/IMAGE": image("app"),
        "2026-11-20T12:00:04+00:00/x/TAGS": b"no tag\n",
        "2026-11-20T12:00:05+00:00/x": b"no folder",
        "notes/x/LATEST": b"",
    }
    with committed(repository, {f"SIGNATURES/{path}": x for path, x in entries.items()}) as source:
        found = [(each.set_name, each.repository, each.tags) for each in source.read_tags()]
        assert found == [
            (SET, "ghcr.io/acme/app", ("latest", "v1", "v2")),
            (NEXT, "ghcr.io/acme/app", ("v2",)),
        ]


def test_a_subject_is_read_where_it_is_the_entry_s_image(repository: Repository) -> None:
    def named(content: bytes) -> str:
        return f"SIGNATURES/{SET}/{Digest.of(content).hex}"

    good, empty = f"{named(b'an index')}/SUBJECT", f"{named(b'')}/IMAGE"
    entries: dict[str, Content] = {
        good: b"an index",
        f"{named(b'another')}/SUBJECT": b"something else",
        f"{named(b'linked')}/SUBJECT": (LINK, b"linked"),
        empty: b"",
        f"SIGNATURES/{SET}/SUBJECT": b"a stray",
        f"SIGNATURES/{NEXT}/{Digest.of(b'x').hex}/SUBJECT": b"x",
    }
    with committed(repository, entries) as source:
        path = good.removeprefix("SIGNATURES/").removesuffix("/SUBJECT")
        assert dict(source.subjects([SET])) == {path: b"an index"}
        assert len(dict(source.subjects([SET, NEXT]))) == 2
        assert dict(source.subjects([])) == {}


# Files of trust


def files_of(repository: Repository, files: dict[str, Content], folder: str) -> CommittedFiles:
    return CommittedFiles(Git.around(repository.root), repository.commit(files), folder)


def test_a_file_of_trust_is_found_beside_the_directory_or_above(repository: Repository) -> None:
    files: dict[str, Content] = {"trusted.pub": b"top", "a/trusted.pub": b"a", "b/x": b""}
    for folder, where in (
        ("SIGNATURES", "trusted.pub"),
        ("b/SIGNATURES", "trusted.pub"),
        ("a/SIGNATURES", "a/trusted.pub"),
        ("a/b/SIGNATURES", "a/trusted.pub"),
    ):
        found = files_of(repository, files, folder)
        assert found.find("trusted.pub") == Path(where)
        assert found.find("other.pub") is None
    inside: dict[str, Content] = {"SIGNATURES/trusted.pub": b"inside"}
    assert files_of(repository, inside, "SIGNATURES").find("trusted.pub") is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../trusted.pub", "a/../trusted.pub"])
def test_a_file_of_trust_has_a_path_in_the_repository(repository: Repository, path: str) -> None:
    found = files_of(repository, {"trusted.pub": b"key"}, "SIGNATURES")
    assert found.read(Path("./trusted.pub"), 9) == b"key"
    failure = refusal(lambda: found.read(Path(path), 9)).failure
    assert failure.code is codes.USAGE
    assert failure.file == path


@pytest.mark.parametrize("what", [(LINK, b"other.pub"), (SUBMODULE, NOWHERE), ("100664", b"key")])
def test_what_is_no_regular_file_is_no_trust(repository: Repository, what: Content) -> None:
    found = files_of(repository, {"trusted.pub": what, "other.pub": b"key"}, "SIGNATURES")
    where = found.find("trusted.pub")
    assert where == Path("trusted.pub")
    assert refusal(lambda: found.read(Path("trusted.pub"), 9)).failure.code is codes.USAGE
