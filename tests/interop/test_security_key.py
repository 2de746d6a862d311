"""`sign --sk` with the real cosign and its real PIV stack, and a security key made of software."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.terminal import Terminal
from tests.interop.user import Done, User
from tests.peers import images, security_key, tools
from tests.peers.cosign import Cosign, KeyPair
from tests.peers.security_key import NO_SMARTCARD, PIN, SHARING_VIOLATION, SecurityKey

IMAGE = images.build()
SIGNED = [IMAGE.digest, *(manifest.digest for manifest in IMAGE.platforms)]
NAME = f"registry.example/acme/app@{IMAGE.digest}"
OPTIONAL = ("--transparency-log", "optional")
UNLOGGED = (*OPTIONAL, "--", "--tlog-upload=false")
WRONG = "000000"

three_only = pytest.mark.parametrize("program", [3], indirect=True)


@pytest.fixture
def card() -> Iterator[SecurityKey]:
    with security_key.plugged_in() as key:
        yield key


@pytest.fixture
def signer(user: User, card: SecurityKey) -> User:
    """Somebody whose key the directory trusts, and who has the image's manifests as files."""
    (user.folder / "trusted.pub").write_bytes(card.public)
    for number, manifest in enumerate((IMAGE.index, *IMAGE.platforms)):
        (user.folder / f"{number}.json").write_bytes(manifest.content)
    return user


def command(*more: str) -> tuple[str | Path, ...]:
    files = [part for number in range(3) for part in ("--subject", f"{number}.json")]
    cosign = tools.find("cosign3-piv")
    return ("sign", NAME, *files, "--sk", "--cosign", cosign, "--yes", *more, *UNLOGGED)


def refused(signer: User, card: SecurityKey, *more: str) -> Done:
    """What cannot be: said before anybody is asked for anything."""
    done = signer.run(*command(*more), environment=card.environment)
    assert signer.has_nothing_new
    assert not card.pins
    assert "Touch 1 of" not in done.stderr
    return done


def give_pins(terminal: Terminal, *pins: str) -> None:
    for pin in pins:
        terminal.expect("Enter PIN for security key: ")
        terminal.type(f"{pin}\n")


def sign(signer: User, card: SecurityKey, *pins: str) -> tuple[int, str]:
    """Sign at a terminal; the exit code and what was shown."""
    with signer.at_terminal(*command(), environment=card.environment) as terminal:
        give_pins(terminal, *pins)
        code = terminal.end()
    return code, terminal.shown


def test_a_security_key_signs_an_image_and_its_platforms(signer: User, card: SecurityKey) -> None:
    code, shown = sign(signer, card, PIN, PIN, PIN)
    assert code == 0
    assert "Touch 3 of 3: linux/arm64 (when your key blinks)" in shown
    assert sorted(signer.entries) == sorted(SIGNED)
    assert card.signatures == 3
    signer.does("verify", *OPTIONAL)


# Before the first touch


@pytest.mark.parametrize("program", [2, 3], indirect=True)
def test_a_cosign_without_piv_is_told_from_a_missing_key(
    program: Cosign, signer: User, card: SecurityKey
) -> None:
    done = refused(signer, card, "--cosign", str(program.path))
    assert (done.code, "GS1310" in done.stdout) == (2, True)
    assert "cosign-linux-pivkey-pkcs11key-amd64" in done.stdout


def test_without_the_service_it_says_how_to_start_it(signer: User, card: SecurityKey) -> None:
    card.socket.unlink()
    done = refused(signer, card)
    assert (done.code, "GS1312" in done.stdout) == (2, True)
    assert "systemctl start pcscd.socket" in done.stdout


@pytest.mark.parametrize(
    ("readers", "connecting", "slots", "code"),
    [
        (0, 0, {0x9C}, "GS1311"),
        (1, NO_SMARTCARD, {0x9C}, "GS1311"),
        (2, 0, {0x9C}, "GS1313"),
        (1, SHARING_VIOLATION, {0x9C}, "GS1314"),
        (1, 0, set(), "GS1315"),
    ],
)
def test_each_fault_of_a_key_that_cannot_be_read_has_its_own_code(
    readers: int, connecting: int, slots: set[int], code: str, signer: User, card: SecurityKey
) -> None:
    card.readers, card.connecting, card.slots = readers, connecting, slots
    done = refused(signer, card)
    assert (done.code, f"✗ {code} " in done.stdout) == (2, True)


