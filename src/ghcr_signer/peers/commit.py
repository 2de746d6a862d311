"""A commit: the signature directory and the files of trust in it, as if it were checked out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.directory import File, SignatureSet
from ghcr_signer.core.errors import Failure, Refused, UsageError
from ghcr_signer.core.ledger import Declared
from ghcr_signer.core.manifest import Descriptor
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.git import Git

_Blob = tuple[str, str, int]
"""Mode, id, size."""

_WHAT_MOVES = {directory.IMAGE, directory.LATEST, directory.TAGS}


class CommittedDirectory:
    """A signature directory in a commit. Paths inside are SET/DIGEST/FILE, with slashes.

    It is read from git's objects: the work tree may be what a filter, a link or a race made of it.
    """

    def __init__(self, git: Git, commit: str, folder: str) -> None:
        self.commit, self.folder = commit, folder
        self.exists = (git.find(commit, folder) or ("",))[0] == directory.FOLDER
        self._contents = git.contents()
        self._top: dict[str, str] = {}
        self._sets: dict[str, dict[str, str]] = {}
        self._entries: dict[str, dict[str, _Blob]] = {}
        if self.exists:
            self._read_list(git, f"{commit}:{folder}")

    def __enter__(self) -> CommittedDirectory:
        """Nothing is started before it is needed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what was started."""
        self._contents.close()

    def sets(self) -> tuple[list[str], list[Failure]]:
        """The names of the sets in the order of their instants, and what does not belong there."""
        return directory.arrange(self._top)

    def read_set(self, name: str) -> SignatureSet:
        """A set with its files; of one with too many entries just enough to refuse it."""
        entries: dict[str, Mapping[str, File]] = {}
        strays: list[str] = []
        for each, mode in sorted(self._sets.get(name, {}).items()):
            if mode != directory.FOLDER:
                strays.append(each)
            elif len(entries) <= limits.ENTRIES_PER_SET:
                entries[each] = self._files(f"{name}/{each}")
        return SignatureSet(name, entries, tuple(strays))

    def read_blob(self, path: str, name: str, descriptor: Descriptor) -> bytes:
        """A file's bytes, those that were verified and no others; raises Refused (GS0302)."""
        (content,) = self._contents.read([self._entries[path][name][1]])
        if Digest.of(content) != descriptor.digest:
            raise Refused(codes.BLOB_DIGEST, "git returns other bytes", file=f"{path}/{name}")
        return content

    def entries(self, sets: Collection[str]) -> Iterator[tuple[str, str]]:
        """Set and name of each entry of these sets."""
        for path in self._entries:
            set_name, _, name = path.partition("/")
            if set_name in sets:
                yield set_name, name

    def read_tags(self, sets: Collection[str] | None = None) -> list[Declared]:
        """Set, registry/repository and tags of each entry that moves tags, as it says, unverified.

        An entry that says nothing readable moves nothing. `sets`: of these only.
        """
        found = []
        for path, blobs in self._entries.items():
            set_name, _, _ = path.partition("/")
            if sets is not None and set_name not in sets:
                continue
            if directory.LATEST in blobs or directory.TAGS in blobs:
                files = self._contents_of({n: b for n, b in blobs.items() if n in _WHAT_MOVES})
                try:
                    directory.parse_set_name(set_name)
                    image, _ = directory.parse_image(files.get(directory.IMAGE, b""))
                    tags = directory.parse_tags(
                        directory.LATEST in files, files.get(directory.TAGS)
                    )
                except Refused:
                    continue
                found.append((set_name, image.name, tags))
        return found

    def _files(self, path: str) -> dict[str, File]:
        blobs = self._entries.get(path, {})
        contents = self._contents_of(blobs)
        return {
            name: File(mode, size, contents.get(name)) for name, (mode, _, size) in blobs.items()
        }

    def _contents_of(self, blobs: Mapping[str, _Blob]) -> dict[str, bytes]:
        """What the regular files among them hold that are under their caps."""
        read = {
            name: blob for name, (mode, blob, size) in blobs.items() if _is_read(name, mode, size)
        }
        return dict(zip(read, self._contents.read(list(read.values())), strict=True))

    def _read_list(self, git: Git, tree: str) -> None:
        """Sort what is there by its depth; raises Refused (GS0101) for a name there twice."""
        seen = set()
        for path, mode, blob, size in git.list(tree):
            if path in seen:  # git refuses such a tree, but who knows who made this one
                raise Refused(codes.UNEXPECTED_FILE, "it is there twice", file=path)
            seen.add(path)
            above, _, name = path.rpartition("/")
            match path.count("/"):
                case 0:
                    self._top[name] = mode
                case 1:
                    self._sets.setdefault(above, {})[name] = mode
                case 2:
                    self._entries.setdefault(above, {})[name] = (mode, blob, size)


class CommittedFiles:
    """The files of trust in a commit. Paths are from the repository's root."""

    def __init__(self, git: Git, commit: str, folder: str) -> None:
        self._git = git
        self._commit = commit
        self._above = PurePosixPath(folder).parents

    def find(self, name: str) -> Path | None:
        """A file beside the signature directory or in a folder above it."""
        for folder in self._above:
            if self._git.find(self._commit, str(folder / name)):
                return Path(folder / name)
        return None

    def has(self, path: Path) -> bool:
        """Whether the commit has anything at a path."""
        return self._git.find(self._commit, path.as_posix()) is not None

    def read(self, path: Path, limit: int) -> bytes:
        """A file's content, at most `limit` bytes; raises UsageError (GS2001)."""
        if path.is_absolute() or ".." in path.parts:
            fix = "Name it from the repository's root."
            raise UsageError(codes.USAGE, "not a path in the repository", file=str(path), fix=fix)
        return self._git.read(self._commit, path.as_posix(), limit)


def _is_read(name: str, mode: str, size: int) -> bool:
    cap = directory.cap(name)
    return mode in (directory.REGULAR, directory.EXECUTABLE) and cap is not None and size <= cap
