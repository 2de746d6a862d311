"""cosign, the program: which one is taken, and what it is and is not told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import stand_in

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import GhcrSignerError, Refused, UsageError
from ghcr_signer.peers import cosign
from ghcr_signer.peers.cosign import SigningKey

IMAGE, IDENTITY = f"127.0.0.1:5000/acme/app@sha256:{64 * 'a'}", "ghcr.io/acme/app"
FILE = SigningKey("cosign.key", security_key=False, slot=None)
PRIVATE_LOG = "--rekor-url=https://rekor.example"


def find(path: Path) -> cosign.Cosign:
    return cosign.find(str(path), {})


def code(refusal: pytest.ExceptionInfo[GhcrSignerError]) -> Code:
    return refusal.value.failure.code


# Which one


@pytest.mark.parametrize(
    ("stated", "version"),
    [
        ("v2.6.0", (2, 6, 0)),
        ("v2.6.5", (2, 6, 5)),
        ("3.1.3", (3, 1, 3)),
        ("v3.2.0-rc.1", (3, 2, 0)),
        ("v3.1.3-0.20261121-abcdef+dirty", (3, 1, 3)),
    ],
)
def test_the_known_versions_are_taken(
    tmp_path: Path, stated: str, version: tuple[int, int, int]
) -> None:
    assert find(stand_in.cosign(tmp_path, version=stated).path).version == version


@pytest.mark.parametrize("stated", ["v1.13.6", "v2.5.3", "v4.0.0", "devel", "", "v3.1", "3.1.3x"])
def test_other_versions_are_refused(tmp_path: Path, stated: str) -> None:
    with pytest.raises(UsageError) as refusal:
        find(stand_in.cosign(tmp_path, version=stated).path)
    assert code(refusal) is codes.COSIGN_VERSION
    assert stated in refusal.value.failure.message


@pytest.mark.parametrize("stated", ["", "cosign 3.1.3", "[]", "{}", '{"gitVersion"', "null"])
def test_a_program_that_tells_no_version_is_refused(tmp_path: Path, stated: str) -> None:
    with pytest.raises(UsageError, match="does not tell its version") as refusal:
        find(stand_in.cosign(tmp_path, stated=stated).path)
    assert code(refusal) is codes.COSIGN_VERSION


def test_a_file_that_cannot_run_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "cosign"
    broken.write_text("no program")
    broken.chmod(0o755)
    with pytest.raises(UsageError) as refusal:
        find(broken)
    assert code(refusal) is codes.COSIGN_VERSION


def test_none_is_refused_with_the_place_to_get_one(tmp_path: Path) -> None:
    for named in (None, str(tmp_path / "cosign")):
        with pytest.raises(UsageError) as refusal:
            cosign.find(named, {"PATH": str(tmp_path)})
        assert code(refusal) is codes.NO_COSIGN
        assert "https://docs.sigstore.dev/" in refusal.value.failure.next_step


def test_without_a_name_it_is_the_first_on_the_path(tmp_path: Path) -> None:
    for folder, version in (("one", "v2.6.5"), ("two", "v3.1.3")):
        (tmp_path / folder).mkdir()
        stand_in.cosign(tmp_path / folder, version=version)
    found = cosign.find(
        None, {"PATH": f"{tmp_path / 'none'}:{tmp_path / 'one'}:{tmp_path / 'two'}"}
    )
    assert found.version == (2, 6, 5)


# What it is told


def arguments(tmp_path: Path, version: str, key: SigningKey, *, yes: bool) -> list[str]:
    program = stand_in.cosign(tmp_path, version=version)
    find(program.path).sign(IMAGE, IDENTITY, key, ['a=1, "2"'], [PRIVATE_LOG], yes=yes)
    (call,) = program.calls
    given: list[str] = call["arguments"]
    return given


def test_cosign_2_is_told_to_make_no_bundle(tmp_path: Path) -> None:
    assert arguments(tmp_path, "v2.6.5", FILE, yes=False) == [
        *("sign", "--key", "cosign.key", "--new-bundle-format=false"),
        *("--sign-container-identity", IDENTITY, "-a", '"a=1, ""2"""', PRIVATE_LOG, IMAGE),
    ]


