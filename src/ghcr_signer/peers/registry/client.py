"""What we ask of a registry: manifests, blobs and tags, as raw bytes (OCI distribution-spec 1.1).

Whatever is read is compared with the digest and size that it was asked for by; whatever is written
goes up exactly as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Unreachable
from ghcr_signer.core.manifest import MANIFEST_TYPES, Descriptor
from ghcr_signer.core.reference import Digest
from ghcr_signer.peers.registry.transport import Transport

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_UNKNOWN_BLOB = ("BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN")
_UPLOAD_LOST = ("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")


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
        response = self._get(repository, "manifests", reference, _ACCEPT, just_written)
        if response is None:
            return None
        digest = Digest.of(response.content)
        if isinstance(reference, Digest) and digest != reference:
            raise self._lies(repository, reference)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        return Manifest(response.content, media_type, digest)

    def tag_digest(self, repository: str, tag: str) -> Digest | None:
        """HEAD a tag: the digest that it points at; None where there is no such tag."""
        response = self._ask("HEAD", repository, f"manifests/{tag}", _ACCEPT)
        if response.status_code == 404:
            return None
        self._expect(response, 200, f"HEAD {repository}:{tag}")
        header = response.headers.get("Docker-Content-Digest")
        if header is not None:
            return Digest.parse(header)
        manifest = self.manifest(repository, tag)  # a registry that does not say: read and hash
        return manifest.digest if manifest else None

    def has_manifest(self, repository: str, digest: Digest) -> bool:
        """HEAD a manifest by digest."""
        response = self._ask("HEAD", repository, f"manifests/{digest}", _ACCEPT)
        if response.status_code == 404:
            return False
        self._expect(response, 200, f"HEAD {repository}@{digest}")
        return True

    def put_manifest(
        self, repository: str, reference: str | Digest, content: bytes, media_type: str
    ) -> None:
        """PUT a manifest under a tag or its digest, byte for byte."""
        response = self._transport.do_request(
            self._transport.url(f"{repository}/manifests/{quote(str(reference), safe=':')}"),
            "PUT",
            data=content,
            headers={"Content-Type": media_type},
            passes=_just_uploaded,
        )
        self._expect(response, 201, f"PUT {repository}:{reference}")
        stored = response.headers.get("Docker-Content-Digest")
        if stored is not None and stored != str(Digest.of(content)):
            raise self._lies(repository, reference)

    def blob(
        self, repository: str, descriptor: Descriptor, *, just_written: bool = False
    ) -> bytes | None:
        """GET a blob; None where there is none. Its size and digest are the descriptor's."""
        response = self._get(
            repository, "blobs", descriptor.digest, {}, just_written, descriptor.size
        )
        if response is None:
            return None
        if (
            len(response.content) != descriptor.size
            or Digest.of(response.content) != descriptor.digest
        ):
            raise self._lies(repository, descriptor.digest)
        return response.content

    def put_blob(self, repository: str, content: bytes) -> None:
        """Upload a blob: one POST that opens the upload, one PUT with all of it."""
        for attempt in (1, 2):
            opened = self._ask("POST", repository, "blobs/uploads/", {})
            self._expect(opened, 202, f"POST {repository}/blobs/uploads/")
            response = self._transport.do_request(
                self._upload_url(opened, Digest.of(content)),
                "PUT",
                data=content,
                headers={"Content-Type": "application/octet-stream"},
            )
            # a PUT that was sent twice finds its upload gone: begin again, once
            if attempt == 1 and _codes(response) & set(_UPLOAD_LOST):
                continue
            break
        self._expect(response, 201, f"PUT a blob to {repository}")

    def _upload_url(self, opened: requests.Response, digest: Digest) -> str:
        location = urlsplit(requests.compat.urljoin(opened.url, opened.headers.get("Location", "")))
        if location.scheme != "https" and not self._transport.url("").startswith("http://"):
            raise Unreachable(
                codes.REGISTRY_REFUSED, f"{self.host} sends uploads to a place that is not https"
            )
        query = f"{location.query}&" if location.query else ""
        return urlunsplit(location._replace(query=f"{query}digest={quote(str(digest), safe='')}"))

    def _get(
        self,
        repository: str,
        kind: str,
        reference: str | Digest,
        headers: Mapping[str, str],
        just_written: bool,
        limit: int = limits.MANIFEST_BYTES,
    ) -> requests.Response | None:
        response = self._transport.do_request(
            self._transport.url(f"{repository}/{kind}/{quote(str(reference), safe=':')}"),
            headers=headers,
            limit=max(limit, limits.ANNOTATION_BYTES),  # an error's body may be the larger one
            passes=_not_found if just_written else _never,
        )
        if response.status_code == 404:
            return None
        self._expect(response, 200, f"GET {repository} {reference}")
        return response

    def _ask(
        self, method: str, repository: str, path: str, headers: Mapping[str, str]
    ) -> requests.Response:
        return self._transport.do_request(
            self._transport.url(f"{repository}/{path}"), method, headers=headers
        )

    def _expect(self, response: requests.Response, status: int, what: str) -> None:
        if response.status_code == status:
            return
        words = f"{self.host}: {what}: {_words(response)}"
        if response.status_code in (401, 403):
            raise Unreachable(codes.DENIED, words)
        if response.status_code == 404:
            raise Unreachable(codes.NOT_FOUND, words)
        code = codes.UNREACHABLE if response.status_code >= 500 else codes.REGISTRY_REFUSED
        raise Unreachable(code, words)

    def _lies(self, repository: str, reference: str | Digest) -> Unreachable:
        return Unreachable(
            codes.REGISTRY_LIES, f"{self.host}/{repository}: other bytes than {reference}"
        )


def _never(response: requests.Response) -> bool:
    return False


def _not_found(response: requests.Response) -> bool:
    return response.status_code == 404


def _just_uploaded(response: requests.Response) -> bool:
    """Whether a manifest is refused for a blob that was taken a moment ago, as ghcr.io may do."""
    return response.status_code in (400, 404) and bool(_codes(response) & set(_UNKNOWN_BLOB))


def _codes(response: requests.Response) -> set[str]:
    """The error codes of an answer (distribution-spec, Error Codes); empty for any other body."""
    if response.status_code < 400:
        return set()
    try:
        return {str(error["code"]) for error in response.json()["errors"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _words(response: requests.Response) -> str:
    """The registry's own words, cut; whoever prints them escapes them."""
    try:
        first = response.json()["errors"][0]
        text = f"{first.get('code', '')}: {first.get('message', '')}"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        text = response.text[:200]
    return f"{response.status_code} {text}".strip()[:300]
