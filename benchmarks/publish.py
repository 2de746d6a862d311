"""Publishing to a registry that is near, and to one that takes 50 ms for every answer.

    python benchmarks/publish.py [--entries 200] [--delays 0 50] [--repetitions 3]

Each time a new crane, behind a proxy of ours that delays and counts requests: the first run
uploads everything and reads it back, the second finds it there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import common
import delay

from peers import registries

REQUESTS = 9  # HEAD; POST and PUT of config and of payload; PUT of the manifest; 3 GETs of all that


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=200)
    parser.add_argument("--delays", type=int, nargs="+", default=[0, 50], metavar="MS")
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    requests: dict[str, int] = {}
    with TemporaryDirectory() as root:
        sample = common.Sample(Path(root), arguments.entries)
        runs: dict[str, list[common.Run]] = {}
        for number in range(arguments.repetitions):
            for milliseconds in arguments.delays:
                with registries.crane() as registry:
                    for which in ("first", "second"):
                        name = f"{which} run, {milliseconds} ms a request"
                        common.say(f"{number + 1} of {arguments.repetitions}: {name}")
                        with delay.proxy(registry.host, milliseconds / 1000) as proxy:
                            run = publish(sample, proxy.host, live=which == "second")
                        runs.setdefault(name, []).append(run)
                        requests[name] = max(requests.get(name, 0), proxy.requests)
    figures = {
        name: {
            "seconds": common.seconds(each),
            "ms_an_entry": 1000 * common.seconds(each) / arguments.entries,
            "cpu_seconds": common.median(each, "cpu_seconds"),
            "requests_an_entry": requests[name] / arguments.entries,
        }
        for name, each in runs.items()
    }
    targets = [
        common.Target(
            f"requests an entry, {name}",
            figure["requests_an_entry"],
            at_most=REQUESTS if name.startswith("first") else 1,
        )
        for name, figure in figures.items()
    ]
    common.report({"entries": arguments.entries, **figures}, targets)


def publish(sample: common.Sample, host: str, *, live: bool) -> common.Run:
    """The whole process, and a look whether it did what it should."""
    report = sample.directory.with_name("report.json")
    options = ("--repository", "ghcr.io/acme/**", "--registry-map", f"ghcr.io={host}")
    output = ("--format", "json", "--output", report)
    command = (common.GHCR_SIGNER, "publish", sample.directory, *sample.trust)
    run = common.run(*command, *options, *output)
    plan = json.loads(report.read_bytes())["plan"]
    assert len(plan["live"]) == (sample.entries if live else 0)
    assert len(plan["done"]) == (0 if live else sample.entries)
    return run


if __name__ == "__main__":
    main()
