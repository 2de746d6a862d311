"""Requests: what is sent to whom, what is sent again, and what is not taken for an answer."""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from threading import Barrier
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.peers import faulty
from tests.peers.faulty import BASIC, Answer, Faulty, Request, bearer, error
from tests.peers.process import free_port

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Failure, Unreachable, UsageError
from ghcr_signer.peers.registry import answer, transport
from ghcr_signer.peers.registry.auth import Credentials
from ghcr_signer.peers.registry.transport import Access, Transport

ME = Credentials("me", "s3cret")
REPOSITORY = "acme/app"
PATH = f"/v2/{REPOSITORY}/manifests/latest"
OK = Answer(200, b"{}")


Make = Callable[..., Transport]


@pytest.fixture
def make(waits: list[float]) -> Make:
    def made(
        host: str,
        credentials: Credentials | None = ME,
        access: Access = Access.PUSH,
        environment: Mapping[str, str] | None = None,
        *,
        plain_http: bool = False,
    ) -> Transport:
        return Transport(
            host, credentials, access, environment or {}, plain_http=plain_http, sleep=waits.append
        )

    return made


def ask(
    client: Transport, method: str = "GET", path: str = PATH, **more: object
) -> requests.Response:
    url = f"{client.prefix}://{client.hostname}{path}"
    return client.do_request(url, method, repository=REPOSITORY, **more)  # type: ignore[arg-type]


@contextmanager
def fails(code: Code, match: str = ".") -> Iterator[list[Failure]]:
    """Something raises Unreachable with this code; never with a secret in it."""
    found: list[Failure] = []
    with pytest.raises(Unreachable, match=match) as caught:
        yield found
    found.append(caught.value.failure)
    assert caught.value.failure.code is code
    assert "s3cret" not in str(caught.value)


class Registry:
    """A registry with tokens: `valid` are those that it takes. Its realm is on its own host."""

    def __init__(self, password: str | None = "s3cret", realm: str = "") -> None:
        self.valid: set[str] = set()
        self.password = password
        self.realm = realm
        self.numbers = count(1)

    def __call__(self, request: Request) -> Answer:
        if request.path == "/token":
            return self.token(request)
        given = (request.authorization or "").removeprefix("Bearer ")
        realm = self.realm or f"http://{request.host}/token"
        return OK if given in self.valid else bearer(realm)

    def token(self, request: Request) -> Answer:
        if self.password and request.authorization != Credentials("me", self.password).basic:
            return error(401, "UNAUTHORIZED", "who are you?")
        token = f"token{next(self.numbers)}"
        self.valid.add(token)
        return Answer(200, f'{{"token": "{token}"}}'.encode())


def tokens(server: Faulty) -> list[Request]:
    return [request for request in server.requests if request.path == "/token"]


# Retries


