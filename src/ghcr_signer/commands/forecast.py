"""What the check of a pull request will say that is not made yet: asked before a set is signed, and
again before anybody else sees the set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ghcr_signer.commands.arguments import LoadedTrust, TrustOptions, find_trust, trust_files
from ghcr_signer.commands.judgement import Judgement
from ghcr_signer.core import codes
from ghcr_signer.core.change import Change, Touch, verify_change
from ghcr_signer.core.directory import IMAGE, REGULAR, Entry, parse_set_name, set_name
from ghcr_signer.core.errors import GhcrSignerError, Refused, UsageError
from ghcr_signer.core.ledger import last_movers, last_moves
from ghcr_signer.core.manifest import Artifact, Descriptor
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.github.proposal import Proposal
from ghcr_signer.peers.pushing import Clone
from ghcr_signer.report.report import Report
from ghcr_signer.report.review import not_enough
from ghcr_signer.transfer import new_commit
from ghcr_signer.transfer.changes import signed_after
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.propose import propose

_SECOND = timedelta(seconds=1)
_NO_SIGNATURE = Artifact(Descriptor("", Digest.of(b""), 0), {})


@dataclass(frozen=True, slots=True)
class Base:
    """A commit to which a new set will be a change. `name` is the branch's, such as origin/main;
    `folder` the signature directory's path in the repository; `loaded` its trust.
    """

    git: Git
    name: str
    commit: str
    folder: str
    options: TrustOptions
    loaded: LoadedTrust

    @property
    def called(self) -> str:
        """Its name and commit, for people."""
        return f"{self.name} ({self.commit[:12]}, as this clone knows it)"

    def has_set(self, name: str) -> bool:
        """Whether a set of that instant is merged."""
        instants = []
        for each in self._merged_sets:
            try:
                instants.append(parse_set_name(each))
            except Refused:  # its README, or what does not belong there
                continue
        return parse_set_name(name) in instants

    def check_change(
        self, image: Reference, digests: Iterable[Digest], tags: Sequence[str], now: datetime
    ) -> None:
        """Step 11 for a set of the present second that is not made yet: the first digest's entry
        moves the tags. Raises Refused.
        """
        instant = now
        while self.has_set(set_name(instant, colons=True)):  # the next free second will be taken
            instant += _SECOND
        name = set_name(instant, colons=True)
        entries = [
            Entry(name, image.at(digest), digest, _NO_SIGNATURE, () if number else tuple(tags))
            for number, digest in enumerate(digests)
        ]
        touched = [f"{self.folder}/{name}/{each.digest.hex}/{IMAGE}" for each in entries]
        change = Change(
            self.folder,
            tuple(Touch(path, None, REGULAR) for path in touched),
            self.git.names(self.commit, self.folder),
            remains=True,
            trust_files=tuple(str(file) for file in self.loaded.files),
            base_trusts=True,
            result_trusts=True,
        )
        with closing(CommittedDirectory(self.git, self.commit, self.folder)) as merged:
            moved = last_moves(last_movers(merged.read_tags()) if tags else {})
            signed = signed_after(merged, entries)
        for check in verify_change(change, moved, signed, entries, now=now):
            if check.failure is not None:
                raise Refused(check.failure.code, check.failure.message)

    def forecast(
        self,
        name: str,
        entries: Mapping[str, Mapping[str, bytes]],
        environment: Mapping[str, str],
        now: datetime,
    ) -> Forecast:
        """What the check will say of a set that is written; raises what `forecast` raises."""
        clone = Clone(self.git.root, environment, interactive=False)
        proposal = propose(
            name,
            self.folder,
            entries,
            base_branch=self.name,
            base_commit=self.commit,
            by_workflow=False,
        )
        return forecast(self.git, clone, proposal, self.options, now, Progress())

    @property
    def _merged_sets(self) -> Collection[str]:
        return self.git.names(self.commit, self.folder) or ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the check will say, but of the entries that wait: too few have signed them, and nothing
    else is wrong; `waiting` says who must, each once.
    """

    report: Report
    waiting: tuple[str, ...]


def forecast(
    git: Git,
    clone: Clone,
    proposal: Proposal,
    trust: TrustOptions,
    now: datetime,
    progress: Progress,
) -> Forecast:
    """Judge a set on top of the branch that it is for, by the trust of that: steps 1 to 11.

    Raises UsageError, or Refused: where the set is merged already, or cannot be there.
    """
    folder = proposal.folder.parent
    judgement = Judgement(Path(folder), _in_repository(trust, git), (), now, progress)
    trial = new_commit.trial(clone, proposal)
    with closing(CommittedDirectory(git, trial, str(folder))) as source:
        report = judgement.of_change(git, proposal.base_commit, source)
    waiting = {verdict.path for verdict in report.verdicts if _waits(verdict)}
    images = report.review.images if report.review else ()
    quorums = (each for image in images if image.path in waiting for each in image.quorums)
    others = tuple(each for each in report.verdicts if each.path not in waiting)
    return Forecast(replace(report, verdicts=others), tuple(dict.fromkeys(not_enough(quorums))))


def _waits(verdict: Verdict) -> bool:
    only_too_few = {failure.code for failure in verdict.failures} == {codes.THRESHOLD}
    return only_too_few and all(each.valid for each in verdict.signatures)


def find_base(directory: Path, options: TrustOptions) -> tuple[Base | None, str]:
    """The base of a pull request with a new set; or None, and in words why none is known.

    Raises Refused (GS1106) for one that has sets and no trust to judge by, and what is raised for
    trust that does not load: its check would refuse every set.
    """
    try:
        git = Git.around(directory)
        folder = git.path(directory)
        own = _in_repository(options, git)
        name = git.default_branch()
        if name is None:
            return None, "origin's default branch is not known in this clone"
        commit = git.resolve(f"refs/remotes/{name}")
        sets = git.names(commit, folder)
    except UsageError as error:
        return None, str(error)
    files = CommittedFiles(git, commit, folder)
    try:
        loaded = find_trust(own, files) if trust_files(own, files) else None
    except GhcrSignerError as error:  # it is not the file of that name that lies here
        error.failure = replace(error.failure, file=f"{name}:{error.failure.file}")
        raise
    if loaded is not None:
        return Base(git, name, commit, folder, options, loaded), ""
    if sets is not None:
        raise Refused(codes.BOOTSTRAP, f"{name} has {folder}, and no policy and no trusted key")
    return None, f"{name} has no policy and no trusted key yet"


def _in_repository(options: TrustOptions, git: Git) -> TrustOptions:
    """The same options with their paths from the repository's root; raises UsageError."""

    def inside(path: Path | None) -> Path | None:
        return Path(git.path(path)) if path else None

    return replace(
        options,
        policy=inside(options.policy),
        keys=tuple(Path(git.path(key)) for key in options.keys),
        trusted_root=inside(options.trusted_root),
    )
