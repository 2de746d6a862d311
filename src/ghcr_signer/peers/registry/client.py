"""What we ask of a registry: manifests, blobs and tags, as raw bytes (OCI distribution-spec 1.1).

Whatever is read is compared with the digest and size that it was asked for by; whatever is written
goes up exactly as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.core.manifest import MANIFEST_TYPES, Descriptor
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.registry import answer, ghcr
from ghcr_signer.peers.registry.transport import Transport

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_UNKNOWN_BLOB = {"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"}
_UPLOAD_LOST = {"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"}


def _never(response: requests.Response) -> bool:
    return False


def _not_found(response: requests.Response) -> bool:
    return response.status_code == 404


def _just_uploaded(response: requests.Response) -> bool:
    """Whether a manifest is refused for a blob that was taken a moment ago, as ghcr.io may do."""
    return response.status_code in (400, 404) and bool(answer.error_codes(response) & _UNKNOWN_BLOB)


def _upload_lost(response: requests.Response) -> bool:
    return response.status_code == 404 or bool(answer.error_codes(response) & _UPLOAD_LOST)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as the registry holds it: its raw bytes, their type and digest."""

    content: bytes
    media_type: str
    digest: Digest


class Client:
    """One registry host. Every method raises Unreachable where the registry does not serve us."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def host(self) -> str:
        """The host, as references name it."""
        return self._transport.host

    def manifest(
        self, repository: str, reference: str | Digest, *, just_written: bool = False
    ) -> Manifest | None:
        """GET a manifest by tag or digest; None where there is none.

        `just_written` waits for a registry that does not know at once what it has just taken.
        """
        passes = _not_found if just_written else _never
        response = self._ask("GET", repository, f"manifests/{reference}", _ACCEPT, passes=passes)
        if response.status_code == 404:
            return None
        self._expect(response, 200, "GET", repository, reference)
        digest = Digest.of(response.content)
        wanted = reference if isinstance(reference, Digest) else answer.digest(response)
        if wanted is not None and digest != wanted:
            raise self._lies(repository, reference)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        return Manifest(response.content, media_type, digest)

    def tag_digest(
        self, repository: str, tag: str, *, just_written: Digest | None = None
    ) -> Digest | None:
        """HEAD a tag: the digest that it points at; None where there is no such tag.

        `just_written` waits for a registry that does not say at once where the tag points now.
        """

        def stale(response: requests.Response) -> bool:
            return just_written is not None and (
                response.status_code == 404
                or (response.ok and answer.digest(response) not in (None, just_written))
            )

        response = self._ask("HEAD", repository, f"manifests/{tag}", _ACCEPT, passes=stale)
        if response.status_code == 404:
            return None
        self._expect(response, 200, "HEAD", repository, tag)
        digest = answer.digest(response)
        if digest is None:  # a registry that does not say: read and hash
            manifest = self.manifest(repository, tag)
            digest = manifest.digest if manifest else None
        return digest

    def has_manifest(self, repository: str, digest: Digest) -> bool:
        """HEAD a manifest by digest."""
        response = self._ask("HEAD", repository, f"manifests/{digest}", _ACCEPT)
        if response.status_code == 404:
            return False
        self._expect(response, 200, "HEAD", repository, digest)
        return True

    def put_manifest(
        self, repository: str, reference: str | Digest, content: bytes, media_type: str
    ) -> None:
        """PUT a manifest under a tag or its digest, byte for byte."""
        headers = {"Content-Type": media_type}
        response = self._ask(
            "PUT", repository, f"manifests/{reference}", headers, content, passes=_just_uploaded
        )
        self._expect(response, 201, "PUT", repository, reference)
        if answer.digest(response) not in (None, Digest.of(content)):
            raise self._lies(repository, reference)

    def blob(
        self, repository: str, descriptor: Descriptor, *, just_written: bool = False
    ) -> bytes | None:
        """GET a blob; None where there is none. Its size and digest are the descriptor's."""
        digest = descriptor.digest
        response = self._ask(
            "GET",
            repository,
            f"blobs/{digest}",
            {},
            # an error's body may be the larger one
            limit=max(min(descriptor.size, limits.BLOB_BYTES), limits.ANNOTATION_BYTES),
            passes=_not_found if just_written else _never,
        )
        if response.status_code == 404:
            return None
        self._expect(response, 200, "GET", repository, digest)
        if len(response.content) != descriptor.size or Digest.of(response.content) != digest:
            raise self._lies(repository, digest)
        return response.content

    def put_blob(self, repository: str, content: bytes) -> None:
        """Upload a blob: one POST that opens the upload, one PUT with all of it."""
        digest = Digest.of(content)
        response = self._upload(repository, content, digest)
        if _upload_lost(response):  # a PUT that was sent twice finds its upload gone
            response = self._upload(repository, content, digest)
        self._expect(response, 201, "PUT", repository, digest)

    def _upload(self, repository: str, content: bytes, digest: Digest) -> requests.Response:
        opened = self._ask("POST", repository, "blobs/uploads/", {})
        self._expect(opened, 202, "POST", repository, "blobs/uploads/")
        place = urlsplit(self._transport.target(opened))
        query = f"{place.query}&" if place.query else ""
        return self._transport.do_request(
            urlunsplit(place._replace(query=f"{query}digest={quote(str(digest), safe='')}")),
            "PUT",
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            repository=repository,
        )

    def _ask(
        self,
        method: str,
        repository: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        *,
        limit: int = limits.MANIFEST_BYTES,
        passes: Callable[[requests.Response], bool] = _never,
    ) -> requests.Response:
        return self._transport.do_request(
            self._transport.url(quote(f"{repository}/{path}", safe="/:")),
            method,
            data=content,
            headers=headers,
            repository=repository,
            limit=limit,
            passes=passes,
        )

    def _expect(
        self,
        response: requests.Response,
        status: int,
        method: str,
        repository: str,
        reference: str | Digest,
    ) -> None:
        if response.status_code == status:
            return
        said = f"{self.host}: {method} {repository} {reference}: {answer.words(response)}"
        if answer.will_pass(response) or response.status_code >= 500:
            raise Unreachable(codes.UNREACHABLE, said)
        if response.status_code in (401, 403):
            said += self._transport.withheld
            raise Unreachable(codes.DENIED, said, fix=ghcr.remedy(self.host, repository, said))
        if response.status_code == 404:
            raise Unreachable(codes.NOT_FOUND, said)
        raise Unreachable(codes.REGISTRY_REFUSED, said)

    def _lies(self, repository: str, reference: str | Digest) -> Unreachable:
        return Unreachable(
            codes.REGISTRY_LIES, f"{self.host}/{repository}: other bytes than {reference}"
        )
