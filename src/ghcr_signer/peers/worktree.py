"""A signature directory on disk: read without following a link, written whole or not at all."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.directory import File, SignatureSet
from ghcr_signer.core.errors import Failure, Refused, UsageError
from ghcr_signer.core.manifest import Descriptor
from ghcr_signer.core.reference import Digest

TEMPORARY_PREFIX = ".ghcr-signer-tmp-"
TRUSTED_KEY = "trusted.pub"
_ASIDE = "aside"
_WRITTEN_SECONDS = 60  # a set of a thousand entries is written in one or two

# Windows has neither; there a link is told from a file by lstat alone
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_COLONS = os.name != "nt"


class Worktree:
    """A signature directory. Paths inside are SET/DIGEST/FILE, with slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def sets(self) -> tuple[list[str], list[Failure]]:
        """The names of the sets in the order of their instants, and what does not belong there."""
        with _reading(self.root), os.scandir(self.root) as found:
            return directory.arrange({_name(entry): _mode(entry) for entry in found})

    def read_set(self, name: str) -> SignatureSet:
        """A set with its files; of one with too many entries just enough to refuse it.

        Raises Refused (GS0104) for one that is too large to be read.
        """
        entries: dict[str, Mapping[str, File]] = {}
        strays: list[str] = []
        room = limits.SET_BYTES
        with _reading(self.root / name), os.scandir(self.root / name) as found:
            for entry in islice(found, limits.ENTRIES_PER_SET + 1):
                if _mode(entry) == directory.FOLDER:
                    entries[_name(entry)], room = self._entry(entry.path, room)
                else:
                    strays.append(_name(entry))
        return SignatureSet(name, dict(sorted(entries.items())), tuple(sorted(strays)))

    def read_blob(self, path: str, name: str, descriptor: Descriptor) -> bytes:
        """A file's bytes, those that were verified and no others; raises Refused (GS0302)."""
        try:
            content = _content(str(self.root / path / name), descriptor.size)
        except OSError:
            content = None
        if content is None or Digest.of(content) != descriptor.digest:
            raise Refused(
                codes.BLOB_DIGEST,
                "the file has changed since it was verified",
                file=f"{path}/{name}",
            )
        return content

    def write_set(self, entries: Mapping[str, Mapping[str, bytes]], now: datetime) -> str:
        """Write a set under the first free second from `now` on; return its name.

        It is made beside the directory and appears by one rename, whole; nothing is overwritten.
        Raises UsageError (GS2001) where the directory cannot be written to.
        """
        try:
            return self._write(entries, now)
        except OSError as error:
            raise UsageError(
                codes.USAGE,
                f"the set cannot be written: {error.strerror}",
                file=str(self.root),
                fix="Make room there, or name another directory with --directory.",
            ) from None

    def replace_set(self, name: str, entries: Mapping[str, Mapping[str, bytes]]) -> None:
        """Put other files in the place of a set's: all of them, or none.

        The set steps aside by one rename, and the new one takes its place by another. A run that is
        killed between the two loses nothing: the next puts the set back. Raises UsageError
        (GS1324).
        """
        import shutil

        try:
            with self._made(entries) as new:
                aside = new.parent / _ASIDE
                aside.mkdir()
                (self.root / name).rename(aside / name)
                try:
                    new.rename(self.root / name)
                except BaseException:
                    (aside / name).rename(self.root / name)
                    raise
                shutil.rmtree(aside, ignore_errors=True)
        except OSError as error:
            message = f"the set cannot be replaced: {error.strerror}"
            raise UsageError(codes.SET_NOT_REPLACED, message, file=str(self.root / name)) from None

    def _write(self, entries: Mapping[str, Mapping[str, bytes]], now: datetime) -> str:
        with self._made(entries) as new:
            self.root.mkdir(exist_ok=True)
            return self._rename(new, now)

    @contextmanager
    def _made(self, entries: Mapping[str, Mapping[str, bytes]]) -> Iterator[Path]:
        """A set beside the directory, whole, to be renamed; what is left of it is removed."""
        import shutil
        import tempfile

        self.root.parent.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()
        made = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=self.root.parent))
        new = made / "set"
        try:
            for entry, files in entries.items():
                (new / entry).mkdir(parents=True)
                for name, content in files.items():
                    (new / entry / name).write_bytes(content)
            yield new
        finally:
            shutil.rmtree(new, ignore_errors=True)
            for folder in (made / _ASIDE, made):
                with suppress(OSError):  # a set that could not be put back waits for the next run
                    folder.rmdir()

    def _rename(self, new: Path, now: datetime) -> str:
        sets, _ = self.sets()
        taken = {directory.parse_set_name(name) for name in sets}
        instant = now.replace(microsecond=0)
        while True:
            name = directory.set_name(instant, colons=_COLONS)
            if instant not in taken and not (self.root / name).exists():
                # os.rename replaces at most an empty folder, and only if one was made just now
                os.rename(new, self.root / name)  # noqa: PTH104
                return name
            instant += timedelta(seconds=1)

    def _remove_leftovers(self) -> None:
        """Remove what a run that was killed left behind; one that is running is not that old."""
        import shutil

        self.put_back()
        for leftover in self._leftovers():
            if time.time() - leftover.lstat().st_mtime > _WRITTEN_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)

    def put_back(self) -> None:
        """Give a set that had stepped aside its place again, if that is empty."""
        for leftover in self._leftovers():
            aside = leftover / _ASIDE
            if leftover.is_symlink() or aside.is_symlink() or not aside.is_dir():
                continue
            with os.scandir(aside) as found:
                names, _ = directory.arrange({_name(each): _mode(each) for each in found})
            for name in names:
                if not (self.root / name).exists():
                    (aside / name).rename(self.root / name)

    def _leftovers(self) -> Iterator[Path]:
        return self.root.parent.glob(f"{TEMPORARY_PREFIX}*")

    def _entry(self, path: str, room: int) -> tuple[dict[str, File], int]:
        """An entry's files, and the bytes that the set may still have."""
        files = {}
        with os.scandir(path) as found:
            for entry in found:
                file = files[_name(entry)] = _file(entry)
                room -= len(file.content or b"")
                if room < 0:
                    raise Refused(
                        codes.TOO_LARGE,
                        f"the set has more than {limits.SET_BYTES} bytes",
                        file=Path(path).parent.name,
                    )
        return files, room


