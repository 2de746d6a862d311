"""What the benchmarks share: a measured process, turns and medians, and the result as JSON.

A figure alone says little on a machine with other work to do: whatever is compared takes turns in
one run, and the medians are compared.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DANGERZONE = ROOT.parent / "shared" / "testdata" / "dangerzone"
GHCR_SIGNER = Path(sys.executable).with_name("ghcr-signer")

sys.path.insert(0, str(ROOT / "tests"))  # forge: entries made in software; peers: the real tools

# A process begins with its parent's peak memory on its account, so a small one starts it.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
took = time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
os.write(int(sys.argv[1]), " ".join(map(str, (os.waitstatus_to_exitcode(status), *took))).encode())
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took: seconds by the clock, of the processors, and its peak memory."""

    seconds: float
    cpu_seconds: float
    peak_kib: int
    output: str


def run(*command: str | Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run a program to its end; raises RuntimeError with what it wrote if it does not succeed."""
    read, write = os.pipe()
    with os.fdopen(read) as result:
        done = subprocess.run(
            [sys.executable, "-ISc", _LAUNCHER, str(write), *map(str, command)],
            env={"HOME": "/nonexistent", "PATH": os.defpath, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=[write],
        )
        os.close(write)
        code, seconds, cpu, peak = result.read().split()
    if code != "0":
        raise RuntimeError(f"{command}: exit {code}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Run(float(seconds), float(cpu), int(peak), done.stdout)


def take_turns(repetitions: int, **cases: Callable[[], Run]) -> dict[str, list[Run]]:
    """Run every case once to warm up, then all of them in turn, so many times."""
    for case in cases.values():
        case()
    runs: dict[str, list[Run]] = {name: [] for name in cases}
    for number in range(repetitions):
        for name, case in cases.items():
            say(f"{number + 1} of {repetitions}: {name}")
            runs[name].append(case())
    return runs


def seconds(runs: Sequence[Run]) -> float:
    """The median by the clock."""
    return median(runs, "seconds")


def median(runs: Sequence[Run], figure: str) -> float:
    """The median of one of a run's figures."""
    return statistics.median(getattr(each, figure) for each in runs)


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of a figure: at most, or at least, so much."""

    what: str
    figure: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is so."""
        return (self.at_least is None or self.figure >= self.at_least) and (
            self.at_most is None or self.figure <= self.at_most
        )


def report(figures: Mapping[str, object], targets: Sequence[Target]) -> None:
    """Print the result: the machine, all figures, the targets and whether each is met."""
    result = {
        "benchmark": Path(sys.argv[0]).stem,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": _machine(),
        "figures": figures,
        "targets": [
            {
                "what": target.what,
                "figure": target.figure,
                **{
                    name: bound
                    for name in ("at_least", "at_most")
                    if (bound := getattr(target, name)) is not None
                },
                "met": target.met,
            }
            for target in targets
        ],
    }
    print(json.dumps(_rounded(result), indent=2))


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def _machine() -> dict[str, object]:
    packages = ("cryptography", "jsonschema-rs", "oras", "requests")
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "system": platform.platform(),
        "load_average": {"before": _LOAD_BEFORE, "after": os.getloadavg()},
    }


def _rounded(value: object) -> object:
    """Four digits: more are noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value


_LOAD_BEFORE = os.getloadavg()
