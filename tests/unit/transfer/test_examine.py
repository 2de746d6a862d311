"""A whole directory: the same verdicts from one process and from two."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.forge import NOW, Signer, entry, sha256, write
from tests.trust import rule, trust

from ghcr_signer.core import codes
from ghcr_signer.core.directory import set_name
from ghcr_signer.core.policy import Requirement
from ghcr_signer.peers.worktree import Worktree
from ghcr_signer.transfer import examine as module
from ghcr_signer.transfer.examine import Examination, examine
from ghcr_signer.transfer.progress import Progress

SIGNER = Signer()
TRUST = trust(rule(SIGNER, transparency_log=Requirement.OPTIONAL))
MANY = 150
# the tests' runner has a thread of its own, which newer Pythons warn about
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def many(tmp_path: Path) -> Worktree:
    """Many sets: good ones, and every tenth with a fault."""
    sets = {}
    for number in range(MANY):
        name, files = entry([SIGNER], digest=sha256(str(number).encode()))
        if number % 10 == 0:
            files["PAYLOAD_BLOB"] += b" "
        sets[set_name(NOW + timedelta(seconds=number), colons=True)] = {name: files}
    return Worktree(write(tmp_path, sets))


def examined(source: Worktree) -> Examination:
    return examine(source, TRUST, NOW, Progress())


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that are made, where this machine may make them."""
    made: list[int] = []
    real = os.fork

    def fork() -> int:
        made.append(real())
        return made[-1]

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("threading.active_count", lambda: 1)  # pytest-xdist has one of its own
    return made


def test_two_processes_say_what_one_says(
    many: Worktree, forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_two = examined(many)
    assert len(forks) == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    by_one = examined(many)
    assert len(forks) == 1
    assert by_two == by_one
    assert len(by_two.verdicts) == MANY
    assert sum(not verdict.passed for verdict in by_two.verdicts) == MANY / 10
    assert by_two.verdicts[0].failures[0].code is codes.BLOB_SIZE


def test_the_second_process_is_gone_afterwards(many: Worktree, forks: list[int]) -> None:
    examined(many)
    with pytest.raises(ChildProcessError):
        os.waitpid(forks[0], os.WNOHANG)


def test_a_second_process_that_dies_is_an_error_and_no_verdict(
    many: Worktree, forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()
    judge = module._batch

    def dying(*arguments: object) -> object:
        if os.getpid() != parent:
            os._exit(1)
        return judge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_batch", dying)
    with pytest.raises(EOFError):
        examined(many)


def test_a_few_sets_need_no_second_process(tmp_path: Path, forks: list[int]) -> None:
    name, files = entry([SIGNER])
    source = Worktree(write(tmp_path, {set_name(NOW, colons=True): {name: files}}))
    assert examined(source).passed
    assert forks == []


def test_with_another_thread_there_is_no_second_process(
    many: Worktree, forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threading.active_count", lambda: 2)
    assert len(examined(many).verdicts) == MANY
    assert forks == []
