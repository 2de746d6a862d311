"""`push`: a set becomes a branch of its own, and nothing else of the signer's moves.

git is the real one, and so are the repositories; `pre-receive` refuses as a protected repository
does. The verdict on what was pushed is that of `verify --base`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests import forge
from tests.signer import BRANCH, FORK, HUB, IMAGE, SET, TRUST, UPSTREAM, Signer, codes_of

from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.core import codes
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

PAGE = f"{HUB}{UPSTREAM}/compare/main...acme:{BRANCH}?expand=1"
FORK_PAGE = f"{HUB}{UPSTREAM}/compare/main...signer:{BRANCH}?expand=1"
OTHER = "2026-11-20T11:59:59+00:00"


class Person(Progress):
    """Somebody who is there."""

    interactive = True


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


def says(report: Report) -> str:
    texts = [*report.notices, *report.next_steps]
    texts += [f"{each.message} {each.next_step}" for each in report.all_failures]
    return "\n".join(texts)


def again(signer: Signer) -> str:
    """The command that it gives for going on."""
    return f"ghcr-signer push {signer.clone}/SIGNATURES/{SET} --transparency-log optional"


# What is pushed


def test_the_branch_is_the_set_on_top_of_the_default_branch(signer: Signer) -> None:
    files = signer.write()
    main = signer.branches()["main"]

    report = signer.push()

    assert codes_of(report) == []
    commit = signer.branches()[BRANCH]
    assert signer.branches() == {"main": main, BRANCH: commit}
    assert signer.files(commit) == files
    assert signer.git("rev-parse", f"{commit}^@") == main
    who = "A Signer <signer@example.com>"
    assert signer.git("log", "-1", "--format=%an <%ae>%n%cn <%ce>", commit) == f"{who}\n{who}"
    assert signer.git("log", "-1", "--format=%B", commit).startswith(f"Sign {IMAGE}@sha256:")
    assert signer.verify(commit).exit_code == 0
    assert f"{BRANCH} at {HUB}{UPSTREAM} is commit {commit}" in report.notices
    assert report.next_steps == (f"open the pull request: {PAGE}",)


def as_told(report: Report, signer: Signer) -> None:
    """What it says of the clone is done, and then the clone is pulled."""
    (told,) = (each for each in report.notices if "before the next git pull: " in each)
    subprocess.run(["sh", "-c", told.partition("pull: ")[2]], cwd=signer.clone, check=True)
    signer.git("pull", "--quiet", "--ff-only")


def test_when_it_is_merged_the_clone_can_be_pulled(signer: Signer) -> None:
    signer.write()
    report = signer.push()
    commit = signer.branches()[BRANCH]
    signer.git("update-ref", "refs/heads/main", commit, at=signer.bare(UPSTREAM))
    as_told(report, signer)
    assert signer.git("status", "--porcelain") == ""
    assert signer.git("rev-parse", "HEAD") == commit


def attributes(signer: Signer) -> None:
    """Everything that would change bytes on their way into a commit, or out of it."""
    hostile = (
        "* text eol=crlf ident filter=evil working-tree-encoding=UTF-16\n*_BLOB export-ignore\n"
    )
    (signer.clone / ".gitattributes").write_text(hostile)
    (signer.clone / "SIGNATURES" / ".gitattributes").write_text(hostile)
    (signer.clone / ".git" / "info" / "attributes").write_text(hostile)
    for setting in ("core.autocrlf=true", "core.eol=crlf", "core.safecrlf=true"):
        signer.git("config", *setting.split("="))
    for way in ("clean", "smudge"):
        signer.git("config", f"filter.evil.{way}", f"touch {signer.folder}/ran; tr a-z A-Z")
    changed = signer.git("hash-object", "--path=README.md", "README.md")
    assert changed != signer.git("hash-object", "--no-filters", "README.md")


def hooks(signer: Signer) -> None:
    """Every hook of the signer's."""
    folder = signer.clone / ".git" / "hooks"
    for name in (
        *("pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "pre-push"),
        *("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"),
    ):
        hook = folder / name
        hook.write_text(f"#!/bin/sh\ntouch {signer.folder}/ran\nexit 1\n")
        hook.chmod(0o755)


def dirty(signer: Signer) -> None:
    """Work that is not done: changed, staged, removed, ignored."""
    (signer.clone / "README.md").write_bytes(b"half a sentence\n")
    (signer.clone / "secret.txt").write_bytes(b"not yet\n")
    (signer.clone / "SIGNATURES" / "notes.txt").write_bytes(b"private\n")
    signer.git("add", "README.md", "secret.txt")
    signer.git("rm", "--quiet", "--cached", "trusted.pub")
    (signer.clone / ".gitignore").write_text("SIGNATURES\n")


def detached(signer: Signer) -> None:
    signer.git("switch", "--quiet", "--detach")


def other_branch(signer: Signer) -> None:
    """A branch that has nothing to do with the default one."""
    signer.git("switch", "--quiet", "--orphan", "work")
    (signer.clone / "trusted.pub").write_bytes(signer.key.pem)
    (signer.clone / "x").write_bytes(b"x\n")
    signer.git("add", "x")
    signer.git("commit", "--quiet", "--message", "x")


def middle_of_a_merge(signer: Signer) -> None:
    signer.git("switch", "--quiet", "--create", "side")
    (signer.clone / "README.md").write_bytes(b"theirs\n")
    signer.git("commit", "--quiet", "--all", "--message", "side")
    signer.git("switch", "--quiet", "main")
    signer.git("merge", "--quiet", "--no-ff", "--no-commit", "side")


def behind(signer: Signer) -> None:
    """Upstream has moved on."""
    signer.merge(**{"README.md": b"Signatures, and more\n"})


def shallow(signer: Signer) -> None:
    signer.merge(**{"README.md": b"Signatures, and more\n"})
    signer.git("clone", "--quiet", "--depth=1", f"{HUB}{UPSTREAM}", "shallow", at=signer.folder)
    for name in (".git/shallow", "SIGNATURES"):
        assert (signer.clone / name).exists() == (name == "SIGNATURES")
    (signer.clone / "SIGNATURES").rename(signer.folder / "shallow" / "SIGNATURES")
    signer.clone.rename(signer.folder / "whole")
    (signer.folder / "shallow").rename(signer.clone)
    assert (signer.clone / ".git/shallow").exists()


def grafted(signer: Signer) -> None:
    """A replaced commit, and a setting for everything that a push could take along."""
    main = signer.git("rev-parse", "HEAD")
    empty = signer.git("mktree")
    signer.git("replace", main, signer.git("commit-tree", "-m", "x", empty))
    signer.git("tag", "--annotate", "--message", "mine", "mine")
    for setting in (
        "push.followTags=true",
        "push.recurseSubmodules=on-demand",
        "push.default=matching",
    ):
        signer.git("config", *setting.split("="))
    signer.git("config", "remote.origin.push", "+refs/heads/*:refs/heads/*")


@pytest.mark.parametrize(
    "make",
    [attributes, hooks, dirty, detached, other_branch, middle_of_a_merge, behind, shallow, grafted],
)
def test_whatever_the_clone_is_in_the_midst_of_only_the_set_is_pushed(
    make: Callable[[Signer], None], signer: Signer
) -> None:
    files = signer.write()
    make(signer)
    before = signer.state
    (signer.folder / "ran").unlink(missing_ok=True)

    assert codes_of(signer.push()) == []

    assert not (signer.folder / "ran").exists()
    assert signer.state == before
    assert set(signer.branches()) == {"main", BRANCH}
    commit = signer.branches()[BRANCH]
    assert signer.files(commit) == files
    at = signer.bare(UPSTREAM)
    assert signer.git("rev-parse", f"{commit}^", at=at) == signer.branches()["main"]
    assert signer.git("tag", at=at) == ""
    if make not in (shallow, grafted):  # whose clones are not whole, or not what they seem
        assert signer.verify(commit).exit_code == 0


def test_it_may_be_a_linked_work_tree_and_a_folder_further_down(signer: Signer) -> None:
    signer.git("worktree", "add", "--quiet", "--detach", str(signer.folder / "linked"))
    files = signer.write()
    folder = signer.folder / "linked" / "release" / "our signatures"
    folder.parent.mkdir()
    (signer.clone / "SIGNATURES").rename(folder)
    assert codes_of(signer.push(at=folder)) == []
    assert signer.files(signer.branches()[BRANCH]) == {
        path.replace("SIGNATURES", "release/our signatures", 1): content
        for path, content in files.items()
    }


@pytest.mark.parametrize("where", ["", "SIGNATURES"])
def test_a_key_is_named_from_where_the_signer_is(
    where: str, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer.write()
    monkeypatch.chdir(signer.clone / where)
    key = Path("../trusted.pub" if where else "trusted.pub")
    assert codes_of(signer.push(trust=replace(TRUST, keys=(key,)))) == []
    assert BRANCH in signer.branches()


def test_variables_that_lead_to_another_repository_lead_nowhere(signer: Signer) -> None:
    signer.write()
    elsewhere = str(signer.make("acme/elsewhere"))
    leading = dict.fromkeys(("GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"), elsewhere)
    report = signer.push(**leading, GIT_INDEX_FILE="/nowhere", GIT_NAMESPACE="x")
    assert codes_of(report) == []
    assert BRANCH in signer.branches()


def test_other_sets_that_are_there_already_stay(signer: Signer) -> None:
    older = signer.write(OTHER)
    assert codes_of(signer.push(OTHER)) == []
    signer.git("push", "--quiet", f"{HUB}{UPSTREAM}", f"{signer.branches()[_branch(OTHER)]}:main")
    files = signer.write(optional={"other": "yes"})
    assert codes_of(signer.push()) == []
    assert signer.files(signer.branches()[BRANCH]) == files
    assert older.keys() & files.keys() == set()


def _branch(name: str) -> str:
    return f"ghcr-signer/{name.replace(':', '-').removesuffix('+00-00')}Z"


# The same again


def test_the_same_again_finds_what_was_pushed(signer: Signer) -> None:
    signer.write()
    first = signer.push()
    there = signer.branches()
    assert signer.push().notices == first.notices
    signer.merge(**{"README.md": b"meanwhile\n"})
    assert signer.push().notices[-1] == first.notices[-1]
    assert signer.branches()[BRANCH] == there[BRANCH]


def test_after_an_answer_that_was_lost_it_goes_on(signer: Signer) -> None:
    signer.write()
    hook = signer.hook(UPSTREAM, "post-receive", "kill -9 $PPID")
    lost = signer.push()
    assert (codes_of(lost), lost.exit_code) == (["GS1335"], 3)
    there = signer.branches()[BRANCH]
    assert lost.next_steps == (
        f"ghcr-signer push {signer.clone}/SIGNATURES/{SET} --transparency-log optional",
    )
    hook.unlink()
    assert codes_of(signer.push()) == []
    assert signer.branches()[BRANCH] == there


def test_a_branch_that_is_elsewhere_in_the_end_is_no_success(signer: Signer) -> None:
    signer.write()
    signer.hook(UPSTREAM, "post-receive", f"git update-ref refs/heads/{BRANCH} main")
    assert codes_of(signer.push()) == [codes.PUSH_DIFFERS.id]


def taken(signer: Signer, make: Callable[[], str]) -> None:
    commit = make()
    signer.git("push", "--quiet", f"{HUB}{UPSTREAM}", f"{commit}:refs/heads/{BRANCH}")
    before = signer.branches()
    report = signer.push()
    assert codes_of(report) == [codes.BRANCH_TAKEN.id]
    assert signer.branches() == before


def test_a_branch_of_something_else_is_left_as_it_is(signer: Signer) -> None:
    signer.write()
    taken(signer, lambda: signer.git("rev-parse", "HEAD"))


def test_so_is_one_that_holds_the_set_and_more(signer: Signer) -> None:
    signer.write()

    def make() -> str:
        signer.git("add", "SIGNATURES")
        (signer.clone / "more").write_bytes(b"more\n")
        signer.git("add", "more")
        signer.git("commit", "--quiet", "--message", "x")
        return signer.git("rev-parse", "HEAD")

    taken(signer, make)


def test_so_is_one_that_holds_the_set_on_top_of_something_else(signer: Signer) -> None:
    signer.write()

    def make() -> str:
        (signer.clone / "more").write_bytes(b"more\n")
        for path in ("more", "SIGNATURES"):
            signer.git("add", path)
            signer.git("commit", "--quiet", "--message", "x")
        return signer.git("rev-parse", "HEAD")

    taken(signer, make)


def test_so_is_one_that_appears_in_the_meantime(signer: Signer) -> None:
    """Even one that a push without force could have moved on."""
    signer.write()
    main = signer.branches()["main"]
    at = signer.bare(UPSTREAM)

    class Meanwhile(Progress):
        def say(self, text: str) -> None:
            if text.startswith("Pushing"):
                signing.append(text)

    signing: list[str] = []
    program = signer.folder / "gpg"
    update = f"git --git-dir={at} update-ref refs/heads/{BRANCH} {main}"
    program.write_text(f"#!/bin/sh\nenv -i PATH=$PATH {update}\necho '[GNUPG:] SIG_CREATED ' >&2\n")
    program.chmod(0o755)
    signer.git("config", "commit.gpgSign", "true")
    signer.git("config", "gpg.program", str(program))
    report = signer.push(progress=Meanwhile())
    assert signing == [f"Pushing the branch {BRANCH}"]
    assert codes_of(report) == [codes.PUSH_FAILED.id]
    assert "stale info" in says(report)
    assert signer.branches()[BRANCH] == main
    assert codes_of(signer.push()) == [codes.BRANCH_TAKEN.id]


def test_a_set_that_is_merged_is_not_pushed_again(signer: Signer) -> None:
    signer.write()
    signer.push()
    commit = signer.branches()[BRANCH]
    signer.git("push", "--quiet", f"{HUB}{UPSTREAM}", f"{commit}:main", f":{BRANCH}")
    report = signer.push()
    assert (codes_of(report), report.next_steps) == ([codes.SET_THERE.id], ())
    assert BRANCH not in signer.branches()


# Whoever signs second


def two_must_sign(signer: Signer) -> forge.Signer:
    """Upstream's policy wants two signers; the other one."""
    other = forge.Signer()
    keys = {"alice": signer.key, "bob": other}
    rule = {
        "name": "app",
        "images": [{"glob": "ghcr.io/acme/**"}],
        "authorities": [{"name": name, "key": {"path": f"{name}.pub"}} for name in keys],
        "threshold": 2,
        "transparencyLog": "optional",
    }
    policy = json.dumps({"version": 1, "rules": [rule]}).encode()  # which is YAML too
    pems = {f"{name}.pub": key.pem for name, key in keys.items()}
    signer.merge(**{"policy.yml": policy, **pems})
    signer.git("pull", "--quiet", "--ff-only")
    return other


def add_to(signer: Signer, other: forge.Signer) -> dict[str, bytes]:
    """The other checks the branch out, and signs too; the set's files."""
    shutil.rmtree(signer.clone / "SIGNATURES")
    signer.git("fetch", "--quiet", "origin")
    signer.git("switch", "--quiet", BRANCH)
    shutil.rmtree(signer.clone / "SIGNATURES")
    return signer.write(by=[signer.key, other])


def test_what_waits_for_a_second_signer_is_pushed_and_followed(signer: Signer) -> None:
    other = two_must_sign(signer)
    signer.write()
    first = signer.push(trust=TrustOptions())
    assert codes_of(first) == []
    assert [notice for notice in first.notices if "NOT ENOUGH YET" in notice] == [
        "NOT ENOUGH YET: alice signed, and the rule 'app' wants 1 more of bob"
    ]
    before = signer.branches()
    assert "GS0901" in codes_of(signer.verify(before[BRANCH], TrustOptions()))

    files = add_to(signer, other)
    second = signer.push(trust=TrustOptions())

    assert codes_of(second) == []
    commit = signer.branches()[BRANCH]
    assert (
        signer.git("rev-parse", f"{commit}^") == before[BRANCH] == signer.git("rev-parse", "HEAD")
    )
    at = signer.bare(UPSTREAM)
    changed = signer.git("diff", "--name-only", "main", commit, at=at).splitlines()
    assert set(changed) == files.keys()
    assert signer.verify(commit, TrustOptions()).exit_code == 0
    as_told(second, signer)
    assert signer.git("rev-parse", "HEAD") == commit
    signer.merge(**{"README.md": b"meanwhile\n"})
    assert codes_of(signer.push(trust=TrustOptions())) == []
    assert signer.branches()[BRANCH] == commit


def test_a_branch_that_the_signer_does_not_stand_on_is_not_followed(signer: Signer) -> None:
    other = two_must_sign(signer)
    signer.write()
    signer.push(trust=TrustOptions())
    before = signer.branches()
    add_to(signer, other)
    signer.git("symbolic-ref", "HEAD", "refs/heads/main")
    assert codes_of(signer.push(trust=TrustOptions())) == [codes.BRANCH_TAKEN.id]
    assert signer.branches() == before


def test_nor_is_one_that_brings_more_than_the_set(signer: Signer) -> None:
    other = two_must_sign(signer)
    signer.write()
    signer.push(trust=TrustOptions())
    add_to(signer, other)
    (signer.clone / "more").write_bytes(b"more\n")
    signer.git("add", "more")
    signer.git("commit", "--quiet", "--message", "more")
    signer.git("push", "--quiet", f"{HUB}{UPSTREAM}", f"HEAD:{BRANCH}")
    before = signer.branches()
    assert codes_of(signer.push(trust=TrustOptions())) == [codes.BRANCH_TAKEN.id]
    assert signer.branches() == before


# Upstream refuses


@pytest.mark.parametrize("name", ["fork", "mine"])
def test_where_upstream_refuses_it_goes_to_the_fork(name: str, signer: Signer) -> None:
    files = signer.write()
    signer.fork(name)
    signer.merge(**{"README.md": b"the fork is behind\n"})
    signer.refuse()
    before = signer.branches(FORK)["main"]

    report = signer.push()

    assert codes_of(report) == []
    assert set(signer.branches()) == {"main"}
    commit = signer.branches(FORK)[BRANCH]
    assert signer.branches(FORK)["main"] == before
    assert signer.files(commit, FORK) == files
    assert report.next_steps == (f"open the pull request: {FORK_PAGE}",)
    assert signer.push().notices == report.notices


def test_a_clone_of_the_fork_knows_upstream_by_its_name(signer: Signer) -> None:
    files = signer.write()
    signer.fork()
    signer.git("remote", "rename", "origin", "upstream")
    signer.git("remote", "add", "origin", f"git@github.com:{FORK}.git")
    signer.git("config", "--global", "--add", *_instead_of_ssh(signer))
    signer.git("remote", "add", "colleague", f"{HUB}colleague/signatures")
    signer.refuse()
    report = signer.push()
    assert codes_of(report) == []
    assert signer.files(signer.branches(FORK)[BRANCH], FORK) == files
    assert report.next_steps == (f"open the pull request: {FORK_PAGE}",)


def _instead_of_ssh(signer: Signer) -> tuple[str, str]:
    signer.bare(FORK).with_suffix(".git").symlink_to(signer.bare(FORK))
    return f"url.{(signer.folder / 'hub').as_uri()}/.insteadOf", "git@github.com:"


def test_a_remote_that_is_pushed_to_elsewhere_is_pushed_to_there(signer: Signer) -> None:
    files = signer.write()
    signer.fork()
    signer.git("config", "remote.origin.pushurl", f"{HUB}{FORK}")
    report = signer.push()
    assert codes_of(report) == []
    assert set(signer.branches()) == {"main"}
    assert signer.files(signer.branches(FORK)[BRANCH], FORK) == files
    assert report.next_steps == (f"open the pull request: {FORK_PAGE}",)


def test_without_a_fork_it_says_how_to_get_one(signer: Signer) -> None:
    signer.write()
    signer.git("remote", "set-url", "origin", f"https://me:s3cret@github.com/{UPSTREAM}")
    hub = (signer.folder / "hub").as_uri()
    signer.git(
        "config", "--global", "--add", f"url.{hub}/.insteadOf", "https://me:s3cret@github.com/"
    )
    signer.git("remote", "add", "another-project", f"{HUB}signer/other")
    signer.refuse()
    report = signer.push()
    assert (codes_of(report), report.exit_code) == ([codes.PUSH_DENIED.id], 3)
    (failure,) = report.all_failures
    assert "pre-receive hook declined" in failure.message
    assert failure.next_step == (
        f"Fork it at {HUB}{UPSTREAM}/fork and name the fork: git remote add fork"
        f" {HUB}YOUR-NAME/signatures, then run: {again(signer)}"
    )
    assert "s3cret" not in repr(report)
    assert report.next_steps == (again(signer),)
    signer.fork("fork")
    assert codes_of(signer.push()) == []


def test_it_does_not_choose_between_two_forks(signer: Signer) -> None:
    signer.write()
    for name in ("one", "two"):
        signer.git("remote", "add", name, f"{HUB}{name}/signatures")
    signer.refuse()
    assert "Say which of 'one' or 'two' is your fork: git remote rename NAME fork" in says(
        signer.push()
    )


def test_where_the_fork_refuses_too_nothing_is_pushed(signer: Signer) -> None:
    signer.write()
    signer.fork("fork")
    signer.refuse()
    signer.refuse(FORK)
    report = signer.push()
    assert codes_of(report) == [codes.PUSH_DENIED.id]
    assert f"{HUB}{FORK}: " in says(report)
    assert BRANCH not in signer.branches(FORK)


def test_a_repository_that_is_not_on_github_has_no_page(signer: Signer) -> None:
    files = signer.write()
    signer.git("remote", "set-url", "origin", str(signer.bare(UPSTREAM)))
    report = signer.push(GH_TOKEN="s3cret")
    assert signer.files(signer.branches()[BRANCH]) == files
    assert report.next_steps == ()
    assert "open its pull request where that repository is" in report.notices
    signer.write(OTHER)
    signer.refuse()
    assert "git remote add fork URL" in says(signer.push(OTHER))


# What is refused


def test_what_does_not_verify_is_not_pushed(signer: Signer) -> None:
    path = next(name for name in signer.write() if name.endswith("PAYLOAD_BLOB"))
    (signer.clone / path).write_bytes(b"{}")
    before = signer.branches()
    report = signer.push()
    assert "GS0301" in codes_of(report)
    assert signer.branches() == before


@pytest.mark.parametrize(
    ("stray", "code"),
    [(f"{SET}/notes", "GS0101"), (f"{SET}/{64 * 'a'}/notes", "GS0106"), (f"{OTHER}/x", "GS0101")],
)
def test_nothing_rides_along(stray: str, code: str, signer: Signer) -> None:
    signer.write()
    path = signer.clone / "SIGNATURES" / stray
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    report = signer.push(stray.partition("/")[0])
    assert report.exit_code == 1
    assert set(signer.branches()) == {"main"}


def test_a_link_is_no_file_of_a_set(signer: Signer) -> None:
    path = signer.clone / next(iter(signer.write()))
    path.rename(signer.folder / "x")
    path.symlink_to(signer.folder / "x")
    assert codes_of(signer.push()) == [codes.NOT_REGULAR.id]
    assert set(signer.branches()) == {"main"}


def test_what_ci_would_refuse_is_not_pushed(signer: Signer) -> None:
    """By the default branch's own trust, whatever lies in the clone."""
    signer.write()
    (signer.clone / "trusted.pub").unlink()
    assert codes_of(signer.push(trust=TrustOptions())) == ["GS0601", "GS0901"]
    signer.merge(**{"trusted.pub": forge.Signer().pem})
    (signer.clone / "trusted.pub").write_bytes(signer.key.pem)
    report = signer.push()
    assert codes_of(report) == ["GS0502", "GS0901"]
    assert report.next_steps == ()
    assert set(signer.branches()) == {"main"}


def test_a_set_that_lies_ahead_or_moves_a_tag_back_is_not_pushed(signer: Signer) -> None:
    ahead = "2099-01-01T00:00:00+00:00"
    signer.write(ahead)
    assert "GS1107" in codes_of(signer.push(ahead))
    shutil.rmtree(signer.clone / "SIGNATURES")
    signer.write()
    signer.push()
    signer.git("push", "--quiet", f"{HUB}{UPSTREAM}", f"{signer.branches()[BRANCH]}:main")
    signer.write(OTHER, optional={"other": "yes"})
    assert "GS1108" in codes_of(signer.push(OTHER))
    assert set(signer.branches()) == {"main", BRANCH}


def nobody(signer: Signer) -> None:
    signer.git("config", "--global", "--unset", "user.name")


def no_remote(signer: Signer) -> None:
    signer.git("remote", "remove", "origin")


def two_remotes(signer: Signer) -> None:
    signer.git("remote", "rename", "origin", "one")
    signer.git("remote", "add", "two", HUB)


def empty(signer: Signer) -> None:
    signer.make("acme/empty")
    signer.git("remote", "set-url", "origin", f"{HUB}acme/empty")


def gone(signer: Signer) -> None:
    signer.git("remote", "set-url", "origin", f"{HUB}acme/gone")


def no_repository(signer: Signer) -> None:
    (signer.clone / ".git").rename(signer.folder / "moved")


def no_signature(signer: Signer) -> None:
    signer.git("config", "commit.gpgSign", "true")
    signer.git("config", "gpg.program", "false")


def in_the_way(signer: Signer) -> None:
    signer.merge(SIGNATURES=b"a file\n")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (nobody, codes.NO_IDENTITY),
        (no_remote, codes.NO_REMOTE),
        (two_remotes, codes.NO_REMOTE),
        (empty, codes.NO_DEFAULT_BRANCH),
        (gone, codes.PUSH_FAILED),
        (no_repository, codes.NO_REPOSITORY),
        (no_signature, codes.NO_NEW_COMMIT),
        (in_the_way, codes.NOT_REGULAR),
    ],
    ids=lambda value: getattr(value, "__name__", value.id if hasattr(value, "id") else None),
)
def test_what_it_cannot_do_is_said_in_words(
    make: Callable[[Signer], None], code: codes.Code, signer: Signer
) -> None:
    signer.write()
    make(signer)
    report = signer.push()
    assert codes_of(report) == [code.id]
    assert report.exit_code == code.exit_code
    assert report.next_steps[0].startswith("ghcr-signer push ")
    assert set(signer.branches()) == {"main"}


