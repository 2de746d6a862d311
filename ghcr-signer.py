# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "cryptography>=45",
#     "jsonschema>=4.23",
#     "jsonschema-rs>=0.30",
#     "oras>=0.2.43,<0.3",
#     "PyNaCl>=1.5",
#     "PyYAML>=6,<7",
#     "requests>=2.32",
#     "rich>=13.9",
#     "urllib3>=2.2",
# ]
# ///
"""The commands of the script that this project grew out of, under its old name and with its flags.

    python path/to/ghcr-signer.py prepare --sk IMAGE@sha256:…
    python path/to/ghcr-signer.py verify-local
    python path/to/ghcr-signer.py publish

Other projects' scripts call it so. Everything is done by `ghcr-signer`; docs/migrate.md says how to
go over to that. Paths given here are relative to this file's folder, as they always were.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
_NEEDED = (
    *("cryptography", "jsonschema", "jsonschema_rs", "nacl", "oras", "requests", "rich", "yaml"),
)


def main() -> int:
    """Translate the old command line into the new one and run it."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.command == "prepare" and "@sha256:" not in arguments.image:
        parser.error("IMAGE must hold @sha256:<digest>")
    if arguments.command == "prepare" and not (arguments.key or arguments.sk):
        parser.error("give either --key or --sk")
    command = _COMMANDS[arguments.command](arguments)
    if sys.version_info >= (3, 11) and all(map(find_spec, _NEEDED)):
        sys.path.insert(0, str(HERE / "src"))
        from ghcr_signer.cli import main as ghcr_signer

        ghcr_signer(command)
    return _again(command)


def _again(command: list[str]) -> int:
    """Run in the clone's virtual environment, since this Python lacks our packages."""
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    program = HERE / ".venv" / folder / f"ghcr-signer{suffix}"
    if not program.exists():
        print(
            f"{sys.executable} lacks the packages that ghcr-signer needs.\n"
            f"Make its virtual environment once: {HERE / 'scripts' / 'setup'}\n"
            f"or let uv do it each time: uv run {HERE / 'ghcr-signer.py'} …",
            file=sys.stderr,
        )
        return 2
    return subprocess.run([program, *command], check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ghcr-signer.py", description="See docs/migrate.md.")
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="sign an image, write one set")
    prepare.add_argument("image", metavar="IMAGE@sha256:…")
    prepare.add_argument("--signatures-dir", default="SIGNATURES")
    prepare.add_argument("--key", help="cosign's reference of the signing key")
    prepare.add_argument("--sk", action="store_true", help="sign with a security key")
    prepare.add_argument("--single-signature", action="store_true", help="no platforms")
    verify = commands.add_parser("verify-local", help="verify every set")
    publish = commands.add_parser("publish", help="verify every set, then publish them")
    for command in (verify, publish):
        command.add_argument("--source-dir", help="default: SIGNATURES")
    publish.add_argument("--repository", action="append", default=[], metavar="GLOB")
    return parser


def _prepare(arguments: argparse.Namespace) -> list[str]:
    """`prepare` always moved `latest`, never asked, and logged publicly."""
    command = ["sign", arguments.image, "--latest", "--yes", "--allow-public-log"]
    command += ["--sk"] if arguments.sk else ["--key", arguments.key]
    command += ["--no-recursive"] if arguments.single_signature else ["--attestation-manifests"]
    command += ["--directory", str(HERE / arguments.signatures_dir)]
    bundled = HERE / "assets" / "cosign"  # where the old script kept its own
    return [*command, "--cosign", str(bundled)] if bundled.exists() else command


def _verify_local(arguments: argparse.Namespace) -> list[str]:
    return ["verify", *_source(arguments)]


def _publish(arguments: argparse.Namespace) -> list[str]:
    allowed = [part for glob in arguments.repository for part in ("--repository", glob)]
    return ["publish", *_source(arguments), *allowed]


def _source(arguments: argparse.Namespace) -> list[str]:
    """The directory if it was named; if not, it may be missing, as in a fork without signatures."""
    os.chdir(HERE)
    return [arguments.source_dir] if arguments.source_dir else []


_COMMANDS = {"prepare": _prepare, "verify-local": _verify_local, "publish": _publish}

if __name__ == "__main__":
    sys.exit(main())
