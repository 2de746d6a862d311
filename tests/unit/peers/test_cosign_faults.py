"""What cosign says when a key does not sign, as it was recorded, and what it means."""

from __future__ import annotations

import pytest

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.peers.cosign_faults import explain

OPENING = "opening piv token: open key: "
BUNDLE = "signing digest: signing bundle: error signing bundle: "


def said(text: str) -> str:
    """As cosign 2 and 3 say an error: twice, after whatever they have to say besides."""
    return (
        "WARNING: no x509 certificate retrieved from the PIV token\n"
        "Enter PIN for security key: \nPlease tap security key...\n"
        f"Error: {text}\nerror during command execution: {text}\n"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("opening piv token: unimplemented", codes.NO_PIV),
        (
            f"{OPENING}connecting to pcsc: the Smart card resource manager is not running",
            codes.NO_CARD_SERVICE,
        ),
        (f"{OPENING}no cards found", codes.NO_CARD),
        (
            f"{OPENING}connecting to smart card: the operation requires a Smart Card, but no Smart"
            " Card is currently in the device",
            codes.NO_CARD,
        ),
        (
            f"{OPENING}selecting piv applet: command failed: smart card error 6a82: data object or"
            " application not found",
            codes.NO_CARD,
        ),
        (f"{OPENING}found 2 cards, please attach only one", codes.TWO_CARDS),
        (
            f"{OPENING}connecting to smart card: the smart card cannot be accessed because of other"
            " connections outstanding",
            codes.CARD_BUSY,
        ),
        (
            "initializing piv token verifier: data object or application not found",
            codes.NO_SLOT_KEY,
        ),
        ("initializing piv token verifier: slot not set", codes.NO_SLOT_KEY),
        (f"{BUNDLE}verify pin: pin cannot be empty", codes.PIN_WRONG),
        (f"{BUNDLE}pin prompt: inappropriate ioctl for device", codes.PIN_WRONG),
        (
            f"{BUNDLE}verify pin: smart card error 6983: authentication method blocked",
            codes.PIN_BLOCKED,
        ),
        (
            f"{BUNDLE}command failed: smart card error 6982: security status not satisfied",
            codes.TOUCH_MISSED,
        ),
        (
            f"{BUNDLE}command failed: transmitting request: the smart card has been removed, so"
            " further communication is not possible",
            codes.TOUCH_MISSED,
        ),
        ("reading key: get key pair: pkcs11: 0xA0: CKR_PIN_INCORRECT", codes.PIN_WRONG),
        ("reading key: get key pair: pkcs11: 0xA4: CKR_PIN_LOCKED", codes.PIN_BLOCKED),
        ("reading key: could not find a slot for the token 'yubikey'", codes.NO_CARD),
    ],
)
def test_each_of_its_words_has_a_meaning(text: str, code: Code) -> None:
    fault = explain(said(text))
    assert fault is not None
    assert (fault.code, fault.tries) == (code, None)
    assert fault.message


@pytest.mark.parametrize(
    ("status", "words", "code", "tries"),
    [
        ("63c2", "2 retries", codes.PIN_WRONG, 2),
        ("63cf", "15 retries", codes.PIN_WRONG, 15),
        ("63c1", "1 retry", codes.PIN_LAST_TRY, 1),
        ("63c0", "0 retries", codes.PIN_BLOCKED, None),
    ],
)
def test_the_tries_that_are_left_are_read(
    status: str, words: str, code: Code, tries: int | None
) -> None:
    text = f"verify pin: smart card error {status}: verification failed ({words} remaining)"
    fault = explain(said(f"{BUNDLE}{text}"))
    assert fault is not None
    assert (fault.code, fault.tries) == (code, tries)


@pytest.mark.parametrize(
    "text",
    [
        "signing digest: uploading to rekor: dial tcp: lookup rekor.sigstore.dev: no such host",
        "signing digest: should upload to tlog: user declined the prompt",
        "reading key: open cosign.key: no such file or directory",
        "authenticating: smart card error 6982: security status not satisfied",
        "",
    ],
)
def test_of_other_words_none_is_claimed(text: str) -> None:
    assert explain(said(text)) is None
