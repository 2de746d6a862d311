"""`sign` where the log's clock, or what is kept, says something: a stand-in pushes what was forged.

The real cosign cannot be made to show a log whose clock is another, without a log of one's own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests import forge, stand_in
from tests.peers import images

from ghcr_signer.commands import sign
from ghcr_signer.commands.signing.signatures import key_name
from ghcr_signer.core.directory import parse_set_name
from ghcr_signer.peers.cosign import SigningKey
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

IMAGE = images.build()
MANIFESTS = (IMAGE.index, *IMAGE.platforms)
NAME = "registry.example/acme/app"
PUSHES = """\
import base64, urllib.request
made = json.loads(pathlib.Path({made!r}).read_text())
if sys.argv[1] == "public-key":
    print(made["pem"])
    raise SystemExit
host, _, rest = sys.argv[-1].partition("/")
repository, _, digest = rest.partition("@")
if digest not in made["entries"]:
    raise SystemExit("verify pin: smart card error 63c2: verification failed (2 retries remaining)")
for name, content in sorted(made["entries"][digest].items(), key=lambda it: it[0] == "MANIFEST"):
    content = base64.b64decode(content)
    tag = digest.replace(":", "-") + ".sig"
    path, method = f"manifests/{{tag}}", "PUT"
    if name != "MANIFEST":
        import hashlib
        path, method = "blobs/uploads/?digest=sha256:" + hashlib.sha256(content).hexdigest(), "POST"
    request = urllib.request.Request(f"http://{{host}}/v2/{{repository}}/{{path}}", content,
        {{"Content-Type": {manifest_type!r} if name == "MANIFEST" else "application/octet-stream"}},
        method=method)
    urllib.request.urlopen(request).close()
"""


class Listener(Progress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Ceremony:
    """Somebody who signs with a stand-in, which makes what was forged at `logged`."""

    folder: Path
    logged: datetime
    signer: forge.Signer = field(default_factory=forge.Signer)
    log: forge.Log = field(default_factory=forge.Log)
    heard: Listener = field(default_factory=Listener)

    def run(self, *more: str, signable: int = 3) -> Report:
        """`signable` of the image's digests can be signed; then the PIN is wrong."""
        self.heard = Listener()
        (self.folder / "trusted.pub").write_bytes(self.signer.pem)
        (self.folder / "root.json").write_bytes(self.log.trusted_root())
        made = self.folder / "made.json"
        entries = {each.digest: self._forged(each.digest) for each in MANIFESTS[:signable]}
        made.write_text(json.dumps({"pem": self.signer.pem.decode(), "entries": entries}))
        then = PUSHES.format(made=str(made), manifest_type=forge.OCI_MANIFEST)
        cosign = stand_in.cosign(self.folder, then=then)
        parser = argparse.ArgumentParser()
        sign.add_arguments(parser)
        command = [f"{NAME}@{IMAGE.digest}", "--key", "cosign.key", "--cosign", str(cosign.path)]
        for number, manifest in enumerate(MANIFESTS):
            (self.folder / f"{number}.json").write_bytes(manifest.content)
            command += ["--subject", str(self.folder / f"{number}.json")]
        command += ["--yes", "--allow-public-log", "--directory", str(self.directory)]
        command += ["--trusted-root", str(self.folder / "root.json"), *more]
        arguments = parser.parse_args(command)
        arguments.further = ()
        return sign.run(sign.options(arguments, self._environment()), self.heard)

    @property
    def directory(self) -> Path:
        return self.folder / "SIGNATURES"

    @property
    def calls(self) -> int:
        """How often the stand-in was asked to sign."""
        record = stand_in.StandIn(self.folder / "cosign", self.folder / "calls.jsonl").calls
        return sum(call["arguments"][0] == "sign" for call in record)

    def _environment(self) -> Mapping[str, str]:
        return {"HOME": str(self.folder), "COSIGN_PASSWORD": "", "PATH": "/usr/bin:/bin"}

    def _forged(self, digest: str) -> dict[str, str]:
        hexadecimal = digest.removeprefix("sha256:")
        _, files = forge.entry([self.signer], NAME, hexadecimal, log=self.log, time=self.logged)
        return {name: forge.b64(content) for name, content in files.items() if name != "IMAGE"}


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path, now())


