"""The history of a branch, held to the rules for changes: what was merged, and how."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from tests import trust as trusting
from tests.forge import NOW, Signer, entry
from tests.git_repository import LINK, Content, Repository, signatures

from ghcr_signer.core import codes, limits
from ghcr_signer.core.directory import Entry, regular, set_name
from ghcr_signer.core.errors import GhcrSignerError, Refused
from ghcr_signer.core.policy import Requirement
from ghcr_signer.core.verification import verify
from ghcr_signer.peers.git import Git
from ghcr_signer.transfer.changes import check_history, read_change

SIGNER = Signer()
TRUST = trusting.trust(trusting.rule(SIGNER, transparency_log=Requirement.OPTIONAL))
FIRST, SECOND, THIRD, FOURTH = (
    set_name(NOW - timedelta(days=10 - day), colons=day % 2 == 0) for day in range(4)
)
KEY: dict[str, Content] = {"trusted.pub": SIGNER.pem}
CODE: dict[str, Content] = {**KEY, "code": b"1"}
TRUST_FILES = (Path("trusted.pub"),)


@cache  # ECDSA never gives the same bytes again
def one_set(name: str, *tags: str) -> dict[str, Content]:
    """The files of a set of one entry."""
    digest, files = entry([SIGNER], tags=tags, optional={"set": name})
    return signatures({name: {digest: files}})


def entries_of(*files: dict[str, Content]) -> list[Entry]:
    """What verification makes of them."""
    found: dict[str, dict[str, bytes]] = {}
    for path, content in {path: c for each in files for path, c in each.items()}.items():
        if path.startswith("SIGNATURES/2"):
            _, set_name, digest, name = path.split("/")
            assert isinstance(content, bytes)
            found.setdefault(f"{set_name}/{digest}", {})[name] = content
    verdicts = [verify(path, regular(x), TRUST, now=NOW) for path, x in found.items()]
    return [verdict.entry for verdict in verdicts if verdict.entry]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


class History:
    """A branch that grows by commits of whole trees."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.files: dict[str, Content] = {}
        self.head = ""

    def commit(self, files: dict[str, Content], *further: str) -> str:
        self.files = files
        parents = (self.head,) if self.head else ()
        self.head = self.repository.commit(files, *parents, *further)
        return self.head

    def add(self, *more: dict[str, Content]) -> str:
        return self.commit({**self.files, **{k: v for each in more for k, v in each.items()}})

    def remove(self, gone: dict[str, Content]) -> str:
        return self.commit({path: c for path, c in self.files.items() if path not in gone})

    def failures(self, *sets: str) -> list[tuple[str, str]]:
        """Code and commit of each failure, each once."""
        git = Git.around(self.repository.root)
        entries = entries_of(self.files)
        found = check_history(git, self.head, "SIGNATURES", TRUST_FILES, sets, entries, NOW)
        return [
            (failure.code.id, failure.message.rpartition("(in commit ")[2].removesuffix(")"))
            for failure in dict.fromkeys(each for refused in found.values() for each in refused)
        ]

    def refused(self, *sets: str) -> set[str]:
        """The sets that must not be published."""
        git = Git.around(self.repository.root)
        entries = entries_of(self.files)
        return set(check_history(git, self.head, "SIGNATURES", TRUST_FILES, sets, entries, NOW))


@pytest.fixture
def history(repository: Repository) -> History:
    found = History(repository)
    found.commit(CODE)
    return found


# How sets arrive


def test_only_what_came_by_the_commit_at_fault_is_refused(history: History) -> None:
    history.add(one_set(FIRST))
    history.add(one_set(SECOND), {"code": b"2"})
    history.add(one_set(THIRD))
    assert history.refused(FIRST, SECOND, THIRD) == {SECOND}


def test_sets_that_came_alone_pass(history: History) -> None:
    history.add(one_set(FIRST))
    history.add({"code": b"2"})
    history.add(one_set(SECOND), one_set(THIRD))
    assert history.failures(FIRST, SECOND, THIRD) == []


def test_a_merge_is_judged_as_the_one_change_that_it_is(history: History) -> None:
    """What its branch did and took back was never on this one."""
    result = {**CODE, **one_set(FIRST)}
    evil = history.repository.commit({**result, "code": b"evil"}, history.head)
    history.commit(result, history.repository.commit(result, evil))
    assert history.failures(FIRST) == []


