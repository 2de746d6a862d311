"""Files become a branch and a pull request, by the git data API (docs.github.com, REST).

Nothing is pushed, so the workspace needs no credential. What is new is found by its id only, until
a branch points at it; before that the commit is read back and compared, so what is proposed is what
was verified.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from ghcr_signer.core import codes
from ghcr_signer.core.directory import FOLDER, REGULAR
from ghcr_signer.core.errors import GhcrSignerError, Refused
from ghcr_signer.peers.github.api import Api, listed, text

_ID = re.compile(r"[0-9a-f]{40}")
_SETTING = (
    "In the repository's Settings → Actions → General → Workflow permissions, tick “Allow GitHub"
    " Actions to create and approve pull requests” (greyed out: the organization's settings first)."
)

_Listing = dict[str, tuple[str, str]]  # path -> mode, id


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed: one new set, DIRECTORY/SET/ENTRY/FILE, on top of the base commit.

    `files` are contents by their paths in the repository; `title` and `body` are the pull
    request's, as Markdown.
    """

    branch: str
    base_branch: str
    base_commit: str
    files: Mapping[str, bytes]
    message: str
    title: str
    body: str

    @property
    def folder(self) -> PurePosixPath:
        """The set's folder; raises ValueError where the files are not those of one set."""
        (folder,) = {PurePosixPath(path).parents[1] for path in self.files}
        return folder


@dataclass(frozen=True, slots=True)
class Proposed:
    """The pull request that was opened, the branch it comes from, and that branch's commit."""

    number: int
    url: str
    branch: str
    commit: str


def submit(api: Api, proposal: Proposal) -> Proposed:
    """Commit the files on top of the base commit, name a new branch, open a pull request.

    Raises Refused where the set's name is taken (GS1402), where GitHub holds something else than
    was sent (GS1404), or where the branch was made and the pull request was not (GS1403);
    Unreachable where GitHub does not serve us (GS3007 to GS3009). Nothing that was there before is
    ever changed.
    """
    commit = _commit(api, proposal)
    _make_branch(api, proposal.branch, commit)
    try:
        return open_pull_request(api, proposal, commit, owner(api))
    except GhcrSignerError as error:
        raise _no_pull_request(api, proposal, error) from None


def open_pull_request(api: Api, proposal: Proposal, commit: str, head_owner: str) -> Proposed:
    """Open the pull request of a commit on the proposal's branch, which is `head_owner`'s; or find
    the one that is open. Raises Refused (GS1404) for one of something else, Unreachable (GS3007 to
    GS3009).
    """
    number = _open_pull_request(api, proposal, commit, head_owner)
    return Proposed(number, f"{api.web}/pull/{number}", proposal.branch, commit)


def owner(api: Api) -> str:
    """Whose repository it is."""
    return api.name.partition("/")[0]


def _commit(api: Api, proposal: Proposal) -> str:
    """Make the commit, and read it back; returns its id. No name points at it yet."""
    base = api.get(f"git/commits/{quote(proposal.base_commit, safe='')}")
    _same(text(base, "sha"), proposal.base_commit, "the base commit")
    folders = proposal.folder.parts
    levels = _levels(api, _id(base, "tree", "sha"), folders)
    blobs = {path: _blob_id(content) for path, content in proposal.files.items()}
    for blob, content in {blobs[path]: proposal.files[path] for path in blobs}.items():
        sent = {"content": b64encode(content).decode(), "encoding": "base64"}
        _same(text(api.post("git/blobs", sent), "sha"), blob, "a blob")
    additions = [
        {"path": path, "mode": REGULAR, "type": "blob", "sha": blob} for path, blob in blobs.items()
    ]
    tree = api.post("git/trees", {"base_tree": _id(base, "tree", "sha"), "tree": additions})
    described = {
        "message": proposal.message,
        "tree": _id(tree, "sha"),
        "parents": [proposal.base_commit],
    }
    commit = _id(api.post("git/commits", described), "sha")
    _read_back(api, commit, proposal, levels, blobs)
    return commit


def _levels(api: Api, tree: str, folders: tuple[str, ...]) -> list[_Listing]:
    """What the base holds beside each folder on the way to the set; the last lacks the next one.

    Raises Refused where the way ends at something else (GS0103), or the set is there (GS1402).
    """
    levels = []
    for name in folders:
        listing = _listing(api, tree)
        levels.append(listing)
        if name not in listing:
            return levels
        mode, tree = listing[name]
        if mode != FOLDER:
            raise Refused(codes.NOT_REGULAR, f"{name!r} is no folder", file="/".join(folders))
    raise Refused(codes.NAME_TAKEN, "the set is there already", file="/".join(folders))


