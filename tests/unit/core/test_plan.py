"""Ledger and plan: forwards only, nothing replaced, `latest` last, and only what has passed."""

from collections.abc import Mapping

import pytest
from tests.forge import NOW, Signer, entry, sha256
from tests.trust import rule, trust

from ghcr_signer.core import codes
from ghcr_signer.core.directory import parse_set_name, regular
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.plan import Confirm, Held, MoveTag, Plan, Push, Retired, plan
from ghcr_signer.core.policy import Requirement, Trust
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify

SIGNER = Signer()
TRUST = trust(rule(SIGNER, transparency_log=Requirement.OPTIONAL))
STRANGERS = trust(rule(Signer()))
APP = "ghcr.io/acme/app"
OLD, NEW, NEWEST = (f"2026-11-{day}T12:00:00+00:00" for day in (10, 11, 12))
A, B, C = (Digest(sha256(name)) for name in (b"a", b"b", b"c"))
UNKNOWN = Digest(sha256(b"unknown"))


def signed(
    set_name: str, digest: Digest, *tags: str, repository: str = APP, trusted: Trust = TRUST
) -> Verdict:
    """A passed entry; each has its own signature, so no two manifests are equal."""
    name, files = entry([SIGNER], repository, digest.hex, tags=tags)
    found = verify(f"{set_name}/{name}", regular(files), trusted, now=NOW)
    (verdict,) = verify_set([found], trusted.policy, Ledger())
    assert verdict.passed or trusted is not TRUST
    return verdict


def failing(set_name: str, digest: Digest, *tags: str) -> Verdict:
    """An entry of a stranger's."""
    verdict = signed(set_name, digest, *tags, trusted=STRANGERS)
    assert not verdict.passed
    assert verdict.entry is not None
    return verdict


def ledger_of(verdicts: list[Verdict]) -> Ledger:
    """What these sets say, whatever order they are given in."""
    ledger = Ledger()
    for verdict in sorted(verdicts, key=lambda each: parse_set_name(each.set_name)):
        ledger.add([verdict], TRUST.policy)
    return ledger


def manifest(verdict: Verdict) -> Digest:
    return verdict.passed_entry.artifact.manifest.digest


def held(
    verdicts: list[Verdict],
    *,
    signatures: Mapping[Verdict | Digest, Digest] | None = None,
    tags: Mapping[str, Digest] | None = None,
    images: tuple[Digest, ...] = (A, B, C),
) -> Held:
    """What the registry holds of these entries: by default the images, and nothing of ours."""
    units = {verdict.passed_entry.unit for verdict in verdicts if verdict.passed}
    there = {(name, digest): (signatures or {}).get(digest) for name, digest in units}
    pointing = {key: (tags or {}).get(key[1]) for key in ledger_of(verdicts).movers}
    return Held(there, pointing, frozenset((APP, digest) for digest in images))


def planned(verdicts: list[Verdict], **there: object) -> Plan:
    retired = {verdict.set_name for verdict in verdicts if not verdict.passed}
    seen = held(verdicts, **there)  # type: ignore[arg-type]
    return plan(verdicts, ledger_of(verdicts), seen, retired)


def told(result: Plan) -> list[tuple[str, str]]:
    return [
        (type(o).__name__, f"{o.tag}" if isinstance(o, MoveTag) else o.entry.digest.hex)
        for o in result.operations
    ]


def test_signatures_go_up_before_tags_and_latest_is_last_of_all() -> None:
    verdicts = [signed(OLD, A, "latest", "zzz"), signed(OLD, B, "aaa")]
    result = planned(verdicts)
    assert told(result) == [
        ("Push", A.hex),
        ("Push", B.hex),
        ("MoveTag", "aaa"),
        ("MoveTag", "zzz"),
        ("MoveTag", "latest"),
    ]
    assert result.blocked == ()


def test_a_second_run_does_nothing() -> None:
    first = signed(OLD, A, "latest")
    result = planned([first], signatures={A: manifest(first)}, tags={"latest": A})
    assert result == Plan((), (first.path,), ())


def test_what_is_live_is_confirmed_before_a_tag_of_its_set_moves() -> None:
    verdicts = [signed(OLD, A, "latest"), signed(OLD, B), signed(NEW, C)]
    live = {v.passed_entry.digest: manifest(v) for v in verdicts}
    result = planned(verdicts, signatures=live)
    assert told(result) == [("Confirm", A.hex), ("Confirm", B.hex), ("MoveTag", "latest")]
    assert len(result.live) == 3


def test_only_the_latest_set_moves_a_tag() -> None:
    verdicts = [signed(NEW, B, "latest"), signed(OLD, A, "latest"), signed(NEWEST, C, "v1")]
    result = planned(verdicts, tags={"latest": A})
    moves = [o for o in result.operations if isinstance(o, MoveTag)]
    assert [(o.tag, o.entry.digest, o.current) for o in moves] == [
        ("v1", C, None),
        ("latest", B, A),
    ]


def test_signatures_that_differ_are_left_and_the_set_s_tags_stay() -> None:
    verdicts = [signed(OLD, A), signed(OLD, B, "latest"), signed(NEW, C, "v1")]
    result = planned(verdicts, signatures={A: UNKNOWN})
    assert told(result) == [("Push", B.hex), ("Push", C.hex), ("MoveTag", "v1")]
    assert [failure.code for failure in result.blocked] == [codes.CONFLICT, codes.TAG_WAITS]
    assert result.blocked[0].file == verdicts[0].path


