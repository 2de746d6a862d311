"""OWNER/REPOSITORY out of a remote's URL, as git takes one (git-clone, GIT URLS)."""

from __future__ import annotations

import re

_URL = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/\s]+@)?([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/"
    r"|(?:[^@/\s:]+@)?([A-Za-z0-9.-]+):)"
    r"([A-Za-z0-9_-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?"
)


def repository(url: str, host: str) -> str | None:
    """OWNER/REPOSITORY, where the URL is one of that host's; None elsewhere."""
    found = _URL.fullmatch(url)
    if found is None or (found[1] or found[2]).lower() != host.lower():
        return None
    return f"{found[3]}/{found[4]}"
