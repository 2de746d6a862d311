"""GitHub's REST API for one repository: requests that wait within a budget, refusals in words.

PyGithub sends the requests. Its retries wait as long as a server says, and its objects take a
redirect for an answer; so neither is used, and `Api` asks through its requester.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ghcr_signer import __version__
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, Unreachable, UsageError
from ghcr_signer.peers.registry.auth import is_loopback

PATIENCE_SECONDS = 120.0
"""What one proposal waits for in all: a rate limit may ask for an hour, and a job costs money."""
WRITES_AT_ONCE = 60
"""Then one a second: GitHub takes 80 requests a minute that make something (Rate limits)."""
_TIMEOUT_SECONDS = 30
_SECONDARY_LIMIT_SECONDS = 60.0  # where GitHub does not say how long
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_NAME = re.compile(r"[A-Za-z0-9_-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")
# No user, no backslash, nothing but a host: two parsers cannot read two hosts out of it.
_API = re.compile(r"(https?)://([a-z0-9.-]+(?::[0-9]{1,5})?)((?:/[a-z0-9._-]+)*)/?", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+")
_SECONDS = re.compile(r"[0-9]{1,12}")
_LONGEST_WORDS = 300
_GONE = (404, 410)
_VIEWER = "query { viewer { login } }"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What GitHub said; the status is 0 where nothing came."""

    status: int
    headers: Mapping[str, str]
    document: Any
    words: str

    @property
    def is_limit(self) -> bool:
        """Whether it is a rate limit, which may come as a 403."""
        says = "rate limit" in self.words.lower() or "retry-after" in self.headers
        return self.status == 429 or (self.status == 403 and says)

    def wait(self, tries: int) -> float | None:
        """Seconds until it may be asked again; None where that would not help."""
        if not (self.is_limit or self.status >= 500 or self.status == 0):
            return None
        return max(self._asked(), min(30.0, 2.0**tries))

    def _asked(self) -> float:
        after = self.headers.get("retry-after", "")
        reset = self.headers.get("x-ratelimit-reset", "")
        if _SECONDS.fullmatch(after):
            return float(after)
        if not self.is_limit:
            return 0.0
        if self.headers.get("x-ratelimit-remaining") == "0" and _SECONDS.fullmatch(reset):
            return float(reset) - time.time()
        return _SECONDARY_LIMIT_SECONDS


