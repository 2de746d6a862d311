"""A pull request, found by what it proposes (docs.github.com, REST: pulls)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.peers.github.api import Api, text


@dataclass(frozen=True, slots=True)
class Head:
    """What a pull request proposes: a commit, on a branch of a repository, OWNER/REPOSITORY."""

    repository: str
    branch: str
    commit: str


def find(api: Api, head: Head, base: str) -> int:
    """The number of the open pull request that proposes this head for the branch `base`; 0 where
    there is none: it was closed, or has another commit by now. Raises Unreachable.

    GitHub's own search (`commits/SHA/pulls`) knows no commit that is in a fork alone.
    """
    owner = head.repository.partition("/")[0]
    label = quote(f"{owner}:{head.branch}", safe="")
    path = f"pulls?state=open&head={label}&base={quote(base, safe='')}&per_page=100"
    found = api.get(path)
    if not isinstance(found, list):
        raise Unreachable(codes.GITHUB_REFUSED, f"GET {path}: the answer is no list")
    numbers = [_number(pull) for pull in found if _is(pull, head, base, api.name)]
    return numbers[0] if len(numbers) == 1 else 0


def is_open(api: Api, number: int, head: Head, base: str) -> bool:
    """Whether the pull request is still open for this head. Being asked for it has GitHub merge it
    into the base as it is now, before long. Raises Unreachable.
    """
    pull = api.get(f"pulls/{number}")
    return text(pull, "state") == "open" and _is(pull, head, base, api.name)


def _is(pull: Any, head: Head, base: str, repository: str) -> bool:
    proposed = Head(
        text(pull, "head", "repo", "full_name"),
        text(pull, "head", "ref"),
        text(pull, "head", "sha"),
    )
    into = text(pull, "base", "repo", "full_name"), text(pull, "base", "ref")
    return _number(pull) > 0 and proposed == head and into == (repository, base)


def _number(pull: Any) -> int:
    found = pull.get("number") if isinstance(pull, dict) else None
    return found if isinstance(found, int) else 0
