"""What is signed in these tests: real signatures of a real project, and some of our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests import forge, shared
from tests.forge import Signer
from tests.peers import images
from tests.peers.images import Image, Manifest
from tests.peers.registries import PASSWORD, Peer

Files = Mapping[str, bytes]

REAL_OWNER = "freedomofpress"
REAL_PACKAGE = "freedomofpress/dangerzone/v1"
REAL_SET = "SIGNATURES/2026-04-27T13:43:02+00:00"  # the newest, of three entries

# An image of our own, which a registry can really have.
OWNER, PACKAGE = "acme", "acme/app"
IMAGE = images.build()
DIGEST = IMAGE.digest.removeprefix("sha256:")
SIGNATURE = f"sha256-{DIGEST}.sig"  # the tag that cosign finds its signatures by
FIRST, SECOND = "SIGNATURES/2026-11-19T12:00:00+00:00", "SIGNATURES/2026-11-20T12:00:00+00:00"
SECRETS = {"PASSWORD": PASSWORD, "GITHUB_TOKEN": "of the job"}


def real() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Real signatures, from the public log: what is merged, with the key; and the newest set."""
    files = below(shared.dangerzone())
    new = {path: content for path, content in files.items() if path.startswith(REAL_SET)}
    return {path: content for path, content in files.items() if path not in new}, new


def entry(
    folder: str, signer: Signer, repository: str, digest: str, *tags: str
) -> dict[str, bytes]:
    """An entry of the set in `folder`, signed in software and not logged."""
    name, files = forge.entry([signer], repository, digest, tags=tags)
    return {f"{folder}/{name}/{file}": content for file, content in files.items()}


def ours(folder: str, signer: Signer, *tags: str) -> dict[str, bytes]:
    """A set that signs our image."""
    return entry(folder, signer, f"ghcr.io/{PACKAGE}", DIGEST, *tags)


def stored(signer: Signer) -> Image:
    """A signature of our image as a registry holds it."""
    files = forge.artifact([forge.signed_layer(signer, f"ghcr.io/{PACKAGE}", DIGEST)])
    blobs = (files["CONFIG_BLOB"], files["PAYLOAD_BLOB"])
    return Image(Manifest(forge.OCI_MANIFEST, files["MANIFEST"], blobs), (), ())


def to(registry: Peer) -> str:
    """What an owner adds to the job `publish`, the last of a workflow, to publish elsewhere than to
    ghcr.io, and what is in no log.
    """
    return f"""\
      registry_map: ghcr.io={registry.host}
      username: {registry.username}
      transparency_log: optional
    secrets:
      password: ${{{{ secrets.PASSWORD }}}}
"""


def below(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by their paths in it."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
