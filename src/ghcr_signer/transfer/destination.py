"""Where a push goes: upstream, else the signer's fork of it; and the pull request from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from ghcr_signer.core import codes, remote
from ghcr_signer.core.errors import GhcrSignerError, Unreachable, UsageError
from ghcr_signer.core.remote import GITHUB, Hub, without_secrets
from ghcr_signer.peers.github.api import Api
from ghcr_signer.peers.github.fork import find_fork
from ghcr_signer.peers.github.proposal import Proposal, Proposed, open_pull_request
from ghcr_signer.peers.pushing import Place, Remote

_FORK, _ORIGIN, _UPSTREAM = "fork", "origin", "upstream"
_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")


def upstream_of(remotes: Mapping[str, Remote]) -> Remote:
    """The remote that pull requests go to: `upstream`, as those name it whose `origin` is a fork,
    else `origin`, else the only one. Raises UsageError (GS1330).
    """
    for name in (_UPSTREAM, _ORIGIN):
        if name in remotes:
            return remotes[name]
    if len(remotes) != 1:
        names = ", ".join(map(repr, remotes))
        message = f"none of the remotes {names} is origin" if names else "the clone has no remote"
        raise UsageError(codes.NO_REMOTE, message)
    return next(iter(remotes.values()))


class Destination:
    """The upstream of a clone, and what GitHub can tell and do about it.

    The token is for one host: GH_HOST, else that of GITHUB_SERVER_URL, else github.com; it is sent
    to no other, whatever a remote's URL says.
    """

    def __init__(self, remotes: Mapping[str, Remote], environment: Mapping[str, str]) -> None:
        self._remotes, self._environment = remotes, environment
        self.upstream = upstream_of(remotes)
        server = urlsplit(environment.get("GITHUB_SERVER_URL", "")).netloc
        self._own = (environment.get("GH_HOST") or server or GITHUB).lower()
        self._hub = self.hub(self.upstream.reads)

    def hub(self, place: Place) -> Hub | None:
        """The repository on GitHub that a place is."""
        return place.hub(self._own)

    def fork(self, refused: Unreachable, again: str) -> Place:
        """The signer's fork, now that upstream refused; raises Unreachable (GS1334) with the next
        step where there is none. None is ever made.

        It is the remote `fork`; else the one remote, or `origin`, that has the same repository
        under another owner; else what GitHub says that the token's owner has.
        """
        if _FORK in self._remotes:
            return self._remotes[_FORK].writes
        alike = {
            name: each.writes
            for name, each in self._remotes.items()
            if self._hub and (hub := self.hub(each.writes)) and self._hub.is_other_s(hub)
        }
        if _ORIGIN in alike:
            return alike[_ORIGIN]
        if len(alike) == 1:
            return next(iter(alike.values()))
        found = None if alike else self._fork_by_token()
        if found is None:
            fix = f"{self._step_to_fork(list(alike))}, then run: {again}"
            raise Unreachable(codes.PUSH_DENIED, str(refused), fix=fix)
        return found

    def _fork_by_token(self) -> Place | None:
        try:
            with self._api() as api:
                owner = find_fork(api) if api else None
        except GhcrSignerError:  # then a person adds the fork, as without a token
            return None
        url = self._url()
        if owner is None or url is None:
            return None
        theirs = remote.with_owner(url, owner)
        return Place(theirs, (theirs,))

    def _step_to_fork(self, alike: list[str]) -> str:
        if alike:
            names = " or ".join(map(repr, alike))
            return f"Say which of {names} is your fork: git remote rename NAME {_FORK}"
        url = self._url()
        if self._hub is None or url is None:
            return f"Name a copy that you may push to: git remote add {_FORK} URL"
        mine = without_secrets(remote.with_owner(url, "YOUR-NAME"))
        return f"Fork it at {self._hub.fork_page} and name the fork: git remote add {_FORK} {mine}"

    def _url(self) -> str | None:
        """The upstream's URL that says which repository it is."""
        urls = reversed(self.upstream.writes.urls)
        return next((url for url in urls if remote.parse(url, self._own)), None)

    def page(self, proposal: Proposal, place: Place) -> str | None:
        """Where a person opens the pull request; None where this is no GitHub."""
        head = self.hub(place)
        if self._hub is None or head is None:
            return None
        return self._hub.compare_page(proposal.base_branch, head.owner, proposal.branch)

    def open(self, proposal: Proposal, commit: str, place: Place) -> Proposed | None:
        """Open the pull request, or find the one that is open; None without a token for it.

        Raises GhcrSignerError where GitHub or the token does not allow it.
        """
        head = self.hub(place)
        with self._api() as api:
            return open_pull_request(api, proposal, commit, head.owner) if api and head else None

    @contextmanager
    def _api(self) -> Iterator[Api | None]:
        token = next(filter(None, map(self._environment.get, _TOKENS)), None)
        if self._hub is None or token is None or self._hub.host != self._own:
            yield None
            return
        told = None if self._environment.get("GH_HOST") else self._environment.get("GITHUB_API_URL")
        with closing(Api(self._hub.name, api=told or self._hub.api, token=token)) as api:
            yield api
