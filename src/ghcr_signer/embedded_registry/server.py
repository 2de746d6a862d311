"""The registry, its endpoints, and one table that leads to them (distribution-spec 1.1, API).

There is no referrers API: as at ghcr.io, its path is answered with 404.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote, unquote

from ghcr_signer.embedded_registry.blobs import Blobs
from ghcr_signer.embedded_registry.connection import Observer, Server
from ghcr_signer.embedded_registry.manifests import Manifests
from ghcr_signer.embedded_registry.protocol import (
    RegistryError,
    Response,
    content_digest,
    repository_name,
    tag_or_digest,
)


class EmbeddedRegistry:
    """An OCI registry on a loopback address: `with EmbeddedRegistry() as registry: registry.host`.

    The socket is bound at once (port 0: any free one), requests are answered after `start`, and
    after `close` none is, on connections that are still open neither.

    `on_request(method, target, status)` is told of each request that could be read, just before its
    answer is sent, by the thread that serves it; if it raises, the connection ends without an
    answer. The target, path and query as they came, is foreign text.
    """

    def __init__(
        self, port: int = 0, host: str = "127.0.0.1", on_request: Observer | None = None
    ) -> None:
        """Raises ValueError for a host that is not a loopback address; OSError for a taken port."""
        address = ipaddress.ip_address(host)
        if not address.is_loopback:
            raise ValueError(f"{host} is not a loopback address, and this registry has no lock")
        self.blobs = Blobs()
        self.manifests = Manifests(self.blobs)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self._server = Server((host, port), family, self._answer, on_request)
        self._thread: threading.Thread | None = None
        bound = self._server.server_address[1]
        self.host = f"{host}:{bound}" if address.version == 4 else f"[{host}]:{bound}"

    def start(self) -> None:
        """Serve in the background; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.1},  # how long `close` waits where nothing wakes it
                name=f"registry {self.host}",
                daemon=True,
            )
            self._thread.start()

    def serve_forever(self) -> None:
        """Serve until another thread calls `close`, or Ctrl-C raises KeyboardInterrupt here."""
        self.start()
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(0.2)  # on Windows, Ctrl-C does not interrupt a join without an end

    def close(self) -> None:
        """Stop serving, and hang up on everybody; a second call changes nothing."""
        if self._thread is not None:
            with suppress(OSError):  # wakes the thread on Linux, and does nothing elsewhere
                self._server.socket.shutdown(socket.SHUT_RDWR)
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def _answer(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """Find the endpoint and ask it; whatever goes wrong is an answer too."""
        path, _, query = target.partition("?")
        try:
            endpoint, groups = _route(method, path)
            return endpoint(self, Request(method, groups, _query(query), headers, body))
        except RegistryError as error:
            return error.response
        except Exception as error:
            return RegistryError(500, "UNKNOWN", f"a fault in this registry: {error!r}").response

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Request:
    """A request, read whole. `path` has the named groups of the route, percent-decoded."""

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Message
    body: bytes

    @property
    def repository(self) -> str:
        """The repository that the path names; raises NAME_INVALID."""
        return repository_name(self.path["name"])

    @property
    def digest(self) -> str:
        """The blob that the path names; raises DIGEST_INVALID."""
        return content_digest(self.path["digest"])

    @property
    def reference(self) -> str:
        """The tag or digest that the path names; raises TAG_INVALID or DIGEST_INVALID."""
        return tag_or_digest(self.path["reference"])


# Endpoints


def _support(registry: EmbeddedRegistry, request: Request) -> Response:
    return Response(200, {"Content-Type": "application/json"}, b"{}")


def _read_blob(registry: EmbeddedRegistry, request: Request) -> Response:
    content = registry.blobs.get(request.repository, request.digest)
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": request.digest,
        "Accept-Ranges": "bytes",
    }
    wanted = _byte_range(request, len(content))
    if wanted is None:
        return Response(200, headers, content)
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(content)}"
    return Response(206, headers, content[wanted.start : wanted.stop])


def _delete_blob(registry: EmbeddedRegistry, request: Request) -> Response:
    registry.blobs.delete(request.repository, request.digest)
    return Response(202)


def _begin_upload(registry: EmbeddedRegistry, request: Request) -> Response:
    """A session; or, where the query says so, a whole blob, or another repository's."""
    repository, query = request.repository, request.query
    if "digest" in query:
        digest = content_digest(query["digest"])
        registry.blobs.push(repository, request.body, digest)
        return _blob_created(repository, digest)
    if "mount" in query and "from" in query:
        digest = content_digest(query["mount"])
        if registry.blobs.mount(repository, digest, repository_name(query["from"])):
            return _blob_created(repository, digest)
    return _upload(202, repository, registry.blobs.open_upload(repository), 0)


def _upload_status(registry: EmbeddedRegistry, request: Request) -> Response:
    repository, upload_id = request.repository, request.path["upload"]
    return _upload(204, repository, upload_id, registry.blobs.uploaded(repository, upload_id))


def _append_chunk(registry: EmbeddedRegistry, request: Request) -> Response:
    repository, upload_id = request.repository, request.path["upload"]
    size = registry.blobs.append(
        repository, upload_id, request.body, request.headers.get("Content-Range")
    )
    return _upload(202, repository, upload_id, size)


def _finish_upload(registry: EmbeddedRegistry, request: Request) -> Response:
    repository, digest = request.repository, content_digest(request.query.get("digest", ""))
    registry.blobs.finish(
        repository,
        request.path["upload"],
        request.body,
        request.headers.get("Content-Range"),
        digest,
    )
    return _blob_created(repository, digest)


def _cancel_upload(registry: EmbeddedRegistry, request: Request) -> Response:
    registry.blobs.cancel(request.repository, request.path["upload"])
    return Response(204)