def _read_back(
    api: Api, commit: str, proposal: Proposal, levels: list[_Listing], blobs: Mapping[str, str]
) -> None:
    """Raises Refused (GS1404) unless the commit is its base and these blobs, and nothing else.

    Level by level, since one listing of a whole repository is cut off at 100,000 names or 7 MB.
    """
    made = api.get(f"git/commits/{commit}")
    parents = [text(parent, "sha") for parent in listed(made, "parents")]
    _same(parents, [proposal.base_commit], "the commit's parent")
    tree = _id(made, "tree", "sha")
    way = proposal.folder.parts[: len(levels)]
    for name, before in zip(way, levels, strict=True):
        after = _listing(api, tree)
        mode, tree = after.pop(name, ("", ""))
        _same(mode, FOLDER, f"the folder {name}")
        _same(after, {path: at for path, at in before.items() if path != name}, "the base's tree")
    added = {"/".join((*way, path)): at for path, at in _listing(api, tree, whole=True).items()}
    _same(added, {path: (REGULAR, blob) for path, blob in blobs.items()}, "the set")


def _listing(api: Api, tree: str, *, whole: bool = False) -> _Listing:
    """A tree's entries; `whole`: every file below it."""
    document = api.get(f"git/trees/{tree}{'?recursive=1' if whole else ''}")
    if not isinstance(document, dict) or document.get("truncated") is not False:
        raise Refused(codes.PROPOSAL_DIFFERS, f"GitHub lists the tree {tree} in part only")
    entries = {
        text(entry, "path"): (text(entry, "mode"), _id(entry, "sha"))
        for entry in listed(document, "tree")
    }
    return {path: at for path, at in entries.items() if not (whole and at[0] == FOLDER)}


def _make_branch(api: Api, branch: str, commit: str) -> None:
    """A new name for the commit; raises Refused (GS1402) for one that is taken. Nothing is forced.

    An answer may be lost: where the branch is there and points at our commit, it is ours.
    """
    content = {"ref": f"refs/heads/{branch}", "sha": commit}
    ref = api.post_new("git/refs", content)
    if ref is None:
        ref = api.get(f"git/ref/heads/{quote(branch)}")
        if text(ref, "object", "sha") != commit:
            raise Refused(codes.NAME_TAKEN, f"the branch {branch} is there already")
    _same(text(ref, "object", "sha"), commit, "the branch")


def _open_pull_request(api: Api, proposal: Proposal, commit: str, head_owner: str) -> int:
    """The number of the pull request, opened now or, where the answer was lost, a moment ago."""
    head = proposal.branch
    if head_owner.lower() != owner(api).lower():
        head = f"{head_owner}:{head}"
    content = {
        "title": proposal.title,
        "body": proposal.body,
        "head": head,
        "base": proposal.base_branch,
    }
    pulls = [api.post_new("pulls", content)]
    if pulls == [None]:
        label = quote(f"{head_owner}:{proposal.branch}", safe="")
        pulls = api.get(f"pulls?state=open&head={label}")
    for pull in pulls if isinstance(pulls, list) else []:
        number = pull.get("number") if isinstance(pull, dict) else None
        ends = (text(pull, "head", "sha"), text(pull, "base", "ref"))
        if isinstance(number, int) and ends == (commit, proposal.base_branch):
            return number
    raise Refused(codes.PROPOSAL_DIFFERS, "GitHub's pull request is for something else")


def _no_pull_request(api: Api, proposal: Proposal, error: GhcrSignerError) -> Refused:
    ends = f"{quote(proposal.base_branch)}...{quote(proposal.branch)}"
    by_hand = f"Open it by hand: {api.web}/compare/{ends}?expand=1"
    mend = ""
    if "not permitted to create" in str(error).lower():
        mend = f"For the next one: {_SETTING} "
    elif error.failure.code is codes.GITHUB_DENIED:
        mend = f"For the next one: {error.failure.next_step} "
    return Refused(
        codes.NO_PULL_REQUEST,
        f"the branch {proposal.branch} was made, its pull request was not: {error}",
        fix=f"{mend}{by_hand}",
    )


def _blob_id(content: bytes) -> str:
    """The id that git gives to a file's content (git-hash-object)."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _same(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Refused(codes.PROPOSAL_DIFFERS, f"{what} is not what was sent")


def _id(document: Any, *way: str) -> str:
    """An object's id in an answer, fit for a path; raises Refused (GS1404) where there is none."""
    found = text(document, *way)
    if not _ID.fullmatch(found):
        raise Refused(codes.PROPOSAL_DIFFERS, f"GitHub's answer has no id at {'.'.join(way)}")
    return found
