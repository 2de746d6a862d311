"""Names and modes at the top of a directory, and the small files: which mean what.

Each part of an input is a name, its mode and, of IMAGE and TAGS, the content.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from ghcr_signer.core import directory
from tests.fuzz import real
from tests.fuzz.mutation import HEAD, from_seeds, join, of_parts, split
from tests.fuzz.reading import accepted

_MODES = {b"": directory.FOLDER, b"f": directory.REGULAR, b"l": directory.SYMLINK}


def seeds() -> Iterator[bytes]:
    for path, files in real.entries().items():
        set_name, _, entry_name = path.partition("/")
        dashes = set_name.replace(":", "-").replace("+00-00", "Z").encode()
        names = (set_name.encode(), dashes, entry_name.encode(), b"f" + HEAD + b"README.md")
        yield join([*names, files["IMAGE"], b"latest", b"v1\nv1.2\n"])


mutate = from_seeds(of_parts, seeds)


def run(data: bytes) -> None:
    listing: dict[str, str] = {}
    for part in split(data):
        head, mark, content = part.partition(HEAD)
        content = content if mark else part
        name = content.decode("utf-8", "surrogateescape")
        listing[name] = _MODES.get(head if mark else b"", directory.SUBMODULE)
        _read(name, content)
    names, failures = directory.arrange(listing)
    instants = [directory.parse_set_name(name) for name in names]
    assert instants == sorted(set(instants))
    assert all(listing[name] == directory.FOLDER for name in names)
    refused = {failure.file for failure in failures}
    assert {*names, *refused} | {directory.README} == {*listing, directory.README}
    assert not refused & set(names)


def _read(name: str, content: bytes) -> None:
    """Each text, as whatever it could be."""
    instant = accepted(lambda: directory.parse_set_name(name))
    if instant is not None:
        assert instant.tzinfo is UTC
        assert _digits(instant.isoformat())[:14] == _digits(name)[:14]
    digest = accepted(lambda: directory.digest_of(name))
    assert digest is None or (digest.hex == name and bytes.fromhex(name).hex() == name)
    image = accepted(lambda: directory.parse_image(content))
    if image is not None:
        assert directory.image_content(image[0]).rstrip(b"\n") == content.removesuffix(b"\n")
    tags = accepted(lambda: directory.parse_tags(False, content))
    if tags is not None:
        written = directory.tag_files(tags)
        found = directory.parse_tags(directory.LATEST in written, written.get(directory.TAGS))
        assert sorted(found) == sorted(tags)
    assert (directory.cap(name) is None) or name.partition(".")[0].isupper()


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
