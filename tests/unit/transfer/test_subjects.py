"""Which digests are signed: the image, then what it lists, each once."""

from __future__ import annotations

import pytest
from tests.forge import OCI_MANIFEST, compact, sha256
from tests.peers import images

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Digest
from ghcr_signer.transfer.subjects import Source, subjects

IMAGE = images.build(attestations=True)
ALL = [manifest.content for manifest in IMAGE.manifests]


def index(*listed: tuple[bytes, str]) -> bytes:
    """An index of manifests for architectures."""
    manifests = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": f"sha256:{sha256(content)}",
            "size": len(content),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for content, architecture in listed
    ]
    return compact({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": manifests})


def signed(
    top: bytes, *others: bytes, recursive: bool = True, attestations: bool = False
) -> list[tuple[str, bytes]]:
    source = Source({Digest.of(content): content for content in (top, *others)}, None)
    found = subjects(source, Digest.of(top), recursive=recursive, attestations=attestations)
    assert [subject.digest for subject in found] == [subject.image.digest for subject in found]
    return [(subject.label, subject.image.content) for subject in found]


def test_the_index_is_first_then_its_platforms() -> None:
    platforms = [manifest.content for manifest in IMAGE.platforms]
    assert signed(IMAGE.index.content, *ALL) == [
        ("index", IMAGE.index.content),
        ("linux/amd64", platforms[0]),
        ("linux/arm64", platforms[1]),
    ]


def test_buildx_s_attestation_manifests_only_where_they_are_wanted() -> None:
    labels = [label for label, _ in signed(IMAGE.index.content, *ALL, attestations=True)]
    assert labels == ["index", "linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"]


def test_the_index_alone_needs_no_platform() -> None:
    top = IMAGE.index.content
    assert signed(top, recursive=False) == [("index", top)]


def test_an_image_that_is_no_index_is_one_digest() -> None:
    plain = IMAGE.platforms[0].content
    assert signed(plain) == [("image", plain)]


def test_an_index_in_an_index_is_signed_with_its_platforms_and_each_digest_once() -> None:
    one, two = (manifest.content for manifest in IMAGE.platforms)
    inner = index((one, "amd64"), (two, "arm64"))
    outer = index((one, "amd64"), (inner, "all"), (one, "again"))
    assert signed(outer, inner, one, two) == [
        ("index", outer),
        ("linux/amd64", one),
        ("linux/all", inner),
        ("linux/arm64", two),
    ]


def refusal(top: bytes, *others: bytes, digest: str | None = None) -> Refused:
    source = Source({Digest.of(content): content for content in (top, *others)}, None)
    wanted = Digest.parse(digest) if digest else Digest.of(top)
    with pytest.raises(Refused) as refused:
        subjects(source, wanted, recursive=True, attestations=False)
    return refused.value


def test_an_image_that_is_not_there_is_refused() -> None:
    refused = refusal(IMAGE.platforms[0].content, digest=IMAGE.digest)
    assert refused.failure.code is codes.NOT_SIGNABLE
    assert f"no file given with --subject is {IMAGE.digest}" in str(refused)


def test_a_platform_that_is_not_there_is_refused() -> None:
    refused = refusal(IMAGE.index.content, IMAGE.platforms[0].content)
    assert refused.failure.code is codes.SUBJECT_MISSING
    assert "linux/arm64" in str(refused)
    assert IMAGE.platforms[1].digest in str(refused)


def test_a_platform_that_is_no_image_is_refused_by_its_digest() -> None:
    other = b'{"mediaType":"application/json"}'
    refused = refusal(index((other, "amd64")), other)
    assert refused.failure.code is codes.NOT_SIGNABLE
    assert f"sha256:{sha256(other)}" in str(refused)


def test_more_digests_than_a_set_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENTRIES_PER_SET", 2)
    refused = refusal(IMAGE.index.content, *ALL)
    assert refused.failure.code is codes.NOT_SIGNABLE
    assert "more than 2 digests" in str(refused)
