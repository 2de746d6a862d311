"""Steps 6 and 7: what no trusted log has promised, and what counts at no time."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from tests import forge
from tests.attacks import world
from tests.attacks.recipes.recipe import (
    annotated,
    attack,
    signed_layers,
    tool_layers,
)
from tests.attacks.world import ALICE, LOG, MALLORY, NEW_TIME, OTHER_LOG, Files

PAYLOAD = world.payload()
VALUE = ALICE.sign(PAYLOAD)
GOOD = world.logged(PAYLOAD, VALUE)
TOOL_PAYLOAD = world.payload(repository=world.TOOL)
HOUR = timedelta(hours=1)


def add() -> None:
    _missing_and_malformed()
    _not_promised()
    _not_bound()
    _kinds()
    _times()
    _authorities()


def beside(bundle: str) -> Files:
    """The good signature with another log entry."""
    return signed_layers((PAYLOAD, {world.SIGNATURE: forge.b64(VALUE), world.BUNDLE: bundle}))


def _changed(**members: object) -> str:
    """The good log entry, changed after the log has signed it."""
    bundle = json.loads(GOOD)
    bundle["Payload"] |= members
    return forge.compact(bundle).decode()


def _body(**members: object) -> bytes:
    """The good entry's body, with other members."""
    body: dict[str, Any] = json.loads(base64.b64decode(json.loads(GOOD)["Payload"]["body"]))
    return forge.compact(body | members)


def _missing_and_malformed() -> None:
    attack(
        "no-log-entry",
        "GS0601",
        "What was signed in secret, with a stolen key, never shows up in the log.",
        file="MANIFEST",
        change=signed_layers(world.unlogged()),
    )
    for name, what, bundle in (
        ("a-log-entry-that-is-no-json", "What cannot be read is taken for absent.", "{"),
        (
            "a-log-entry-with-a-key-twice",
            "The promise is read from the one, the time from the other.",
            GOOD.replace('"Payload":', '"Payload":{},"Payload":'),
        ),
        (
            "a-log-entry-that-says-more",
            "A member beside those that are signed is believed by somebody.",
            GOOD[:-1] + ',"verified":true}',
        ),
        ("a-negative-log-index", "It is smaller than every other.", _changed(logIndex=-1)),
        (
            "a-log-index-of-too-many-digits",
            "It overflows in a client, and is small again.",
            _changed(logIndex=2**64),
        ),
        ("a-time-that-is-true", "True is 1 to Python: 1970.", _changed(integratedTime=True)),
        (
            "a-time-that-is-a-text",
            "A text is later than every number to somebody.",
            _changed(integratedTime=str(int(NEW_TIME.timestamp()))),
        ),
        (
            "a-time-beyond-the-calendar",
            "No instant: the check falls over.",
            _changed(integratedTime=10**15),
        ),
        (
            "a-log-s-id-in-upper-case",
            "Another spelling of the same log.",
            _changed(logID=LOG.id.upper()),
        ),
    ):
        attack(name, "GS0602", what, file="MANIFEST", change=beside(bundle))


def _not_promised() -> None:
    stranger = world.logged(PAYLOAD, VALUE, log=OTHER_LOG)
    attack(
        "another-log-s-entry",
        "GS0603",
        "Anybody can run a log that says what it is told to.",
        file="MANIFEST",
        change=beside(stranger),
    )
    attack(
        "a-bad-log-entry-where-none-is-required",
        "GS0603",
        "What cannot be verified is taken for absent, and absent is fine (CVE-2022-36056).",
        file="MANIFEST",
        change=tool_layers(world.layer(TOOL_PAYLOAD, log=OTHER_LOG)),
        base=world.tool_policy(transparencyLog="optional"),
    )
    attack(
        "the-public-log-where-ours-is-trusted",
        "GS0603",
        "The public log is built in, so it counts beside the project's own.",
        file="MANIFEST",
        change=beside(
            _changed(logID="c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d")
        ),
    )
    attack(
        "another-log-s-entry-under-our-log-s-id",
        "GS0604",
        "Its id is looked for, its promise is not.",
        file="MANIFEST",
        change=beside(stranger.replace(OTHER_LOG.id, LOG.id)),
    )
    attack(
        "a-later-time-in-a-log-entry",
        "GS0604",
        "An old signature becomes a new one, or one from before the key was stolen.",
        file="MANIFEST",
        change=beside(_changed(integratedTime=int(NEW_TIME.timestamp()) - 86400)),
    )
    attack(
        "a-greater-log-index",
        "GS0604",
        "Clients that remember the greatest index take the old image for the newest.",
        file="MANIFEST",
        change=beside(_changed(logIndex=10**9)),
    )
    empty = json.loads(GOOD) | {"SignedEntryTimestamp": ""}
    attack(
        "an-empty-promise",
        "GS0604",
        "Where there is no signature, none fails.",
        file="MANIFEST",
        change=beside(forge.compact(empty).decode()),
    )


