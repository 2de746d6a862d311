"""Every attack, through every door: refused for its reason and no other, and nothing has moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.attacks import doors, output, scenarios, world
from tests.attacks.case import (
    ACTION,
    BASE,
    GOOD,
    NOTHING_TO_PUBLISH,
    PUBLISH,
    REHEARSAL,
    VERIFY,
    Case,
    cases,
    read,
)
from tests.attacks.operations import Tree
from tests.attacks.recipes.injection import PRINTABLE, SAYS
from tests.attacks.registries import REGISTRIES
from tests.attacks.scenarios import SCENARIOS
from tests.git_repository import Repository
from tests.unit.actions.clone import Clone
from tests.unit.actions.stage import Stage

from ghcr_signer import cli
from ghcr_signer.report.report import Report


def through(door: str) -> pytest.MarkDecorator:
    """The cases that fit through a door."""
    fitting = [case for case in cases() if case.fits(door)]
    return pytest.mark.parametrize("case", fitting, ids=[case.name for case in fitting])


def require_refused(case: Case, door: str, report: Report) -> None:
    """The report tells the codes that it should, the first of them where it should, and acts
    nowhere.
    """
    expected = case.told_at(door)
    assert doors.told(report) == expected, [f"{f.file}: {f.message}" for f in report.all_failures]
    assert report.exit_code == doors.exit_code(*expected)
    if case.code in expected:
        found = [failure for failure in report.all_failures if failure.code.id == case.code]
        assert any(doors.is_at(each, case.file) for each in found), [each.file for each in found]
    output.require_harmless(report, case.says)


@through(VERIFY)
def test_verify_refuses_it_in_a_work_tree(case: Case, tmp_path: Path) -> None:
    directory = doors.written(case.after, tmp_path)
    require_refused(case, VERIFY, doors.verify_work_tree(directory))


@through(BASE)
def test_verify_refuses_the_change(case: Case, repository: Repository) -> None:
    history = doors.committed(repository, case.trees)
    require_refused(case, BASE, doors.verify_change(history))


@through(REHEARSAL)
def test_a_rehearsal_refuses_it(case: Case, repository: Repository) -> None:
    history = doors.committed(repository, case.trees)
    with doors.registry(case.before) as registry:
        require_refused(case, REHEARSAL, doors.rehearse(history, registry.embedded.host))
        # what only the rules for changes refuse is rehearsed before they are asked
        assert registry.writes == [] or case.step == 11


@through(PUBLISH)
def test_publish_refuses_it_and_moves_nothing(case: Case, repository: Repository) -> None:
    history = doors.committed(repository, case.trees)
    with doors.registry(case.before) as registry:
        if case.registry:
            REGISTRIES[case.registry](registry)
        before = registry.tags
        report = doors.publish_branch(history, registry.embedded.host)
        if case.doors[PUBLISH] == NOTHING_TO_PUBLISH:
            assert doors.told(report) == []
        else:
            require_refused(case, PUBLISH, report)
        assert registry.writes == [] or case.registry  # which takes good signatures, and no tag
        assert registry.tags == before


@through(ACTION)
def test_an_action_refuses_it_and_moves_nothing(case: Case, tmp_path: Path, stage: Stage) -> None:
    with doors.registry(case.before) as registry:
        before = registry.tags
        scene = scenarios.set_up(case, tmp_path, stage, registry.embedded.host)
        told = SCENARIOS[case.scenario](scene)
        assert told.codes == case.told_at(ACTION), told.said
        assert told.code == doors.exit_code(*told.codes)
        assert told.files == [case.file or None]
        assert registry.writes == []
        assert registry.tags == before
    output.require_harmless_run(told, case.says)


def by_what_is_printed() -> list[Case]:
    """The cases that say something; those of a run or a registry are above."""
    return [case for case in cases() if case.says and case.fits(BASE)]


@pytest.mark.parametrize("case", by_what_is_printed(), ids=lambda case: case.name)
def test_the_runner_s_log_shows_it_and_obeys_nothing(
    case: Case, repository: Repository, stage: Stage
) -> None:
    """The action, on the merge of the attack as a pull request."""
    base = repository.commit(case.before)
    head = repository.commit(case.after, base)
    merge = repository.commit(case.after, base, head)
    told = stage.run("verify", "pull_request", Clone(repository.root), {"head": head}, commit=merge)
    assert case.code in told.codes
    output.require_harmless_run(told, case.says)


@pytest.mark.parametrize("case", by_what_is_printed(), ids=lambda case: case.name)
def test_the_command_line_shows_it_and_obeys_nothing(
    case: Case,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In each form, as a step of a job may run it."""
    history = doors.committed(repository, case.trees)
    monkeypatch.chdir(repository.root)
    for form in ("text", "json", "markdown"):
        code = cli.run(["verify", "--base", history.base, "--format", form])
        assert code == doors.exit_code(*case.told_at(BASE))
        captured = capsys.readouterr()
        assert captured.err == ""
        output.require_harmless_lines(captured.out, form)
        assert case.says in captured.out


def test_what_a_good_proposal_says_is_shown_and_obeyed_by_nobody(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It passes, so a reviewer reads it; and `policy check` says it in words."""
    authority = world.authority("alice", revoked={"reason": PRINTABLE}) | {"name": PRINTABLE}
    rule = world.rule(authority, name=PRINTABLE, annotations={PRINTABLE: PRINTABLE})
    withdrawal = {"digest": f"sha256:{world.NEW}", "date": "2025-01-01T00:00:00Z"}
    proposed = world.policy_of(rule, withdrawn=[withdrawal | {"reason": PRINTABLE}])
    before: Tree = dict(read(GOOD / "base"))
    after: Tree = {**before, **proposed}
    report = doors.verify_change(doors.committed(repository, (before, after)))
    assert doors.told(report) == []
    output.require_harmless(report, SAYS)
    doors.written(after, tmp_path)
    for form in ("text", "markdown"):
        policy = str(tmp_path / "policy.yml")
        assert cli.run(["policy", "check", "--policy", policy, "--format", form]) == 0
        shown = capsys.readouterr().out
        assert SAYS in shown
        output.require_harmless_lines(shown, form)


GOOD_TREES: tuple[Tree, Tree] = (
    dict(read(GOOD / "base")),
    {**read(GOOD / "base"), **read(GOOD / "change")},
)


def test_what_is_no_attack_passes_through_every_door(
    repository: Repository, tmp_path: Path
) -> None:
    """So it is the fault alone that is refused."""
    found = [doors.verify_work_tree(doors.written(GOOD_TREES[1], tmp_path))]
    history = doors.committed(repository, GOOD_TREES)
    found.append(doors.verify_change(history))
    with doors.registry(GOOD_TREES[0]) as registry:
        found.append(doors.rehearse(history, registry.embedded.host))
        assert registry.writes
        registry.writes.clear()
        found.append(doors.publish_branch(history, registry.embedded.host))
        assert registry.tags["acme/app:latest"] == f"sha256:{world.NEW}"
        assert registry.holds_signatures(world.NEW)
    for report in found:
        assert doors.told(report) == []
        assert report.verdicts
        output.require_harmless(report, "")
