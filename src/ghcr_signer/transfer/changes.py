"""git -> Change: what a commit does to its base, and which commits brought what is not live yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ghcr_signer.core.change import Change, verify_change
from ghcr_signer.core.directory import FOLDER, Entry, parse_set_name
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.ledger import Declared, Tag, last_moves
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git


def read_change(
    git: Git, base: str | None, commit: str, folder: str, trust_files: Sequence[Path]
) -> Change:
    """What a commit does to its base; without a base, all that it holds is new."""
    return Change(
        folder,
        git.touched(base, commit),
        _sets(git, base, folder) if base else None,
        _has_folder(git, commit, folder),
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
    for commit in git.first_parents(head, (f"{folder}/{name}" for name in sorted(wanted))):
        base = next(iter(git.parents(commit)), None)
        change = read_change(git, base, commit, folder, trust_files)
        if not change.touches(wanted):
            continue
        before = change.base_sets or frozenset()
        moved = last_moves(
            (each.set_name, each.image.name, each.tags)
            for each in entries
            if each.set_name in before
        )
        added = [each for each in entries if each.set_name in change.added_sets]
        checks = verify_change(change, moved, added, now=now)
        failures += (_in_commit(check.failure, commit) for check in checks if check.failure)
        wanted &= before
        if not wanted:
            break
    return tuple(failures)


def compared_with(
    source: CommittedDirectory, sets: Collection[str], declared: Iterable[Declared]
) -> frozenset[str]:
    """The merged sets that step 10 compares new ones with, if these move tags: those that sign one
    of their digests, and the last that moves one of their tags. `declared` is what the merged say.
    """
    moving = {(each[1], tag) for each in source.read_tags(sets) for tag in each[2]}
    if not moving:
        return frozenset()
    merged = set(source.sets()[0]) - set(sets)
    new = {entry for _, entry in source.entries(sets)}
    signing = {name for name, entry in source.entries(merged) if entry in new}
    last: dict[Tag, str] = {}
    for name, repository, tags in sorted(declared, key=lambda each: parse_set_name(each[0])):
        last |= {(repository, tag): name for tag in tags if (repository, tag) in moving}
    return frozenset(merged & (signing | set(last.values())))


def unknown_at(git: Git, commit: str | None, folder: str, names: Collection[str]) -> frozenset[str]:
    """Those of the sets that a commit does not have: none of no commit, and all where a push names
    nothing but zeros, since it made the branch. Raises UsageError (GS2010).
    """
    if commit is None:
        return frozenset()
    if not commit.strip("0"):
        return frozenset(names)
    return frozenset(names) - (_sets(git, git.resolve(commit), folder) or frozenset())


def _in_commit(failure: Failure, commit: str) -> Failure:
    return replace(failure, message=f"{failure.message} (in commit {commit[:12]})")


def _has_folder(git: Git, commit: str, folder: str) -> bool:
    found = git.find(commit, folder)
    return found is not None and found[0] == FOLDER


def _sets(git: Git, commit: str, folder: str) -> frozenset[str] | None:
    return git.names(commit, folder) if _has_folder(git, commit, folder) else None


def _trusts(git: Git, commit: str, trust_files: Sequence[Path]) -> bool:
    return any(git.find(commit, path.as_posix()) for path in trust_files)
