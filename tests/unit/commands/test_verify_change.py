"""verify --base: a new set is judged by the merged ones that it must not undo (step 10)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests import forge
from tests.project import NEW, NEWEST, OLD, Project

from ghcr_signer.core import codes
from ghcr_signer.core.ledger import last_movers
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


@pytest.mark.parametrize("more", [{}, {"LATEST": b""}])
def test_a_copy_under_an_older_name_is_refused(project: Project, more: dict[str, bytes]) -> None:
    """Else the copy held the signature first: it could move tags, and the merged set would fail."""
    project.trusts("alice")
    merged = project.add(NEW, project.alice)
    base = project.commit()
    copied(merged, project, OLD, **more)
    project.commit()
    report = project.verify(base)
    assert (report.exit_code, codes_of(report)) == (1, {codes.SET_BENEATH})
    report = project.publish(since=base)
    assert codes.SET_BENEATH in codes_of(report)
    assert "PUT /v2/acme/app/manifests/latest" not in project.requests


def test_a_signature_beside_another_digest_takes_nothing_from_the_one_it_is_for(
    project: Project,
) -> None:
    """As a further layer, which may be invalid, it comes under a name before the merged set's."""
    project.trusts("alice")
    policy = project.root / "policy.yml"
    document = json.loads(policy.read_text())
    document["rules"][0]["everySignature"] = "any"
    policy.write_text(json.dumps(document))
    first = project.add(OLD, project.alice)
    merged = project.add(NEWEST, project.alice, ["latest"])
    project.commit()
    layers = [
        ((each / "PAYLOAD_BLOB").read_bytes(), json.loads(manifest)["layers"][0]["annotations"])
        for each in (first, merged)
        for manifest in [(each / "MANIFEST").read_bytes()]
    ]
    image = (first / "IMAGE").read_bytes()
    forge.write(project.root, {NEW: {first.name: {"IMAGE": image, **forge.artifact(layers)}}})
    report = project.publish(dry_run=True)
    assert all(verdict.passed for verdict in report.verdicts)


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
        with closing(CommittedDirectory(git, head, "SIGNATURES")) as source:
            new, declared = source.read_tags([NEWEST]), source.read_tags([OLD, NEW])
            found = compared_with(source, [NEWEST], new, last_movers(declared))
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
