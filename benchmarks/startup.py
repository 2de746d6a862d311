"""How long a command takes to start, beside Python itself, and what it imports for that.

python benchmarks/startup.py [--repetitions 15]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import common

HEAVY = frozenset({"requests", "oras", "jsonschema", "rich", "nacl"})
_IMPORT = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()
    with TemporaryDirectory() as root:
        sample = common.Sample(Path(root), common.SET_SIZE)
        show_help = (common.GHCR_SIGNER, "--help")
        verify = (common.GHCR_SIGNER, "verify", sample.directory, *sample.trust)
        runs = common.take_turns(
            arguments.repetitions,
            python=lambda: common.run(common.PYTHON, "-c", "pass"),
            help=lambda: common.run(*show_help),
            verify=lambda: common.run(*verify),
        )
        help_modules, verify_modules = imported(*show_help), imported(*verify)
    took = {name: common.seconds(each) for name, each in runs.items()}
    common.report(
        {
            "python_seconds": took["python"],
            "help_seconds": took["help"],
            "verify_seconds": took["verify"],
            "help_modules": len(help_modules),
            "verify_modules": len(verify_modules),
            "heavy_in_help": heavy(help_modules),
            "heavy_in_verify": heavy(verify_modules),
        },
        [
            common.Target("seconds for --help", took["help"], at_most=0.15),
            common.Target("seconds for verify of one set", took["verify"], at_most=0.3),
            common.Target("heavy modules in --help", len(heavy(help_modules)), at_most=0),
            common.Target("heavy modules in verify", len(heavy(verify_modules)), at_most=0),
        ],
    )


def imported(*command: str | Path) -> list[str]:
    """The modules that a command imports."""
    return _IMPORT.findall(common.run(common.PYTHON, "-X", "importtime", *command).errors)


def heavy(modules: list[str]) -> list[str]:
    """Those of the modules' packages that an offline command does not need."""
    return sorted({name.partition(".")[0] for name in modules} & HEAVY)


if __name__ == "__main__":
    main()
