"""This program as it was installed: from which repository, and at which commit of it (PEP 610)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import metadata

from ghcr_signer import __version__

_URL = re.compile(r"https://github\.com/([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?")
_NAMED = re.compile(r"(?<![\w-])[\w-]+/ghcr-signer\b")
_PINNED = re.compile(r"(/[\w./-]+@)(?:<commit>|[0-9a-f]{40})(?: # \S+)?$", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Software:
    """A release of this program on GitHub: OWNER/REPOSITORY, a full commit, a version."""

    name: str
    commit: str
    version: str

    def put_into(self, text: str) -> str:
        """The text with this release in it, where it names one or has the place for one."""
        text = _NAMED.sub(self.name, text)
        return _PINNED.sub(rf"\g<1>{self.commit} # {self.version}", text)


def installed() -> Software | None:
    """What runs here, where an installer took it from git on GitHub and noted the commit."""
    try:
        record = metadata.distribution("ghcr-signer").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    return read(record or "{}")


def read(record: str) -> Software | None:
    """What the record of an installer says (PEP 610: url, and vcs_info.commit_id)."""
    try:
        document = json.loads(record)
        url, commit = document["url"], document["vcs_info"]["commit_id"]
        name = _URL.fullmatch(url)
        whole = _COMMIT.fullmatch(commit)
    except (ValueError, KeyError, TypeError):
        return None
    return Software(name[1], commit, f"v{__version__}") if name and whole else None
