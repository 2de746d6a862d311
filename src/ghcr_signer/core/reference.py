"""Digest and Reference: which bytes, and where they are.

The grammar is that of distribution's `reference` package (registry, repository, tag, digest) with
two differences, both stricter: the registry is always written out, since a signature for an implied
host is a signature for nobody; and only sha256 digests are known.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused

_HEX = re.compile(r"[0-9a-f]{64}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_REGISTRY = re.compile(
    rf"(?=.{{1,255}}\Z)(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]{{2,39}}\])(?::[0-9]{{1,5}})?"
)
_REPOSITORY = re.compile(
    r"(?=.{1,255}\Z)[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_SIGNATURE_TAG = re.compile(r"sha(?:256|384|512)-[0-9a-f]{64}(?:\..*|-.*)?")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A sha256 digest: 64 lower-case hexadecimal digits (OCI image-spec, descriptor, Digests)."""

    hex: str

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """The digest of these bytes."""
        return cls(hashlib.sha256(content).hexdigest())

    @classmethod
    def parse(cls, text: object) -> Digest:
        """Read `sha256:<64 hex>`; raises Refused for anything else."""
        if isinstance(text, str) and text[:7] == "sha256:" and _HEX.fullmatch(text, 7):
            return cls(text[7:])
        raise Refused(codes.REFERENCE_MALFORMED, f"{text!r} is not a sha256 digest")

    @classmethod
    def from_hex(cls, text: str) -> Digest | None:
        """Read 64 lower-case hexadecimal digits; None for anything else."""
        return cls(text) if _HEX.fullmatch(text) else None

    @property
    def signature_tag(self) -> str:
        """The tag under which cosign looks for signatures (cosign specs/SIGNATURE_SPEC.md)."""
        return f"sha256-{self.hex}.sig"

    @property
    def short(self) -> str:
        """The first digits, for people: sha256:1be0ea6f7e3c."""
        return f"sha256:{self.hex[:12]}"

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name: registry/repository, and the tag or digest where they are given."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, any_host: bool = False) -> Reference:
        """Read registry[:port]/repository[:tag][@sha256:…]; raises Refused for anything else.

        `any_host` accepts a bare word as the host, where nothing else can be meant by it.
        """
        name, at, digest = text.partition("@")
        registry, slash, rest = name.partition("/")
        repository, colon, tag = rest.partition(":")
        if not slash or not _is_registry(registry, any_host):
            raise Refused(
                codes.REFERENCE_MALFORMED,
                f"{text!r} does not begin with a registry's host, such as ghcr.io/",
            )
        if not _REPOSITORY.fullmatch(repository):
            raise Refused(
                codes.REFERENCE_MALFORMED,
                f"{repository!r} in {text!r} is not a repository's path (lower case, segments of"
                " letters, digits and single separators)",
            )
        if colon and not _TAG.fullmatch(tag):
            raise Refused(codes.REFERENCE_MALFORMED, f"{tag!r} in {text!r} is not a tag")
        return cls(
            registry, repository, tag if colon else None, Digest.parse(digest) if at else None
        )

    @property
    def name(self) -> str:
        """registry/repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def at(self, digest: Digest) -> Reference:
        """The same repository at a digest, without a tag."""
        return Reference(self.registry, self.repository, None, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def _is_registry(host: str, any_host: bool) -> bool:
    """Whether a reference's first segment is a host: it has a dot, a port, or is localhost."""
    if not _REGISTRY.fullmatch(host):
        return False
    return any_host or host == "localhost" or "." in host or ":" in host


def parse_tag(text: str) -> str:
    """Read the name of a tag that a set may move; raises Refused.

    Never a name that cosign or the referrers tag schema gives a meaning (`sha256-<hex>`, with or
    without a suffix; of a longer digest the schema takes 64 digits, too): moving such a tag would
    replace somebody's signatures.
    """
    if not _TAG.fullmatch(text):
        raise Refused(codes.TAG_MALFORMED, f"{text!r} is not the name of a tag")
    if _SIGNATURE_TAG.fullmatch(text):
        raise Refused(codes.TAG_MALFORMED, f"{text!r} is where signatures live, not a tag to move")
    return text


def same_repository(docker_reference: str, image: Reference) -> bool:
    """Whether a payload's docker-reference names the image's repository.

    cosign writes Docker Hub's host as index.docker.io, people write docker.io: one registry. In a
    mirror's paths the two are different repositories.
    """
    return _with_one_host(docker_reference) == _with_one_host(image.name)


def _with_one_host(name: str) -> str:
    host, slash, path = name.partition("/")
    return f"{'docker.io' if host == 'index.docker.io' else host}{slash}{path}"