@pytest.mark.parametrize(
    ("passing", "least", "most"),
    [
        pytest.param(Answer(429, b"", {"Retry-After": "7"}), 7.0, 8.0, id="429, seconds"),
        pytest.param(Answer(429, b"", {"Retry-After": "999999"}), 60.0, 60.0, id="429, too long"),
        pytest.param(
            Answer(429, b"toomanyrequests: retry-after: 1.88ms, allowed: 2000/minute"),
            0.05,
            1.0,
            id="429, milliseconds in the body",
        ),
        pytest.param(
            error(429, "TOOMANYREQUESTS", "retry-after: 3.5s, allowed: 44000/minute"),
            3.5,
            5.0,
            id="429, seconds in the body",
        ),
        pytest.param(Answer(429, b"Retry-After: 2m0s"), 60.0, 60.0, id="429, minutes in the body"),
        pytest.param(Answer(429), 0.5, 1.0, id="429, nothing said"),
        pytest.param(Answer(429, b"", {"Retry-After": "soon"}), 0.5, 1.0, id="429, nonsense"),
        pytest.param(
            Answer(429, b"", {"Retry-After": "\xb2"}), 0.5, 1.0, id="429, a digit of sorts"
        ),
        pytest.param(
            Answer(429, b"", {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +" + "9" * 20}),
            0.5,
            1.0,
            id="429, no such time zone",
        ),
        pytest.param(Answer(429, b"retry-after: 1.2.3s"), 0.5, 1.0, id="429, no such number"),
        pytest.param(
            Answer(429, b"retry-after: " + b"9" * 3000 + b"s"), 60.0, 60.0, id="429, huge"
        ),
        pytest.param(
            Answer(403, b"You have exceeded a secondary rate limit"), 0.5, 1.0, id="403, rate limit"
        ),
        *(pytest.param(Answer(s), 0.5, 1.0, id=str(s)) for s in (408, 500, 502, 503, 504)),
        pytest.param(Answer(503, b"<html>"), 0.5, 1.0, id="503, a page"),
        pytest.param(Answer(lost=True), 0.5, 1.0, id="connection lost"),
        pytest.param(Answer(200, b"half", missing=4), 0.5, 1.0, id="lost in the body"),
    ],
)
def test_what_passes_is_tried_again(
    make: Make, waits: list[float], passing: Answer, least: float, most: float
) -> None:
    with faulty.serve(passing, OK) as server:
        response = ask(make(server.host))
    assert (response.status_code, response.content) == (200, b"{}")
    assert len(server.requests) == 2
    [waited] = waits
    assert least <= waited <= most


def test_a_date_in_retry_after_is_waited_for(make: Make, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    busy = [Answer(503, b"", {"Retry-After": date}) for date in (later, past)]
    with faulty.serve(*busy, OK) as server:
        assert ask(make(server.host)).ok
    first, second = waits
    assert 25 < first < 31
    assert 0 < second < 1


def test_the_body_is_sent_again_whole(make: Make) -> None:
    with faulty.serve(Answer(502), Answer(lost=True), Answer(201)) as server:
        assert ask(make(server.host), "PUT", data=b"all of it").status_code == 201
    assert [request.body for request in server.requests] == [b"all of it"] * 3


def test_tries_have_an_end(make: Make, waits: list[float]) -> None:
    with faulty.serve(respond=lambda request: Answer(503)) as server:
        assert ask(make(server.host)).status_code == 503
    assert len(server.requests) == transport.TRIES
    assert len(waits) == transport.TRIES - 1
    assert sum(waits) < 20


@pytest.mark.parametrize(
    "final", [error(403, "DENIED"), error(400, "X"), error(404, "X"), Answer(501)]
)
def test_a_refusal_is_not_tried_again(make: Make, waits: list[float], final: Answer) -> None:
    with faulty.serve(final) as server:
        assert ask(make(server.host)).status_code == final.status
    assert len(server.requests) == 1
    assert waits == []


def test_a_registry_that_is_down_is_given_up_once(make: Make, waits: list[float]) -> None:
    client = make(f"127.0.0.1:{free_port()}")
    with fails(codes.UNREACHABLE, "no connection"):
        ask(client)
    assert len(waits) == transport.TRIES - 1
    with fails(codes.UNREACHABLE, "no connection"):
        ask(client)
    assert len(waits) == transport.TRIES - 1  # the second request does not wait again


def test_a_registry_that_is_back_is_tried_as_often_as_before(
    make: Make, waits: list[float]
) -> None:
    gone = [Answer(lost=True)] * transport.TRIES
    with faulty.serve(*gone, OK, Answer(lost=True), OK) as server:
        client = make(server.host)
        with fails(codes.UNREACHABLE):
            ask(client)
        assert ask(client).ok
        assert ask(client).ok
    assert len(waits) == transport.TRIES


def test_a_server_that_says_nothing_is_left(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.1)
    with faulty.serve(Answer(silent=True), OK) as server:
        assert ask(make(server.host)).ok
    monkeypatch.setattr(transport, "TRIES", 1)
    with (
        faulty.serve(Answer(silent=True)) as server,
        fails(codes.UNREACHABLE, "does not answer in time"),
    ):
        ask(make(server.host))


def test_a_server_that_trickles_is_left(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte in time, and no end: the whole body has a time of its own."""
    monkeypatch.setattr(transport, "BODY_SECONDS", 0)
    monkeypatch.setattr(transport, "TRIES", 1)
    with (
        faulty.serve(Answer(200, b"a", stalled=True)) as server,
        fails(codes.UNREACHABLE, "does not answer in time"),
    ):
        ask(make(server.host))


# Answers


def test_the_body_is_left_as_it_came(make: Make) -> None:
    body = bytes(range(256)) * 1000
    answers = [Answer(200, body), Answer(200, body, {"Content-Encoding": "gzip"})]
    with faulty.serve(*answers) as server:
        client = make(server.host)
        assert ask(client).content == body
        assert ask(client).content == body  # nothing is unpacked
    assert [request.headers["accept-encoding"] for request in server.requests] == ["identity"] * 2


def test_a_body_over_the_cap_is_not_read(make: Make) -> None:
    with faulty.serve(Answer(200, b"a" * 1000), Answer(200, b"a" * 1001, missing=10**12)) as server:
        client = make(server.host)
        assert len(ask(client, limit=1000).content) == 1000
        with fails(codes.REGISTRY_REFUSED, "more than 1000 bytes"):
            ask(client, limit=1000)
    assert len(server.requests) == 2


def test_a_redirects_body_has_the_same_cap(make: Make) -> None:
    away = Answer(307, b"a" * 1001, {"Location": "/elsewhere"}, missing=10**12)
    with faulty.serve(away) as server, fails(codes.REGISTRY_REFUSED, "more than 1000 bytes"):
        ask(make(server.host), limit=1000)


def test_connections_are_kept(make: Make) -> None:
    moved = Answer(307, b"moved", {"Location": PATH})
    with faulty.serve(OK, Answer(404, b"gone"), moved, OK, OK, Answer(201)) as server:
        client = make(server.host)
        for method in ("GET", "GET", "GET", "HEAD", "PUT"):
            ask(client, method)
    assert server.connections == 1


def test_no_cookie_is_taken(make: Make) -> None:
    with faulty.serve(Answer(200, b"", {"Set-Cookie": "session=1; Path=/"}), OK) as server:
        client = make(server.host)
        ask(client)
        ask(client)
    assert "cookie" not in server.requests[1].headers


def test_a_port_that_is_none_is_an_error_not_a_crash(make: Make) -> None:
    with fails(codes.UNREACHABLE):
        ask(make("registry.example:99999"))


# Credentials


def test_no_credentials_are_sent_before_they_are_asked_for(make: Make) -> None:
    with faulty.serve(OK) as server:
        ask(make(server.host))
    assert server.requests[0].authorization is None


def test_a_password_is_sent_once_asked_for_and_then_always(make: Make) -> None:
    with faulty.serve(BASIC, OK, OK) as server:
        client = make(server.host)
        assert ask(client).ok
        assert ask(client).ok
    assert [request.authorization for request in server.requests] == [None, ME.basic, ME.basic]


def test_a_wrong_password_is_not_tried_again(make: Make, waits: list[float]) -> None:
    with faulty.serve(respond=lambda request: BASIC) as server:
        assert ask(make(server.host)).status_code == 401
        assert len(server.requests) == 2
    with faulty.serve(respond=Registry("other")) as server:
        client = make(server.host)
        for _ in range(3):
            with fails(codes.DENIED, "who are you"):
                ask(client)
        assert len(tokens(server)) == 1
    assert waits == []


def test_without_credentials_there_is_nothing_to_try(make: Make) -> None:
    with faulty.serve(BASIC) as server:
        assert ask(make(server.host, None)).status_code == 401
    with faulty.serve(Answer(401, b"", {"WWW-Authenticate": "Digest realm=x"})) as server:
        assert ask(make(server.host)).status_code == 401


def test_a_token_is_asked_for_once_with_one_scope(make: Make) -> None:
    with faulty.serve(respond=Registry()) as server:
        client = make(server.host)
        for method in ("HEAD", "GET", "POST", "PUT"):
            assert ask(client, method).ok
    [request] = tokens(server)
    assert request.authorization == ME.basic
    assert parse_qs(urlsplit(request.target).query) == {
        "service": ["s"],
        "scope": ["repository:acme/app:pull,push"],
    }


def test_who_only_reads_asks_for_no_more(make: Make) -> None:
    with faulty.serve(respond=Registry()) as server:
        ask(make(server.host, access=Access.PULL))
    assert "scope=repository%3Aacme%2Fapp%3Apull" in tokens(server)[0].target
    assert "push" not in tokens(server)[0].target


def test_each_repository_has_a_token_of_its_own(make: Make) -> None:
    names = ["acme/one", "acme/manifests/tags", "acme/blobs/uploads"]
    with faulty.serve(respond=Registry()) as server:
        client = make(server.host)
        for name in [*names, *names]:
            client.do_request(client.url(f"{name}/manifests/latest"), repository=name)
    scopes = [parse_qs(urlsplit(request.target).query)["scope"] for request in tokens(server)]
    assert scopes == [[f"repository:{name}:pull,push"] for name in names]
    assert server.requests[-1].authorization == "Bearer token3"


def test_sixteen_cold_threads_ask_for_one_token(make: Make) -> None:
    start = Barrier(16)

    def one(_: int) -> int:
        start.wait()
        return ask(client).status_code

    with faulty.serve(respond=Registry()) as server, ThreadPoolExecutor(16) as pool:
        client = make(server.host)
        assert set(pool.map(one, range(16))) == {200}
    assert len(tokens(server)) == 1


def test_sixteen_threads_with_a_wrong_password_ask_once(make: Make) -> None:
    start = Barrier(16)

    def one(_: int) -> None:
        start.wait()
        with fails(codes.DENIED):
            ask(client)

    with faulty.serve(respond=Registry("other")) as server, ThreadPoolExecutor(16) as pool:
        client = make(server.host)
        list(pool.map(one, range(16)))
    assert len(tokens(server)) == 1


def test_an_expired_token_is_renewed_once(make: Make) -> None:
    registry = Registry()
    start = Barrier(16)

    def one(_: int) -> int:
        start.wait()
        return ask(client).status_code

    with faulty.serve(respond=registry) as server, ThreadPoolExecutor(16) as pool:
        client = make(server.host)
        assert ask(client).ok
        registry.valid.clear()
        assert set(pool.map(one, range(16))) == {200}
    assert len(tokens(server)) == 2


def test_a_token_that_expires_while_we_wait_is_renewed_again(make: Make) -> None:
    """A 429 may ask for longer than a token lives, and may come more than once in a request."""
    registry = Registry()
    busy = iter([True, True, False])

    def respond(request: Request) -> Answer:
        found = registry(request)
        if found == OK and next(busy):
            registry.valid.clear()
            return Answer(429)
        return found

    with faulty.serve(respond=respond) as server:
        assert ask(make(server.host)).status_code == 200
    assert len(tokens(server)) == 3


def test_a_token_that_is_never_good_enough_is_a_refusal(make: Make) -> None:
    registry = Registry()

    def respond(request: Request) -> Answer:
        found = registry(request)
        return found if request.path == "/token" else bearer(f"http://{request.host}/token")

    with faulty.serve(respond=respond) as server:
        assert ask(make(server.host)).status_code == 401
    assert len(server.requests) == 3


def test_to_read_nobodys_credentials_may_do_better_than_stale_ones(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if request.path == "/token":
            stale = request.authorization is not None
            return error(403, "DENIED") if stale else Answer(200, b'{"access_token": "anyones"}')
        anyones = request.authorization == "Bearer anyones"
        return OK if anyones else bearer(f"http://{request.host}/token")

    with faulty.serve(respond=respond) as server:
        assert ask(make(server.host, access=Access.PULL)).ok
        assert [request.authorization for request in tokens(server)] == [ME.basic, None]
        with fails(codes.DENIED):
            ask(make(server.host, access=Access.PUSH))
        assert len(tokens(server)) == 3  # to write, nobody's are no use


@pytest.mark.parametrize("status", [429, 503])
def test_a_realm_that_is_busy_is_not_a_refusal(make: Make, status: int) -> None:
    def respond(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(status, b"later")
        return bearer(f"http://{request.host}/token")

    with faulty.serve(respond=respond) as server:
        client = make(server.host)
        with fails(codes.UNREACHABLE, "later"):
            ask(client)
        assert len(tokens(server)) == transport.TRIES
        with fails(codes.UNREACHABLE, "later"):
            ask(client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": 7}',
        b'{"token": ""}',
        rb'{"token": "a\r\nHost: evil"}',
        '{"token": "\u20ac"}'.encode(),
        b"[" * 50_000,
    ],
)
def test_a_realm_that_gives_no_token_is_a_refusal(make: Make, body: bytes) -> None:
    def respond(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(200, body)
        return bearer(f"http://{request.host}/token")

    with faulty.serve(respond=respond) as server, fails(codes.DENIED, "no token for acme/app"):
        ask(make(server.host))


# Other hosts


def internet(server: Faulty) -> dict[str, str]:
    """The environment of a client for whom every host is the server."""
    return dict(server.proxy)


def sees_a_secret(request: Request) -> bool:
    return request.authorization is not None


def test_a_redirect_is_followed_without_credentials(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if request.host == "objects.example":
            return Answer(200, b"stored")
        if not request.authorization:
            return BASIC
        return Answer(307, b"", {"Location": "https://objects.example/blob?signature=1"})

    with faulty.serve(respond=respond) as server:
        assert ask(make("ghcr.io", environment=internet(server))).content == b"stored"
    assert [(request.host, sees_a_secret(request)) for request in server.requests] == [
        ("ghcr.io", False),
        ("ghcr.io", True),
        ("objects.example", False),
    ]


def test_a_redirect_at_home_keeps_the_credentials(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if not request.authorization:
            return BASIC
        return OK if request.path == "/other" else Answer(302, b"", {"Location": "/other"})

    with faulty.serve(respond=respond) as server:
        assert ask(make(server.host)).ok


def test_our_own_host_with_its_port_is_our_own(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if not request.authorization:
            return BASIC
        here = request.path == "/there"
        return OK if here else Answer(307, b"", {"Location": "HTTPS://GHCR.IO:443/there"})

    with faulty.serve(respond=respond) as server:
        assert ask(make("ghcr.io", environment=internet(server))).ok


def test_another_port_is_another_host(make: Make) -> None:
    with faulty.serve(OK) as other:
        away = Answer(307, b"", {"Location": f"http://{other.host}/blob"})
        with faulty.serve(BASIC, away) as server:
            assert ask(make(server.host)).ok
    assert other.requests[0].authorization is None


def test_a_challenge_from_elsewhere_is_not_answered(make: Make) -> None:
    with faulty.serve(respond=lambda request: BASIC) as other:
        away = Answer(307, b"", {"Location": f"http://{other.host}/blob"})
        with faulty.serve(away) as server:
            assert ask(make(server.host)).status_code == 401
    assert [request.authorization for request in server.requests + other.requests] == [None, None]


UNSAFE = [
    "http://objects.example/blob",
    "http://ghcr.io/blob",
    "http://127.0.0.1:5000/blob",
    "http://127.0.0.1:x@objects.example/blob",
    "https://ghcr.io@objects.example/blob",
    "https://ghcr.io:x@objects.example/blob",
    "https://objects.example\\@ghcr.io/blob",
    "https://objects.example#@ghcr.io/",
    "https://ghcr.io\\.objects.example/blob",
    "https://[::1/blob",
    "https://objects.example:port/blob",
    "https://objects.example/a b",
    "ftp://objects.example/blob",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("place", UNSAFE)
def test_a_redirect_to_no_safe_place_is_not_followed(make: Make, place: str) -> None:
    with faulty.serve(BASIC, Answer(307, b"", {"Location": place})) as server:
        with fails(codes.REGISTRY_REFUSED, "not https"):
            ask(make("ghcr.io", environment=internet(server)))
        assert len(server.requests) == 2


@pytest.mark.parametrize("place", UNSAFE)
def test_an_upload_to_no_safe_place_is_not_begun(make: Make, place: str) -> None:
    with faulty.serve(Answer(202, b"", {"Location": place})) as server:
        client = make("ghcr.io", environment=internet(server))
        opened = ask(client, "POST")
        with fails(codes.REGISTRY_REFUSED, "not https"):
            client.target(opened)


@pytest.mark.parametrize("place", ["", "/token", "https:///token", *UNSAFE])
def test_a_realm_at_no_safe_place_is_not_asked(make: Make, place: str) -> None:
    with faulty.serve(respond=lambda request: bearer(place)) as server:
        with fails(codes.REGISTRY_REFUSED, "not https") as found:
            ask(make("ghcr.io", environment=internet(server)))
        assert len(server.requests) == 1
    assert found[0].next_step


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_what_writes_is_not_redirected(make: Make, method: str) -> None:
    with faulty.serve(Answer(307, b"", {"Location": "/elsewhere"})) as server:
        assert ask(make(server.host), method, data=b"x").status_code == 307
    assert len(server.requests) == 1


def test_redirects_have_an_end(make: Make) -> None:
    with faulty.serve(respond=lambda request: Answer(302, b"", {"Location": PATH})) as server:
        with fails(codes.REGISTRY_REFUSED, "without an end"):
            ask(make(server.host))
        assert len(server.requests) == transport.REDIRECTS + 1


@pytest.mark.parametrize("host", ["registry.acme.example", "auth.acme.example", "acme.example"])
def test_a_realm_of_the_same_domain_gets_the_credentials(make: Make, host: str) -> None:
    registry = Registry(realm=f"https://{host}/token")
    with faulty.serve(respond=registry) as server:
        assert ask(make("registry.acme.example", environment=internet(server))).ok


def test_a_realm_of_another_host_gets_no_credentials(make: Make) -> None:
    registry = Registry(password=None, realm="https://tokens.example/token")
    with faulty.serve(respond=registry) as server:
        assert ask(make("ghcr.io", environment=internet(server))).ok
    assert [request.authorization for request in tokens(server)] == [None]


def test_credentials_that_were_withheld_are_mentioned(make: Make) -> None:
    with faulty.serve(respond=Registry(realm="https://tokens.example/token")) as server:
        with fails(codes.DENIED, r"the credentials were not sent to tokens\.example, which is"):
            ask(make("ghcr.io", environment=internet(server)))
        assert not any(map(sees_a_secret, server.requests))


def test_a_realm_does_not_pass_credentials_on(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if request.host == "ghcr.io" and request.path == "/token":
            return Answer(307, b"", {"Location": "https://tokens.example/token"})
        return bearer("https://ghcr.io/token")

    with faulty.serve(respond=respond) as server:
        with fails(codes.DENIED, "307"):
            ask(make("ghcr.io", environment=internet(server)))
        assert {request.host for request in server.requests} == {"ghcr.io"}


def test_no_credentials_go_over_plain_http_even_where_it_is_asked_for(make: Make) -> None:
    with faulty.serve(respond=lambda request: BASIC) as server:
        assert ask(make(server.host, plain_http=True)).status_code == 401
    with faulty.serve(respond=Registry(password=None)) as other:
        assert ask(make(other.host, plain_http=True)).ok
    assert not any(map(sees_a_secret, [*server.requests, *tokens(other)]))


def test_only_this_machine_is_asked_over_http(make: Make) -> None:
    assert make("127.0.0.1:5000").prefix == "http"
    assert make("localhost").prefix == "http"
    assert make("[::1]:5000").prefix == "http"
    assert make("registry.example").prefix == "https"
    assert make("registry", plain_http=True).prefix == "http"


@pytest.mark.parametrize(
    "host", ["me:s3cret@registry.example", "a b", "a\\b", "a/b", "", "a#b", "a?b"]
)
def test_a_host_is_a_host(make: Make, host: str) -> None:
    with pytest.raises(UsageError):
        make(host)


# Proxies and certificates


def test_a_proxy_is_used_for_https(make: Make) -> None:
    with faulty.serve(OK) as server:
        assert ask(make("ghcr.io", environment=internet(server))).ok
    assert server.connects == ["ghcr.io:443"]
    assert server.requests[0].host == "ghcr.io"


@pytest.mark.parametrize(
    ("variables", "used"),
    [
        ({"https_proxy": "PROXY"}, True),
        ({"HTTPS_PROXY": "PROXY"}, True),
        ({"ALL_PROXY": "PROXY"}, True),
        ({"https_proxy": "PROXY", "HTTPS_PROXY": "http://other.example"}, True),
        ({"HTTP_PROXY": "PROXY"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "other.example, registry.example"}, False),
        ({"HTTPS_PROXY": "PROXY", "no_proxy": "registry.example:443"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": ".example"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "example"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "*.example"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "*"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "try.example,ample,,"}, True),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "a.registry.example"}, True),
        ({}, False),
    ],
)
def test_no_proxy_is_honoured(variables: Mapping[str, str], used: bool) -> None:
    expected = {"https": "PROXY"} if used else {}
    assert transport._proxies(variables, "https://registry.example:443/v2/") == expected


def test_this_machine_is_asked_without_a_proxy(make: Make) -> None:
    assert transport._proxies({"HTTPS_PROXY": "PROXY"}, "https://127.0.0.1:5000/v2/") == {}
    with faulty.serve(OK) as server, faulty.serve() as proxy:
        assert ask(make(server.host, environment=internet(proxy))).ok
    assert proxy.connects == []


def test_a_proxy_that_is_down_is_named(make: Make) -> None:
    proxy = {"HTTPS_PROXY": f"http://me:s3cret@127.0.0.1:{free_port()}"}
    with fails(codes.UNREACHABLE, "no connection through the proxy"):
        ask(make("ghcr.io", environment=proxy))


def test_a_certificate_that_does_not_verify_is_final(make: Make, waits: list[float]) -> None:
    with faulty.serve(OK) as server:
        with fails(codes.UNREACHABLE, "certificate does not verify"):
            ask(make("ghcr.io", environment={"HTTPS_PROXY": f"http://{server.host}"}))
        with fails(codes.UNREACHABLE, "certificate does not verify"):
            ask(make("elsewhere.example", environment=internet(server)))
    assert waits == []
    assert server.requests == []


def test_a_missing_file_of_certificates_is_named(make: Make) -> None:
    with fails(codes.UNREACHABLE, "/no/such/file"):
        ask(make("ghcr.io", environment={"REQUESTS_CA_BUNDLE": "/no/such/file"}))


def test_the_environment_is_only_what_was_given(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """No .netrc and no proxy of the process: credentials come from where we looked."""
    with faulty.serve(BASIC, OK) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
        netrc = f"{tmp_path}/netrc"
        with open(netrc, "w") as file:  # noqa: PTH123
            file.write(f"machine {server.host.partition(':')[0]} login me password s3cret\n")
        monkeypatch.setenv("NETRC", netrc)
        assert ask(make(server.host, None)).status_code == 401
    assert [request.authorization for request in server.requests] == [None]


# What it is built on


def test_every_request_of_oras_goes_through_ours(make: Make) -> None:
    """oras' own methods get our retries; what they ask for is not ours to use."""
    with faulty.serve(Answer(503), Answer(200, b'{"tags": ["a"]}')) as server:
        assert make(server.host).get_tags("acme/app") == ["a"]


def test_a_wait_is_never_the_same_for_everybody() -> None:
    assert len({answer.backoff(1) for _ in range(20)}) > 1
    assert all(answer.backoff(100) <= 30 for _ in range(20))


def test_words_are_cut(make: Make) -> None:
    bodies = [
        Answer(400, b"x" * 100_000),
        error(400, "CODE", "x" * 10_000),
        Answer(400, b'{"errors": [7]}'),
        Answer(400, b"\xff" * 400),
        Answer(400, b'{"errors": [{"code": ["a"], "message": {"b": 1}}]}'),
    ]
    with faulty.serve(*bodies) as server:
        client = make(server.host)
        for body in bodies:
            response = ask(client)
            assert re.match("400 .", answer.words(response))
            assert len(answer.words(response)) <= 300
            assert len(answer.error_codes(response)) <= 1
            assert response.content == body.body


def test_a_long_answer_is_not_parsed(make: Make) -> None:
    with faulty.serve(error(400, "CODE", "x" * 100_000)) as server:
        response = ask(make(server.host))
    assert answer.error_codes(response) == set()
    assert answer.words(response).startswith('400 {"errors"')


def test_a_port_that_answers_something_else_is_an_error(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = make(f"127.0.0.1:{listener.getsockname()[1]}")

        def babble() -> None:
            for _ in range(transport.TRIES):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")

        with ThreadPoolExecutor(1) as pool:
            babbling = pool.submit(babble)
            with fails(codes.UNREACHABLE, "no connection"):
                ask(client)
            babbling.result()
