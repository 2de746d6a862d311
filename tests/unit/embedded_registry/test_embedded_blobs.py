"""Blobs and uploads, over HTTP (distribution-spec 1.1, Pushing blobs and Pulling blobs)."""

from __future__ import annotations

import hashlib

import pytest

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry import blobs, connection

BLOB = b"0123456789"
DIGEST = str(Digest.of(BLOB))
EMPTY = str(Digest.of(b""))
UPLOADS = "/v2/acme/app/blobs/uploads/"
AT = f"/v2/acme/app/blobs/{DIGEST}"


def begin(call):
    answer = call("POST", UPLOADS)
    assert answer.status == 202
    return answer.headers["Location"]


class TestPush:
    def test_an_upload_begins_with_all_that_a_client_needs(self, call):
        answer = call("POST", UPLOADS)
        upload_id = answer.headers["Docker-Upload-UUID"]
        assert answer.status == 202
        assert answer.headers["Location"] == UPLOADS + upload_id
        assert answer.headers["Range"] == "0-0"
        assert answer.headers["Content-Length"] == "0"

    def test_each_upload_has_an_id_of_its_own(self, call):
        assert begin(call) != begin(call)

    def test_post_then_put(self, call):
        answer = call("PUT", f"{begin(call)}?digest={DIGEST}", BLOB)
        assert answer.status == 201
        assert answer.headers["Location"] == AT
        assert answer.headers["Docker-Content-Digest"] == DIGEST
        assert call("GET", AT).body == BLOB

    def test_single_post(self, call):
        answer = call("POST", f"{UPLOADS}?digest={DIGEST}", BLOB)
        assert (answer.status, answer.headers["Location"]) == (201, AT)
        assert call("GET", AT).body == BLOB

    def test_single_post_of_other_content_is_refused(self, call):
        answer = call("POST", f"{UPLOADS}?digest={DIGEST}", b"other")
        assert answer.refusal == (400, "DIGEST_INVALID")
        assert call("HEAD", AT).status == 404

    def test_an_empty_blob(self, call):
        assert call("PUT", f"{begin(call)}?digest={EMPTY}").status == 201
        answer = call("GET", f"/v2/acme/app/blobs/{EMPTY}")
        assert (answer.status, answer.body) == (200, b"")

    def test_sha512_is_a_digest_too(self, call):
        digest = f"sha512:{hashlib.sha512(BLOB).hexdigest()}"
        assert call("POST", f"{UPLOADS}?digest={digest}", BLOB).status == 201
        answer = call("GET", f"/v2/acme/app/blobs/{digest}")
        assert (answer.body, answer.headers["Docker-Content-Digest"]) == (BLOB, digest)

    @pytest.mark.parametrize(
        "digest",
        [
            "",
            "latest",
            "sha256:",
            "sha256:abc",
            DIGEST.upper(),
            DIGEST + "0",
            f"md5:{hashlib.md5(BLOB).hexdigest()}",
            f"sha512:{hashlib.sha256(BLOB).hexdigest()}",
        ],
    )
    def test_what_is_no_digest_is_refused_and_the_upload_goes_on(self, call, digest):
        location = begin(call)
        assert call("PUT", f"{location}?digest={digest}", BLOB).refusal == (400, "DIGEST_INVALID")
        assert call("POST", f"{UPLOADS}?digest={digest}", BLOB).refusal == (400, "DIGEST_INVALID")
        assert call("PUT", f"{location}?digest={DIGEST}", BLOB).status == 201

    def test_a_put_names_its_digest(self, call):
        assert call("PUT", begin(call), BLOB).refusal == (400, "DIGEST_INVALID")

    def test_a_put_of_other_content_is_refused_and_ends_the_upload(self, call):
        location = begin(call)
        answer = call("PUT", f"{location}?digest={DIGEST}", b"other")
        assert answer.refusal == (400, "DIGEST_INVALID")
        assert call("HEAD", AT).status == 404
        assert call("GET", location).refusal == (404, "BLOB_UPLOAD_UNKNOWN")

    def test_in_process(self, registry, call):
        assert str(registry.blobs.put("acme/app", BLOB)) == DIGEST
        assert call("GET", AT).body == BLOB


