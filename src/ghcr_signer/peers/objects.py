"""git's objects by their ids, read by one `git cat-file`: commits, trees, the contents of files.

They are bytes that anybody may have made. A few kilobytes of trees can stand for billions of paths,
so git itself is never asked to list or compare what lies below a tree: it would do nothing else.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE, Popen
from threading import Lock

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.errors import UsageError

ENVIRONMENT = {
    "HOME": os.devnull,  # git fails where a configuration says ~ and there is none
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",  # since git 2.45; before, nothing is fetched by no protocol:
    "GIT_ALLOW_PROTOCOL": "",  # unlike protocol.allow, no configuration can add to this
}
"""What any git of ours is given, and no more: nothing of what our own environment says to git."""

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_COMMIT = re.compile(rb"tree ([0-9a-f]+)\n((?:parent [0-9a-f]+\n)*)")
_NODES = {  # by the length of an id
    length: re.compile(rb"([0-7]{5,6}) ([^/\0]+)\0(.{%d})" % (length // 2), re.DOTALL)
    for length in (40, 64)
}
_AT_ONCE = 1000  # questions; git reads all of them before it answers the first
_KEPT = 4  # folders: a path is rarely deeper, and one may have many names
_FIX_ENDED = "Use git 2.36 or newer, and a clone that was made without a filter."
_FIX_MISSING = "Clone the whole of it: `fetch-depth: 0`, and no filter. `git fsck` says what lacks."

Node = tuple[str, str]
"""What a name in a tree stands for: mode and id."""

Tree = Mapping[str, Node]
"""A folder: its names, and what they stand for."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says: the id of its tree, and those of its parents in their order."""

    tree: str
    parents: tuple[str, ...]


def is_id(text: str) -> bool:
    """Whether this is the full id of an object."""
    return bool(_ID.fullmatch(text))


