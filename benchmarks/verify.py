"""Offline verification of many entries, beside the bare signature checks that it cannot do without.

    python benchmarks/verify.py [--entries 1000 10000] [--repetitions 5]

Each entry is logged and signed with P-256: two ECDSA verifications, of the signature and of the
log's promise. The bare rate is that of `cryptography` alone, one thread, the same keys, messages
and signatures, already read and decoded. Ours is the whole process: start-up, files, schemas,
verification and the JSON report written to a file.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import common
import forge
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

SET_SIZE = 3


class Sample:
    """A directory of good entries, and what is to be verified in it."""

    def __init__(self, root: Path, entries: int) -> None:
        signer, log = forge.Signer(), forge.Log()
        self.directory, self.entries = root / "SIGNATURES", entries
        self._key, self._root, self._report = (
            root / name for name in ("key.pub", "trusted_root.json", "report.json")
        )
        self._checks: list[tuple[ec.EllipticCurvePublicKey, bytes, bytes]] = []
        root.mkdir()
        self._key.write_bytes(signer.pem)
        self._root.write_bytes(log.trusted_root())
        for first in range(0, entries, SET_SIZE):
            numbers = range(first, min(first + SET_SIZE, entries))
            made = dict(self._entry(number, signer, log) for number in numbers)
            instant = forge.NOW - timedelta(seconds=first)
            forge.write(root, {f"{instant:%Y-%m-%dT%H:%M:%S+00:00}": made})

    def _entry(
        self, number: int, signer: forge.Signer, log: forge.Log
    ) -> tuple[str, dict[str, bytes]]:
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        name, files = forge.entry([signer], digest=digest, log=log)
        (layer,) = json.loads(files["MANIFEST"])["layers"]
        signature = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])
        bundle = json.loads(layer["annotations"]["dev.sigstore.cosign/bundle"])
        promise = base64.b64decode(bundle["SignedEntryTimestamp"])
        promised = json.dumps(bundle["Payload"], sort_keys=True, separators=(",", ":")).encode()
        self._checks += [
            (signer.private.public_key(), signature, files["PAYLOAD_BLOB"]),
            (log.signer.private.public_key(), promise, promised),
        ]
        return name, files

    def verify(self) -> common.Run:
        """The whole process."""
        trust = ("--key", self._key, "--trusted-root", self._root)
        output = ("--format", "json", "--output", self._report)
        run = common.run(common.GHCR_SIGNER, "verify", self.directory, *trust, *output)
        counts = json.loads(self._report.read_bytes())["counts"]
        assert counts["passed"] == counts["signatures"] == self.entries, counts
        return run

    def check(self) -> common.Run:
        """The bare verifications, in this thread."""
        algorithm = ec.ECDSA(hashes.SHA256())
        start, cpu = time.perf_counter(), time.thread_time()
        for key, signature, message in self._checks:
            key.verify(signature, message, algorithm)
        return common.Run(time.perf_counter() - start, time.thread_time() - cpu, 0, "")


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, nargs=2, default=[1000, 10_000])
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()

    figures: dict[str, object] = {}
    targets: list[common.Target] = []
    peaks: dict[int, float] = {}
    with TemporaryDirectory() as root:
        common.say("making the entries")
        samples = [Sample(Path(root, str(entries)), entries) for entries in arguments.entries]
        cases = {f"verify {s.entries}": s.verify for s in samples}
        cases |= {f"cryptography {s.entries}": s.check for s in samples}
        runs = common.take_turns(arguments.repetitions, **cases)
    for sample in samples:
        number = sample.entries
        ours, bare = runs[f"verify {number}"], runs[f"cryptography {number}"]
        peaks[number] = common.median(ours, "peak_kib")
        ratio = common.seconds(bare) / common.seconds(ours)
        figures[f"{number} entries"] = {
            "seconds": common.seconds(ours),
            "cpu_seconds": common.median(ours, "cpu_seconds"),
            "peak_kib": peaks[number],
            "entries_per_second": number / common.seconds(ours),
            "cryptography_alone": {
                "seconds": common.seconds(bare),
                "entries_per_second": number / common.seconds(bare),
            },
            "ratio": ratio,
        }
        targets.append(common.Target(f"of the bare rate, {number} entries", ratio, at_least=0.5))
    few, many = arguments.entries
    growth = (peaks[many] - peaks[few]) / (many - few)
    figures["kib_per_further_entry"] = growth
    targets.append(common.Target("KiB for a further entry", growth, at_most=3))
    common.report(figures, targets)


if __name__ == "__main__":
    main()
