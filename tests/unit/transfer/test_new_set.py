"""A new set: its files, its verdicts, and the tags that it moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.forge import NOW, SET, Log, Signer, artifact, sha256, signed_layer
from tests.trust import rule, trust

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.transfer.new_set import NewEntry, in_set, parse_tags, verify_new

NAME = "ghcr.io/acme/app"
SUBJECT = b"the image's own manifest"
DIGEST = Digest(sha256(SUBJECT))
IMAGE = Reference.parse(f"{NAME}@{DIGEST}")
LOG, SIGNER = Log(), Signer()
FILES = artifact([signed_layer(SIGNER, NAME, DIGEST.hex, log=LOG)])
ENTRY = NewEntry(DIGEST, FILES, SUBJECT, ("latest", "v1", "v2"))


def test_an_entry_has_what_was_made_and_what_it_is_about() -> None:
    assert ENTRY.files(IMAGE) == {
        **FILES,
        "IMAGE": f"{NAME}@{DIGEST}\n".encode(),
        "SUBJECT": SUBJECT,
        "LATEST": b"",
        "TAGS": b"v1\nv2\n",
    }


def test_an_entry_without_tags_and_subject_has_no_files_for_them() -> None:
    bare = NewEntry(DIGEST, FILES, None, ())
    assert set(bare.files(IMAGE)) == {"IMAGE", *FILES}


def test_it_is_judged_by_every_step_and_then_gets_its_set_s_name() -> None:
    verdict = verify_new(IMAGE, ENTRY, trust(rule(SIGNER), root=LOG.trusted_root()), NOW)
    assert verdict.passed
    named = in_set(verdict, SET)
    assert named.path == f"{SET}/{DIGEST.hex}"
    assert named.passed_entry.set_name == SET
    assert replace(named, path=verdict.path, entry=verdict.entry) == verdict


def test_another_s_key_does_not_pass() -> None:
    verdict = verify_new(IMAGE, ENTRY, trust(rule(Signer()), root=LOG.trusted_root()), NOW)
    assert not verdict.passed
    assert verdict.failures[0].code is codes.SIGNATURE_UNTRUSTED
    assert verdict.failures[0].file == f"{DIGEST.hex}/MANIFEST"


def test_tags_are_those_that_a_set_may_move() -> None:
    assert parse_tags(False, []) == ()
    assert parse_tags(True, ["v1", "v2"]) == ("latest", "v1", "v2")
    assert parse_tags(False, ["latest"]) == ("latest",)
    signature_tag = f"sha256-{64 * 'a'}.sig"
    for latest, further in ((False, ["a b"]), (True, ["latest"]), (False, ["ä"]), (False, [""])):
        with pytest.raises(UsageError) as refusal:
            parse_tags(latest, further)
        assert refusal.value.failure.code is codes.USAGE
    with pytest.raises(UsageError, match="where signatures live"):
        parse_tags(False, [signature_tag])
