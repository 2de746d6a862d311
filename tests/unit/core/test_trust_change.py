"""What a proposal does to who may sign what, and to merged sets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.forge import NOW, SET, Log, Signer, entry
from tests.trust import authority, rule, trust

from ghcr_signer.core.directory import regular
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.policy import Authority, Policy, Requirement, Revocation, Trust, Withdrawal
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trust_change import Part, TrustChange, Verb, Word
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify

ALICE, BOB, LOG = Signer(), Signer(), Log()
A, B = authority(ALICE, "alice"), authority(BOB, "bob")
ROOT = LOG.trusted_root()
DAY = datetime(2026, 6, 1, 1, tzinfo=UTC)
LATER = "2026-11-21T00:00:00+00:00"

Told = tuple[Part, Verb, str, str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]


def told(present: Trust | None, proposed: Trust) -> list[Told]:
    return [
        (
            each.part,
            each.verb,
            each.rule,
            each.name,
            {word.word: (word.before, word.after) for word in each.words},
        )
        for each in TrustChange.of(present, proposed).differences
    ]


def one(*authorities: Authority, **members: object) -> Trust:
    return trust(rule(*authorities, name="app", **members), root=ROOT)


def test_what_is_the_same_is_not_told() -> None:
    assert told(one(A, B), one(A, B)) == []
    assert told(one(A, B), one(B, A)) == []
    assert TrustChange.of(one(A), one(A)).is_compared


def test_every_word_of_a_rule_is_told_by_what_goes_and_what_comes() -> None:
    before = one(A, images=("ghcr.io/a/**", "ghcr.io/b/**"), annotations={"env": "prod"})
    after = one(
        A,
        images=("ghcr.io/b/**", "ghcr.io/c/**"),
        threshold=2,
        transparency_log=Requirement.OPTIONAL,
        platforms=Requirement.REQUIRED,
        tags=("latest", "**"),
        freshness=timedelta(days=400),
    )
    words = {
        "images": (("ghcr.io/a/**",), ("ghcr.io/c/**",)),
        "threshold": (("1",), ("2",)),
        "transparencyLog": (("required",), ("optional",)),
        "platforms": (("optional",), ("required",)),
        "annotations": (("env=prod",), ()),
        "tags": ((), ("latest",)),
        "freshness": ((), ("400d",)),
    }
    assert told(before, after) == [(Part.RULE, Verb.CHANGED, "", "app", words)]


def test_a_rule_comes_and_goes_with_its_authorities() -> None:
    more = trust(*one(A).policy.rules, rule(B, name="more"), root=ROOT)
    found = [(part, verb, within, name) for part, verb, within, name, _ in told(one(A), more)]
    assert found == [
        (Part.AUTHORITY, Verb.ADDED, "more", "bob"),
        (Part.RULE, Verb.ADDED, "", "more"),
    ]
    assert [(each[1], each[3]) for each in told(more, one(A))] == [
        (Verb.REMOVED, "more"),
        (Verb.REMOVED, "bob"),
    ]


def test_a_stranger_is_told_before_a_crowd_of_rules() -> None:
    """And before both, what becomes of those who are trusted now."""
    crowd = [rule(A, name=f"r{number:03}") for number in range(200)]
    (app,) = one(replace(A, not_after=DAY), B).policy.rules
    found = TrustChange.of(one(A), trust(*crowd, app, root=ROOT)).differences
    assert [(each.verb, each.rule, each.name) for each in found[:3]] == [
        (Verb.CHANGED, "app", "alice"),
        (Verb.ADDED, "app", "bob"),
        (Verb.ADDED, "", "r000"),
    ]
    assert len(found) == 402


def test_an_authority_is_its_key_whatever_it_is_called() -> None:
    """A proposal that gives a known name another key adds a stranger, and takes somebody away."""
    (gone, come) = TrustChange.of(one(A), one(authority(BOB, "alice"))).differences
    assert (gone.verb, gone.name, gone.id) == (Verb.REMOVED, "alice", A.key.fingerprint)
    assert (come.verb, come.name, come.id) == (Verb.ADDED, "alice", B.key.fingerprint)
    renamed = told(one(A), one(authority(ALICE, "bob")))
    assert renamed == [
        (Part.AUTHORITY, Verb.CHANGED, "app", "bob", {"name": (("alice",), ("bob",))})
    ]


def test_a_revocation_and_new_dates_are_told() -> None:
    when = "2026-06-01 01:00:00 UTC"
    lost = replace(A, revoked=Revocation(DAY, "lost"))
    ((_, verb, within, name, words),) = told(one(A), one(lost))
    assert (verb, within, name) == (Verb.CHANGED, "app", "alice")
    assert words == {"revoked": ((), (f"from {when}: lost",))}
    wholly = replace(A, revoked=Revocation(None, "lost"))
    assert told(one(lost), one(wholly))[0][4] == {
        "revoked": ((f"from {when}: lost",), ("all of its signatures: lost",))
    }
    dated = replace(A, not_before=DAY, not_after=DAY, rotate_after=DAY)
    assert told(one(A), one(dated))[0][4] == dict.fromkeys(
        ("notBefore", "notAfter", "rotateAfter"), ((), (when,))
    )


def test_logs_and_withdrawn_digests_are_told() -> None:
    other = Log()
    found = told(one(A), trust(*one(A).policy.rules, root=other.trusted_root()))
    assert [(part, verb, name) for part, verb, _, name, _ in found] == [
        (Part.LOG, Verb.REMOVED, "https://log.example"),
        (Part.LOG, Verb.ADDED, "https://log.example"),
    ]
    ended = trust(*one(A).policy.rules, root=LOG.trusted_root(end="2026-06-01T01:00:00Z"))
    assert told(one(A), ended)[0][4] == {"end": ((), ("2026-06-01 01:00:00 UTC",))}
    digest = Digest("1" * 64)
    bad = trust(*one(A).policy.rules, root=ROOT, withdrawn={digest: Withdrawal(DAY, "broken")})
    (change,) = TrustChange.of(one(A), bad).differences
    assert (change.part, change.verb, change.id) == (Part.WITHDRAWN, Verb.ADDED, str(digest))
    assert change.words[1] == Word("reason", (), ("broken",))
    assert told(bad, one(A))[0][:2] == (Part.WITHDRAWN, Verb.REMOVED)


def test_without_a_present_trust_all_of_it_is_new() -> None:
    found = told(None, one(A))
    assert {verb for _, verb, *_ in found} == {Verb.ADDED}
    assert {part for part, *_ in found} == {Part.RULE, Part.AUTHORITY, Part.LOG}


# Merged sets


def judged(proposed: Trust) -> list[Verdict]:
    """Alice's set, and a later one that both have an entry in."""
    found = []
    for set_name, signer, digest in (
        (SET, ALICE, "1" * 64),
        (LATER, ALICE, "2" * 64),
        (LATER, BOB, "3" * 64),
    ):
        name, files = entry([signer], log=LOG, digest=digest)
        found.append(verify(f"{set_name}/{name}", regular(files), proposed, now=NOW))
    return [*verify_set(found, proposed.policy, Ledger())]


