"""Payloads: whatever is accepted has one reading, and all of it is known."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.forge import compact, payload
from tests.strange import changed

from ghcr_signer.core.errors import Refused
from ghcr_signer.core.formats import simple_signing

GOOD = json.loads(payload("ghcr.io/acme/app", "0" * 64, {"env": "prod", "repository": "x"}))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(Refused):
        simple_signing.claims(content)


@given(changed(GOOD))
def test_a_changed_payload_is_read_as_it_is_or_refused(document: Any) -> None:
    with contextlib.suppress(Refused):
        claims = simple_signing.claims(compact(document))
        assert document["critical"] == {
            "identity": {"docker-reference": claims.repository},
            "image": {"docker-manifest-digest": str(claims.digest)},
            "type": "cosign container image signature",
        }
        assert set(document) <= {"critical", "optional"}
        assert (document.get("optional") or {}) == claims.annotations
