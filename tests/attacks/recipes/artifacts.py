"""Steps 3 and 4: blobs that differ from their descriptors, and manifests that say too much."""

from __future__ import annotations

import json
from typing import Any

from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import (
    ENTRY,
    Operation,
    annotated,
    attack,
    do,
    edited,
    manifest,
    signed_layers,
)

GOOD = world.entry()
SOURCE = "org.opencontainers.image.source"
EVIL = "https://github.com/mallory/app"


def add() -> None:
    _blobs()
    _media_types()
    _says_more()
    _config()


def _blobs() -> None:
    payload = GOOD["PAYLOAD_BLOB"]
    attack(
        "a-longer-payload",
        "GS0301",
        "What follows the signed bytes is uploaded with them.",
        file="PAYLOAD_BLOB",
        change={"PAYLOAD_BLOB": payload + b" "},
    )
    attack(
        "a-payload-with-crlf",
        "GS0301",
        "A checkout on Windows has changed it: somebody decides to be lenient about ends of lines.",
        file="PAYLOAD_BLOB",
        change={"PAYLOAD_BLOB": payload + b"\r\n"},
    )
    attack(
        "two-sizes-for-one-digest",
        "GS0301",
        "Of two descriptors for one blob the verifier checks one and a client the other.",
        file="MANIFEST",
        change=edited(
            signed_layers(world.layer(), world.layer(signer=world.BOB)),
            lambda m: m["layers"][1].update(size=1),
        )
        | {"CONFIG_BLOB": signed_layers(world.layer(), world.layer())["CONFIG_BLOB"]},
    )
    attack(
        "digest-confusion",
        "GS0302",
        "A payload of the same length for another image lies where the signed one should.",
        file="PAYLOAD_BLOB",
        change={"PAYLOAD_BLOB": world.payload(world.OTHER)},
    )
    attack(
        "another-config",
        "GS0302",
        "Nobody looks at the config, so it says something else.",
        file="CONFIG_BLOB",
        change={"CONFIG_BLOB": GOOD["CONFIG_BLOB"].replace(b"layers", b"slayer")},
    )
    attack(
        "a-blob-that-no-layer-names",
        "GS0303",
        "It rides along, to be uploaded or read by somebody.",
        file="PAYLOAD_BLOB.1",
        change={"PAYLOAD_BLOB.1": b"x"},
    )
    attack(
        "an-extra-layer-without-a-blob",
        "GS0304",
        "The layer is served by the registry from where it has it, unseen here.",
        file="PAYLOAD_BLOB.1",
        change=manifest(
            lambda m: m["layers"].append(m["layers"][0] | {"digest": f"sha256:{'0' * 64}"})
        ),
    )
    attack(
        "a-subject-that-is-another-image",
        "GS0305",
        "The reviewer is shown the platforms of a harmless image.",
        file="SUBJECT",
        change={"SUBJECT": world.OTHER_IMAGE},
    )


def _media_types() -> None:
    def first(manifest: Any) -> Any:
        return manifest["layers"][0]

    attack(
        "a-manifest-that-is-an-index",
        "GS0401",
        "What this verifier reads as signatures a client reads as a list of images.",
        file="MANIFEST",
        change=manifest(lambda m: m.update(mediaType=world.INDEX)),
    )
    attack(
        "a-layer-of-an-image",
        "GS0401",
        "The signature's manifest is an image that can be run.",
        file="MANIFEST",
        change=manifest(
            lambda m: first(m).update(mediaType="application/vnd.oci.image.layer.v1.tar")
        ),
    )
    attack(
        "a-layer-that-is-an-attestation",
        "GS0401",
        "An envelope that the signer made for something else counts as a signature.",
        file="MANIFEST",
        change=manifest(
            lambda m: first(m).update(mediaType="application/vnd.dsse.envelope.v1+json")
        ),
    )
    attack(
        "an-empty-config",
        "GS0401",
        "The manifest is an artifact of another kind, of which nobody knows what it means.",
        file="MANIFEST",
        change=manifest(
            lambda m: m["config"].update(mediaType="application/vnd.oci.empty.v1+json")
        ),
    )
    attack(
        "too-many-signatures",
        "GS0402",
        "Verifying them takes for ever (GHSA-vfp6-jrw2-99g9).",
        file="MANIFEST",
        operations=[_of_many_layers()],
    )