def flips(present: Trust | None, proposed: Trust) -> tuple[dict[str, bool], tuple[str, ...]]:
    before = judged(present) if present else []
    found = TrustChange.of(present, proposed, before, judged(proposed))
    assert found.entries == 3
    return {each.path[-1]: each.passes for each in found.flips}, found.retires


def test_what_would_flip_and_which_sets_retire() -> None:
    assert flips(one(A), one(A)) == ({}, ())
    assert flips(one(A), one(A, B)) == ({"3": True}, ())
    assert flips(one(A, B), one(A)) == ({"3": False}, (LATER,))
    assert flips(one(A), one(B)) == ({"1": False, "2": False, "3": True}, (SET,))
    nobody = trust(root=ROOT)
    assert flips(nobody, one(A, B))[1] == ()


def test_a_flip_says_why_and_one_that_passes_has_nothing_to_say() -> None:
    (flip,) = TrustChange.of(one(A, B), one(A), judged(one(A, B)), judged(one(A))).flips
    assert not flip.passes
    assert flip.failures[0].code.id == "GS0502"


def test_under_a_proposal_alone_what_fails_is_told() -> None:
    assert flips(None, one(A)) == ({"3": False}, (LATER,))
    assert flips(None, one(A, B)) == ({}, ())
    assert not TrustChange.of(None, Trust(Policy(()), one(A).trusted_root)).is_compared
