"""The signature directory: which names mean what, and how files become an entry.

    SIGNATURES/2026-02-09T07:41:13+00:00/1be0ea6f…/IMAGE MANIFEST CONFIG_BLOB PAYLOAD_BLOB …
               set: an instant, UTC      entry: the image's digest

docs/format.md describes it for people, schemas/directory.schema.json for machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Failure, Refused
from ghcr_signer.core.manifest import Artifact
from ghcr_signer.core.reference import Digest, Reference, parse_tag

IMAGE, MANIFEST, CONFIG_BLOB, PAYLOAD_BLOB = "IMAGE", "MANIFEST", "CONFIG_BLOB", "PAYLOAD_BLOB"
LATEST, TAGS, SUBJECT, README = "LATEST", "TAGS", "SUBJECT", "README.md"

LATEST_TAG = "latest"

REGULAR, EXECUTABLE, SYMLINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "040000"

_SET_NAME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d)(?::(\d\d):(\d\d)\+00:00|-(\d\d)-(\d\d)Z)", re.ASCII
)
_CAPS = {
    IMAGE: limits.IMAGE_BYTES,
    MANIFEST: limits.MANIFEST_BYTES,
    CONFIG_BLOB: limits.BLOB_BYTES,
    PAYLOAD_BLOB: limits.BLOB_BYTES,
    LATEST: 0,
    TAGS: limits.TAGS_BYTES,
    SUBJECT: limits.MANIFEST_BYTES,
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as git has it. `content` is None where it is not a regular file, has no meaning here,
    or is larger than its cap: then it was never read.
    """

    mode: str
    size: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class SignatureSet:
    """What one signing ceremony produced, still unread: each entry's files, by their names.

    `strays` are the names of what lies beside the entries and is no folder.
    """

    name: str
    entries: Mapping[str, Mapping[str, File]]
    strays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One image's signatures in a set, and the tags that they move."""

    set_name: str
    image: Reference
    digest: Digest
    artifact: Artifact
    tags: tuple[str, ...]
    platforms: Mapping[Digest, bool] | None = None
    """Where a rule requires the platforms: the digests that SUBJECT lists, and whether each is an
    image (else an index in its turn); None without SUBJECT."""

    @property
    def unit(self) -> tuple[str, Digest]:
        """What is published as one: registry/repository, and the image's digest."""
        return self.image.name, self.digest


def cap(name: str) -> int | None:
    """The most bytes that an entry's file may have; None for a name without meaning."""
    return _CAPS.get("PAYLOAD_BLOB" if name.startswith("PAYLOAD_BLOB.") else name)


@lru_cache(maxsize=limits.SETS)
def parse_set_name(name: str) -> datetime:
    """The instant that a set's name spells; raises Refused (GS0107)."""
    match = _SET_NAME.fullmatch(name)
    if match:
        year, month, day, hour, minute, second = (int(part) for part in match.groups() if part)
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            pass  # such as the 30th of February
    raise Refused(codes.SET_NAME, f"{name!r} is not the name of a set")


def set_name(instant: datetime, *, colons: bool) -> str:
    """A set's name; without colons where the file system has none (Windows)."""
    return instant.astimezone(UTC).strftime(
        "%Y-%m-%dT%H:%M:%S+00:00" if colons else "%Y-%m-%dT%H-%M-%SZ"
    )


def arrange(listing: Mapping[str, str]) -> tuple[list[str], list[Failure]]:
    """The sets of a directory in the order of their instants, and what does not belong there.

    `listing` gives the mode of each name at the top of the directory.
    """
    sets: dict[datetime, str] = {}
    failures: list[Failure] = []
    for name, mode in sorted(listing.items()):
        if name == README and mode in (REGULAR, EXECUTABLE):
            continue
        try:
            if mode != FOLDER:
                raise Refused(codes.UNEXPECTED_FILE, f"{name!r} is not a set")
            instant = parse_set_name(name)
            if instant in sets:
                raise Refused(codes.SET_NAME, f"{name!r} and {sets[instant]!r} are one instant")
        except Refused as refusal:
            failures.append(Failure(refusal.failure.code, refusal.failure.message, name))
        else:
            sets[instant] = name
    if len(sets) > limits.SETS:
        failures.append(Failure(codes.TOO_MANY, f"{len(sets)} sets"))
        sets.clear()
    return [sets[instant] for instant in sorted(sets)], failures


def parse_image(content: bytes) -> tuple[Reference, Digest]:
    """Read IMAGE: one reference with a digest and no tag; raises Refused (GS0201)."""
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(codes.REFERENCE_MALFORMED, "IMAGE is not ASCII") from None
    image = Reference.parse(text.removesuffix("\n"))
    if image.digest is None or image.tag is not None:
        raise Refused(codes.REFERENCE_MALFORMED, "IMAGE names a digest, and no tag")
    return image, image.digest


def parse_tags(latest: bool, content: bytes | None) -> tuple[str, ...]:
    """LATEST and TAGS as one list, in their order; raises Refused (GS0204)."""
    tags = [LATEST_TAG] if latest else []
    if content is not None:
        try:
            lines = content.decode("ascii").removesuffix("\n").split("\n")
        except UnicodeDecodeError:
            raise Refused(codes.TAG_MALFORMED, "TAGS is not ASCII") from None
        tags += [parse_tag(line) for line in lines]
    if len(tags) > limits.TAGS or len(set(tags)) != len(tags):
        raise Refused(
            codes.TAG_MALFORMED, f"a tag is named twice, or more than {limits.TAGS} are named"
        )
    return tuple(tags)


def regular(contents: Mapping[str, bytes]) -> dict[str, File]:
    """Contents as the regular files that they would be."""
    return {name: File(REGULAR, len(content), content) for name, content in contents.items()}


def image_content(image: Reference) -> bytes:
    """IMAGE, as it is written."""
    return f"{image}\n".encode()


def tag_files(tags: Iterable[str]) -> dict[str, bytes]:
    """LATEST and TAGS, as they are written for these tags."""
    further = [tag for tag in tags if tag != LATEST_TAG]
    files = {LATEST: b""} if LATEST_TAG in tags else {}
    if further:
        files[TAGS] = "".join(f"{tag}\n" for tag in further).encode()
    return files


def digest_of(entry_name: str) -> Digest:
    """The digest that an entry's folder is named after; raises Refused (GS0108)."""
    digest = Digest.from_hex(entry_name)
    if digest is None:
        raise Refused(codes.ENTRY_NAME, f"{entry_name!r} is not 64 lower-case hexadecimal digits")
    return digest