def test_a_merge_that_brings_something_else_too_does_not_pass(history: History) -> None:
    base = history.head
    one = history.repository.commit({**CODE, **one_set(FIRST)}, base)
    other = history.repository.commit({**CODE, **one_set(FIRST), "code": b"2"}, one)
    merge = history.commit({**CODE, **one_set(FIRST), "code": b"2"}, other)
    assert history.failures(FIRST) == [("GS1102", merge[:12])]


def test_the_first_parent_is_the_branch_that_was_merged_to(history: History) -> None:
    side = history.repository.commit({**CODE, **one_set(FIRST)}, history.head)
    history.add({"code": b"2"})
    history.commit({**CODE, "code": b"2", **one_set(FIRST)}, side)
    assert history.failures(FIRST) == []


def test_a_rebase_is_judged_commit_by_commit(history: History) -> None:
    mixed = history.add(one_set(FIRST), {"code": b"evil"})
    history.add({"code": b"1"})
    assert history.failures(FIRST) == [("GS1102", mixed[:12])]


def test_a_set_that_grows_by_a_later_commit_does_not_pass(history: History) -> None:
    history.add(one_set(FIRST))
    later = history.add({f"SIGNATURES/{FIRST}/{64 * 'b'}/IMAGE": b"1"})
    assert history.failures(FIRST) == [("GS1101", later[:12])]


def test_a_merged_set_that_is_changed_does_not_pass(history: History) -> None:
    files = one_set(FIRST)
    history.add({**files, next(iter(files)): b"other"})
    changed = history.add(files)
    assert history.failures(FIRST) == [("GS1101", changed[:12])]


def test_a_merged_set_that_was_a_link_for_a_while_does_not_pass(history: History) -> None:
    history.add(one_set(FIRST))
    link = history.commit({**CODE, f"SIGNATURES/{FIRST}": (LINK, b"elsewhere")})
    back = history.commit({**CODE, **one_set(FIRST)})
    found = {commit for code, commit in history.failures(FIRST) if code == "GS1101"}
    assert found == {link[:12], back[:12]}


# How far back


def test_a_set_that_was_taken_back_and_brought_again_has_its_last_history(
    history: History,
) -> None:
    history.add(one_set(FIRST), {"code": b"evil"})
    history.remove(one_set(FIRST))
    history.commit({**CODE, **one_set(FIRST)})
    assert history.failures(FIRST) == [("GS1102", history.head[:12])]  # it changed the code, too
    history.remove(one_set(FIRST))
    history.add(one_set(FIRST))
    assert history.failures(FIRST) == []


def test_what_it_was_before_does_not_count_while_others_are_looked_for(history: History) -> None:
    history.add(one_set(FIRST), {"code": b"2"})
    history.add(one_set(SECOND))
    history.remove(one_set(FIRST))
    history.add(one_set(FIRST))
    assert history.failures(FIRST, SECOND) == []


def test_a_violation_in_the_history_of_another_set_does_not_block(history: History) -> None:
    bad = history.add(one_set(FIRST), {"code": b"2"})
    history.add(one_set(SECOND))
    assert history.failures(SECOND) == []
    assert history.failures(FIRST) == [("GS1102", bad[:12])]
    assert history.failures(FIRST, SECOND) == [("GS1102", bad[:12])]
    assert history.failures() == []


def test_what_is_below_the_sets_that_are_looked_for_is_not_read(repository: Repository) -> None:
    lost = repository.write("commit", b"tree %s\n\n" % (b"1" * 40))
    history = History(repository)
    history.head = repository.commit(CODE, lost)
    history.files = CODE
    history.add(one_set(FIRST))
    assert history.failures(FIRST) == []


def test_every_commit_that_breaks_a_rule_is_named(history: History) -> None:
    first = history.add(one_set(FIRST), {"code": b"2"})
    second = history.add(one_set(SECOND), {"code": b"3"})
    assert history.failures(FIRST, SECOND) == [("GS1102", second[:12]), ("GS1102", first[:12])]


# Where it begins


