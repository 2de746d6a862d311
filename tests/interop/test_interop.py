"""The main job with real peers: what cosign signs in one registry is found by it in another."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from tests.interop.user import User
from tests.peers import images
from tests.peers.cosign import Cosign, KeyPair
from tests.peers.registries import Peer

IMAGE = images.build(attestations=True)
UNLOGGED = ("--transparency-log", "optional")


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    recursive: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    signers: int = 1

    @property
    def digests(self) -> list[str]:
        """What is signed and collected: cosign signs buildx's own manifests too, we leave them."""
        platforms = IMAGE.platforms if self.recursive else ()
        return [manifest.digest for manifest in (IMAGE.index, *platforms)]


CASES = (
    Case("one-digest"),
    Case("recursive", recursive=True),
    Case("annotations", annotations={"reviewed": "yes", "build": "<final> & signed"}),
    Case("two-signers", signers=2),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_cosign_signs_in_one_registry_it_finds_in_another(
    case: Case,
    first: Peer,
    second: Peer,
    regctl: Path,
    program: Cosign,
    key: KeyPair,
    other_key: KeyPair,
    user: User,
) -> None:
    repository = f"acme/{case.name}-{uuid4().hex[:8]}"
    image = images.push(first.host, repository, IMAGE)
    images.push(second.host, repository, IMAGE)
    signers = (key, other_key)[: case.signers]
    for signer in signers:
        program.sign(image, signer, annotations=case.annotations, recursive=case.recursive)
    trusted = [part for signer in signers for part in ("--key", signer.public)]

    user.does("collect", image, "--from", f"{first.host}/{repository}", *trusted, *UNLOGGED)
    user.does("verify", *trusted, *UNLOGGED)
    user.does(
        "publish",
        *("--registry-map", f"{first.host}={second.host}", "--repository", f"{first.host}/acme/*"),
        *trusted,
        *UNLOGGED,
    )

    assert sorted(user.entries) == sorted(case.digests)
    for digest in case.digests:
        published = f"{second.host}/{repository}@{digest}"
        for signer in signers:
            payloads = program.verify(published, signer.public)
            assert [payload["optional"] for payload in payloads] == [case.annotations or None]
        assert len(program.download_signature(published)) == case.signers
        tag = f"{digest.replace(':', '-')}.sig"
        made = images.read(first.host, repository, tag)
        assert images.read(second.host, repository, tag) == made
        assert read_by_regctl(regctl, second.host, f"{repository}:{tag}") == made.content
        assert (user.entries[digest] / "MANIFEST").read_bytes() == made.content


def read_by_regctl(regctl: Path, host: str, name: str) -> bytes:
    command = [regctl, "--host", f"reg={host},tls=disabled"]
    return subprocess.run(
        [*command, "manifest", "get", "--format", "raw-body", f"{host}/{name}"],
        env={"HOME": "/nonexistent"},
        check=True,
        capture_output=True,
    ).stdout