# Signed commits


def test_who_signs_commits_signs_this_one(signer: Signer) -> None:
    key = signer.folder / "id"
    signer.bytes(*("-c", f"alias.k=!ssh-keygen -q -t ed25519 -N '' -f {key}", "k"))
    (signer.folder / "allowed").write_text(
        f"signer@example.com {key.with_suffix('.pub').read_text()}"
    )
    for name, value in {
        "commit.gpgSign": "yes",
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "gpg.ssh.allowedSignersFile": str(signer.folder / "allowed"),
    }.items():
        signer.git("config", "--global", name, value)
    signer.write()
    assert codes_of(signer.push()) == []
    assert signer.git("log", "-1", "--format=%G? %GS", signer.branches()[BRANCH]) == (
        "G signer@example.com"
    )


# Nobody is asked who is not there


def ssh(signer: Signer, name: str = "ssh") -> Path:
    """An ssh that writes down how it was called, and denies access."""
    program = signer.folder / name
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {signer.folder}/called\nenv >> {signer.folder}/env\n'
        "echo 'git@github.com: Permission denied (publickey).' >&2\nexit 255\n"
    )
    program.chmod(0o755)
    signer.git("remote", "set-url", "origin", f"git@github.com:{UPSTREAM}.git")
    return program


@pytest.mark.parametrize("way", ["GIT_SSH_COMMAND", "GIT_SSH", "core.sshCommand", "PATH"])
def test_ssh_asks_only_where_somebody_answers(way: str, signer: Signer) -> None:
    signer.write()
    program = ssh(signer)
    given = {"GIT_SSH_VARIANT": "ssh", "SSH_ASKPASS": "/nowhere"}
    if way == "core.sshCommand":
        signer.git("config", way, f"{program} -v")
    elif way == "PATH":
        given[way] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    else:
        given[way] = str(program)
    for progress in (Progress(), Person()):
        report = signer.push(progress=progress, **given)
        assert codes_of(report) == [codes.PUSH_DENIED.id]
        called = (signer.folder / "called").read_text()
        seen = (signer.folder / "env").read_text()
        silent = not progress.interactive
        assert ("-o BatchMode=yes" in called) == silent
        assert ("GIT_TERMINAL_PROMPT=0" in seen) == silent
        assert ("SSH_ASKPASS=/nowhere" in seen) != silent
        for name in ("called", "env"):
            (signer.folder / name).unlink()


def test_an_ssh_of_another_name_keeps_its_own_options(signer: Signer) -> None:
    signer.write()
    program = ssh(signer, "plink")
    signer.push(GIT_SSH=str(program))
    assert "BatchMode" not in (signer.folder / "called").read_text()
