"""The registry as a server: routes, names, framing, threads, its beginning and its end."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry import EmbeddedRegistry, blobs, connection

BLOB = b"0123456789"
DIGEST = str(Digest.of(BLOB))
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
UPLOADS = "/v2/acme/app/blobs/uploads/"


def raw(registry, request):
    """Send these bytes as they are, and read until the registry hangs up."""
    host, _, port = registry.host.rpartition(":")
    answers = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        with suppress(ConnectionResetError):  # it hung up without reading all that was sent
            while received := connection.recv(65536):
                answers += received
    return answers


def statuses(answers):
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


PING_AND_HANG_UP = b"GET /v2/ HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"


class TestRoutes:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_support(self, call, method):
        answer = call(method, "/v2/")
        assert (answer.status, answer.body) == (200, b"{}" if method == "GET" else b"")
        assert answer.headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize(
        "target",
        [
            "/",
            "/v1/",
            "/v2",
            "/v2/_catalog",
            "/v2/manifests/v1",
            "/v2/acme/app/manifests/",
            "/v2/acme/app/manifests/v1/",
            "/v2/acme/app/blobs/",
            "/v2/acme/app/tags/",
            f"/v2/acme/app/referrers/{DIGEST}",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_an_unknown_path(self, call, method, target):
        assert call(method, target, b"").refusal == (404, "UNSUPPORTED")

    @pytest.mark.parametrize(
        ("method", "target", "allow"),
        [
            ("POST", "/v2/", "GET, HEAD"),
            ("PUT", f"/v2/acme/app/blobs/{DIGEST}", "GET, HEAD, DELETE"),
            ("GET", UPLOADS, "POST"),
            ("POST", f"{UPLOADS}some-upload", "GET, PATCH, PUT, DELETE"),
            ("POST", "/v2/acme/app/manifests/v1", "GET, HEAD, PUT, DELETE"),
            ("DELETE", "/v2/acme/app/tags/list", "GET"),
            ("OPTIONS", "/v2/", "GET, HEAD"),
        ],
    )
    def test_a_wrong_method(self, call, method, target, allow):
        answer = call(method, target, b"")
        assert answer.refusal == (405, "UNSUPPORTED")
        assert answer.headers["Allow"] == allow

    def test_an_answer_to_head_has_no_body(self, registry):
        for path in (b"/v2/", b"/nowhere"):
            head = PING_AND_HANG_UP.replace(b"GET", b"HEAD").replace(b"/v2/", path)
            assert raw(registry, head).endswith(b"\r\n\r\n")

    def test_a_query_that_cannot_be_read(self, call):
        answer = call("GET", "/v2/acme/app/tags/list?" + "n=1&" * 200)
        assert answer.refusal == (400, "UNSUPPORTED")

    def test_of_a_parameter_that_is_given_twice_the_first_counts(self, call):
        other = Digest.of(b"other")
        target = f"{UPLOADS}?digest={DIGEST}&digest={other}"
        assert call("POST", target, BLOB).status == 201


class TestNames:
    @pytest.mark.parametrize("name", ["a", "acme/app", "a/b/c/d", "a.b/c_d/e__f/g---h", "0/1"])
    def test_a_repository(self, call, name):
        assert call("POST", f"/v2/{name}/blobs/uploads/").status == 202

    def test_it_may_contain_the_words_of_the_routes(self, registry, call):
        name = "blobs/uploads/manifests/tags/list"
        digest = registry.blobs.put(name, BLOB)
        assert call("GET", f"/v2/{name}/blobs/{digest}").body == BLOB

    def test_it_is_percent_decoded(self, registry, call):
        registry.blobs.put("acme/app", BLOB)
        target = f"/v2/%61cme%2Fapp/blobs/{DIGEST.replace(':', '%3A')}"
        assert call("GET", target).body == BLOB

    @pytest.mark.parametrize(
        "name",
        [
            "Acme/app",
            "acme//app",
            "acme/",
            "acme/../app",
            "-acme",
            "acme/app:v1",
            f"acme/app@{DIGEST}",
            "a" * 256,
            "acme%20app",
            "acme%00",
            "acme%0A",
            "%C3%A9",
            "%FF",
            "%2561cme",
        ],
    )
    @pytest.mark.parametrize(
        ("method", "target"),
        [
            ("GET", f"/v2/NAME/blobs/{DIGEST}"),
            ("DELETE", f"/v2/NAME/blobs/{DIGEST}"),
            ("POST", "/v2/NAME/blobs/uploads/"),
            ("POST", f"/v2/NAME/blobs/uploads/?digest={DIGEST}"),
            ("GET", "/v2/NAME/blobs/uploads/some-upload"),
            ("PATCH", "/v2/NAME/blobs/uploads/some-upload"),
            ("PUT", f"/v2/NAME/blobs/uploads/some-upload?digest={DIGEST}"),
            ("DELETE", "/v2/NAME/blobs/uploads/some-upload"),
            ("GET", "/v2/NAME/manifests/v1"),
            ("PUT", "/v2/NAME/manifests/v1"),
            ("DELETE", "/v2/NAME/manifests/v1"),
            ("GET", "/v2/NAME/tags/list"),
        ],
    )
    def test_what_is_no_repository(self, call, method, target, name):
        answer = call(method, target.replace("NAME", name), BLOB)
        assert answer.refusal == (400, "NAME_INVALID")


class TestFraming:
    """A body is read to its end, or the connection ends: no body is ever read as a request."""

    def request(self, method, target, *headers, body=b""):
        lines = [f"{method} {target} HTTP/1.1", "Host: r", *headers, "", ""]
        return "\r\n".join(lines).encode() + body

    @pytest.mark.parametrize("target", ["/nowhere", "/v2/", f"/v2/ACME/blobs/{DIGEST}"])
    def test_the_body_of_a_refused_request_is_read(self, registry, target):
        body = PING_AND_HANG_UP.replace(b"close", b"x")
        first = self.request("PUT", target, f"Content-Length: {len(body)}", body=body)
        assert len(statuses(raw(registry, first + PING_AND_HANG_UP))) == 2

    def test_a_body_over_the_cap_is_read_and_the_connection_goes_on(self, registry, monkeypatch):
        monkeypatch.setattr(connection, "BLOB_BYTES", 1000)
        first = self.request("POST", UPLOADS, "Content-Length: 5000", body=b"x" * 5000)
        assert statuses(raw(registry, first + PING_AND_HANG_UP)) == [413, 200]

    def test_a_refused_request_that_wants_to_be_the_last_is(self, registry, monkeypatch):
        monkeypatch.setattr(connection, "BLOB_BYTES", 1)
        only = self.request("POST", UPLOADS, "Content-Length: 2", "Connection: close", body=b"xx")
        assert statuses(raw(registry, only + PING_AND_HANG_UP)) == [413]

    def test_a_chunked_body_with_extensions_and_trailers(self, registry):
        chunks = b"4;name=value\r\n0123\r\n006\r\n456789\r\n0\r\nTrailer: x\r\n\r\n"
        target = f"{UPLOADS}?digest={DIGEST}"
        first = self.request("POST", target, "Transfer-Encoding: chunked", body=chunks)
        assert statuses(raw(registry, first + PING_AND_HANG_UP)) == [201, 200]

    def test_a_chunked_body_over_the_cap(self, registry, monkeypatch):
        monkeypatch.setattr(connection, "BLOB_BYTES", 5)
        chunks = b"4\r\n0123\r\n4\r\n4567\r\n0\r\n\r\n"
        first = self.request("POST", UPLOADS, "Transfer-Encoding: chunked", body=chunks)
        assert statuses(raw(registry, first + PING_AND_HANG_UP)) == [413, 200]

    def test_no_length_is_no_body(self, registry):
        first = self.request("POST", UPLOADS)
        assert statuses(raw(registry, first + PING_AND_HANG_UP)) == [202, 200]

    def test_a_chunk_without_a_length(self, registry):
        first = self.request("PATCH", f"{UPLOADS}some-upload", body=BLOB)
        assert statuses(raw(registry, first + PING_AND_HANG_UP)) == [411]

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (["Content-Length: x"], b""),
            (["Content-Length: -1"], b""),
            (["Content-Length: +1"], b"x"),
            (["Content-Length: 1_0"], BLOB),
            (["Content-Length:"], b""),
            (["Content-Length: 1", "Content-Length: 2"], b"xx"),
            (["Content-Length: 1, 1"], b"x"),
            (["Content-Length: 10", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding: gzip"], b""),
            (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding: chunked"], b"x\r\n"),
            (["Transfer-Encoding: chunked"], b"-1\r\n"),
            (["Transfer-Encoding: chunked"], b"\r\n"),
            (["Transfer-Encoding: chunked"], b"1\r\nxx\r\n0\r\n\r\n"),
            (["Transfer-Encoding: chunked"], b"f" * 2000),
        ],
    )
    def test_a_body_without_a_certain_end(self, registry, headers, body):
        first = self.request("POST", f"{UPLOADS}?digest={DIGEST}", *headers, body=body)
        answer = raw(registry, first + PING_AND_HANG_UP)
        assert statuses(answer) == [400]
        assert b"Connection: close" in answer

    @pytest.mark.parametrize(
        ("header", "body"),
        [("Content-Length: 11", BLOB), ("Transfer-Encoding: chunked", b"b\r\n" + BLOB)],
    )
    def test_half_a_body_is_not_stored(self, header, body):
        seen = []
        with EmbeddedRegistry(on_request=lambda *event: seen.append(event)) as registry:
            host, _, port = registry.host.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=20) as client:
                client.sendall(
                    self.request("POST", f"{UPLOADS}?digest={DIGEST}", header, body=body)
                )
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
            assert seen == []
            assert registry.blobs.find("acme/app", DIGEST) is None

    def test_expect_100_continue(self, registry):
        first = self.request(
            "POST", f"{UPLOADS}?digest={DIGEST}", "Expect: 100-continue", "Content-Length: 10"
        )
        assert statuses(raw(registry, first + BLOB + PING_AND_HANG_UP)) == [100, 201, 200]

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"GET /v2/ HTTP/9.9\r\n\r\n", 505),
            (b"BREW /v2/ HTTP/1.1\r\n\r\n", 501),
            (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
            (b"GET /v2/ HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        ],
    )
    def test_what_http_itself_refuses(self, registry, request_, status):
        answer = raw(registry, request_)
        document = json.loads(answer[answer.index(b"{") :])
        assert document["errors"][0]["code"] == "UNSUPPORTED"
        assert statuses(answer) in ([status], [])  # a request without a version gets no status line

    def test_http_1_0(self, registry):
        assert statuses(raw(registry, b"GET /v2/ HTTP/1.0\r\n\r\n")) == [200]


class TestLife:
    def test_it_listens_on_loopback(self):
        with EmbeddedRegistry() as registry:
            host, _, port = registry.host.rpartition(":")
            assert host == "127.0.0.1"
            assert int(port) > 0

    @pytest.mark.parametrize(
        "host",
        ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "localhost", "example.org", "", "127.0.0"],
    )
    def test_what_is_no_loopback_address(self, host):
        with pytest.raises(ValueError, match=r"loopback|IPv4"):
            EmbeddedRegistry(host=host)

    def test_ipv6(self):
        try:
            registry = EmbeddedRegistry(host="::1")
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        with registry:
            port = int(registry.host.removeprefix("[::1]:"))
            with closing(http.client.HTTPConnection("::1", port, timeout=20)) as client:
                client.request("GET", "/v2/")
                assert client.getresponse().status == 200

    def test_it_looks_up_no_name_which_could_take_seconds(self, monkeypatch):
        monkeypatch.setattr(socket, "getfqdn", lambda *_: 1 / 0)
        EmbeddedRegistry().close()

    def test_a_port_that_is_given(self):
        with EmbeddedRegistry() as first:
            port = int(first.host.rpartition(":")[2])
            with pytest.raises(OSError):  # noqa: PT011 - its text and number differ by system
                EmbeddedRegistry(port=port)
        with EmbeddedRegistry(port=port) as second:
            assert second.host == first.host

    def test_two_are_two(self):
        with EmbeddedRegistry() as first, EmbeddedRegistry() as second:
            first.blobs.put("acme/app", BLOB)
            assert second.blobs.find("acme/app", DIGEST) is None

    def test_closed_it_hangs_up_and_answers_nobody(self, call, registry):
        assert call("GET", "/v2/").status == 200
        kept_alive = call.connection.sock
        registry.close()
        assert kept_alive.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            raw(registry, PING_AND_HANG_UP)

    def test_start_and_close_may_be_repeated(self):
        registry = EmbeddedRegistry()
        registry.start()
        registry.start()
        assert statuses(raw(registry, PING_AND_HANG_UP)) == [200]
        registry.close()
        registry.close()

    def test_it_may_be_closed_without_having_been_started(self):
        EmbeddedRegistry().close()

    def test_serve_forever_until_closed(self):
        registry = EmbeddedRegistry()
        server = threading.Thread(target=registry.serve_forever)
        server.start()
        assert statuses(raw(registry, PING_AND_HANG_UP)) == [200]
        registry.close()
        server.join(20)
        assert not server.is_alive()

    def test_no_thread_keeps_the_program_from_ending(self, call):
        before = {thread for thread in threading.enumerate() if not thread.daemon}
        call("GET", "/v2/")
        with EmbeddedRegistry() as other:
            raw(other, PING_AND_HANG_UP)
            assert {thread for thread in threading.enumerate() if not thread.daemon} == before

    def test_answers_are_not_held_back_by_nagles_algorithm(self, registry, call):
        call("GET", "/v2/")
        [served] = registry._server._connections
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def test_it_prints_nothing(self, registry, call, capfd):
        call("GET", "/v2/")
        call("GET", "/nowhere")
        raw(registry, b"nonsense\r\n\r\n")
        raw(registry, b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        registry.close()
        assert capfd.readouterr() == ("", "")

    def test_a_fault_of_its_own_is_an_answer(self, registry, call, monkeypatch):
        monkeypatch.setattr(registry.blobs, "get", lambda *_: 1 / 0)
        assert call("GET", f"/v2/acme/app/blobs/{DIGEST}").refusal == (500, "UNKNOWN")
        assert call("GET", "/v2/").status == 200


class TestObserver:
    def test_it_is_told_of_each_request_before_its_answer(self):
        seen = []
        with EmbeddedRegistry(on_request=lambda *event: seen.append(event)) as registry:
            raw(registry, PING_AND_HANG_UP)
            assert seen == [("GET", "/v2/", 200)]
            raw(registry, PING_AND_HANG_UP.replace(b"/v2/", b"/v2/A/tags/list?n=%31"))
            assert seen[1:] == [("GET", "/v2/A/tags/list?n=%31", 400)]

    def test_if_it_raises_the_client_gets_no_answer_and_others_do(self, capfd):
        def fail_on_deletes(method, target, status):
            if method == "DELETE":
                raise RuntimeError

        with EmbeddedRegistry(on_request=fail_on_deletes) as registry:
            registry.manifests.put("acme/app", b"{}", OCI_MANIFEST, "v1")
            delete = b"DELETE /v2/acme/app/manifests/v1 HTTP/1.1\r\n\r\n"
            assert raw(registry, delete + PING_AND_HANG_UP) == b""
            assert registry.manifests.tags("acme/app") == []
            assert statuses(raw(registry, PING_AND_HANG_UP)) == [200]
        assert capfd.readouterr() == ("", "")


class TestThreads:
    THREADS = 16

    def together(self, work):
        """Run work(number) in 16 threads that begin at the same moment."""
        barrier = threading.Barrier(self.THREADS, timeout=20)

        def run(number):
            barrier.wait()
            return work(number)

        with ThreadPoolExecutor(self.THREADS) as pool:
            return list(pool.map(run, range(self.THREADS)))

    def client(self, registry):
        return closing(http.client.HTTPConnection(registry.host, timeout=60))

    def request(self, client, method, target, body=None, headers=None):
        client.request(method, target, body, headers or {})
        response = client.getresponse()
        response.read()
        return response

    def test_all_that_they_push_is_there(self, registry):
        """Each pushes its own images, on a blob and with a tag that all share."""

        def push_blob(client, content):
            location = self.request(client, "POST", UPLOADS).headers["Location"]
            half = len(content) // 2
            patched = self.request(client, "PATCH", location, content[:half])
            target = f"{location}?digest={Digest.of(content)}"
            put = self.request(client, "PUT", target, content[half:])
            assert (patched.status, put.status) == (202, 201)
            return {"mediaType": "x/y", "digest": str(Digest.of(content)), "size": len(content)}

        def push_images(number):
            with self.client(registry) as client:
                for image in range(10):
                    document = {
                        "schemaVersion": 2,
                        "mediaType": OCI_MANIFEST,
                        "config": push_blob(client, b"shared config"),
                        "layers": [push_blob(client, b"layer %d of %d" % (image, number))],
                    }
                    for tag in (f"t{number}-{image}", "latest"):
                        put = self.request(
                            client,
                            "PUT",
                            f"/v2/acme/app/manifests/{tag}",
                            json.dumps(document).encode(),
                            {"Content-Type": OCI_MANIFEST},
                        )
                        assert put.status == 201
            return document

        last = self.together(push_images)
        assert len(registry.manifests.tags("acme/app")) == self.THREADS * 10 + 1
        latest = registry.manifests.get("acme/app", "latest").content
        assert json.loads(latest) in last
        for number in range(self.THREADS):
            for image in range(10):
                layer = b"layer %d of %d" % (image, number)
                assert registry.blobs.get("acme/app", str(Digest.of(layer))) == layer
                assert registry.manifests.find("acme/app", f"t{number}-{image}") is not None

    def test_of_the_same_chunk_one_is_taken(self, registry):
        upload_id = registry.blobs.open_upload("acme/app")

        def push_chunk(number):
            with self.client(registry) as client:
                headers = {"Content-Range": "0-0"}
                return self.request(client, "PATCH", UPLOADS + upload_id, b"x", headers).status

        assert sorted(self.together(push_chunk)) == [202] + [416] * (self.THREADS - 1)
        assert registry.blobs.uploaded("acme/app", upload_id) == 1

    def test_an_upload_is_finished_once(self, registry):
        upload_id = registry.blobs.open_upload("acme/app")

        def finish(number):
            with self.client(registry) as client:
                target = f"{UPLOADS}{upload_id}?digest={DIGEST}"
                return self.request(client, "PUT", target, BLOB).status

        assert sorted(self.together(finish)) == [201] + [404] * (self.THREADS - 1)

    def test_the_number_of_uploads_stays_bounded(self, registry):
        def begin(number):
            with self.client(registry) as client:
                return [
                    self.request(client, "POST", UPLOADS).headers["Docker-Upload-UUID"]
                    for _ in range(blobs.UPLOADS // 8)
                ]

        begun = [upload_id for ids in self.together(begin) for upload_id in ids]
        assert len(set(begun)) == len(begun) > blobs.UPLOADS
        with self.client(registry) as client:
            kept = [self.request(client, "GET", UPLOADS + upload_id).status for upload_id in begun]
        assert kept.count(204) == blobs.UPLOADS
