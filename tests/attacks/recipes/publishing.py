"""Step 12: the change is good, and the registry is not."""

from __future__ import annotations

from typing import Any

from tests.attacks import case
from tests.attacks.recipes.injection import SAYS
from tests.attacks.recipes.recipe import ENTRY, REGISTRY_ONLY, attack

CLOSED = dict.fromkeys((case.VERIFY, case.BASE, case.REHEARSAL), REGISTRY_ONLY)


def add() -> None:
    _registry(
        "a-registry-with-other-signatures",
        "GS1202",
        "Mallory's signatures stay, and `latest` moves to what only they vouch for.",
        "it holds other signatures",
        "GS1206",
    )
    _registry(
        "a-registry-without-the-image",
        "GS1203",
        "The tag moves to an image that the attacker pushes later.",
        "it lacks the image",
    )
    _registry(
        "a-tag-that-nobody-signed",
        "GS1204",
        "Whoever moved `latest` covers the traces by having it moved back.",
        "its tag points at what nobody signed",
    )
    _registry(
        "a-registry-that-exchanges-signatures",
        "GS1205",
        "What was written is another's a moment later, and the tag moves all the same.",
        "it exchanges the signatures",
        "GS1206",
    )
    _registry(
        "a-registry-that-exchanges-signatures-for-good-ones",
        "GS1205",
        "What vouches for the image is another statement by the same signer.",
        "it exchanges the signatures for good ones",
        "GS1206",
    )
    _registry(
        "injection-by-a-registry-s-answer",
        "GS3004",
        "A text that is printed acts: it comes by way of a registry's answer.",
        "it answers with what acts",
        "GS1206",
        says=SAYS,
    )
    _registry(
        "a-registry-that-exchanges-the-payload",
        "GS3005",
        "Under the payload's digest there are other bytes, which nobody compares.",
        "it exchanges the payload",
        "GS1206",
    )
    _registry(
        "a-registry-that-keeps-the-tag",
        "GS1205",
        "The tag is said to have moved, and clients get the old image for ever.",
        "it keeps the tag",
    )


def _registry(name: str, code: str, what: str, registry: str, *also: str, **more: Any) -> None:
    attack(
        name,
        code,
        what,
        file=ENTRY,
        publish=[code, *also],
        doors=CLOSED,
        registry=registry,
        **more,
    )