def _read_manifest(registry: EmbeddedRegistry, request: Request) -> Response:
    manifest = registry.manifests.get(request.repository, request.reference)
    if not _accepted(request.headers, manifest.media_type):
        # ghcr.io's way to say 406: found, but not as something that the client can read.
        raise RegistryError(
            404, "MANIFEST_UNKNOWN", f"found {manifest.media_type}, which Accept does not name"
        )
    headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": manifest.digest}
    return Response(200, headers, manifest.content)


def _push_manifest(registry: EmbeddedRegistry, request: Request) -> Response:
    manifest = registry.manifests.push(
        request.repository,
        request.reference,
        request.body,
        request.headers.get("Content-Type", ""),
    )
    location = f"/v2/{request.repository}/manifests/{manifest.digest}"
    return Response(201, {"Location": location, "Docker-Content-Digest": manifest.digest})


def _delete_manifest(registry: EmbeddedRegistry, request: Request) -> Response:
    registry.manifests.delete(request.repository, request.reference)
    return Response(202)


def _list_tags(registry: EmbeddedRegistry, request: Request) -> Response:
    repository = request.repository
    tags = registry.manifests.tags(repository)
    if "last" in request.query:
        tags = tags[bisect_right(tags, request.query["last"]) :]
    headers = {"Content-Type": "application/json"}
    if "n" in request.query:
        n = _page_size(request.query["n"])
        if 0 < n < len(tags):
            last = quote(tags[n - 1], safe="")
            headers["Link"] = f'</v2/{repository}/tags/list?n={n}&last={last}>; rel="next"'
        tags = tags[:n]
    return Response(200, headers, json.dumps({"name": repository, "tags": tags}).encode())


_Endpoint = Callable[[EmbeddedRegistry, Request], Response]

_SUPPORT = re.compile(r"/v2/")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)")
_UPLOADS = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/")
_UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload>[^/]+)")
_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")
_TAGS = re.compile(r"/v2/(?P<name>.+)/tags/list")

_ROUTES: tuple[tuple[str, re.Pattern[str], _Endpoint], ...] = (
    ("GET", _SUPPORT, _support),
    ("HEAD", _SUPPORT, _support),
    ("GET", _BLOB, _read_blob),
    ("HEAD", _BLOB, _read_blob),
    ("DELETE", _BLOB, _delete_blob),
    ("POST", _UPLOADS, _begin_upload),
    ("GET", _UPLOAD, _upload_status),
    ("PATCH", _UPLOAD, _append_chunk),
    ("PUT", _UPLOAD, _finish_upload),
    ("DELETE", _UPLOAD, _cancel_upload),
    ("GET", _MANIFEST, _read_manifest),
    ("HEAD", _MANIFEST, _read_manifest),
    ("PUT", _MANIFEST, _push_manifest),
    ("DELETE", _MANIFEST, _delete_manifest),
    ("GET", _TAGS, _list_tags),
)


def _route(method: str, path: str) -> tuple[_Endpoint, Mapping[str, str]]:
    """The endpoint for a path, and the names in it; 404 for another path, 405 for its method."""
    allowed: list[str] = []
    for route_method, pattern, endpoint in _ROUTES:
        if match := pattern.fullmatch(path):
            if route_method == method:
                return endpoint, {name: unquote(text) for name, text in match.groupdict().items()}
            allowed.append(route_method)
    if not allowed:
        raise RegistryError(404, "UNSUPPORTED", "there is nothing under this path")
    raise RegistryError(
        405, "UNSUPPORTED", f"{method} is not for this path", {"Allow": ", ".join(allowed)}
    )


def _query(text: str) -> Mapping[str, str]:
    """The query's parameters; of one given several times the first counts, as in Go's clients."""
    try:
        parameters = parse_qs(text, keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise RegistryError(400, "UNSUPPORTED", f"the query cannot be read: {error}") from None
    return {name: values[0] for name, values in parameters.items()}


def _upload(status: int, repository: str, upload_id: str, size: int) -> Response:
    """What a client needs to go on with an upload. Of no bytes yet Range says 0-0, as all do."""
    headers = {
        "Location": f"/v2/{repository}/blobs/uploads/{upload_id}",
        "Range": f"0-{max(size - 1, 0)}",
        "Docker-Upload-UUID": upload_id,
    }
    return Response(status, headers)


def _blob_created(repository: str, digest: str) -> Response:
    location = f"/v2/{repository}/blobs/{digest}"
    return Response(201, {"Location": location, "Docker-Content-Digest": digest})


def _accepted(headers: Message, media_type: str) -> bool:
    """Whether the client reads this type: it names it or */*, or says nothing."""
    values = headers.get_all("Accept", [])
    types = {part.partition(";")[0].strip().lower() for part in ",".join(values).split(",")}
    return not values or media_type in types or "*/*" in types


def _page_size(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is not a number of tags")
    return int(text)


def _byte_range(request: Request, size: int) -> range | None:
    """The part of a blob that a GET wants; None for all of it (RFC 9110 §14).

    A header in another unit, of several ranges, or that cannot be read is ignored, as it may be.
    Raises 416 for a range that the blob does not have.
    """
    header = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", request.headers.get("Range", ""))
    if request.method != "GET" or header is None or header[0] == "bytes=-":
        return None
    first, last = header[1], header[2]
    if first == "":
        wanted = range(max(size - int(last), 0), size)
    else:
        wanted = range(int(first), min(int(last) + 1, size) if last else size)
    if not wanted:
        raise RegistryError(
            416,
            "UNSUPPORTED",
            f"the blob has {size} bytes",
            {"Content-Range": f"bytes */{size}"},
        )
    return wanted
