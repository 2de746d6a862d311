"""oras' registry provider with its requests mended: this is the one seam to oras and requests.

Replaced is `do_request`, through which all of oras' requests go. oras 0.2.43 hands a cached token
back to the registry that has just refused it, retries what cannot get better and not what can, has
no timeout and no size cap, and sends its token to whatever host a registry names. Here:

- one token per repository, renewed once when it is refused; credentials go to no other host, and
  never over plain http except to this machine;
- retries for what passes (429, 5xx, a lost connection), waiting as long as the registry asks;
- every body is read under a cap, every request has a time limit;
- redirects are followed without credentials.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from urllib.parse import urlencode, urljoin, urlsplit

import oras.provider
import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.peers.registry.auth import Challenge, Credentials, is_loopback, same_owner

TRIES = 5
CONNECT_SECONDS = 10
READ_SECONDS = 60
BODY_SECONDS = 300
LONGEST_WAIT_SECONDS = 60.0
REDIRECTS = 3
_PASSES = frozenset({408, 429, 500, 502, 503, 504})
_REPOSITORY = re.compile(r"/v2/(.+?)/(?:manifests|blobs|tags|referrers)/")
_DELAY_IN_BODY = re.compile(rb"retry-after:\s*([0-9.]+)\s*(ms|s|m)\b")
_SECONDS = {b"ms": 0.001, b"s": 1.0, b"m": 60.0}
_API_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


class Access(Enum):
    """What a token is asked for: one scope for all that a command does in a repository."""

    PULL = "pull"
    PUSH = "pull,push"


class Transport(oras.provider.Registry):  # type: ignore[misc]
    """Requests to one registry host. Thread-safe: each thread has its own connections."""

    def __init__(
        self,
        host: str,
        credentials: Credentials | None,
        access: Access,
        environment: Mapping[str, str],
        *,
        plain_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        local = is_loopback(host)
        super().__init__(hostname=_API_HOSTS.get(host, host), insecure=local or plain_http)
        self.host = host
        self._credentials = None if plain_http else credentials
        self._access = access
        self._proxies = {} if local or plain_http else _proxies(environment, self.hostname)
        self._ca = environment.get("REQUESTS_CA_BUNDLE") or environment.get("SSL_CERT_FILE") or True
        self._sleep = sleep
        self._local = threading.local()
        self._lock = threading.Lock()
        self._authorizations: dict[str, str] = {}

    def url(self, path: str) -> str:
        """The URL of a path below /v2/."""
        return f"{self.prefix}://{self.hostname}/v2/{path}"

    def do_request(  # the signature is oras', with two more parameters
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        stream: bool = False,
        *,
        limit: int = limits.MANIFEST_BYTES,
        passes: Callable[[requests.Response], bool] = lambda response: False,
    ) -> requests.Response:
        """Send a request until it is answered for good; the answer's body is read, up to `limit`.

        `passes` names further answers that will pass and are worth another try. Raises Unreachable
        (GS3001) where no answer comes, or one larger than `limit` bytes (GS3004).
        """
        del json, stream  # nothing here sends JSON that it did not serialise, or leaves a body open
        renewed = False
        tries = 0
        while True:
            tries += 1
            repository = self._repository_of(url)
            authorization = self._authorizations.get(repository)
            response = self._try(url, method, data, headers, authorization, limit, tries)
            if response is None:
                continue
            if response.status_code == 401 and self._is_ours(url) and not renewed:
                renewed = True
                if self._authorize(repository, authorization, response):
                    tries -= 1
                    continue
            if tries < TRIES and (_passes(response) or passes(response)):
                self._sleep(_delay(response, tries))
                continue
            return response

    def _try(
        self,
        url: str,
        method: str,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        authorization: str | None,
        limit: int,
        tries: int,
    ) -> requests.Response | None:
        """One try, redirects followed; None where the connection was lost and more tries remain."""
        try:
            return self._send(url, method, data, headers, authorization, limit)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as e:
            if tries >= TRIES or isinstance(e, requests.exceptions.SSLError):
                raise Unreachable(
                    codes.UNREACHABLE, f"{method} {self.host}: {_reason(e)}"
                ) from None
            self._sleep(_backoff(tries))
            return None
        except (requests.RequestException, ValueError) as e:
            raise Unreachable(codes.UNREACHABLE, f"{method} {self.host}: {e}") from None

    def _send(
        self,
        url: str,
        method: str,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        authorization: str | None,
        limit: int,
    ) -> requests.Response:
        for _ in range(REDIRECTS + 1):
            sent = {key: value for key, value in (headers or {}).items() if key != "Authorization"}
            if authorization and self._is_ours(url):
                sent["Authorization"] = authorization
            response = self._session().request(
                method,
                url,
                data=data,
                headers=sent,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                verify=self._ca,
                proxies=self._proxies,
            )
            self._read(response, limit)
            if method not in ("GET", "HEAD") or not response.is_redirect:
                return response
            url = urljoin(url, response.headers["Location"])
            if urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).netloc):
                raise Unreachable(
                    codes.REGISTRY_REFUSED, f"{self.host} redirects to a place that is not https"
                )
        raise Unreachable(codes.REGISTRY_REFUSED, f"{self.host} redirects without an end")

    def _read(self, response: requests.Response, limit: int) -> None:
        """Read the body under the cap, and leave it where requests itself keeps it."""
        deadline = time.monotonic() + BODY_SECONDS
        body = b""
        for chunk in response.iter_content(64 * 1024):
            body += chunk
            if len(body) > limit:
                response.close()
                raise Unreachable(
                    codes.REGISTRY_REFUSED, f"{self.host} answers with more than {limit} bytes"
                )
            if time.monotonic() > deadline:
                response.close()
                raise requests.Timeout("the answer takes too long")
        response._content = body

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no .netrc: credentials come from where we looked
            session.cookies = _NoCookies()
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=2))
            self._local.session = session
        return session

    def _is_ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.netloc == self.hostname and parts.scheme == self.prefix

    def _repository_of(self, url: str) -> str:
        match = _REPOSITORY.match(urlsplit(url).path)
        return match[1] if match and self._is_ours(url) else ""

    def _authorize(self, repository: str, refused: str | None, answer: requests.Response) -> bool:
        """Answer a challenge; whether there is something new to try."""
        challenge = Challenge.parse(answer.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return False
        with self._lock:
            if self._authorizations.get(repository) != refused:
                return True  # another thread has renewed it meanwhile
            if challenge.scheme == "basic":
                new = self._credentials.basic if self._credentials else None
            else:
                new = self._bearer(challenge, repository)
            if new is None or new == refused:
                return False
            self._authorizations[repository] = new
            return True

    def _bearer(self, challenge: Challenge, repository: str) -> str | None:
        """Fetch a token. Stored credentials may be stale: to read, none may do better."""
        token = self._token(challenge, repository, self._credentials)
        if token is None and self._credentials and self._access is Access.PULL:
            token = self._token(challenge, repository, None)
        return f"Bearer {token}" if token else None

    def _token(
        self, challenge: Challenge, repository: str, credentials: Credentials | None
    ) -> str | None:
        realm = urlsplit(challenge.realm)
        if realm.scheme != "https" and not (realm.scheme == "http" and is_loopback(realm.netloc)):
            raise Unreachable(
                codes.REGISTRY_REFUSED, f"{self.host} names a token realm that is not https"
            )
        headers = {}
        if credentials and same_owner(self.hostname, realm.netloc):
            headers["Authorization"] = credentials.basic
        query = {"service": challenge.service}
        if repository:
            query["scope"] = f"repository:{repository}:{self._access.value}"
        url = f"{challenge.realm}{'&' if realm.query else '?'}{urlencode(query)}"
        answer = self._ask_realm(url, headers)
        if answer.status_code != 200:
            return None
        try:
            document = answer.json()
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError):
            token = None
        return token if isinstance(token, str) else None

    def _ask_realm(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """GET the realm, retried like any request; no redirect is followed with credentials."""
        for tries in range(1, TRIES + 1):
            try:
                answer = self._session().get(
                    url,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    verify=self._ca,
                    proxies=self._proxies,
                )
                self._read(answer, limits.ANNOTATION_BYTES)
            except requests.RequestException as error:
                if tries == TRIES:
                    raise Unreachable(
                        codes.UNREACHABLE, f"the token realm of {self.host}: {_reason(error)}"
                    ) from None
                self._sleep(_backoff(tries))
                continue
            if tries == TRIES or not _passes(answer):
                break
            self._sleep(_delay(answer, tries))
        return answer


class _NoCookies(RequestsCookieJar):
    """Takes no cookie: a registry that sets one has taken us for a browser."""

    def set_cookie(self, *args: object, **kwargs: object) -> None:
        """Forget it."""


def _passes(response: requests.Response) -> bool:
    """Whether the same request may succeed later: overload, not refusal."""
    if response.status_code == 403:
        return b"rate limit" in response.content[:4096].lower()
    return response.status_code in _PASSES


def _delay(response: requests.Response, tries: int) -> float:
    """Seconds to wait: as the header says, or ghcr.io's body, else longer each time."""
    header = response.headers.get("Retry-After", "")
    asked: float | None = None
    if header.isdigit():
        asked = float(header)
    elif header:
        try:
            asked = parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            asked = None
    elif match := _DELAY_IN_BODY.search(response.content[:4096]):
        asked = float(match[1]) * _SECONDS[match[2]]
    if asked is None:
        return _backoff(tries)
    # a moment more than asked, differing between clients, or all of them come back at once
    return min(LONGEST_WAIT_SECONDS, max(asked, 0.0) + random.uniform(0.05, 0.25) * tries)  # noqa: S311


def _backoff(tries: int) -> float:
    return min(30.0, 2.0**tries * random.uniform(0.25, 0.5))  # noqa: S311 - no secret


def _reason(error: Exception) -> str:
    """A short cause: requests' own texts carry addresses of objects and whole URLs."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate does not verify"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__


def _proxies(environment: Mapping[str, str], host: str) -> dict[str, str]:
    """The proxy for https, from the usual variables, unless NO_PROXY names the host."""
    values = {key.lower(): value for key, value in environment.items()}
    proxy = values.get("https_proxy") or values.get("all_proxy")
    if not proxy or requests.utils.should_bypass_proxies(
        f"https://{host}", values.get("no_proxy", "")
    ):
        return {}
    return {"https": proxy}
