"""Manifests, blobs and tags: the bytes that were meant, or a clear refusal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.peers import faulty
from tests.peers.faulty import BASIC, Answer, Faulty, Request, bearer, error

from ghcr_signer.core import codes, limits
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Failure, Unreachable
from ghcr_signer.core.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.registry import ghcr
from ghcr_signer.peers.registry.auth import Credentials
from ghcr_signer.peers.registry.client import Client, Manifest
from ghcr_signer.peers.registry.transport import TRIES, Access, Transport

# Not as any JSON writer would write it, and so not to be written again by one.
MANIFEST = b'{ "mediaType":"application/vnd.oci.image.manifest.v1+json",\t"schemaVersion": 2}\n\n'
DIGEST = Digest.of(MANIFEST)
BLOB = b"\x00payload\r\n"
DESCRIPTOR = Descriptor("application/octet-stream", Digest.of(BLOB), len(BLOB))
HELD = Answer(200, MANIFEST, {"Content-Type": f"{OCI_MANIFEST}; charset=utf-8"})
UPLOAD = "/v2/acme/app/blobs/uploads/"
BEGUN = Answer(202, b"", {"Location": f"{UPLOAD}1?state=a%2Bb"})
REALM = "https://tokens.example/token"
ME = Credentials("me", "s3cret")
NOT_FOUND = error(404, "MANIFEST_UNKNOWN")


Make = Callable[..., Client]


@pytest.fixture
def make(waits: list[float]) -> Make:
    def made(server: Faulty, host: str = "") -> Client:
        return Client(
            Transport(host or server.host, ME, Access.PUSH, server.proxy, sleep=waits.append)
        )

    return made


@contextmanager
def fails(code: Code, match: str = ".") -> Iterator[list[Failure]]:
    found: list[Failure] = []
    with pytest.raises(Unreachable, match=match) as caught:
        yield found
    found.append(caught.value.failure)
    assert caught.value.failure.code is code


def says(digest: Digest | str, status: int = 200, body: bytes = b"") -> Answer:
    return Answer(
        status, body, {"Docker-Content-Digest": str(digest), "Content-Type": OCI_MANIFEST}
    )


# Manifests


def test_a_manifest_is_read_as_it_is(make: Make) -> None:
    with faulty.serve(HELD, HELD) as server:
        client = make(server)
        expected = Manifest(MANIFEST, OCI_MANIFEST, DIGEST)
        assert client.manifest("acme/app", "latest") == expected
        assert client.manifest("acme/app", DIGEST) == expected
    assert server.log == [
        "GET /v2/acme/app/manifests/latest",
        f"GET /v2/acme/app/manifests/{DIGEST}",
    ]


def test_every_type_of_manifest_is_accepted(make: Make) -> None:
    """ghcr.io answers 404 to who does not accept what it has."""
    with faulty.serve(HELD, says(DIGEST), says(DIGEST)) as server:
        client = make(server)
        client.manifest("acme/app", "latest")
        client.tag_digest("acme/app", "latest")
        client.has_manifest("acme/app", DIGEST)
    for request in server.requests:
        accepted = request.headers["accept"].split(", ")
        assert len(accepted) == 4
        assert {OCI_MANIFEST, OCI_INDEX} < set(accepted)


def test_a_manifest_is_written_as_it_is(make: Make) -> None:
    with faulty.serve(says(DIGEST, 201), Answer(201)) as server:
        make(server).put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)
        make(server).put_manifest("acme/app", DIGEST, MANIFEST, OCI_MANIFEST)
    assert [request.body for request in server.requests] == [MANIFEST, MANIFEST]
    assert server.requests[0].headers["content-type"] == OCI_MANIFEST
    assert server.log == [
        "PUT /v2/acme/app/manifests/latest",
        f"PUT /v2/acme/app/manifests/{DIGEST}",
    ]


def test_what_is_not_there_is_none(make: Make, waits: list[float]) -> None:
    with faulty.serve(respond=lambda request: NOT_FOUND) as server:
        client = make(server)
        assert client.manifest("acme/app", "latest") is None
        assert client.tag_digest("acme/app", "latest") is None
        assert client.has_manifest("acme/app", DIGEST) is False
        assert client.blob("acme/app", DESCRIPTOR) is None
    assert len(server.requests) == 4
    assert waits == []


@pytest.mark.parametrize(
    ("reference", "lie"),
    [
        pytest.param(DIGEST, Answer(200, MANIFEST.strip()), id="other bytes"),
        pytest.param(DIGEST, Answer(200, b""), id="none"),
        pytest.param(DIGEST, says(DIGEST, body=b"{}"), id="other bytes that say they are not"),
        pytest.param("latest", says(DIGEST, body=b"{}"), id="a tag's digest is not its bytes'"),
    ],
)
def test_other_bytes_than_asked_for_are_refused(
    make: Make, reference: Digest | str, lie: Answer
) -> None:
    with faulty.serve(lie) as server, fails(codes.REGISTRY_LIES):
        make(server).manifest("acme/app", reference)


def test_a_digest_of_another_algorithm_is_no_lie(make: Make) -> None:
    with faulty.serve(says("sha512:" + "0" * 128, body=MANIFEST)) as server:
        found = make(server).manifest("acme/app", "latest")
    assert found == Manifest(MANIFEST, OCI_MANIFEST, DIGEST)


def test_another_digest_than_was_sent_is_refused(make: Make) -> None:
    with faulty.serve(says(Digest.of(b"{}"), 201)) as server, fails(codes.REGISTRY_LIES):
        make(server).put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)


def test_a_manifest_has_a_largest_size(make: Make) -> None:
    largest = b" " * limits.MANIFEST_BYTES
    with faulty.serve(Answer(200, largest), Answer(200, largest + b" ")) as server:
        client = make(server)
        found = client.manifest("acme/app", "latest")
        assert found is not None
        assert len(found.content) == limits.MANIFEST_BYTES
        with fails(codes.REGISTRY_REFUSED):
            client.manifest("acme/app", "latest")


# Tags


def test_a_tag_costs_one_request(make: Make) -> None:
    with faulty.serve(says(DIGEST)) as server:
        assert make(server).tag_digest("acme/app", "latest") == DIGEST
    assert server.log == ["HEAD /v2/acme/app/manifests/latest"]


@pytest.mark.parametrize("header", ["", "sha512:" + "0" * 128, "sha256:" + "A" * 64, "nonsense"])
def test_a_registry_that_does_not_say_is_read(make: Make, header: str) -> None:
    with faulty.serve(says(header), HELD) as server:
        assert make(server).tag_digest("acme/app", "latest") == DIGEST
    with faulty.serve(says(header), NOT_FOUND) as server:
        assert make(server).tag_digest("acme/app", "latest") is None


# Just after a push


def test_what_was_just_written_is_waited_for(make: Make, waits: list[float]) -> None:
    with faulty.serve(NOT_FOUND, NOT_FOUND, HELD, NOT_FOUND, Answer(200, BLOB)) as server:
        client = make(server)
        assert client.manifest("acme/app", DIGEST, just_written=True) is not None
        assert client.blob("acme/app", DESCRIPTOR, just_written=True) == BLOB
    assert len(waits) == 3


def test_a_tag_that_was_just_moved_is_waited_for(make: Make, waits: list[float]) -> None:
    old = says(Digest.of(b"old"))
    with faulty.serve(NOT_FOUND, old, old, says(DIGEST)) as server:
        assert make(server).tag_digest("acme/app", "latest", just_written=DIGEST) == DIGEST
    assert len(waits) == 3


def test_what_does_not_come_is_none_in_the_end(make: Make) -> None:
    with faulty.serve(respond=lambda request: NOT_FOUND) as server:
        client = make(server)
        assert client.manifest("acme/app", DIGEST, just_written=True) is None
        assert client.blob("acme/app", DESCRIPTOR, just_written=True) is None
        assert client.tag_digest("acme/app", "latest", just_written=DIGEST) is None
    assert len(server.requests) == 3 * TRIES


@pytest.mark.parametrize(
    "unknown",
    [
        error(400, "BLOB_UNKNOWN", "unknown blob"),
        error(404, "BLOB_UNKNOWN"),
        error(404, "MANIFEST_BLOB_UNKNOWN"),
    ],
)
def test_a_blob_that_is_not_known_yet_is_waited_for(
    make: Make, waits: list[float], unknown: Answer
) -> None:
    with faulty.serve(unknown, unknown, Answer(201)) as server:
        make(server).put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)
    assert [request.body for request in server.requests] == [MANIFEST] * 3
    assert len(waits) == 2


def test_a_blob_that_stays_unknown_is_an_error(make: Make) -> None:
    with faulty.serve(respond=lambda request: error(400, "BLOB_UNKNOWN")) as server:
        with fails(codes.REGISTRY_REFUSED, "BLOB_UNKNOWN"):
            make(server).put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)
        assert len(server.requests) == TRIES


def test_a_denial_says_that_the_credentials_were_withheld(make: Make) -> None:
    """A realm on another host may give anybody a token, which is then good for nothing."""

    def respond(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(200, b'{"token":"anybody"}')
        return error(401, "UNAUTHORIZED") if request.authorization else bearer(REALM)

    with (
        faulty.serve(respond=respond) as server,
        fails(codes.DENIED, r"not sent to tokens\.example, which is another host"),
    ):
        make(server, "ghcr.io").put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)


def test_a_manifest_that_is_refused_is_not_sent_again(make: Make, waits: list[float]) -> None:
    with (
        faulty.serve(error(400, "MANIFEST_INVALID")) as server,
        fails(codes.REGISTRY_REFUSED, "MANIFEST_INVALID"),
    ):
        make(server).put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)
    assert waits == []


# Blobs


@pytest.mark.parametrize("other", [b"\x00PAYLOAD\r\n", BLOB[:-1], BLOB + b"\n", b""])
def test_another_blob_than_asked_for_is_refused(make: Make, other: bytes) -> None:
    with faulty.serve(Answer(200, other)) as server, fails(codes.REGISTRY_LIES):
        make(server).blob("acme/app", DESCRIPTOR)


def test_a_blob_of_another_size_than_it_says_is_refused(make: Make) -> None:
    wrong = Descriptor("application/octet-stream", Digest.of(BLOB), len(BLOB) + 1)
    with faulty.serve(Answer(200, BLOB)) as server, fails(codes.REGISTRY_LIES):
        make(server).blob("acme/app", wrong)


@pytest.mark.parametrize("claimed", [10, 10**12])
def test_a_blob_has_a_largest_size_whatever_it_says(make: Make, claimed: int) -> None:
    endless = Answer(200, b"a" * (limits.BLOB_BYTES + 1), missing=10**12)
    huge = Descriptor("application/octet-stream", Digest.of(BLOB), claimed)
    with faulty.serve(endless) as server, fails(codes.REGISTRY_REFUSED, "more than"):
        make(server).blob("acme/app", huge)


def test_a_blob_goes_up_in_one_post_and_one_put(make: Make) -> None:
    with faulty.serve(BEGUN, Answer(201)) as server:
        make(server).put_blob("acme/app", BLOB)
    assert server.log == [f"POST {UPLOAD}", f"PUT {UPLOAD}1"]
    post, put = server.requests
    assert (post.body, put.body) == (b"", BLOB)
    assert urlsplit(put.target).query == f"state=a%2Bb&digest=sha256%3A{DESCRIPTOR.digest.hex}"


@pytest.mark.parametrize(
    "lost",
    [
        error(404, "BLOB_UPLOAD_UNKNOWN"),
        error(400, "BLOB_UPLOAD_INVALID"),
        Answer(404, b"<html>no</html>"),
    ],
)
def test_an_upload_that_is_lost_is_begun_again(make: Make, lost: Answer) -> None:
    again = Answer(202, b"", {"Location": f"{UPLOAD}2"})
    with faulty.serve(BEGUN, lost, again, Answer(201)) as server:
        make(server).put_blob("acme/app", BLOB)
    assert server.log[2:] == [f"POST {UPLOAD}", f"PUT {UPLOAD}2"]
    assert server.requests[3].body == BLOB


def test_a_put_whose_answer_was_lost_is_begun_again(make: Make) -> None:
    """The registry took it; the same PUT again finds no upload."""
    gone = error(404, "BLOB_UPLOAD_UNKNOWN")
    with faulty.serve(BEGUN, Answer(lost=True), gone, BEGUN, Answer(201)) as server:
        make(server).put_blob("acme/app", BLOB)
    assert [line.partition(" ")[0] for line in server.log] == ["POST", "PUT", "PUT", "POST", "PUT"]


def test_an_upload_is_begun_again_only_once(make: Make) -> None:
    lost = error(404, "BLOB_UPLOAD_UNKNOWN")
    with faulty.serve(BEGUN, lost, BEGUN, lost) as server:
        with fails(codes.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"):
            make(server).put_blob("acme/app", BLOB)
        assert len(server.requests) == 4


def test_an_upload_to_another_host_takes_no_credentials_along(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if request.host == "objects.example":
            return Answer(201)
        place = "https://objects.example/upload?signature=1"
        return Answer(202, b"", {"Location": place}) if request.authorization else BASIC

    with faulty.serve(respond=respond) as server:
        make(server, "ghcr.io").put_blob("acme/app", BLOB)
    assert [(request.host, request.authorization) for request in server.requests] == [
        ("ghcr.io", None),
        ("ghcr.io", ME.basic),
        ("objects.example", None),
    ]
    assert parse_qs(urlsplit(server.requests[2].target).query)["signature"] == ["1"]


def test_an_upload_elsewhere_on_the_host_has_the_repositorys_token(make: Make) -> None:
    """Where uploads are is the registry's to say; not every one has the repository in its path."""

    def respond(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(200, b'{"token": "t"}')
        if request.authorization != "Bearer t":
            return bearer(f"http://{request.host}/token")
        return Answer(202, b"", {"Location": "/up/1"}) if request.method == "POST" else Answer(201)

    with faulty.serve(respond=respond) as server:
        make(server).put_blob("acme/app", BLOB)
    assert server.log == [f"POST {UPLOAD}", "GET /token", f"POST {UPLOAD}", "PUT /up/1"]


def test_a_token_that_ends_between_post_and_put_is_renewed(make: Make) -> None:
    tokens = iter([b"first", b"second"])
    valid = [b""]

    def respond(request: Request) -> Answer:
        if request.path == "/token":
            valid[0] = next(tokens)
            return Answer(200, b'{"token": "%s"}' % valid[0])
        if request.authorization != f"Bearer {valid[0].decode()}":
            return bearer(f"http://{request.host}/token")
        if request.method == "POST":
            valid[0] = b"ended"
            return BEGUN
        return Answer(201)

    with faulty.serve(respond=respond) as server:
        make(server).put_blob("acme/app", BLOB)
    assert server.requests[-1].body == BLOB


@pytest.mark.parametrize("place", ["http://objects.example/up", "https://ghcr.io:x@evil.example/"])
def test_an_upload_to_no_safe_place_is_not_sent(make: Make, place: str) -> None:
    with faulty.serve(Answer(202, b"", {"Location": place})) as server:
        with fails(codes.REGISTRY_REFUSED, "not https"):
            make(server).put_blob("acme/app", BLOB)
        assert len(server.requests) == 1


# Refusals


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (error(401, "UNAUTHORIZED"), codes.DENIED),
        (error(403, "DENIED"), codes.DENIED),
        (error(404, "NAME_UNKNOWN"), codes.NOT_FOUND),
        (error(400, "NAME_INVALID"), codes.REGISTRY_REFUSED),
        (error(405, "UNSUPPORTED"), codes.REGISTRY_REFUSED),
        (Answer(200), codes.REGISTRY_REFUSED),
        (Answer(307, b"", {"Location": "/"}), codes.REGISTRY_REFUSED),
        (error(429, "TOOMANYREQUESTS"), codes.UNREACHABLE),
        (Answer(403, b"You have exceeded a secondary rate limit"), codes.UNREACHABLE),
        (Answer(500), codes.UNREACHABLE),
        (Answer(501), codes.UNREACHABLE),
    ],
)
def test_each_refusal_has_its_code(make: Make, refusal: Answer, code: Code) -> None:
    with faulty.serve(respond=lambda request: refusal) as server:
        client = make(server)
        with fails(code, f"{refusal.status}"):
            client.put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)
        with fails(code, f"{refusal.status}"):
            client.put_blob("acme/app", BLOB)


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_reading_is_refused_with_the_registrys_own_words(make: Make, status: int) -> None:
    with faulty.serve(respond=lambda request: error(status, "CODE", "because " * 1000)) as server:
        client = make(server)
        for read in (
            lambda: client.manifest("acme/app", "latest"),
            lambda: client.blob("acme/app", DESCRIPTOR),
        ):
            with pytest.raises(Unreachable, match=f"acme/app .*{status} CODE: because") as caught:
                read()
            message = caught.value.failure.message
            assert message.startswith(f"{server.host}: GET ")
            assert len(message) < 500
        for head in (
            lambda: client.tag_digest("acme/app", "latest"),
            lambda: client.has_manifest("acme/app", DIGEST),
        ):
            with pytest.raises(Unreachable, match=f"HEAD acme/app .*{status}"):
                head()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>" + b"x" * 100_000,
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"errors": []}',
        b'{"errors": {}}',
        b'{"errors": [null]}',
        b'{"errors": [{"code": {}}]}',
        b"[" * 100_000,
    ],
)
def test_a_refusal_need_not_be_json(make: Make, body: bytes) -> None:
    with faulty.serve(respond=lambda request: Answer(400, body)) as server:
        with fails(codes.REGISTRY_REFUSED, "400") as found:
            make(server).put_manifest("acme/app", "latest", MANIFEST, OCI_MANIFEST)
        assert len(found[0].message) < 500


