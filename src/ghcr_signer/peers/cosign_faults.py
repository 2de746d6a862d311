"""What cosign says when a key does not sign: its words, and those of the libraries below it.

cosign ends with exit code 1 whatever went wrong, so its words are all there is. Each is listed with
the function that says it (cosign v2.6.5 and v3.1.3, piv-go v2.4.0 and v2.6.0, miekg/pkcs11 v1.1.1);
they are the same in both versions. What is not listed is COSIGN_FAILED, and cosign's own words
stand above it.

Of the tries that a PIN has left cosign tells only after a wrong one: no command of its own asks the
card (piv-go's YubiKey.Retries is called nowhere), and PKCS#11 tells none at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code

LAST_TRY = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """Why cosign did not sign. `tries`: how many PINs the key will still take, if it was said."""

    code: Code
    message: str
    tries: int | None = None


_FAULTS: tuple[tuple[str, Code, str], ...] = (
    # pkg/cosign/pivkey/disabled.go, GetKeyWithSlot; cmd/cosign/cli/piv_tool_disabled.go: a cosign
    # built without the tag pivkey
    (
        r"open key: unimplemented|piv token: unimplemented|not built with piv-tool support",
        codes.NO_PIV,
        "it was built without PIV",
    ),
    # piv-go piv.go, client.Cards and Open; pcsc_errors.go 0x8010001D, 0x8010001E
    (r"Smart card resource manager (is not running|has shut down)", codes.NO_CARD_SERVICE, ""),
    # pkg/cosign/pivkey/pivkey.go, GetKey
    (r"no cards found", codes.NO_CARD, "there is no card reader and no security key"),
    (r"found \d+ cards, please attach only one", codes.TWO_CARDS, ""),
    # pcsc_errors.go 0x8010000B
    (r"cannot be accessed because of other connections outstanding", codes.CARD_BUSY, ""),
    # pcsc_errors.go 0x8010000C, 0x80100066, 0x80100017, 0x80100009
    (r"no Smart Card is currently in the device", codes.NO_CARD, "the card reader is empty"),
    (r"smart card is not responding to a reset", codes.NO_CARD, "the card does not answer"),
    (r"reader is not currently available|reader name is not recognized", codes.NO_CARD, ""),
    # piv-go piv.go, client.Open: something else than a PIV card
    (r"selecting piv applet: ", codes.NO_CARD, "what is plugged in is no PIV card"),
    # piv-go piv.go, ykLogin; pcsc.go, apduErr.Error (0x6983) and AuthErr.Error
    (r"error 6983: authentication method blocked", codes.PIN_BLOCKED, "it takes no PIN any more"),
    (r"verification failed \(0 retries remaining\)", codes.PIN_BLOCKED, "that was its last try"),
    (r"verification failed \((?P<tries>\d+) retr(y|ies) remaining\)", codes.PIN_WRONG, ""),
    # piv-go piv.go, encodePIN; key.go, KeyAuth.authTx: no PIN has reached the card
    (
        r"pin cannot be empty|pin longer than 8 bytes|pin required but wasn't provided",
        codes.PIN_WRONG,
        "a PIN has 6 to 8 characters: it was not given to the key, and no try is spent",
    ),
    (r"pin prompt: ", codes.PIN_WRONG, "there is no terminal to type it at; no try is spent"),
    # piv-go key.go, ykSignECDSA and the others. KeyAuth.do has verified the PIN just before, so
    # that security status which is not satisfied is the touch
    (r"command failed: smart card error 6982: ", codes.TOUCH_MISSED, "no touch came in time"),
    # pcsc_errors.go 0x80100069, 0x80100067, 0x80100068, 0x8010002F, said by scTx.transmit
    (r"has been removed, so further", codes.TOUCH_MISSED, "it was taken out"),
    (r"power has been removed from the smart card", codes.TOUCH_MISSED, "it was taken out"),
    (r"the smart card has been reset, so any shared", codes.TOUCH_MISSED, "it was reset"),
    (
        r"communications error with the smart card",
        codes.TOUCH_MISSED,
        "it does not answer any more",
    ),
    # pkg/cosign/pivkey/pivkey.go, Verifier and SignerVerifier; piv-go key.go, YubiKey.Attest
    (r"slot not set", codes.NO_SLOT_KEY, "there is no slot of that name"),
    (
        r"(verifier|getting signer|signing digest): data object or application not found"
        r"|smart card error 6d00",
        codes.NO_SLOT_KEY,
        "the slot is empty, or its key was imported",
    ),
    # miekg/pkcs11 types.go, Error.Error
    (r"CKR_PIN_LOCKED", codes.PIN_BLOCKED, "it takes no PIN any more"),
    (
        r"CKR_PIN_(INCORRECT|INVALID|LEN_RANGE)",
        codes.PIN_WRONG,
        "the token does not say how many tries are left",
    ),
    # pkg/cosign/pkcs11key/pkcs11key.go, GetKeyWithURIConfig
    (r"could not find a slot for the token", codes.NO_CARD, "no PKCS#11 token has that label"),
)


def explain(said: str) -> Fault | None:
    """What cosign's words mean; None where they are not known."""
    for pattern, code, message in _FAULTS:
        found = re.search(pattern, said)
        if found is None:
            continue
        if tries := found.groupdict().get("tries"):
            return _wrong_pin(int(tries))
        return Fault(code, message or found[0])
    return None


def _wrong_pin(tries: int) -> Fault:
    if tries <= LAST_TRY:
        return Fault(codes.PIN_LAST_TRY, "that PIN was wrong, and one try is left", LAST_TRY)
    return Fault(codes.PIN_WRONG, f"that PIN was wrong; {tries} tries are left", tries)