def test_cosign_3_is_told_so_twice(tmp_path: Path) -> None:
    key = SigningKey(None, security_key=True, slot="signature")
    assert arguments(tmp_path, "v3.1.3", key, yes=True) == [
        *("sign", "--sk", "--slot", "signature"),
        *("--new-bundle-format=false", "--use-signing-config=false"),
        *("--sign-container-identity", IDENTITY, "-a", '"a=1, ""2"""', "--yes", PRIVATE_LOG, IMAGE),
    ]


def test_of_its_variables_only_secrets_reach_it(tmp_path: Path) -> None:
    program = stand_in.cosign(tmp_path)
    kept = {
        "HOME": "/home/signer",
        "GITHUB_TOKEN": "for gitlab:// and the like",
        "COSIGN_PASSWORD": "",
        "COSIGN_PRIVATE_KEY": "",
        "COSIGN_PKCS11_PIN": "1234",
        "COSIGN_KEY_OF_MINE": "named by env://",
    }
    dropped = ("RECURSIVE", "YES", "REPOSITORY", "EXPERIMENTAL", "DOCKER_MEDIA_TYPES", "REKOR_URL")
    environment = {**kept, **{f"COSIGN_{name}": "true" for name in dropped}}
    key = SigningKey("env://COSIGN_KEY_OF_MINE", security_key=False, slot=None)

    found = cosign.find(str(program.path), environment)
    found.sign(IMAGE, IDENTITY, key, [], [], yes=True)
    found.public_key(key)

    for call in program.calls:
        given = {name for name in call["environment"] if name in environment or "COSIGN" in name}
        assert given == {*kept, "COSIGN_PKCS11_IGNORE_CERTIFICATE"}


def test_what_it_prints_is_kept_apart_from_the_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = find(stand_in.cosign(tmp_path, then="print('Pushing signature')").path)
    program.sign(IMAGE, IDENTITY, FILE, [], [], yes=True)
    assert capfd.readouterr() == ("", "Pushing signature\n")


def test_its_failure_is_told_and_its_last_words_are_passed_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    then = "sys.stderr.write('why: '); sys.stderr.flush(); raise SystemExit(7)"
    program = find(stand_in.cosign(tmp_path, then=then).path)
    fault = program.sign(IMAGE, IDENTITY, FILE, [], [], yes=True)
    assert fault is not None
    assert (fault.code, fault.tries) == (codes.COSIGN_FAILED, None)
    assert fault.message.endswith("sign ended with exit code 7")
    with pytest.raises(Refused, match="exit code 7") as refusal:
        program.public_key(FILE)
    assert code(refusal) is codes.COSIGN_FAILED
    assert capfd.readouterr() == ("", "why: why: ")


def test_where_it_was_interrupted_so_are_we(tmp_path: Path) -> None:
    then = "signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)"
    program = find(stand_in.cosign(tmp_path, then=then).path)
    with pytest.raises(KeyboardInterrupt):
        program.sign(IMAGE, IDENTITY, FILE, [], [], yes=True)


def test_the_public_key_is_what_it_prints(tmp_path: Path) -> None:
    program = stand_in.cosign(tmp_path, then="print('PEM')")
    assert find(program.path).public_key(FILE) == b"PEM\n"
    assert program.calls[0]["arguments"] == ["public-key", "--key", "cosign.key"]


@pytest.mark.parametrize(
    ("reference", "security_key", "touch"),
    [
        (None, True, True),
        ("pkcs11:token=a", False, True),
        ("cosign.key", False, False),
        ("awskms:///alias/a", False, False),
    ],
)
def test_which_keys_are_touched(reference: str | None, security_key: bool, touch: bool) -> None:
    assert SigningKey(reference, security_key, None).needs_touch == touch