def _of_many_layers() -> Operation:
    """A manifest of one layer more than the cap."""
    document = json.loads(GOOD["MANIFEST"])
    layer = document["layers"][0] | {"annotations": {world.SIGNATURE: ""}}
    head, text, tail = (
        forge.compact(document | {"layers": [layer]})
        .decode()
        .partition(forge.compact(layer).decode())
    )
    many = {"head": f"{head}{text}", "text": f",{text}", "times": 1000, "tail": tail}
    return do("write", f"{ENTRY}/MANIFEST", **many)


def _says_more() -> None:
    attack(
        "an-annotation-that-relinks-the-package",
        "GS0403",
        "ghcr.io links the package to the repository that this annotation names.",
        file="MANIFEST",
        change=manifest(lambda m: m.update(annotations={SOURCE: EVIL})),
    )
    attack(
        "a-subject-in-the-manifest",
        "GS0403",
        "The registry lists the manifest as a referrer of another image.",
        file="MANIFEST",
        change=manifest(
            lambda m: m.update(subject=m["config"] | {"digest": f"sha256:{world.OLD}"})
        ),
    )
    attack(
        "an-artifact-type",
        "GS0403",
        "Clients that look for artifacts of this type take it for one.",
        file="MANIFEST",
        change=manifest(lambda m: m.update(artifactType="application/vnd.example.sbom")),
    )
    attack(
        "urls-in-a-layer",
        "GS0403",
        "Clients fetch the payload from the attacker's server.",
        file="MANIFEST",
        change=manifest(lambda m: m["layers"][0].update(urls=["https://evil.example/payload"])),
    )
    attack(
        "data-in-the-config",
        "GS0403",
        "Clients take the config from the descriptor, not from the blob that was judged.",
        file="MANIFEST",
        change=manifest(lambda m: m["config"].update(data="e30=")),
    )
    attack(
        "an-annotation-of-the-config",
        "GS0403",
        "One more place where something unsigned can be said.",
        file="MANIFEST",
        change=manifest(lambda m: m["config"].update(annotations={SOURCE: EVIL})),
    )
    attack(
        "an-annotation-of-a-layer",
        "GS0405",
        "Beside the signature it looks like a part of it, and is not signed.",
        file="MANIFEST",
        change=annotated(**{SOURCE: EVIL}),
    )


def _config() -> None:
    usual = json.loads(GOOD["CONFIG_BLOB"])
    for name, what, config in (
        (
            "a-label-that-relinks-the-package",
            "ghcr.io links the package to the repository that this label names.",
            usual | {"config": {"Labels": {SOURCE: EVIL}}},
        ),
        (
            "a-command-in-the-config",
            "Whoever runs the signature as an image runs this.",
            usual | {"config": {"Entrypoint": ["/bin/sh", "-c", "true"]}},
        ),
        (
            "an-author-in-the-config",
            "It says who made it, and is not signed.",
            usual | {"author": "alice"},
        ),
        (
            "a-history-in-the-config",
            "It says how it was made, and is not signed.",
            usual | {"history": [{"created_by": "alice"}]},
        ),
        (
            "a-config-for-other-layers",
            "Clients compare the layers with what the config says.",
            usual | {"rootfs": {"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"]}},
        ),
        ("a-config-of-a-platform", "It becomes an image that can be run.", usual | {"os": "linux"}),
    ):
        content = forge.compact(config)
        descriptor = {"size": len(content), "digest": f"sha256:{forge.sha256(content)}"}
        attack(
            name,
            "GS0404",
            what,
            file="CONFIG_BLOB",
            change={"CONFIG_BLOB": content}
            | manifest(lambda m, of=descriptor: m["config"].update(of)),
        )
