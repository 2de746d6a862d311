"""One comment on a pull request, kept up to date (docs.github.com, REST: issue comments).

Anybody may write our marker into a comment of theirs. So ours is what begins with it and what the
token's own account has written, by GitHub's word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.peers.github.api import Api, text

_PAGE = 100
_PAGES = 50  # GitHub takes no more than 2,500 comments


@dataclass(frozen=True, slots=True)
class _Comment:
    number: int
    body: str


def marker(about: str = "") -> str:
    """The hidden first line of our comment; `about` tells several on one pull request apart."""
    name = f" {quote(about)}" if about else ""  # without the character that would end it
    return f"<!-- ghcr-signer:review{name} -->"


def keep(api: Api, pull_request: int, mark: str, said: str, *, first: bool) -> str:
    """Have one comment of ours on the pull request, with this marker, which says so; its address.

    "" where there is none, and `first` is false: then none is made. Where two runs have made one
    each, the older one stays. Raises Unreachable where GitHub does not serve us (GS3007 to GS3009).
    """
    body = f"{mark}\n{said}"
    own = list(_own(api, pull_request, mark))
    for at, comment in enumerate(own):
        path = f"issues/comments/{comment.number}"
        if comment.body == _plain(body) or api.patch(path, {"body": body}) is not None:
            for later in own[at + 1 :]:
                api.delete(f"issues/comments/{later.number}")
            return _address(api, pull_request, comment.number)
    if not first:
        return ""
    made = api.post(f"issues/{pull_request}/comments", {"body": body})
    return _address(api, pull_request, _number(made))


def _own(api: Api, pull_request: int, mark: str) -> Iterator[_Comment]:
    """Our comments with this marker, the oldest first."""
    who = ""
    for each in _comments(api, pull_request):
        body = _plain(text(each, "body"))
        if body.partition("\n")[0] != mark:
            continue
        who = who or api.login()
        if text(each, "user", "login") == who:
            yield _Comment(_number(each), body)


def _comments(api: Api, pull_request: int) -> Iterator[Any]:
    """Every comment, in the order in which they were made."""
    for page in range(1, _PAGES + 1):
        path = f"issues/{pull_request}/comments?per_page={_PAGE}&page={page}"
        found = api.get(path)
        if not isinstance(found, list):
            raise Unreachable(codes.GITHUB_REFUSED, f"GET {path}: the answer is no list")
        yield from found
        if len(found) < _PAGE:
            return


def _plain(body: str) -> str:
    """A comment's text as it can be compared: GitHub may change the ends of its lines."""
    return "\n".join(body.splitlines()).strip()


def _number(comment: Any) -> int:
    found = comment.get("id") if isinstance(comment, dict) else None
    if not isinstance(found, int):
        raise Unreachable(codes.GITHUB_REFUSED, "GitHub's answer is no comment: it has no number")
    return found


def _address(api: Api, pull_request: int, comment: int) -> str:
    return f"{api.web}/pull/{pull_request}#issuecomment-{comment}"
