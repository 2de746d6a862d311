"""oras' registry provider with its requests mended: this is the one seam to oras and requests.

Replaced is `do_request`, through which all of oras' requests go. oras 0.2.43 hands a cached token
back to the registry that has just refused it, retries what cannot get better and not what can, has
no timeout and no size cap, and sends its token to whatever host a registry names. Here:

- one token per repository, renewed when it is refused; credentials go to no other host, and never
  over plain http except to this machine;
- retries for what passes (429, 5xx, a lost connection), waiting as long as the registry asks;
- every body is read under a cap, every request has a time limit;
- redirects are followed without credentials, and like uploads and tokens only to https.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from urllib.parse import urlencode, urljoin, urlsplit

import oras.provider
import requests
import urllib3
from requests.adapters import HTTPAdapter

from ghcr_signer import __version__
from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Unreachable, UsageError
from ghcr_signer.peers.registry import answer, ghcr
from ghcr_signer.peers.registry.auth import (
    Challenge,
    Credentials,
    host_name,
    is_loopback,
    same_owner,
)

TRIES = 5
SERVICE_TRIES = 7  # half a minute at least: a service container may have been started just now
CONNECT_SECONDS = 10
READ_SECONDS = 60
BODY_SECONDS = 300
REDIRECTS = 3
_CHUNK_BYTES = 64 * 1024
_API_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_HEADERS = {"User-Agent": f"ghcr-signer/{__version__}", "Accept-Encoding": "identity"}
# No user, no backslash, nothing but a host: two parsers cannot read two hosts out of it.
_HOST = r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
_URL = re.compile(rf"(https?)://{_HOST}(?:[/?][!-~]*)?", re.IGNORECASE)
_LOST = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


class Access(Enum):
    """What a token is asked for: one scope for all that a command does in a repository."""

    PULL = "pull"
    PUSH = "pull,push"


class Transport(oras.provider.Registry):  # type: ignore[misc]
    """Requests to one registry host. Thread-safe: each thread has its own connections.

    `withheld` says so where the credentials were not sent to the registry's token realm.
    """

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
        self._is_local = is_loopback(host)
        self._is_service = plain_http and not self._is_local
        super().__init__(hostname=_API_HOSTS.get(host, host), insecure=self._is_local or plain_http)
        if not re.fullmatch(_HOST, self.hostname, re.IGNORECASE):
            raise UsageError(codes.USAGE, f"{host!r} is not a registry's host")
        self.host = host
        self._own = _place(self.url(""))
        self._credentials = None if plain_http else credentials
        self._access = access
        self._environment = environment
        self._ca = environment.get("REQUESTS_CA_BUNDLE") or environment.get("SSL_CERT_FILE") or True
        self._sleep = sleep
        self._local = threading.local()
        self._lock = threading.Lock()
        self._authorizations: dict[str, str] = {}
        self._refusals: dict[str, str] = {}
        self.withheld = ""
        self._gone = False

    def url(self, path: str) -> str:
        """The URL of a path below /v2/."""
        return f"{self.prefix}://{self.hostname}/v2/{path}"

    def do_request(  # the signature is oras', with three more parameters
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        stream: bool = False,
        *,
        repository: str = "",
        limit: int = limits.MANIFEST_BYTES,
        passes: Callable[[requests.Response], bool] = lambda response: False,
    ) -> requests.Response:
        """Send a request until it is answered for good; the answer's body is read, up to `limit`.

        `repository` is the one whose token it needs. `passes` names further answers that are worth
        another try. Raises Unreachable where no answer comes (GS3001), where there is no token for
        it (GS3002), or where it is too large, or points to a place that is not safe (GS3004).
        """
        del json, stream  # nothing here sends JSON that it did not serialise, or leaves a body open
        return self._persist(
            f"{method} {self.host}",
            lambda: self._authorized(method, url, data, headers or {}, repository, limit),
            passes,
        )

    def target(self, response: requests.Response) -> str:
        """Where an answer's Location points; raises Unreachable (GS3004) for no safe place."""
        try:
            url = urljoin(response.url, response.headers.get("Location", ""))
        except ValueError:
            url = ""
        self._require_safe(url)
        return url

    def _persist(
        self,
        what: str,
        send: Callable[[], requests.Response],
        passes: Callable[[requests.Response], bool],
    ) -> requests.Response:
        """Send until the answer is for good. Once a host is given up, a request has one try."""
        tries, most = 0, SERVICE_TRIES if self._is_service else TRIES
        while True:
            tries += 1
            try:
                response = send()
            except _LOST as error:
                if tries == most or self._gone or isinstance(error, requests.exceptions.SSLError):
                    self._gone = True
                    code = codes.SERVICE_SILENT if self._is_service else codes.UNREACHABLE
                    raise Unreachable(code, f"{what}: {_reason(error)}") from None
                self._sleep(answer.backoff(tries))
                continue
            except (requests.RequestException, ValueError, OSError) as error:
                raise Unreachable(codes.UNREACHABLE, f"{what}: {_reason(error)}") from None
            self._gone = False
            if tries == most or not (answer.will_pass(response) or passes(response)):
                return response
            self._sleep(answer.delay(response, tries))

    def _authorized(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        repository: str,
        limit: int,
    ) -> requests.Response:
        """Send with the repository's token; once more where our host wants another."""
        authorization = self._authorizations.get(repository)
        response = self._follow(method, url, data, headers, authorization, limit)
        if response.status_code == 401 and _place(response.url) == self._own:
            renewed = self._authorize(repository, authorization, response)
            if renewed is not None:
                return self._follow(method, url, data, headers, renewed, limit)
        return response

    def _follow(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        authorization: str | None,
        limit: int,
    ) -> requests.Response:
        """Send, and follow redirects of what only reads; `authorization` is for our host alone."""
        for _ in range(REDIRECTS + 1):
            own = {"Authorization": authorization} if authorization else {}
            sent = {**headers, **own} if _place(url) == self._own else headers
            response = self._send(method, url, data, sent, limit)
            if method not in ("GET", "HEAD") or not response.is_redirect:
                return response
            url = self.target(response)
        raise Unreachable(codes.REGISTRY_REFUSED, f"{self.host} redirects without an end")

    def _send(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str], limit: int
    ) -> requests.Response:
        response = self._adapter.send(
            requests.Request(method, url, {**_HEADERS, **headers}, data=data).prepare(),
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            verify=self._ca,
            proxies=_proxies(self._environment, url),
        )
        self._read(response, limit)
        return response

    def _read(self, response: requests.Response, limit: int) -> None:
        """Read the body under the cap, as it comes, and leave it where requests itself keeps it."""
        deadline = time.monotonic() + BODY_SECONDS
        body = bytearray()
        try:
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > limit:
                    raise Unreachable(
                        codes.REGISTRY_REFUSED, f"{self.host} answers with more than {limit} bytes"
                    )
                if time.monotonic() > deadline:
                    raise requests.Timeout("the answer takes too long")
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from None
        except Exception:
            response.close()
            raise
        response._content = bytes(body)

    @property
    def _adapter(self) -> HTTPAdapter:
        """This thread's connections. No session: it would keep cookies, and read .netrc files."""
        adapter: HTTPAdapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = self._local.adapter = HTTPAdapter(pool_connections=2, pool_maxsize=2)
        return adapter

    def _require_safe(self, url: str) -> None:
        """Only to https, back to the registry itself, or from this machine to this machine."""
        place = _place(url)
        if place is None or not (
            place[0] == "https" or place == self._own or (self._is_local and is_loopback(place[1]))
        ):
            raise Unreachable(
                codes.REGISTRY_REFUSED, f"{self.host} points to a place that is not https"
            )

    def _authorize(
        self, repository: str, refused: str | None, response: requests.Response
    ) -> str | None:
        """Answer a challenge: what to send instead of what was refused, None where nothing is."""
        challenge = Challenge.parse(response.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return None
        with self._lock:
            present = self._authorizations.get(repository)
            if present is not None and present != refused:
                return present  # another thread has renewed it meanwhile
            if challenge.scheme == "bearer":
                new = self._bearer(challenge, repository)
            elif self._credentials is None or self._credentials.basic == refused:
                return None
            else:
                new = self._credentials.basic
            self._authorizations[repository] = new
            return new

    def _bearer(self, challenge: Challenge, repository: str) -> str:
        """Fetch a token; raises Unreachable. A refusal is remembered: nobody guesses passwords.

        Stored credentials may be stale: to read, none may do better.
        """
        if repository not in self._refusals:
            response = self._ask_realm(challenge, repository, self._credentials)
            if response.status_code != 200 and self._credentials and self._access is Access.PULL:
                response = self._ask_realm(challenge, repository, None)
            token = answer.token(response)
            if token is not None:
                return f"Bearer {token}"
            self._refusals[repository] = self._refusal(challenge, repository, response)
        said = self._refusals[repository]
        raise Unreachable(codes.DENIED, said, fix=ghcr.remedy(self.host, repository, said))

    def _refusal(self, challenge: Challenge, repository: str, response: requests.Response) -> str:
        """Why there is no token; raises Unreachable (GS3001) where there may be one later."""
        said = answer.words(response)
        if answer.will_pass(response):
            raise Unreachable(
                codes.UNREACHABLE, f"{self.host}: its realm gives no token now: {said}"
            )
        place = urlsplit(challenge.realm).netloc
        return f"{self.host}: no token for {repository} from {place}: {said}{self.withheld}"

    def _may_see(self, challenge: Challenge) -> bool:
        return same_owner(self.hostname, urlsplit(challenge.realm).netloc.lower())

    def _ask_realm(
        self, challenge: Challenge, repository: str, credentials: Credentials | None
    ) -> requests.Response:
        """GET the realm, retried like any request; no redirect is followed with credentials."""
        self._require_safe(challenge.realm)
        headers = {}
        if credentials and self._may_see(challenge):
            headers["Authorization"] = credentials.basic
        elif credentials:
            place = urlsplit(challenge.realm).netloc
            self.withheld = f" (the credentials were not sent to {place}, which is another host)"
        query = {"service": challenge.service} if challenge.service else {}
        if repository:
            query["scope"] = f"repository:{repository}:{self._access.value}"
        url = f"{challenge.realm}{'&' if '?' in challenge.realm else '?'}{urlencode(query)}"
        return self._persist(
            f"the token realm of {self.host}",
            lambda: self._send("GET", url, None, headers, limits.ANNOTATION_BYTES),
            lambda response: False,
        )


def _place(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a URL; None for one that could be read in two ways."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, host, port = match[1].lower(), match[2].lower(), match[3]
    return scheme, host, int(port) if port else (443 if scheme == "https" else 80)


def _reason(error: Exception) -> str:
    """A short cause: requests' own texts carry addresses of objects and whole URLs."""
    if isinstance(error, requests.exceptions.SSLError):
        certificate = "CERTIFICATE_VERIFY_FAILED" in str(error)
        return "its certificate does not verify" if certificate else "it does not speak TLS"
    if isinstance(error, requests.exceptions.ProxyError):
        return "no connection through the proxy"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return f"{type(error).__name__}: {error}" if type(error) is OSError else type(error).__name__


def _proxies(environment: Mapping[str, str], url: str) -> dict[str, str]:
    """The proxy for https, from the usual variables, unless NO_PROXY names the host."""

    def value(name: str) -> str:
        return environment.get(name) or environment.get(name.upper()) or ""

    host = urlsplit(url).netloc
    proxy = value("https_proxy") or value("all_proxy")
    if not proxy or is_loopback(host) or _is_named(host, value("no_proxy")):
        return {}
    return {"https": proxy}


def _is_named(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: itself, with or without the port, a domain of it, or all."""
    for name in no_proxy.lower().replace(",", " ").split():
        domain = name.lstrip("*.")
        if name == "*" or domain in (host, host_name(host)):
            return True
        if domain and host_name(host).endswith(f".{domain}"):
            return True
    return False
