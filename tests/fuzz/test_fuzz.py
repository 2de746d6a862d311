"""Every harness for a short while, the same each time; scripts/fuzz runs them for a long one."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.log_entry import LogEntry
from tests.fuzz import HARNESSES, entry, real
from tests.peers import tools
from tests.shared import shared

ROOT = Path(__file__).resolve().parents[2]
RUNS = {"entry": 10_000, "policy": 5_000}  # those that take longest
MOST_RUNS = 20_000

# what only a good input reaches
DEEP = {
    "directory": "ghcr_signer.core.directory.tag_files",
    "entry": "ghcr_signer.core.verification._policy",
    "image": "ghcr_signer.core.image._child",
    "key": "ghcr_signer.core.key.PublicKey.verifies",
    "log_entry": "ghcr_signer.core.log_entry.LogEntry.check_binding",
    "manifest": "ghcr_signer.core.manifest.SignatureManifest.check_config",
    "payload": "ghcr_signer.core.formats.simple_signing.Claims",
    "policy": "ghcr_signer.core.policy_file.Policy",
    "reference": "tests.fuzz.reference.same_repository",
    "trusted_root": "ghcr_signer.core.trusted_root.Log",
}


def run_seeds(name: str) -> None:
    shared()
    harness = importlib.import_module(f"tests.fuzz.{name}")
    for seed in harness.seeds():
        harness.run(seed)


@pytest.mark.parametrize("name", HARNESSES)
def test_hostile_bytes_are_read_or_refused_in_bounded_time_and_memory(
    name: str, tmp_path: Path
) -> None:
    shared()
    if importlib.util.find_spec("atheris") is None:
        tools.missing("atheris", "it comes with ./scripts/setup --dev on Linux, x86-64")
    runs = RUNS.get(name, MOST_RUNS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, tmp_path, f"-runs={runs}", "-seed=1"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-4000:]
    assert f"Done {runs} runs" in said


@pytest.mark.parametrize("name", HARNESSES)
def test_a_fault_behind_good_bytes_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_seeds(name)

    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(DEEP[name], broken)
    with pytest.raises((ZeroDivisionError, AssertionError)):
        run_seeds(name)


def test_a_payload_that_passes_and_was_never_signed_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared()
    path, files = next(iter(real.entries().items()))
    payload = files["PAYLOAD_BLOB"].replace(b'"optional":null', b'"optional":{"env":"prod"}')
    assert payload != files["PAYLOAD_BLOB"]
    digest = path.partition("/")[2]
    changed = entry.encoded(b"real", digest, files | {"PAYLOAD_BLOB": payload})
    entry.run(changed)
    monkeypatch.setattr(PublicKey, "verifies", lambda *arguments: True)
    monkeypatch.setattr(LogEntry, "check_binding", lambda *arguments: None)
    with pytest.raises(AssertionError):
        entry.run(changed)
