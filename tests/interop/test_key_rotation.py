"""docs/key-rotation.md: every command of it, in its order, by the real cosign and a log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.forge import NOW, SET, Log, Signer, entry
from tests.peers import cosign, images, log_server
from tests.peers.cosign import KeyPair
from tests.peers.log_server import LogServer

from ghcr_signer.core import policy_file
from ghcr_signer.core.directory import regular
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.trusted_root import TrustedRoot
from ghcr_signer.core.verification import verify
from ghcr_signer.embedded_registry import EmbeddedRegistry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "key-rotation.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = {
    section.partition("\n")[0]: code
    for section in TEXT.split("\n### ")
    for code in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}
FIRST, TWO_PEOPLE = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ADD, USE, END, REVOKE, WITHDRAW, AGAIN = BLOCKS
BEFORE, STOLEN, AFTER = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 11, 12))
SYSTEM = "/usr/bin:/bin"


def test_every_block_is_run_here() -> None:
    assert TEXT.count("```sh\n") == len(BLOCKS)
    assert TEXT.count("```yaml\n") == 2


@dataclass
class Alice:
    """A clone, where alice does as the page says; whoever reviews merges it."""

    folder: Path
    host: str
    log: LogServer
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        return done.returncode, done.stdout

    def does(self, script: str) -> str:
        code, shown = self.run(script)
        assert code == 0, shown
        return shown

    def follow(self, block: str) -> str:
        """A block of the page, and the merge of what it has pushed."""
        shown = self.does(self.here(BLOCKS[block]))
        self.does("git push --quiet origin HEAD:main")
        return shown

    def here(self, text: str) -> str:
        """The page's registry is ours, and so is its log."""
        own = text.replace("ghcr.io/acme/", f"{self.host}/acme/")
        return own.replace("version: 1\n", "version: 1\ntrustedRoot: root.json\n")

    def signs(self, name: str, key: KeyPair, time: datetime) -> tuple[str, str]:
        """A merged set with an image of its own: the set's name, and the image."""
        image = images.push(self.host, f"acme/{name}", images.build(name))
        self.log.time = time
        known = {path.name for path in self.sets}
        self.does(f"ghcr-signer sign {image} --key {key.private} --latest --yes --no-recursive")
        self.does(f"git add . && git commit --quiet --message {name} && git push -q origin HEAD")
        (made,) = {path.name for path in self.sets} - known
        return made, image

    @property
    def sets(self) -> list[Path]:
        return [*(self.folder / "SIGNATURES").glob("*")]


@pytest.fixture
def old_and_new(tmp_path: Path) -> tuple[KeyPair, KeyPair]:
    program = cosign.find(2)  # cosign 3 wants a proof of inclusion too, which only Rekor has
    old, new = (program.generate_key("p256", tmp_path) for _ in range(2))
    return old, new


@pytest.fixture
def alice(tmp_path: Path, old_and_new: tuple[KeyPair, KeyPair]) -> Iterator[Alice]:
    old, new = old_and_new
    folder, programs = tmp_path / "clone", tmp_path / "programs"
    for each in (folder, programs):
        each.mkdir()
    (programs / "cosign").symlink_to(cosign.find(2).path)
    program = programs / "ghcr-signer"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ghcr_signer "$@"\n')
    program.chmod(0o755)
    who = {f"GIT_{w}_{k}": "alice" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
    none = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    with EmbeddedRegistry() as registry, log_server.serve() as log:
        found = Alice(folder, registry.host, log)
        found.environment = {
            "PATH": f"{programs}:{SYSTEM}",
            "HOME": str(tmp_path / "home"),
            "HTTPS_PROXY": cosign.NOWHERE,
            "COSIGN_REKOR_URL": log.url,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "NEW": new.private,
            **who,
            **none,
            **new.environment,
        }
        found.does(
            "git init --quiet --bare --initial-branch main ../origin\n"
            "git init --quiet --initial-branch main && git remote add origin ../origin\n"
        )
        (folder / "keys").mkdir()
        (folder / "keys/alice.pub").write_bytes(old.public.read_bytes())
        (folder / "root.json").write_bytes(log.log.trusted_root())
        (folder / "policy.yml").write_text(found.here(FIRST))
        found.does("git add . && git commit -qm first && git push -qu origin HEAD")
        yield found


def test_a_key_is_rotated_and_revoked_as_the_page_says(
    alice: Alice, old_and_new: tuple[KeyPair, KeyPair]
) -> None:
    good, _ = alice.signs("good", old_and_new[0], BEFORE)
    stolen, image = alice.signs("stolen", old_and_new[0], STOLEN)
    alice.environment |= {"IMAGE": image, "STOLEN": image.partition("@")[2]}

    shown = alice.follow(ADD)
    assert "authority 'alice-2027' of the rule 'app', key sha256:" in shown
    assert shown.count("2 entries judged under both: none of them would pass or fail") == 2
    assert "the key of alice is to be replaced by 2026-12-01" in shown

    alice.log.time = AFTER
    alice.environment["IMAGE"] = images.push(alice.host, "acme/next", images.build("next"))
    assert "3 of 3 entries in 1 set verify" in alice.follow(USE)

    shown = alice.follow(END)
    assert "notAfter: + '2026-12-01 00:00:00 UTC'" in shown
    assert "would fail" not in shown

    shown = alice.follow(REVOKE)
    assert shown.count(f"WARNING: the set {stolen} would fail: merging this retires it") == 2
    assert f"the set {good}" not in shown

    shown = alice.follow(WITHDRAW)
    assert f"+ withdrawn digest {alice.environment['STOLEN']} is added" in shown
    assert "none of them would pass or fail" in shown  # it fails already

    assert "3 of 3 entries in 1 set verify" in alice.follow(AGAIN)

    code, shown = alice.run("ghcr-signer verify")
    assert (code, "7 of 8 entries in 4 sets verify" in shown) == (1, True)
    assert {line.split()[1] for line in shown.splitlines() if "✗" in line} == {"GS0705", "GS0903"}
    assert f"{stolen}/" in shown


def test_alice_alone_is_not_two_people() -> None:
    """Whatever keys of hers are in the policy that the page gives, bob must have signed too."""
    keys = {"alice": Signer(), "alice-2027": Signer(), "bob": Signer()}
    log = Log()
    policy, _ = policy_file.parse(TWO_PEOPLE.encode(), lambda path, _: keys[Path(path).stem].pem)
    trust = Trust(policy, TrustedRoot.parse(log.trusted_root()))

    def passes(*names: str) -> bool:
        name, files = entry([keys[each] for each in names], log=log)
        found = verify(f"{SET}/{name}", regular(files), trust, now=NOW)
        return all(check.passed for check in found.checks)

    assert passes("alice", "bob")
    assert passes("alice-2027", "bob")
    assert not passes("alice", "alice-2027")
    assert not passes("bob")
