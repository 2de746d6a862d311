"""A set becomes a commit that is only judged; test_push.py has the one that is pushed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests import forge
from tests.git_repository import REGULAR, Content, Repository, signatures

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.github.proposal import Proposal
from ghcr_signer.peers.pushing import Clone
from ghcr_signer.transfer import new_commit
from ghcr_signer.transfer.propose import propose

OLD, NEW = "2026-11-20T12:00:00+00:00", "2026-11-21T12:00:00+00:00"
ENTRY, FILES = forge.entry([forge.Signer()], "ghcr.io/acme/app")
MERGED = signatures({OLD: {ENTRY: FILES}}, "deep/SIGNATURES")
NOBODY = {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def proposal(base: str, name: str = NEW) -> Proposal:
    return propose(
        name,
        "deep/SIGNATURES",
        {ENTRY: FILES},
        base_branch="main",
        base_commit=base,
        by_workflow=False,
    )


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_a_trial_needs_nobody_s_name_adds_the_set_and_leaves_the_clone_as_it_is(
    hash_name: str, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / 'a "name": here', hash_name=hash_name)
    base = repository.commit({"README": b"x", **MERGED})
    repository.check_out()

    def state() -> list[str]:
        git = repository.git
        return [git("status", "--porcelain"), git("for-each-ref"), git("ls-files", "--stage")]

    before, git = state(), Git(repository.root, repository.git_dir)
    clone = Clone(repository.root, NOBODY, interactive=False)
    commit = new_commit.trial(clone, proposal(base))
    assert git.parents(commit) == (base,)
    assert [(each.path, each.before, each.after) for each in git.touched(base, commit)] == [
        (path, None, REGULAR)
        for path in sorted(signatures({NEW: {ENTRY: FILES}}, "deep/SIGNATURES"))
    ]
    assert git.read(commit, f"deep/SIGNATURES/{NEW}/{ENTRY}/IMAGE", 999) == FILES["IMAGE"]
    assert new_commit.trial(clone, proposal(base)) == commit
    assert state() == before


@pytest.mark.parametrize(
    ("files", "name", "code"),
    [
        (MERGED, OLD, codes.SET_THERE),
        ({"deep": b"a file"}, NEW, codes.NOT_REGULAR),
        ({"deep/SIGNATURES": b"a file"}, NEW, codes.NOT_REGULAR),
    ],
)
def test_a_set_that_cannot_be_there_is_refused(
    files: dict[str, Content], name: str, code: codes.Code, tmp_path: Path
) -> None:
    repository = Repository(tmp_path)
    base = repository.commit(files)
    clone = Clone(repository.root, NOBODY, interactive=False)
    with pytest.raises(Refused) as refused:
        new_commit.trial(clone, proposal(base, name))
    assert refused.value.failure.code is code
