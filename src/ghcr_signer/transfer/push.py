"""A set -> a branch of its own, at the remote or at the signer's fork, and its pull request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ghcr_signer.core import codes
from ghcr_signer.core.directory import REGULAR
from ghcr_signer.core.errors import GhcrSignerError, Refused, Unreachable, UsageError
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.github.proposal import Proposal
from ghcr_signer.peers.pushing import Clone, Place
from ghcr_signer.transfer import new_commit
from ghcr_signer.transfer.destination import Destination, upstream_of
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.propose import propose


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where a set is now: the branch, its commit, and whose repository has it, for people.

    `pull_request` is the address of the one that is open; else `page` is where a person opens it,
    None where the forge is not known, and `problem` says why a token did not.
    """

    branch: str
    commit: str
    place: str
    pull_request: str | None
    page: str | None
    problem: str | None


def check(directory: Path, environment: Mapping[str, str], progress: Progress) -> None:
    """What a push needs of this machine, before anything is made for it; raises UsageError."""
    clone = Clone(Git.around(directory).root, environment, interactive=progress.interactive)
    clone.require_identity()
    upstream_of(clone.remotes())


@dataclass(frozen=True, slots=True)
class Ready:
    """A set that may be pushed once it is judged."""

    git: Git
    clone: Clone
    destination: Destination
    proposal: Proposal


def prepare(
    directory: Path,
    name: str,
    entries: Mapping[str, Mapping[str, bytes]],
    environment: Mapping[str, str],
    progress: Progress,
) -> Ready:
    """Fetch the remote's default branch, for the set `name` with these entries to go on top of it.

    Raises Refused for what is no set, UsageError, or Unreachable.
    """
    git = Git.around(directory)
    clone = Clone(git.root, environment, interactive=progress.interactive)
    clone.require_identity()
    destination = Destination(clone.remotes(), environment)
    source = destination.upstream.reads
    progress.say("Fetching the remote's default branch")
    default, head = clone.find_default(source)
    clone.fetch(source, default)
    proposal = propose(
        name,
        git.path(directory),
        entries,
        base_branch=default,
        base_commit=head,
        by_workflow=False,
    )
    return Ready(git, clone, destination, proposal)


def push(ready: Ready, progress: Progress, again: str) -> Pushed:
    """Push the set to a branch of its own, and open its pull request where the environment has a
    token.

    No history is replaced; a branch that holds just this set already is taken as it is, so the same
    again does no harm; `again` is the command for that. Raises Refused or Unreachable.
    """
    proposal, destination = ready.proposal, ready.destination
    work = _Push(ready.git, ready.clone, proposal)
    place = destination.upstream.writes
    progress.say(f"Pushing the branch {proposal.branch}")
    try:
        commit = work.to(place)
    except Unreachable as error:
        if error.failure.code is not codes.PUSH_DENIED:
            raise
        place = destination.fork(error, again)
        progress.say("It is refused there: pushing it to the fork")
        commit = work.to(place)
    return _opened(destination, proposal, commit, place)


def _opened(destination: Destination, proposal: Proposal, commit: str, place: Place) -> Pushed:
    opened, problem = None, None
    try:
        opened = destination.open(proposal, commit, place)
    except GhcrSignerError as error:
        problem = str(error)
    return Pushed(
        branch=proposal.branch,
        commit=commit,
        place=place.shown,
        pull_request=opened.url if opened else None,
        page=destination.page(proposal, place),
        problem=problem,
    )


class _Push:
    """A proposal on its way to a branch. A commit is made once: it may be signed by hand."""

    def __init__(self, git: Git, clone: Clone, proposal: Proposal) -> None:
        self._git, self._clone, self._proposal = git, clone, proposal
        self._made: dict[str, str] = {}

    def to(self, place: Place) -> str:
        """Make the branch there, or find that it is there; returns its commit. One that the
        signer's own HEAD stands on is followed: they have added to what it holds.

        Raises Refused (GS1333) for a branch of something else, (GS1336) where it is not there in
        the end; Unreachable (GS1334, GS1335).
        """
        branch = self._proposal.branch
        there = self._clone.find(place, branch)
        if there is not None:
            self._clone.fetch(place, branch)
            brought = self._brought(there)
            if brought == self._proposal.files:
                return there
            if not self._may_follow(there, brought):
                message = f"{place.shown} has a branch {branch} already, with something else"
                raise Refused(codes.BRANCH_TAKEN, message)
        commit = self._commit_on(there or self._proposal.base_commit)
        self._clone.push(place, commit, branch, instead_of=there)
        if self._clone.find(place, branch) != commit:
            message = f"{place.shown}: the branch {branch} is not at {commit}"
            raise Refused(codes.PUSH_DIFFERS, message)
        return commit

    def _may_follow(self, commit: str, brought: Mapping[str, bytes | None]) -> bool:
        """Whether a commit brings the set in an earlier state, from which the signer went on."""
        inside = f"{self._proposal.folder}/"
        if not brought or not all(path.startswith(inside) for path in brought):
            return False
        try:
            return self._git.is_ancestor(commit, self._git.resolve("HEAD"))
        except UsageError:  # there is no commit yet
            return False

    def _commit_on(self, parent: str) -> str:
        if parent not in self._made:
            commit = new_commit.on(parent, self._clone, self._proposal)
            if self._brought(commit) != self._proposal.files:
                raise Refused(codes.PUSH_DIFFERS, f"the commit {commit} brings more than the set")
            self._made[parent] = commit
        return self._made[parent]

    def _brought(self, commit: str) -> dict[str, bytes | None]:
        """What a commit does to the default branch, read as CI reads it: the contents of the set's
        files that it adds, None for whatever else it touches; nothing, where they have no history
        in common.
        """
        base = self._git.merge_base(commit, self._proposal.base_commit)
        if base is None:
            return {}
        contents = self._contents(commit)
        added = (None, REGULAR)
        return {
            each.path: contents.get(each.path) if (each.before, each.after) == added else None
            for each in self._git.touched(base, commit)
        }

    def _contents(self, commit: str) -> dict[str, bytes | None]:
        """The set's files in a commit."""
        folder = self._proposal.folder
        with closing(CommittedDirectory(self._git, commit, str(folder.parent))) as committed:
            if folder.name not in committed.sets()[0]:
                return {}
            entries = committed.read_set(folder.name).entries
        return {
            str(folder / entry / name): file.content
            for entry, files in entries.items()
            for name, file in files.items()
        }
