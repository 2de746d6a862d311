"""The command line: what it does with bad input, and that no traceback reaches a user."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.forge import SET, Log, Signer, entry, write

from ghcr_signer import cli

SIGNER, LOG = Signer(), Log()
NAME, FILES = entry([SIGNER], log=LOG)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one good set, its key and its log's trusted root."""
    write(tmp_path, {SET: {NAME: FILES}})
    (tmp_path / ".git").mkdir()
    (tmp_path / "trusted.pub").write_bytes(SIGNER.pem)
    (tmp_path / "root.json").write_bytes(LOG.trusted_root())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.run([*arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return code, captured.out + captured.err


def verify(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    return run(capsys, "verify", "--trusted-root", "root.json", *arguments)


def test_a_good_directory_verifies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = verify(capsys)
    assert code == 0
    assert "1 of 1 entry in 1 set verify" in shown
    assert "any repository is accepted" in shown


def test_an_allow_list_is_held_to(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(capsys, "--repository", "ghcr.io/acme/*")[0] == 0
    code, shown = verify(capsys, "--repository", "ghcr.io/other/*")
    assert code == 1
    assert "GS0203" in shown


def test_a_directory_that_was_not_named_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, shown = run(capsys, "verify", "--format", "json")
    report = json.loads(shown)
    assert (code, report["result"]) == (0, "passed")
    assert set(report["counts"].values()) == {0}
    assert "nothing to verify" in report["notices"][0]


def test_an_empty_directory_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "SIGNATURES").mkdir()
    (tmp_path / "SIGNATURES" / "README.md").write_text("hello")
    for command in (["verify"], ["verify", "SIGNATURES"], ["publish"], ["publish", "SIGNATURES"]):
        code, shown = run(capsys, *command)
        assert code == 0
        assert "holds no set" in shown


def test_a_directory_that_was_named_must_be_there(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("verify", "publish"):
        code, shown = run(capsys, command, "MISSING", "--key", "trusted.pub", "--repository", "x")
        assert code == 2
        assert "GS2002" in shown


def test_a_set_that_was_named_must_be_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(capsys, "--set", SET)[0] == 0
    code, shown = verify(capsys, "--set", "2026-01-01T00:00:00+00:00")
    assert code == 2
    assert "GS2007" in shown


def test_without_trust_nothing_is_judged(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "trusted.pub").unlink()
    code, shown = verify(capsys)
    assert code == 2
    assert "GS2003" in shown


def test_a_key_above_the_repository_is_not_found(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = home / "inner"
    (inner / ".git").mkdir(parents=True)
    write(inner, {SET: {NAME: FILES}})
    monkeypatch.chdir(inner)
    code, shown = run(capsys, "verify")
    assert code == 2
    assert "GS2003" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--key", "MISSING"], "GS2001"),
        (["--key", "root.json"], "GS2004"),
        (["--key", "trusted.pub", "--key", "trusted.pub"], "GS2004"),
        (["--key", "trusted.pub", "--trusted-root", "trusted.pub"], "GS2005"),
        (["--registry", "not a registry"], "GS2001"),
        (["--registry", "ghcr.io/acme/app:latest"], "GS2001"),
        (["--registry", "http://"], "GS2001"),
    ],
)
def test_a_bad_option_is_usage(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    exit_code, shown = run(capsys, "verify", *arguments)
    assert exit_code == 2
    assert code in shown


def private(home: Path) -> None:
    (home / "trusted.pub").write_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END")


def test_what_a_key_file_holds_is_never_echoed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private(home)
    code, shown = verify(capsys)
    assert code == 2
    assert "c2VjcmV0" not in shown


def entry_folder(home: Path) -> Path:
    return home / "SIGNATURES" / SET / NAME


def link(home: Path) -> None:
    payload = entry_folder(home) / "PAYLOAD_BLOB"
    payload.rename(home / "elsewhere")
    payload.symlink_to(home / "elsewhere")


def linked_set(home: Path) -> None:
    (home / "SIGNATURES" / SET).rename(home / "elsewhere")
    (home / "SIGNATURES" / SET).symlink_to(home / "elsewhere")


def linked_entry(home: Path) -> None:
    entry_folder(home).rename(home / "elsewhere")
    entry_folder(home).symlink_to(home / "elsewhere")


def fifo(home: Path) -> None:
    (entry_folder(home) / "LATEST").unlink(missing_ok=True)
    os.mkfifo(entry_folder(home) / "LATEST")


def sparse(home: Path) -> None:
    with (entry_folder(home) / "SUBJECT").open("wb") as file:
        file.truncate(10**12)


def strange_name(home: Path) -> None:
    (entry_folder(home) / "EXTRA\n::error::x\x1b[2J").write_bytes(b"")


def undecodable_name(home: Path) -> None:
    (Path(os.fsdecode(os.fsencode(entry_folder(home)) + b"/\xff\xfe"))).write_bytes(b"")


BAD: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a linked file": ("GS0103", link),
    "a linked set": ("GS0101", linked_set),
    "a linked entry": ("GS0101", linked_entry),
    "a pipe": ("GS0103", fifo),
    "a file of a terabyte": ("GS0104", sparse),
    "an empty set": (
        "GS0109",
        lambda home: (home / "SIGNATURES/2026-01-01T00:00:00+00:00").mkdir(),
    ),
    "an entry without a signature": (
        "GS0102",
        lambda home: (entry_folder(home) / "MANIFEST").unlink(),
    ),
    "a file among the entries": (
        "GS0101",
        lambda home: (entry_folder(home).parent / "x").write_text(""),
    ),
    "a file among the sets": ("GS0101", lambda home: (home / "SIGNATURES/x").write_text("")),
    "a folder in an entry": ("GS0101", lambda home: (entry_folder(home) / "attestations").mkdir()),
    "a name that is a workflow command": ("GS0101", strange_name),
    "a name that is not UTF-8": ("GS0101", undecodable_name),
    "one instant twice": (
        "GS0107",
        lambda home: (home / "SIGNATURES" / "2026-11-20T12-00-00Z").mkdir(),
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", ["text", "json"])
def test_bad_files_get_a_code_and_never_a_traceback(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, form: str
) -> None:
    code, spoil = BAD[name]
    spoil(home)
    exit_code, shown = verify(capsys, "--format", form)
    assert exit_code == 1
    assert code in shown
    assert "\x1b" not in shown
    assert not any(line.startswith("::") for line in shown.splitlines())
    if form == "json":
        assert json.loads(shown)["result"] == "failed"


@pytest.mark.parametrize("name", BAD)
def test_nothing_is_published_while_anything_is_bad(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    BAD[name][1](home)
    # any request would fail with exit code 3: nothing answers there
    arguments = ["publish", "--trusted-root", "root.json", "--repository", "ghcr.io/acme/*"]
    code, shown = run(capsys, *arguments, "--registry-map", "ghcr.io=127.0.0.1:1")
    assert code == 1
    assert "GS1201" in shown


def test_publish_needs_an_allow_list(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, shown = run(capsys, "publish", "--trusted-root", "root.json")
    assert code == 2
    assert "GS1207" in shown
    assert "--repository 'ghcr.io/OWNER/**'" in shown
    monkeypatch.setenv("GITHUB_REPOSITORY_OWNER", "Somebody")
    code, shown = run(capsys, "publish", "--trusted-root", "root.json")
    assert code == 1
    assert "GS0203" in shown


def test_the_report_goes_where_it_is_wanted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = verify(capsys, "--format", "json", "--output", "report.json")
    assert (code, shown) == (0, "")
    assert json.loads((home / "report.json").read_text())["result"] == "passed"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["verify", "--nothing"],
        ["verify", "--trusted", "x"],
        ["schema", "nothing"],
        ["verify", "--", "x"],
    ],
)
def test_a_command_line_that_is_none(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.run(arguments)
    assert end.value.code == 2


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.run([command, "--help"])
    assert end.value.code == 0
    assert "--format" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["directory", "manifest", "config", "payload", "report"])
def test_schema_prints_a_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(capsys, "schema", name)
    assert code == 0
    assert json.loads(shown)["$schema"].endswith("2020-12/schema")


def test_a_traceback_is_for_debug_alone(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr("ghcr_signer.commands.verify.run", broken)
    code, shown = verify(capsys)
    assert code == 1
    assert "GS0199" in shown
    with pytest.raises(ZeroDivisionError):
        verify(capsys, "--debug")


def test_a_reader_that_stops_reading_is_no_error(home: Path) -> None:
    program = f"{sys.executable} -m ghcr_signer schema manifest | head -c 1"
    done = subprocess.run(["sh", "-c", program], capture_output=True, check=False)
    assert done.stderr == b""


def test_the_demo_does_the_whole_job(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(capsys, "demo")
    assert code == 0
    for said in ("wrote SIGNATURES/", "3 of 3 entries", "3 published", "moved", "GS0302"):
        assert said in shown
    assert len(shown.splitlines()) <= 40
