"""A commit: the signature directory and the files of trust in it, as if it were checked out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.directory import File, SignatureSet
from ghcr_signer.core.errors import Failure, Refused, UsageError, about
from ghcr_signer.core.ledger import Declared
from ghcr_signer.core.manifest import Descriptor
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.objects import Node, Tree

_FILES = (directory.REGULAR, directory.EXECUTABLE)
_LARGEST = max(limits.BLOB_BYTES, limits.MANIFEST_BYTES)
_AT_ONCE = 1000  # sets whose tags are read together: each question alone would wait for its answer
_SUBJECT = (directory.SUBJECT,)
_WHAT_MOVES = (directory.IMAGE, directory.LATEST, directory.TAGS)


class CommittedDirectory:
    """A signature directory in a commit. Paths inside are SET/DIGEST/FILE, with slashes.

    It is read from git's objects: the work tree may be what a filter, a link or a race made of it.
    """

    def __init__(self, git: Git, commit: str, folder: str) -> None:
        self.commit, self.folder = commit, folder
        self._objects = git.objects()

    def close(self) -> None:
        """End what was started."""
        self._objects.close()

    @property
    def exists(self) -> bool:
        """Whether the commit has such a folder."""
        return self._top is not None

    def sets(self) -> tuple[list[str], list[Failure]]:
        """The names of the sets in the order of their instants, and what does not belong there."""
        names, failures = self._arranged
        return list(names), list(failures)

    def read_set(self, name: str) -> SignatureSet:
        """A set with its files; of one with too many entries just enough to refuse it.

        Raises Refused (GS0104) for one that is too large to be read.
        """
        found = self._objects.tree(self._set(name))
        strays = tuple(sorted(each for each, node in found.items() if not _is_folder(node)))
        folders = {each: node[1] for each, node in sorted(found.items()) if _is_folder(node)}
        if len(folders) > limits.ENTRIES_PER_SET:
            return SignatureSet(name, {each: {} for each in folders}, strays)
        trees = self._objects.trees(list(folders.values()))
        with about(name):
            files = self._files(trees, limits.SET_BYTES)
            return SignatureSet(name, dict(zip(folders, files, strict=True)), strays)

    def read_blob(self, path: str, name: str, descriptor: Descriptor) -> bytes:
        """A file's bytes, those that were verified and no others; raises Refused (GS0302)."""
        set_name, _, entry = path.partition("/")
        node = self._objects.find(self._set(set_name), f"{entry}/{name}")
        content = self._objects.files([node[1]], descriptor.size)[0] if node else None
        if content is None or Digest.of(content) != descriptor.digest:
            raise Refused(codes.BLOB_DIGEST, "git returns other bytes", file=f"{path}/{name}")
        return content

    def entries(self, sets: Collection[str]) -> Iterator[tuple[str, str]]:
        """Set and name of each entry of these sets."""
        for name, tree in self._trees(sets):
            for entry, node in tree.items():
                if _is_folder(node):
                    yield name, entry

    def read_tags(self, sets: Collection[str] | None = None) -> list[Declared]:
        """What each entry that moves tags says that it moves, unverified.

        An entry that says nothing readable moves nothing. `sets`: of these only.
        """
        wanted = [name for name in self.sets()[0] if sets is None or name in sets]
        some = (wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE))
        return [declared for names in some for declared in self._read_tags(names)]

    def _read_tags(self, sets: Collection[str]) -> Iterator[Declared]:
        entries = [
            (name, node[1])
            for name, tree in self._trees(sets)
            for node in tree.values()
            if _is_folder(node)
        ]
        trees = self._objects.trees([id_ for _, id_ in entries])
        moving = [
            (name, {file: tree[file] for file in _WHAT_MOVES if file in tree})
            for (name, _), tree in zip(entries, trees, strict=True)
            if directory.LATEST in tree or directory.TAGS in tree
        ]
        contents = self._files([tree for _, tree in moving])
        for (name, _), files in zip(moving, contents, strict=True):
            with suppress(Refused):
                yield _moved(name, files)

    def subjects(self, sets: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Path and SUBJECT of each entry of these sets that has one, and the image's own."""
        for name in sets:
            entries = [
                (entry, node[1])
                for entry, node in self._objects.tree(self._set(name)).items()
                if _is_folder(node)
            ]
            trees = self._objects.trees([id_ for _, id_ in entries[: limits.ENTRIES_PER_SET]])
            wanted = [{file: tree[file] for file in _SUBJECT if file in tree} for tree in trees]
            with suppress(Refused):
                found = self._files(wanted, limits.SET_BYTES)
                for (entry, _), files in zip(entries, found, strict=False):
                    for file in files.values():
                        if file.content is not None and Digest.of(file.content).hex == entry:
                            yield f"{name}/{entry}", file.content

    @cached_property
    def _top(self) -> Tree | None:
        name = self._objects.folder(self._objects.commit(self.commit), self.folder)
        return self._objects.tree(name) if name else None

    @cached_property
    def _arranged(self) -> tuple[list[str], list[Failure]]:
        return directory.arrange({name: mode for name, (mode, _) in (self._top or {}).items()})

    def _set(self, name: str) -> str:
        return (self._top or {})[name][1]

    def _trees(self, sets: Collection[str]) -> Iterator[tuple[str, Tree]]:
        """The sets with what is in them, asked for together."""
        return zip(sets, self._objects.trees([self._set(name) for name in sets]), strict=True)

    def _files(self, entries: Sequence[Tree], most: int | None = None) -> list[dict[str, File]]:
        """The files of entries; what is there many times is read once.

        Raises Refused (GS0104) where they have more than `most` bytes.
        """
        regular = [
            (name, node[1])
            for entry in entries
            for name, node in entry.items()
            if node[0] in _FILES
        ]
        ids = list({id_ for _, id_ in regular})
        sizes = dict(zip(ids, self._objects.sizes(ids), strict=True))
        wanted = [id_ for name, id_ in regular if sizes[id_] <= _cap(name)]
        if most is not None and sum(sizes[id_] for id_ in wanted) > most:
            raise Refused(codes.TOO_LARGE, f"the set has more than {most} bytes")
        ids = list(set(wanted))
        found = dict(zip(ids, self._objects.files(ids, _LARGEST), strict=True))

        def file(name: str, mode: str, id_: str) -> File:
            if mode not in _FILES:
                return File(mode, 0, None)
            return File(mode, sizes[id_], found[id_] if sizes[id_] <= _cap(name) else None)

        return [{name: file(name, *node) for name, node in entry.items()} for entry in entries]


class CommittedFiles:
    """The files of trust in a commit. Paths are from the repository's root."""

    def __init__(self, git: Git, commit: str, folder: str) -> None:
        self._git = git
        self._commit = commit
        self._above = PurePosixPath(folder).parents

    def find(self, name: str) -> Path | None:
        """A file beside the signature directory or in a folder above it."""
        places = self.places(name)
        return next((x for x in places if self._git.find(self._commit, x.as_posix())), None)

    def places(self, name: str) -> tuple[Path, ...]:
        """Where `find` looks, the nearest first."""
        return tuple(Path(folder / name) for folder in self._above)

    def read(self, path: Path, limit: int) -> bytes:
        """A file's content, at most `limit` bytes; raises UsageError (GS2001)."""
        if path.is_absolute() or ".." in path.parts:
            fix = "Name it from the repository's root."
            raise UsageError(codes.USAGE, "not a path in the repository", file=str(path), fix=fix)
        return self._git.read(self._commit, path.as_posix(), limit)


def _is_folder(node: Node) -> bool:
    return node[0] == directory.FOLDER


def _cap(name: str) -> int:
    """The most bytes of a file that are read; -1 for a name without meaning."""
    cap = directory.cap(name)
    return -1 if cap is None else cap


def _moved(set_name: str, files: Mapping[str, File]) -> Declared:
    """What an entry moves; raises Refused."""
    contents = {name: file.content for name, file in files.items() if file.content is not None}
    image, digest = directory.parse_image(contents.get(directory.IMAGE, b""))
    tags = directory.parse_tags(directory.LATEST in contents, contents.get(directory.TAGS))
    return Declared(set_name, image.name, digest, tags)
