"""Where sets and trust come from: a work tree or a commit, which are read alike."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ghcr_signer.core.directory import SignatureSet
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.manifest import Descriptor


class Source(Protocol):
    """A signature directory. Paths inside are SET/DIGEST/FILE, with slashes."""

    def sets(self) -> tuple[list[str], list[Failure]]:
        """The names of the sets in the order of their instants, and what does not belong there."""

    def read_set(self, name: str) -> SignatureSet:
        """A set with its files; of one with too many entries just enough to refuse it."""

    def read_blob(self, path: str, name: str, descriptor: Descriptor) -> bytes:
        """A file's bytes, those that were verified and no others; raises Refused (GS0302)."""


class TrustFiles(Protocol):
    """The files that trust is made of."""

    def find(self, name: str) -> Path | None:
        """A file beside the signature directory or in a folder of its repository above it."""

    def read(self, path: Path, limit: int) -> bytes:
        """A file's content, at most `limit` bytes; raises UsageError (GS2001)."""
