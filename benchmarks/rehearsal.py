"""The rehearsal of an upload, beside the loop that it replaces: one program after the other.

    python benchmarks/rehearsal.py [--entries 300] [--sample 30] [--repetitions 3]

Ours: `verify --registry`, which verifies every entry, pushes it to crane, reads it back byte for
byte and verifies what it read. The loop, for each entry of the sample: regctl puts the two blobs
and the manifest, cosign verifies the signature.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import common

from peers import registries, tools


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=300)
    parser.add_argument("--sample", type=int, default=30)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    repositories = (f"rehearsal-{number}" for number in count())  # a new one each time
    with TemporaryDirectory() as root, registries.crane() as registry:
        sample = common.Sample(Path(root), arguments.entries)

        def ours() -> common.Run:
            there = f"http://{registry.host}/{next(repositories)}"
            verify = (common.GHCR_SIGNER, "verify", sample.directory, *sample.trust)
            run = common.run(*verify, "--registry", there)
            assert f"rehearsed: {sample.entries} entries" in run.output, run.output[-1000:]
            return run

        def loop() -> common.Run:
            repository = f"{registry.host}/{next(repositories)}/app"
            paths = sample.paths[: arguments.sample]
            return common.total(
                run for path in paths for run in one_by_one(sample, path, repository)
            )

        runs = common.take_turns(arguments.repetitions, ours=ours, loop=loop)
    each = 1000 * common.seconds(runs["ours"]) / arguments.entries
    loop_each = 1000 * common.seconds(runs["loop"]) / arguments.sample
    common.report(
        {
            "entries": arguments.entries,
            "sample": arguments.sample,
            "ms_an_entry": each,
            "cpu_ms_an_entry": 1000
            * common.median(runs["ours"], "cpu_seconds")
            / arguments.entries,
            "loop_ms_an_entry": loop_each,
        },
        [common.Target("times faster than the loop", loop_each / each, at_least=8)],
    )


def one_by_one(sample: common.Sample, path: Path, repository: str) -> Iterator[common.Run]:
    """An entry's programs: three uploads, one verification."""
    host = repository.partition("/")[0]
    environment = {"HOME": str(sample.key.parent), "SIGSTORE_REKOR_PUBLIC_KEY": str(sample.log_key)}
    regctl = (tools.find("regctl"), "--host", f"reg={host},tls=disabled")
    for blob in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
        yield common.run(*regctl, "blob", "put", repository, stdin=path / blob)
    tag = f"{repository}:sha256-{path.name}.sig"
    yield common.run(*regctl, "manifest", "put", tag, stdin=path / "MANIFEST")
    yield common.run(
        *(tools.find("cosign2"), "verify", "--offline", "--key", sample.key),
        f"{repository}@sha256:{path.name}",
        environment=environment,
    )


if __name__ == "__main__":
    main()
