"""Manifests and tags, over HTTP (distribution-spec 1.1, Pushing and Pulling manifests)."""

from __future__ import annotations

import hashlib
import json

import pytest

from ghcr_signer.core import limits
from ghcr_signer.core.reference import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

CONFIG, LAYER = b"{}", b"layer"
AT = "/v2/acme/app/manifests"


def descriptor(content, media_type="application/octet-stream"):
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def manifest(media_type=OCI_MANIFEST, **members):
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(CONFIG),
        "layers": [descriptor(LAYER)],
        **members,
    }


def index(*children, media_type=OCI_INDEX, **members):
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [descriptor(child, OCI_MANIFEST) for child in children],
        **members,
    }


def encode(document):
    return json.dumps(document).encode()


@pytest.fixture
def push(registry, call):
    """Push a document by tag, its blobs being there; `mediaType` is the Content-Type."""
    registry.blobs.put("acme/app", CONFIG)
    registry.blobs.put("acme/app", LAYER)

    def push(document, reference="v1", content_type=None):
        content = document if isinstance(document, bytes) else encode(document)
        content_type = content_type or document["mediaType"]
        return call("PUT", f"{AT}/{reference}", content, {"Content-Type": content_type})

    return push


class TestPush:
    def test_by_tag(self, push, call):
        content = encode(manifest())
        answer = push(manifest())
        assert answer.status == 201
        assert answer.headers["Location"] == f"{AT}/{Digest.of(content)}"
        assert answer.headers["Docker-Content-Digest"] == str(Digest.of(content))
        assert call("GET", f"{AT}/v1").body == content
        assert call("GET", f"{AT}/{Digest.of(content)}").body == content

    def test_by_digest_without_a_tag(self, push, call):
        digest = Digest.of(encode(manifest()))
        assert push(manifest(), digest).status == 201
        assert call("GET", f"{AT}/{digest}").status == 200
        assert call("GET", "/v2/acme/app/tags/list").json["tags"] == []

    def test_by_sha512(self, push, call):
        digest = f"sha512:{hashlib.sha512(encode(manifest())).hexdigest()}"
        assert push(manifest(), digest).headers["Docker-Content-Digest"] == digest
        assert call("GET", f"{AT}/{digest}").headers["Docker-Content-Digest"] == digest

    def test_its_bytes_stay_as_they_came(self, push, call):
        content = json.dumps(manifest(), indent=7).encode() + b"\n \n"
        assert push(content, content_type=OCI_MANIFEST).status == 201
        assert call("GET", f"{AT}/v1").body == content

    @pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
    def test_the_types_of_a_manifest(self, push, call, media_type):
        assert push(manifest(media_type)).status == 201
        assert call("GET", f"{AT}/v1").headers["Content-Type"] == media_type

    @pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
    def test_the_types_of_an_index(self, push, call, media_type):
        push(manifest())
        document = index(encode(manifest()), media_type=media_type)
        assert push(document, "all").status == 201
        assert call("GET", f"{AT}/all").headers["Content-Type"] == media_type

    def test_an_index_in_an_index(self, push):
        push(manifest())
        inner = index(encode(manifest()))
        push(inner, "inner")
        assert push(index(encode(inner)), "outer").status == 201

    def test_an_empty_index_and_a_manifest_without_layers(self, push):
        assert push(index()).status == 201
        assert push(manifest(layers=[])).status == 201

    def test_parameters_of_the_content_type_are_ignored(self, push, call):
        assert push(manifest(), content_type=f"{OCI_MANIFEST}; charset=utf-8").status == 201
        assert call("GET", f"{AT}/v1").headers["Content-Type"] == OCI_MANIFEST

    def test_a_tag_moves(self, push, call):
        push(manifest())
        push(manifest(annotations={"a": "b"}))
        assert call("GET", f"{AT}/v1").json["annotations"] == {"a": "b"}
        assert call("GET", f"{AT}/{Digest.of(encode(manifest()))}").status == 200

    def test_a_missing_subject_is_allowed_and_not_answered(self, push):
        answer = push(manifest(subject=descriptor(b"elsewhere", OCI_MANIFEST)))
        assert answer.status == 201
        assert "OCI-Subject" not in answer.headers

    @pytest.mark.parametrize(
        "media_type",
        [
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ],
    )
    def test_a_layer_that_is_fetched_from_elsewhere_may_be_missing(self, push, media_type):
        assert push(manifest(layers=[descriptor(b"elsewhere", media_type)])).status == 201

    def test_in_process_nothing_is_checked(self, registry, call):
        content = b"not even JSON"
        digest = registry.manifests.put("acme/new", content, OCI_INDEX, tag="v1")
        assert digest == Digest.of(content)
        for reference in ("v1", digest):
            answer = call("GET", f"/v2/acme/new/manifests/{reference}")
            assert (answer.body, answer.headers["Content-Type"]) == (content, OCI_INDEX)

    def test_in_process_without_a_tag(self, registry, call):
        registry.manifests.put("acme/new", b"{}", OCI_INDEX)
        assert call("GET", "/v2/acme/new/tags/list").json["tags"] == []


