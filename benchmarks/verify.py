"""Offline verification of many entries, beside the bare signature checks that it cannot do without.

    python benchmarks/verify.py [--entries 1000 10000] [--repetitions 5]

Each entry is signed with P-256 and logged: two ECDSA verifications, of the signature and of the
log's promise. The bare rate is that of `cryptography` alone, in one thread, with the same keys,
messages and signatures, which are in memory already. Ours is the whole process: start-up, files,
schemas, verification, and the JSON report in a file.
"""

from __future__ import annotations

import argparse
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import common
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

Check = tuple[ec.EllipticCurvePublicKey, bytes, bytes]  # key, signature, message


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, nargs=2, default=[1000, 10_000])
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    few, many = arguments.entries
    with TemporaryDirectory() as root:
        samples = {number: common.Sample(Path(root, str(number)), number) for number in (few, many)}
        checks = {number: list(signatures(sample)) for number, sample in samples.items()}
        runs = common.take_turns(
            arguments.repetitions,
            ours_few=lambda: verify(samples[few]),
            bare_few=lambda: bare(checks[few]),
            ours_many=lambda: verify(samples[many]),
            bare_many=lambda: bare(checks[many]),
        )
    figures: dict[str, dict[str, float]] = {
        f"{few} entries": compare(few, runs["ours_few"], runs["bare_few"]),
        f"{many} entries": compare(many, runs["ours_many"], runs["bare_many"]),
    }
    targets = [
        common.Target(f"of the bare rate, {name}", figure["ratio"], at_least=0.5)
        for name, figure in figures.items()
    ]
    further = {
        name: (figures[f"{many} entries"][name] - figures[f"{few} entries"][name]) / (many - few)
        for name in ("seconds", "bare_seconds", "peak_kib")
    }
    figures["a further entry"] = {  # start-up does not count in this one
        "ms": 1000 * further["seconds"],
        "ratio": further["bare_seconds"] / further["seconds"],
        "peak_kib": further["peak_kib"],
    }
    targets.append(
        common.Target("KiB of peak memory for a further entry", further["peak_kib"], at_most=3)
    )
    common.report(figures, targets)


def verify(sample: common.Sample) -> common.Run:
    """The whole process."""
    report = sample.directory.with_name("report.json")
    output = ("--format", "json", "--output", report)
    run = common.run(common.GHCR_SIGNER, "verify", sample.directory, *sample.trust, *output)
    counts = json.loads(report.read_bytes())["counts"]
    assert counts["passed"] == counts["signatures"] == sample.entries, counts
    return run


def signatures(sample: common.Sample) -> Iterator[Check]:
    """What has to be verified, ready for `bare`."""
    key, log_key = (s.private.public_key() for s in (sample.signer, sample.log.signer))
    for path in sample.paths:
        (layer,) = json.loads((path / "MANIFEST").read_bytes())["layers"]
        signature, bundle = (
            layer["annotations"][f"dev.{name}"]
            for name in ("cosignproject.cosign/signature", "sigstore.cosign/bundle")
        )
        logged = json.loads(bundle)
        promised = json.dumps(logged["Payload"], sort_keys=True, separators=(",", ":")).encode()
        yield key, base64.b64decode(signature), (path / "PAYLOAD_BLOB").read_bytes()
        yield log_key, base64.b64decode(logged["SignedEntryTimestamp"]), promised


def bare(checks: list[Check]) -> common.Run:
    """The verifications alone."""
    algorithm = ec.ECDSA(hashes.SHA256())
    start, cpu = time.perf_counter(), time.thread_time()
    for key, signature, message in checks:
        key.verify(signature, message, algorithm)
    return common.Run(time.perf_counter() - start, time.thread_time() - cpu)


def compare(entries: int, ours: list[common.Run], bare: list[common.Run]) -> dict[str, float]:
    """The figures of one size."""
    return {
        "entries_per_second": entries / common.seconds(ours),
        "bare_entries_per_second": entries / common.seconds(bare),
        "ratio": common.seconds(bare) / common.seconds(ours),
        "seconds": common.seconds(ours),
        "cpu_seconds": common.median(ours, "cpu_seconds"),
        "bare_seconds": common.seconds(bare),
        "peak_kib": common.median(ours, "peak_kib"),
    }


if __name__ == "__main__":
    main()
