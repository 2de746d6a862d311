"""What `verify` and `review` have in common: sets judged by the trust beside them, and a change by
the trust of its base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    POLICY,
    TrustOptions,
    find_trust,
    require_trust,
    trust_files,
)
from ghcr_signer.core.errors import Failure, GhcrSignerError
from ghcr_signer.core.policy import Policy, Trust
from ghcr_signer.core.policy_warnings import due, warnings
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.wording import counted
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import Examination, examine
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.source import Source, TrustFiles

if TYPE_CHECKING:
    from ghcr_signer.core.change import Change
    from ghcr_signer.core.ledger import Declared, Tag
    from ghcr_signer.core.review import Review, Seen
    from ghcr_signer.core.trust_change import TrustChange
    from ghcr_signer.peers.commit import CommittedDirectory
    from ghcr_signer.peers.git import Git

NO_RULE = Policy(())
_NOT_ASKED = "no registry was asked: which ones are, would be for the change itself to say"
Rehearsal = Callable[[Examination, Source, Trust], tuple[Failure, ...]]
"""Push what passed, read it back, and return the failures."""

Look = Callable[["Review"], "tuple[Seen, dict[str, bytes]]"]
"""What registries say of a review, and by their paths the manifests of its images."""

Inquiry = Callable[[Examination], tuple[Failure, ...]]
"""Ask the registries for the images of what passed, and return the failures."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all ways of judging have in common. `sets` are the names to judge: none means all, or
    of a change those that it adds. `rehearse` is called where everything passes, `look` for every
    change that adds sets, `ask` also for what passes beside something that does not; but neither of
    these two by a trust that the change brings, which says where they go.
    """

    directory: Path
    trust: TrustOptions
    sets: tuple[str, ...]
    now: datetime
    progress: Progress
    rehearse: Rehearsal | None = None
    look: Look | None = None
    ask: Inquiry | None = None

    def of(self, source: Source, files: TrustFiles) -> Report:
        """Steps 1 to 10 for the sets of a source, by the trust among the files."""
        return self._judged(source, files).report

    def _judged(
        self,
        source: Source,
        files: TrustFiles,
        sets: Sequence[str] = (),
        beside: frozenset[str] = frozenset(),
    ) -> _Judged:
        """The same. `beside` are sets that step 10 compares them with."""
        sets = sets or self.sets
        nothing = f"{self.directory} holds no set: nothing to verify"
        if not trust_files(self.trust, files) and source.sets() == ([], []):
            return _Judged(Report("verify", notices=(nothing,)))
        loaded = require_trust(self.trust, files)
        trust = loaded.trust
        every = examine(source, trust, self.now, self.progress, (*sets, *beside))
        found = every.without(beside)
        notices = [] if self.trust.keys else [f"trusted: {loaded}"]
        if loaded.is_anywhere:
            notices.append("any repository is accepted: no --repository was given")
        notices += (f"warning: {each}" for each in due(trust.policy, self.now))
        if not found.verdicts and not found.failures:
            notices.append(nothing)
        failures = found.failures
        if self.rehearse and found.passed:
            failures = self.rehearse(found, source, trust)
            if not failures:
                entries = counted(len(found.verdicts), "entry", "entries")
                notices.append(f"rehearsed: {entries} went there and came back")
        elif self.rehearse:
            notices.append("not rehearsed: something does not verify")
        if self.ask:
            unanswered = self.ask(found)
            failures += unanswered
            if found.passed and found.verdicts and not unanswered:
                notices.append("asked: every image is in its registry")
        report = Report("verify", found.sets, found.verdicts, failures, tuple(notices))
        return _Judged(report, trust.policy, every.verdicts)

    def of_change(
        self, git: Git, base: str, source: CommittedDirectory, *, all_sets: bool = False
    ) -> Report:
        """Step 11, and the sets that a change adds, by the trust of its base; with `all_sets` the
        merged ones too.
        """
        from ghcr_signer.core.change import too_much, verify_change
        from ghcr_signer.core.ledger import last_movers, last_moves
        from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
        from ghcr_signer.transfer.changes import compared_with, read_change, signed_after

        head, folder = source.commit, source.folder
        before, after = (CommittedFiles(git, commit, folder) for commit in (base, head))
        places = (*trust_files(self.trust, before), *trust_files(self.trust, after))
        change = read_change(git, base, head, folder, places)
        blind = change.brings_its_trust and bool(self.look or self.ask)
        judge = replace(self, look=None, ask=None) if blind else self
        last = (_NOT_ASKED,) if blind else ()
        if before.find(POLICY) and not after.find(POLICY):  # a key in its place would be weaker
            change = replace(change, result_trusts=False)
        notices = [] if git.is_ancestor(base, head) else [lag(base)]
        notices += _notices(change, base, folder, is_empty=not source.exists)
        trust_change: TrustChange | None = None
        files = after if change.brings_its_trust else before
        there, strays = source.sets()
        sets = self.sets or (tuple(there) if all_sets else change.new_sets(there))
        trusted = change.base_trusts or change.brings_its_trust
        movers: dict[Tag, Declared] = {}
        judged = _Judged(Report("verify", failures=tuple(strays)))
        with closing(CommittedDirectory(git, base, folder)) as merged:
            if change.result_trusts and change.outside:
                present = before if change.base_trusts else None
                trust_change, said = self._of_proposed_trust(present, after, merged)
                notices += said
            if sets and trusted and not any(too_much(change)):
                moving = source.read_tags(sets)
                movers = last_movers(merged.read_tags()) if moving else {}
                beside = compared_with(source, sets, moving, movers)
                judged = judge._judged(source, files, sets, beside)
            added = frozenset(change.added_sets)
            new = [each for each in judged.verdicts if each.set_name in added]
            entries = [verdict.entry for verdict in new if verdict.entry]
            signed = signed_after(merged, entries)
            found = judge._review(judged, new, source, merged, movers)
        checks = verify_change(change, last_moves(movers), signed, entries, now=self.now)
        return replace(
            judged.report,
            change=checks,
            notices=(*notices, *judged.report.notices, *last),
            trust_change=trust_change,
            review=found,
        )

    def _review(
        self,
        judged: _Judged,
        new: Sequence[Verdict],
        source: CommittedDirectory,
        merged: CommittedDirectory,
        movers: Mapping[Tag, Declared],
    ) -> Review:
        """What merging the new entries does, by what is in git, and by what registries say."""
        from ghcr_signer.core.reviewing import review

        entries = [verdict.entry for verdict in new if verdict.entry]
        tags = {(entry.image.name, tag) for entry in entries for tag in entry.tags}
        before = {movers[tag].set_name for tag in tags if tag in movers}
        others = [verdict for verdict in judged.verdicts if verdict.set_name in before]
        subjects = dict(source.subjects({verdict.set_name for verdict in new}))
        subjects |= dict(merged.subjects(before))
        by_git = partial(review, new, others, movers, policy=judged.policy, now=self.now)
        found = by_git(subjects, source.folder)
        if self.look is None or not found.images:
            return found
        seen, manifests = self.look(found)
        return replace(by_git({**manifests, **subjects}, source.folder), seen=seen)

    def _of_proposed_trust(
        self, before: TrustFiles | None, after: TrustFiles, merged: Source
    ) -> tuple[TrustChange | None, tuple[str, ...]]:
        """Load the trust as a change has it, since without it nothing could be judged any more; and
        where it is another, what that does to every merged set, and what may surprise in it.
        """
        from ghcr_signer.core.trust_change import TrustChange

        proposed = require_trust(self.trust, after)
        try:
            loaded = find_trust(self.trust, before) if before else None
        except GhcrSignerError:  # a change may mend what is broken
            loaded = None
        present = loaded.trust if loaded else None
        if present == proposed.trust:
            return None, ()
        old, new = (
            examine(merged, trust, self.now, self.progress).verdicts if trust else ()
            for trust in (present, proposed.trust)
        )
        surprises = warnings(proposed.trust.policy, self.now)
        said = (
            f"the {proposed.kind} changes; what the change brings counts once it is merged",
            *(f"warning: as the change has it, {surprise}" for surprise in surprises),
        )
        return TrustChange.of(present, proposed.trust, old, new), said


@dataclass(frozen=True, slots=True)
class _Judged:
    """A report, and what it comes from; `verdicts` are those too of the sets that were only
    compared with.
    """

    report: Report
    policy: Policy = NO_RULE
    verdicts: tuple[Verdict, ...] = ()


def lag(base: str) -> str:
    """What a reader must know of a change that is not on top of what it would be merged into."""
    return (
        f"WARNING: commits of {base[:12]} are not in this change, so merging does something else"
        f" than is said here. First bring it up to date: git merge {base[:12]}"
    )


def _notices(change: Change, base: str, folder: str, *, is_empty: bool) -> Iterator[str]:
    """What a reader must know first. `is_empty`: the change leaves no such folder."""
    if change.brings_its_trust:
        yield (
            "WARNING: the directory and its trust both begin with this change: its sets are judged"
            " by a key that it brings, so compare that key with the signer's"
        )
    yield f"judged as a change to {base[:12]}"
    if change.base_sets is None and is_empty:
        yield f"there is no {folder}, neither before nor after: no signature was judged"