class FilesAround:
    """The files of trust around a signature directory."""

    def __init__(self, folder: Path) -> None:
        self._beside = folder.absolute().parent

    def find(self, name: str) -> Path | None:
        """A file beside the signature directory or in a folder of its repository above it."""
        return find_upwards(name, self._beside)

    def read(self, path: Path, limit: int) -> bytes:
        """A file that the user named, at most `limit` bytes of it; raises UsageError (GS2001)."""
        return read_file(path, limit)


def find_upwards(name: str, start: Path) -> Path | None:
    """A file of the repository that holds `start`: in `start`, or above up to the folder of .git.

    Outside a repository only in `start`: what lies above is anybody's.
    """
    above = (start, *start.parents)
    root = next((folder for folder in above if (folder / ".git").exists()), start)
    for folder in above:
        file = folder / name
        if file.is_file() or file.is_symlink():  # to nowhere, too: whoever reads it will say so
            return file
        if folder == root:
            break
    return None


def read_file(path: Path, limit: int) -> bytes:
    """A file that the user named, at most `limit` bytes of it; raises UsageError (GS2001)."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UsageError(
            codes.USAGE, f"{error.strerror}", file=str(path), fix="Check the path."
        ) from None
    if len(content) > limit:
        raise UsageError(
            codes.USAGE, f"more than {limit} bytes", file=str(path), fix="Check the path."
        )
    return content


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(codes.NO_DIRECTORY, f"{error.strerror}", file=str(folder)) from None


def _name(entry: os.DirEntry[str]) -> str:
    """The name, as UTF-8 can spell it: one with other bytes gets a backslash, which no name has."""
    if entry.name.isascii():
        return entry.name
    return entry.name.encode("utf-8", "backslashreplace").decode()


def _mode(entry: os.DirEntry[str]) -> str:
    """What a name stands for; a pipe or a device counts as a link: it is not read either."""
    if entry.is_file(follow_symlinks=False):
        return directory.REGULAR
    return directory.FOLDER if entry.is_dir(follow_symlinks=False) else directory.SYMLINK


def _file(entry: os.DirEntry[str]) -> File:
    mode = _mode(entry)
    if mode != directory.REGULAR:
        return File(mode, 0, None)
    status = entry.stat(follow_symlinks=False)
    if status.st_mode & stat.S_IXUSR:
        mode = directory.EXECUTABLE
    cap = directory.cap(entry.name)
    if cap is None or status.st_size > cap:
        return File(mode, status.st_size, None)
    content = _content(entry.path, status.st_size)
    return File(mode, len(content), content)


def _content(path: str, size: int) -> bytes:
    """At most one byte more than `size`: a file that has grown since is seen to have grown."""
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    try:
        content = os.read(descriptor, size + 1)
        while len(content) < size and (more := os.read(descriptor, size + 1 - len(content))):
            content += more
        return content
    finally:
        os.close(descriptor)
