"""Trust in signers of the tests: a policy of one rule, by default for any image and any tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Policy, Rule, Trust, Withdrawal
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.trusted_root import TrustedRoot, public_good
from tests.forge import Signer


def authority(signer: Signer, name: str = "signer 0", **limits: Any) -> Authority:
    return Authority(name, PublicKey.from_pem(signer.pem), **limits)


def rule(*authorities: Signer | Authority, name: str = "trusted keys", **members: Any) -> Rule:
    """A rule; signers are its authorities by number: "signer 0", "signer 1" …"""
    named = tuple(
        authority(each, f"signer {number}") if isinstance(each, Signer) else each
        for number, each in enumerate(authorities)
    )
    return Rule(name, **{"images": ("**",), "authorities": named, "tags": ("**",), **members})


def trust(
    *rules: Rule, root: bytes | None = None, withdrawn: Mapping[Digest, Withdrawal] | None = None
) -> Trust:
    trusted_root = TrustedRoot.parse(root) if root else public_good()
    return Trust(Policy(rules, withdrawn or {}), trusted_root)
