"""Log entries: the bundle annotation. Its parts: the annotation, then what it should be about.

An annotation that begins with `+` is promised anew by a log of our own before it is read: it is
hostile, and true.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import cache, partial

from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.log_entry import LogEntry
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trusted_root import TrustedRoot, public_good
from tests.forge import compact
from tests.fuzz import real
from tests.fuzz.mutation import HEAD, from_seeds, join, of_parts, split
from tests.fuzz.ours import ALICE, LOG
from tests.fuzz.reading import accepted, holds, require_one_reading

_PROMISE = b"+"


def seeds() -> Iterator[bytes]:
    for files in real.entries().values():
        found = real.annotations(files)
        signature = base64.b64decode(found[real.SIGNATURE])
        yield join([found[real.BUNDLE].encode(), files["PAYLOAD_BLOB"], signature])
    signature = ALICE.sign(b"payload")
    ours = LOG.entry(b"payload", signature, ALICE.pem).encode()
    for content in (ours, _PROMISE + HEAD + ours):
        yield join([content, b"payload", signature])


mutate = from_seeds(of_parts, seeds)


def run(data: bytes) -> None:
    annotation, payload, signature, *_ = *split(data), b"", b""
    head, mark, content = annotation.partition(HEAD)
    if mark and head == _PROMISE:
        annotation = promised(content)
    text = annotation.decode("utf-8", "replace")
    entry = accepted(lambda: LogEntry.parse(text))
    if entry is None:
        return
    require_one_reading(text.encode())
    said = json.loads(text)["Payload"]
    assert (entry.position.log, entry.position.index) == (said["logID"], said["logIndex"])
    assert (entry.integrated_time, entry.body) == (said["integratedTime"], said["body"])
    assert entry.time.timestamp() == entry.integrated_time
    if holds(lambda: entry.verify_promise(public_good())):
        assert said in _real_entries()
    if holds(lambda: entry.verify_promise(_our_root())):
        assert entry.position.log == LOG.id
    digest = Digest.of(payload)
    for pem in (ALICE.pem, real.key()):
        if holds(partial(entry.check_binding, digest, signature, _key(pem))):
            spec = json.loads(base64.b64decode(entry.body))["spec"]
            assert spec["data"]["hash"] == {"algorithm": "sha256", "value": digest.hex}
            assert base64.b64decode(spec["signature"]["content"]) == signature
            assert base64.b64decode(spec["signature"]["publicKey"]["content"]) == pem


@cache
def _our_root() -> TrustedRoot:
    return TrustedRoot.parse(LOG.trusted_root())


@cache
def _key(pem: bytes) -> PublicKey:
    return PublicKey.from_pem(pem)


@cache
def _real_entries() -> list[object]:
    return [
        json.loads(real.annotations(files)[real.BUNDLE])["Payload"]
        for files in real.entries().values()
    ]


def promised(annotation: bytes) -> bytes:
    """The annotation with a true promise of our log over what it says, if it says enough."""
    try:
        bundle = json.loads(annotation)
        bundle["Payload"]["logID"] = LOG.id
        names = ("body", "integratedTime", "logID", "logIndex")
        signed = compact({name: bundle["Payload"][name] for name in names})
        bundle["SignedEntryTimestamp"] = base64.b64encode(LOG.signer.sign(signed)).decode()
        return compact(bundle)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return annotation
