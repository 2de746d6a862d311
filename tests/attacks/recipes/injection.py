"""Text that would act where it is printed: each attack is refused for something else, and says so.

The text begins a workflow command, clears the terminal, turns the direction of reading, and is a
tag, a link, a table and a mention in Markdown. tests/attacks/output.py holds the output to it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import (
    ENTRY,
    NO_BASE,
    NOTHING,
    SET,
    annotated,
    attack,
    do,
    manifest,
    signed_layers,
    tool_layers,
    write,
)
from tests.attacks.world import ALICE, NEW, TOOL

SAYS = "mallory"
PRINTABLE = "::error::mallory ##[add-mask]x <img src=x> [x](x:x) @acme/all www.evil.example |`~*"
NAME = PRINTABLE.replace("/", "\\")
ACTING = f"{NAME}\x1b[2J\u202e\u2066\r\n::set-output name=result::passed\n##[set-env name=A]B"


def add() -> None:
    _names()
    _files()
    _documents()
    _log()
    _claims()
    _policies()


def _injection(where: str, code: str, **of_attack: Any) -> None:
    what = f"A text that is printed acts: it comes by way of {where}."
    name = where.replace("'", "-").replace(" ", "-").lower()
    attack(f"injection-by-{name}", code, what, says=SAYS, **of_attack)


def _names() -> None:
    _injection(
        "a file's name",
        "GS0101",
        file=ENTRY,
        operations=[write(f"{ENTRY}/{ACTING}", "")],
    )
    _injection(
        "a name beside the entries",
        "GS0101",
        file=f"{SET}/{ACTING}",
        operations=[write(f"{SET}/{ACTING}", "")],
    )
    _injection(
        "an entry's name",
        "GS0108",
        file=f"{SET}/{ACTING}",
        operations=[do("move", ENTRY, to=f"{SET}/{ACTING}")],
    )
    _injection(
        "a set's name",
        "GS0107",
        file=f"SIGNATURES/{ACTING}",
        operations=[do("move", SET, to=f"SIGNATURES/{ACTING}")],
    )
    _injection(
        "a name beside the directory",
        "GS1102",
        file=ACTING,
        operations=[write(ACTING, "")],
    )
    _injection(
        "a twin's name",
        "GS1103",
        file=NAME,
        begins="base",
        operations=[write(NAME, ""), write(NAME.upper(), "")],
        publish=NOTHING,
        doors={"verify": NO_BASE},
    )


def _files() -> None:
    ascii_only = ACTING.replace("\u202e", "").replace("\u2066", "")
    _injection("the image's name", "GS0201", file="IMAGE", change={"IMAGE": ascii_only.encode()})
    printable = f"ghcr.io/{PRINTABLE}@sha256:{NEW}"
    _injection(
        "the repository's name", "GS0201", file="IMAGE", change={"IMAGE": printable.encode()}
    )
    _injection("a tag's name", "GS0204", file="TAGS", change={"TAGS": NAME.encode()})


def _documents() -> None:
    good = world.entry()["MANIFEST"]
    twice = json.dumps(ACTING).encode() + b":1,"
    _injection(
        "a key of a document",
        "GS0105",
        file="MANIFEST",
        change={"MANIFEST": good.replace(b"{", b"{" + twice * 2, 1)},
    )
    _injection(
        "a member of a manifest",
        "GS0403",
        file="MANIFEST",
        change=manifest(lambda m: m.update({ACTING: 1})),
    )
    _injection(
        "a media type",
        "GS0401",
        file="MANIFEST",
        change=manifest(lambda m: m.update(mediaType=ACTING)),
    )
    _injection(
        "an annotation of a layer",
        "GS0405",
        file="MANIFEST",
        change=annotated(**{ACTING: "x"}),
    )
    content = forge.compact(json.loads(world.entry()["CONFIG_BLOB"]) | {ACTING: 1})
    descriptor = {"size": len(content), "digest": f"sha256:{forge.sha256(content)}"}
    _injection(
        "a member of the config",
        "GS0404",
        file="CONFIG_BLOB",
        change={"CONFIG_BLOB": content} | manifest(lambda m: m["config"].update(descriptor)),
    )


def _log() -> None:
    payload = world.payload()
    value = ALICE.sign(payload)
    body = json.loads(base64.b64decode(json.loads(world.logged(payload, value))["Payload"]["body"]))
    body["spec"]["data"]["hash"]["value"] = ACTING
    bundle = world.logged(payload, value, body=forge.compact(body))
    annotations = {world.SIGNATURE: forge.b64(value), world.BUNDLE: bundle}
    _injection(
        "a log entry",
        "GS0605",
        file="MANIFEST",
        change=signed_layers((payload, annotations)),
    )
    root = json.loads(world.LOG.trusted_root())
    root["tlogs"][0]["baseUrl"] = f"https://{ACTING}"
    _injection(
        "a log's address",
        "GS0702",
        file="MANIFEST",
        base={"trusted_root.json": forge.compact(root)},
        change=signed_layers(world.layer(time=world.NEW_TIME.replace(year=2020))),
    )


def _claims() -> None:
    _injection(
        "a signed docker-reference",
        "GS0803",
        file="PAYLOAD_BLOB",
        change=signed_layers(world.layer(world.payload(repository=ACTING))),
    )
    _injection(
        "a signed annotation",
        "GS0804",
        file="PAYLOAD_BLOB",
        change=signed_layers(world.layer(forge.payload(world.APP, NEW, {"repository": ACTING}))),
    )
    _injection(
        "a signed annotation that is required",
        "GS0805",
        file="PAYLOAD_BLOB",
        change=tool_layers(world.layer(forge.payload(TOOL, NEW, {"env": ACTING}))),
        base=world.tool_policy(annotations={"env": "prod"}),
    )
    content = world.payload().replace(
        b'"optional":', json.dumps(ACTING).encode() + b':1,"optional":'
    )
    _injection(
        "a member of the payload",
        "GS0106",
        file="PAYLOAD_BLOB",
        change=signed_layers(world.layer(content)),
        also=["GS0901"],
    )


def _policies() -> None:
    """A policy holds no character that nobody sees; what can be seen is in it as it is."""
    revoked = world.authority("alice", revoked={"reason": PRINTABLE})
    _injection(
        "the reason of a revocation",
        "GS0705",
        file="MANIFEST",
        change=tool_layers(),
        base=world.tool_policy(revoked),
    )
    withdrawal = {"digest": f"sha256:{NEW}", "date": "2025-02-01T00:00:00Z", "reason": PRINTABLE}
    _injection(
        "the reason of a withdrawal",
        "GS0903",
        file="IMAGE",
        base=world.policy_of(world.rule(), withdrawn=[withdrawal]),
    )
    rule = world.rule(name=PRINTABLE, images=[{"glob": TOOL}], annotations={"env": "prod"})
    _injection(
        "a rule's name",
        "GS0805",
        file="PAYLOAD_BLOB",
        change=tool_layers(),
        base=world.policy_of(world.rule(images=[{"glob": world.APP}]), rule),
    )
    expired = world.authority("alice", notAfter="2025-01-01T00:00:00Z") | {"name": PRINTABLE}
    _injection(
        "an authority's name",
        "GS0704",
        file="MANIFEST",
        change=tool_layers(),
        base=world.tool_policy(expired),
    )
    for where, policy in (
        ("a glob", world.policy(images=[{"glob": PRINTABLE}])),
        ("a key's path", world.policy(world.authority("alice") | {"key": {"path": f"../{NAME}"}})),
        ("a word of the policy", world.policy(**{PRINTABLE: 1})),
        ("a tag of the policy", world.policy(tags=[PRINTABLE])),
    ):
        _injection(where, "GS2017", file="policy.yml", begins="base", change=policy)
    twice = f"? {json.dumps(PRINTABLE)}\n: 1\n"
    _injection(
        "a word that occurs twice",
        "GS2017",
        file="policy.yml",
        begins="base",
        change={"policy.yml": twice.encode() * 2},
    )
