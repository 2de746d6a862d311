"""Steps 2, 3 and 4: references, tags, blobs, and manifests that say more than a signature."""

from __future__ import annotations

import json
from typing import Any

from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import (
    ENTRY,
    annotated,
    attack,
    do,
    edited,
    manifest,
    signed_layers,
)
from tests.attacks.world import APP, NEW

GOOD = world.entry()
SOURCE = "org.opencontainers.image.source"
EVIL = "https://github.com/mallory/app"


def add() -> None:
    _references()
    _repositories()
    _tags()
    _blobs()
    _media_types()
    _says_more()
    _config()


def _references() -> None:
    for name, what, image in (
        ("an-image-with-a-tag", "The tag may point elsewhere tomorrow.", f"{APP}:v1@sha256:{NEW}"),
        ("an-image-without-a-digest", "Whatever is there counts as signed.", APP),
        (
            "an-image-with-two-lines",
            "One reader takes the first line, another the last.",
            f"{APP}@sha256:{NEW}\nghcr.io/mallory/app@sha256:{NEW}",
        ),
        (
            "an-image-with-crlf",
            "The carriage return becomes a part of a name, or of a request's header.",
            f"{APP}@sha256:{NEW}\r\n",
        ),
        (
            "an-image-with-a-nul",
            "A reader in C sees the name end before the attacker's repository becomes allowed.",
            f"ghcr.io/mallory/app\x00/acme/app@sha256:{NEW}",
        ),
        (
            "an-idn-host",
            "A Cyrillic letter makes another host that looks the same.",
            f"gh\u0441r.io/acme/app@sha256:{NEW}",
        ),
        ("an-upper-case-host", "Hosts fold case, globs do not.", f"GHCR.io/acme/app@sha256:{NEW}"),
        (
            "an-upper-case-repository",
            "Some registries fold case: it is written where no glob allows it.",
            f"ghcr.io/ACME/app@sha256:{NEW}",
        ),
        (
            "a-repository-with-dot-dot",
            "The glob allows ghcr.io/acme/**, and the client's URL leads out of it.",
            f"ghcr.io/acme/../mallory/app@sha256:{NEW}",
        ),
        (
            "a-repository-with-an-escape",
            "The same, once a server has decoded it.",
            f"ghcr.io/acme/%2e%2e/mallory/app@sha256:{NEW}",
        ),
        (
            "a-host-with-a-user",
            "The token goes to the host behind the @.",
            f"ghcr.io@evil.example/acme/app@sha256:{NEW}",
        ),
        (
            "a-host-with-a-final-dot",
            "It is the same host to the resolver, and another to every rule.",
            f"ghcr.io./acme/app@sha256:{NEW}",
        ),
        (
            "an-image-without-a-host",
            "Some client adds a host of its own.",
            f"acme/app@sha256:{NEW}",
        ),
        (
            "an-image-with-a-scheme",
            "A client follows the scheme that it is given.",
            f"http://ghcr.io/acme/app@sha256:{NEW}",
        ),
        (
            "an-image-by-another-algorithm",
            "A digest that nobody compares with the folder's name.",
            f"{APP}@sha512:{NEW}{NEW}",
        ),
    ):
        attack(name, "GS0201", what, file="IMAGE", change={"IMAGE": image.encode()})
    attack(
        "entries-swapped",
        "GS0202",
        "The good signatures of one image lie in the folder of another.",
        file="IMAGE",
        change=world.entry(digest=world.OTHER),
    )


def _repositories() -> None:
    for name, what, repository in (
        (
            "somebody-else-s-repository",
            "Our token writes where the attacker wants.",
            "ghcr.io/mallory/app",
        ),
        (
            "a-repository-that-begins-alike",
            "The glob ghcr.io/acme/** also matches what begins with acme.",
            "ghcr.io/acme-evil/app",
        ),
        (
            "a-host-that-begins-alike",
            "The glob matches a host that only begins with the right one.",
            "ghcr.io.evil.example/acme/app",
        ),
        (
            "a-host-with-a-port",
            "Another port is another registry, and the token goes there.",
            "ghcr.io:8443/acme/app",
        ),
        (
            "a-punycode-host",
            "The host that looks like the right one, as the resolver spells it.",
            "xn--ghr-pmc.io/acme/app",
        ),
        (
            "the-owner-without-a-repository",
            "The glob's `**` matches nothing at all.",
            "ghcr.io/acme",
        ),
        (
            "an-address-inside",
            "The publisher is made to speak to a service behind the firewall.",
            "169.254.169.254/acme/app",
        ),
    ):
        attack(name, "GS0203", what, file="IMAGE", change=world.entry(repository=repository))


def _tags() -> None:
    for name, what, tags in (
        (
            "a-tag-named-like-a-signature",
            "Moving it replaces the signatures of another image.",
            f"sha256-{world.OLD}.sig\n",
        ),
        (
            "a-tag-named-like-a-fallback-index",
            "Moving it replaces the list of all that refers to another image.",
            f"sha256-{world.OLD}\n",
        ),
        (
            "a-tag-named-like-an-attestation",
            "Moving it replaces the attestations of another image.",
            f"sha256-{world.OLD}.att\n",
        ),
        ("tags-with-crlf", "The carriage return becomes a part of the tag.", "v1\r\n"),
        ("a-tag-twice", "Whoever counts tags counts wrong.", "v1\nv1\n"),
        ("latest-in-tags-too", "Whoever counts tags counts wrong.", "latest\n"),
        ("an-empty-tag", "The URL of no tag is the URL of all of them.", "v1\n\nv2\n"),
        ("a-tag-that-is-a-path", "The client's URL leads to another endpoint.", "../blobs/x\n"),
        ("a-tag-that-is-an-option", "Some program takes it for an option.", "--all\n"),
        ("a-tag-with-bidi", "It reads as another tag in the review.", "v1\u202e1.0\n"),
        ("a-tag-that-is-too-long", "It is cut off somewhere, and then it is another.", "v" * 129),
        (
            "too-many-tags",
            "Moving all of them takes for ever.",
            "\n".join(f"v{n}" for n in range(101)),
        ),
    ):
        attack(name, "GS0204", what, file="TAGS", change={"TAGS": tags.encode()})


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
        operations=[do("write", f"{ENTRY}/MANIFEST", text=_of_many_layers())],
    )


def _of_many_layers() -> str:
    document = json.loads(GOOD["MANIFEST"])
    (layer,) = document["layers"]
    annotations = {world.SIGNATURE: ""}
    return forge.compact(
        document | {"layers": [layer | {"annotations": annotations}] * 1001}
    ).decode()


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
