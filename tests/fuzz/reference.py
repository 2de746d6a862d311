"""References, digests and tags. The parts of an input are two texts."""

from __future__ import annotations

from collections.abc import Iterator

from ghcr_signer.core.reference import Digest, Reference, parse_tag, same_repository
from tests.fuzz import real
from tests.fuzz.mutation import from_seeds, join, of_parts, split
from tests.fuzz.reading import accepted

_DOCKER_HUB = "docker.io"


def seeds() -> Iterator[bytes]:
    for files in real.entries().values():
        image = files["IMAGE"].strip()
        yield join([image, image.partition(b"@")[0]])
    yield join([b"docker.io/library/alpine:3.20", b"index.docker.io/library/alpine"])
    yield join([b"index.docker.io/library/alpine", b"docker.io/library/alpine"])
    yield join([b"localhost:5000/a__b/c.d-e:v1@sha256:" + b"0" * 64, b"[::1]:5000/app"])


mutate = from_seeds(of_parts, seeds)


def run(data: bytes) -> None:
    texts = [part.decode("utf-8", "replace") for part in split(data)[:2]]
    references = [_reference(text) for text in texts]
    for text in texts:
        tag = accepted(lambda text=text: parse_tag(text))
        assert tag is None or (tag == text and text.isascii() and not set(text) & set("/:@ \n"))
    one, other = references[0], references[-1]
    if one is not None and other is not None:
        same = (_host(one), one.repository) == (_host(other), other.repository)
        assert same_repository(one.name, other) == same


def _reference(text: str) -> Reference | None:
    """The text as a reference: what was read is what is written."""
    digest = accepted(lambda: Digest.parse(text))
    assert digest is None or str(digest) == text
    found = accepted(lambda: Reference.parse(text))
    lax = accepted(lambda: Reference.parse(text, any_host=True))
    assert found is None or found == lax
    if lax is not None:
        assert str(lax) == text
        assert text.isascii()
        assert text.isprintable()
        assert " " not in text
        assert lax.repository == lax.repository.lower()
        assert not {"", ".", ".."} & set(lax.repository.split("/"))
        assert Reference.parse(str(lax), any_host=True) == lax
        assert accepted(lambda: Digest.parse(str(lax.digest))) == lax.digest
    return found


def _host(reference: Reference) -> str:
    host = reference.registry
    return _DOCKER_HUB if host == f"index.{_DOCKER_HUB}" else host
