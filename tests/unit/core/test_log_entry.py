"""Log entries: any annotation is read or refused, and counts for one signature or for none."""

import base64
import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.forge import Log, Signer, compact, sha256
from tests.strange import changed

from ghcr_signer.core.errors import Refused
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.log_entry import LogEntry
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trusted_root import TrustedRoot

SIGNER, LOG = Signer(), Log()
SIGNATURE = SIGNER.sign(b"payload")
GOOD = json.loads(LOG.entry(b"payload", SIGNATURE, SIGNER.pem))
BODY = json.loads(base64.b64decode(GOOD["Payload"]["body"]))
ROOT, KEY = TrustedRoot.parse(LOG.trusted_root()), PublicKey.from_pem(SIGNER.pem)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        LogEntry.parse(text)


@given(changed(GOOD))
def test_what_the_log_promised_is_what_it_said(bundle: Any) -> None:
    with contextlib.suppress(Refused):
        entry = LogEntry.parse(compact(bundle).decode())
        entry.verify_promise(ROOT)
        assert bundle == GOOD


@given(changed(BODY))
def test_an_entry_is_bound_to_all_of_its_signature_or_to_none(body: Any) -> None:
    annotation = LOG.entry(b"payload", SIGNATURE, SIGNER.pem, body=compact(body))
    entry = LogEntry.parse(annotation)
    entry.verify_promise(ROOT)
    with contextlib.suppress(Refused):
        entry.check_binding(Digest(sha256(b"payload")), SIGNATURE, KEY)
        assert body == BODY