class TestRefused:
    """Nothing of what is refused gets in, under its digest neither."""

    @pytest.fixture
    def refused(self, push, call):
        def refused(document, *args, **kwargs):
            answer = push(document, *args, **kwargs)
            content = document if isinstance(document, bytes) else encode(document)
            assert call("HEAD", f"{AT}/v1").status == 404
            assert call("HEAD", f"{AT}/{Digest.of(content)}").status == 404
            return answer.refusal

        return refused

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"\xff",
            b"[]",
            b"null",
            b'"text"',
            b'{"a":1,"a":2}',
            b"[" * 100_000,
            b'{"schemaVersion":NaN}',
        ],
    )
    def test_what_is_no_json_object(self, refused, content):
        assert refused(content, content_type=OCI_MANIFEST) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "application/octet-stream",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.oci.artifact.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            OCI_MANIFEST + "x",
        ],
    )
    def test_an_unknown_type(self, refused, content_type):
        document = manifest(content_type)
        assert refused(document) == (400, "MANIFEST_INVALID")

    def test_no_content_type(self, push, call):
        assert call("PUT", f"{AT}/v1", encode(manifest())).refusal == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize(
        "media_type", [DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST.upper(), 2, None]
    )
    def test_another_media_type_than_the_content_type(self, refused, media_type):
        document = manifest(media_type)
        assert refused(document, content_type=OCI_MANIFEST) == (400, "MANIFEST_INVALID")

    def test_no_media_type(self, refused):
        document = manifest()
        del document["mediaType"]
        assert refused(document, content_type=OCI_MANIFEST) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize("version", [1, 3, "2", 2.0, True, None])
    def test_another_schema_version(self, refused, version):
        assert refused(manifest(schemaVersion=version)) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize(
        "document",
        [
            manifest(config=None),
            manifest(config=[]),
            manifest(layers=None),
            manifest(layers={}),
            manifest(layers=["sha256:abc"]),
            manifest(subject=None),
            manifest(subject={}),
            index(manifests=None),
            index(manifests=[7]),
        ],
    )
    def test_what_is_no_descriptor(self, refused, document):
        assert refused(document) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize(
        "change",
        [
            {"mediaType": None},
            {"mediaType": ""},
            {"mediaType": 7},
            {"size": -1},
            {"size": 5.0},
            {"size": True},
            {"size": "5"},
            {"size": None},
            {"digest": None},
            {"digest": "sha256:abc"},
            {"digest": str(Digest.of(LAYER)).upper()},
        ],
    )
    @pytest.mark.parametrize("member", ["config", "layers", "subject"])
    def test_a_faulty_descriptor(self, refused, member, change):
        faulty = descriptor(LAYER) | change
        document = manifest(**{member: [faulty] if member == "layers" else faulty})
        assert refused(document) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize("size", [0, len(LAYER) - 1, len(LAYER) + 1])
    def test_a_blob_of_another_size(self, refused, size):
        document = manifest(layers=[descriptor(LAYER) | {"size": size}])
        assert refused(document) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize(
        "document",
        [
            manifest(config=descriptor(b"missing")),
            manifest(layers=[descriptor(LAYER), descriptor(b"missing")]),
        ],
    )
    def test_a_missing_blob(self, refused, document):
        assert refused(document) == (400, "MANIFEST_BLOB_UNKNOWN")

    def test_a_blob_of_another_repository(self, push, call):
        headers = {"Content-Type": OCI_MANIFEST}
        answer = call("PUT", "/v2/acme/other/manifests/v1", encode(manifest()), headers)
        assert answer.refusal == (400, "MANIFEST_BLOB_UNKNOWN")

    def test_a_missing_child(self, push, refused):
        push(manifest(), "child")
        document = index(encode(manifest()), b"missing")
        assert refused(document) == (400, "MANIFEST_BLOB_UNKNOWN")

    def test_a_child_that_is_only_a_blob(self, refused):
        assert refused(index(LAYER)) == (400, "MANIFEST_BLOB_UNKNOWN")

    def test_a_child_of_another_size(self, push, refused):
        push(manifest(), "child")
        child = descriptor(encode(manifest()), OCI_MANIFEST)
        child["size"] += 1
        assert refused(index(manifests=[child])) == (400, "MANIFEST_INVALID")

    @pytest.mark.parametrize(
        "document",
        [manifest(manifests=[]), index(layers=[]), index(config=descriptor(CONFIG))],
    )
    def test_a_manifest_that_is_an_index_too(self, refused, document):
        assert refused(document) == (400, "MANIFEST_INVALID")

    def test_a_digest_that_is_not_the_contents(self, refused):
        reference = Digest.of(b"other")
        assert refused(manifest(), reference) == (400, "DIGEST_INVALID")

    @pytest.mark.parametrize("reference", ["sha256:abc", "md5:" + "0" * 32, "a:b"])
    def test_what_is_no_digest(self, refused, reference):
        assert refused(manifest(), reference) == (400, "DIGEST_INVALID")

    @pytest.mark.parametrize(
        "reference", ["-v1", ".v1", "v" * 129, "v+1", "v%2F1", "v%00", "v%0A", "%C3%A9"]
    )
    def test_what_is_no_tag(self, refused, reference):
        assert refused(manifest(), reference) == (400, "TAG_INVALID")

    @pytest.mark.parametrize("reference", ["V1", "_", "1.0-rc.1_x", "v" * 128, "sha256-abc.sig"])
    def test_what_is_a_tag(self, push, reference):
        assert push(manifest(), reference).status == 201

    def test_more_than_4_mib(self, push, refused):
        padding = limits.MANIFEST_BYTES - len(encode(manifest(annotations={"a": ""})))
        largest = manifest(annotations={"a": "x" * padding})
        assert len(encode(largest)) == 4 * 1024 * 1024
        assert refused(encode(largest) + b" ", content_type=OCI_MANIFEST) == (
            413,
            "MANIFEST_INVALID",
        )
        assert push(largest).status == 201


