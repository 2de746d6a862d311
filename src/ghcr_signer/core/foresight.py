"""Foresight: what verification would say of signatures that are not made yet.

Every touch costs a person something, and every log entry is there for ever: what can be refused
before is refused before, by the codes that verification itself would give.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import (
    Authority,
    EverySignature,
    Policy,
    Requirement,
    Rule,
    wants_platforms,
)
from ghcr_signer.core.reference import Digest, Reference


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be signed: the digests of an image, and what their signatures will say.

    `unsigned` are platforms of it that will have none; `key` is None where it is not known yet;
    `logged`: whether there will be a log entry.
    """

    image: Reference
    digests: Collection[Digest]
    unsigned: Collection[Digest]
    tags: Collection[str]
    annotations: Mapping[str, str]
    key: PublicKey | None
    logged: bool


def check_intent(intent: Intent, policy: Policy, now: datetime) -> None:
    """Raise Refused for what the policy will refuse, whatever the signatures turn out to be."""
    rules = policy.rules_for(intent.image)
    if not rules:
        raise Refused(codes.REPOSITORY_NOT_ALLOWED, f"no rule allows {intent.image.name}")
    for digest in intent.digests:
        if withdrawal := policy.withdrawn.get(digest):
            raise Refused(codes.WITHDRAWN, f"`withdrawn` names {digest} {withdrawal}")
    if intent.unsigned and wants_platforms(rules):
        missing = ", ".join(str(digest) for digest in intent.unsigned)
        raise Refused(codes.PLATFORM_MISSING, f"not to be signed: {missing}")
    for rule in rules:
        _check_rule(intent, rule)
    if intent.key is not None:
        _check_key(intent, intent.key, rules, now)


def _check_rule(intent: Intent, rule: Rule) -> None:
    for tag in intent.tags:
        rule.require_moves(tag, "Leave that tag away, or have it added to the rule's `tags` first.")
    for name, value in rule.annotations.items():
        if intent.annotations.get(name) != value:
            message = f"the rule {rule.name!r} wants the signed annotation {name!r}: {value!r}"
            raise Refused(codes.CLAIM_REQUIRED, message, fix=f"Sign with -a {name}={value}")


def _check_key(intent: Intent, key: PublicKey, rules: Collection[Rule], now: datetime) -> None:
    """Each rule knows the key, or accepts that others' signatures are there too."""
    found = [(rule, _authority(rule, key)) for rule in rules]
    for rule, authority in found:
        if authority is not None:
            if not intent.logged and rule.transparency_log is Requirement.REQUIRED:
                message = f"the rule {rule.name!r} requires the log"
                raise Refused(codes.LOG_ENTRY_MISSING, message)
            authority.require_at(now if intent.logged else None)
        elif rule.every_signature is EverySignature.VALID or not any(a for _, a in found):
            names = ", ".join(each.name for each in rule.authorities)
            message = f"{key.fingerprint} is none of {names} (rule {rule.name!r})"
            raise Refused(codes.NOT_AN_AUTHORITY, message)


def _authority(rule: Rule, key: PublicKey) -> Authority | None:
    return next((each for each in rule.authorities if each.key == key), None)
