"""The change: what a commit does to its base, and whether it may (step 11).

The signature directory only grows: a change adds whole sets and touches nothing else. Everything
outside the directory is trust material: keys, workflows, actions, source, locks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from shlex import quote

from ghcr_signer.core import codes, limits
from ghcr_signer.core.directory import IMAGE, README, Entry, parse_set_name, set_name
from ghcr_signer.core.errors import Failure, Refused
from ghcr_signer.core.ledger import Tag
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Check, Step


@dataclass(frozen=True, slots=True)
class Touch:
    """One path that a change touches, from the repository's root, with the mode that git has.

    `before` and `after` are None where there is no such path; `size` is in bytes, after the change.
    """

    path: str
    before: str | None
    after: str | None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to its base.

    `folder` is the signature directory's path in the repository. `base_sets` are the names of the
    sets that the base has, None where the base has no such directory; `remains` is whether the
    result has one. `trust_files` are the paths that trust begins at, policies or trusted keys;
    `base_trusts` and `result_trusts` say whether base and result have them.
    """

    folder: str
    touched: tuple[Touch, ...]
    base_sets: frozenset[str] | None
    remains: bool
    trust_files: tuple[str, ...]
    base_trusts: bool
    result_trusts: bool

    @property
    def inside(self) -> tuple[Touch, ...]:
        """What is touched inside the directory, its README aside: that is nobody's signature."""
        prefix, readme = f"{self.folder}/", f"{self.folder}/{README}"
        return tuple(t for t in self.touched if t.path.startswith(prefix) and t.path != readme)

    @property
    def outside(self) -> tuple[Touch, ...]:
        """What is touched besides: all of it counts as trust material."""
        inside = set(self.inside)
        return tuple(touch for touch in self.touched if touch not in inside)

    @property
    def added_sets(self) -> tuple[str, ...]:
        """The names at the top of the directory that the base does not have, in their order."""
        return tuple(sorted(self.touched_sets - (self.base_sets or frozenset())))

    @property
    def brings_its_trust(self) -> bool:
        """Whether directory and trust both begin here: a copied template, an imported history."""
        return self.base_sets is None and not self.base_trusts and self.result_trusts

    def new_sets(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that the change adds."""
        added = set(self.added_sets)
        return tuple(name for name in names if name in added)

    @property
    def touched_sets(self) -> frozenset[str]:
        """The names at the top of the directory in which something is touched."""
        return frozenset(map(self.set_of, self.inside))

    def set_of(self, touch: Touch) -> str:
        """The name at the top of the directory in which a path inside it lies."""
        return touch.path[len(self.folder) + 1 :].partition("/")[0]

    def image_of(self, entry: Entry) -> str:
        """An entry's IMAGE: GitHub shows an error beside a file, and beside no folder."""
        return f"{self.folder}/{entry.set_name}/{entry.digest.hex}/{IMAGE}"

    def is_merged(self, touch: Touch) -> bool:
        """Whether what is touched inside the directory was there, or its set was."""
        return touch.before is not None or self.set_of(touch) in (self.base_sets or ())


_SECOND = timedelta(seconds=1)
_SKEW = timedelta(seconds=limits.CLOCK_SKEW_SECONDS)
_IF_OLDER = "If it still fails, what is merged was signed later: sign the image again."
_MIXED = "a change that adds a set touches nothing else"
_SIZE = "not too much at once"
_TRUST = "the base has trust to judge by"
_BY_ITS_BASE = (_MIXED, _SIZE, _TRUST)  # not asked of a change that brings its trust


def verify_change(
    change: Change,
    moved: Mapping[Tag, datetime],
    signed: Mapping[Digest, datetime],
    entries: Collection[Entry],
    *,
    now: datetime,
) -> tuple[Check, ...]:
    """Step 11. `moved` gives for each tag the instant of the base's last set that moves it,
    `signed` for a digest that of the last that signs it; `entries` are those of the sets that the
    change adds.
    """
    backwards = list(_backwards(change, moved, entries))
    beneath = list(_beneath(change, signed, entries))
    names = _fresh_names(change, (*backwards, *beneath), now)
    rules: tuple[tuple[str, Iterable[Failure]], ...] = (
        ("merged sets stay as they are", _not_appended(change)),
        (_MIXED, _mixed(change)),
        ("no name is another's twin", _twins(change)),
        (_SIZE, too_much(change, entries)),
        (_TRUST, _untrusted(change)),
        ("no set lies ahead", _ahead(change, now)),
        ("tags move forwards", _renamed(change, backwards, names)),
        ("no set comes before a merged one of its images", _renamed(change, beneath, names)),
    )
    checks: list[Check] = []
    for name, failures in rules:
        if change.brings_its_trust and name in _BY_ITS_BASE:
            continue
        found = [Check(Step.CHANGE, name, failure) for failure in failures]
        checks += found or [Check(Step.CHANGE, name)]
    return tuple(checks)


def _not_appended(change: Change) -> Iterable[Failure]:
    if not change.remains:
        if change.base_sets is not None:  # said once, not for each of its files
            yield Failure(codes.CHANGE_REMOVES, "the signature directory is gone", change.folder)
        return
    verbs = {(True, True): "modified", (True, False): "removed", (False, True): "added to it"}
    for touch in change.inside:
        if change.is_merged(touch):
            verb = verbs[touch.before is not None, touch.after is not None]
            yield Failure(codes.CHANGE_REMOVES, f"a merged set's file is {verb}", touch.path)


def _mixed(change: Change) -> Iterable[Failure]:
    if not change.added_sets or change.brings_its_trust:
        return
    for touch in change.outside:
        yield Failure(codes.CHANGE_MIXED, "it is touched beside a new set", touch.path)


def _twins(change: Change) -> Iterable[Failure]:
    """Names that are one where case is folded and Unicode normalised (Windows, macOS)."""
    known: dict[str, str] = {}
    paths = [touch.path for touch in change.touched if touch.after is not None]
    for path in (change.folder, *change.trust_files, *paths):
        for each in _with_parents(path):
            twin = known.setdefault(_folded(each), each)
            if twin != each:
                yield Failure(codes.CHANGE_TWIN, f"elsewhere it is the same as {twin}", path)
                break


def _with_parents(path: str) -> Iterable[str]:
    """The folders above a path, the highest first, and the path."""
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts) + 1))


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def too_much(change: Change, entries: Collection[Entry] = ()) -> Iterable[Failure]:
    """More than may come at once: to be asked before the sets are read, and with their entries."""
    if change.brings_its_trust:
        return
    size = sum(touch.size for touch in change.inside)
    for number, most, unit in (
        (len(change.added_sets), limits.CHANGE_SETS, "sets"),
        (len(entries), limits.CHANGE_ENTRIES, "entries"),
        (size, limits.CHANGE_BYTES, "bytes"),
    ):
        if number > most:
            yield Failure(codes.CHANGE_TOO_LARGE, f"{number} {unit}, at most {most}")


