"""The fork that a token's owner has of a repository (docs.github.com, REST, Repositories)."""

from __future__ import annotations

import re

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.peers.github.api import Api, text

_LOGIN = re.compile(r"[A-Za-z0-9_-]+")


def find_fork(api: Api) -> str | None:
    """The owner of the fork, None where there is none of the same name; raises Unreachable.

    A repository of that name counts only if GitHub says what it was forked from. None is made.
    """
    login = text(api.get("/user"), "login")
    if not _LOGIN.fullmatch(login):
        return None
    try:
        found = api.get(f"/repos/{login}/{api.name.partition('/')[2]}")
    except Unreachable as error:
        if error.failure.code is not codes.GITHUB_REFUSED:
            raise
        return None
    forked_from = (text(found, "parent", "full_name"), text(found, "source", "full_name"))
    return login if api.name.lower() in map(str.lower, forked_from) else None
