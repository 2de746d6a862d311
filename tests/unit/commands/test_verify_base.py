"""`verify --base`: what a change does, judged by the trust of what it is a change to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.forge import Signer, entry
from tests.git_repository import LINK, SUBMODULE, Content, Repository, signatures

from ghcr_signer import cli
from ghcr_signer.core import limits
from ghcr_signer.core.directory import set_name

SIGNER, ATTACKER = Signer(), Signer()
KEY: dict[str, Content] = {"trusted.pub": SIGNER.pem}
NOWHERE = "1" * 40


def days_ago(days: int, *, colons: bool = True) -> str:
    return set_name(datetime.now(UTC) - timedelta(days=days), colons=colons)


OLD, NEW = days_ago(2), days_ago(1)


@cache  # ECDSA never gives the same bytes again
def one_set(
    name: str, *tags: str, signer: Signer = SIGNER, folder: str = "SIGNATURES"
) -> dict[str, Content]:
    digest, files = entry([signer], tags=tags, optional={"set": name})
    return signatures({name: {digest: files}}, folder)


MERGED: dict[str, Content] = {**KEY, **one_set(OLD), "code": b"1"}


@dataclass
class Found:
    exit_code: int
    report: Mapping[str, Any]

    @property
    def codes(self) -> set[str]:
        entries = (failure for each in self.report["entries"] for failure in each["failures"])
        return {failure["code"] for failure in (*entries, *self.report["failures"])}

    @property
    def sets(self) -> set[str]:
        """Those that were judged."""
        return {each["path"].partition("/")[0] for each in self.report["entries"]}

    @property
    def notices(self) -> str:
        return "\n".join(self.report["notices"])


Judge = Callable[..., Found]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository(tmp_path / "repository")
    monkeypatch.chdir(found.root)
    return found


def run(*arguments: str) -> Found:
    """In process, as a user would."""
    path = Path("..", "report.json")
    path.unlink(missing_ok=True)
    options = ("--transparency-log", "optional", "--format", "json", "--output", str(path))
    code = cli.run(["verify", *arguments, *options])
    return Found(code, json.loads(path.read_bytes()))


@pytest.fixture
def judge(repository: Repository) -> Judge:
    """What is said of a change from one tree to another."""

    def found(before: Mapping[str, Content], after: Mapping[str, Content], *more: str) -> Found:
        base = repository.commit(before)
        head = repository.commit(after, base)
        return run("--base", base, "--commit", head, *more)

    return found


def test_a_good_set_passes_by_the_base_s_key(judge: Judge) -> None:
    found = judge(MERGED, {**MERGED, **one_set(NEW)})
    assert (found.exit_code, found.codes, found.sets) == (0, set(), {NEW})
    assert "judged as a change to" in found.notices


def test_the_commit_is_head_unless_another_is_named(repository: Repository) -> None:
    base = repository.commit(MERGED)
    repository.commit({**MERGED, **one_set(NEW)}, base)
    assert run("--base", "HEAD^").sets == {NEW}
    assert run("--base", "main~1").sets == {NEW}
    assert run("--base", "HEAD").sets == set()


def test_merged_sets_are_not_judged_again(judge: Judge) -> None:
    """One that fails by today's rules would block whoever adds another."""
    before = {**MERGED, **one_set(days_ago(3), signer=ATTACKER)}
    found = judge(before, {**before, **one_set(NEW)})
    assert (found.exit_code, found.sets) == (0, {NEW})


def test_a_set_may_be_named(judge: Judge) -> None:
    after = {**MERGED, **one_set(NEW, signer=ATTACKER)}
    assert judge(MERGED, after, "--set", OLD).exit_code == 0
    assert judge(MERGED, after, "--set", NEW).exit_code == 1
    assert judge(MERGED, after, "--set", days_ago(9)).codes == {"GS2007"}


def test_a_merged_set_that_is_named_does_not_move_its_tags_again(judge: Judge) -> None:
    before = {**KEY, **one_set(OLD, "latest")}
    assert judge(before, before, "--set", OLD).exit_code == 0


# Whose trust


def test_a_set_by_a_key_that_it_brings_itself_does_not_pass(judge: Judge) -> None:
    new = one_set(NEW, signer=ATTACKER)
    found = judge(MERGED, {**MERGED, **new, "trusted.pub": ATTACKER.pem})
    assert found.exit_code == 1
    assert {"GS1102", "GS0901"} <= found.codes
    assert judge(MERGED, {**MERGED, **new, "SIGNATURES/trusted.pub": ATTACKER.pem}).exit_code == 1


