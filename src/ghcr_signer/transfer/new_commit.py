"""A set -> a commit that holds it, made of bytes and ids past work tree, index and branches."""

from __future__ import annotations

from ghcr_signer.core import codes
from ghcr_signer.core.directory import FOLDER, REGULAR
from ghcr_signer.core.errors import Refused
from ghcr_signer.peers.github.proposal import Proposal
from ghcr_signer.peers.pushing import Clone, Record


def on(parent: str, clone: Clone, proposal: Proposal) -> str:
    """The signer's commit of a set on top of another commit; raises Refused as `trial` does."""
    return clone.put_commit(_tree(clone, parent, proposal), parent, proposal.message)


def trial(clone: Clone, proposal: Proposal) -> str:
    """A commit of a set on top of the branch that it is for, as merging would leave that: it is on
    no branch and pushed nowhere, but there to be judged.

    Raises Refused where the set is merged (GS1338) or cannot be there (GS0103), and where git
    fails (GS1332).
    """
    parent = proposal.base_commit
    return clone.put_trial(_tree(clone, parent, proposal), parent)


def _tree(clone: Clone, parent: str, proposal: Proposal) -> str:
    """The tree of a commit with the set in it, in the place of an earlier state of it."""
    *above, name = proposal.folder.parts
    levels = [clone.list_tree(parent)]
    for part in above:
        mode, tree = _find(levels[-1], part) or (FOLDER, "")
        if mode != FOLDER:
            raise Refused(codes.NOT_REGULAR, f"{part!r} is no folder there", file=part)
        levels.append(clone.list_tree(tree) if tree else [])
    if parent == proposal.base_commit and _find(levels[-1], name):
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
