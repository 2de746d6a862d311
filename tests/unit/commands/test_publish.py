"""publish by a policy: what is retired or withdrawn stays, the others go on, and it is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import forge
from tests.project import NEW, NEWEST, OLD, Project

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import Event
from ghcr_signer.core.plan import MoveTag
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.report.report import Report


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    requests: list[str] = []
    with EmbeddedRegistry(on_request=lambda m, t, _: requests.append(f"{m} {t}")) as registry:
        yield Project(tmp_path, registry.host, requests)


def retired(report: Report) -> list[tuple[str, bool]]:
    return [(each.set_name, each.withdrawn) for each in report.retired]


def moved(report: Report) -> list[str]:
    return [each.tag for each in report.done or () if isinstance(each, MoveTag)]


def failures(report: Report) -> set[codes.Code]:
    return {failure.code for failure in report.all_failures}


def test_a_retired_set_is_named_and_the_others_go_on(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.bob)
    project.add(NEW, project.alice, ["latest"])
    report = project.publish()
    assert report.exit_code == 0
    assert retired(report) == [(OLD, False)]
    assert [f.code for f in report.retired[0].failures] == [
        codes.SIGNATURE_UNTRUSTED,
        codes.THRESHOLD,
    ]
    assert project.signed == [NEW]
    assert moved(report) == ["latest"]
    assert project.digests[OLD] not in " ".join(project.requests)


def test_a_dry_run_names_it_too(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.bob)
    project.add(NEW, project.alice, ["latest"])
    report = project.publish(dry_run=True)
    assert (report.exit_code, retired(report)) == (0, [(OLD, False)])
    assert not any(request.startswith(("PUT", "POST")) for request in project.requests)


def test_a_withdrawn_digest_is_left_out_for_good(project: Project) -> None:
    project.add(OLD, project.alice)
    project.add(NEW, project.alice, ["latest"])
    withdrawal = {"date": "2026-11-12T00:00:00Z", "reason": "a broken build"}
    project.trusts("alice", withdrawn=[{"digest": project.digests[OLD], **withdrawal}])
    report = project.publish()
    assert (report.exit_code, retired(report)) == (0, [(OLD, True)])
    assert project.signed == [NEW]


def test_the_tag_of_a_withdrawn_digest_stays_and_a_newer_set_moves_it_on(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.alice, ["latest"])
    project.add(NEW, project.alice, ["latest"])
    assert moved(project.publish()) == ["latest"]
    withdrawal = {"date": "2026-11-12T00:00:00Z", "reason": "a broken build"}
    project.trusts("alice", withdrawn=[{"digest": project.digests[NEW], **withdrawal}])
    report = project.publish()
    assert (report.exit_code, failures(report)) == (1, {codes.TAG_RETIRED})
    assert retired(report) == [(NEW, True)]
    assert moved(report) == []

    project.add(NEWEST, project.alice, ["latest"])
    report = project.publish()
    assert (report.exit_code, failures(report)) == (0, set())
    assert (moved(report), project.signed) == (["latest"], [NEWEST])


def test_who_names_a_retired_set_waits_for_it(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.bob)
    project.add(NEW, project.alice)
    report = project.publish(sets=[OLD])
    assert report.exit_code == 1
    assert failures(report) == {codes.SIGNATURE_UNTRUSTED, codes.THRESHOLD}
    assert project.signed == []
    report = project.publish(sets=[NEW])
    assert (report.exit_code, retired(report), project.signed) == (0, [(OLD, False)], [NEW])


def test_who_pushes_a_set_waits_for_it(project: Project) -> None:
    project.trusts("alice")
    before = project.commit()
    project.add(OLD, project.bob)
    between = project.commit()
    project.add(NEW, project.alice)
    project.commit()
    for since, exit_code, named in (
        (before, 1, []),
        ("0" * 40, 1, []),  # the push made the branch
        (between, 0, [(OLD, False)]),
    ):
        report = project.publish(since=since)
        assert (report.exit_code, retired(report)) == (exit_code, named)
        assert bool(failures(report)) == bool(exit_code)
        assert not report.done or project.signed == [NEW]
    assert project.signed == [NEW]


@pytest.mark.parametrize(
    ("name", "before"), [("push", "a" * 40), ("workflow_dispatch", ""), ("schedule", "")]
)
def test_only_a_push_says_where_the_branch_was_before(name: str, before: str) -> None:
    environment = {"GITHUB_EVENT_NAME": name, "GITHUB_REF": "refs/heads/main"}
    payload = {"before": "a" * 40, "repository": {"default_branch": "main"}}
    assert Event.read(environment, payload, "").before == before


def test_of_a_push_from_an_unknown_commit_every_set_is_new(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.bob)
    project.add(NEW, project.alice)
    project.commit()
    report = project.publish(since="1" * 40)
    assert (report.exit_code, retired(report), project.signed) == (1, [], [NEW])


def test_where_no_set_passes_nothing_is_asked_and_it_is_said(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.bob)
    project.add(NEW, project.bob)
    report = project.publish()
    assert report.exit_code == 1
    assert codes.NOTHING_PUBLISHED in failures(report)
    assert (report.retired, project.requests) == ((), [])


def test_where_files_are_at_fault_nothing_is_asked_whatever_else_is_good(project: Project) -> None:
    project.trusts("alice")
    folder = project.add(OLD, project.alice)
    project.add(NEW, project.alice)
    payload = folder / "PAYLOAD_BLOB"
    payload.write_bytes(payload.read_bytes() + b" ")
    report = project.publish()
    assert report.exit_code == 1
    assert failures(report) == {codes.BLOB_SIZE, codes.NOTHING_PUBLISHED}
    assert project.requests == []


@pytest.mark.parametrize("content", ["rubbish\n", f"ghcr.io/acme/app@sha256:{'0' * 64}\n"])
def test_nor_where_it_is_not_said_which_image_it_is(project: Project, content: str) -> None:
    """Such a set moves no tag, so an earlier one would seem to be the last that does."""
    project.trusts("alice")
    project.add(OLD, project.alice, ["latest"])
    (project.add(NEW, project.alice, ["latest"]) / "IMAGE").write_text(content)
    report = project.publish()
    assert (report.exit_code, project.requests) == (1, [])
    assert codes.NOTHING_PUBLISHED in failures(report)


def test_not_even_for_a_stray_file(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.alice)
    (project.add(NEW, project.alice).parent / "stray").write_bytes(b"")
    report = project.publish()
    assert failures(report) == {codes.UNEXPECTED_FILE, codes.NOTHING_PUBLISHED}
    assert project.requests == []


def test_a_good_entry_of_a_retired_set_is_not_asked_for_either(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.alice, ["latest"])
    good = project.add(NEW, project.alice)
    stranger, files = forge.entry([project.bob], digest="0" * 64)
    forge.write(project.root, {NEW: {stranger: files}})
    report = project.publish()
    assert (report.exit_code, retired(report), project.signed) == (0, [(NEW, False)], [OLD])
    assert good.name not in " ".join(project.requests)


def test_how_the_sets_came_about_is_judged_as_before(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.alice)
    before = project.commit()
    project.add(NEW, project.alice)
    (project.root / "README.md").write_text("touched beside a new set")
    project.commit()
    report = project.publish(since=before)
    assert report.exit_code == 1
    assert failures(report) == {codes.CHANGE_MIXED}
    assert project.signed == [OLD]


def test_a_repository_that_the_policy_names_no_more_is_retired(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.alice, ["latest"])
    name, files = forge.entry([project.alice], "ghcr.io/gone/app", "0" * 64, tags=["latest"])
    forge.write(project.root, {NEW: {name: files}})
    report = project.publish()
    assert (report.exit_code, retired(report)) == (0, [(NEW, False)])
    assert moved(report) == ["latest"]
    assert not any("gone" in request for request in project.requests)


def test_an_old_signature_under_a_fresh_set_name_moves_no_tag(project: Project) -> None:
    """The attack: whoever may open a pull request copies a merged entry, and adds LATEST."""
    project.trusts("alice")
    old = project.add(OLD, project.alice, ["latest"])
    project.add(NEW, project.alice, ["latest"])
    project.publish()
    copy = {file.name: file.read_bytes() for file in old.iterdir()}
    forge.write(project.root, {NEWEST: {old.name: copy}})
    project.requests.clear()
    report = project.publish()
    assert report.exit_code == 1
    assert failures(report) == {codes.TAG_RETIRED}
    assert [f.code for f in report.retired[0].failures] == [codes.SIGNATURE_REUSED]
    assert not any(request.startswith("PUT") for request in project.requests)


def test_without_a_policy_and_without_repositories_nothing_is_allowed(project: Project) -> None:
    project.add(OLD, project.alice)
    (project.root / "trusted.pub").write_bytes(project.alice.pem)
    with pytest.raises(UsageError) as refusal:
        project.publish()
    assert refusal.value.failure.code is codes.NO_ALLOW_LIST