def test_nor_by_one_that_lies_nearer(judge: Judge) -> None:
    before = {**KEY, **one_set(OLD, folder="release/SIGNATURES")}
    new = one_set(NEW, signer=ATTACKER, folder="release/SIGNATURES")
    found = judge(
        before, {**before, **new, "release/trusted.pub": ATTACKER.pem}, "release/SIGNATURES"
    )
    assert {"GS1102", "GS0901"} <= found.codes


def test_a_nearer_key_is_told_for_it_will_be_the_one(judge: Judge) -> None:
    before = {**KEY, **one_set(OLD, folder="release/SIGNATURES")}
    near = "release/trusted.pub"
    found = judge(before, {**before, near: ATTACKER.pem}, "release/SIGNATURES")
    assert found.exit_code == 0
    assert "the trusted key changes" in found.notices
    found = judge(before, {**before, near: b"no key"}, "release/SIGNATURES")
    assert found.codes == {"GS2004"}


def test_what_lies_in_the_work_tree_is_no_trust(repository: Repository) -> None:
    base = repository.commit(MERGED)
    repository.commit({**MERGED, **one_set(NEW, signer=ATTACKER)}, base)
    repository.check_out()
    (repository.root / "trusted.pub").write_bytes(ATTACKER.pem)
    assert run("--base", base).exit_code == 1
    assert run("--base", base, "--key", "trusted.pub").exit_code == 1
    assert run("--key", "trusted.pub", "--set", NEW).exit_code == 0  # the work tree, as asked


def test_a_trusted_root_too_is_the_base_s(judge: Judge) -> None:
    before = {**MERGED, "root.json": b"none"}
    found = judge(before, {**before, **one_set(NEW)}, "--trusted-root", "root.json")
    assert found.codes == {"GS2005"}


@pytest.mark.parametrize("key", ["../trusted.pub", "/trusted.pub", "none.pub"])
def test_a_key_that_is_named_is_one_of_the_base(judge: Judge, key: str, tmp_path: Path) -> None:
    (tmp_path / "trusted.pub").write_bytes(SIGNER.pem)
    found = judge(MERGED, {**MERGED, **one_set(NEW)}, "--key", key)
    assert found.exit_code != 0
    assert found.sets == set()


def test_a_key_that_the_base_lacks_is_not_taken_from_the_change(judge: Judge) -> None:
    after = {**MERGED, **one_set(NEW, signer=ATTACKER), "own.pub": ATTACKER.pem}
    found = judge(MERGED, after, "--key", "own.pub")
    assert {"GS1102", "GS1106"} <= found.codes
    found = judge(MERGED, after, "--key", "trusted.pub", "--key", "own.pub")
    assert found.exit_code != 0
    assert found.sets == set()


def test_a_change_of_the_key_alone_passes_and_is_told(judge: Judge) -> None:
    found = judge(MERGED, {**MERGED, "trusted.pub": ATTACKER.pem})
    assert (found.exit_code, found.codes) == (0, set())
    assert "the trusted key changes" in found.notices


@pytest.mark.parametrize(
    "key", [b"no key", b"", (LINK, b"other.pub"), (SUBMODULE, NOWHERE), b"\n" * 70_000]
)
def test_a_key_that_becomes_none_does_not_pass(judge: Judge, key: Content) -> None:
    found = judge(MERGED, {**MERGED, "trusted.pub": key, "other.pub": ATTACKER.pem})
    assert found.exit_code == 2


def test_a_key_that_is_a_link_in_the_base_judges_nothing(judge: Judge) -> None:
    before: dict[str, Content] = {**one_set(OLD), "trusted.pub": (LINK, b"k"), "k": SIGNER.pem}
    found = judge(before, {**before, **one_set(NEW)})
    assert (found.exit_code, found.sets) == (2, set())


def test_a_key_that_is_removed_while_there_are_sets_does_not_pass(judge: Judge) -> None:
    after = {path: content for path, content in MERGED.items() if path != "trusted.pub"}
    found = judge(MERGED, after)
    assert (found.exit_code, found.codes) == (1, {"GS1105"})


# Beginnings


def test_a_proposal_of_a_key_passes_and_a_set_waits_for_it(judge: Judge) -> None:
    before: dict[str, Content] = {"SIGNATURES/README.md": b"about"}
    assert judge(before, before).exit_code == 0
    found = judge(before, {**before, **KEY})
    assert found.exit_code == 0
    assert "the trusted key changes" in found.notices
    found = judge(before, {**before, **one_set(NEW)})
    assert (found.codes, found.sets) == ({"GS1106"}, set())
    found = judge(before, {**before, **KEY, **one_set(NEW)})
    assert (found.codes, found.sets) == ({"GS1102", "GS1106"}, set())


