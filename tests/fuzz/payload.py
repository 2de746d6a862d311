"""Payloads: what was signed has one reading."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ghcr_signer.core.formats import simple_signing
from tests.forge import payload
from tests.fuzz import real
from tests.fuzz.mutation import from_seeds, of_json
from tests.fuzz.reading import accepted, require_one_reading


def seeds() -> Iterator[bytes]:
    for files in real.entries().values():
        yield files["PAYLOAD_BLOB"]
    yield payload("ghcr.io/acme/app", "0" * 64, {"env": "prod", "repository": "ghcr.io/acme/app"})


mutate = from_seeds(of_json, seeds)


def run(data: bytes) -> None:
    claims = accepted(lambda: simple_signing.claims(data))
    if claims is None:
        return
    require_one_reading(data)
    document = json.loads(data)
    critical = document["critical"]
    assert set(document) <= {"critical", "optional"}
    assert set(critical) == {"identity", "image", "type"}
    assert critical["image"] == {"docker-manifest-digest": str(claims.digest)}
    assert critical["identity"] == {"docker-reference": claims.repository}
    assert critical["type"] == "cosign container image signature"
    assert claims.annotations == (document.get("optional") or {})
