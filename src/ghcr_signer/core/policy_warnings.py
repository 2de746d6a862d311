"""What may surprise in a policy that is well: said as a warning, and nothing is refused for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ghcr_signer.core.policy import Policy
from ghcr_signer.core.wording import shown

_AHEAD = timedelta(days=30)


def warnings(policy: Policy, now: datetime) -> Iterator[str]:
    """Everything that may surprise who reads or changes the policy."""
    for rule in policy.rules:
        for glob in rule.images:
            if "*" in glob.partition("/")[2].partition("/")[0]:
                yield f"{rule.name}: {glob} names repositories of more than one owner"
    yield from due(policy, now)


def due(policy: Policy, now: datetime) -> Iterator[str]:
    """What time brings: a key that is to be replaced, a rule that no new signature can satisfy."""
    for rule in policy.rules:
        for authority in rule.authorities:
            if authority.rotate_after and authority.rotate_after - now < _AHEAD:
                when = shown(authority.rotate_after)
                yield f"{rule.name}: the key of {authority.name} is to be replaced by {when}"
        counting = sum(authority.counts_at(now) for authority in rule.authorities)
        if counting < rule.threshold:
            yield (
                f"{rule.name}: {rule.threshold} must sign, and only {counting} count now:"
                " no new signature can satisfy it"
            )