def test_where_directory_and_key_begin_together_it_is_said(judge: Judge) -> None:
    after = {**KEY, **one_set(OLD), **one_set(NEW), "code": b"1"}
    found = judge({"code": b"0"}, after)
    assert (found.exit_code, found.sets) == (0, {OLD, NEW})
    assert "compare that key with the signer's" in found.notices
    found = judge({"code": b"0"}, {**after, **one_set(NEW, signer=ATTACKER)})
    assert found.exit_code == 1


def test_into_a_base_with_a_key_a_first_set_comes_alone(judge: Judge) -> None:
    before: dict[str, Content] = {**KEY, "code": b"1"}
    assert judge(before, {**before, **one_set(NEW)}).exit_code == 0
    found = judge(before, {**before, **one_set(NEW), "code": b"2"})
    assert (found.exit_code, found.codes) == (1, {"GS1102"})


def test_merged_sets_are_judged_again_where_that_is_asked(judge: Judge) -> None:
    found = judge(MERGED, {**MERGED, **one_set(NEW)}, "--all")
    assert (found.exit_code, found.sets) == (0, {OLD, NEW})
    assert judge(MERGED, MERGED, "--all").sets == {OLD}
    before = {**MERGED, **one_set(days_ago(3), signer=ATTACKER)}
    found = judge(before, {**before, **one_set(NEW)}, "--all")
    assert (found.exit_code, found.codes) == (1, {"GS0502", "GS0901"})


def test_all_is_said_of_a_change_alone(repository: Repository) -> None:
    base = repository.commit(MERGED)
    assert run("--all").exit_code == 2
    assert run("--all", "--base", base, "--set", OLD).exit_code == 2


# What a change does


def test_where_nothing_of_it_is_touched_nothing_is_to_verify(judge: Judge) -> None:
    found = judge(MERGED, {**MERGED, "code": b"2"})
    assert (found.exit_code, found.sets) == (0, set())
    found = judge({"code": b"1"}, {"code": b"2"})
    assert (found.exit_code, found.sets) == (0, set())


