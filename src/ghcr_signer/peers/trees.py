"""Two of git's trees, and what differs between them: compared here, git only gives the objects."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.errors import Refused
from ghcr_signer.peers.objects import Node, Objects

_LINE_BYTES = 100  # what a touched path takes besides its name: two modes, two ids


def differ(objects: Objects, one: str | None, other: str | None, names: Collection[str]) -> bool:
    """Whether two folders differ in one of the names."""
    trees = [objects.tree(each) if each else {} for each in (one, other)]
    return any(trees[0].get(name) != trees[1].get(name) for name in names)


def compare(
    objects: Objects, before: str | None, after: str
) -> Iterator[tuple[str, Node | None, Node | None]]:
    """Each path that differs between two trees, and what is there before and after.

    Not by `git diff-tree`: that keeps everything before it says anything, and a few trees that
    name each other are billions of paths; and it leaves out what .gitmodules tells it to.
    """
    listed = 0
    folders: list[tuple[str, str | None, str | None]] = [("", before, after)]
    while folders:
        path, *both = folders.pop()
        old, new = (objects.tree(each) if each else {} for each in both)
        if path and not old and not new:
            one, other = ((directory.FOLDER, each) if each else None for each in both)
            yield path[:-1], one, other
        for name in old.keys() | new.keys():
            nodes = (old.get(name), new.get(name))
            if nodes[0] == nodes[1]:
                continue
            listed += len(path) + len(name) + _LINE_BYTES
            if listed > limits.GIT_BYTES:
                raise Refused(codes.CHANGE_TOO_LARGE, "it touches more paths than can be listed")
            (old_folder, old_file), (new_folder, new_file) = map(_split, nodes)
            if old_folder or new_folder:
                folders.append((f"{path}{name}/", old_folder, new_folder))
            if old_file or new_file:
                yield f"{path}{name}", old_file, new_file


def _split(node: Node | None) -> tuple[str | None, Node | None]:
    """What is somewhere: a folder's id, or what is no folder."""
    if node and node[0] == directory.FOLDER:
        return node[1], None
    return None, node
