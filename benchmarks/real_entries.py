"""The nine real entries of Freedom of the Press Foundation's dangerzone, beside `cosign verify`.

    python benchmarks/real_entries.py [--data ../shared/testdata/dangerzone] [--repetitions 5]

Ours is the whole process over all nine, offline. cosign's are nine processes, `cosign verify
--offline` one after the other, with a registry on this machine that holds the signatures.
"""

from __future__ import annotations

import argparse
import base64
import json
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import common

from peers import registries, tools

DATA = Path(__file__).resolve().parents[2] / "shared" / "testdata" / "dangerzone"


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    key, directory = data / "trusted.pub", data / "SIGNATURES"
    images = [path.read_text().strip() for path in sorted(directory.glob("*/*/IMAGE"))]
    verify = (common.GHCR_SIGNER, "verify", directory, "--key", key)
    with TemporaryDirectory() as home, registries.crane() as registry:
        common.run(*verify, "--registry", f"http://{registry.host}/rehearsal")
        log_key = Path(home, "rekor.pub")
        log_key.write_text(public_log_key())
        environment = {"HOME": home, "SIGSTORE_REKOR_PUBLIC_KEY": str(log_key)}
        there = [image.replace("ghcr.io/", f"{registry.host}/rehearsal/") for image in images]

        def cosign() -> common.Run:
            command = (tools.find("cosign2"), "verify", "--offline", "--key", key)
            return common.total(
                common.run(*command, image, environment=environment) for image in there
            )

        runs = common.take_turns(
            arguments.repetitions, ours=lambda: common.run(*verify), cosign=cosign
        )
    ours, theirs = common.seconds(runs["ours"]), common.seconds(runs["cosign"])
    common.report(
        {
            "entries": len(images),
            "seconds": ours,
            "cosign_seconds": theirs,
            "cosign_seconds_an_entry": theirs / len(images),
            "times_faster": theirs / ours,
        },
        [],
    )


def public_log_key() -> str:
    """The key of the log that these entries are in, as PEM, from the trusted root that we ship."""
    root = json.loads(
        (files("ghcr_signer.core") / "public_good" / "trusted_root.json").read_bytes()
    )
    der = base64.b64decode(root["tlogs"][0]["publicKey"]["rawBytes"])
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"


if __name__ == "__main__":
    main()
