"""What reaches the runner: no foreign text as a command, and no verdict lost for a full disk."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import forge
from tests import trust as trusting
from tests.unit.actions import clone
from tests.unit.actions.clone import Clone
from tests.unit.actions.runs import RUNS
from tests.unit.actions.sets import OPTIONAL, SIGNER, entry
from tests.unit.actions.stage import Stage, Told, command, lines, outputs

from ghcr_signer import actions
from ghcr_signer.actions import runner
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.policy import Requirement
from ghcr_signer.core.verdict import Check, Step, Verdict
from ghcr_signer.core.verification import verify_alone
from ghcr_signer.report.report import Report

# What .NET, git, a terminal or Markdown could take for more than text, and the rest of Unicode
ACTIVE = st.sampled_from(
    [
        *(
            "::",
            "##[",
            "]",
            "error",
            "set-output name=a",
            "add-mask",
            "stop-commands",
            "::error::x",
        ),
        *("##[error]x", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "%0A", "%0D"),
        *("%3A", ",", "file=", " ", "\t", "\xa0", "\ufeff", "\u200b", "\x1b[2J", "ghadelimiter_"),
        *("<<", "|", "`", "<img src=x>", "@everyone", "#1", "www.evil.example", "\ud800", "\x00"),
    ]
)
FOREIGN = st.lists(ACTIVE | st.text(max_size=4), max_size=8).map("".join)


def verdict() -> Verdict:
    alice = trusting.authority(SIGNER, "alice.pub")
    trust = trusting.trust(trusting.rule(alice, transparency_log=Requirement.OPTIONAL))
    name, files = forge.entry([SIGNER], tags=["latest"])
    path = f"{forge.SET}/{name}"
    return verify_alone(path, files, trust, now=forge.NOW)


GOOD = verdict()


def tell(folder: Path, report: Report, **further: str) -> Told:
    """Tell the runner, and read it as it does."""
    environment = {}
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        path = folder / name
        path.write_bytes(b"")
        environment[name] = str(path)
    said = io.StringIO(newline="")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(folder)
        patch.setenv("GITHUB_OUTPUT", environment["GITHUB_OUTPUT"])
        runner.tell(runner.Outcome(report, further), "SIGNATURES", environment)
    found = outputs((folder / "GITHUB_OUTPUT").read_text())
    summary = (folder / "GITHUB_STEP_SUMMARY").read_text()
    written = folder / found["report"]
    told = Told(report.exit_code, said.getvalue(), summary, found, json.loads(written.read_text()))
    written.unlink()
    return told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runner")


# Foreign text


@given(st.lists(FOREIGN, min_size=5, max_size=5))
def test_foreign_text_is_no_command_wherever_it_stands(folder: Path, texts: list[str]) -> None:
    message, file, fix, notice, path = texts
    failure = Failure(codes.CHANGE_MIXED, message, file, fix)
    report = Report(
        "verify",
        1,
        verdicts=(
            replace(GOOD, path=path),
            Verdict(path, None, (), (Check(Step.STRUCTURE, "x", failure),)),
        ),
        failures=(failure,),
        notices=(notice,),
        change=(Check(Step.CHANGE, "a rule", failure),),
    )
    told = tell(folder, report)
    assert [each.name for each in told.commands] == ["error"] * 3
    for each in told.errors:
        assert set(each.properties) <= {"title", "file", "line"}
        assert each.properties["title"] == f"GS1102 {codes.CHANGE_MIXED.title}"
        assert len(each.data.split("\n")) == 3
        assert each.data.isprintable() or each.data.count("\n") == 2
    assert set(told.outputs) == {"result", "sets", "verified", "failed", "report"}
    assert told.outputs["result"] == "failed"
    rows = [line for line in told.summary.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7}
    assert len(rows) == 4


@given(FOREIGN)
def test_a_line_of_the_log_is_one_line_and_no_command(text: str) -> None:
    with contextlib.redirect_stdout(io.StringIO(newline="")) as said:
        runner.Log().say(text)
    (line, end) = lines(said.getvalue())
    assert (command(line), end) == (None, "")


@given(FOREIGN)
def test_a_debug_line_is_a_debug_line(text: str) -> None:
    with contextlib.redirect_stdout(io.StringIO(newline="")) as said:
        runner.debug([text])
    (line, end) = lines(said.getvalue())
    found = command(line)
    assert found is not None
    assert (found.name, found.properties, end) == ("debug", {}, "")


@given(st.lists(FOREIGN))
def test_what_libraries_write_to_standard_error_is_no_command(texts: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO(newline="")) as said, runner.tamed():
        for text in texts:
            sys.stderr.write(text)
        sys.stderr.write("\n")
    assert not [line for line in lines(said.getvalue()) if command(line)]
    assert said.getvalue().count("\n") == "".join(texts).count("\n") + 1


def test_what_libraries_log_is_text_too(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.lastResort
    assert handler is not None
    with runner.tamed():
        handler.handle(logging.makeLogRecord({"msg": "x\n::error::y", "levelno": logging.ERROR}))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("x\n\\::error::y\n", "")


def test_the_log_is_utf_8_wherever_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with runner.tamed():
        runner.Log().say("✓ é")
    assert written.getvalue() == "✓ é\n".encode()


@pytest.mark.parametrize("action", ["publish", "collect"])
@pytest.mark.parametrize("token", ["from the input", ""])
def test_the_token_is_the_input_s_and_no_other(
    stage: Stage, job: Clone, monkeypatch: pytest.MonkeyPatch, action: str, token: str
) -> None:
    given = []

    def run(options: Any, progress: object) -> Report:
        given.append(options.environment["GITHUB_TOKEN"])
        return Report(action)

    monkeypatch.setattr(getattr(actions, action), "run", run)
    inputs = {"token": token, "image": f"ghcr.io/acme/app@sha256:{64 * 'a'}", "from": "ghcr.io/x"}
    stage.run(action, "push", job, environment={"GITHUB_TOKEN": "the job's own"}, **inputs)
    assert given == [token]


@given(FOREIGN)
def test_an_output_is_what_it_was_set_to(folder: Path, text: str) -> None:
    """Whatever it is: the delimiter is random."""
    value = text.encode("utf-8", "replace").decode()
    told = tell(folder, Report("publish"), tags="\n".join(value.splitlines()))
    assert told.outputs["tags"].split("\n") == (value.splitlines() or [""])
    assert set(told.outputs) == {"result", "sets", "verified", "failed", "report", "tags"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("::error::x", "error"),
        ("  ::set-env name=a::b", "set-env"),
        ("text ##[add-mask]x", "add-mask"),
        ("text ::error::x", None),
        ("\\::error::x", None),
        ("::unknown::x", None),
        ("##\\[error]x", None),
    ],
)
def test_the_tests_runner_reads_as_the_real_one(line: str, name: str | None) -> None:
    found = command(line)
    assert (found.name if found else None) == name


# Much, and large


def test_a_summary_stays_under_what_the_runner_takes(folder: Path) -> None:
    large = Failure(codes.CHANGE_MIXED, "\U0001f600" * 4000, "x" * 4000)
    told = tell(folder, Report("verify", failures=(large,) * 100, notices=("last",)))
    assert 900_000 < len(told.summary.encode()) <= 1024 * 1024
    assert told.summary.endswith("\n… the rest is in the log and in the report.\n")
    assert len(told.report["failures"]) == 100


def test_a_long_message_is_cut_before_its_next_step(folder: Path) -> None:
    large = Failure(codes.CHANGE_MIXED, "\n" * 5000, "", "do\u202e this" * 1000)
    (error,) = tell(folder, Report("verify", failures=(large,))).errors
    assert len(error.data) <= 4096
    assert [len(part) > 1000 for part in error.data.split("\n")] == [True, False, True]


def test_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(runner.time, "monotonic", lambda: now)
    log = runner.Log()
    for now in (109.9, 110.0, 119.9, 120.0):
        log.step("verified", int(now), None if now < 120 else 200)
    assert capsys.readouterr().out == "verified 110\nverified 120 of 200\n"
    assert (log.interactive, log.ask("?")) == (False, False)


# What the runner gave cannot be used


@pytest.fixture
def job(origin: Clone, work: Path) -> Clone:
    origin.commit(entry()[1])
    return clone.check_out_main(origin, work)


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize("place", [None, "", "/dev/full", "a folder", "no/such/file"])
@pytest.mark.parametrize("log", ["optional", "required"])
def test_what_cannot_be_written_changes_no_verdict(
    stage: Stage, job: Clone, name: str, place: str | None, log: str
) -> None:
    if place and not place.startswith("/"):
        (stage.folder / "a folder").mkdir()
        place = str(stage.folder / place)
    told = stage.run("verify", "push", job, environment={name: place}, transparency_log=log)
    assert told.code == (0 if log == "optional" else 1)
    warned = [each.data for each in told.commands if each.name == "warning"]
    assert bool(warned) is bool(place)
    assert all("ghcr-signer could not write the " in each for each in warned)
    assert told.codes == ([] if log == "optional" else ["GS0601"])
    if name == "GITHUB_OUTPUT":
        assert "| ✅ |" in told.summary or log == "required"
    else:
        assert told.outputs["result"] == ("passed" if log == "optional" else "failed")


def test_a_report_that_cannot_be_written_leaves_the_other_outputs(
    stage: Stage, job: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**name: str) -> None:
        raise OSError("no space left on\n::error::owned")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    told = stage.run("verify", "push", job, **OPTIONAL)
    assert (told.code, told.outputs["result"]) == (0, "passed")
    assert "report" not in told.outputs
    assert [each.name for each in told.commands] == ["warning"]


def test_a_link_in_the_workspace_that_is_named_like_the_report_is_not_followed(
    stage: Stage, job: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["taken", "dangling", "free"])
    monkeypatch.setattr(tempfile, "_get_candidate_names", lambda: names)
    outside = tmp_path / "outside"
    outside.write_text("as it was")
    (job.folder / "ghcr-signer-taken.json").symlink_to(outside)
    (job.folder / "ghcr-signer-dangling.json").symlink_to(tmp_path / "new")
    told = stage.run("verify", "push", job, **OPTIONAL)
    assert told.outputs["report"] == "ghcr-signer-free.json"
    assert outside.read_text() == "as it was"
    assert not (tmp_path / "new").exists()
    assert (job.folder / "ghcr-signer-free.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": ' * 100_000, None])
def test_a_payload_that_cannot_be_read_fails_without_a_traceback(
    stage: Stage, job: Clone, content: bytes | None
) -> None:
    path = stage.folder / "payload"
    if content is not None:
        path.write_bytes(content)
    for action in ("verify", "publish", "collect"):
        told = stage.run(action, "push", job, environment={"GITHUB_EVENT_PATH": str(path)})
        assert (told.code, told.codes) == (2, ["GS2001"])
        assert "the event's payload cannot be read" in told.errors[0].data


@pytest.mark.parametrize("content", [b"[]", b"null", b"1", b'"push"', b"{}"])
def test_a_payload_that_says_nothing_publishes_nothing(
    stage: Stage, job: Clone, content: bytes
) -> None:
    path = stage.folder / "payload"
    path.write_bytes(content)
    told = stage.run("publish", "push", job, environment={"GITHUB_EVENT_PATH": str(path)})
    assert (told.code, told.codes) == (2, ["GS2013"])
    assert "protected_branch" in told.errors[0].data


def test_a_huge_payload_is_read(stage: Stage, job: Clone) -> None:
    path = stage.folder / "payload"
    path.write_text(json.dumps(RUNS["push"].payload() | {"commits": ["x" * 1000] * 25_000}))
    told = stage.run(
        "verify", "push", job, environment={"GITHUB_EVENT_PATH": str(path)}, **OPTIONAL
    )
    assert told.code == 0, told.said


@pytest.mark.parametrize("workspace", [None, ""])
def test_without_a_workspace_it_is_the_present_folder(
    stage: Stage, job: Clone, workspace: str | None
) -> None:
    environment = {"GITHUB_WORKSPACE": workspace, "GITHUB_OUTPUT": None}
    told = stage.run("verify", "push", job, environment=environment)
    assert (told.code, told.codes) == (2, ["GS2009"])


def test_what_nobody_foresaw_fails_without_a_traceback(
    stage: Stage, job: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(inputs: object) -> None:
        raise MemoryError("x\n::error::owned")

    monkeypatch.setitem(actions.ACTIONS, "verify", fall)
    told = stage.run("verify", "push", job)
    assert (told.code, told.codes) == (1, ["GS0199"])
    assert "Traceback" not in told.said
    told = stage.run("verify", "push", job, environment={"RUNNER_DEBUG": "1"})
    assert any("Traceback" in each.data for each in told.commands if each.name == "debug")


# The root action


def test_the_root_action_does_what_its_input_names(stage: Stage, job: Clone) -> None:
    told = stage.run("", "push", job, command=" verify ", **OPTIONAL)
    assert (told.code, told.report["command"]) == (0, "verify")


@pytest.mark.parametrize(
    "name", ["", "sign", "Verify", "verify publish", "x\n### owned\n::error::"]
)
def test_the_root_action_refuses_what_it_does_not_know(stage: Stage, job: Clone, name: str) -> None:
    told = stage.run("", "push", job, command=name, **OPTIONAL)
    assert (told.code, told.codes) == (2, ["GS2001"])
    assert "the input command is" in told.errors[0].data
    assert "Give collect or verify or comment or publish." in told.errors[0].data
    assert told.summary.count("###") == 1