def test_of_two_sets_with_one_digest_the_later_is_published_and_the_other_named() -> None:
    verdicts = [signed(OLD, A), signed(NEW, A)]
    result = planned(verdicts)
    assert [o.path for o in result.operations] == [verdicts[1].path]
    assert [(f.code, f.file) for f in result.blocked] == [(codes.CONFLICT, verdicts[0].path)]


def test_what_the_registry_holds_of_two_sets_stays() -> None:
    verdicts = [signed(OLD, A), signed(NEW, A, "latest")]
    result = planned(verdicts, signatures={A: manifest(verdicts[0])})
    assert result.operations == ()
    assert [f.code for f in result.blocked] == [codes.CONFLICT, codes.TAG_WAITS]


def test_an_absent_image_keeps_its_tag_and_its_signatures_go_up() -> None:
    result = planned([signed(OLD, A, "latest")], images=())
    assert told(result) == [("Push", A.hex)]
    assert [failure.code for failure in result.blocked] == [codes.IMAGE_ABSENT]


def test_a_tag_at_an_unknown_digest_stays_and_the_signatures_go_up() -> None:
    result = planned([signed(OLD, A, "latest", "v1")], tags={"latest": UNKNOWN})
    assert told(result) == [("Push", A.hex), ("MoveTag", "v1")]
    assert [failure.code for failure in result.blocked] == [codes.TAG_UNKNOWN]


def test_a_digest_known_in_another_repository_is_unknown_here() -> None:
    verdicts = [signed(OLD, A, "latest"), signed(OLD, B, repository="ghcr.io/acme/other")]
    result = planned(verdicts, tags={"latest": B})
    assert [failure.code for failure in result.blocked] == [codes.TAG_UNKNOWN]


def test_what_has_not_passed_cannot_be_planned() -> None:
    stranger = failing(OLD, A)
    with pytest.raises(ValueError, match="has not passed"):
        plan([stranger], Ledger(), Held({}, {}, frozenset()))


def test_a_retired_set_is_left_out_and_the_others_go_on() -> None:
    verdicts = [failing(OLD, A, "v1"), signed(NEW, B, "latest")]
    result = planned(verdicts)
    assert told(result) == [("Push", B.hex), ("MoveTag", "latest")]
    assert [(f.code, f.file) for f in result.blocked] == [(codes.TAG_RETIRED, verdicts[0].path)]


def test_a_good_entry_of_a_retired_set_is_left_out_too() -> None:
    verdicts = [failing(OLD, A), signed(OLD, B, "latest"), signed(NEW, C)]
    result = planned(verdicts)
    assert told(result) == [("Push", C.hex)]
    assert [f.code for f in result.blocked] == [codes.TAG_RETIRED]


def test_a_tag_does_not_go_back_because_its_newest_set_is_retired() -> None:
    verdicts = [signed(OLD, A, "latest"), failing(NEW, B, "latest")]
    result = planned(verdicts, tags={"latest": B})
    assert told(result) == [("Push", A.hex)]
    assert [(f.code, f.file) for f in result.blocked] == [(codes.TAG_RETIRED, verdicts[1].path)]


def test_a_newer_set_moves_a_tag_on_from_a_retired_one() -> None:
    verdicts = [failing(OLD, A, "latest"), signed(NEW, B, "latest")]
    result = planned(verdicts, tags={"latest": A})
    assert told(result) == [("Push", B.hex), ("MoveTag", "latest")]
    assert result.blocked == ()


def test_a_retired_set_s_signatures_are_in_nobody_s_way() -> None:
    verdicts = [signed(OLD, A), failing(NEW, A)]
    result = planned(verdicts)
    assert told(result) == [("Push", A.hex)]
    assert result.blocked == ()


@pytest.mark.parametrize(
    ("found", "broken", "withdrawn"),
    [
        ([codes.SIGNATURE_UNTRUSTED, codes.THRESHOLD], False, False),
        ([codes.REPOSITORY_NOT_ALLOWED], False, False),
        ([codes.TAG_OLDER], False, False),
        ([codes.THRESHOLD, codes.WITHDRAWN], False, True),
        ([codes.WITHDRAWN, codes.UNEXPECTED_FILE], True, True),
        ([codes.BLOB_DIGEST], True, False),
        ([codes.MANIFEST_SAYS_MORE], True, False),
        ([codes.INTERNAL], True, False),
    ],
)
def test_why_a_set_is_retired(found: list[codes.Code], broken: bool, withdrawn: bool) -> None:
    retired = Retired(OLD, tuple(Failure(code, "x") for code in found))
    assert (retired.broken, retired.withdrawn) == (broken, withdrawn)


def test_sets_are_ordered_by_instant_whatever_their_spelling() -> None:
    verdicts = [signed("2026-11-12T12-00-00Z", B, "latest"), signed(NEW, A, "latest")]
    assert ledger_of(verdicts).movers[APP, "latest"] == verdicts[0].path


def test_operations_are_what_they_say() -> None:
    verdict = signed(OLD, A)
    assert Push(verdict.path, verdict.passed_entry) != Confirm(verdict.path, verdict.passed_entry)
