"""What an attack does that no file of this repository can be: links, strange names, many of a kind.

An operation is a line of `expected.json`: `do` is one of the words below, `path` is from the
attacked repository's root and stands for all that lies below it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.git_repository import EXECUTABLE, LINK, SUBMODULE, Content

Tree = dict[str, Content]
Operation = Mapping[str, Any]

_NOWHERE = "1" * 40


def carry_out(operation: Operation, tree: Tree) -> None:
    """Change a tree as the operation says."""
    _WORDS[operation["do"]](tree, operation["path"], operation)


def _write(tree: Tree, path: str, of: Operation) -> None:
    """A file, of `text`; `times` says how often that is repeated, between `head` and `tail`."""
    text = of.get("head", "") + of["text"] * of.get("times", 1) + of.get("tail", "")
    tree[path] = text.encode("utf-8", "surrogateescape")


def _link(tree: Tree, path: str, of: Operation) -> None:
    """A symbolic link, to `to`."""
    tree[path] = (LINK, of["to"].encode())


def _submodule(tree: Tree, path: str, of: Operation) -> None:
    tree[path] = (SUBMODULE, _NOWHERE)


def _executable(tree: Tree, path: str, of: Operation) -> None:
    content = tree[path]
    assert isinstance(content, bytes)
    tree[path] = (EXECUTABLE, content)


def _folder(tree: Tree, path: str, of: Operation) -> None:
    """An empty folder."""
    tree[f"{path}/"] = b""


def _folders(tree: Tree, path: str, of: Operation) -> None:
    """Empty folders, named like `times` digests."""
    tree |= {f"{path}/{number:064x}/": b"" for number in range(of["times"])}


def _files(tree: Tree, path: str, of: Operation) -> None:
    """Empty files, as many as `times` says."""
    tree |= {f"{path}/{number}": b"" for number in range(of["times"])}


def _sets(tree: Tree, path: str, of: Operation) -> None:
    """Copies of a set, named after the `times` seconds from two o'clock on."""
    files = {each: tree[each] for each in _below(tree, path)}
    parent = path.rpartition("/")[0]
    for number in range(of["times"]):
        copy = f"{parent}/2025-02-03T14-{number // 60:02}-{number % 60:02}Z"
        tree |= {copy + each[len(path) :]: content for each, content in files.items()}


def _remove(tree: Tree, path: str, of: Operation) -> None:
    for each in _below(tree, path):
        del tree[each]


def _copy(tree: Tree, path: str, of: Operation) -> None:
    """To `to`, where nothing else goes."""
    tree |= {of["to"] + each[len(path) :]: tree[each] for each in _below(tree, path)}


def _move(tree: Tree, path: str, of: Operation) -> None:
    _copy(tree, path, of)
    _remove(tree, path, of)


def _below(tree: Tree, path: str) -> list[str]:
    found = [each for each in tree if each == path or each.startswith(f"{path}/")]
    assert found, path
    return found


_WORDS: dict[str, Callable[[Tree, str, Operation], None]] = {
    "write": _write,
    "link": _link,
    "submodule": _submodule,
    "executable": _executable,
    "folder": _folder,
    "folders": _folders,
    "files": _files,
    "sets": _sets,
    "remove": _remove,
    "copy": _copy,
    "move": _move,
}