def set_instant(ceremony: Ceremony) -> datetime:
    (found,) = ceremony.directory.iterdir()
    return parse_set_name(found.name)


def test_where_the_clocks_agree_nothing_is_said_of_them(ceremony: Ceremony) -> None:
    report = ceremony.run()
    assert report.exit_code == 0
    assert not any("this machine's clock" in notice for notice in report.notices)


def test_a_clock_that_is_ahead_is_told_and_the_set_is_named_by_the_log_s(
    ceremony: Ceremony,
) -> None:
    ceremony.logged -= timedelta(hours=1)
    report = ceremony.run()
    assert report.exit_code == 0
    (notice,) = (notice for notice in report.notices if "this machine's clock" in notice)
    assert "ahead of the transparency log's: set it (`timedatectl set-ntp true`)" in notice
    assert abs(set_instant(ceremony) - ceremony.logged) < timedelta(minutes=5)


def test_a_clock_that_is_behind_is_told(ceremony: Ceremony) -> None:
    ceremony.logged += timedelta(seconds=200)
    report = ceremony.run()
    assert report.exit_code == 0
    assert any(" s behind the transparency log's" in notice for notice in report.notices)


def test_a_clock_that_is_far_behind_is_a_failure_and_one_signature(ceremony: Ceremony) -> None:
    ceremony.logged += timedelta(hours=1)
    report = ceremony.run()
    found = {failure.code.id for failure in report.all_failures}
    assert found == {"GS0701", "GS0901", "GS1309"}
    assert any(" s behind the transparency log's" in notice for notice in report.notices)
    assert ceremony.calls == 1
    assert not ceremony.directory.exists()


# What is kept


def test_the_same_command_makes_only_what_is_missing(ceremony: Ceremony) -> None:
    first = ceremony.run(signable=2)
    assert [failure.code.id for failure in first.all_failures] == ["GS1316"]
    assert first.notices[0].startswith("2 of 3 signatures are made and kept for a day")
    assert not ceremony.directory.exists()

    second = ceremony.run()
    assert second.exit_code == 0
    assert ceremony.calls == 4  # two, one that failed, and the one that was missing
    assert "  2 of 3 were signed before and are kept" in ceremony.heard.said
    assert "2 signatures were made before and kept until now" in second.notices
    assert len(second.verdicts) == 3


@pytest.mark.parametrize("more", [("-a", "env=prod"), ("--subject-of-another",)])
def test_what_says_something_else_is_made_anew(more: tuple[str, ...], ceremony: Ceremony) -> None:
    ceremony.run(signable=1)
    if more[0] == "-a":
        ceremony.run(*more)
    else:
        ceremony.signer = forge.Signer()
        ceremony.run()
    assert not any("signed before" in line for line in ceremony.heard.said)


def test_what_does_not_verify_any_more_is_not_taken_and_forgotten(ceremony: Ceremony) -> None:
    ceremony.run(signable=2)
    kept = ceremony.folder / ".cache" / "ghcr-signer" / "signatures"
    first, _ = (path for path in kept.iterdir() if len(path.name) == 64)
    (payload,) = first.glob("*/PAYLOAD_BLOB")
    payload.write_bytes(b"{}")

    ceremony.run(signable=2)

    assert "  1 of 3 were signed before and are kept" in ceremony.heard.said


def test_when_the_set_is_written_nothing_is_kept(ceremony: Ceremony) -> None:
    ceremony.run()
    assert not list((ceremony.folder / ".cache" / "ghcr-signer" / "signatures").iterdir())
    ceremony.run()
    assert ceremony.calls == 6


def test_where_nothing_can_be_kept_it_signs_all_the_same(ceremony: Ceremony) -> None:
    (ceremony.folder / ".cache").write_text("a file")
    assert ceremony.run().exit_code == 0
    (ceremony.folder / "SIGNATURES").rename(ceremony.folder / "elsewhere")
    failed = ceremony.run(signable=2)
    assert failed.notices == ()


def test_a_key_is_called_by_its_fingerprint_or_by_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def key(reference: str | None) -> SigningKey:
        return SigningKey(reference, reference is None, None)

    assert key_name(key("cosign.key"), "sha256:1") == "sha256:1"
    assert key_name(key("cosign.key"), None) == str(tmp_path / "cosign.key")
    assert key_name(key("awskms:///alias/a"), None) == "awskms:///alias/a"