def _not_bound() -> None:
    attack(
        "a-log-entry-about-another-payload",
        "GS0605",
        "A true promise about something else (CVE-2026-22703).",
        file="MANIFEST",
        change=beside(world.logged(world.payload(world.OTHER), VALUE)),
    )
    attack(
        "a-log-entry-of-the-merged-set",
        "GS0605",
        "The public entry of another image of the same signer.",
        file="MANIFEST",
        change=beside(world.layer(world.payload(world.OLD))[1][world.BUNDLE]),
    )
    attack(
        "an-old-signature-with-a-newer-log-entry",
        "GS0606",
        "With another signature's entry an old signature passes for a new one (CVE-2022-23649).",
        file="MANIFEST",
        change=beside(world.logged(PAYLOAD, ALICE.sign(b"another"))),
    )
    attack(
        "a-stranger-s-log-entry",
        "GS0607",
        "Mallory has logged her own signature of the same payload.",
        file="MANIFEST",
        change=beside(world.logged(PAYLOAD, MALLORY.sign(PAYLOAD), MALLORY)),
    )
    attack(
        "our-signature-logged-under-another-key",
        "GS0607",
        "Whoever watches the log for this key never sees the signature.",
        file="MANIFEST",
        change=beside(world.logged(PAYLOAD, VALUE, MALLORY)),
    )


def _kinds() -> None:
    for name, what, body in (
        (
            "a-log-entry-of-another-kind",
            "The log takes other kinds of entry, of which it checks less.",
            _body(kind="rekord"),
        ),
        (
            "a-log-entry-of-another-version",
            "Another version means something else.",
            _body(apiVersion="0.0.2"),
        ),
        ("a-log-entry-with-more-in-it", "What else is there was never looked at.", _body(more=1)),
        ("a-log-entry-that-is-no-document", "A body that nobody can read binds nothing.", b"x"),
        (
            "a-log-entry-in-another-form",
            "Two forms of one entry are two entries with two indexes.",
            json.dumps(json.loads(_body()), indent=1).encode(),
        ),
    ):
        bundle = world.logged(PAYLOAD, VALUE, body=body)
        attack(name, "GS0608", what, file="MANIFEST", change=beside(bundle))


def _times() -> None:
    attack(
        "a-time-in-the-future",
        "GS0701",
        "What counts from tomorrow on is above everything that comes till then.",
        file="MANIFEST",
        change=beside(world.logged(PAYLOAD, VALUE, time=NEW_TIME.replace(year=2999))),
    )
    attack(
        "a-time-before-the-log-s-key",
        "GS0702",
        "An old key of the log, long retired and maybe lost, promises something.",
        file="MANIFEST",
        change=beside(world.logged(PAYLOAD, VALUE, time=NEW_TIME.replace(year=2020))),
    )
    attack(
        "a-time-after-the-log-s-key",
        "GS0702",
        "A key that the log has retired promises something.",
        file="MANIFEST",
        base={"trusted_root.json": LOG.trusted_root(end=(NEW_TIME - HOUR).isoformat())},
    )
    attack(
        "a-timestamp-of-an-unknown-authority",
        "GS0703",
        "Beside a log entry stands a timestamp that nobody checks.",
        file="MANIFEST",
        change=annotated(**{"dev.sigstore.cosign/rfc3161timestamp": "{}"}),
    )


def _authorities() -> None:
    reason = "lost token"
    for name, code, what, limits, logged in (
        (
            "an-expired-key",
            "GS0704",
            "A key that should not count any more is found on an old disk.",
            {"notAfter": _text(NEW_TIME - HOUR)},
            True,
        ),
        (
            "a-future-key",
            "GS0704",
            "A key is used before it was handed over.",
            {"notBefore": _text(NEW_TIME + HOUR)},
            True,
        ),
        (
            "a-key-revoked-before",
            "GS0705",
            "Whoever found the lost token signs with it.",
            {"revoked": {"from": _text(NEW_TIME - HOUR), "reason": reason}},
            True,
        ),
        (
            "a-key-revoked-at-that-very-second",
            "GS0705",
            "The instant of the revocation belongs to neither side.",
            {"revoked": {"from": _text(NEW_TIME), "reason": reason}},
            True,
        ),
        (
            "a-key-revoked-for-good",
            "GS0705",
            "Signatures from before the theft are claimed, by a log entry that is older.",
            {"revoked": {"reason": reason}},
            True,
        ),
        (
            "a-revoked-key-without-a-log-entry",
            "GS0705",
            "Without a log entry there is no time at which it was revoked.",
            {"revoked": {"reason": reason}},
            False,
        ),
        (
            "an-expired-key-without-a-log-entry",
            "GS0706",
            "Without a log entry there is no time at which it had expired.",
            {"notAfter": _text(NEW_TIME - HOUR)},
            False,
        ),
    ):
        layer = world.layer(TOOL_PAYLOAD) if logged else world.unlogged(TOOL_PAYLOAD)
        optional = {} if logged else {"transparencyLog": "optional"}
        attack(
            name,
            code,
            what,
            file="MANIFEST",
            change=tool_layers(layer),
            base=world.tool_policy(world.authority("alice", **limits), **optional),
        )


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
