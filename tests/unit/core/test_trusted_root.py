"""The trusted root: which logs count, and nothing guessed."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from tests.forge import Log, b64, compact
from tests.shared import shared
from tests.strange import changed

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.trusted_root import TrustedRoot, public_good

LOG = Log()


def spoiled(change: Any) -> bytes:
    document = json.loads(LOG.trusted_root())
    change(document)
    return compact(document)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"tlogs": []}',
        b'{"tlogs": [], "tlogs": []}',
        spoiled(lambda d: d["tlogs"][0].pop("publicKey")),
        spoiled(lambda d: d["tlogs"][0]["publicKey"].pop("validFor")),
        spoiled(lambda d: d["tlogs"][0]["publicKey"]["validFor"].pop("start")),
        spoiled(
            lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(start="2021-01-01T00:00:00")
        ),
        spoiled(lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(start="soon")),
        spoiled(
            lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(start="0001-01-01T00:00+14:00")
        ),
        spoiled(lambda d: d["tlogs"][0]["publicKey"].update(rawBytes="AAAA")),
        spoiled(lambda d: d["tlogs"][0].update(baseUrl=["https://log.example"])),
        spoiled(lambda d: d["tlogs"][0]["logId"].update(keyId="not base64")),
        b" " * (1024 * 1024 + 1),
    ],
    ids=range(15),
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError) as refusal:
        TrustedRoot.parse(content)
    assert refusal.value.failure.code is codes.TRUSTED_ROOT_UNUSABLE


@given(changed(json.loads(LOG.trusted_root())))
def test_a_changed_root_is_read_whole_or_refused(document: Any) -> None:
    with contextlib.suppress(UsageError):
        root = TrustedRoot.parse(compact(document))
        assert all(log.id == name and log.start.tzinfo is UTC for name, log in root.logs.items())
        assert all(isinstance(log.url, str) for log in root.logs.values())


def test_both_ends_of_a_key_s_period_belong_to_it() -> None:
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    content = LOG.trusted_root(start.isoformat(), end.isoformat())
    log = TrustedRoot.parse(content).logs[LOG.id]
    assert log.counted_at(start)
    assert log.counted_at(end)
    assert not log.counted_at(start.replace(year=2024))
    assert not log.counted_at(end.replace(year=2027))


def test_the_public_root_has_both_logs() -> None:
    assert {log.url for log in public_good().logs.values()} == {
        "https://rekor.sigstore.dev",
        "https://log2025-1.rekor.sigstore.dev",
    }


def test_the_conformance_suite_s_roots_are_read_and_its_bad_one_is_not() -> None:
    found = sorted((shared() / "testdata" / "sigstore-conformance").glob("*/trusted_root.json"))
    assert found
    for path in found:
        if path.parent.name == "trust-root-tlog-missing-validity-start_fail":
            with pytest.raises(UsageError):
                TrustedRoot.parse(path.read_bytes())
        else:
            TrustedRoot.parse(path.read_bytes())


def test_a_log_s_id_is_its_key_s() -> None:
    assert TrustedRoot.parse(LOG.trusted_root()).logs[LOG.id].key.spki == LOG.signer.spki
    assert b64(bytes.fromhex(LOG.id)) in LOG.trusted_root().decode()
