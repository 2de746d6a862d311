"""Trusted roots: which logs count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC

from ghcr_signer.core.trusted_root import TrustedRoot
from tests.fuzz.mutation import from_seeds, of_json
from tests.fuzz.ours import LOG
from tests.fuzz.reading import accepted, require_one_reading
from tests.shared import shared


def seeds() -> Iterator[bytes]:
    root = json.loads((shared() / "testdata" / "trusted_root.json").read_bytes())
    yield json.dumps({"tlogs": root["tlogs"]}).encode()
    for log in root["tlogs"]:
        yield json.dumps({"tlogs": [log]}).encode()
    yield LOG.trusted_root()
    yield LOG.trusted_root("2021-01-01T00:00:00+01:00", "2030-01-01T00:00:00.5Z")


mutate = from_seeds(of_json, seeds)


def run(data: bytes) -> None:
    root = accepted(lambda: TrustedRoot.parse(data))
    if root is None:
        return
    require_one_reading(data)
    assert 0 < len(root.logs) <= len(json.loads(data)["tlogs"])
    for name, log in root.logs.items():
        assert log.id == name
        assert isinstance(log.url, str)
        assert log.start.tzinfo is UTC
        assert log.end is None or log.end.tzinfo is UTC
