"""ghcr-signer.py: the commands and flags of the script that others still call, from anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests import forge, stand_in
from tests.peers import images
from tests.peers.process import free_port
from tests.shared import dangerzone
from tests.stand_in import StandIn

from ghcr_signer.embedded_registry import EmbeddedRegistry

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "acme/app"

# What cosign does: sign what it is given into that registry, and log it.
SIGN = """
import http.client
sys.path.insert(0, {root!r})
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests import forge
from tests.peers.images import digest_of

def signer(name):
    made = forge.Signer()
    made.private = load_pem_private_key(pathlib.Path({keys!r}, name).read_bytes(), None)
    return made

pathlib.Path({keys!r}, "current-folder").write_text(os.getcwd())
if sys.argv[1] == "public-key":
    sys.stdout.write(signer("signer.key").pem.decode())
    raise SystemExit
host, _, rest = sys.argv[-1].partition("/")
repository, _, digest = rest.partition("@sha256:")
identity = sys.argv[sys.argv.index("--sign-container-identity") + 1]
log = forge.Log(signer("log.key"))
files = forge.artifact([forge.signed_layer(signer("signer.key"), identity, digest, log=log)])
registry = http.client.HTTPConnection(host)

def send(method, path, content, media_type):
    registry.request(method, path, content, {{"Content-Type": media_type}})
    answer = registry.getresponse()
    assert answer.status == 201, answer.read()
    answer.read()

for name in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
    blob = files[name]
    path = f"/v2/{{repository}}/blobs/uploads/?digest={{digest_of(blob)}}"
    send("POST", path, blob, "application/octet-stream")
path = f"/v2/{{repository}}/manifests/sha256-{{digest}}.sig"
send("PUT", path, files["MANIFEST"], forge.OCI_MANIFEST)
"""


@dataclass(frozen=True, slots=True)
class Clone:
    """A copy of the script and of the package beside it, as in a clone."""

    folder: Path

    def run(
        self,
        *arguments: str,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Call the script from another folder, where nobody sits at a terminal."""
        elsewhere = self.folder.parent / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return subprocess.run(
            [str(python), str(self.folder / "ghcr-signer.py"), *arguments],
            cwd=elsewhere,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )

    @property
    def sets(self) -> list[Path]:
        return sorted((self.folder / "SIGNATURES").iterdir())


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "ghcr-signer.py", folder)
    return Clone(folder)


@pytest.fixture
def fork(clone: Clone) -> Clone:
    """A clone with real signatures and the key that they are judged by."""
    shutil.copytree(dangerzone() / "SIGNATURES", clone.folder / "SIGNATURES")
    shutil.copy(dangerzone() / "trusted.pub", clone.folder)
    return clone


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has none of our packages, nor any other."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# A Python without our packages


def test_a_bare_python_runs_again_in_the_clone_s_environment(
    fork: Clone, bare_python: Path
) -> None:
    (fork.folder / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    done = fork.run("verify-local", python=bare_python)
    assert done.returncode == 0, done.stderr
    assert "9 of 9 entries in 3 sets verify" in done.stdout


def test_a_bare_python_gets_the_exit_code_of_the_other_run(fork: Clone, bare_python: Path) -> None:
    (fork.folder / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    next((fork.folder / "SIGNATURES").glob("*/*/MANIFEST")).unlink()
    done = fork.run("verify-local", python=bare_python)
    assert (done.returncode, "GS0102" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("verify-local",), ("publish",), ("prepare", "--sk", "a@sha256:b")]
)
def test_without_that_environment_it_says_how_to_make_it(
    clone: Clone, bare_python: Path, arguments: tuple[str, ...]
) -> None:
    done = clone.run(*arguments, python=bare_python)
    assert done.returncode == 2
    assert str(clone.folder / "scripts" / "setup") in done.stderr
    assert f"uv run {clone.folder / 'ghcr-signer.py'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bare_python_can_still_show_the_help(clone: Clone, bare_python: Path) -> None:
    done = clone.run("--help", python=bare_python)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("prepare", "verify-local", "publish"))


