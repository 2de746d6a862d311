"""A tiny two-platform image as plain bytes, and its way in and out by the plain OCI protocol."""

import gzip
import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass, field
from urllib.parse import urljoin

import requests

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
IN_TOTO = "application/vnd.in-toto+json"

ARCHITECTURES = ("amd64", "arm64")
CREATED = "2026-01-02T03:04:05Z"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"

Json = dict[str, object]
Auth = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    media_type: str
    content: bytes
    blobs: tuple[bytes, ...] = field(default=(), compare=False)  # those that it refers to

    @property
    def digest(self) -> str:
        return digest_of(self.content)


@dataclass(frozen=True, slots=True)
class Image:
    index: Manifest
    platforms: tuple[Manifest, ...]
    attestations: tuple[Manifest, ...]

    @property
    def digest(self) -> str:
        return self.index.digest

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All of them, what is referred to first."""
        return (*self.platforms, *self.attestations, self.index)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def build(title: str = "app", *, attestations: bool = False) -> Image:
    """The same title gives the same bytes; with `attestations` the index is as buildx makes it."""
    platforms = tuple(_platform(title, architecture) for architecture in ARCHITECTURES)
    attesting = tuple(_attestation(platform) for platform in platforms) if attestations else ()
    listed = [
        _descriptor(MANIFEST, platform.content, platform=_where("linux", architecture))
        for platform, architecture in zip(platforms, ARCHITECTURES, strict=True)
    ]
    for attestation, platform in zip(attesting, platforms, strict=False):
        about = {
            "vnd.docker.reference.digest": platform.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        }
        nowhere = _where("unknown", "unknown")
        content = attestation.content
        listed.append(_descriptor(MANIFEST, content, annotations=about, platform=nowhere))
    index = _encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})
    return Image(Manifest(INDEX, index), platforms, attesting)


def push(
    host: str, repository: str, image: Image, *, tag: str | None = None, auth: Auth | None = None
) -> str:
    """Puts everything there, and answers with the reference by digest."""
    base = f"http://{host}/v2/{repository}"
    with requests.Session() as session:
        _log_in(session, host, f"repository:{repository}:pull,push", auth)
        for manifest in image.manifests:
            for blob in manifest.blobs:
                _put_blob(session, base, blob)
            _put_manifest(session, base, manifest, manifest.digest)
        if tag:
            _put_manifest(session, base, image.index, tag)
    return f"{host}/{repository}@{image.digest}"


def read(host: str, repository: str, reference: str, *, auth: Auth | None = None) -> Manifest:
    """A manifest as the registry holds it, by tag or by digest."""
    url = f"http://{host}/v2/{repository}/manifests/{reference}"
    with requests.Session() as session:
        _log_in(session, host, f"repository:{repository}:pull", auth)
        answer = session.get(url, headers={"Accept": f"{MANIFEST}, {INDEX}"})
    answer.raise_for_status()
    return Manifest(answer.headers["Content-Type"], answer.content)


def _log_in(session: requests.Session, host: str, scope: str, auth: Auth | None) -> None:
    """Meets whatever the registry challenges with: nothing, Basic or Bearer."""
    session.trust_env = False  # neither a proxy nor a .netrc
    challenge = session.get(f"http://{host}/v2/").headers.get("WWW-Authenticate", "")
    session.auth = auth
    if challenge.startswith("Bearer "):
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        answer = session.get(asked["realm"], params={"service": asked["service"], "scope": scope})
        answer.raise_for_status()
        session.auth = None
        session.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def _put_blob(session: requests.Session, base: str, content: bytes) -> None:
    started = session.post(f"{base}/blobs/uploads/")
    started.raise_for_status()
    location = urljoin(started.url, started.headers["Location"])
    digest = {"digest": digest_of(content)}
    session.put(location, params=digest, data=content).raise_for_status()


def _put_manifest(session: requests.Session, base: str, manifest: Manifest, name: str) -> None:
    url = f"{base}/manifests/{name}"
    headers = {"Content-Type": manifest.media_type}
    session.put(url, data=manifest.content, headers=headers).raise_for_status()


# The parts, in the shape that builders give them.


def _platform(title: str, architecture: str) -> Manifest:
    archive = _tar("hello.txt", f"{title} on {architecture}\n".encode())
    labels = {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.created": CREATED,
        "org.opencontainers.image.source": f"https://example.com/acme/{title}",
    }
    config = {
        **_where("linux", architecture),
        "created": CREATED,
        "config": {"Cmd": ["/hello.txt"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
        "history": [{"created": CREATED, "created_by": "COPY hello.txt /"}],
    }
    layer = gzip.compress(archive, mtime=0)
    return _manifest(_encode(config), layer, _descriptor(LAYER, layer))


def _attestation(platform: Manifest) -> Manifest:
    subject = {"name": "app", "digest": {"sha256": platform.digest.removeprefix("sha256:")}}
    statement = _encode(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [subject],
            "predicateType": PREDICATE_TYPE,
            "predicate": {"buildDefinition": {}, "runDetails": {}},
        }
    )
    config = {
        **_where("unknown", "unknown"),
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(statement)]},
    }
    about = {"in-toto.io/predicate-type": PREDICATE_TYPE}
    layer = _descriptor(IN_TOTO, statement, annotations=about)
    return _manifest(_encode(config), statement, layer)


def _manifest(config: bytes, content: bytes, layer: Json) -> Manifest:
    parts = {"config": _descriptor(CONFIG, config), "layers": [layer]}
    encoded = _encode({"schemaVersion": 2, "mediaType": MANIFEST, **parts})
    return Manifest(MANIFEST, encoded, (config, content))


def _where(system: str, architecture: str) -> Json:
    return {"os": system, "architecture": architecture}


def _descriptor(media_type: str, content: bytes, **more: object) -> Json:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def _encode(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
