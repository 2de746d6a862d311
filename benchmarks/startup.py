"""How long a command takes to start, beside Python itself, and what it imports for that.

python benchmarks/startup.py [--repetitions 15]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import common

HEAVY = ("requests", "oras", "jsonschema", "rich", "nacl")
_IMPORT = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()
    with TemporaryDirectory() as root:
        sample = common.Sample(Path(root), common.SET_SIZE)
        verify = (common.GHCR_SIGNER, "verify", sample.directory, *sample.trust)
        commands = {"help": (common.GHCR_SIGNER, "--help"), "verify": verify}
        runs = common.take_turns(
            arguments.repetitions,
            python=lambda: common.run(common.PYTHON, "-c", "pass"),
            help=lambda: common.run(*commands["help"]),
            verify=lambda: common.run(*commands["verify"]),
        )
        heavy = {name: imported(*command) for name, command in commands.items()}
    figures = {
        f"{name}_seconds": common.seconds(runs[name]) for name in ("python", "help", "verify")
    }
    common.report(
        {**figures, **{f"{name}_imports": modules for name, modules in heavy.items()}},
        [
            common.Target("seconds for --help", figures["help_seconds"], at_most=0.15),
            common.Target("seconds for verify of one set", figures["verify_seconds"], at_most=0.3),
            *(
                common.Target(f"heavy modules imported by {name}", len(modules["heavy"]), at_most=0)
                for name, modules in heavy.items()
            ),
        ],
    )


def imported(*command: str | Path) -> dict[str, object]:
    """How many modules a command imports, and which of them are heavy."""
    run = common.run(common.PYTHON, "-X", "importtime", *command)
    modules = {name.partition(".")[0] for name in _IMPORT.findall(run.errors)}
    return {
        "modules": len(_IMPORT.findall(run.errors)),
        "heavy": sorted(modules & set(HEAVY)),
    }


if __name__ == "__main__":
    main()
