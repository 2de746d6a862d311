"""What verification would say of signatures that are not made yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests import trust
from tests.forge import NOW, Signer

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.foresight import Intent, check_intent
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import (
    EverySignature,
    Policy,
    Requirement,
    Revocation,
    Rule,
    Withdrawal,
)
from ghcr_signer.core.reference import Digest, Reference

ALICE, BOB = Signer(), Signer()
DIGEST, PLATFORM = Digest(64 * "a"), Digest(64 * "b")
DAY = timedelta(days=1)
INTENT = Intent(
    Reference.parse("ghcr.io/acme/app").at(DIGEST),
    digests=(DIGEST,),
    unsigned=(),
    tags=("latest",),
    annotations={"env": "prod"},
    key=PublicKey.from_pem(ALICE.pem),
    logged=True,
)


def refusal(*rules: Rule, withdrawn: Any = None, **changes: Any) -> Code | None:
    """The code of what is refused, None where nothing is."""
    policy = Policy(rules, withdrawn or {})
    try:
        check_intent(replace(INTENT, **changes), policy, NOW)
    except Refused as refused:
        return refused.failure.code
    return None


def test_what_the_policy_accepts_is_not_refused() -> None:
    rule = trust.rule(
        trust.authority(ALICE, not_before=NOW - DAY, not_after=NOW + DAY),
        BOB,
        threshold=2,
        annotations={"env": "prod"},
        tags=("latest",),
        platforms=Requirement.REQUIRED,
    )
    assert refusal(rule, trust.rule(ALICE, images=("other/**",))) is None
    assert refusal(rule, key=None) is None


@pytest.mark.parametrize(
    ("members", "changes", "code"),
    [
        ({"images": ("ghcr.io/other/**",)}, {}, codes.REPOSITORY_NOT_ALLOWED),
        ({"tags": ("v*",)}, {}, codes.TAG_NOT_ALLOWED),
        ({"annotations": {"env": "test"}}, {}, codes.CLAIM_REQUIRED),
        ({"annotations": {"ticket": "1"}}, {}, codes.CLAIM_REQUIRED),
        (
            {"platforms": Requirement.REQUIRED},
            {"unsigned": (PLATFORM,)},
            codes.PLATFORM_MISSING,
        ),
        ({}, {"key": PublicKey.from_pem(BOB.pem)}, codes.NOT_AN_AUTHORITY),
        ({}, {"logged": False}, codes.LOG_ENTRY_MISSING),
    ],
)
def test_what_a_rule_will_refuse_is_refused(
    members: dict[str, Any], changes: dict[str, Any], code: Code
) -> None:
    assert refusal(trust.rule(ALICE, **members), **changes) is code
    # a broad rule that accepts it does not help
    assert refusal(trust.rule(ALICE, BOB), trust.rule(ALICE, **members), **changes) in (
        code,
        None if code is codes.REPOSITORY_NOT_ALLOWED else code,
    )


def test_what_is_not_made_yet_need_not_be_removed() -> None:
    policy = Policy((trust.rule(ALICE, tags=("v*",)),), {})
    with pytest.raises(Refused) as caught:
        check_intent(INTENT, policy, NOW)
    assert caught.value.failure.next_step.startswith("Leave that tag away")


def test_platforms_that_no_rule_asks_for_may_stay_unsigned() -> None:
    assert refusal(trust.rule(ALICE), unsigned=(PLATFORM,)) is None


def test_a_withdrawn_digest_is_refused() -> None:
    withdrawn = {DIGEST: Withdrawal(NOW, "broken")}
    assert refusal(trust.rule(ALICE), withdrawn=withdrawn) is codes.WITHDRAWN


@pytest.mark.parametrize(
    ("limits", "logged", "code"),
    [
        ({"revoked": Revocation(None, "lost")}, True, codes.TIME_REVOKED),
        ({"revoked": Revocation(NOW - DAY, "lost")}, True, codes.TIME_REVOKED),
        ({"revoked": Revocation(NOW + DAY, "leaves")}, True, None),
        ({"not_before": NOW + DAY}, True, codes.TIME_AUTHORITY),
        ({"not_after": NOW - DAY}, True, codes.TIME_AUTHORITY),
        ({"not_after": NOW + DAY}, False, codes.TIME_MISSING),
        ({"not_after": NOW + DAY}, True, None),
    ],
)
def test_a_key_that_does_not_count_now_is_refused(
    limits: dict[str, Any], logged: bool, code: Code | None
) -> None:
    authority = trust.authority(ALICE, **limits)
    rule = trust.rule(authority, transparency_log=Requirement.OPTIONAL)
    assert refusal(rule, logged=logged) is code


def test_a_rule_that_takes_any_signature_need_not_know_the_key_if_another_does() -> None:
    others = trust.rule(BOB, name="others", every_signature=EverySignature.ANY)
    assert refusal(others, trust.rule(ALICE)) is None
    assert refusal(others) is codes.NOT_AN_AUTHORITY
    strict = replace(others, every_signature=EverySignature.VALID)
    assert refusal(strict, trust.rule(ALICE)) is codes.NOT_AN_AUTHORITY