def test_a_root_commit_may_bring_everything(repository: Repository) -> None:
    """A copy of a template, or of another project's directory."""
    history = History(repository)
    history.commit({**CODE, **one_set(FIRST), **one_set(SECOND)})
    assert history.failures(FIRST, SECOND) == []


def test_so_may_the_commit_that_brings_directory_and_key(repository: Repository) -> None:
    history = History(repository)
    history.commit({"code": b"1"})
    history.add(KEY, one_set(FIRST), {"code": b"2"})
    assert history.failures(FIRST) == []


def test_sets_that_came_before_any_key_do_not_pass(repository: Repository) -> None:
    history = History(repository)
    first = history.commit(one_set(FIRST))
    history.add(KEY)
    history.add(one_set(SECOND))
    assert history.failures(FIRST) == [("GS1106", first[:12])]
    assert history.failures(SECOND) == []


def test_sets_and_their_key_do_not_come_together_into_a_directory(
    repository: Repository,
) -> None:
    history = History(repository)
    history.commit({"SIGNATURES/README.md": b"about"})
    both = history.add(KEY, one_set(FIRST))
    assert {code for code, _ in history.failures(FIRST)} == {"GS1102", "GS1106"}
    assert {commit for _, commit in history.failures(FIRST)} == {both[:12]}


# Tags, clocks, caps


def test_tags_are_held_against_the_sets_that_were_there_then(history: History) -> None:
    history.add(one_set(SECOND, "latest"))
    backwards = history.add(one_set(FIRST, "latest"))
    history.add(one_set(THIRD, "latest"))
    assert history.failures(FIRST, SECOND, THIRD) == [("GS1108", backwards[:12])]
    assert history.failures(SECOND, THIRD) == []


def test_a_set_that_was_ahead_has_its_time_when_that_has_come(history: History) -> None:
    ahead = set_name(NOW + timedelta(seconds=limits.CLOCK_SKEW_SECONDS + 1), colons=True)
    history.add(one_set(ahead))
    assert history.failures(ahead) == [("GS1107", history.head[:12])]


def test_a_commit_with_more_than_can_be_read_is_named(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GIT_BYTES", 1000)
    history.add(one_set(FIRST), {f"{number}": b"1" for number in range(20)})
    with pytest.raises(Refused) as found:
        history.failures(FIRST)
    assert found.value.failure.code is codes.CHANGE_TOO_LARGE
    assert found.value.failure.file == f"commit {history.head[:12]}"


# What a change is read from


def test_a_change_says_what_base_and_result_have(repository: Repository) -> None:
    git = Git.around(repository.root)
    base = repository.commit({**KEY, **one_set(FIRST), "SIGNATURES/README.md": b"about"})
    head = repository.commit({"SIGNATURES": (LINK, b"elsewhere")}, base)

    found = read_change(git, base, head, "SIGNATURES", TRUST_FILES)
    assert found.base_sets == {FIRST}
    assert (found.base_trusts, found.result_trusts, found.remains) == (True, False, False)
    assert found.trust_files == ("trusted.pub",)

    found = read_change(git, head, base, "SIGNATURES", TRUST_FILES)
    assert found.base_sets is None
    assert (found.base_trusts, found.result_trusts, found.remains) == (False, True, True)

    found = read_change(git, None, base, "SIGNATURES", TRUST_FILES)
    assert found.base_sets is None
    assert (found.base_trusts, found.result_trusts, found.remains) == (False, True, True)
    assert len(found.touched) == 2 + len(one_set(FIRST))

    empty = repository.commit({"SIGNATURES/README.md": b"about"})
    assert read_change(git, empty, base, "SIGNATURES", ()).base_sets == frozenset()


def test_a_clone_without_the_history_is_refused(history: History, tmp_path: Path) -> None:
    history.add(one_set(FIRST))
    url, clone = f"file://{history.repository.root}", str(tmp_path / "clone")
    history.repository.git("clone", "--quiet", "--depth=1", url, clone)
    git, head = Git.around(tmp_path / "clone"), history.head
    with pytest.raises(GhcrSignerError) as found:
        check_history(git, head, "SIGNATURES", TRUST_FILES, [FIRST], [], NOW)
    assert found.value.failure.code is codes.SHALLOW
