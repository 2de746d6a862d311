"""Sets for pull requests: good, and forged."""

from __future__ import annotations

from collections.abc import Sequence

from tests import forge
from tests.forge import Signer
from tests.peers import images

from ghcr_signer.embedded_registry import EmbeddedRegistry

SIGNER = Signer()
SET, LATER = "2025-01-02T03:04:05+00:00", "2025-01-02T03:04:06+00:00"
OPTIONAL = {"transparency_log": "optional"}
IMAGE = images.build()
NAME = "ghcr.io/acme/app"

Files = dict[str, bytes]


def entry(
    set_name: str = SET,
    *,
    signer: Signer = SIGNER,
    repository: str = NAME,
    digest: str | None = None,
    tags: Sequence[str] = (),
) -> tuple[str, Files]:
    """An entry's path below the repository's root, and its files by their paths there."""
    name, files = forge.entry([signer], repository, digest, tags=tags)
    path = f"SIGNATURES/{set_name}/{name}"
    return path, {f"{path}/{file}": content for file, content in files.items()}


def signed_image(set_name: str = SET, tags: Sequence[str] = ("latest",)) -> tuple[str, Files]:
    """An entry for an image that there is."""
    return entry(set_name, digest=IMAGE.digest.removeprefix("sha256:"), tags=tags)


def push_image(registry: EmbeddedRegistry) -> None:
    for manifest in IMAGE.manifests:
        registry.manifests.put("acme/app", manifest.content, manifest.media_type, "v1")


def tag(registry: EmbeddedRegistry, name: str) -> str | None:
    """The digest that a tag of acme/app points at."""
    found = registry.manifests.find("acme/app", name)
    return found.digest if found else None
