"""Steps 8 and 9: what the payload does not say, and what the policy does not allow."""

from __future__ import annotations

import json
from typing import Any

from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import attack, signed_layers, tool_layers
from tests.attacks.world import APP, BOB, MALLORY, NEW, TOOL

TOOL_PAYLOAD = world.payload(repository=TOOL)
BOTH = (world.authority("alice"), world.authority("bob"))


def add() -> None:
    _claims()
    _required()
    _thresholds()
    _withdrawn()


def _claim(name: str, code: str, what: str, payload: bytes) -> None:
    """A payload that is truly signed and truly logged, and says something else."""
    change = signed_layers(world.layer(payload))
    attack(name, code, what, file="PAYLOAD_BLOB", change=change)


def _with(**critical: object) -> bytes:
    document: dict[str, Any] = json.loads(world.payload())
    document["critical"] |= critical
    return forge.compact(document)


def _claims() -> None:
    _claim(
        "a-payload-of-another-type",
        "GS0801",
        "Another statement by the same key is passed off as an image's signature.",
        _with(type="atomic container signature"),
    )
    _claim(
        "a-payload-without-a-type",
        "GS0801",
        "A statement that says not what it is.",
        _with(type=""),
    )
    _claim(
        "a-payload-for-another-image",
        "GS0802",
        "The true signature of one image lies beside another.",
        world.payload(world.OLD),
    )
    for name, what, repository in (
        (
            "a-payload-for-another-repository",
            "What was signed for a test repository is published as a release.",
            "ghcr.io/acme/test",
        ),
        (
            "a-payload-for-another-host",
            "What was signed for a private registry is published on ghcr.io.",
            "registry.example/acme/app",
        ),
        (
            "a-payload-for-a-local-registry",
            "cosign signed a copy in a local registry, of which anybody can have one.",
            "localhost:5000/acme/app",
        ),
        ("a-payload-with-a-tag", "The tag makes it another text, so it is cut off.", f"{APP}:v1"),
        ("a-payload-in-upper-case", "Some registries fold case.", "ghcr.io/ACME/app"),
        ("a-payload-for-a-part-of-the-path", "It ends alike.", "acme/app"),
    ):
        _claim(name, "GS0803", what, world.payload(repository=repository))
    _claim(
        "an-annotation-for-another-repository",
        "GS0804",
        "A promise by the signer about where it may be published is not kept.",
        _annotated("ghcr.io/acme/test"),
    )
    _claim(
        "an-annotation-that-is-a-list-of-repositories",
        "GS0804",
        "The right repository is one of several.",
        _annotated([APP, "ghcr.io/acme/test"]),
    )
    attack(
        "a-signature-for-a-mirror-s-other-name",
        "GS0803",
        "docker.io and index.docker.io are one registry, but no two paths in a mirror are.",
        file="PAYLOAD_BLOB",
        change=world.entry(
            world.layer(world.payload(repository="ghcr.io/acme/docker.io/app")),
            repository="ghcr.io/acme/index.docker.io/app",
        ),
    )


def _annotated(repository: object) -> bytes:
    return forge.payload(APP, NEW, {"repository": repository})


def _required() -> None:
    base = world.tool_policy(world.authority("alice"), annotations={"env": "prod"})
    for name, what, optional in (
        ("a-required-annotation-missing", "A build for tests is released.", {}),
        ("a-required-annotation-of-another-value", "The same.", {"env": "prod\n"}),
        (
            "a-required-annotation-of-another-type",
            "A list that holds the value is the value to somebody.",
            {"env": ["prod"]},
        ),
        ("a-required-annotation-in-other-case", "Names of annotations fold case.", {"ENV": "prod"}),
    ):
        payload = forge.payload(TOOL, NEW, optional)
        change = tool_layers(world.layer(payload))
        attack(name, "GS0805", what, file="PAYLOAD_BLOB", change=change, base=base)


def _thresholds() -> None:
    two = world.tool_policy(*BOTH, threshold=2)
    by_alice = world.layer(TOOL_PAYLOAD)
    attack(
        "one-signer-of-two",
        "GS0901",
        "One stolen key is enough.",
        file="MANIFEST",
        change=tool_layers(by_alice),
        base=two,
    )
    attack(
        "a-threshold-met-by-one-key-twice",
        "GS0901",
        "Two signatures are two signers to whoever counts signatures (GHSA-9vcr-p3rj-q5q6).",
        file="MANIFEST",
        change=tool_layers(by_alice, world.layer(forge.payload(TOOL, NEW, {"n": "2"}))),
        base=two,
    )
    attack(
        "a-threshold-met-by-one-layer-twice",
        "GS0901",
        "One and the same signature counts as often as it is listed.",
        file="MANIFEST",
        change=tool_layers(by_alice, by_alice),
        base=two,
    )
    second = world.entry(world.layer(TOOL_PAYLOAD, BOB), repository=TOOL, tags=())
    attack(
        "a-threshold-met-across-sets",
        "GS0901",
        "Alice signs today, and bob's signature is one from another set.",
        file="MANIFEST",
        change=tool_layers(by_alice) | world.placed(second, "2025-02-03T04-05-05Z"),
        base=two,
    )
    attack(
        "a-threshold-met-by-a-stranger",
        "GS0901",
        "The second signature is true, by a key that nobody trusts.",
        file="MANIFEST",
        change=tool_layers(by_alice, world.layer(TOOL_PAYLOAD, MALLORY)),
        base=world.tool_policy(*BOTH, threshold=2, everySignature="any"),
        also=["GS0502"],
    )
    attack(
        "a-bad-signature-among-good-ones",
        "GS0902",
        "Clients that want every signature to verify reject the image from then on.",
        file="MANIFEST",
        change=signed_layers(world.layer(), world.layer(signer=MALLORY)),
        also=["GS0502"],
    )
    attack(
        "a-broad-rule-weakens-a-narrow-one",
        "GS0901",
        "A rule that takes one signer for everything stands beside one that wants two.",
        file="MANIFEST",
        change=tool_layers(by_alice),
        base=world.policy_of(
            world.rule(),
            world.rule(*BOTH, name="tool", images=[{"glob": TOOL}], threshold=2),
        ),
    )


def _withdrawn() -> None:
    withdrawal = {
        "digest": f"sha256:{NEW}",
        "date": "2025-02-01T00:00:00Z",
        "reason": "broken build",
    }
    attack(
        "a-withdrawn-image",
        "GS0903",
        "A broken release comes back, with a good new signature.",
        file="IMAGE",
        base=world.policy_of(world.rule(), withdrawn=[withdrawal]),
    )
