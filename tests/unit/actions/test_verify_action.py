"""The action verify, from a run's event to what a reviewer sees."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from tests.forge import Signer
from tests.house.repository import ROOT
from tests.house.workflows import ACTIONS
from tests.unit.actions import clone
from tests.unit.actions.clone import ALL_BRANCHES, Clone
from tests.unit.actions.sets import LATER, OPTIONAL, SET, SIGNER, Files, entry
from tests.unit.actions.stage import Stage, Told

from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.peers.registry import answer, transport


def propose(origin: Clone, files: Files) -> str:
    """A pull request with these files on top of `main`; its head."""
    origin.branch("sign")
    origin.commit(files)
    origin.git("switch", "--quiet", "main")
    return clone.pull_request(origin, "sign")


def verify(
    stage: Stage, origin: Clone, work: Path, files: Files, run: str = "pull_request", **inputs: str
) -> Told:
    """Run the action on a pull request that adds these files."""
    head = propose(origin, files)
    made = clone.check_out_merge(origin, work)
    return stage.run("verify", run, made, {"head": head}, **{**OPTIONAL, **inputs})


def plain(summary: str) -> str:
    """A summary, as GitHub shows its text."""
    return html.unescape(summary.replace("<!-- -->", ""))


# Pass


@pytest.mark.parametrize("run", ["pull_request", "pull_request_fork", "pull_request_deleted_fork"])
def test_good_signatures_pass(stage: Stage, origin: Clone, work: Path, run: str) -> None:
    path, files = entry(tags=["latest", "v1"])
    told = verify(stage, origin, work, files, run)
    assert told.code == 0, told.said
    assert told.commands == []
    assert told.outputs == {
        "result": "passed",
        "sets": "1",
        "verified": "1",
        "failed": "0",
        "report": told.outputs["report"],
    }
    assert [each["path"] for each in told.report["entries"]] == [path.partition("/")[2]]
    shown = plain(told.summary)
    digest = path.rpartition("/")[2][:12]
    first, *_ = shown.splitlines()
    assert first == "### ✅ Merging publishes the signatures of 1 digest and moves 2 tags"
    assert f"| ghcr.io/acme/app:**latest** | a new tag | **`sha256:{digest}`** |" in shown
    assert f"| ghcr.io/acme/app:**v1** | a new tag | **`sha256:{digest}`** |" in shown
    assert f"| ✅ | ghcr.io/acme/app@sha256:{digest} | " in shown
    assert "| trusted.pub (1 of 1) | not logged |" in shown
    assert f"set {SET}, 1 manifest" in shown
    assert "- ✅ tags move forwards" in shown
    assert "**Next:** Is this what is to be released? Then merge" in shown
    assert "1 of 1 entry in 1 set verify" in shown


def test_outputs_are_those_that_the_action_names(stage: Stage, origin: Clone, work: Path) -> None:
    told = verify(stage, origin, work, entry()[1])
    assert set(told.outputs) == set(ACTIONS["verify"]["outputs"])


def test_dependabot_s_pull_request_brings_no_set_and_passes(
    stage: Stage, origin: Clone, work: Path
) -> None:
    told = verify(stage, origin, work, {"lock.txt": b"2"}, "pull_request_dependabot")
    assert told.code == 0, told.said
    assert "the change keeps to the rules" in told.log
    assert "### ✅ Merging publishes nothing" in told.summary


@pytest.mark.parametrize("run", ["push", "workflow_dispatch", "schedule"])
def test_what_is_merged_is_judged_as_a_whole(
    stage: Stage, origin: Clone, work: Path, run: str
) -> None:
    origin.commit(entry(SET)[1] | entry(LATER)[1])
    told = stage.run("verify", run, clone.check_out_main(origin, work), **OPTIONAL)
    assert (told.code, told.outputs["verified"], told.outputs["sets"]) == (0, "2", "2"), told.said
    assert "step 11" not in told.summary


@pytest.mark.parametrize("run", ["push", "push_first", "workflow_dispatch", "schedule"])
def test_where_nothing_is_signed_yet_it_passes_and_says_so(
    stage: Stage, origin: Clone, work: Path, run: str
) -> None:
    told = stage.run("verify", run, clone.check_out_main(origin, work))
    assert (told.code, told.outputs["verified"]) == (0, "0"), told.said
    assert "nothing to verify" in told.log
    assert "nothing to verify" in plain(told.summary)


def test_a_directory_that_is_nowhere_is_said_to_be(stage: Stage, origin: Clone, work: Path) -> None:
    told = verify(stage, origin, work, entry()[1], directory="SIGNATURE")
    assert told.code == 0, told.said
    assert "there is no SIGNATURE, neither before nor after" in told.log


def test_a_merge_group_is_judged(stage: Stage, origin: Clone, work: Path) -> None:
    origin.branch("sign")
    origin.commit(entry()[1])
    origin.branch("queue", "main")
    head = origin.merge("sign", into="queue")
    made = clone.check_out(origin, work, ALL_BRANCHES, at=head)
    told = stage.run("verify", "merge_group", made, **OPTIONAL)
    assert (told.code, told.outputs["verified"]) == (0, "1"), told.said
    assert "judged as a change to" in told.log


def test_a_link_in_the_directory_s_place_brings_no_other_directory(
    stage: Stage, origin: Clone, work: Path
) -> None:
    """Through it, another directory and another key would be found at the top."""
    origin.commit({"deep/trusted.pub": SIGNER.pem, "deep/SIGNATURES/README.md": b"#\n"})
    origin.branch("sign")
    origin.commit({"deep/trusted.pub": None, "deep/SIGNATURES/README.md": None})
    (origin.folder / "deep/SIGNATURES").rmdir()
    (origin.folder / "deep").rmdir()
    (origin.folder / "deep").symlink_to(".")
    other = Signer()
    origin.commit({"trusted.pub": other.pem, **entry(signer=other)[1]})
    origin.git("switch", "--quiet", "main")
    head = clone.pull_request(origin, "sign")
    made = clone.check_out_merge(origin, work)
    told = stage.run(
        "verify", "pull_request", made, {"head": head}, directory="deep/SIGNATURES", **OPTIONAL
    )
    assert (told.code, told.codes) == (1, ["GS1101"]), told.said


def test_a_repository_in_a_folder_of_the_workspace(stage: Stage, origin: Clone, work: Path) -> None:
    """actions/checkout with `path`: paths of annotations are those in the repository."""
    path, files = entry(signer=Signer())
    head = propose(origin, {f"deep/{name}": content for name, content in files.items()})
    made = clone.check_out_merge(origin, work / "nested")
    told = stage.run(
        "verify",
        "pull_request",
        made,
        {"head": head},
        environment={"GITHUB_WORKSPACE": str(work), "GITHUB_OUTPUT": None},
        directory="./nested/../nested/deep/SIGNATURES",
        **OPTIONAL,
    )
    assert told.codes == ["GS0502"]
    assert told.files == [f"deep/{path}/MANIFEST"]


# Fail: the exact file, and the good entries too


def test_a_forged_entry_is_annotated_where_it_is_forged(
    stage: Stage, origin: Clone, work: Path
) -> None:
    _, files = entry(repository="ghcr.io/acme/good", tags=["latest"])
    bad, forged = entry(repository="ghcr.io/acme/bad")
    blob = f"{bad}/PAYLOAD_BLOB"
    forged[blob] = forged[blob].replace(b"cosign", b"cosigm")
    told = verify(stage, origin, work, files | forged)
    assert told.code == 1
    assert told.codes == ["GS0302"]
    assert told.errors[0].properties["file"] == blob
    assert told.errors[0].properties["line"] == "1"
    what, why, then = told.errors[0].data.splitlines()
    assert "these bytes are not" in what
    assert "The manifest fixes the digest" in why
    assert then.startswith("→ Do not merge.")
    assert (told.outputs["result"], told.outputs["verified"], told.outputs["failed"]) == (
        *("failed", "1", "1"),
    )
    shown = plain(told.summary)
    assert shown.startswith("### ❌ Do not merge: A file's digest differs from its descriptor\n")
    assert "| ✅ | ghcr.io/acme/good@sha256:" in shown
    assert "❌ **GS0302**" in shown
    assert "**Next:** Do not merge. Ask the person" in shown
    assert "Merging publishes" not in shown


def test_a_stranger_s_signature_is_one_annotation_though_two_steps_fail(
    stage: Stage, origin: Clone, work: Path
) -> None:
    path, files = entry(signer=Signer())
    told = verify(stage, origin, work, files)
    assert (told.codes, told.files) == (["GS0502"], [f"{path}/MANIFEST"])
    assert {each["code"] for each in told.report["entries"][0]["failures"]} == {"GS0502", "GS0901"}


def test_nine_are_annotated_and_the_tenth_counts_the_rest(
    stage: Stage, origin: Clone, work: Path
) -> None:
    stranger = Signer()
    files: Files = {}
    for number in range(12):
        files |= entry(signer=stranger, repository=f"ghcr.io/acme/app{number}")[1]
    told = verify(stage, origin, work, files)
    assert told.codes == ["GS0502"] * 9 + ["3"]
    assert told.errors[9].properties == {"title": "3 more failures"}
    shown = plain(told.summary)
    assert shown.count("❌ **GS0502**") == 1
    assert "and 11 more files: no trusted key" in shown
    assert told.outputs["failed"] == "12"


def test_a_change_that_brings_its_own_key_is_judged_by_the_base_s(
    stage: Stage, origin: Clone, work: Path
) -> None:
    stranger = Signer()
    files = {"trusted.pub": stranger.pem, **entry(signer=stranger)[1]}
    told = verify(stage, origin, work, files)
    assert sorted(told.codes) == ["GS0502", "GS1102"]
    assert "trusted.pub" in told.files


def test_what_does_not_belong_into_the_directory_is_annotated_there(
    stage: Stage, origin: Clone, work: Path
) -> None:
    told = verify(stage, origin, work, {"SIGNATURES/trusted.pub": b"x"} | entry()[1])
    assert told.code == 1
    assert "GS0101" in told.codes
    assert set(told.files) == {"SIGNATURES/trusted.pub"}


def test_a_file_with_a_hostile_name_is_one_annotation_and_no_command(
    stage: Stage, origin: Clone, work: Path
) -> None:
    path, files = entry()
    for name in ("x\n::error::owned", "::set-env name=A::b", "##[add-mask]e", "a,file=b%0Ac:d"):
        files[f"{path}/{name}"] = b""
        files[f"SIGNATURES/{name}"] = b""
        files[f"SIGNATURES/{LATER}/{name}/IMAGE"] = b""
    told = verify(stage, origin, work, files)
    assert told.code == 1
    assert {each.name for each in told.commands} == {"error"}
    assert not any(each.data == "owned" for each in told.errors)
    assert all(set(each.properties) <= {"title", "file", "line"} for each in told.errors)
    assert "\n::error::owned" not in told.summary


# Guards


@pytest.mark.parametrize(
    ("run", "code", "says", "fix"),
    [
        ("pull_request_other_base", "GS2013", "into 'release', not into 'main'", "Target that"),
        ("pull_request_target", "GS2012", "started by 'pull_request_target'", "pull_request or"),
        ("workflow_run", "GS2012", "started by 'workflow_run'", "Call the action"),
        ("issue_comment", "GS2012", "started by 'issue_comment'", "Call the action"),
    ],
)
def test_other_events_and_branches_are_refused(
    stage: Stage, origin: Clone, work: Path, run: str, code: str, says: str, fix: str
) -> None:
    told = verify(stage, origin, work, entry()[1], run)
    assert (told.code, told.codes, told.files) == (2, [code], [None])
    assert says in told.errors[0].data
    assert fix in told.errors[0].data
    assert told.outputs["result"] == "failed"
    assert code in told.summary
    assert code in told.log


def test_the_protected_branch_may_be_another(stage: Stage, origin: Clone, work: Path) -> None:
    told = verify(
        stage, origin, work, entry()[1], "pull_request_other_base", protected_branch="release"
    )
    assert told.code == 0, told.said


def test_a_checkout_without_the_base_says_how_to_get_it(
    stage: Stage, origin: Clone, work: Path
) -> None:
    head = propose(origin, entry()[1])
    made = clone.check_out_merge(origin, work, depth=1)
    told = stage.run("verify", "pull_request", made, {"head": head}, **OPTIONAL)
    assert (told.code, told.codes) == (2, ["GS2011"])
    assert "→ Give actions/checkout `fetch-depth: 2`." in told.errors[0].data


def test_without_a_checkout_it_says_so(stage: Stage, origin: Clone, tmp_path: Path) -> None:
    empty = Clone(tmp_path / "empty")
    empty.folder.mkdir()
    told = stage.run("verify", "push", empty, commit="x")
    assert (told.code, told.codes) == (2, ["GS2009"])
    assert "put actions/checkout before this step" in told.errors[0].data


def test_the_merge_must_be_of_the_event_s_own_head(stage: Stage, origin: Clone, work: Path) -> None:
    propose(origin, entry()[1])
    made = clone.check_out_merge(origin, work)
    told = stage.run("verify", "pull_request", made, {"head": "another"}, **OPTIONAL)
    assert (told.code, told.codes) == (2, ["GS2014"])


def test_sets_on_a_base_without_a_key_name_the_two_pull_requests(
    stage: Stage, origin: Clone, work: Path
) -> None:
    origin.commit({"trusted.pub": None, "SIGNATURES/README.md": b""})
    told = verify(stage, origin, work, {"trusted.pub": SIGNER.pem, **entry()[1]})
    assert told.code == 1
    assert "GS1106" in told.codes
    assert "Make two pull requests" in told.said


# Inputs


def test_by_default_every_signature_is_in_the_log(stage: Stage, origin: Clone, work: Path) -> None:
    for empty in ("", " "):
        told = verify(stage, origin, work / repr(empty), entry()[1], transparency_log=empty)
        assert told.codes == ["GS0601"]
        origin.git("branch", "--quiet", "-D", "sign")


def test_by_default_the_owner_s_packages_are_allowed(
    stage: Stage, origin: Clone, work: Path
) -> None:
    files = entry(repository="ghcr.io/mallory/app")[1]
    told = verify(stage, origin, work, files)
    assert (told.code, told.codes) == (1, ["GS0203"])


def test_repositories_may_be_named(stage: Stage, origin: Clone, work: Path) -> None:
    files = entry(repository="registry.example/app")[1] | entry(LATER)[1]
    told = verify(stage, origin, work, files, repositories=" ghcr.io/acme/*\nregistry.example/** ")
    assert told.code == 0, told.said


def test_key_and_directory_may_be_elsewhere(stage: Stage, origin: Clone, work: Path) -> None:
    origin.commit({"trusted.pub": Signer().pem, "keys/release.pub": SIGNER.pem})
    files = {f"deep/{path}": content for path, content in entry()[1].items()}
    told = verify(
        stage, origin, work, files, directory="deep/SIGNATURES", trusted_key="keys/release.pub"
    )
    assert told.code == 0, told.said


def test_sets_may_be_chosen(stage: Stage, origin: Clone, work: Path) -> None:
    origin.commit(entry(SET)[1] | entry(LATER, signer=Signer())[1])
    made = clone.check_out_main(origin, work)
    told = stage.run("verify", "push", made, sets=f" {SET}\n", **OPTIONAL)
    assert (told.code, told.outputs["sets"]) == (0, "1"), told.said


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("transparency_log", "no", "GS2001", "the input transparency_log is 'no'"),
        ("sets", "2020-01-01T00:00:00Z", "GS2007", "there is no set"),
        ("trusted_key", "no.pub", "GS2001", "no such file"),
        ("trusted_key", "../trusted.pub", "GS2001", "not a path in the repository"),
        ("trusted_key", "/etc/hostname", "GS2001", "not a path in the repository"),
        ("trusted_key", "README.md", "GS2004", ""),
        ("directory", ".", "GS2001", "no folder inside the repository"),
        ("directory", "../elsewhere", "GS2009", "is in no git repository"),
        ("directory", "x" * 300, "GS0199", "File name too long"),
        ("directory", "missing", "GS2002", "there is no missing"),
        ("registry", "nowhere", "GS2001", "the registry "),
        ("registry", "https://registry.example/x", "GS2001", "the registry "),
        ("registry", "http://registry:5000/x@y", "GS2001", "the registry "),
        ("repositories", "ghcr.io/acme/none", "GS0203", "ghcr.io/acme/app"),
    ],
)
def test_wrong_inputs_say_what_is_wrong(
    stage: Stage, origin: Clone, work: Path, name: str, value: str, code: str, says: str
) -> None:
    origin.commit(entry()[1])
    made = clone.check_out_main(origin, work)
    told = stage.run("verify", "push", made, **{**OPTIONAL, name: value})
    assert told.codes == [code], told.said
    assert told.code == (1 if code in ("GS0199", "GS0203") else 2)
    assert says in told.errors[0].data
    assert "→ " in told.errors[0].data


# The rehearsal


def test_the_rehearsal_s_requests_arrive(stage: Stage, origin: Clone, work: Path) -> None:
    asked: list[str] = []
    with EmbeddedRegistry(on_request=lambda *request: asked.append(request[1])) as registry:
        told = verify(stage, origin, work, entry()[1], registry=f"http://{registry.host}/rehearsal")
    assert told.code == 0, told.said
    assert "rehearsed: 1 entry went" in told.log
    assert any(path.startswith("/v2/rehearsal/acme/app/manifests/") for path in asked)


def test_nothing_is_rehearsed_that_does_not_verify(stage: Stage, origin: Clone, work: Path) -> None:
    asked: list[str] = []
    with EmbeddedRegistry(on_request=lambda *request: asked.append(request[1])) as registry:
        files = entry(signer=Signer())[1]
        told = verify(stage, origin, work, files, registry=f"http://{registry.host}/rehearsal")
    assert (told.codes, asked) == (["GS0502"], [])


def test_a_service_that_never_answers_has_its_own_message(
    stage: Stage, origin: Clone, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def nobody(self: transport.Transport, method: str, url: str, *rest: object) -> None:
        tries.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(transport.Transport, "_send", nobody)
    monkeypatch.setattr(answer, "backoff", lambda tries: 0.0)
    told = verify(stage, origin, work, entry()[1], registry="http://registry:5000/rehearsal")
    assert (told.code, told.codes) == (3, ["GS3006"])
    assert len(tries) == transport.SERVICE_TRIES
    assert "command: registry serve" in told.errors[0].data
    assert told.outputs["result"] == "failed"
    assert "✅" in told.summary


def test_a_service_has_half_a_minute_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer.random, "uniform", lambda least, most: least)
    assert sum(map(answer.backoff, range(1, transport.SERVICE_TRIES))) >= 30


# As the runner starts it


@pytest.mark.parametrize("program", ["verify/entrypoint.py", "entrypoint.py"])
def test_the_program_itself(stage: Stage, origin: Clone, work: Path, program: str) -> None:
    """By the interpreter of the tests: the first line names that of the image."""
    path, files = entry(signer=Signer())
    head = propose(origin, files)
    made = clone.check_out_merge(origin, work)
    (made.folder / "json.py").write_text("raise SystemExit('the workspace is imported')")
    inputs = {**OPTIONAL, "command": "verify", "trusted_key": ""}
    environment = stage.environment("pull_request", made, {"head": head}, inputs)
    done = subprocess.run(
        [sys.executable, "-I", ROOT / program],
        cwd=made.folder,
        env={"PATH": clone.ENVIRONMENT["PATH"], **environment},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stderr == ""
    told = stage.told(done.returncode, done.stdout, made)
    assert (told.code, told.codes, told.files) == (1, ["GS0502"], [f"{path}/MANIFEST"])
    assert told.outputs["result"] == "failed"