class TestChunks:
    def test_in_order_with_an_empty_put(self, call):
        location = begin(call)
        first = call("PATCH", location, BLOB[:4], {"Content-Range": "0-3"})
        assert (first.status, first.headers["Range"]) == (202, "0-3")
        assert first.headers["Location"] == location
        second = call("PATCH", location, BLOB[4:], {"Content-Range": "4-9"})
        assert (second.status, second.headers["Range"]) == (202, "0-9")
        assert call("PUT", f"{location}?digest={DIGEST}").status == 201
        assert call("GET", AT).body == BLOB

    def test_the_last_one_in_the_put(self, call):
        location = begin(call)
        call("PATCH", location, BLOB[:4], {"Content-Range": "0-3"})
        headers = {"Content-Range": "4-9"}
        assert call("PUT", f"{location}?digest={DIGEST}", BLOB[4:], headers).status == 201
        assert call("GET", AT).body == BLOB

    def test_without_a_range_each_is_the_next(self, call):
        location = begin(call)
        call("PATCH", location, BLOB[:4])
        assert call("PATCH", location, BLOB[4:]).headers["Range"] == "0-9"
        assert call("PUT", f"{location}?digest={DIGEST}").status == 201

    def test_streamed_with_chunked_transfer_encoding(self, call):
        location = begin(call)
        assert call("PATCH", location, iter([BLOB[:4], BLOB[4:]])).headers["Range"] == "0-9"
        assert call("PUT", f"{location}?digest={DIGEST}").status == 201
        assert call("GET", AT).body == BLOB

    @pytest.mark.parametrize("content_range", ["0-3", "3-6", "5-8"])
    def test_out_of_order_changes_nothing(self, call, content_range):
        location = begin(call)
        call("PATCH", location, BLOB[:4], {"Content-Range": "0-3"})
        headers = {"Content-Range": content_range}
        assert call("PATCH", location, BLOB[:4], headers).refusal == (416, "BLOB_UPLOAD_INVALID")
        answer = call("PUT", f"{location}?digest={DIGEST}", BLOB[:4], headers)
        assert answer.refusal == (416, "BLOB_UPLOAD_INVALID")
        status = call("GET", location)
        assert (status.status, status.headers["Range"]) == (204, "0-3")
        assert call("PUT", f"{location}?digest={DIGEST}", BLOB[4:]).status == 201

    def test_the_first_begins_with_the_first_byte(self, call):
        answer = call("PATCH", begin(call), BLOB, {"Content-Range": "1-10"})
        assert answer.refusal == (416, "BLOB_UPLOAD_INVALID")

    @pytest.mark.parametrize("content_range", ["", "0", "-9", "0-", "0–9", "bytes 0-9/10", "0x0-9"])
    def test_a_range_is_two_numbers(self, call, content_range):
        headers = {"Content-Range": content_range.encode().decode("latin-1")}
        answer = call("PATCH", begin(call), BLOB, headers)
        assert answer.refusal == (400, "BLOB_UPLOAD_INVALID")

    @pytest.mark.parametrize("content_range", ["0-8", "0-10", "0-0"])
    def test_a_range_is_as_long_as_its_chunk(self, call, content_range):
        location = begin(call)
        answer = call("PATCH", location, BLOB, {"Content-Range": content_range})
        assert answer.refusal == (400, "SIZE_INVALID")
        assert call("PUT", f"{location}?digest={DIGEST}", BLOB).status == 201


class TestSession:
    def test_the_status_of_a_new_one(self, call):
        location = begin(call)
        answer = call("GET", location)
        assert (answer.status, answer.body) == (204, b"")
        assert "Content-Length" not in answer.headers  # RFC 9110 §8.6
        assert answer.headers["Location"] == location
        assert answer.headers["Range"] == "0-0"
        assert answer.headers["Docker-Upload-UUID"] == location.rpartition("/")[2]

    def test_cancelled_it_is_gone(self, call):
        location = begin(call)
        assert call("DELETE", location).status == 204
        assert call("GET", location).refusal == (404, "BLOB_UPLOAD_UNKNOWN")

    def test_finished_it_is_gone(self, call):
        location = begin(call)
        call("PUT", f"{location}?digest={DIGEST}", BLOB)
        assert call("GET", location).refusal == (404, "BLOB_UPLOAD_UNKNOWN")

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    def test_one_that_never_was(self, call, method):
        answer = call(method, f"{UPLOADS}no-such-upload?digest={DIGEST}", BLOB)
        assert answer.refusal == (404, "BLOB_UPLOAD_UNKNOWN")

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    def test_it_is_open_in_its_own_repository_only(self, call, method):
        location = begin(call)
        elsewhere = location.replace("acme/app", "acme/other")
        answer = call(method, f"{elsewhere}?digest={DIGEST}", BLOB)
        assert answer.refusal == (404, "BLOB_UPLOAD_UNKNOWN")
        assert call("PUT", f"{location}?digest={DIGEST}", BLOB).status == 201

    def test_of_too_many_the_one_left_alone_for_longest_is_forgotten(self, call, monkeypatch):
        monkeypatch.setattr(blobs, "UPLOADS", 2)
        first, second = begin(call), begin(call)
        call("PATCH", first, BLOB)
        third = begin(call)
        assert call("GET", second).refusal == (404, "BLOB_UPLOAD_UNKNOWN")
        assert call("GET", first).status == call("GET", third).status == 204


class TestSize:
    @pytest.fixture(autouse=True)
    def _ten_bytes(self, monkeypatch):
        monkeypatch.setattr(blobs, "BLOB_BYTES", 10)
        monkeypatch.setattr(connection, "BLOB_BYTES", 10)

    def test_the_cap_is_64_mib(self, monkeypatch):
        monkeypatch.undo()
        assert blobs.BLOB_BYTES == connection.BLOB_BYTES == 64 * 1024 * 1024

    def test_at_the_cap(self, call):
        assert call("POST", f"{UPLOADS}?digest={DIGEST}", BLOB).status == 201

    def test_over_the_cap_in_one_request(self, call):
        digest = Digest.of(BLOB + b"!")
        answer = call("POST", f"{UPLOADS}?digest={digest}", BLOB + b"!")
        assert answer.refusal == (413, "SIZE_INVALID")
        assert call("HEAD", f"/v2/acme/app/blobs/{digest}").status == 404

    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_over_the_cap_in_chunks(self, call, method):
        location = begin(call)
        call("PATCH", location, BLOB)
        assert call(method, f"{location}?digest={DIGEST}", b"!").refusal == (413, "SIZE_INVALID")
        assert call("PUT", f"{location}?digest={DIGEST}").status == 201


class TestMount:
    def mount(self, call, query):
        return call("POST", f"{UPLOADS}?{query}")

    def test_of_another_repositorys_blob(self, registry, call):
        registry.blobs.put("acme/base", BLOB)
        answer = self.mount(call, f"mount={DIGEST}&from=acme/base")
        assert (answer.status, answer.headers["Location"]) == (201, AT)
        assert answer.headers["Docker-Content-Digest"] == DIGEST
        assert call("GET", AT).body == BLOB

    def test_of_a_name_that_is_percent_encoded(self, registry, call):
        registry.blobs.put("acme/base", BLOB)
        query = f"mount={DIGEST.replace(':', '%3A')}&from=acme%2Fbase"
        assert self.mount(call, query).status == 201

    @pytest.mark.parametrize("source", ["&from=acme/other", "&from=acme/app", ""])
    def test_of_what_is_not_there_falls_back_to_an_upload(self, registry, call, source):
        registry.blobs.put("acme/base", BLOB)
        answer = self.mount(call, f"mount={DIGEST}{source}")
        assert answer.status == 202
        assert call("HEAD", AT).status == 404
        put = call("PUT", f"{answer.headers['Location']}?digest={DIGEST}", BLOB)
        assert put.status == 201

    def test_of_its_own_blob_without_a_source(self, registry, call):
        registry.blobs.put("acme/app", BLOB)
        assert self.mount(call, f"mount={DIGEST}").status == 202

    def test_of_what_is_no_digest(self, call):
        answer = self.mount(call, "mount=latest&from=acme/base")
        assert answer.refusal == (400, "DIGEST_INVALID")

    def test_from_what_is_no_repository(self, call):
        answer = self.mount(call, f"mount={DIGEST}&from=ACME")
        assert answer.refusal == (400, "NAME_INVALID")