class Objects:
    """A reader of git's objects; every question raises UsageError (GS2008) for what is malformed or
    too large, (GS2011) for what this clone lacks.

    After a fork each process has a git of its own. It ends with `close`, or with the reader.
    """

    def __init__(self, git: Sequence[str]) -> None:
        self._command = (*git, "cat-file", "--batch-command", "--buffer")
        self._lock = Lock()
        self._processes: dict[int, Popen[bytes]] = {}
        self._last: dict[str, Tree] = {}
        weakref.finalize(self, _end, self._processes)

    def commit(self, name: str) -> Commit:
        """A commit; raises UsageError (GS2010) for what is no full id."""
        if not is_id(name):
            raise UsageError(codes.NO_COMMIT, f"{name!r} is no full id")
        (content,) = self._contents("commit", [name], limits.GIT_OBJECT_BYTES)
        found = _COMMIT.match(content)
        if found is None:
            raise _malformed("commit", name)
        return Commit(found[1].decode(), tuple(found[2].decode().split()[1::2]))

    def tree(self, name: str) -> Tree:
        """A folder. The last few are kept: many paths lead through the same ones."""
        with self._lock:
            tree = self._last.pop(name, None)
        if tree is None:
            tree = self.trees([name])[0]
        with self._lock:
            self._last[name] = tree
            if len(self._last) > _KEPT:
                del self._last[next(iter(self._last))]
        return tree

    def trees(self, names: Sequence[str]) -> list[Tree]:
        """Many folders, in the order of their ids."""
        contents = self._contents("tree", names, limits.GIT_OBJECT_BYTES)
        return [_tree(name, content) for name, content in zip(names, contents, strict=True)]

    def find(self, tree: str, path: str) -> Node | None:
        """What there is at a path below a tree, None where there is nothing."""
        node: Node | None = (directory.FOLDER, tree)
        for name in path.split("/"):
            if node is None or node[0] != directory.FOLDER:
                return None
            node = self.tree(node[1]).get(name)
        return node

    def folder(self, commit: Commit, path: str) -> str | None:
        """The id of a folder in a commit, None where it has no such folder."""
        node = self.find(commit.tree, path)
        return node[1] if node and node[0] == directory.FOLDER else None

    def sizes(self, names: Sequence[str]) -> list[int]:
        """The sizes of files, which are not read."""
        return [size for size, _ in self._ask("info", "blob", names, None)]

    def files(self, names: Sequence[str], limit: int) -> list[bytes]:
        """The contents of files, of at most `limit` bytes each."""
        return self._contents("blob", names, limit)

    def _contents(self, kind: str, names: Sequence[str], limit: int) -> list[bytes]:
        return [content for _, content in self._ask("contents", kind, names, limit)]

    def _ask(
        self, question: str, kind: str, names: Sequence[str], limit: int | None
    ) -> Iterator[tuple[int, bytes]]:
        """Size and content of each object; with no limit, the size alone."""
        for at in range(0, len(names), _AT_ONCE):
            some = names[at : at + _AT_ONCE]
            asked = "".join(f"{question} {name}\n" for name in some)
            with self._lock:
                try:
                    answers = self._answers(f"{asked}flush\n".encode(), kind, some, limit)
                except BaseException:  # what is still to come answers no later question
                    self.close()
                    raise
            yield from answers

    def _answers(
        self, asked: bytes, kind: str, names: Sequence[str], limit: int | None
    ) -> list[tuple[int, bytes]]:
        process = self._started()
        assert process.stdin is not None  # noqa: S101 - for the type checker: both were asked for
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(asked)
            process.stdin.flush()
        except OSError:
            raise UsageError(codes.NO_GIT, "git cat-file does not listen") from None
        found = []
        for name in names:
            size = _size(process.stdout.readline(), kind, name, limit)
            content = b"" if limit is None else process.stdout.read(size + 1)
            if limit is not None and len(content) != size + 1:
                raise UsageError(codes.NO_GIT, f"git cat-file ended within {kind} {name}")
            found.append((size, content[:-1]))
        return found

    def _started(self) -> Popen[bytes]:
        """Our own git: after a fork the other's is not ours to talk to."""
        process = self._processes.get(os.getpid())
        if process is None:
            process = Popen(self._command, env=ENVIRONMENT, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
            self._processes[os.getpid()] = process
        return process

    def close(self) -> None:
        """End git, if this process has started one; another question starts another."""
        _end(self._processes)


def _end(processes: dict[int, Popen[bytes]]) -> None:
    process = processes.pop(os.getpid(), None)
    if process is not None:
        process.kill()  # it only reads
        process.communicate()


def _size(header: bytes, kind: str, name: str, limit: int | None) -> int:
    """The size that git tells before the content."""
    if not header:
        message = "git cat-file ended before it answered"
        raise UsageError(codes.NO_GIT, message, fix=_FIX_ENDED)
    match header.decode("utf-8", "replace").split():
        case [found, told, size] if found == name and told == kind:
            if limit is not None and int(size) > limit:
                message = f"the {kind} {name} has {size} bytes, at most {limit} are read"
                raise UsageError(codes.NO_GIT, message, fix="Ask who made this commit, and how.")
            return int(size)
        case [found, "missing"] if found == name:
            message = f"this clone lacks the {kind} {name}"
            raise UsageError(codes.SHALLOW, message, fix=_FIX_MISSING)
    raise _malformed(kind, name)


def _tree(name: str, content: bytes) -> Tree:
    """The names in a tree. It is told whole: nothing is skipped, and no name is there twice."""
    found = _NODES[len(name)].findall(content)
    length = sum(len(mode) + len(path) + 2 + len(name) // 2 for mode, path, _ in found)
    tree = {_text(path): (mode.decode().zfill(6), id_.hex()) for mode, path, id_ in found}
    if length != len(content) or len(tree) != len(found):
        raise _malformed("tree", name)
    return tree


def _malformed(kind: str, name: str) -> UsageError:
    message = f"{name} is no well-formed {kind}"
    return UsageError(codes.NO_GIT, message, fix="Ask who made this commit, and how.")


def _text(name: bytes) -> str:
    """A name as it would be told of a work tree: other bytes than UTF-8 get a backslash, which no
    name has.
    """
    if name.isascii():
        return name.decode()
    return name.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
