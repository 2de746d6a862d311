"""git's objects as anybody may have made them, in repositories that anybody may have set up."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.git_repository import (
    EXECUTABLE,
    FOLDER,
    LINK,
    REGULAR,
    SUBMODULE,
    Content,
    Repository,
)

from ghcr_signer.core import codes, limits
from ghcr_signer.core.change import Touch
from ghcr_signer.core.errors import GhcrSignerError, Refused, UsageError
from ghcr_signer.peers import objects
from ghcr_signer.peers.git import Git

NOWHERE = "1" * 40
OTHER_USER = 4321


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def git(repository: Repository) -> Git:
    return Git.around(repository.root)


def refusal(act: Callable[[], object]) -> GhcrSignerError:
    with pytest.raises(GhcrSignerError) as found:
        act()
    return found.value


def code(act: Callable[[], object]) -> codes.Code:
    return refusal(act).failure.code


# Which repository


def test_a_repository_is_found_above_a_folder_that_need_not_be_there(
    repository: Repository,
) -> None:
    found = Git.around(repository.root / "a" / "SIGNATURES")
    assert found.root == repository.root
    assert found.path(repository.root / "a" / "SIGNATURES") == "a/SIGNATURES"
    assert found.path(repository.root / "a" / ".." / "b") == "b"


def test_outside_there_is_none(tmp_path: Path) -> None:
    assert code(lambda: Git.around(tmp_path / "x")) is codes.NO_REPOSITORY


@pytest.mark.parametrize("path", [".", "..", "../repository-2", "/"])
def test_all_of_it_or_what_is_outside_is_no_folder_of_it(
    repository: Repository, git: Git, path: str
) -> None:
    assert code(lambda: git.path(repository.root / path)) is codes.USAGE


def test_a_bare_one_is_read(tmp_path: Path) -> None:
    bare = Repository(tmp_path / "bare.git", bare=True)
    commit = bare.commit({"S/x": b"1"})
    git = Git.around(bare.root / "S")
    assert (git.root, git.path(bare.root / "S")) == (bare.root, "S")
    assert git.resolve("HEAD") == commit
    assert git.read(commit, "S/x", 9) == b"1"


def test_a_bare_one_among_the_files_of_another_is_only_files(repository: Repository) -> None:
    commit = repository.commit({"x": b"theirs"})
    planted = Repository(repository.root / "release", bare=True)
    planted.commit({"x": b"planted"})
    for folder in (planted.root, planted.root / "SIGNATURES"):
        found = Git.around(folder)
        assert found.root == repository.root
        assert found.resolve("HEAD") == commit


def test_a_broken_one_is_an_error_and_no_reason_to_look_elsewhere(repository: Repository) -> None:
    repository.commit({"x": b"1"})
    broken = repository.root / "below"
    (broken / ".git").mkdir(parents=True)
    assert code(lambda: Git.around(broken).resolve("HEAD")) is codes.NO_GIT


def test_a_work_tree_beside_is_read(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"x": b"1"})
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "beside"))
    git = Git.around(tmp_path / "beside" / "S")
    assert (git.root / ".git").is_file()
    assert git.resolve("HEAD") == commit
    assert git.read(commit, "x", 9) == b"1"


def test_one_with_longer_ids_is_read(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "r", hash_name="sha256")
    base = repository.commit({"x": b"1", "y/": b""})
    head = repository.commit({"x": b"22"}, base)
    git = Git.around(repository.root)
    assert git.resolve("main") == head
    assert git.parents(head) == (base,)
    assert git.read(head, "x", 9) == b"22"
    assert git.touched(base, head) == (
        Touch("x", REGULAR, REGULAR, 2),
        Touch("y", "040000", None),
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can give files to another user")
@pytest.mark.parametrize("by_link", [False, True])
def test_somebody_else_s_is_read(repository: Repository, tmp_path: Path, by_link: bool) -> None:
    commit = repository.commit({"x": b"1"})
    for path in (repository.root, *repository.root.rglob("*")):
        os.chown(path, OTHER_USER, OTHER_USER)
    (tmp_path / "link").symlink_to(repository.root)
    git = Git.around(tmp_path / "link" if by_link else repository.root)
    assert git.resolve("HEAD") == commit
    assert git.read(commit, "x", 9) == b"1"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can become another user")
def test_ours_is_read_by_somebody_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        repository = Repository(Path(folder, "r"))
        commit = repository.commit({"x": b"1"})
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setuid(OTHER_USER)
                os.write(write, Git.around(repository.root).read(commit, "x", 9))
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            assert answer.read() == b"1"
        os.waitpid(child, 0)


# What anybody says to git


def test_our_environment_says_nothing_to_git(
    repository: Repository, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"x": b"1"})
    other = Repository(tmp_path / "other")
    for name in ("GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(other.git_dir))
    monkeypatch.setenv("GIT_NAMESPACE", "other")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.repositoryFormatVersion")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "99")
    assert git.resolve("HEAD") == commit
    assert git.read(commit, "x", 9) == b"1"
    assert not (tmp_path / "trace").exists()


def test_no_configuration_but_the_repository_s_is_read(
    repository: Repository, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"x": b"1"})
    (tmp_path / ".gitconfig").write_text("[core]\n\trepositoryFormatVersion = 99\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert git.resolve("HEAD") == commit


def test_a_repository_s_configuration_runs_nothing_and_hides_nothing(
    repository: Repository, git: Git, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho sprung >> {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    hooks = repository.git_dir / "hooks"
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    repository.configure(
        core__fsmonitor=str(trap),
        core__pager=str(trap),
        core__sshCommand=str(trap),
        core__editor=str(trap),
        core__askPass=str(trap),
        core__excludesFile="~/nobody",
        core__quotePath="true",
        core__abbrev="4",
        diff__external=str(trap),
        diff__trap__command=str(trap),
        diff__trap__textconv=str(trap),
        diff__renames="copies",
        diff__orderFile=str(trap),
        diff__ignoreSubmodules="all",
        diff__relative="true",
        filter__trap__clean=str(trap),
        filter__trap__smudge=str(trap),
        gpg__program=str(trap),
        log__showSignature="true",
        uploadpack__packObjectsHook=str(trap),
        alias__x="!" + str(trap),
        **{"pager.rev-parse": str(trap), "pager.cat-file": str(trap)},
    )
    attributes: dict[str, Content] = {
        ".gitattributes": b"* diff=trap filter=trap ident text eol=crlf\n"
    }
    base = repository.commit({**attributes, "x": b"$Id$\n"})
    head = repository.commit({**attributes, "y": b"$Id$\n"}, base)
    assert git.resolve("HEAD") == head
    git.require_history()
    assert git.is_ancestor(base, head)
    assert git.merge_base(head, base) == base
    assert git.read(head, "y", 9) == b"$Id$\n"
    assert git.touched(base, head) == (Touch("x", REGULAR, None), Touch("y", None, REGULAR, 5))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("git_knows_how_not_to", [True, False])
def test_what_is_not_here_is_not_fetched(
    repository: Repository,
    git: Git,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    git_knows_how_not_to: bool,
) -> None:
    if not git_knows_how_not_to:  # an older git, which does not know the variable
        monkeypatch.delitem(objects.ENVIRONMENT, "GIT_NO_LAZY_FETCH")
    repository.configure(
        core__repositoryFormatVersion="1",
        extensions__partialClone="origin",
        remote__origin__promisor="true",
        remote__origin__url=f"ext::sh -c touch% {tmp_path}/sprung",
        protocol__allow="always",
        protocol__ext__allow="always",
    )
    commit = repository.commit({"x": (REGULAR, NOWHERE)})
    found = refusal(lambda: git.read(commit, "x", 9))
    assert found.failure.code is codes.SHALLOW
    assert "filter" in found.failure.fix
    assert not (tmp_path / "sprung").exists()


def test_replaced_objects_and_grafts_are_not_believed(repository: Repository, git: Git) -> None:
    base = repository.commit({"x": b"1"})
    head = repository.commit({"x": b"2"}, base)
    other = repository.commit({"x": b"planted"})
    repository.git("replace", head, other)
    (repository.git_dir / "info" / "grafts").write_text(f"{head} {other}\n")
    (repository.git_dir / "refs" / "heads" / "main").write_text(f"{head}\n")
    assert git.read(git.resolve("HEAD"), "x", 9) == b"2"
    assert git.parents(head) == (base,)
    assert git.is_ancestor(base, head)
    assert not git.is_ancestor(other, head)
    assert git.merge_base(head, other) is None


def test_a_cache_of_the_history_is_not_believed(repository: Repository, git: Git) -> None:
    base = repository.commit({"x": b"1"})
    head = repository.commit({"x": b"3"}, repository.commit({"x": b"2"}, base))
    repository.git("commit-graph", "write", "--reachable")
    graph = repository.git_dir / "objects" / "info" / "commit-graph"
    tree, no_parent = bytes.fromhex(repository.folder({"x": b"2"})), b"\x70\0\0\0"
    content = graph.read_bytes()[:-20]
    at = content.index(tree) + len(tree)
    content = content[:at] + no_parent + content[at + 4 :]
    graph.chmod(0o644)
    graph.write_bytes(content + hashlib.sha1(content).digest())
    assert base not in repository.git("rev-list", head)
    assert git.is_ancestor(base, head)
    assert git.merge_base(base, head) == base


def test_a_program_that_lies_here_is_not_git(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert code(lambda: Git.around(repository.root)) is codes.NO_GIT
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert code(lambda: Git.around(repository.root)) is codes.NO_GIT


def test_a_git_that_cannot_answer_is_an_error(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"x": b"1"})
    (tmp_path / "git").write_text("#!/bin/sh\necho 'unknown option' >&2\nexit 129\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    git = Git.around(repository.root)
    assert "unknown option" in refusal(lambda: git.resolve("HEAD")).failure.message
    assert code(lambda: git.read(commit, "x", 9)) is codes.NO_GIT


def test_a_link_that_leads_back_to_the_top_is_no_other_name_for_it(
    repository: Repository, tmp_path: Path
) -> None:
    head = repository.commit({"SIGNATURES/x": b"1"})
    back = repository.root / "back"
    for target in (".", f"../{repository.root.name}", str(repository.root)):
        back.symlink_to(target)
        git = Git.around(back / "SIGNATURES")
        assert git.root == repository.root
        assert git.path(back / "SIGNATURES") == "back/SIGNATURES"
        assert git.names(head, git.path(back / "SIGNATURES")) is None
        back.unlink()


# Revisions


def test_a_revision_becomes_the_full_id_of_its_commit(repository: Repository, git: Git) -> None:
    base = repository.commit({"x": b"1"})
    head = repository.commit({"x": b"2"}, base)
    repository.git("-c", "user.name=x", "-c", "user.email=x", "tag", "-a", "-m", "x", "v1", base)
    for revision in ("HEAD", "main", "refs/heads/main", head, head[:12], "@"):
        assert git.resolve(revision) == head, revision
    for revision in ("HEAD^", "HEAD~1", "v1", "refs/tags/v1"):
        assert git.resolve(revision) == base, revision


@pytest.mark.parametrize(
    "revision",
    [
        "",
        "none",
        "HEAD^2",
        ":/x",
        "HEAD:x",
        "HEAD^{tree}",
        "^HEAD",
        "HEAD..HEAD",
        "HEAD~1..HEAD",
        "--all",
        "--help",
        "--output=x",
        "--git-dir=x",
        "-h",
        NOWHERE,
        "HEAD\nHEAD",
        "HEAD\0",
        "\udcff",
        "HEAD\x1b",
        "refs/heads/*",
    ],
)
def test_what_is_no_commit_is_refused(
    repository: Repository, git: Git, revision: str, tmp_path: Path
) -> None:
    repository.commit({"x": b"1"}, repository.commit({"x": b"0"}))
    assert code(lambda: git.resolve(revision)) is codes.NO_COMMIT
    assert not list(tmp_path.rglob("--*"))
    assert not (repository.root / "x").exists()


def test_a_tree_or_a_file_is_no_commit(repository: Repository, git: Git) -> None:
    tree, blob = repository.folder({"x": b"1"}), repository.write("blob", b"1")
    repository.commit(tree)
    for name in (tree, blob):
        assert code(lambda name=name: git.resolve(name)) is codes.NO_COMMIT
        assert code(lambda name=name: git.parents(name)) is codes.NO_GIT
        assert code(lambda name=name: git.find(name, "x")) is codes.NO_GIT


@pytest.mark.parametrize("name", ["HEAD", "main", NOWHERE[:12], f"{NOWHERE}\ninfo {NOWHERE}", ""])
def test_whatever_is_read_is_named_by_its_full_id(
    git: Git, repository: Repository, name: str
) -> None:
    repository.commit({"x": b"1"})
    assert code(lambda: git.parents(name)) is codes.NO_COMMIT
    assert code(lambda: git.find(name, "x")) is codes.NO_COMMIT


# History


def test_parents_are_those_that_a_commit_names_in_their_order(
    repository: Repository, git: Git
) -> None:
    first, second = repository.commit({"x": b"1"}), repository.commit({"x": b"2"})
    assert git.parents(repository.commit({}, second, first)) == (second, first)
    assert git.parents(first) == ()


@pytest.mark.parametrize(
    "text",
    [
        "tree {tree}\nauthor {who}\nparent {base}\ncommitter {who}\n\nx",
        "tree {tree}\nauthor {who}\ncommitter {who}\n\nparent {base}\n",
        "tree {tree}\nauthor {who}\ncommitter {who}\ngpgsig x\n parent {base}\n\nx",
    ],
)
def test_a_parent_elsewhere_in_a_commit_is_none(
    repository: Repository, git: Git, text: str
) -> None:
    base = repository.commit({})
    who = "a <a> 1700000000 +0000"
    content = text.format(tree=repository.folder({}), base=base, who=who)
    assert git.parents(repository.write("commit", content.encode())) == ()


def test_a_commit_without_a_tree_is_none(repository: Repository, git: Git) -> None:
    assert code(lambda: git.parents(repository.write("commit", b"author x\n\n"))) is codes.NO_GIT


def test_ancestors_and_where_histories_part(repository: Repository, git: Git) -> None:
    base = repository.commit({"x": b"0"})
    one, other = repository.commit({"x": b"1"}, base), repository.commit({"x": b"2"}, base)
    alone = repository.commit({"x": b"3"})
    assert git.is_ancestor(base, one)
    assert git.is_ancestor(one, one)
    assert not git.is_ancestor(one, base)
    assert not git.is_ancestor(one, other)
    assert git.merge_base(one, other) == base
    assert git.merge_base(one, alone) is None
    assert code(lambda: git.is_ancestor(NOWHERE, one)) is codes.NO_GIT


def shallow(repository: Repository, tmp_path: Path, depth: int) -> Git:
    clone = tmp_path / f"depth-{depth}"
    url = f"file://{repository.root}"
    repository.git("clone", "--quiet", f"--depth={depth}", url, str(clone))
    return Git.around(clone)


def test_of_a_shallow_clone_it_is_known_what_lacks(repository: Repository, tmp_path: Path) -> None:
    root = repository.commit({"x": b"0"})
    base = repository.commit({"x": b"1"}, root)
    side = repository.commit({"x": b"0", "y": b"1"}, root)
    head = repository.commit({"x": b"1", "y": b"1"}, base, side)
    one, two = (shallow(repository, tmp_path, depth) for depth in (1, 2))

    assert one.parents(head) == two.parents(head) == (base, side)
    assert two.parents(base) == (root,)
    assert two.touched(base, head) == (Touch("y", None, REGULAR, 1),)
    for act in (
        lambda: one.parents(base),
        lambda: one.touched(base, head),
        lambda: two.parents(root),
        lambda: one.require_history(),
        lambda: two.require_history(),
        lambda: list(two.first_parents(head, "S", ["x"])),
    ):
        found = refusal(act)
        assert found.failure.code is codes.SHALLOW
        assert "fetch-depth: 0" in found.failure.fix
    Git.around(repository.root).require_history()


def test_a_clone_without_blobs_is_told_from_one_without_files(
    repository: Repository, tmp_path: Path
) -> None:
    repository.configure(uploadpack__allowFilter="true")
    commit = repository.commit({"x": b"1"})
    clone, url = tmp_path / "clone", f"file://{repository.root}"
    repository.git("clone", "--quiet", "--no-checkout", "--filter=blob:none", url, str(clone))
    git = Git.around(clone)
    assert git.find(commit, "x") == (REGULAR, repository.write("blob", b"1"))
    found = refusal(lambda: git.read(commit, "x", 9))
    assert found.failure.code in (codes.SHALLOW, codes.NO_GIT)  # depending on git's version
    assert "filter" in found.failure.fix


def test_first_parents_are_followed_and_no_others(repository: Repository, git: Git) -> None:
    root = repository.commit({"S/a/x": b"1"})
    side = repository.commit({"S/a/x": b"1", "S/b/x": b"1"}, root)
    further = repository.commit({"S/a/x": b"1", "y": b"1"}, root)
    merge = repository.commit({"S/a/x": b"1", "S/b/x": b"1", "y": b"1"}, further, side)
    head = repository.commit({"S/a/x": b"2", "S/b/x": b"1", "y": b"1"}, merge)

    def found(*names: str) -> list[tuple[str, str | None]]:
        return list(git.first_parents(head, "S", names))

    assert found("a") == [(head, merge), (root, None)]
    assert found("b") == [(merge, further)]
    assert found("a", "b") == [(head, merge), (merge, further), (root, None)]
    assert found("c") == found() == []


def test_of_history_no_more_is_read_than_is_asked_for(repository: Repository, git: Git) -> None:
    missing = repository.write(
        "commit", b"tree %s\nparent %s\n\n" % (NOWHERE.encode(), NOWHERE.encode())
    )
    base = repository.commit({}, missing)
    head = repository.commit({"S/a/x": b"1"}, base)
    assert next(git.first_parents(head, "S", ["a"])) == (head, base)


# Trees


def test_what_a_commit_does_is_told_exactly(repository: Repository, git: Git) -> None:
    base = repository.commit(
        {
            "changed": b"1",
            "executable": b"1",
            "link": b"1",
            "removed": b"1",
            "same": b"1",
            "moved/from": b"a long line, so that it looks like a rename\n",
            "submodule": (SUBMODULE, NOWHERE),
            "folder/x": b"1",
            "file": b"1",
            "emptied/x": b"1",
        }
    )
    head = repository.commit(
        {
            "changed": b"22",
            "executable": (EXECUTABLE, b"1"),
            "link": (LINK, b"1"),
            "same": b"1",
            "moved/to": b"a long line, so that it looks like a rename\n",
            "submodule": (SUBMODULE, "2" * 40),
            "folder": b"1",
            "file/x": b"1",
            "file/y": (LINK, b"target"),
            "emptied/": b"",
            "empty/": b"",
            "ADDED": b"333",
        },
        base,
    )
    assert git.touched(base, head) == (
        Touch("ADDED", None, REGULAR, 3),
        Touch("changed", REGULAR, REGULAR, 2),
        Touch("emptied/x", REGULAR, None),
        Touch("empty", None, "040000"),
        Touch("executable", REGULAR, EXECUTABLE, 1),
        Touch("file", REGULAR, None),
        Touch("file/x", None, REGULAR, 1),
        Touch("file/y", None, LINK, 6),
        Touch("folder", None, REGULAR, 1),
        Touch("folder/x", REGULAR, None),
        Touch("link", REGULAR, LINK, 1),
        Touch("moved/from", REGULAR, None),
        Touch("moved/to", None, REGULAR, 44),
        Touch("removed", REGULAR, None),
        Touch("submodule", SUBMODULE, SUBMODULE),
    )
    assert git.touched(head, head) == ()
    assert [touch.path for touch in git.touched(None, base)] == sorted(
        [
            *("changed", "executable", "link", "removed", "same", "moved/from", "submodule"),
            *("folder/x", "file", "emptied/x"),
        ]
    )


def test_a_file_that_becomes_an_empty_folder_is_told(repository: Repository, git: Git) -> None:
    base, head = repository.commit({"x": b"1"}), repository.commit({"x/": b""})
    assert set(git.touched(base, head)) == {Touch("x", REGULAR, None), Touch("x", None, "040000")}
    assert set(git.touched(head, base)) == {
        Touch("x", None, REGULAR, 1),
        Touch("x", "040000", None),
    }


def test_no_configuration_hides_a_submodule_that_moves(repository: Repository, git: Git) -> None:
    modules = b'[submodule "x"]\n\tpath = x\n\turl = y\n\tignore = all\n'
    base = repository.commit({".gitmodules": modules, "x": (SUBMODULE, NOWHERE)})
    head = repository.commit({".gitmodules": modules, "x": (SUBMODULE, "2" * 40)}, base)
    repository.check_out()
    repository.configure(submodule__x__ignore="all", diff__ignoreSubmodules="all")
    assert git.touched(base, head) == (Touch("x", SUBMODULE, SUBMODULE),)


@pytest.mark.parametrize(
    "name",
    [
        "-x",
        "--help",
        ":(top)x",
        ":x",
        "a:b",
        "a\nb",
        "a\tb",
        "a\\b",
        "“”",
        "*",
        "[a]",
        " ",
        '"',
        "HEAD",
    ],
)
def test_a_name_is_a_name_whatever_it_looks_like(
    repository: Repository, git: Git, name: str
) -> None:
    commit = repository.commit({name: b"1", f"S/{name}/x": b"2"})
    assert git.read(commit, name, 9) == b"1"
    assert git.read(commit, f"S/{name}/x", 9) == b"2"
    assert git.names(commit, "S") == {name}
    assert {touch.path for touch in git.touched(None, commit)} == {name, f"S/{name}/x"}
    assert list(git.first_parents(commit, "S", [name])) == [(commit, None)]
    assert list(git.first_parents(commit, "S", ["x"])) == []


@pytest.mark.parametrize("name", [b"\xff", b"a\xffb", b"\xed\xa0\x80", "é".encode("latin-1")])
def test_a_name_that_is_no_text_has_a_backslash_and_so_no_meaning(
    repository: Repository, git: Git, name: bytes
) -> None:
    blob = repository.write("blob", b"1")
    commit = repository.commit(repository.tree([(REGULAR, name, blob)]))
    (touch,) = git.touched(None, commit)
    assert "\\udc" in touch.path
    touch.path.encode()


def test_what_is_at_a_path(repository: Repository, git: Git) -> None:
    commit = repository.commit({"a/b": b"1", "link": (LINK, b"a"), "sub": (SUBMODULE, NOWHERE)})
    assert git.find(commit, "a/b") == (REGULAR, repository.write("blob", b"1"))
    assert git.find(commit, "a") == ("040000", repository.folder({"b": b"1"}))
    assert git.find(commit, "link") == (LINK, repository.write("blob", b"a"))
    assert git.find(commit, "sub") == (SUBMODULE, NOWHERE)
    for path in ("b", "A/b", "a/b/c", "link/b", "sub/b", "../a/b", "./a/b", "/a/b", "a/", ""):
        assert git.find(commit, path) is None, path
    assert git.names(commit, "a") == {"b"}
    for path in ("a/b", "link", "sub", "none"):
        assert git.names(commit, path) is None, path


def test_a_regular_file_is_read_up_to_its_limit(repository: Repository, git: Git) -> None:
    commit = repository.commit(
        {
            "x": b"12345",
            "executable": (EXECUTABLE, b"1"),
            "link": (LINK, b"x"),
            "folder/x": b"1",
            "submodule": (SUBMODULE, NOWHERE),
            "writable": ("100664", b"1"),
        }
    )
    assert git.read(commit, "x", 5) == b"12345"
    assert git.read(commit, "executable", 5) == b"1"
    for path, limit in [
        *[("x", 4), ("none", 9), ("link", 9), ("link/x", 9), ("folder", 9)],
        *[("submodule", 9), ("writable", 9)],
    ]:
        found = refusal(lambda path=path, limit=limit: git.read(commit, path, limit))
        assert isinstance(found, UsageError)
        assert found.failure.code is codes.USAGE
        assert found.failure.file == f"{commit[:12]}:{path}"


def hostile_trees(repository: Repository) -> Iterator[str]:
    """Trees that git would not make."""
    blob, tree = repository.write("blob", b"1"), repository.folder({"y": b"1"})
    yield repository.tree([(REGULAR, "x", blob), (REGULAR, "x", repository.write("blob", b"2"))])
    yield repository.tree([(REGULAR, "x", blob), (FOLDER, "x", tree)])
    yield repository.tree([(REGULAR, "", blob)])
    yield repository.tree([(REGULAR, "a/x", blob)])
    yield repository.tree([("", "x", blob)])
    yield repository.tree([("1006444", "x", blob)])
    yield repository.tree([("100_644", "x", blob)])
    yield repository.tree([("-00644", "x", blob)])
    yield repository.tree([(REGULAR, "x", blob[:-2])])
    yield repository.tree([(REGULAR, "x", f"{blob}00")])
    yield repository.write("tree", b"100644 x")
    yield repository.write("tree", b"\0")
    yield repository.tree([(REGULAR, b"\xff", blob), (REGULAR, r"\udcff", blob)])


def test_a_tree_that_is_none_is_refused(repository: Repository, git: Git) -> None:
    base = repository.commit({"S/y": b"1"})
    for tree in hostile_trees(repository):
        for top in (tree, repository.tree([(FOLDER, "S", tree)])):
            commit = repository.commit(top, base)
            assert code(lambda commit=commit: git.touched(base, commit)) is codes.NO_GIT
            assert code(lambda commit=commit: git.find(commit, "S/x")) is codes.NO_GIT


@pytest.mark.parametrize("mode", [REGULAR, FOLDER])
@pytest.mark.parametrize("kind", ["blob", "tree", "commit"])
def test_what_is_not_what_its_mode_says_is_refused(
    repository: Repository, git: Git, mode: str, kind: str
) -> None:
    name = {
        "blob": repository.write("blob", b"1"),
        "tree": repository.folder({"y": b"1"}),
        "commit": repository.commit({}),
    }[kind]
    if (mode, kind) in ((REGULAR, "blob"), (FOLDER, "tree")):
        return
    commit = repository.commit(repository.tree([(mode, "x", name)]))
    assert code(lambda: git.touched(None, commit)) is codes.NO_GIT
    if mode == REGULAR:
        assert code(lambda: git.read(commit, "x", 999)) is codes.NO_GIT


def test_names_out_of_order_are_found_all_the_same(repository: Repository, git: Git) -> None:
    blob = repository.write("blob", b"1")
    tree = repository.tree([(REGULAR, "z", blob), (REGULAR, "S", blob), (REGULAR, "a", blob)])
    base = repository.commit({"a": b"1", "z": b"0"})
    commit = repository.commit(tree, base)
    assert git.read(commit, "S", 9) == git.read(commit, "a", 9) == b"1"
    assert git.touched(base, commit) == (
        Touch("S", None, REGULAR, 1),
        Touch("z", REGULAR, REGULAR, 1),
    )


# More than anybody can read


def bomb(repository: Repository, leaf: str, *, width: int = 10, depth: int = 10) -> str:
    """A tree of ten names for a tree of ten names …: ten thousand million paths in 4 KB."""
    for _ in range(depth):
        leaf = repository.tree([(FOLDER, f"{name:02}", leaf) for name in range(width)])
    return leaf


@pytest.mark.parametrize("files", [{"x": b"1"}, {}], ids=["of files", "of nothing"])
def test_a_tree_that_names_itself_over_and_over_comes_to_an_end(
    repository: Repository, git: Git, files: dict[str, Content], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GIT_BYTES", 200_000)
    base = repository.commit({"x": b"1"})
    commit = repository.commit(bomb(repository, repository.folder(files)), base)
    for before, after in ((base, commit), (commit, base), (None, commit)):
        found = refusal(lambda before=before, after=after: git.touched(before, after))
        assert isinstance(found, Refused)
        assert found.failure.code is codes.CHANGE_TOO_LARGE


def test_a_path_without_an_end_comes_to_an_end(
    repository: Repository, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GIT_BYTES", 200_000)
    commit = repository.commit(bomb(repository, repository.folder({}), width=1, depth=1000))
    assert code(lambda: git.touched(None, commit)) is codes.CHANGE_TOO_LARGE


def test_what_nobody_touches_may_be_as_large_as_it_likes(repository: Repository, git: Git) -> None:
    large = (FOLDER, "large", bomb(repository, repository.folder({"x": b"1"})))
    base = repository.commit(repository.tree([large]))
    commit = repository.commit(repository.tree([large, (REGULAR, "x", "3" * 40)]), base)
    blob = repository.write("blob", b"1")
    commit = repository.commit(repository.tree([large, (REGULAR, "x", blob)]), base)
    assert git.touched(base, commit) == (Touch("x", None, REGULAR, 1),)


def test_an_object_over_its_cap_is_not_read(
    repository: Repository, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({f"{number}": b"1" for number in range(100)})
    git.find(commit, "1")
    monkeypatch.setattr(limits, "GIT_OBJECT_BYTES", 1000)
    found = refusal(lambda: Git.around(repository.root).find(commit, "1"))
    assert found.failure.code is codes.NO_GIT
    assert "at most 1000" in found.failure.message


def test_after_an_error_the_next_question_has_its_own_answer(repository: Repository) -> None:
    names = [repository.write("blob", bytes([number])) for number in range(5)]
    with closing(Git.around(repository.root).objects()) as reader:
        for wrong in ([names[0], NOWHERE, names[1]], [names[0], repository.folder({}), names[1]]):
            with pytest.raises(UsageError):
                reader.files(wrong, 9)
            with pytest.raises(UsageError):
                reader.sizes(wrong)
            assert reader.files(names[2:], 9) == [b"\2", b"\3", b"\4"]
        with pytest.raises(UsageError):
            reader.files(names, 0)
        assert reader.files(names[:1], 1) == [b"\0"]


def test_many_questions_and_long_answers_do_not_wait_for_each_other(
    repository: Repository,
) -> None:
    large = repository.write("blob", bytes(100_000))
    small = repository.write("blob", b"1")
    with closing(Git.around(repository.root).objects()) as reader:
        assert reader.sizes([small, large] * 5000) == [1, 100_000] * 5000
        assert [len(each) for each in reader.files([small, large] * 600, 100_000)] == [
            1,
            100_000,
        ] * 600
        assert reader.files([], 0) == reader.sizes([]) == reader.trees([]) == []


def test_nothing_is_left_running(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(objects, "Popen", Noted)
    git, commit = Git.around(repository.root), repository.commit({"x": b"1"})
    git.read(commit, "x", 9)
    with pytest.raises(UsageError):
        git.parents(NOWHERE)
    assert [process.returncode is None for process in started] == [False]  # it failed
    git.find(commit, "x")
    git.names(commit, "S")
    next(git.first_parents(commit, "S", ["x"]), None)
    assert [process.returncode is None for process in started] == [False, True]
    del git
    assert [process.returncode is None for process in started] == [False, False]


def test_a_reader_sees_what_was_made_after_it_began(repository: Repository, git: Git) -> None:
    first = repository.commit({"x": b"1"})
    assert git.read(first, "x", 9) == b"1"
    second = repository.commit({"x": b"2"}, first)
    assert git.read(second, "x", 9) == b"2"
    third = repository.commit({"x": b"3"}, second)
    repository.git("repack", "-adq")
    assert git.read(third, "x", 9) == b"3"
    assert git.read(first, "x", 9) == b"1"


def test_a_folder_that_many_paths_lead_through_is_read_once(
    repository: Repository, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({f"keys/{number}": b"1" for number in range(20)})
    asked: list[str] = []
    trees = objects.Objects.trees
    monkeypatch.setattr(
        objects.Objects, "trees", lambda self, names: asked.extend(names) or trees(self, names)
    )
    assert {git.read(commit, f"keys/{number}", 9) for number in range(20)} == {b"1"}
    assert len(asked) == 2
    others = [repository.commit({"x": bytes([number])}) for number in range(20)]
    assert [git.read(each, "x", 9) for each in others] == [bytes([n]) for n in range(20)]
    assert len(asked) == 22
    assert git.read(commit, "keys/1", 9) == b"1"


# As git itself tells it

_NAMES = st.sampled_from(["a", "b", "a.b", "A", "a0"])
_CONTENTS: st.SearchStrategy[Content] = st.one_of(
    st.sampled_from([b"1", b"22", b"a line to be renamed\n"]),
    st.sampled_from(
        [(EXECUTABLE, b"1"), (LINK, b"1"), (SUBMODULE, NOWHERE), (SUBMODULE, "2" * 40)]
    ),
)
_FOLDERS: st.SearchStrategy[dict[str, object]] = st.recursive(
    st.dictionaries(_NAMES, _CONTENTS, max_size=3),
    lambda inner: st.dictionaries(_NAMES, st.one_of(_CONTENTS, inner), max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def any_repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("any") / "repository")


def flat(folder: dict[str, object], prefix: str = "") -> dict[str, Content]:
    found: dict[str, Content] = {} if folder or not prefix else {prefix: b""}
    for name, what in folder.items():
        if isinstance(what, dict):
            found |= flat(what, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}"] = what  # type: ignore[assignment]
    return found


@given(before=_FOLDERS, after=_FOLDERS)
def test_any_change_is_told_as_git_tells_it(
    any_repository: Repository, before: dict[str, object], after: dict[str, object]
) -> None:
    repository = any_repository
    base, head = (repository.commit(flat(files)) for files in (before, after))
    options = ("-r", "-t", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none")
    lines = repository.git("diff-tree", *options, base, head).split("\0")[:-1]
    empty = repository.folder({})
    told = set()
    for about, path in zip(lines[::2], lines[1::2], strict=True):
        old, new, old_id, new_id, _ = about.removeprefix(":").split()
        modes = [None if mode == "000000" else mode for mode in (old, new)]
        if set(modes) == {"040000"}:
            continue  # what is in it is told
        if "040000" in modes and empty not in (old_id, new_id):
            continue
        told.add((path, *modes))
    found = Git.around(repository.root).touched(base, head)
    assert {(touch.path, touch.before, touch.after) for touch in found} == told
    assert len(found) == len(told)
    files = flat(after)
    for touch in found:
        if touch.after in (REGULAR, EXECUTABLE, LINK):
            content = files[touch.path]
            assert touch.size == len(content if isinstance(content, bytes) else content[1])
        else:
            assert touch.size == 0


# The remote's default branch, and a commit that is nowhere but here


def git_of(repository: Repository) -> Git:
    return Git(repository.root, repository.git_dir)


@pytest.mark.parametrize(
    ("branches", "head", "expected"),
    [
        ((), None, None),
        (("topic",), None, None),
        (("main",), None, "origin/main"),
        (("master",), None, "origin/master"),
        (("main", "master"), None, "origin/main"),
        (("main", "trunk"), "trunk", "origin/trunk"),
        (("main",), "gone", "origin/main"),
    ],
)
def test_the_default_branch_is_what_origin_says_else_a_usual_name(
    branches: tuple[str, ...], head: str | None, expected: str | None, repository: Repository
) -> None:
    commit = repository.commit({"a": b"a"})
    for name in branches:
        repository.git("update-ref", f"refs/remotes/origin/{name}", commit)
    if head:
        name = f"refs/remotes/origin/{head}"
        repository.git("symbolic-ref", "refs/remotes/origin/HEAD", name)
    assert git_of(repository).default_branch() == expected


def test_a_head_that_leads_out_of_the_remote_is_none(repository: Repository) -> None:
    repository.commit({"a": b"a"})
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    assert git_of(repository).default_branch() is None
