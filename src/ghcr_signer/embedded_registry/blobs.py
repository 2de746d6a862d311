"""Blobs, and the upload sessions that they arrive in (distribution-spec, Pushing blobs)."""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry.protocol import RegistryError, check_content

BLOB_BYTES = 64 * 1024 * 1024
"""A blob, whole; also the largest body of one request. Signatures have a few KiB, but the demo and
the tests push small images too."""

UPLOADS = 100
"""Open upload sessions. One more, and the one that was left alone for longest is forgotten: an
upload that a client abandoned must lock nobody out."""

_CONTENT_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclass(slots=True)
class _Upload:
    repository: str
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0


class Blobs:
    """The blobs of every repository. A blob belongs to the repositories that it was put into."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()

    def put(self, repository: str, content: bytes) -> Digest:
        """Store a blob, in process."""
        digest = Digest.of(content)
        self._store(repository, str(digest), content)
        return digest

    def find(self, repository: str, digest: str) -> bytes | None:
        """The repository's blob with this digest; None if it has none."""
        with self._lock:
            return self._blobs.get((repository, digest))

    def get(self, repository: str, digest: str) -> bytes:
        """The repository's blob with this digest; raises BLOB_UNKNOWN."""
        content = self.find(repository, digest)
        if content is None:
            raise _blob_unknown(repository, digest)
        return content

    def delete(self, repository: str, digest: str) -> None:
        """Take a blob out of a repository; raises BLOB_UNKNOWN. Others that have it keep it."""
        with self._lock:
            if self._blobs.pop((repository, digest), None) is None:
                raise _blob_unknown(repository, digest)

    def push(self, repository: str, content: bytes, digest: str) -> None:
        """Store a blob that came whole; raises DIGEST_INVALID."""
        check_content(content, digest)
        self._store(repository, digest, content)

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Give a repository another one's blob; False if the other has none."""
        with self._lock:
            content = self._blobs.get((source, digest))
            if content is None:
                return False
            self._blobs[repository, digest] = content
            return True

    def open_upload(self, repository: str) -> str:
        """Begin an upload session; gives its id."""
        upload_id = str(uuid.uuid4())
        with self._lock:
            self._uploads[upload_id] = _Upload(repository)
            if len(self._uploads) > UPLOADS:
                self._uploads.popitem(last=False)
        return upload_id

    def uploaded(self, repository: str, upload_id: str) -> int:
        """How many bytes the session has; raises BLOB_UPLOAD_UNKNOWN."""
        with self._lock:
            return self._upload(repository, upload_id).size

    def append(
        self, repository: str, upload_id: str, chunk: bytes, content_range: str | None
    ) -> int:
        """Add a chunk to a session, and say how many bytes it has now.

        Raises BLOB_UPLOAD_UNKNOWN; with 416 for a chunk that is not the next one; SIZE_INVALID. The
        session stays as it was.
        """
        with self._lock:
            upload = self._upload(repository, upload_id)
            _check_chunk(upload, chunk, content_range)
            upload.chunks.append(chunk)
            upload.size += len(chunk)
            self._uploads.move_to_end(upload_id)
            return upload.size

    def finish(
        self,
        repository: str,
        upload_id: str,
        chunk: bytes,
        content_range: str | None,
        digest: str,
    ) -> None:
        """Close a session with its last chunk, which may be empty, and store the blob.

        Raises what `append` raises; and DIGEST_INVALID, after which the session is gone, since
        nothing that could be added to its bytes would mend them.
        """
        with self._lock:
            upload = self._upload(repository, upload_id)
            _check_chunk(upload, chunk, content_range)
            del self._uploads[upload_id]
        self.push(repository, b"".join([*upload.chunks, chunk]), digest)

    def cancel(self, repository: str, upload_id: str) -> None:
        """Forget a session; raises BLOB_UPLOAD_UNKNOWN."""
        with self._lock:
            self._upload(repository, upload_id)
            del self._uploads[upload_id]

    def _store(self, repository: str, digest: str, content: bytes) -> None:
        with self._lock:
            self._blobs[repository, digest] = content

    def _upload(self, repository: str, upload_id: str) -> _Upload:
        """A session, while the lock is held; an id opens it only in its own repository."""
        upload = self._uploads.get(upload_id)
        if upload is None or upload.repository != repository:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", f"{repository} has no such upload")
        return upload


def _blob_unknown(repository: str, digest: str) -> RegistryError:
    return RegistryError(404, "BLOB_UNKNOWN", f"{repository} has no blob {digest}")


def _check_chunk(upload: _Upload, chunk: bytes, content_range: str | None) -> None:
    """Whether a chunk is the session's next, as long as it says, and not too much.

    Without a Content-Range it is taken as the next: so Go's clients stream a blob of unknown size.
    """
    if content_range is not None:
        numbers = _CONTENT_RANGE.fullmatch(content_range)
        if numbers is None:
            raise RegistryError(400, "BLOB_UPLOAD_INVALID", "Content-Range is not <first>-<last>")
        first, last = int(numbers[1]), int(numbers[2])
        if first != upload.size:
            raise RegistryError(
                416, "BLOB_UPLOAD_INVALID", f"the next byte is {upload.size}, not {first}"
            )
        if last - first + 1 != len(chunk):
            raise RegistryError(
                400, "SIZE_INVALID", f"{len(chunk)} bytes came for the range {content_range}"
            )
    if upload.size + len(chunk) > BLOB_BYTES:
        raise RegistryError(413, "SIZE_INVALID", f"a blob has at most {BLOB_BYTES} bytes")
