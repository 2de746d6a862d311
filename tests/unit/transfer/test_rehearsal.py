"""The rehearsal, where two entries want one place."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.forge import NOW, Signer, entry, sha256, write

from ghcr_signer import cli
from ghcr_signer.core.directory import set_name
from ghcr_signer.embedded_registry import EmbeddedRegistry

SIGNER = Signer()


def test_sets_that_sign_one_digest_are_rehearsed_one_after_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = {}
    for number in range(12):
        # three digests, each in four sets and for two hosts: all eight go to one `.sig` tag
        digest = sha256(str(number % 3).encode())
        for host in ("ghcr.io", "registry.example"):
            name, files = entry([SIGNER], f"{host}/acme/app", digest)
            instant = NOW + timedelta(seconds=2 * number + (host == "ghcr.io"))
            sets[set_name(instant, colons=True)] = {name: files}
    directory = write(tmp_path, sets)
    key = tmp_path / "key.pub"
    key.write_bytes(SIGNER.pem)
    with EmbeddedRegistry() as registry:
        arguments = ["verify", str(directory), "--key", str(key)]
        arguments += ["--transparency-log", "optional"]
        arguments += ["--registry", f"http://{registry.host}/rehearsal"]
        code = cli.run(arguments)
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert "24 entries went there and came back" in shown