FIRST_FILE = next(iter(one_set(OLD)))
CHANGES: dict[str, tuple[dict[str, Content], set[str]]] = {
    "a merged file": ({FIRST_FILE: b"other"}, {"GS1101"}),
    "a mode": ({FIRST_FILE: ("100755", b"x")}, {"GS1101"}),
    "an empty folder in a merged set": ({f"SIGNATURES/{OLD}/x/": b""}, {"GS1101"}),
    "an empty folder that is a set": ({f"SIGNATURES/{NEW}/": b""}, {"GS0109"}),
    "an empty folder beside a set": ({**one_set(NEW), "empty/": b""}, {"GS1102"}),
    "a link beside a set": ({**one_set(NEW), "link": (LINK, b"x")}, {"GS1102"}),
    "a submodule beside a set": ({**one_set(NEW), "x": (SUBMODULE, NOWHERE)}, {"GS1102"}),
    "a link that is a set": ({f"SIGNATURES/{NEW}": (LINK, b"x")}, {"GS0101"}),
    "a submodule that is a set": ({f"SIGNATURES/{NEW}": (SUBMODULE, NOWHERE)}, {"GS0101"}),
    "a stray file": ({"SIGNATURES/x": b"1"}, {"GS0101"}),
    "a name with a newline": ({"SIGNATURES/a\n::error::b": b"1"}, {"GS0101"}),
    "a name that is no text": ({"SIGNATURES/\udcff": b"1"}, {"GS0101"}),
    "a README that is a link": ({"SIGNATURES/README.md": (LINK, b"x")}, {"GS0101"}),
    "a README that is a folder": ({"SIGNATURES/README.md/x": b"1"}, {"GS0107"}),
    "an empty folder for a README": ({"SIGNATURES/README.md/": b""}, {"GS0107"}),
    "the key's twin": ({"Trusted.pub": ATTACKER.pem}, {"GS1103"}),
    "the directory's twin": ({"signatures/x": b"1"}, {"GS1103"}),
    "a set that lies ahead": (one_set(days_ago(-1)), {"GS1107"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_may_not_be_does_not_pass(judge: Judge, name: str) -> None:
    more, codes = CHANGES[name]
    found = judge(MERGED, {**MERGED, **more})
    assert found.exit_code == 1
    assert codes <= found.codes


def test_one_instant_in_two_spellings_does_not_pass(judge: Judge) -> None:
    (instant,) = {path.split("/")[1] for path in one_set(OLD)}
    other = instant.replace(":", "-").removesuffix("+00-00") + "Z"
    found = judge(MERGED, {**MERGED, **one_set(other)})
    assert found.exit_code == 1
    assert "GS0107" in found.codes


def test_a_directory_that_is_gone_does_not_pass(judge: Judge) -> None:
    for what in ({}, {"SIGNATURES": b"a file"}, {"SIGNATURES": (LINK, b"elsewhere")}):
        found = judge(MERGED, {**KEY, "code": b"1", **what})  # type: ignore[dict-item]
        assert (found.exit_code, found.codes) == (1, {"GS1101"})


def test_an_old_set_does_not_move_a_tag_back(judge: Judge) -> None:
    before = {**KEY, **one_set(OLD, "latest", "v1")}
    for tags, expected in ((("latest",), {"GS1108"}), (("v2",), set()), ((), set())):
        found = judge(before, {**before, **one_set(days_ago(3), *tags)})
        assert found.codes == expected
    assert judge(before, {**before, **one_set(NEW, "latest")}).exit_code == 0


def test_too_much_is_not_read_at_all(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHANGE_BYTES", 1000)
    found = judge(MERGED, {**MERGED, **one_set(NEW)})
    assert (found.exit_code, found.codes, found.sets) == (1, {"GS1104"}, set())


def test_a_tree_without_an_end_comes_to_an_end(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GIT_BYTES", 100_000)
    tree = repository.folder({"x": b"1"})
    for _ in range(10):
        tree = repository.tree([("40000", f"{name}", tree) for name in range(10)])
    base = repository.commit(MERGED)
    whole = repository.tree([("40000", "SIGNATURES", tree)])
    assert run("--base", base, "--commit", repository.commit(whole, base)).codes == {"GS1104"}


# Where from


@pytest.mark.parametrize("option", ["--base", "--commit"])
@pytest.mark.parametrize("revision", ["none", "HEAD:trusted.pub", "-x", "--output=x", NOWHERE])
def test_a_revision_that_is_no_commit_is_wrong_usage(
    repository: Repository, option: str, revision: str
) -> None:
    repository.commit(MERGED)
    found = run(f"{option}={revision}")
    assert (found.exit_code, found.codes) == (2, {"GS2010"})
    assert not (repository.root / "x").exists()


def test_outside_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert run("--base", "HEAD").codes == {"GS2009"}


def test_a_directory_outside_the_repository_is_wrong_usage(repository: Repository) -> None:
    repository.commit(MERGED)
    for directory in (".", "..", str(repository.root)):
        assert run(directory, "--base", "HEAD").exit_code == 2


def test_a_shallow_clone_says_what_to_do(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = repository.commit(MERGED)
    repository.commit({**MERGED, **one_set(NEW)}, base)
    url = f"file://{repository.root}"
    for depth in (1, 2):
        repository.git("clone", "--quiet", f"--depth={depth}", url, str(tmp_path / f"{depth}"))
    monkeypatch.chdir(tmp_path / "1")
    assert run("--base", base).codes <= {"GS2010", "GS2011"}
    monkeypatch.chdir(tmp_path / "2")
    found = run("--base", "HEAD^")
    assert (found.exit_code, found.sets) == (0, {NEW})


def test_a_bare_repository_is_judged_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Repository(tmp_path / "bare.git", bare=True)
    base = bare.commit(MERGED)
    bare.commit({**MERGED, **one_set(NEW)}, base)
    monkeypatch.chdir(bare.root)
    assert run("--base", "HEAD^").sets == {NEW}
    assert run("--commit", "HEAD").sets == {OLD, NEW}


# A commit alone


def test_a_commit_is_judged_by_its_own_trust(repository: Repository) -> None:
    first = repository.commit(MERGED)
    second = repository.commit({**one_set(NEW, signer=ATTACKER), "trusted.pub": ATTACKER.pem})
    assert run("--commit", first).sets == {OLD}
    assert run("--commit", second).exit_code == 0
    assert run("--commit", second, "--set", OLD).codes == {"GS2007"}


def test_a_commit_without_a_directory_has_nothing_to_verify(repository: Repository) -> None:
    repository.commit(KEY)
    assert "nothing to verify" in run("--commit", "HEAD").notices
    assert run("SIGNATURES", "--commit", "HEAD").codes == {"GS2002"}
