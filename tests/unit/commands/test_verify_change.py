"""verify --base: a new set is judged by the merged ones that it must not undo (step 10)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import forge
from tests.project import NEW, NEWEST, OLD, Project

from ghcr_signer.core import codes
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.peers.commit import CommittedDirectory
from ghcr_signer.peers.git import Git
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.changes import compared_with


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with EmbeddedRegistry() as registry:
        yield Project(tmp_path, registry.host, [])


def codes_of(report: Report) -> set[codes.Code]:
    return {failure.code for failure in report.all_failures}


def copied(entry: Path, project: Project, set_name: str, **more: bytes) -> None:
    files = {file.name: file.read_bytes() for file in entry.iterdir()}
    forge.write(project.root, {set_name: {entry.name: files | more}})


def test_a_copy_of_a_merged_entry_moves_no_tag(project: Project) -> None:
    project.trusts("alice")
    old = project.add(OLD, project.alice)
    project.add(NEW, project.alice, ["latest"])
    base = project.commit()
    copied(old, project, NEWEST, LATEST=b"")
    project.commit()
    report = project.verify(base)
    assert (report.exit_code, codes_of(report)) == (1, {codes.SIGNATURE_REUSED})
    assert [verdict.set_name for verdict in report.verdicts] == [NEWEST]
    assert report.sets == 1


def test_a_copy_that_moves_nothing_and_a_new_signature_pass(project: Project) -> None:
    project.trusts("alice")
    old = project.add(OLD, project.alice)
    base = project.commit()
    copied(old, project, NEW)
    project.add(NEWEST, project.alice, ["latest"])
    project.commit()
    report = project.verify(base)
    assert (report.exit_code, codes_of(report), report.sets) == (0, set(), 2)


def test_a_tag_does_not_move_to_what_was_signed_before(project: Project) -> None:
    """The last merged mover has a log entry; the new one has none."""
    log = forge.Log()
    (project.root / "root.json").write_bytes(log.trusted_root())
    project.trusts("alice", trustedRoot="root.json")
    for name, logged in ((OLD, None), (NEW, log)):
        digest, files = forge.entry(
            [project.alice],
            digest=forge.sha256(name.encode()),
            log=logged,
            tags=["latest"],
            time=forge.NOW.replace(day=11),
        )
        forge.write(project.root, {name: {digest: files}})
    base = project.commit()
    project.add(NEWEST, project.alice, ["latest"])
    project.commit()
    report = project.verify(base)
    assert (report.exit_code, codes_of(report)) == (1, {codes.TAG_OLDER})


def test_of_the_merged_sets_only_those_that_matter_are_verified_again(project: Project) -> None:
    project.trusts("alice")
    first = project.add(OLD, project.alice, ["v1"])
    project.add(NEW, project.alice, ["latest"])
    project.commit()

    def compared(*tags: str, copies: bool = False) -> frozenset[str]:
        folder = project.add(NEWEST, project.alice, tags)
        if copies:
            copied(first, project, NEWEST)
        head = project.commit()
        git = Git.around(project.root)
        with CommittedDirectory(git, head, "SIGNATURES") as source:
            found = compared_with(source, [NEWEST], source.read_tags([OLD, NEW]))
        shutil.rmtree(folder.parent)
        return found

    assert compared() == frozenset()
    assert compared("latest") == {NEW}
    assert compared("v1") == {OLD}
    assert compared("v2") == frozenset()
    assert compared("v2", copies=True) == {OLD}


def test_what_is_wrong_with_merged_sets_is_not_the_change_s_fault(project: Project) -> None:
    project.trusts("alice")
    project.add(OLD, project.bob, ["latest"])
    base = project.commit()
    project.add(NEW, project.alice, ["latest"])
    project.commit()
    report = project.verify(base)
    assert (report.exit_code, codes_of(report), report.sets) == (0, set(), 1)
