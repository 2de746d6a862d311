"""git -> Change: what a commit does to its base, and which commits brought what is not live yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ghcr_signer.core.change import Change, verify_change
from ghcr_signer.core.directory import README, Entry, parse_set_name
from ghcr_signer.core.errors import Failure, UsageError, about
from ghcr_signer.core.ledger import Declared, Tag, last_movers, last_moves, last_signed
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git

_MERGED = (
    "It is merged: remove the whole set, then bring it by a pull request of its own, or sign anew."
    " The removal fails its check (GS1101): somebody who may overrule that merges it."
)


def read_change(
    git: Git, base: str | None, commit: str, folder: str, trust_files: Sequence[Path]
) -> Change:
    """What a commit does to its base; without a base, all that it holds is new."""
    paths = tuple(dict.fromkeys(path.as_posix() for path in trust_files))
    return Change(
        folder,
        git.touched(base, commit),
        _sets(git, base, folder) if base else None,
        _sets(git, commit, folder) is not None,
        paths,
        base is not None and _trusts(git, base, paths),
        _trusts(git, commit, paths),
    )


def check_history(
    git: Git,
    head: str,
    folder: str,
    trust_files: Sequence[Path],
    sets: Collection[str],
    entries: Collection[Entry],
    now: datetime,
) -> dict[str, tuple[Failure, ...]]:
    """Step 11 for every commit of the first-parent history that brought one of the sets: those of
    the sets that came by one which broke a rule, and how. A failure names its commit.

    `entries` are those of all sets. The history of a set ends where it was last absent: what was
    taken back before does not count.
    """
    refused: dict[str, tuple[Failure, ...]] = {}
    wanted = set(sets)
    for commit, base in git.first_parents(head, folder, frozenset(sets)):
        with about(f"commit {commit[:12]}"):
            change = read_change(git, base, commit, folder, trust_files)
        brought_here = wanted & change.touched_sets
        if not brought_here:
            continue
        before = change.base_sets or frozenset()
        there = [each for each in entries if each.set_name in before]
        movers = last_movers(
            Declared(each.set_name, each.image.name, each.digest, each.tags) for each in there
        )
        signed = last_signed((each.set_name, each.digest) for each in there)
        added = frozenset(change.added_sets)
        brought = [each for each in entries if each.set_name in added]
        checks = verify_change(change, last_moves(movers), signed, brought, now=now)
        failures = tuple(_in_commit(each.failure, commit) for each in checks if each.failure)
        if failures:
            refused |= {name: refused.get(name, ()) + failures for name in brought_here}
        wanted -= brought_here - before
        if not wanted:
            break
    return refused


def compared_with(
    source: CommittedDirectory,
    sets: Collection[str],
    new: Iterable[Declared],
    movers: Mapping[Tag, Declared],
) -> frozenset[str]:
    """The merged sets that step 10 compares new ones with, if these move tags: those that sign one
    of their digests, and the last that moves one of their tags. `new` is what the new sets say that
    they move, `movers` which merged entry moved each tag last.
    """
    moving = {(each.repository, tag) for each in new for tag in each.tags}
    if not moving:
        return frozenset()
    merged = set(source.sets()[0]) - set(sets)
    signed = {entry for _, entry in source.entries(sets)}
    signing = {name for name, entry in source.entries(merged) if entry in signed}
    last = {mover.set_name for tag, mover in movers.items() if tag in moving}
    return frozenset(merged & (signing | last))


def signed_after(merged: CommittedDirectory, entries: Collection[Entry]) -> dict[Digest, datetime]:
    """What those merged sets sign that come after one of the entries', and when last."""
    if not entries:
        return {}
    first = min(parse_set_name(entry.set_name) for entry in entries)
    later = [name for name in merged.sets()[0] if parse_set_name(name) > first]
    return last_signed((name, Digest.from_hex(entry)) for name, entry in merged.entries(later))


def unknown_at(git: Git, commit: str | None, folder: str, names: Collection[str]) -> frozenset[str]:
    """Those of the sets that a commit does not have: none of no commit, and all of one that is not
    known here, such as the zeros of a push that made the branch.
    """
    if commit is None:
        return frozenset()
    try:
        known = _sets(git, git.resolve(commit), folder) or frozenset()
    except UsageError:
        known = frozenset()
    return frozenset(names) - known


def _in_commit(failure: Failure, commit: str) -> Failure:
    return replace(failure, message=f"{failure.message} (in commit {commit[:12]})", fix=_MERGED)


def _sets(git: Git, commit: str, folder: str) -> frozenset[str] | None:
    names = git.names(commit, folder)
    return None if names is None else names - {README}


def _trusts(git: Git, commit: str, trust_files: Sequence[str]) -> bool:
    return any(git.find(commit, path) for path in trust_files)
