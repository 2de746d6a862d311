"""Step 10: sets that are good in themselves, and not beside the others."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import ENTRY, SET, attack, do
from tests.attacks.world import ALICE, NEW_SET, OLD, OLD_SET, TOOL

COPY = f"{SET}/{OLD}"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def add() -> None:
    _tags()
    _platforms()
    _backwards()
    _reused()


def _tags() -> None:
    attack(
        "two-entries-move-one-tag",
        "GS1001",
        "Which of two images becomes `latest` is up to whoever comes last.",
        file=ENTRY,
        change=world.placed(world.entry(digest=world.OTHER), digest=world.OTHER),
    )
    attack(
        "a-tag-that-no-rule-lets-move",
        "GS1002",
        "With a good signature the set moves `stable`, which nobody has allowed.",
        file=ENTRY,
        change={"TAGS": b"stable\n"},
    )
    attack(
        "a-tag-that-one-rule-lets-move",
        "GS1002",
        "Of two rules for the image one allows the tag.",
        file=ENTRY,
        change={"TAGS": b"stable\n"},
        base=world.policy_of(world.rule(), world.rule(name="lax", tags=["*"])),
    )
    attack(
        "a-tag-in-upper-case",
        "GS1002",
        "LATEST is the same tag in a registry that folds case.",
        file=ENTRY,
        change={"TAGS": b"Latest\n"},
    )


def _platforms() -> None:
    listed = [world.image(f"app 2 on {each}") for each in ("amd64", "arm64")]
    index = world.index(*listed)
    digest = forge.sha256(index)
    base = world.tool_policy(platforms="required")

    def signed(content: bytes) -> world.Files:
        return world.entry(digest=forge.sha256(content), repository=TOOL, tags=())

    top = world.placed(signed(index) | {"SUBJECT": index, "LATEST": b""}, digest=digest)
    first = world.placed(signed(listed[0]), digest=forge.sha256(listed[0]))
    attack(
        "a-platform-that-nobody-signed",
        "GS1003",
        "The index is signed, and one of the images that it lists is the attacker's.",
        file=f"{SET}/{digest}",
        change={**top, **first},
        base=base,
        operations=[do("remove", ENTRY)],
    )
    unknown = world.placed(world.entry(digest=digest, repository=TOOL), digest=digest)
    attack(
        "an-index-that-does-not-say-so",
        "GS1004",
        "Without SUBJECT nobody sees that it is an index, and that its platforms are missing.",
        file=f"{SET}/{digest}",
        change=unknown,
        base=base,
        operations=[do("remove", ENTRY)],
    )
    for name, what, subject in (
        ("a-subject-that-is-no-manifest", "What cannot be read lists no platforms.", b"rubbish"),
        (
            "a-deep-subject",
            "A recursive reader falls over, and what is not judged passes.",
            b'{"manifests":' + b"[" * 2000 + b"]" * 2000 + b"}",
        ),
        (
            "a-subject-with-a-key-twice",
            "This reader sees an empty list, and a client the images.",
            index.replace(b"{", b'{"manifests":[],', 1),
        ),
    ):
        own = forge.sha256(subject)
        files = world.entry(digest=own, repository=TOOL) | {"SUBJECT": subject}
        attack(
            name,
            "GS1004",
            what,
            file=f"{SET}/{own}/SUBJECT",
            change=world.placed(files, digest=own),
            base=base,
            operations=[do("remove", ENTRY)],
        )


def _backwards() -> None:
    older = world.layer(time=world.OLD_TIME, index=world.OLD_INDEX - 1)
    attack(
        "a-newer-set-of-what-was-signed-earlier",
        "GS1005",
        "A signature that was made before the merged one, and kept, comes under a newer name.",
        file=ENTRY,
        change=world.entry(older),
    )
    attack(
        "the-merged-log-index-again",
        "GS1005",
        "Clients that remember the greatest index refuse what does not raise it.",
        file=ENTRY,
        change=world.entry(world.layer(index=world.OLD_INDEX)),
    )
    optional = world.policy(transparencyLog="optional")
    attack(
        "an-unlogged-set-after-a-logged-one",
        "GS1005",
        "Without a log entry nobody knows that the signature is years old.",
        file=ENTRY,
        change=world.entry(world.unlogged()),
        base=optional,
    )
    other = {"trusted_root.json": _two_logs()}
    attack(
        "an-earlier-time-in-another-log",
        "GS1005",
        "Indexes of two logs cannot be compared, so an old signature comes by way of the other.",
        file=ENTRY,
        change=world.entry(
            world.layer(log=world.OTHER_LOG, time=world.OLD_TIME, index=10**6),
        ),
        base=other,
    )


def _two_logs() -> bytes:
    roots = (json.loads(log.trusted_root()) for log in (world.LOG, world.OTHER_LOG))
    return forge.compact({"tlogs": [log for root in roots for log in root["tlogs"]]})


def _reused() -> None:
    """The base is another: there, an older image has been merged twice since."""
    newer = world.placed(
        world.entry(
            world.layer(world.payload(world.OTHER), time=world.OLD_TIME, index=1500),
            digest=world.OTHER,
        ),
        "2025-01-03T03-04-05Z",
        world.OTHER,
    )
    attack(
        "an-old-public-signature-under-a-fresh-set-name",
        "GS1006",
        "Merged signatures are public: a copy of the old ones brings the old image back.",
        file=COPY,
        base=newer,
        begins="base",
        operations=[do("copy", f"SIGNATURES/{OLD_SET}/{OLD}", to=COPY)],
    )
    content = world.payload(OLD)
    r, s = decode_dss_signature(ALICE.sign(content))
    other_half = encode_dss_signature(r, P256_ORDER - s)
    again = {
        world.SIGNATURE: forge.b64(other_half),
        world.BUNDLE: world.logged(content, other_half),
    }
    attack(
        "an-old-signature-in-its-other-half",
        "GS1006",
        "Of (r, s) anybody makes (r, -s), which verifies too, and has that logged anew.",
        file=COPY,
        base=newer,
        begins="base",
        change=world.placed(world.entry((content, again), digest=OLD), NEW_SET, OLD),
    )
