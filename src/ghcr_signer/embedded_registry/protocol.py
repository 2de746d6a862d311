"""What both sides of the wire know: names, digests, answers and refusals."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Reference

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Content-Length comes from the body, which HEAD's answer then leaves out."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class RegistryError(Exception):
    """A refusal as the client reads it: an HTTP status, and a code of the specification.

    (distribution-spec, Error Codes; TAG_INVALID and PAGINATION_NUMBER_INVALID are distribution's.)
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        document = {"errors": [{"code": code, "message": message}]}
        self.message = message
        self.response = Response(
            status,
            {"Content-Type": "application/json", **(headers or {})},
            json.dumps(document).encode(),
        )


def repository_name(text: str) -> str:
    """Read a repository's name; raises NAME_INVALID."""
    reference = _reference(f"localhost/{text}")
    if reference is None or reference.repository != text:
        raise RegistryError(400, "NAME_INVALID", f"{text[:300]!r} is not a repository's name")
    return text


def tag_or_digest(text: str) -> str:
    """Read what names a manifest in its repository; raises TAG_INVALID or DIGEST_INVALID."""
    if ":" in text:
        return content_digest(text)
    if _reference(f"localhost/any:{text}") is None:
        raise RegistryError(400, "TAG_INVALID", f"{text[:300]!r} is not the name of a tag")
    return text


def content_digest(text: object) -> str:
    """Read a digest; raises DIGEST_INVALID.

    Unlike the rest of this program a registry takes sha512 as well: image-spec registers it, and
    clients may push it (image-spec, descriptor, Registered algorithms).
    """
    if isinstance(text, str) and _DIGEST.fullmatch(text):
        return text
    raise RegistryError(400, "DIGEST_INVALID", f"{str(text)[:300]!r} is not a digest")


def check_content(content: bytes, digest: str) -> None:
    """Raises DIGEST_INVALID unless the digest is the content's."""
    algorithm, _, expected = digest.partition(":")
    found = hashlib.new(algorithm, content).hexdigest()
    if found != expected:
        raise RegistryError(
            400, "DIGEST_INVALID", f"the content's digest is {algorithm}:{found}, not {digest}"
        )


def _reference(text: str) -> Reference | None:
    try:
        return Reference.parse(text)
    except Refused:
        return None