class TestPull:
    @pytest.fixture(autouse=True)
    def _pushed(self, registry):
        registry.blobs.put("acme/app", BLOB)

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_is_there(self, call, method):
        answer = call(method, AT)
        assert answer.status == 200
        assert answer.headers["Content-Length"] == "10"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Docker-Content-Digest"] == DIGEST
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.body == (BLOB if method == "GET" else b"")

    def test_what_is_not_there(self, call):
        assert call("GET", f"/v2/acme/app/blobs/{EMPTY}").refusal == (404, "BLOB_UNKNOWN")
        assert call("HEAD", f"/v2/acme/app/blobs/{EMPTY}").status == 404

    def test_a_blob_is_in_its_own_repository_only(self, call):
        answer = call("GET", f"/v2/acme/other/blobs/{DIGEST}")
        assert answer.refusal == (404, "BLOB_UNKNOWN")

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_what_is_no_digest(self, call, method):
        assert call(method, "/v2/acme/app/blobs/sha256:abc").refusal == (400, "DIGEST_INVALID")

    @pytest.mark.parametrize(
        ("wanted", "first", "last"),
        [
            ("bytes=0-0", 0, 0),
            ("bytes=2-5", 2, 5),
            ("bytes=4-", 4, 9),
            ("bytes=8-99", 8, 9),
            ("bytes=-3", 7, 9),
            ("bytes=-99", 0, 9),
        ],
    )
    def test_a_part_of_it(self, call, wanted, first, last):
        answer = call("GET", AT, headers={"Range": wanted})
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/10"
        assert answer.headers["Content-Length"] == str(last - first + 1)
        assert answer.headers["Docker-Content-Digest"] == DIGEST
        assert answer.body == BLOB[first : last + 1]

    @pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=50-60", "bytes=5-4", "bytes=-0"])
    def test_a_part_that_it_does_not_have(self, call, wanted):
        answer = call("GET", AT, headers={"Range": wanted})
        assert answer.refusal == (416, "UNSUPPORTED")
        assert answer.headers["Content-Range"] == "bytes */10"

    def test_no_part_of_an_empty_blob(self, registry, call):
        registry.blobs.put("acme/app", b"")
        answer = call("GET", f"/v2/acme/app/blobs/{EMPTY}", headers={"Range": "bytes=0-"})
        assert answer.status == 416

    @pytest.mark.parametrize("wanted", ["bytes=0-1,3-4", "bytes=-", "bytes=a-b", "x=0-1", "0-1"])
    def test_a_range_that_may_be_ignored_is_ignored(self, call, wanted):
        answer = call("GET", AT, headers={"Range": wanted})
        assert (answer.status, answer.body) == (200, BLOB)

    def test_head_knows_no_range(self, call):
        answer = call("HEAD", AT, headers={"Range": "bytes=0-1"})
        assert (answer.status, answer.headers["Content-Length"]) == (200, "10")


class TestDelete:
    def test_it_is_gone_at_once_and_elsewhere_it_stays(self, registry, call):
        registry.blobs.put("acme/app", BLOB)
        registry.blobs.put("acme/other", BLOB)
        assert call("DELETE", AT).status == 202
        assert call("GET", AT).refusal == (404, "BLOB_UNKNOWN")
        assert call("DELETE", AT).refusal == (404, "BLOB_UNKNOWN")
        assert call("GET", f"/v2/acme/other/blobs/{DIGEST}").body == BLOB

    def test_an_empty_blob(self, registry, call):
        registry.blobs.put("acme/app", b"")
        assert call("DELETE", f"/v2/acme/app/blobs/{EMPTY}").status == 202