class TestPull:
    @pytest.fixture(autouse=True)
    def _pushed(self, push):
        push(manifest())

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("reference", ["v1", str(Digest.of(encode(manifest())))])
    def test_what_is_there(self, call, method, reference):
        content = encode(manifest())
        answer = call(method, f"{AT}/{reference}")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == OCI_MANIFEST
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Docker-Content-Digest"] == str(Digest.of(content))
        assert answer.body == (content if method == "GET" else b"")

    @pytest.mark.parametrize("reference", ["v2", str(Digest.of(LAYER))])
    def test_what_is_not_there(self, call, reference):
        assert call("GET", f"{AT}/{reference}").refusal == (404, "MANIFEST_UNKNOWN")
        assert call("HEAD", f"{AT}/{reference}").status == 404

    def test_a_manifest_is_in_its_own_repository_only(self, call):
        digest = Digest.of(encode(manifest()))
        for reference in ("v1", digest):
            answer = call("GET", f"/v2/acme/other/manifests/{reference}")
            assert answer.refusal == (404, "MANIFEST_UNKNOWN")

    @pytest.mark.parametrize(
        "accept",
        [
            OCI_MANIFEST,
            OCI_MANIFEST.upper(),
            f"{OCI_INDEX},{OCI_MANIFEST}",
            f"{OCI_INDEX}, {OCI_MANIFEST};q=0.5",
            "*/*",
            f"{OCI_INDEX}, */*;q=0.1",
        ],
    )
    def test_an_accept_that_names_the_type(self, call, accept):
        assert call("GET", f"{AT}/v1", headers={"Accept": accept}).status == 200

    @pytest.mark.parametrize(
        "accept", [OCI_INDEX, "application/json", OCI_MANIFEST + "x", "text/*"]
    )
    def test_an_accept_that_does_not(self, call, accept):
        headers = {"Accept": accept}
        assert call("GET", f"{AT}/v1", headers=headers).refusal == (404, "MANIFEST_UNKNOWN")
        assert call("HEAD", f"{AT}/v1", headers=headers).status == 404

    def test_several_accept_headers_are_one(self, registry, call):
        call.connection.putrequest("GET", f"{AT}/v1")
        call.connection.putheader("Accept", OCI_INDEX)
        call.connection.putheader("Accept", OCI_MANIFEST)
        call.connection.endheaders()
        response = call.connection.getresponse()
        assert (response.status, response.read()) == (200, encode(manifest()))