def _untrusted(change: Change) -> Iterable[Failure]:
    if change.base_trusts and not change.result_trusts and change.base_sets:
        yield Failure(
            codes.TRUST_REMOVED, "the policy or the trusted key is removed while there are sets"
        )
    if change.added_sets and not change.base_trusts and not change.brings_its_trust:
        trust = " or ".join(change.trust_files) or "policy and no trusted key"
        yield Failure(codes.BOOTSTRAP, f"the base has no {trust} to judge the new sets by")


def _ahead(change: Change, now: datetime) -> Iterable[Failure]:
    latest = now + _SKEW
    first = {change.set_of(touch): touch.path for touch in reversed(change.inside)}
    for name in change.added_sets:
        if (_instant(name) or now) > latest:
            yield Failure(codes.SET_AHEAD, "its instant is yet to come", first[name])


_Late = tuple[Entry, datetime, Failure]  # an entry, and the merged set that it comes too late for


def _backwards(
    change: Change, moved: Mapping[Tag, datetime], entries: Collection[Entry]
) -> Iterable[_Late]:
    for entry in entries:
        for tag in entry.tags:
            last = moved.get((entry.image.name, tag))
            if last is not None and parse_set_name(entry.set_name) <= last:
                message = f"{entry.image.name}:{tag} was last moved by the set of {last:%FT%TZ}"
                failure = Failure(codes.TAG_BACKWARDS, message, change.image_of(entry))
                yield entry, last, failure


def _beneath(
    change: Change, signed: Mapping[Digest, datetime], entries: Collection[Entry]
) -> Iterable[_Late]:
    """Step 10 lets the earlier of two sets hold a signature: that must be the one merged first."""
    for entry in entries:
        last = signed.get(entry.digest)
        if last is not None and parse_set_name(entry.set_name) < last:
            message = f"the merged set of {last:%FT%TZ} signs this digest too"
            yield entry, last, Failure(codes.SET_BENEATH, message, change.image_of(entry))


def _renamed(change: Change, late: Iterable[_Late], names: Mapping[str, str]) -> Iterator[Failure]:
    """Each failure with the command that gives its set a name that comes after, where there is one:
    names are not signed, and another set may have been merged while this one waited.
    """
    for entry, _, failure in late:
        fix = ""
        if new := names.get(entry.set_name):
            old, new = (quote(f"{change.folder}/{name}") for name in (entry.set_name, new))
            fix = (
                f"Names are not signed, so rename the set: `git mv {old} {new}` (plain `mv` while"
                f" git does not know it yet). {_IF_OLDER}"
            )
        yield replace(failure, fix=fix)


def _fresh_names(change: Change, late: Iterable[_Late], now: datetime) -> Mapping[str, str]:
    """For the sets that come too late, names that no set has, in their order and their spelling;
    none for a set that would then lie ahead.
    """
    after: dict[str, datetime] = {}
    for entry, last, _ in late:
        after[entry.set_name] = max(last, after.get(entry.set_name, last))
    there = (*(change.base_sets or ()), *change.added_sets) if after else ()
    taken = {_instant(name) for name in there}
    names: dict[str, str] = {}
    for name in sorted(after, key=parse_set_name):
        instant = max(now.replace(microsecond=0), after[name] + _SECOND)
        while instant in taken:
            instant += _SECOND
        if instant <= now + _SKEW:
            taken.add(instant)
            names[name] = set_name(instant, colons=":" in name)
    return names


def _instant(name: str) -> datetime | None:
    """A set's instant; None for a name that is none: step 1 says so."""
    try:
        return parse_set_name(name)
    except Refused:
        return None