def test_uv_runs_the_script_by_its_header(clone: Clone) -> None:
    """Offline: uv takes the script's environment to be this one, instead of making it."""
    uv = [sys.executable, "-m", "uv", "run", "--offline", "--no-config", "--no-sync", "--active"]
    done = subprocess.run(
        [*uv, "--script", str(clone.folder / "ghcr-signer.py"), "verify-local"],
        cwd=clone.folder.parent,
        env={**os.environ, "VIRTUAL_ENV": sys.prefix},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "nothing to verify" in done.stdout


# verify-local, publish


def test_verify_local_verifies_every_set(fork: Clone) -> None:
    done = fork.run("verify-local")
    assert done.returncode == 0, done.stderr
    assert "9 of 9 entries in 3 sets verify" in done.stdout


def test_source_dir_is_relative_to_the_script(fork: Clone) -> None:
    (fork.folder / "SIGNATURES").rename(fork.folder / "OTHER")
    done = fork.run("verify-local", "--source-dir", "OTHER")
    assert done.returncode == 0, done.stderr
    assert "9 of 9 entries in 3 sets verify" in done.stdout


def test_source_dir_may_be_absolute(fork: Clone) -> None:
    done = fork.run("verify-local", "--source-dir", str(fork.folder / "SIGNATURES"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["verify-local", "publish"])
def test_a_named_directory_must_be_there(fork: Clone, command: str) -> None:
    done = fork.run(
        command, "--source-dir", "NOWHERE", environment={"GITHUB_REPOSITORY_OWNER": "a"}
    )
    assert (done.returncode, "GS2002" in done.stdout) == (2, True)


@pytest.mark.parametrize("command", ["verify-local", "publish"])
def test_a_clone_without_signatures_has_nothing_to_do(clone: Clone, command: str) -> None:
    done = clone.run(command)
    assert done.returncode == 0, done.stderr
    assert "there is no SIGNATURES here" in done.stdout


def test_publish_without_an_allow_list_says_what_to_add(fork: Clone) -> None:
    done = fork.run("publish")
    assert (done.returncode, "GS1207" in done.stdout) == (2, True)
    assert "--repository 'ghcr.io/" in done.stdout


def test_publish_in_a_workflow_takes_the_owner_s_packages(fork: Clone) -> None:
    # ghcr.io is out of reach here: a dead proxy, and at once, without certificates to check it by
    owner = {
        "GITHUB_REPOSITORY_OWNER": "freedomofpress",
        "HTTPS_PROXY": f"http://127.0.0.1:{free_port()}",
        "REQUESTS_CA_BUNDLE": str(fork.folder / "nowhere.pem"),
    }
    done = fork.run("publish", environment=owner)
    assert (done.returncode, "GS3001" in done.stdout) == (3, True), done.stdout


def test_publish_in_a_workflow_takes_no_other_owner_s_packages(fork: Clone) -> None:
    done = fork.run("publish", environment={"GITHUB_REPOSITORY_OWNER": "somebody"})
    assert (done.returncode, "GS0203" in done.stdout) == (1, True)
    assert "GS3001" not in done.stdout


# prepare


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A clone with a stand-in for the cosign of its own, and an image for it to sign."""

    clone: Clone
    cosign: StandIn
    image: images.Image
    name: str  # registry/repository

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.image.digest}"

    @property
    def signed(self) -> list[str]:
        """The digests that cosign was asked to sign, in order."""
        return [
            call["arguments"][-1].partition("@")[2]
            for call in self.cosign.calls
            if call["arguments"][0] == "sign"
        ]


@pytest.fixture
def ceremony(clone: Clone) -> Iterator[Ceremony]:
    image = images.build(attestations=True)
    assets = clone.folder / "assets"
    assets.mkdir()
    signer, log = forge.Signer(), forge.Log()
    for name, key in (("signer.key", signer), ("log.key", log.signer)):
        content = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (assets / name).write_bytes(content)
    (clone.folder / "trusted.pub").write_bytes(signer.pem)
    # the old script knows the public log alone; in this copy ours takes its place
    (trusted_root,) = clone.folder.rglob("trusted_root.json")
    trusted_root.write_bytes(log.trusted_root())
    cosign = stand_in.cosign(
        assets, version="v2.6.1", then=SIGN.format(root=str(ROOT), keys=str(assets))
    )
    with EmbeddedRegistry() as registry:
        for manifest in image.manifests:
            for blob in manifest.blobs:
                registry.blobs.put(REPOSITORY, blob)
            registry.manifests.put(REPOSITORY, manifest.content, manifest.media_type)
        yield Ceremony(clone, cosign, image, f"{registry.host}/{REPOSITORY}")


def test_prepare_writes_one_set_with_latest_and_never_asks(ceremony: Ceremony) -> None:
    done = ceremony.clone.run("prepare", "--key", "the.key", ceremony.reference)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = ceremony.clone.sets
    assert {entry.name for entry in made.iterdir()} == {
        manifest.digest.removeprefix("sha256:") for manifest in ceremony.image.manifests
    }
    with_latest = [path.parent.name for path in made.glob("*/LATEST")]
    assert with_latest == [ceremony.image.digest.removeprefix("sha256:")]
    assert "[y/N]" not in done.stderr


def test_what_prepare_made_verifies(ceremony: Ceremony) -> None:
    ceremony.clone.run("prepare", "--key", "the.key", ceremony.reference)
    done = ceremony.clone.run("verify-local")
    assert done.returncode == 0, done.stdout
    assert "5 of 5 entries in 1 set verify" in done.stdout


def test_prepare_signs_each_digest_once_and_attestation_manifests_too(ceremony: Ceremony) -> None:
    ceremony.clone.run("prepare", "--key", "the.key", ceremony.reference)
    assert ceremony.signed[0] == ceremony.image.digest
    assert sorted(ceremony.signed) == sorted(m.digest for m in ceremony.image.manifests)


def test_prepare_hands_the_key_to_the_clone_s_own_cosign(ceremony: Ceremony) -> None:
    ceremony.clone.run("prepare", "--key", "pkcs11:token=a", ceremony.reference)
    for call in ceremony.cosign.calls:
        arguments = call["arguments"]
        assert arguments[arguments.index("--key") + 1] == "pkcs11:token=a"
        assert "--sk" not in arguments
        assert "--recursive" not in arguments
        if arguments[0] == "sign":
            assert arguments[arguments.index("--sign-container-identity") + 1] == ceremony.name
            assert "--yes" in arguments


def test_prepare_signs_with_a_security_key(ceremony: Ceremony) -> None:
    done = ceremony.clone.run("prepare", "--sk", ceremony.reference)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all("--sk" in call["arguments"] for call in ceremony.cosign.calls)
    assert not any("--key" in call["arguments"] for call in ceremony.cosign.calls)


def test_prepare_single_signature_signs_the_index_alone(ceremony: Ceremony) -> None:
    done = ceremony.clone.run("prepare", "--single-signature", "--sk", ceremony.reference)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ceremony.signed == [ceremony.image.digest]


def test_prepare_drops_a_tag_before_the_digest_and_says_so(ceremony: Ceremony) -> None:
    tagged = f"{ceremony.name}:v1@{ceremony.image.digest}"
    done = ceremony.clone.run("prepare", "--sk", tagged)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dropped" in done.stdout
    for image in ceremony.clone.folder.glob("SIGNATURES/*/*/IMAGE"):
        assert re.fullmatch(rf"{ceremony.name}@sha256:[0-9a-f]{{64}}\n", image.read_text())


def test_signatures_dir_is_relative_to_the_script(ceremony: Ceremony) -> None:
    done = ceremony.clone.run("prepare", "--sk", "--signatures-dir", "OTHER", ceremony.reference)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((ceremony.clone.folder / "OTHER").iterdir())) == 1
    assert list((ceremony.clone.folder.parent / "elsewhere").iterdir()) == []


def test_a_key_s_file_is_relative_to_the_current_folder(ceremony: Ceremony) -> None:
    """As it was: cosign runs where the caller stands."""
    ceremony.clone.run("prepare", "--key", "the.key", ceremony.reference)
    current = (ceremony.clone.folder / "assets" / "current-folder").read_text()
    assert Path(current) == (ceremony.clone.folder.parent / "elsewhere").resolve()


def test_prepare_leaves_nothing_behind_when_cosign_fails(ceremony: Ceremony) -> None:
    stand_in.cosign(ceremony.cosign.path.parent, version="v2.6.1", then="raise SystemExit(1)")
    done = ceremony.clone.run("prepare", "--sk", ceremony.reference)
    assert (done.returncode, "GS1303" in done.stdout) == (1, True)
    assert not (ceremony.clone.folder / "SIGNATURES").exists()
    assert list(ceremony.clone.folder.glob(".ghcr-signer-tmp-*")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sk", "ghcr.io/acme/app"), "@sha256:"),
        (("--sk", "ghcr.io/acme/app:v1"), "@sha256:"),
        (("ghcr.io/acme/app@sha256:" + "0" * 64,), "--key or --sk"),
        (("--sk",), "IMAGE"),
    ],
)
def test_prepare_wants_a_digest_and_a_key(
    clone: Clone, arguments: tuple[str, ...], words: str
) -> None:
    done = clone.run("prepare", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
