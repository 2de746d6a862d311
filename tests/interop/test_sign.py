"""`sign` with the real cosign, and what it does before, between and after cosign's runs."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests import stand_in
from tests.interop.terminal import CONTROL_C
from tests.interop.user import User
from tests.peers import images, registries
from tests.peers.cosign import Cosign, KeyPair
from tests.peers.registries import Peer
from tests.signer import Signer

IMAGE = images.build(attestations=True)
SIGNED = [IMAGE.digest, *(manifest.digest for manifest in IMAGE.platforms)]
PLAIN = images.Image(IMAGE.platforms[0], (), ())  # a manifest that no index lists
OPTIONAL = ("--transparency-log", "optional")
UNLOGGED = (*OPTIONAL, "--", "--tlog-upload=false")
ANY_KEY = ("--key", "unused")

# What a stand-in does at each call.
FAILS = "raise SystemExit(7)"
WAITS = """\
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("waiting for a touch", file=sys.stderr, flush=True)
signal.pause()
"""
# Asks for consent to the log where it has none, as cosign does; then cosign signs, without a log.
CONSENTS = """\
unlogged = []
if sys.argv[1] == "sign":
    if "--yes" not in sys.argv:
        print("public for ever? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline() != "y\\n":
            raise SystemExit("declined")
    unlogged = ["--tlog-upload=false"]
os.execv({real!r}, [{real!r}, *sys.argv[1:-1], *unlogged, sys.argv[-1]])
"""

every_cosign = pytest.mark.parametrize("key", ["p256"], indirect=True)
one_cosign = pytest.mark.parametrize(("program", "key"), [(3, "p256")], indirect=True)


@pytest.fixture
def image(first: Peer) -> str:
    """An image by its digest; v1 is its tag."""
    return images.push(first.host, f"acme/app-{uuid4().hex[:8]}", IMAGE, tag="v1")


@pytest.fixture(scope="module")
def private() -> Iterator[Peer]:
    """A registry that shows nothing to anybody who has no password."""
    with registries.docker_registry_htpasswd() as peer:
        yield peer


def trust(user: User, key: KeyPair) -> None:
    shutil.copy(key.public, user.folder / "trusted.pub")


def failures(user: User, *arguments: str | Path, key: KeyPair | None = None) -> list[str]:
    """The exit code and the codes of what failed, as text."""
    done = user.run(
        *("sign", "--format", "json"),
        *arguments,
        environment=key.environment if key else {},
    )
    return [str(done.code), *(failure["code"] for failure in done.report["failures"])]


# What is signed


@pytest.mark.parametrize("key", ["p256", "softhsm"], indirect=True)
def test_what_sign_signs_is_verified_published_and_found_by_cosign(
    first: Peer, image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    repository = image.partition("@")[0]
    awkward = 'a "quoted" list, of two'
    trust(user, key)

    signed = user.does(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", "--latest"),
        *("-a", "reviewed=yes", "-a", f"note={awkward}", *UNLOGGED),
        environment=key.environment,
    )
    user.does("verify", *OPTIONAL)
    user.does("publish", "--repository", f"{first.host}/acme/*", *OPTIONAL)

    assert sorted(user.entries) == sorted(SIGNED)
    for manifest in (IMAGE.index, *IMAGE.platforms):
        (payload,) = program.verify(f"{repository}@{manifest.digest}", key.public)
        assert payload["optional"] == {"reviewed": "yes", "note": awkward}
        assert payload["critical"]["identity"] == {"docker-reference": repository}
        assert (user.entries[manifest.digest] / "SUBJECT").read_bytes() == manifest.content
        assert (user.entries[manifest.digest] / "LATEST").exists() == (manifest is IMAGE.index)
    assert images.read(first.host, repository.partition("/")[2], "latest") == IMAGE.index
    assert f"verified with {user.folder / 'trusted.pub'}" in signed.stdout
    last = "3 of 3: linux/arm64"
    in_token = key.private.startswith("pkcs11:")
    due = f"Touch {last} (when your key blinks)" if in_token else f"Signature {last}"
    assert f"{due}\n" in signed.stderr


@one_cosign
def test_it_shows_what_will_be_signed_which_is_due_and_what_to_do_next(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    done = user.does(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes"),
        *("--latest", "--tag", "v1", "-a", "reviewed=yes", *UNLOGGED),
        environment=key.environment,
    )

    for line in (
        f"Signing {image.partition('@')[0]} with cosign 3.1.3:",
        f"  1. {SIGNED[0]}  index",
        f"  2. {SIGNED[1]}  linux/amd64",
        f"  3. {SIGNED[2]}  linux/arm64",
        *(f"  not signed: {it.digest}  attestation manifest" for it in IMAGE.attestations),
        f"  created: {images.CREATED}",
        "  source: https://example.com/acme/app",
        "  signed annotation: reviewed=yes",
        f"  latest: (no such tag) -> {SIGNED[0][:19]}, once published",
        f"  v1: {SIGNED[0][:19]} -> {SIGNED[0][:19]}, once published",
        "Signature 1 of 3: index",
        "Signature 3 of 3: linux/arm64",
    ):
        assert f"{line}\n" in done.stderr
    assert "verified with the signing key itself (sha256:" in done.stdout
    (made,) = user.signatures.iterdir()
    step = f"ghcr-signer push SIGNATURES/{made.name} --transparency-log optional"
    assert done.stdout.endswith(f"Next:\n  {step}\n")


@one_cosign
def test_what_was_signed_is_pushed_if_that_is_wanted(
    image: str, program: Cosign, key: KeyPair, tmp_path: Path
) -> None:
    signer = Signer(tmp_path)
    signer.merge(**{"trusted.pub": key.public.read_bytes()})
    signer.git("pull", "--quiet", "--ff-only")
    user = User(signer.clone)
    done = user.does(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", "--push"),
        *UNLOGGED,
        environment={**signer.environment, **key.environment},
    )
    (branch,) = signer.branches().keys() - {"main"}
    assert signer.files(signer.branches()[branch]) == {
        path.relative_to(signer.clone).as_posix(): path.read_bytes()
        for path in user.signatures.rglob("*")
        if path.is_file()
    }
    assert f"/compare/main...acme:{branch}?expand=1\n" in done.stdout


def test_what_a_push_needs_is_looked_for_before_the_first_touch(image: str, tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    signer.git("remote", "remove", "origin")
    program = stand_in.cosign(tmp_path)
    done = User(signer.clone).run(
        *("sign", image, "--key", "x", "--cosign", program.path, "--yes", "--push", *OPTIONAL),
        environment=signer.environment,
    )
    assert (done.code, "GS1330" in done.stdout) == (2, True)
    assert program.calls == []


@every_cosign
@pytest.mark.parametrize(
    ("flag", "signed"),
    [("--attestation-manifests", IMAGE.manifests), ("--no-recursive", [IMAGE.index])],
)
def test_what_is_signed_is_chosen_and_what_is_not_is_shown(
    flag: str,
    signed: list[images.Manifest],
    image: str,
    program: Cosign,
    key: KeyPair,
    user: User,
) -> None:
    done = user.does(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", flag, *UNLOGGED),
        environment=key.environment,
    )
    assert sorted(user.entries) == sorted(manifest.digest for manifest in signed)
    for manifest in IMAGE.manifests:
        shown = f"  not signed: {manifest.digest}  " in done.stderr
        assert shown == (manifest.digest not in user.entries)


@every_cosign
def test_an_image_without_an_index_is_one_digest(
    first: Peer, program: Cosign, key: KeyPair, user: User
) -> None:
    image = images.push(first.host, f"acme/plain-{uuid4().hex[:8]}", PLAIN)
    done = user.does(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED),
        environment=key.environment,
    )
    assert list(user.entries) == [PLAIN.digest]
    assert "Signature 1 of 1: image\n" in done.stderr


@one_cosign
def test_variables_of_cosign_s_change_nothing(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    disturbing = {
        "COSIGN_RECURSIVE": "true",
        "COSIGN_REPOSITORY": "127.0.0.1:9/elsewhere",
        "COSIGN_ATTACHMENT_TAG_PREFIX": "other-",
        "COSIGN_DOCKER_MEDIA_TYPES": "1",
        "COSIGN_ANNOTATIONS": "reviewed=no",
    }
    user.does(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED),
        environment={**disturbing, **key.environment},
    )
    assert sorted(user.entries) == sorted(SIGNED)
    payload = json.loads((user.entries[IMAGE.digest] / "PAYLOAD_BLOB").read_bytes())
    assert payload["optional"] is None


@one_cosign
def test_a_second_set_lies_beside_the_first(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    command = ["sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED]
    for _ in range(2):
        user.does(*command, environment=key.environment)
    assert len(list(user.signatures.iterdir())) == 2
    assert len(list(user.signatures.glob("*/*"))) == 2 * len(SIGNED)


# Where the image comes from


@one_cosign
def test_files_given_with_subject_are_enough_and_the_registry_is_not_asked(
    program: Cosign, key: KeyPair, user: User
) -> None:
    image = f"registry.example/acme/app@{IMAGE.digest}"
    files = subject_files(user.folder, (IMAGE.index, *IMAGE.platforms))

    user.does(
        *("sign", image, *files, "--key", key.private, "--cosign", program.path, "--yes"),
        *UNLOGGED,
        environment=key.environment,
    )

    assert sorted(user.entries) == sorted(SIGNED)
    assert (user.entries[IMAGE.digest] / "IMAGE").read_text() == f"{image}\n"


def test_without_a_platform_s_manifest_nothing_is_signed(user: User) -> None:
    cosign = stand_in.cosign(user.folder)
    image = f"registry.example/acme/app@{IMAGE.digest}"
    files = subject_files(user.folder, (IMAGE.index, IMAGE.platforms[0]))
    command = (image, *files, *ANY_KEY, "--cosign", cosign.path, "--yes", *UNLOGGED)
    assert failures(user, *command) == ["1", "GS1308"]
    assert not cosign.calls


def test_without_the_image_s_manifest_nothing_is_signed(user: User) -> None:
    cosign = stand_in.cosign(user.folder)
    image = f"registry.example/acme/app@{IMAGE.digest}"
    files = subject_files(user.folder, IMAGE.platforms)
    command = (image, *files, *ANY_KEY, "--cosign", cosign.path, "--yes", *UNLOGGED)
    assert failures(user, *command) == ["1", "GS1307"]
    assert not cosign.calls


def subject_files(folder: Path, manifests: tuple[images.Manifest, ...]) -> list[str]:
    arguments = []
    for number, manifest in enumerate(manifests):
        path = folder / f"subject{number}.json"
        path.write_bytes(manifest.content)
        arguments += ["--subject", str(path)]
    return arguments


@one_cosign
def test_a_private_image_is_read_with_docker_s_credentials(
    private: Peer, program: Cosign, key: KeyPair, user: User
) -> None:
    image = images.push(private.host, "acme/app", IMAGE, auth=private.auth)
    command = ["sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED]

    stranger = user.run(*command, environment=key.environment)
    assert (stranger.code, "GS3002" in stranger.stdout) == (3, True)

    user.does(*command, environment={**key.environment, **logged_in(user.folder, private)})
    assert sorted(user.entries) == sorted(SIGNED)


def logged_in(folder: Path, peer: Peer) -> dict[str, str]:
    """The environment of somebody who has run `docker login`."""
    credentials = base64.b64encode(":".join(peer.auth or ()).encode()).decode()
    configuration = folder / "docker" / "config.json"
    configuration.parent.mkdir()
    configuration.write_text(json.dumps({"auths": {peer.host: {"auth": credentials}}}))
    return {"DOCKER_CONFIG": str(configuration.parent)}


# The public log


def test_a_private_image_is_not_logged_publicly_unless_that_is_allowed(
    private: Peer, user: User
) -> None:
    cosign = stand_in.cosign(user.folder, then=FAILS)
    image = images.push(private.host, "acme/app", IMAGE, auth=private.auth)
    environment = logged_in(user.folder, private)
    command = ["sign", image, *ANY_KEY, "--cosign", cosign.path, "--yes"]

    refused = user.run(*command, environment=environment)
    assert (refused.code, "GS1305" in refused.stdout) == (2, True)
    assert not cosign.calls

    allowed = user.run(*command, "--allow-public-log", environment=environment)
    assert "GS1303" in allowed.stdout
    own_log = user.run(
        *command, "--", "--rekor-url", "https://rekor.example", environment=environment
    )
    assert "GS1303" in own_log.stdout
    assert len(cosign.calls) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["2", "GS1305"]),
        (("--", "--rekor-url=https://rekor.sigstore.dev"), ["2", "GS1305"]),
        (("--allow-public-log",), ["1", "GS1303"]),
        (UNLOGGED, ["1", "GS1303"]),
    ],
)
def test_whether_an_image_of_files_alone_is_public_is_unknown(
    user: User, options: tuple[str, ...], expected: list[str]
) -> None:
    cosign = stand_in.cosign(user.folder, then=FAILS)
    files = subject_files(user.folder, (PLAIN.index,))
    image = f"registry.example/acme/app@{PLAIN.digest}"
    command = (image, *files, *ANY_KEY, "--cosign", cosign.path, "--yes", *options)
    assert failures(user, *command) == expected


def test_an_image_that_anybody_can_read_may_be_logged(image: str, user: User) -> None:
    cosign = stand_in.cosign(user.folder, then=FAILS)
    command = (image, *ANY_KEY, "--cosign", cosign.path, "--yes")
    assert failures(user, *command) == ["1", "GS1303"]


def test_a_signature_without_a_log_entry_is_not_made_where_the_log_is_required(
    image: str, user: User
) -> None:
    cosign = stand_in.cosign(user.folder)
    command = (image, *ANY_KEY, "--cosign", cosign.path, "--yes", "--", "--tlog-upload=false")
    assert failures(user, *command) == ["2", "GS2001"]
    assert not cosign.calls


# What goes wrong


@one_cosign
def test_a_key_that_the_directory_does_not_trust_signs_nothing(
    image: str, program: Cosign, key: KeyPair, other_key: KeyPair, user: User
) -> None:
    trust(user, other_key)
    done = user.run(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED),
        environment=key.environment,
    )
    assert (done.code, "GS1320" in done.stdout) == (1, True)
    assert "Signature 1 of 3" not in done.stderr
    assert user.has_nothing_new


@one_cosign
def test_one_whose_public_key_costs_a_password_makes_one_signature_and_no_set(
    image: str, program: Cosign, key: KeyPair, other_key: KeyPair, user: User
) -> None:
    trust(user, other_key)
    command = ("sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED)
    with user.at_terminal(*command) as terminal:
        terminal.expect("Signature 1 of 3")
        terminal.expect("Enter password for private key:")
        terminal.type("\n")
        assert terminal.end() == 1
    assert "GS0502" in terminal.shown
    assert "GS1309" in terminal.shown
    assert "Signature 2 of 3" not in terminal.shown
    assert user.has_nothing_new


@pytest.mark.parametrize("key", ["softhsm"], indirect=True)
def test_a_wrong_pin_of_a_token_is_told_from_other_faults(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    trust(user, key)
    done = user.run(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED),
        environment={**key.environment, "COSIGN_PKCS11_PIN": "0000"},
    )
    assert (done.code, "✗ GS1316 the token does not say how many" in done.stdout) == (1, True)
    assert user.has_nothing_new


@every_cosign
@pytest.mark.parametrize("trusted", [True, False])
def test_where_cosign_fails_nothing_is_written(
    trusted: bool, image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    if trusted:
        trust(user, key)
    done = user.run(
        *("sign", image, "--key", key.private, "--cosign", program.path, "--yes", *UNLOGGED),
        environment={"COSIGN_PASSWORD": "wrong"},
    )
    assert (done.code, "GS1303" in done.stdout) == (1, True)
    assert "decrypt" in done.stderr  # cosign's own words
    assert user.has_nothing_new


@one_cosign
def test_a_cosign_that_leaves_no_signature_is_an_error(
    image: str, key: KeyPair, user: User
) -> None:
    trust(user, key)
    cosign = stand_in.cosign(user.folder)
    command = (image, *ANY_KEY, "--cosign", cosign.path, "--yes", *UNLOGGED)
    assert failures(user, *command) == ["1", "GS1303"]
    assert user.has_nothing_new


def test_a_directory_that_takes_no_set_is_refused_before_anything_is_signed(
    image: str, user: User
) -> None:
    cosign = stand_in.cosign(user.folder)
    user.signatures.write_text("not a directory")
    command = (image, *ANY_KEY, "--cosign", cosign.path, "--yes", *UNLOGGED)
    assert failures(user, *command) == ["2", "GS2002"]
    assert not cosign.calls


def test_without_cosign_it_says_what_to_install(user: User) -> None:
    image = f"registry.example/acme/app@{IMAGE.digest}"
    empty = {"PATH": str(user.folder)}
    done = user.run("sign", image, *ANY_KEY, "--yes", environment=empty)
    assert (done.code, "GS1301" in done.stdout) == (2, True)
    assert "→ Install cosign 3, or 2.6" in done.stdout


def test_the_cosign_on_the_path_is_used(user: User) -> None:
    stand_in.cosign(user.folder, version="v2.5.3")
    image = f"registry.example/acme/app@{IMAGE.digest}"
    on_path = {"PATH": f"/nonexistent{os.pathsep}{user.folder}"}
    done = user.run("sign", image, *ANY_KEY, "--yes", environment=on_path)
    assert (done.code, "GS1302" in done.stdout) == (2, True)
    assert "is cosign v2.5.3" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--slot", "signature"),
        ("-a", "no-value"),
        ("-a", "=no-key"),
        ("--tag", "sha256-" + 64 * "0"),
        ("--latest", "--tag", "latest"),
        ("--", "--recursive"),
        ("--", "-y"),
        ("--", "registry.example/acme/other"),
    ],
)
def test_what_cannot_be_carried_out_is_wrong_usage(user: User, options: tuple[str, ...]) -> None:
    cosign = stand_in.cosign(user.folder)
    image = f"registry.example/acme/app@{IMAGE.digest}"
    command = (image, *ANY_KEY, "--cosign", cosign.path, "--yes", *options)
    assert failures(user, *command) == ["2", "GS2001"]


@pytest.mark.parametrize(
    "image", ["app", "GHCR.IO/acme/app", "ghcr.io/acme/app", "ghcr.io/a@md5:1"]
)
def test_an_image_that_is_none_is_wrong_usage(user: User, image: str) -> None:
    cosign = stand_in.cosign(user.folder)
    assert failures(user, image, *ANY_KEY, "--cosign", cosign.path) == ["2", "GS2001"]


# Where nobody can be asked


def test_in_a_script_a_tag_is_refused_with_the_digest_to_use(image: str, user: User) -> None:
    cosign = stand_in.cosign(user.folder)
    name = image.partition("@")[0]
    done = user.run("sign", f"{name}:v1", *ANY_KEY, "--cosign", cosign.path, "--yes", *UNLOGGED)
    assert (done.code, "GS1304" in done.stdout) == (2, True)
    assert f"→ Run: ghcr-signer sign {image} …" in done.stdout
    assert not cosign.calls


def test_in_a_script_nothing_is_signed_without_yes(image: str, user: User) -> None:
    cosign = stand_in.cosign(user.folder)
    assert failures(user, image, *ANY_KEY, "--cosign", cosign.path, *UNLOGGED) == ["2", "GS1306"]
    assert not cosign.calls


# At a terminal


@one_cosign
def test_at_a_terminal_the_person_is_asked_about_tag_signatures_and_log_once(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    cosign = stand_in.cosign(user.folder, then=CONSENTS.format(real=str(program.path)))
    name = image.partition("@")[0]
    command = ("sign", f"{name}:v1", "--key", key.private, "--cosign", cosign.path)

    with user.at_terminal(*command, *OPTIONAL, environment=key.environment) as terminal:
        terminal.expect(f"{name}:v1 is now {IMAGE.digest}. Is that the one? [y/N] ")
        terminal.type("y\n")
        terminal.expect(f"3. {IMAGE.platforms[1].digest}  linux/arm64\n")
        terminal.expect("Make 3 signatures? [y/N] ")
        terminal.type("y\n")
        terminal.expect("Signature 1 of 3: index\n")
        terminal.expect("public for ever? [y/N] ")
        terminal.type("y\n")
        terminal.expect("Signature 3 of 3: linux/arm64\n")
        assert terminal.end() == 0

    assert terminal.shown.count("public for ever?") == 1
    assert sorted(user.entries) == sorted(SIGNED)
    calls = [call["arguments"] for call in cosign.calls if call["arguments"][0] == "sign"]
    assert ["--yes" in arguments for arguments in calls] == [False, True, True]
    assert [arguments[-1].partition("@")[2] for arguments in calls] == SIGNED
    assert not any("--recursive" in arguments or "-r" in arguments for arguments in calls)


@every_cosign
def test_at_a_terminal_cosign_s_own_question_about_the_log_is_the_person_s_to_answer(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    trust(user, key)
    command = ("sign", image, "--key", key.private, "--cosign", program.path)
    with user.at_terminal(*command, environment=key.environment) as terminal:
        terminal.expect("Make 3 signatures? [y/N] ")
        terminal.type("y\n")
        terminal.expect("cannot be removed later")
        terminal.expect("Are you sure you would like to continue? [y/N] ")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert "GS1303" in terminal.shown
    assert user.has_nothing_new


@one_cosign
def test_at_a_terminal_the_password_goes_to_cosign(
    image: str, program: Cosign, key: KeyPair, user: User
) -> None:
    trust(user, key)
    command = ("sign", image, "--key", key.private, "--cosign", program.path, "--no-recursive")
    with user.at_terminal(*command, *UNLOGGED) as terminal:
        terminal.expect("Make 1 signature? [y/N] ")
        terminal.type("y\n")
        terminal.expect("Enter password for private key:")
        terminal.type("\n")
        assert terminal.end() == 0
    assert list(user.entries) == [IMAGE.digest]


@pytest.mark.parametrize(
    ("question", "reference"), [("Is that the one?", ":v1"), ("Make 3 signatures?", "")]
)
@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"], ids=["no", "nothing", "end"])
def test_at_a_terminal_anything_but_yes_is_no(
    question: str, reference: str, answer: str, image: str, user: User
) -> None:
    cosign = stand_in.cosign(user.folder)
    name = image.partition("@")[0] + reference if reference else image
    command = ("sign", name, *ANY_KEY, "--cosign", cosign.path, "--quiet", *UNLOGGED)
    with user.at_terminal(*command) as terminal:
        terminal.expect(IMAGE.digest)  # --quiet or not, what is asked about is shown
        terminal.expect(f"{question} [y/N] ")
        terminal.type(answer)
        assert terminal.end() == 2
    assert "GS1306" in terminal.shown
    assert not cosign.calls


@one_cosign
def test_control_c_while_cosign_waits_leaves_nothing(image: str, key: KeyPair, user: User) -> None:
    trust(user, key)
    cosign = stand_in.cosign(user.folder, then=WAITS)
    command = ("sign", image, *ANY_KEY, "--cosign", cosign.path, "--yes", *UNLOGGED)
    with user.at_terminal(*command) as terminal:
        terminal.expect("waiting for a touch")
        terminal.type(CONTROL_C)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert user.has_nothing_new
    (call,) = cosign.calls
    with pytest.raises(ProcessLookupError):
        os.kill(call["process"], 0)
