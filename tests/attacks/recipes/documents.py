"""Step 1: documents that can be read in two ways, or in none."""

from __future__ import annotations

from tests.attacks import world
from tests.attacks.recipes.recipe import attack, manifest, signed_layers


def add() -> None:
    _json()
    _shapes()


def _json() -> None:
    good = world.entry()["MANIFEST"]
    deep = b"[" * 2000 + b"]" * 2000
    attack(
        "a-manifest-with-a-key-twice",
        "GS0105",
        "The verifier reads the first `layers`, a registry or a client the second.",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b"{", b'{"layers":[],', 1)},
    )
    attack(
        "a-manifest-with-an-escaped-key-twice",
        "GS0105",
        "Spelt with an escape, the second `layers` is another key to a careless reader.",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b"{", b'{"\\u006cayers":[],', 1)},
    )
    attack(
        "a-deep-manifest",
        "GS0105",
        "A recursive reader falls over, and what is not judged passes.",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b"{", b'{"x":' + deep + b",", 1)},
    )
    attack(
        "a-manifest-with-more-behind-it",
        "GS0105",
        "One reader stops after the first document, another takes the last.",
        file="MANIFEST",
        change={"MANIFEST": good + b"{}"},
    )
    attack(
        "a-manifest-with-no-number",
        "GS0105",
        "NaN is a number to Python, so it compares with nothing and is smaller than every cap.",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b'"schemaVersion":2', b'"schemaVersion":NaN')},
    )
    attack(
        "a-manifest-with-a-byte-order-mark",
        "GS0105",
        "Some readers skip the mark, others see no JSON: the registry gets what nobody judged.",
        file="MANIFEST",
        change={"MANIFEST": b"\xef\xbb\xbf" + good},
    )
    attack(
        "a-manifest-with-half-a-character",
        "GS0105",
        "A lone surrogate is one thing in Python and another everywhere else.",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b"{", b'{"\\ud800":1,', 1)},
    )
    attack(
        "a-manifest-with-a-nul",
        "GS0105",
        "To a reader in C the document ends where this one goes on.",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b"}]", b"}\x00]", 1)},
    )
    attack(
        "a-signed-payload-that-is-no-json",
        "GS0105",
        "A letter that the signer once signed with the same key passes for a signature.",
        file="PAYLOAD_BLOB",
        change=signed_layers(world.layer(b"Dear Sir or Madam")),
        also=["GS0901"],
    )
    attack(
        "a-signed-payload-with-a-key-twice",
        "GS0105",
        "The verifier reads one digest in the payload, a client reads the other.",
        file="PAYLOAD_BLOB",
        change=signed_layers(
            world.layer(
                world.payload().replace(
                    b'"image":', b'"image":{"docker-manifest-digest":1},"image":'
                )
            )
        ),
        also=["GS0901"],
    )


def _shapes() -> None:
    attack(
        "a-manifest-that-is-a-list",
        "GS0106",
        "A document of another shape ends the check with an error of Python's own.",
        file="MANIFEST",
        change={"MANIFEST": b"[]"},
    )
    attack(
        "a-manifest-without-layers",
        "GS0106",
        "Without a layer no signature fails.",
        file="MANIFEST",
        change=manifest(lambda m: m.update(layers=[])),
    )
    attack(
        "a-size-that-is-no-integer",
        "GS0106",
        "252.0 equals 252 here, and is an error in a registry or a client.",
        file="MANIFEST",
        change=manifest(lambda m: m["config"].update(size=float(m["config"]["size"]))),
    )
    attack(
        "a-negative-size",
        "GS0106",
        "A negative size is smaller than every cap.",
        file="MANIFEST",
        change=manifest(lambda m: m["config"].update(size=-1)),
    )
    attack(
        "a-size-that-asks-for-memory",
        "GS0106",
        "Whoever allocates what a descriptor says has no memory left (GHSA-88jx-383q-w4qc).",
        file="MANIFEST",
        change=manifest(lambda m: m["config"].update(size=10**18)),
    )
    attack(
        "a-digest-that-is-a-path",
        "GS0106",
        "A digest that is used as a file's name leads out of the directory (GHSA-fcv2-xgw5-pqxf).",
        file="MANIFEST",
        change=manifest(lambda m: m["config"].update(digest="sha256:../../../../etc/passwd")),
    )
    attack(
        "a-layer-without-a-signature",
        "GS0106",
        "A layer without a signature is not judged, and uploaded all the same.",
        file="MANIFEST",
        change=manifest(lambda m: m["layers"][0]["annotations"].clear()),
    )
    attack(
        "a-signed-payload-that-says-more",
        "GS0106",
        "A member that this version does not know means something to a later one.",
        file="PAYLOAD_BLOB",
        change=signed_layers(
            world.layer(world.payload().replace(b'"optional"', b'"critical2":{},"optional"'))
        ),
        also=["GS0901"],
    )
