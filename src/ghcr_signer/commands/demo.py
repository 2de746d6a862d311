"""demo: the whole job on this machine, narrated: sign, collect, verify, publish, refuse a forgery.

What it shows are the real commands, run as a user would run them, against two embedded registries.
Only the signer is made up: a throwaway key in software, where `sign` would call cosign.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.manifest import OCI_INDEX, OCI_MANIFEST
from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

_REPOSITORY = "acme/app"
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_WIDEST = 50
_PLATFORMS = ("amd64", "arm64")
_UNLOGGED = ("--transparency-log", "optional")  # there is no log on this machine


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""

    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `demo`: nothing to choose."""


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(environment)


def run(options: Options, progress: Progress) -> Report:
    """Tell the story; raises Refused (GS0199) where a command does not do what it should."""
    with (
        EmbeddedRegistry() as laptop,
        EmbeddedRegistry() as public,
        tempfile.TemporaryDirectory(prefix="ghcr-signer-demo-") as folder,
    ):
        story = _Story(Path(folder), options.environment, progress)
        image = f"{public.host}/{_REPOSITORY}"
        story.tell("Two registries in memory, a throwaway key. Nothing leaves this machine.")
        story.tell("1. CI has pushed an image for two platforms, not signed yet:")
        digests = _push_image(public)
        story.show(f"{image}@{digests[0]}")

        story.tell("2. You sign the index and both platforms. `sign` would call cosign and your")
        story.tell("   hardware key; here a key in software signs into a temporary registry.")
        (story.folder / "trusted.pub").write_bytes(_sign(laptop, image, digests))

        story.tell("3. The signatures become files, for a pull request:")
        reference = f"{image}@{digests[0]}"
        source = f"{laptop.host}/{_REPOSITORY}"
        story.run("collect", reference, "--from", source, "--latest", *_UNLOGGED)

        story.tell("4. CI verifies them, and rehearses the upload:")
        story.run("verify", "--registry", f"{laptop.host}/rehearsal", *_UNLOGGED)

        story.tell(
            "5. Merged: publish uploads, reads back, verifies again, and moves `latest` last:"
        )
        story.run("publish", "--repository", f"{image}*", *_UNLOGGED)

        story.tell("6. And somebody who changes one byte of a signed payload is refused:")
        _tamper(story.folder / "SIGNATURES")
        story.run("verify", *_UNLOGGED, expected=1)
    return Report("demo", content="That was the whole job. Next: README.md, “Adopt it”.")


@dataclass(frozen=True, slots=True)
class _Story:
    """Runs the real commands in a folder, and shows what they say."""

    folder: Path
    environment: Mapping[str, str]
    progress: Progress

    def tell(self, text: str) -> None:
        self.progress.say(text)

    def show(self, text: str) -> None:
        """A line of what was said or done."""
        self.progress.say(f"     {_short(text)}")

    def run(self, *arguments: str, expected: int = 0) -> None:
        for line in _command_line(arguments):
            self.show(line)
        done = subprocess.run(
            [sys.executable, "-m", "ghcr_signer", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        for line in _told(done.stdout):
            self.show(line)
        if done.returncode != expected:
            raise Refused(
                codes.INTERNAL, f"exit code {done.returncode}, expected {expected}: {done.stderr}"
            )


def _command_line(arguments: Sequence[str]) -> list[str]:
    """A command as somebody would type it: an option a line where one line would be too long."""
    lines = ["$ ghcr-signer"]
    for argument in arguments:
        if argument.startswith("--") and len(lines[-1]) > _WIDEST:
            lines[-1] += " \\"
            lines.append("     ")
        lines[-1] += f" {_short(argument)}"
    return lines


def _short(text: str) -> str:
    """The text with its digests cut: nobody reads 64 digits."""
    return _DIGEST.sub(lambda digest: f"{digest[0][:12]}…", text)


def _told(output: str) -> list[str]:
    """The lines that carry the story: no notes, no next steps, no explanations of codes."""
    before_next = output.partition("\nNext:")[0].splitlines()
    return [line for line in before_next if line and not line.startswith(("note:", "    "))]


def _push_image(registry: EmbeddedRegistry) -> list[Digest]:
    """A small image for two platforms; the digests of its index and of each platform."""
    listed, digests = [], []
    for architecture in _PLATFORMS:
        config = _json({"architecture": architecture, "os": "linux"})
        layer = f"a layer for {architecture}".encode()
        manifest = _manifest(
            "application/vnd.oci.image.config.v1+json",
            config,
            [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        )
        for blob in (config, layer):
            registry.blobs.put(_REPOSITORY, blob)
        digests.append(registry.manifests.put(_REPOSITORY, manifest, OCI_MANIFEST))
        listed.append(
            _descriptor(OCI_MANIFEST, manifest)
            | {"platform": {"os": "linux", "architecture": architecture}}
        )
    index = _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed})
    return [registry.manifests.put(_REPOSITORY, index, OCI_INDEX), *digests]


def _sign(registry: EmbeddedRegistry, image: str, digests: Sequence[Digest]) -> bytes:
    """Sign each digest with a new key, as cosign would lay it down; return the public key, PEM."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    for digest in digests:
        critical = {
            "identity": {"docker-reference": image},
            "image": {"docker-manifest-digest": str(digest)},
            "type": "cosign container image signature",
        }
        payload = _json({"critical": critical, "optional": None})
        signature = base64.b64encode(key.sign(payload, ec.ECDSA(SHA256()))).decode()
        config = _json(
            {
                "architecture": "",
                "os": "",
                "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(payload))]},
                "config": {},
            }
        )
        layer = _descriptor("application/vnd.dev.cosign.simplesigning.v1+json", payload)
        layer["annotations"] = {"dev.cosignproject.cosign/signature": signature}
        manifest = _manifest("application/vnd.oci.image.config.v1+json", config, [layer])
        for blob in (config, payload):
            registry.blobs.put(_REPOSITORY, blob)
        registry.manifests.put(_REPOSITORY, manifest, OCI_MANIFEST, tag=digest.signature_tag)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _tamper(directory: Path) -> None:
    """Change one byte of the first payload."""
    payload = next(iter(sorted(directory.glob("*/*/PAYLOAD_BLOB"))))
    content = payload.read_bytes()
    payload.write_bytes(content.replace(b"acme", b"evil", 1))


def _manifest(config_type: str, config: bytes, layers: Sequence[Mapping[str, object]]) -> bytes:
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(config_type, config),
            "layers": layers,
        }
    )


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": str(Digest.of(content))}


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
