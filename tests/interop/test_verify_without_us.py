"""docs/verify-without-us.md: every command of it does what the page says, as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests import shared
from tests.interop.user import User
from tests.peers import cosign, images, tools
from tests.peers.cosign import Cosign, KeyPair
from tests.peers.registries import Peer

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry import EmbeddedRegistry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verify-without-us.md"
BLOCKS = {
    section.partition("\n")[0]: code
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")
    for code in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}
SYSTEM = "/usr/bin:/bin"
FROM_GIT = (
    "Who signed it",
    "What was signed",
    "Nothing but that is uploaded",
    "When it was logged",
)
FROM_REGISTRY = (
    "With cosign",
    "With cosign, offline",
    "A signature made without the log",
    "What is published is what git holds",
)
# A change of one file, and the first block that sees it.
FORGERIES = {
    "another payload": ("PAYLOAD_BLOB", b"dangerzone", b"dangerous!", "Who signed it"),
    "another signature": ("MANIFEST", b'signature":"ME', b'signature":"NE', "Who signed it"),
    "another image": ("IMAGE", b"dangerzone", b"dangerous!", "What was signed"),
    "another config": ("CONFIG_BLOB", b"0001", b"2026", "Nothing but that is uploaded"),
    "another time": ("MANIFEST", b'Time\\":1', b'Time\\":2', "When it was logged"),
}


def run(
    folder: Path, blocks: tuple[str, ...], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run blocks one after the other, up to the first command that fails."""
    for needed in ("openssl", "jq"):
        if not shutil.which(needed, path=SYSTEM):
            tools.missing(needed)
    script = "".join(f"echo '== {block}'\n{BLOCKS[block]}" for block in blocks)
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env={"PATH": SYSTEM, "HOME": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )


def test_every_block_is_run_here() -> None:
    assert tuple(BLOCKS) == FROM_GIT + FROM_REGISTRY
    assert PAGE.read_text().count("```sh\n") == len(BLOCKS)


@pytest.fixture(scope="module")
def real() -> dict[str, str]:
    """The real entries' key and the public log's."""
    return {
        "KEY": str(shared.dangerzone() / "trusted.pub"),
        "ROOT": str(shared.shared() / "testdata" / "trusted_root.json"),
    }


def test_openssl_and_jq_verify_every_real_entry(real: Mapping[str, str], tmp_path: Path) -> None:
    entries = sorted(shared.dangerzone().glob("SIGNATURES/*/*"))
    assert len(entries) == 9
    for entry in entries:
        done = run(tmp_path, FROM_GIT, {**real, "ENTRY": str(entry)})
        assert done.returncode == 0, done.stderr
        words = [line for line in done.stdout.splitlines() if not line.startswith((" ", "{", "}"))]
        assert words[:-1] == [
            *("== Who signed it", "Verified OK", "== What was signed", "true"),
            *("== Nothing but that is uploaded", "== When it was logged", "Verified OK", "true"),
        ]
        assert re.fullmatch(r"202[56]-\d\d-\d\dT\d\d:\d\d:\d\dZ", words[-1])


@pytest.mark.parametrize("forgery", FORGERIES)
def test_openssl_and_jq_refuse_a_forged_entry(
    forgery: str, real: Mapping[str, str], tmp_path: Path
) -> None:
    file, old, new, seen_by = FORGERIES[forgery]
    original = sorted(shared.dangerzone().glob("SIGNATURES/*/*"))[0]
    entry = tmp_path / original.name
    shutil.copytree(original, entry, copy_function=shutil.copyfile)
    content = (original / file).read_bytes()
    assert old in content
    (entry / file).write_bytes(content.replace(old, new))

    done = run(tmp_path, FROM_GIT, {**real, "ENTRY": str(entry)})

    assert done.returncode != 0
    assert done.stdout.rpartition("== ")[2].partition("\n")[0] == seen_by


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def as_cosign(program: Cosign, folder: Path) -> dict[str, str]:
    """A path on which `cosign` is this one; no internet."""
    (folder / "cosign").symlink_to(program.path)
    return {"PATH": f"{folder}:{SYSTEM}", "HTTPS_PROXY": cosign.NOWHERE}


def test_cosign_verifies_a_real_entry_in_a_registry(
    program: Cosign, real: Mapping[str, str], registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    entry = sorted(shared.dangerzone().glob("SIGNATURES/*/*"))[0]
    for name in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
        registry.blobs.put("acme/app", (entry / name).read_bytes())
    digest = Digest(entry.name)
    manifest = (entry / "MANIFEST").read_bytes()
    registry.manifests.put("acme/app", manifest, images.MANIFEST, digest.signature_tag)
    variables = {**real, "ENTRY": str(entry), "IMAGE": f"{registry.host}/acme/app@{digest}"}
    environment = {**variables, **as_cosign(program, tmp_path)}

    offline = run(tmp_path, ("With cosign, offline",), environment)
    assert (offline.returncode, str(digest) in offline.stdout) == (0, True), offline.stderr

    # What cosign would fetch from Sigstore, it is given: the log's key, which a block has written.
    assert run(tmp_path, FROM_GIT, environment).returncode == 0
    fetched = {"SIGSTORE_REKOR_PUBLIC_KEY": str(tmp_path / "rekor.pub")}
    online = run(tmp_path, ("With cosign",), {**environment, **fetched})
    assert (online.returncode, str(digest) in online.stdout) == (0, True), online.stderr

    stranger = {**environment, "KEY": str(tmp_path / "rekor.pub")}
    assert run(tmp_path, ("With cosign, offline",), stranger).returncode != 0


@pytest.mark.parametrize("key", ["p256", "rsa"], indirect=True)
def test_cosign_verifies_and_downloads_what_was_made_without_a_log(
    first: Peer, program: Cosign, key: KeyPair, user: User, tmp_path: Path
) -> None:
    image = images.push(first.host, f"acme/{program.path.name}", images.build(tmp_path.name))
    repository = image.partition("@")[0]
    program.sign(image, key)
    user.does(
        *("collect", image, "--from", repository, "--key", key.public),
        *("--transparency-log", "optional"),
    )
    (entry,) = user.entries.values()
    variables = {"KEY": str(key.public), "ENTRY": str(entry), "IMAGE": image}
    environment = {**variables, **as_cosign(program, tmp_path)}

    done = run(tmp_path, FROM_GIT[:3] + FROM_REGISTRY[2:], environment)
    assert done.returncode == 0, done.stderr
    assert "Verified OK\n" in done.stdout

    program.sign(image, key, annotations={"another": "signature"})
    assert run(tmp_path, FROM_REGISTRY[3:], environment).returncode != 0