@pytest.mark.parametrize(
    ("reference", "environment", "freely"),
    [
        (None, {}, True),
        ("cosign.key", {}, False),
        ("cosign.key", {"COSIGN_PASSWORD": ""}, True),
        ("env://KEY", {}, False),
        ("env://KEY", {"COSIGN_PASSWORD": ""}, True),
        ("pkcs11:token=a", {"COSIGN_PASSWORD": ""}, False),
        ("pkcs11:token=a", {"COSIGN_PKCS11_PIN": "1234"}, True),
        ("pkcs11:token=a?pin-value=1234", {}, True),
        ("awskms:///alias/a", {}, True),
    ],
)
def test_whose_public_key_costs_nobody_anything(
    reference: str | None, environment: dict[str, str], freely: bool
) -> None:
    key = SigningKey(reference, reference is None, None)
    assert key.is_told_freely(environment) == freely


# Its own arguments


@pytest.mark.parametrize(
    "given",
    [
        (),
        (PRIVATE_LOG, "--tlog-upload=false"),
        ("--rekor-url", "https://rekor.example", "-d", "--timeout=10m"),
        ("-rekor-url", "https://rekor.example"),
    ],
)
def test_its_own_options_may_be_given(given: tuple[str, ...]) -> None:
    assert cosign.further(given, {}) == given


@pytest.mark.parametrize(
    "given",
    [
        *("--recursive", "-r", "--r", "-recursive", "--recursive=true"),
        *("--key=other.key", "--sk", "-sk", "--slot", "-a", "--annotations", "-y", "--yes"),
        *("--new-bundle-format", "--use-signing-config=true", "--signing-config=a"),
        *("--sign-container-identity=a", "--upload=false", "--payload=a", "--attachment=sbom"),
        *("--certificate=a", "--timestamp-server-url=a", "--identity-token=a"),
    ],
)
def test_but_none_that_is_decided_here_or_cannot_be_verified(given: str) -> None:
    with pytest.raises(UsageError) as refusal:
        cosign.further(("--verbose", given), {})
    assert code(refusal) is codes.USAGE
    assert given.partition("=")[0] in refusal.value.failure.message


@pytest.mark.parametrize(
    "given",
    [
        ("ghcr.io/acme/other",),
        (PRIVATE_LOG, "ghcr.io/acme/other"),
        ("--rekor-url", "https://rekor.example", "ghcr.io/acme/other"),
        ("--tlog-upload", "false"),  # cosign: log, and sign the image `false`
    ],
)
def test_and_nothing_that_it_would_take_for_an_image(given: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as refusal:
        cosign.further(given, {})
    assert code(refusal) is codes.USAGE


def test_what_its_variables_say_of_the_log_comes_before_what_is_given() -> None:
    environment = {
        "COSIGN_REKOR_URL": "https://rekor.example",
        "COSIGN_TLOG_UPLOAD": "false",
        "COSIGN_RECURSIVE": "true",
    }
    assert cosign.further(("--verbose",), environment) == (
        *(PRIVATE_LOG, "--tlog-upload=false", "--verbose"),
    )
    assert cosign.further((), {"COSIGN_REKOR_URL": ""}) == ()


# The log


@pytest.mark.parametrize(
    ("given", "logs", "publicly"),
    [
        ([], True, True),
        (["--tlog-upload=false"], False, False),
        (["-tlog-upload=F"], False, False),
        (["--tlog-upload=0", PRIVATE_LOG], False, False),
        (["--tlog-upload=false", "--tlog-upload=true"], True, True),
        (["--tlog-upload=false", "--tlog-upload"], True, True),
        (["--tlog-upload", "false"], True, True),
        ([PRIVATE_LOG], True, False),
        (["--rekor-url", "https://rekor.example"], True, False),
        (["-rekor-url", "https://rekor.example"], True, False),
        (["--rekor-url=https://rekor.sigstore.dev"], True, True),
        (["--rekor-url=https://REKOR.sigstore.dev:443/"], True, True),
        (["--rekor-url=https://log2025-1.rekor.sigstore.dev"], True, True),
        (["--rekor-url=https://rekor.sigstage.dev"], True, True),
        (["--rekor-url="], True, True),
        (["--rekor-url"], True, True),
        ([PRIVATE_LOG, "--rekor-url=https://rekor.sigstore.dev"], True, True),
    ],
)
def test_where_it_will_log(given: list[str], logs: bool, publicly: bool) -> None:
    assert cosign.logs(given) == logs
    assert cosign.logs_publicly(given) == publicly
