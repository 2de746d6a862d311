"""Step 10, set: tags move forwards only, by leave of the policy; no platform is missing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from tests.forge import NOW, Log, Signer, artifact, b64, compact, payload, sha256
from tests.trust import authority, rule

from ghcr_signer.core import codes
from ghcr_signer.core.directory import regular, tag_files
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.manifest import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from ghcr_signer.core.policy import (
    DockerReference,
    EverySignature,
    Policy,
    Requirement,
    Revocation,
    Rule,
    Trust,
    Withdrawal,
)
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trusted_root import TrustedRoot
from ghcr_signer.core.verdict import Step, Verdict
from ghcr_signer.core.verification import verify, verify_alone

ALICE, BOB, MALLORY = Signer(), Signer(), Signer()
RSA = Signer("RSA-2048")
LOG, OTHER_LOG, THIRD_LOG = Log(), Log(), Log()
ROOT = TrustedRoot(
    {
        name: log
        for each in (LOG, OTHER_LOG, THIRD_LOG)
        for name, log in TrustedRoot.parse(each.trusted_root()).logs.items()
    }
)
APP = "ghcr.io/acme/app"
A, B, C = (sha256(name) for name in (b"a", b"b", b"c"))
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNATURE, BUNDLE = "dev.cosignproject.cosign/signature", "dev.sigstore.cosign/bundle"

Layer = tuple[bytes, dict[str, str]]


def at(minutes: int) -> datetime:
    return NOW - timedelta(days=1) + timedelta(minutes=minutes)


class Logged(NamedTuple):
    """Where, and when, a log says that it took a signature."""

    index: int
    minute: int = 0
    log: Log = LOG


def layer(
    digest: str,
    *logged: Logged,
    signer: Signer = ALICE,
    value: bytes | None = None,
    repository: str = APP,
) -> Layer:
    """A signature, logged or not; `value` is one that was made before."""
    content = payload(repository, digest)
    value = value or signer.sign(content)
    annotations = {SIGNATURE: b64(value)}
    for each in logged:
        annotations[BUNDLE] = each.log.entry(
            content, value, signer.pem, time=at(each.minute), index=each.index
        )
    return content, annotations


@dataclass(frozen=True)
class Made:
    """An entry to be."""

    digest: str
    layers: Sequence[Layer]
    tags: tuple[str, ...] = ("latest",)
    repository: str = APP
    subject: bytes | None = None

    @property
    def files(self) -> dict[str, bytes]:
        subject = {"SUBJECT": self.subject} if self.subject is not None else {}
        image = {"IMAGE": f"{self.repository}@sha256:{self.digest}".encode()}
        return image | artifact(self.layers) | tag_files(self.tags) | subject


def mover(digest: str, *logged: Logged, **members: Any) -> Made:
    """An entry that moves `latest`, signed by Alice."""
    return Made(digest, [layer(digest, *logged)], **members)


def policy(*rules: Rule, withdrawn: Mapping[Digest, Withdrawal] | None = None) -> Policy:
    """By default one rule of three signers, in which nothing but what a test names is required."""
    usual = rule(ALICE, BOB, RSA, transparency_log=Requirement.OPTIONAL)
    return Policy(rules or (usual,), withdrawn or {})


def judged(
    *sets: Sequence[Made], by: Policy | None = None
) -> tuple[list[tuple[Verdict, ...]], Ledger]:
    """Steps 1 to 10 for sets in the order of their instants, and the ledger in the end."""
    by = by or policy()
    ledger, found = Ledger(), []
    for number, entries in enumerate(sets):
        name = f"2026-11-{number + 1:02}T00:00:00+00:00"
        verdicts = [
            verify(f"{name}/{e.digest}", regular(e.files), Trust(by, ROOT), now=NOW)
            for e in entries
        ]
        assert not any(
            check.step is Step.SET for v in verdicts for check in v.checks if check.passed
        )
        found.append(verify_set(verdicts, by, ledger))
        ledger.add(found[-1], by)
    return found, ledger


def last_codes(*sets: Sequence[Made], by: Policy | None = None) -> set[codes.Code]:
    """The codes of the last set; those before must pass."""
    found, _ = judged(*sets, by=by)
    for verdicts in found[:-1]:
        assert all(verdict.passed for verdict in verdicts), verdicts
    return {failure.code for verdict in found[-1] for failure in verdict.failures}


def codes_of(*movers: Made, by: Policy | None = None) -> set[codes.Code]:
    """The codes of the last of these, each in a set of its own; those before must pass."""
    return last_codes(*([each] for each in movers), by=by)


# a tag moves forwards only

FORWARDS: dict[str, list[list[Logged]]] = {
    "the first, not logged": [[]],
    "neither is logged": [[], []],
    "a logged one follows one that is not": [[], [Logged(1)]],
    "a greater index": [[Logged(5)], [Logged(6)]],
    "a greater index, and an earlier time": [[Logged(5, 9)], [Logged(6, 1)]],
    "another log, later": [[Logged(5, 1)], [Logged(1, 2, OTHER_LOG)]],
    "another log and back": [[Logged(5, 1)], [Logged(1, 2, OTHER_LOG)], [Logged(6, 3)]],
}
BACKWARDS: dict[str, list[list[Logged]]] = {
    "a smaller index": [[Logged(5)], [Logged(4)]],
    "a smaller index, and a later time": [[Logged(5, 1)], [Logged(4, 9)]],
    "the same index": [[Logged(5)], [Logged(5)]],
    "an index below the last but one": [[Logged(5)], [Logged(9)], [Logged(7)]],
    "another log, earlier": [[Logged(5, 2)], [Logged(9, 1, OTHER_LOG)]],
    "another log, at the same time": [[Logged(5, 2)], [Logged(9, 2, OTHER_LOG)]],
    "not logged, after one that is": [[Logged(5)], []],
    "another log and back, to a smaller index": [
        [Logged(5, 1)],
        [Logged(1, 2, OTHER_LOG)],
        [Logged(4, 3)],
    ],
    "another log and back, to an earlier time": [
        [Logged(5, 1)],
        [Logged(1, 8, OTHER_LOG)],
        [Logged(6, 3)],
    ],
}


def movers_of(story: list[list[Logged]]) -> list[Made]:
    return [mover(digest, *logged) for digest, logged in zip((A, B, C), story, strict=False)]


@pytest.mark.parametrize("name", FORWARDS)
def test_a_tag_moves_forwards(name: str) -> None:
    assert codes_of(*movers_of(FORWARDS[name])) == set()


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_tag_never_moves_backwards(name: str) -> None:
    assert codes_of(*movers_of(BACKWARDS[name])) == {codes.TAG_OLDER}


@pytest.mark.parametrize("name", BACKWARDS)
def test_what_moves_no_tag_may_be_as_old_as_it_likes(name: str) -> None:
    *before, last = movers_of(BACKWARDS[name])
    assert codes_of(*before, Made(last.digest, last.layers, tags=())) == set()


def test_each_tag_of_each_repository_has_a_way_of_its_own() -> None:
    other = "ghcr.io/acme/other"
    elsewhere = Made(B, [layer(B, Logged(4), repository=other)], repository=other)
    assert codes_of(mover(A, Logged(5)), elsewhere) == set()
    assert codes_of(mover(A, Logged(5)), mover(B, Logged(4), tags=("v1",))) == set()
    found, _ = judged([mover(A, Logged(5))], [mover(B, Logged(4), tags=("v1", "latest"))])
    assert [f.code for f in found[1][0].failures] == [codes.TAG_OLDER]
    assert "latest" in found[1][0].failures[0].message


def test_of_several_signatures_the_greatest_index_counts() -> None:
    both = Made(A, [layer(A, Logged(5)), layer(A, Logged(9), signer=BOB)])
    assert codes_of(both, mover(B, Logged(8))) == {codes.TAG_OLDER}
    assert codes_of(both, mover(B, Logged(10))) == set()
    late = Made(B, [layer(B, Logged(10)), layer(B, Logged(2), signer=BOB)])
    assert codes_of(both, late) == set()


EACH = policy(
    *(
        rule(authority(signer, name), name=name, every_signature=EverySignature.ANY)
        for name, signer in (("alice", ALICE), ("bob", BOB))
    )
)


def test_an_index_counts_under_whichever_rule_it_is_valid() -> None:
    both = Made(A, [layer(A, Logged(5)), layer(A, Logged(9), signer=BOB)])
    for index, is_older in ((8, True), (10, False)):
        later = Made(B, [layer(B, Logged(6)), layer(B, Logged(index), signer=BOB)])
        assert (codes.TAG_OLDER in codes_of(both, later, by=EACH)) is is_older
    alone = Made(A, [layer(A, Logged(9), signer=BOB), layer(A, Logged(3), signer=MALLORY)])
    found, _ = judged(
        [alone], [Made(B, [layer(B, Logged(6)), layer(B, Logged(7), signer=BOB)])], by=EACH
    )
    assert [verdicts[0].passed for verdicts in found] == [False, False]  # clients met the 9
    assert codes.TAG_OLDER in {failure.code for failure in found[1][0].failures}


@pytest.mark.parametrize("reused", [ALICE, BOB], ids=["alice", "bob"])
def test_each_rule_wants_a_new_signature(reused: Signer) -> None:
    """Else whoever may sign for one of them could bring an old image back."""
    (new,) = {ALICE, BOB} - {reused}
    old = {signer: layer(A, Logged(5), signer=signer) for signer in (ALICE, BOB)}
    before = Made(A, [*old.values()])
    between = Made(B, [layer(B, Logged(10)), layer(B, Logged(11), signer=BOB)])
    back = Made(A, [old[reused], layer(A, Logged(20), signer=new)])
    assert codes.SIGNATURE_REUSED in codes_of(before, between, back, by=EACH)
    fresh = Made(A, [layer(A, Logged(20)), layer(A, Logged(21), signer=BOB)])
    assert codes_of(before, between, fresh, by=EACH) == set()


def test_of_several_signatures_the_latest_time_counts() -> None:
    both = Made(A, [layer(A, Logged(5, 9)), layer(A, Logged(9, 1), signer=BOB)])
    for minute, expected in ((5, {codes.TAG_OLDER}), (10, set())):
        assert codes_of(both, mover(B, Logged(1, minute, OTHER_LOG))) == expected
    two_logs = [layer(B, Logged(1, 1, OTHER_LOG)), layer(B, Logged(1, 9, THIRD_LOG), signer=BOB)]
    for minute, expected in ((5, set()), (9, {codes.TAG_OLDER})):
        assert codes_of(mover(A, Logged(5, minute)), Made(B, two_logs)) == expected


def test_an_invalid_signature_s_index_helps_nobody_and_still_counts_for_clients() -> None:
    any_of = policy(
        rule(
            ALICE,
            authority(BOB, "bob", revoked=Revocation(None, "lost")),
            every_signature=EverySignature.ANY,
        )
    )
    old = Made(B, [layer(B, Logged(4)), layer(B, Logged(99), signer=BOB)])
    assert codes.TAG_OLDER in codes_of(mover(A, Logged(5)), old, by=any_of)
    # clients take the greatest index of all that a manifest holds
    assert codes_of(old, mover(C, Logged(50)), by=any_of) == {codes.TAG_OLDER}
    assert codes_of(old, mover(C, Logged(100)), by=any_of) == set()


def test_a_withdrawn_set_was_met_by_clients_all_the_same() -> None:
    withdrawn = policy(withdrawn={Digest(B): Withdrawal(NOW, "a broken build")})
    found, ledger = judged(
        [mover(A, Logged(5))], [mover(B, Logged(9))], [mover(C, Logged(7))], by=withdrawn
    )
    assert [[f.code for f in verdicts[0].failures] for verdicts in found] == [
        [],
        [codes.WITHDRAWN],
        [codes.TAG_OLDER],
    ]
    assert ledger.movers == {(APP, "latest"): found[2][0].path}


def test_the_entries_of_one_set_are_not_before_one_another() -> None:
    found, _ = judged([mover(A, Logged(9), tags=("a",)), mover(B, Logged(5), tags=("b",))])
    assert all(verdict.passed for verdict in found[0])


# the entry that moves a tag brings a signature of its own


def reused(signer: Signer = ALICE) -> tuple[Layer, bytes]:
    first = layer(A, Logged(5, 1), signer=signer)
    return first, base64.b64decode(first[1][SIGNATURE])


def test_an_old_signature_under_a_fresh_set_name_moves_nothing() -> None:
    first, _ = reused()
    old, new = Made(A, [first], tags=()), Made(A, [first])
    assert codes_of(old, new) == {codes.SIGNATURE_REUSED}
    assert codes_of(old, old) == set()


def test_not_even_with_a_fresh_log_entry() -> None:
    first, value = reused()
    again = layer(A, Logged(50, 9), value=value)
    assert codes_of(Made(A, [first]), Made(A, [again])) == {codes.SIGNATURE_REUSED}


def test_not_even_in_another_spelling_that_anybody_can_make_and_log() -> None:
    first, value = reused()
    r, s = decode_dss_signature(value)
    other = encode_dss_signature(r, P256_ORDER - s)
    assert other != value
    again = layer(A, Logged(50, 9), value=other)
    assert codes_of(Made(A, [first]), Made(A, [again])) == {codes.SIGNATURE_REUSED}


def test_not_even_after_the_set_that_held_it_has_failed() -> None:
    first, value = reused()
    again = layer(A, Logged(50, 9), value=value)
    broken = Made(A, [first, layer(A, signer=MALLORY)])
    found, _ = judged([broken], [Made(A, [again])])
    assert not found[0][0].passed
    assert [f.code for f in found[1][0].failures] == [codes.SIGNATURE_REUSED]


def test_not_even_if_the_set_that_held_it_held_no_log_entry() -> None:
    first, value = reused()
    logged = policy(rule(ALICE))
    found, _ = judged([Made(A, [layer(A, value=value)])], [Made(A, [first])], by=logged)
    assert [f.code for f in found[0][0].failures] == [codes.LOG_ENTRY_MISSING, codes.THRESHOLD]
    assert [f.code for f in found[1][0].failures] == [codes.SIGNATURE_REUSED]


def test_not_even_if_nobody_trusted_its_signer_alone() -> None:
    """Two rules, each with a signer of its own, and sets from the time when one was enough."""
    any_one = {"every_signature": EverySignature.ANY}
    both = policy(rule(ALICE, name="a", **any_one), rule(BOB, name="b", **any_one))
    alices, bobs = layer(A, Logged(5)), layer(A, Logged(6), signer=BOB)
    found, _ = judged(
        *([Made(A, [each], tags=())] for each in (alices, bobs)), [Made(A, [alices, bobs])], by=both
    )
    assert not found[0][0].passed
    assert not found[1][0].passed
    assert codes.SIGNATURE_REUSED in {f.code for f in found[2][0].failures}
    fresh = Made(A, [layer(A, Logged(7)), layer(A, Logged(8), signer=BOB)])
    assert codes_of(Made(A, [alices, bobs]), fresh, by=both) == set()


def test_a_new_signature_beside_the_old_one_is_enough_if_it_is_valid() -> None:
    first, _ = reused()
    any_of = policy(rule(ALICE, BOB, every_signature=EverySignature.ANY))
    fresh = layer(A, Logged(6, 2), signer=BOB)
    assert codes_of(Made(A, [first]), Made(A, [first, fresh]), by=any_of) == set()
    stranger = layer(A, Logged(6, 2), signer=MALLORY)
    assert codes_of(Made(A, [first]), Made(A, [first, stranger]), by=any_of) == {
        codes.SIGNATURE_UNTRUSTED,
        codes.SIGNATURE_REUSED,
    }


def test_signing_again_makes_a_new_signature_but_not_with_rsa() -> None:
    assert codes_of(mover(A, Logged(5)), mover(A, Logged(6))) == set()
    by_rsa = [Made(A, [layer(A, Logged(index), signer=RSA)]) for index in (5, 6)]
    assert codes_of(*by_rsa) == {codes.SIGNATURE_REUSED}
    assert "annotation" in codes.SIGNATURE_REUSED.remedy


# each tag once, by leave of every rule


def test_a_tag_occurs_once_per_repository_in_a_set() -> None:
    other = "ghcr.io/acme/other"
    elsewhere = Made(C, [layer(C, repository=other)], repository=other)
    found, _ = judged([mover(A), mover(B), elsewhere])
    assert [[f.code for f in v.failures] for v in found[0]] == [
        [codes.TAG_TWICE],
        [codes.TAG_TWICE],
        [],
    ]


def test_a_failing_entry_s_tag_counts_too() -> None:
    stranger = Made(B, [layer(B, signer=MALLORY)])
    found, _ = judged([mover(A), stranger])
    assert [f.code for f in found[0][0].failures] == [codes.TAG_TWICE]


@pytest.mark.parametrize(
    ("tags", "moved", "allowed"),
    [
        (("latest",), ("latest",), True),
        (("latest",), ("latest", "v1"), False),
        (("latest", "v*"), ("latest", "v1", "v1.2.3"), True),
        (("v*",), ("latest",), False),
        (("v*",), ("xv1",), False),
        ((), ("latest",), False),
        ((), (), True),
        (("**",), ("anything",), True),
    ],
)
def test_a_set_moves_the_tags_that_the_rule_names(
    tags: tuple[str, ...], moved: tuple[str, ...], allowed: bool
) -> None:
    named = policy(rule(ALICE, name="app", tags=tags))
    found, ledger = judged([mover(A, Logged(1), tags=moved)], by=named)
    assert [f.code for f in found[0][0].failures] == ([] if allowed else [codes.TAG_NOT_ALLOWED])
    if not allowed:
        message = found[0][0].failures[0].message
        assert "'app'" in message
        assert ", ".join(tags) in message
    # a tag that nobody may move is in nobody's way
    assert {tag for _, tag in ledger.movers} <= {"latest", "anything"} | {"v1", "v1.2.3"}
    if not tags:
        assert ledger.movers == {}


def test_every_rule_must_let_a_tag_move() -> None:
    rules = rule(ALICE, name="broad", tags=("**",)), rule(ALICE, name="narrow", tags=("latest",))
    found, _ = judged([mover(A, Logged(1), tags=("v1",))], by=policy(*rules))
    (failure,) = found[0][0].failures
    assert failure.code is codes.TAG_NOT_ALLOWED
    assert "'narrow'" in failure.message


# platforms


def manifest(name: str) -> bytes:
    config = {"mediaType": "x", "digest": f"sha256:{sha256(name.encode())}", "size": 1}
    return compact({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []})


def index(*children: bytes, attestation: bytes | None = None, media_type: str = OCI_INDEX) -> bytes:
    listed: list[dict[str, object]] = [
        {
            "mediaType": OCI_INDEX if b"manifests" in child else OCI_MANIFEST,
            "digest": f"sha256:{sha256(child)}",
            "size": len(child),
        }
        for child in children
    ]
    if attestation is not None:
        kind = {"vnd.docker.reference.type": "attestation-manifest"}
        digest = f"sha256:{sha256(attestation)}"
        listed.append({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "annotations": kind})
    return compact({"schemaVersion": 2, "mediaType": media_type, "manifests": listed})


def signed(subject: bytes, *, with_subject: bool = True, repository: str = APP) -> Made:
    digest = sha256(subject)
    held = subject if with_subject else None
    return Made(digest, [layer(digest, Logged(1), repository=repository)], (), repository, held)


AMD, ARM, PROVENANCE = manifest("amd64"), manifest("arm64"), manifest("provenance")
BOTH = index(AMD, ARM)
NESTED = index(BOTH, AMD)
REQUIRED = policy(rule(ALICE, platforms=Requirement.REQUIRED))

COMPLETE: dict[str, list[Made]] = {
    "an image for one platform": [signed(AMD)],
    "an index and all it lists": [signed(BOTH), signed(AMD), signed(ARM)],
    "platforms without SUBJECT": [
        signed(BOTH),
        signed(AMD, with_subject=False),
        signed(ARM, with_subject=False),
    ],
    "an attestation manifest is no platform": [
        signed(index(AMD, attestation=PROVENANCE)),
        signed(AMD),
    ],
    "a Docker list": [signed(index(AMD, media_type=DOCKER_LIST)), signed(AMD)],
    "an index in an index": [signed(NESTED), signed(BOTH), signed(AMD), signed(ARM)],
}
INCOMPLETE: dict[str, tuple[codes.Code, list[Made]]] = {
    "an index alone": (codes.PLATFORM_MISSING, [signed(BOTH)]),
    "a platform is missing": (codes.PLATFORM_MISSING, [signed(BOTH), signed(AMD)]),
    "a platform in another repository": (
        codes.PLATFORM_MISSING,
        [signed(BOTH), signed(AMD), signed(ARM, repository="ghcr.io/acme/other")],
    ),
    "no SUBJECT": (codes.PLATFORMS_UNKNOWN, [signed(AMD, with_subject=False)]),
    "an index without SUBJECT": (
        codes.PLATFORMS_UNKNOWN,
        [signed(BOTH, with_subject=False), signed(AMD), signed(ARM)],
    ),
    "one more, without SUBJECT": (
        codes.PLATFORMS_UNKNOWN,
        [signed(BOTH), signed(AMD), signed(ARM), signed(PROVENANCE, with_subject=False)],
    ),
    "listed in another repository": (
        codes.PLATFORMS_UNKNOWN,
        [
            signed(BOTH),
            signed(AMD),
            signed(ARM),
            signed(AMD, with_subject=False, repository="ghcr.io/acme/other"),
        ],
    ),
    "listed as an attestation": (
        codes.PLATFORMS_UNKNOWN,
        [
            signed(index(AMD, attestation=PROVENANCE)),
            signed(AMD),
            signed(PROVENANCE, with_subject=False),
        ],
    ),
    "an index in an index, without SUBJECT": (
        codes.PLATFORMS_UNKNOWN,
        [signed(NESTED), signed(BOTH, with_subject=False), signed(AMD), signed(ARM)],
    ),
    "an index in an index, incomplete": (
        codes.PLATFORM_MISSING,
        [signed(NESTED), signed(BOTH), signed(AMD)],
    ),
    "a SUBJECT that is no manifest": (codes.PLATFORMS_UNKNOWN, [signed(b"{}")]),
    "a listed SUBJECT that is no manifest": (
        codes.PLATFORMS_UNKNOWN,
        [signed(index(b"{}")), signed(b"{}")],
    ),
    "a SUBJECT that is no JSON": (codes.PLATFORMS_UNKNOWN, [signed(b"x")]),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_every_platform_is_there(name: str) -> None:
    assert last_codes(COMPLETE[name], by=REQUIRED) == set()


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_platform_is_missing_or_unknown(name: str) -> None:
    expected, entries = INCOMPLETE[name]
    assert last_codes(entries, by=REQUIRED) == {expected}
    assert last_codes(entries) == set()  # where nobody asks


def test_platforms_are_required_where_one_rule_of_several_says_so() -> None:
    images = {"images": ("ghcr.io/acme/other",)}
    lax, strict = rule(ALICE), rule(ALICE, name="strict", platforms=Requirement.REQUIRED)
    elsewhere = rule(ALICE, name="elsewhere", platforms=Requirement.REQUIRED, **images)
    assert last_codes([signed(BOTH)], by=policy(lax, strict)) == {codes.PLATFORM_MISSING}
    assert last_codes([signed(BOTH)], by=policy(lax, elsewhere)) == set()


def test_an_entry_alone_is_not_asked_for_its_platforms() -> None:
    """What is read back from a registry, and what is being signed, is judged one by one."""
    entry = signed(BOTH)
    verdict = verify_alone(entry.digest, entry.files, Trust(REQUIRED, ROOT), now=NOW)
    assert verdict.passed, verdict.failures


def test_an_entry_alone_is_asked_for_its_tags() -> None:
    entry = mover(A, Logged(1), tags=("v1",))
    named = Trust(policy(rule(ALICE, tags=("latest",))), ROOT)
    verdict = verify_alone(entry.digest, entry.files, named, now=NOW)
    assert [f.code for f in verdict.failures] == [codes.TAG_NOT_ALLOWED]


# the ledger


def test_the_latest_set_is_a_tag_s_mover_even_if_it_fails() -> None:
    found, ledger = judged([mover(A, Logged(9), tags=("latest", "v1"))], [mover(B, Logged(5))])
    assert ledger.movers == {(APP, "latest"): found[1][0].path, (APP, "v1"): found[0][0].path}


def test_what_fails_before_step_10_has_no_step_10() -> None:
    found, _ = judged([Made(A, [layer(A, signer=MALLORY)])])
    assert [int(check.step) for check in found[0][0].checks] == [1, 2, 3, 4, 9]


def test_the_same_signature_for_another_repository_is_not_new_either() -> None:
    anywhere = policy(rule(ALICE, docker_reference=DockerReference.IGNORE))
    first, _ = reused()
    copy = Made(A, [first], repository="ghcr.io/acme/mirror")
    assert codes_of(Made(A, [first]), copy, by=anywhere) == {codes.SIGNATURE_REUSED}
    found, _ = judged([Made(A, [first]), copy], by=anywhere)
    assert all(verdict.passed for verdict in found[0])


def test_every_code_of_step_10_has_a_test() -> None:
    held = {
        *(codes.TAG_TWICE, codes.TAG_NOT_ALLOWED, codes.TAG_OLDER, codes.SIGNATURE_REUSED),
        *(code for code, _ in INCOMPLETE.values()),
    }
    assert held == {code for code in codes.ALL if code.step == Step.SET}
