"""New files in a work tree: nothing that is there is overwritten, and no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError

# Windows has neither; there O_EXCL alone refuses what is there
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def write_new(root: Path, files: Mapping[str, bytes]) -> frozenset[str]:
    """Write files, by their paths with slashes; returns those that were not there already.

    One that is there byte for byte is left alone. Raises UsageError (GS2019) naming every other one
    that is there, before anything is written; (GS2001) where the folder cannot be written to.
    """
    missing = frozenset(name for name in files if not os.path.lexists(root / name))
    wrong = [
        *(name for name in files.keys() - missing if not _is(root / name, files[name])),
        *{parent for name in files for parent in _not_folders(root, name)},
    ]
    if wrong:
        raise UsageError(codes.FILE_EXISTS, f"not overwritten: {', '.join(sorted(wrong))}")
    written: list[Path] = []
    try:
        for name in sorted(missing):
            _write(root / name, files[name], written)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        message = f"{error.filename or root} cannot be written: {error.strerror}"
        raise UsageError(codes.USAGE, message, fix="Make room there, or allow it.") from None
    return missing


def _is(path: Path, content: bytes) -> bool:
    """Whether a file is there with this very content."""
    try:
        return stat.S_ISREG(path.lstat().st_mode) and path.read_bytes() == content
    except OSError:
        return False


def _not_folders(root: Path, name: str) -> list[str]:
    """Those of a file's parents that are there and are no folder: a link may lead anywhere."""
    parents = [str(parent) for parent in PurePosixPath(name).parents][:-1]
    there = [parent for parent in parents if os.path.lexists(root / parent)]
    return [each for each in there if not stat.S_ISDIR((root / each).lstat().st_mode)]


def _write(path: Path, content: bytes, written: list[Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666)
    written.append(path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
