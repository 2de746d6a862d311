"""What is kept on the signer's machine between two runs of `sign`: signatures that are in no set
yet, and how many tries for its PIN a security key said it had left.

It is the user's own folder and nobody else's. Nothing rests on it: a signature that comes from here
is verified again, and where the folder cannot be used, nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ghcr_signer.core import limits
from ghcr_signer.core.errors import GhcrSignerError
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.worktree import Worktree

_NEW = ".new-"
_TRIES = "pin-tries-"
_READ = 0o055  # a number of tries is no secret


class Kept:
    """The folder, made when it is first written to; `root` is None where there can be none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.root = _root(environment)

    def put(self, name: str, digest: Digest, files: Mapping[str, bytes]) -> bool:
        """Keep a digest's signature under a name that says all that it depends on."""
        if self.root is None:
            return False
        made = None
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self.root):
                return False
            made = Path(tempfile.mkdtemp(prefix=_NEW, dir=self.root))  # 0700
            (made / digest.hex).mkdir(mode=0o700)
            for file, content in files.items():
                _write(made / digest.hex / file, content)
            shutil.rmtree(self.root / name, ignore_errors=True)
            made.rename(self.root / name)
        except OSError:
            if made is not None:
                shutil.rmtree(made, ignore_errors=True)
            return False
        return True

    def get(self, name: str, digest: Digest) -> dict[str, bytes] | None:
        """The files that were kept under a name, None where there are none, or not only files."""
        if self.root is None or not _is_private(self.root):
            return None
        try:
            found = Worktree(self.root).read_set(name).entries.get(digest.hex, {})
        except (GhcrSignerError, OSError):
            return None
        contents = {file: it.content for file, it in found.items() if it.content is not None}
        return contents if contents and len(contents) == len(found) else None

    def remove(self, name: str) -> None:
        """Forget a signature."""
        if self.root is not None:
            shutil.rmtree(self.root / name, ignore_errors=True)

    def drop_old(self) -> None:
        """Forget what nobody came back for."""
        if self.root is None or not _is_private(self.root):
            return
        for each in self.root.iterdir():
            if each.name.startswith(_TRIES):
                continue  # a wrong PIN is forgotten by the right one alone
            if time.time() - each.lstat().st_mtime > limits.KEPT_SIGNATURE_SECONDS:
                shutil.rmtree(each, ignore_errors=True)

    def note_tries(self, key: str, tries: int | None) -> None:
        """Remember how many PINs a key will still take; None: it has just taken the right one."""
        if (file := self.tries_file(key)) is None:
            return
        with suppress(OSError):
            file.unlink(missing_ok=True)
            if tries is not None:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if _is_private(file.parent, but=_READ):
                    _write(file, b"%d\n" % tries)

    def tries(self, key: str) -> int | None:
        """What `note_tries` remembers of a key."""
        file = self.tries_file(key)
        try:
            is_mine = file is not None and _is_private(file.parent, but=_READ)
            return int(file.read_bytes()) if file and is_mine else None
        except (OSError, ValueError):
            return None

    def tries_file(self, key: str) -> Path | None:
        """Where it is remembered, by the key's fingerprint: a person may remove it."""
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self.root / f"{_TRIES}{name}" if self.root else None


def _root(environment: Mapping[str, str]) -> Path | None:
    """In the user's cache (XDG Base Directory Specification: a relative path is ignored)."""
    caches = Path(environment.get("XDG_CACHE_HOME") or environment.get("LOCALAPPDATA") or "")
    if not caches.is_absolute():
        caches = Path(environment.get("HOME") or "") / ".cache"
    return caches / "ghcr-signer" / "signatures" if caches.is_absolute() else None


def _is_private(folder: Path, *, but: int = 0) -> bool:
    """Whether it is a folder of ours that nobody else may look into or write to, `but` for what
    these bits let others do.
    """
    try:
        status = folder.lstat()
    except OSError:
        return False
    if os.name == "nt":  # LOCALAPPDATA is the user's own
        return stat.S_ISDIR(status.st_mode)
    ours = status.st_uid == os.geteuid() and not status.st_mode & 0o077 & ~but
    return stat.S_ISDIR(status.st_mode) and ours


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
