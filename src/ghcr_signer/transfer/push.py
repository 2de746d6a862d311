"""A set -> a branch of its own, at the remote or at the signer's fork, and its pull request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ghcr_signer.core import codes
from ghcr_signer.core.directory import FOLDER, REGULAR
from ghcr_signer.core.errors import GhcrSignerError, Refused, Unreachable
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.github.proposal import Proposal
from ghcr_signer.peers.pushing import Clone, Place, Record
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


def push(
    directory: Path,
    name: str,
    entries: Mapping[str, Mapping[str, bytes]],
    environment: Mapping[str, str],
    progress: Progress,
    again: str,
) -> Pushed:
    """Commit the set `name` with these entries on top of the remote's default branch, push it to a
    branch that nobody has, and open its pull request where the environment has a token.

    Nothing is replaced anywhere; a branch that holds just this set already is taken as it is, so
    the same again does no harm; `again` is the command for that. Raises Refused, UsageError or
    Unreachable.
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
    work = _Push(git, clone, proposal)
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
    """A proposal on its way to a branch; its commit is made once, if it is needed."""

    def __init__(self, git: Git, clone: Clone, proposal: Proposal) -> None:
        self._git, self._clone, self._proposal = git, clone, proposal

    def to(self, place: Place) -> str:
        """Make the branch there, or find that it is there; returns its commit.

        Raises Refused (GS1333) for a branch of something else, (GS1336) where it is not there in
        the end; Unreachable (GS1334, GS1335).
        """
        branch = self._proposal.branch
        there = self._clone.find(place, branch)
        if there is None:
            self._clone.push(place, self._commit, branch)
            if self._clone.find(place, branch) != self._commit:
                message = f"{place.shown}: the branch {branch} is not at {self._commit}"
                raise Refused(codes.PUSH_DIFFERS, message)
            return self._commit
        if not self._is_ours(place, there):
            message = f"{place.shown} has a branch {branch} already, with something else"
            raise Refused(codes.BRANCH_TAKEN, message)
        return there

    def _is_ours(self, place: Place, commit: str) -> bool:
        """Whether a commit there is this set, all of it and nothing else, on top of one of the
        default branch's: pushed before, when that branch was perhaps elsewhere.
        """
        self._clone.fetch(place, self._proposal.branch)
        with closing(self._git.objects()) as objects:
            found = objects.commit(commit)
        if len(found.parents) != 1:
            return False
        (parent,) = found.parents
        if not self._git.is_ancestor(parent, self._proposal.base_commit):
            return False
        return found.tree == _plant(self._clone, parent, self._proposal)

    @cached_property
    def _commit(self) -> str:
        base = self._proposal.base_commit
        tree = _plant(self._clone, base, self._proposal)
        commit = self._clone.put_commit(tree, base, self._proposal.message)
        if _brought(self._git, commit, self._proposal) != self._proposal.files:
            raise Refused(codes.PUSH_DIFFERS, f"the commit {commit} is not the set")
        return commit


def _brought(git: Git, commit: str, proposal: Proposal) -> dict[str, bytes | None]:
    """What a commit adds to the base, read as CI reads it: None for what is no added file."""
    folder = proposal.folder
    with closing(CommittedDirectory(git, commit, str(folder.parent))) as committed:
        entries = committed.read_set(folder.name).entries
    contents = {
        str(folder / entry / name): file.content
        for entry, files in entries.items()
        for name, file in files.items()
    }
    touched = git.touched(proposal.base_commit, commit)
    added = {each.path for each in touched if (each.before, each.after) == (None, REGULAR)}
    return {each.path: contents.get(each.path) if each.path in added else None for each in touched}


def _plant(clone: Clone, base: str, proposal: Proposal) -> str:
    """The tree of a commit with the set in it; raises Refused where something is there (GS1338),
    or the way ends at what is no folder (GS0103).
    """
    *above, name = proposal.folder.parts
    levels = [clone.list_tree(base)]
    for part in above:
        mode, tree = _find(levels[-1], part) or (FOLDER, "")
        if mode != FOLDER:
            raise Refused(codes.NOT_REGULAR, f"{part!r} is no folder there", file=part)
        levels.append(clone.list_tree(tree) if tree else [])
    if _find(levels[-1], name):
        message = f"{proposal.base_branch} has it already"
        raise Refused(codes.SET_THERE, message, file=str(proposal.folder))
    tree = _set_tree(clone, proposal)
    for part, level in zip(reversed(proposal.folder.parts), reversed(levels), strict=True):
        others = [record for record in level if record[1] != part.encode()]
        (tree,) = clone.put_trees([[*others, _folder(part, tree)]])
    return tree


def _set_tree(clone: Clone, proposal: Proposal) -> str:
    contents = list(dict.fromkeys(proposal.files.values()))
    ids = dict(zip(contents, clone.put_blobs(contents), strict=True))
    entries: dict[str, list[Record]] = {}
    for path, content in proposal.files.items():
        _, entry, name = path.rsplit("/", 2)
        record = f"{REGULAR} blob {ids[content]}".encode(), name.encode()
        entries.setdefault(entry, []).append(record)
    trees = clone.put_trees(list(entries.values()))
    folders = [_folder(entry, tree) for entry, tree in zip(entries, trees, strict=True)]
    (tree,) = clone.put_trees([folders])
    return tree


def _folder(name: str, tree: str) -> Record:
    return f"{FOLDER} tree {tree}".encode(), name.encode()


def _find(level: list[Record], name: str) -> tuple[str, str] | None:
    """Mode and id of a name."""
    for head, each in level:
        if each == name.encode():
            mode, _, id_ = head.decode().split()
            return mode, id_
    return None