class Api:
    """Requests to one repository, OWNER/REPOSITORY `name`, at `api`, which is GITHUB_API_URL. `web`
    is its address for people. It waits for `patience` seconds in all. To be closed.

    The token goes to that host alone, by https (on loopback also by http); no redirect is followed
    to another. Raises UsageError (GS2001) for a name, an address or a token that is none.
    """

    def __init__(
        self,
        name: str,
        *,
        api: str,
        token: str,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        address = _API.fullmatch(api)
        if address is None or (address[1].lower() == "http" and not is_loopback(address[2])):
            raise UsageError(
                codes.USAGE,
                "the address of GitHub's API is not https://HOST or https://HOST/PATH",
                fix="GitHub Actions sets GITHUB_API_URL; elsewhere it is https://api.github.com",
            )
        if not _NAME.fullmatch(name):
            raise UsageError(codes.USAGE, f"{name!r} is not a repository's name, OWNER/REPOSITORY")
        if not _TOKEN.fullmatch(token):
            raise UsageError(
                codes.USAGE,
                "there is no token, or it is not one that a request can carry",
                fix="In a workflow, leave the input `token` at its default.",
            )
        from github import Auth, Github  # late: it takes 200 ms

        self._client = Github(
            base_url=api,
            auth=Auth.Token(token),
            user_agent=f"ghcr-signer/{__version__}",
            timeout=_TIMEOUT_SECONDS,
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        self._requester = self._client.requester
        self._token = token
        self._sleep = sleep
        self._patience = patience
        self._writes = 0
        self.name = name
        self.date = ""
        """What GitHub's clock said in its last answer (RFC 9110, Date); "" where there was none."""
        self.web = f"{address[1]}://{address[2].removeprefix('api.')}/{name}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str) -> Any:
        """The document at a path of the repository, or of the API where it begins with a slash;
        raises Unreachable.
        """
        return self._document("GET", path, self._persist("GET", path, None))

    def post(self, path: str, content: object) -> Any:
        """Make something; returns the document that describes it. Raises Unreachable."""
        return self._document("POST", path, self._write(path, content))

    def post_new(self, path: str, content: object) -> Any:
        """The same; None where GitHub says that there is one already."""
        answer = self._write(path, content)
        if answer.status == 422 and "already exists" in answer.words.lower():
            return None
        return self._document("POST", path, answer)

    def patch(self, path: str, content: object) -> Any:
        """Change something; None where it is not there any more. Raises Unreachable."""
        answer = self._write(path, content, "PATCH")
        return None if answer.status in _GONE else self._document("PATCH", path, answer)

    def delete(self, path: str) -> None:
        """Remove something, if it is still there. Raises Unreachable."""
        answer = self._write(path, None, "DELETE")
        if answer.status not in (204, *_GONE):
            self._document("DELETE", path, answer)

    def login(self) -> str:
        """Whose the token is, by the name that GitHub gives to the author of what it makes.

        Raises Unreachable where GitHub does not say. Asked by GraphQL: REST answers no token of an
        app, which that of a job is.
        """
        answer = self._persist("POST", self._requester.graphql_url, {"query": _VIEWER})
        login = text(self._document("POST", "graphql", answer), "data", "viewer", "login")
        if not login:
            said = f"{self._requester.hostname_and_port}: POST graphql: {answer.words}"
            raise Unreachable(codes.GITHUB_REFUSED, f"{said}: it does not say whose the token is")
        return login

    def _write(self, path: str, content: object, method: str = "POST") -> _Answer:
        self._writes += 1
        if self._writes > WRITES_AT_ONCE:
            self._sleep(1.0)
        return self._persist(method, path, content)

    def _persist(self, method: str, path: str, content: object) -> _Answer:
        """Ask until it is answered for good. What is made twice is the same, or is found later."""
        tries = 0
        while True:
            answer = self._send(method, path, content)
            wait = answer.wait(tries)
            if wait is None or wait > self._patience:
                return answer
            tries += 1
            self._patience -= wait
            self._sleep(wait)

    def _send(self, method: str, path: str, content: object) -> _Answer:
        is_whole = path.startswith(("/", self._requester.graphql_url))
        at = path if is_whole else f"/repos/{self.name}/{path}"
        try:
            status, headers, text = self._requester.requestJson(
                method, at, headers=dict(_HEADERS), input=content
            )
            self.date = headers.get("date", "")
        except OSError as error:  # requests' own errors are; their texts carry headers
            return _Answer(0, {}, None, f"no answer ({type(error).__name__})")
        except (RuntimeError, ValueError, ArithmeticError) as error:
            # PyGithub follows a 301 on its own host, and refuses another; it reads headers' numbers
            return _Answer(301, {}, None, f"an answer that leads nowhere ({type(error).__name__})")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        words = _words(status, document, text).replace(self._token, "***")[:_LONGEST_WORDS]
        return _Answer(status, headers, document, words)

    def _document(self, method: str, path: str, answer: _Answer) -> Any:
        """What was asked for, never None; raises Unreachable with the next step where it is not."""
        said = f"{self._requester.hostname_and_port}: {method} {path}: {answer.words}"
        is_about_comments = path.startswith(("issues/", "graphql"))
        if 200 <= answer.status < 300:
            if answer.document is None and is_about_comments:
                raise Unreachable(codes.GITHUB_REFUSED, said)
            if answer.document is None:
                raise Refused(codes.PROPOSAL_DIFFERS, said)
            return answer.document
        wait = answer.wait(0)
        if wait is not None:
            fix = f"It is a rate limit: run it again in {math.ceil(wait / 60)} min."
            fix = fix if answer.is_limit else ""
            raise Unreachable(codes.GITHUB_UNREACHABLE, said, fix=fix)
        is_about_pulls = is_about_comments or path.startswith("pulls")
        need = "pull-requests: write" if is_about_pulls else "contents: write"
        grant = f"In the workflow, grant the job `permissions: {need}`"
        if answer.status in (401, 403):
            fix = f"{grant}." if answer.status == 403 else ""
            raise Unreachable(codes.GITHUB_DENIED, said, fix=fix)
        if answer.status == 404:
            fix = f"{grant}, or check the repository's name."
        elif answer.status < 400:
            fix = "Was the repository renamed or moved? Run it under its present name."
        else:
            fix = ""
        raise Unreachable(codes.GITHUB_REFUSED, said, fix=fix)


def _words(status: int, document: Any, text: str) -> str:
    """GitHub's own words; whoever prints them escapes them."""
    if not isinstance(document, dict):
        return f"{status} {text}"
    errors = document.get("errors")
    details = [
        error.get("message") if isinstance(error, dict) else error
        for error in (errors if isinstance(errors, list) else [])
    ]
    words = [word for word in (document.get("message"), *details) if isinstance(word, str)]
    return f"{status} {'; '.join(words)}"


def text(document: Any, *way: str) -> str:
    """A text in an answer; "" where there is none."""
    for name in way:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""


def listed(document: Any, name: str) -> list[Any]:
    """A list in an answer; empty where there is none."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []
