"""What the benchmarks share: a measured process, turns and medians, and the result as JSON.

A figure alone says little on a machine with other work to do: whatever is compared takes turns in
one run, and the medians are compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import forge  # entries made in software, with a transparency log of their own

PYTHON = sys.executable
GHCR_SIGNER = Path(sys.executable).with_name("ghcr-signer")
SET_SIZE = 3

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
    peak_kib: int = 0
    output: str = ""
    errors: str = ""


def run(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: Path = Path(os.devnull),
) -> Run:
    """Run a program to its end; raises RuntimeError with what it wrote if it does not succeed."""
    read, write = os.pipe()
    with os.fdopen(read) as result, stdin.open("rb") as given:
        done = subprocess.run(
            [sys.executable, "-ISc", _LAUNCHER, str(write), *map(str, command)],
            env={"HOME": "/nonexistent", "PATH": os.defpath, **(environment or {})},
            stdin=given,
            capture_output=True,
            text=True,
            pass_fds=[write],
        )
        os.close(write)
        code, seconds, cpu, peak = result.read().split()
    if code != "0":
        raise RuntimeError(f"{command}: exit {code}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Run(float(seconds), float(cpu), int(peak), done.stdout, done.stderr)


class Sample:
    """A directory of good entries in sets of three, each signed by one P-256 key and logged."""

    repository = "ghcr.io/acme/app"

    def __init__(self, root: Path, entries: int) -> None:
        say(f"making {entries} entries")
        self.entries = entries
        self.signer, self.log = forge.Signer(), forge.Log()
        root.mkdir(exist_ok=True)
        self.key, self.log_key, self.trusted_root = (
            root / name for name in ("key.pub", "log.pub", "trusted_root.json")
        )
        self.key.write_bytes(self.signer.pem)
        self.log_key.write_bytes(self.log.signer.pem)
        self.trusted_root.write_bytes(self.log.trusted_root())
        for first in range(0, entries, SET_SIZE):
            instant = forge.NOW - timedelta(seconds=first)
            made = (self._entry(n) for n in range(first, min(first + SET_SIZE, entries)))
            self.directory = forge.write(root, {f"{instant:%Y-%m-%dT%H:%M:%S+00:00}": dict(made)})

    def _entry(self, number: int) -> tuple[str, dict[str, bytes]]:
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        return forge.entry([self.signer], self.repository, digest, log=self.log)

    @property
    def paths(self) -> list[Path]:
        """The entries' folders."""
        return sorted(self.directory.glob("*/*"))

    @property
    def trust(self) -> tuple[str | Path, ...]:
        """What ghcr-signer is told, so that it trusts the key and the log."""
        return "--key", self.key, "--trusted-root", self.trusted_root


def take_turns(repetitions: int, **cases: Callable[[], Run]) -> dict[str, list[Run]]:
    """Run every case once to warm up, then all of them in turn, so many times."""
    for case in cases.values():
        case()
    runs: dict[str, list[Run]] = {name: [] for name in cases}
    for number in range(repetitions):
        say(f"{number + 1} of {repetitions}")
        for name, case in cases.items():
            runs[name].append(case())
    return runs


def total(runs: Iterable[Run]) -> Run:
    """Several processes, one after the other, as one run."""
    each = list(runs)
    return Run(
        sum(run.seconds for run in each),
        sum(run.cpu_seconds for run in each),
        max(run.peak_kib for run in each),
    )


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
        "load_average": {"before": _LOAD_BEFORE, "after": os.getloadavg()[0]},
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


_LOAD_BEFORE = os.getloadavg()[0]