def test_a_slot_that_there_is_not_is_refused_with_those_there_are(
    signer: User, card: SecurityKey
) -> None:
    done = refused(signer, card, "--slot", "9c")
    assert (done.code, "GS1315" in done.stdout) == (2, True)
    assert "card-authentication" in done.stdout


@three_only
def test_a_key_that_the_directory_does_not_trust_is_refused(
    other_key: KeyPair, signer: User, card: SecurityKey
) -> None:
    shutil.copy(other_key.public, signer.folder / "trusted.pub")
    done = refused(signer, card)
    assert (done.code, "GS1320" in done.stdout) == (1, True)


# The touch


def test_after_a_missed_touch_the_same_command_signs_only_what_is_missing(
    signer: User, card: SecurityKey
) -> None:
    card.touches = [True, True, False]
    code, shown = sign(signer, card, PIN, PIN, PIN)
    assert (code, "✗ GS1319 no touch came in time" in shown) == (1, True)
    assert "2 of 3 signatures are made and kept" in shown
    assert signer.has_nothing_new

    code, shown = sign(signer, card, PIN)
    assert code == 0
    assert "2 of 3 were signed before and are kept" in shown
    assert "Touch 1 of 1: linux/arm64" in shown
    assert sorted(signer.entries) == sorted(SIGNED)
    assert card.signatures == 3
    signer.does("verify", *OPTIONAL)
    kept = signer.folder / "home" / ".cache" / "ghcr-signer" / "signatures"
    assert not list(kept.iterdir())  # they are in a set now


def test_what_was_signed_otherwise_is_not_taken(signer: User, card: SecurityKey) -> None:
    card.touches = [True, False]
    sign(signer, card, PIN, PIN)
    with signer.at_terminal(*command("-a", "env=prod"), environment=card.environment) as terminal:
        terminal.expect("Touch 1 of 3")
        assert "signed before" not in terminal.shown


# The PIN


def test_a_wrong_pin_is_tried_once_and_the_tries_left_are_said(
    signer: User, card: SecurityKey
) -> None:
    code, shown = sign(signer, card, WRONG)
    assert (code, card.pins) == (1, [WRONG])
    assert "✗ GS1316 that PIN was wrong; 2 tries are left" in shown
    assert sign(signer, card, PIN, PIN, PIN)[0] == 0


def test_the_last_try_is_never_spent(signer: User, card: SecurityKey) -> None:
    sign(signer, card, WRONG)
    code, shown = sign(signer, card, WRONG)
    assert (code, "✗ GS1317 that PIN was wrong, and one try is left" in shown) == (1, True)

    done = signer.run(*command(), environment=card.environment)
    assert (done.code, "GS1317" in done.stdout) == (1, True)
    assert card.pins == [WRONG, WRONG]
    note = Path(done.stdout.rpartition(" rm ")[2].strip())
    assert note.parent == signer.folder / "home" / ".cache" / "ghcr-signer" / "signatures"

    card.tries = 3  # as `ykman piv access unblock-pin` does
    note.unlink()
    assert sign(signer, card, PIN, PIN, PIN)[0] == 0
    assert not note.exists()


def test_the_right_pin_ends_the_memory_of_wrong_ones_even_where_the_touch_is_missed(
    signer: User, card: SecurityKey
) -> None:
    kept = signer.folder / "home" / ".cache" / "ghcr-signer" / "signatures"
    sign(signer, card, WRONG)
    assert [path.name[:10] for path in kept.iterdir()] == ["pin-tries-"]
    card.touches = [False]
    assert "GS1319" in sign(signer, card, PIN)[1]
    assert not list(kept.iterdir())


def test_a_blocked_pin_has_its_own_words(signer: User, card: SecurityKey) -> None:
    card.tries = 0
    code, shown = sign(signer, card, PIN)
    assert (code, "✗ GS1318 it takes no PIN any more" in shown) == (1, True)
    assert "unblock-pin" in shown


@pytest.mark.parametrize("pin", ["", "123456789"])
def test_what_is_no_pin_spends_no_try(pin: str, signer: User, card: SecurityKey) -> None:
    code, shown = sign(signer, card, pin)
    assert (code, "✗ GS1316 a PIN has 6 to 8 characters" in shown) == (1, True)
    assert card.tries == 3


def test_where_nobody_can_type_a_pin_none_is_tried(signer: User, card: SecurityKey) -> None:
    done = signer.run(*command(), environment=card.environment)
    assert (done.code, "✗ GS1316 there is no terminal to type it at" in done.stdout) == (1, True)
    assert (card.pins, card.tries) == ([], 3)
