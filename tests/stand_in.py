"""A program in cosign's place: it says its version, keeps a record of its calls, does as told."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = """\
#!{python}
import json, os, pathlib, signal, sys
if sys.argv[1:] == ["version", "--json"]:
    print({stated!r})
    raise SystemExit
call = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "process": os.getpid()}}
with pathlib.Path({record!r}).open("a") as record:
    record.write(json.dumps(call) + "\\n")
{then}
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    path: Path
    record: Path

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was asked to do, but for its version: arguments, environment, process."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [json.loads(line) for line in lines]


def cosign(
    folder: Path, *, version: str = "v3.1.3", stated: str | None = None, then: str = ""
) -> StandIn:
    """`then` is Python, run at each call; `stated` is the whole answer to `version`."""
    path, record = folder / "cosign", folder / "calls.jsonl"
    stated = json.dumps({"gitVersion": version}) if stated is None else stated
    path.write_text(
        SCRIPT.format(python=sys.executable, stated=stated, record=str(record), then=then)
    )
    path.chmod(0o755)
    return StandIn(path, record)
