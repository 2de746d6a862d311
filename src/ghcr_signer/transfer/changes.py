"""git -> Change: what a commit does to its base, and which commits brought what is not live yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ghcr_signer.core.change import Change, verify_change
from ghcr_signer.core.directory import README, Entry
from ghcr_signer.core.errors import Failure, about
from ghcr_signer.core.ledger import last_moves
from ghcr_signer.peers.git import Git

_MERGED = (
    "It is merged: remove the whole set, then bring it by a pull request of its own, or sign anew."
    " The removal fails its check (GS1101): somebody who may overrule that merges it. Until then,"
    " publish other sets by name: --set NAME; in a workflow, `sets`."
)


def read_change(
    git: Git, base: str | None, commit: str, folder: str, trust_files: Sequence[Path]
) -> Change:
    """What a commit does to its base; without a base, all that it holds is new."""
    return Change(
        folder,
        git.touched(base, commit),
        _sets(git, base, folder) if base else None,
        _sets(git, commit, folder) is not None,
        tuple(path.as_posix() for path in trust_files),
        base is not None and _trusts(git, base, trust_files),
        _trusts(git, commit, trust_files),
    )


def check_history(
    git: Git,
    head: str,
    folder: str,
    trust_files: Sequence[Path],
    sets: Collection[str],
    entries: Collection[Entry],
    now: datetime,
) -> tuple[Failure, ...]:
    """Step 11 for every commit of the first-parent history that brought one of the sets.

    `entries` are those of all sets, verified. A failure names its commit. The history of a set
    ends where it was last absent: what was taken back before does not count.
    """
    failures: list[Failure] = []
    wanted = set(sets)
    for commit, base in git.first_parents(head, folder, frozenset(sets)):
        with about(f"commit {commit[:12]}"):
            change = read_change(git, base, commit, folder, trust_files)
        if not change.touches(wanted):
            continue
        before = change.base_sets or frozenset()
        moved = last_moves(
            (each.set_name, each.image.name, each.tags)
            for each in entries
            if each.set_name in before
        )
        added = frozenset(change.added_sets)
        brought = [each for each in entries if each.set_name in added]
        checks = verify_change(change, moved, brought, now=now)
        failures += (_in_commit(check.failure, commit) for check in checks if check.failure)
        wanted &= before
        if not wanted:
            break
    return tuple(failures)


def _in_commit(failure: Failure, commit: str) -> Failure:
    return replace(failure, message=f"{failure.message} (in commit {commit[:12]})", fix=_MERGED)


def _sets(git: Git, commit: str, folder: str) -> frozenset[str] | None:
    names = git.names(commit, folder)
    return None if names is None else names - {README}


def _trusts(git: Git, commit: str, trust_files: Sequence[Path]) -> bool:
    return any(git.find(commit, path.as_posix()) for path in trust_files)
