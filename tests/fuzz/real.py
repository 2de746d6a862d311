"""The real entries, as seeds: read from beside the repository, never copied into it."""

from __future__ import annotations

import json
from functools import cache

from tests.shared import dangerzone

Files = dict[str, bytes]
BUNDLE = "dev.sigstore.cosign/bundle"
SIGNATURE = "dev.cosignproject.cosign/signature"


@cache
def entries() -> dict[str, Files]:
    """The files of every real entry, by its path: SET/DIGEST."""
    images = sorted((dangerzone() / "SIGNATURES").glob("*/*/IMAGE"))
    return {
        f"{image.parent.parent.name}/{image.parent.name}": {
            file.name: file.read_bytes() for file in sorted(image.parent.iterdir())
        }
        for image in images
    }


@cache
def key() -> bytes:
    """The key that made their signatures, PEM."""
    return (dangerzone() / "trusted.pub").read_bytes()


def annotations(files: Files) -> dict[str, str]:
    """The annotations of an entry's only layer."""
    (layer,) = json.loads(files["MANIFEST"])["layers"]
    found: dict[str, str] = layer["annotations"]
    return found