# ghcr.io's own


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (
            "installation not allowed to Create organization package",
            "permissions: packages: write",
        ),
        ("installation not allowed to Write organization package", "package's owner, acme"),
        (
            "permission_denied: write_package",
            "https://github.com/orgs/acme/packages/container/tools%2Fapp/settings",
        ),
        ("permission_denied: read_package", "role Read"),
        ("permission_denied: The token provided does not match expected scopes.", "write:packages"),
        ("requested access to the resource is denied", "docker login ghcr.io"),
    ],
)
def test_ghcrs_refusals_have_an_exact_remedy(make: Make, words: str, fix: str) -> None:
    with faulty.serve(respond=lambda request: error(403, "DENIED", words)) as server:
        with fails(codes.DENIED, words) as found:
            make(server, "ghcr.io").put_blob("acme/tools/app", BLOB)
        assert fix in found[0].fix


def test_a_realm_of_ghcr_that_denies_has_a_remedy(make: Make) -> None:
    def respond(request: Request) -> Answer:
        if request.path == "/token":
            return error(403, "DENIED", "installation not allowed to Create organization package")
        return bearer("https://ghcr.io/token")

    with faulty.serve(respond=respond) as server:
        with fails(codes.DENIED) as found:
            make(server, "ghcr.io").put_blob("acme/app", BLOB)
        assert "permissions: packages: write" in found[0].fix


def test_another_hosts_words_are_its_own() -> None:
    assert ghcr.remedy("registry.example", "acme/app", "permission_denied: write_package") == ""
    assert ghcr.remedy("ghcr.io", "acme/app", "401 UNAUTHORIZED: authentication required") == ""