class TestDelete:
    @pytest.fixture(autouse=True)
    def _pushed(self, push):
        push(manifest())
        push(manifest(), "v2")

    def test_by_tag_the_tag_alone(self, call):
        assert call("DELETE", f"{AT}/v1").status == 202
        assert call("GET", f"{AT}/v1").refusal == (404, "MANIFEST_UNKNOWN")
        assert call("GET", f"{AT}/v2").status == 200
        assert call("GET", f"{AT}/{Digest.of(encode(manifest()))}").status == 200

    def test_by_digest_the_manifest_and_its_tags(self, push, call):
        push(index(), "other")
        digest = Digest.of(encode(manifest()))
        assert call("DELETE", f"{AT}/{digest}").status == 202
        for reference in (digest, "v1", "v2"):
            assert call("GET", f"{AT}/{reference}").refusal == (404, "MANIFEST_UNKNOWN")
        assert call("GET", "/v2/acme/app/tags/list").json["tags"] == ["other"]

    @pytest.mark.parametrize("reference", ["v3", str(Digest.of(LAYER))])
    def test_what_is_not_there(self, call, reference):
        assert call("DELETE", f"{AT}/{reference}").refusal == (404, "MANIFEST_UNKNOWN")

    def test_in_an_unknown_repository(self, call):
        answer = call("DELETE", "/v2/acme/other/manifests/v1")
        assert answer.refusal == (404, "MANIFEST_UNKNOWN")


class TestTags:
    TAGS = "/v2/acme/app/tags/list"

    @pytest.fixture(autouse=True)
    def _pushed(self, registry):
        for tag in ("b", "C", "a", "1.10", "1.9"):
            registry.manifests.put("acme/app", b"{}", OCI_INDEX, tag)

    def test_sorted_by_bytes(self, call):
        answer = call("GET", self.TAGS)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json == {"name": "acme/app", "tags": ["1.10", "1.9", "C", "a", "b"]}
        assert "Link" not in answer.headers

    def test_page_by_page_as_the_link_says(self, call):
        target, seen, pages = f"{self.TAGS}?n=2", [], 0
        while target:
            answer = call("GET", target)
            seen.append(answer.json["tags"])
            link = answer.headers.get("Link", "")
            target = link.removeprefix("<").removesuffix('>; rel="next"')
            pages += 1
        assert seen == [["1.10", "1.9"], ["C", "a"], ["b"]]
        assert pages == 3

    @pytest.mark.parametrize("n", [5, 6, 999_999_999])
    def test_no_link_where_nothing_follows(self, call, n):
        answer = call("GET", f"{self.TAGS}?n={n}")
        assert len(answer.json["tags"]) == 5
        assert "Link" not in answer.headers

    def test_none_of_them(self, call):
        answer = call("GET", f"{self.TAGS}?n=0")
        assert (answer.status, answer.json["tags"]) == (200, [])
        assert "Link" not in answer.headers

    @pytest.mark.parametrize(
        ("last", "tags"),
        [("1.9", ["C", "a", "b"]), ("B", ["C", "a", "b"]), ("b", []), ("zzz", [])],
    )
    def test_after_the_last_that_was_seen(self, call, last, tags):
        assert call("GET", f"{self.TAGS}?last={last}").json["tags"] == tags

    def test_last_and_n(self, call):
        answer = call("GET", f"{self.TAGS}?n=1&last=C")
        assert answer.json["tags"] == ["a"]
        assert answer.headers["Link"] == f'<{self.TAGS}?n=1&last=a>; rel="next"'

    @pytest.mark.parametrize("n", ["", "-1", "x", "1.5", "9" * 5000])
    def test_what_is_no_number(self, call, n):
        answer = call("GET", f"{self.TAGS}?n={n}")
        assert answer.refusal == (400, "PAGINATION_NUMBER_INVALID")

    def test_an_unknown_repository(self, registry, call):
        registry.blobs.put("acme/other", LAYER)
        answer = call("GET", "/v2/acme/other/tags/list")
        assert answer.refusal == (404, "NAME_UNKNOWN")
