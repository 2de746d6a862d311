"""init: the files of a new project, over nothing that is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests import stand_in
from tests.forge import Signer
from tests.git_repository import Repository
from tests.house.repository import ROOT

from ghcr_signer import cli
from ghcr_signer.core import policy_file
from ghcr_signer.peers import installation
from ghcr_signer.peers.installation import Software

ALICE = Signer()
RELEASED = Software("founders/ghcr-signer", "1a" * 20, "v1.2.3")
WORKFLOW = ".github/workflows/signatures.yml"
FILES = {
    ".gitattributes",
    ".github/CODEOWNERS",
    ".github/dependabot.yml",
    WORKFLOW,
    "README.md",
    "keys/alice.pub",
    "policy.yml",
}
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new repository, and somewhere else alice's public key."""
    (tmp_path / "alice.pub").write_bytes(ALICE.pem)
    root = tmp_path / "project"
    Repository(root)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str]:
        code = cli.run(["init", *(arguments or ASKED)])
        return code, capsys.readouterr().out

    return call


WHERE = ("--image", "ghcr.io/acme/**", "--owner", "@acme/signers")
ASKED = ("--key", "../alice.pub", *WHERE)


def files(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file() or path.is_symlink())
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(".git/")}


def test_all_files_are_written_and_the_policy_says_what_was_asked(root: Path, run: Run) -> None:
    code, shown = run(*ASKED, "--image", "ghcr.io/acme-labs/tool")
    assert code == 0, shown
    assert set(files(root)) == FILES
    policy, trusted_root = policy_file.parse(
        (root / "policy.yml").read_bytes(), lambda path, _: (root / path).read_bytes()
    )
    (rule,) = policy.rules
    assert rule.images == ("ghcr.io/acme/**", "ghcr.io/acme-labs/tool")
    (authority,) = rule.authorities
    assert (authority.name, authority.key.pem) == ("alice", ALICE.pem)
    assert trusted_root is None
    assert "*             @acme/signers\n" in (root / ".github/CODEOWNERS").read_text()
    assert "OWNER" not in (root / ".github/CODEOWNERS").read_text()
    assert "keys/alice.pub" in (root / "README.md").read_text()
    assert authority.key.fingerprint in shown


def test_the_policy_it_wrote_is_well(
    root: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    assert cli.run(["policy", "check", "ghcr.io/acme/app"]) == 0
    assert "ghcr.io/acme/app: images" in capsys.readouterr().out


def test_with_nothing_put_in_it_is_the_template(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghcr_signer.commands.init._require_as_meant", lambda *_: None)
    image = ("--image", "ghcr.io/OWNER/**", "--owner", "@OWNER")
    code, _ = run("--key", "../alice.pub", "--name", "signer", *image)
    assert code == 0
    template = files(ROOT / "template")
    assert files(root) == template | {"keys/signer.pub": ALICE.pem}


@pytest.mark.parametrize(
    "origin",
    ["https://github.com/Acme/signatures.git", "git@github.com:Acme/signatures"],
)
def test_what_is_not_said_is_taken_from_origin(root: Path, run: Run, origin: str) -> None:
    Repository(root).git("remote", "add", "origin", origin)
    code, shown = run("--key", "../alice.pub")
    assert code == 0, shown
    assert "{glob: ghcr.io/acme/**}" in (root / "policy.yml").read_text()
    assert "*             @Acme\n" in (root / ".github/CODEOWNERS").read_text()
    assert "An organization cannot review" in shown


def test_it_is_pushed_to_an_origin_that_there_is(root: Path, run: Run) -> None:
    _, shown = run()
    add, push = "git remote add origin https://", "git push --set-upstream origin HEAD"
    assert 0 < shown.find(add) < shown.find(push)
    Repository(root).git("remote", "add", "origin", "https://forge.example/acme/signatures")
    _, shown = run()
    assert (add in shown, push in shown) == (False, True)


@pytest.mark.parametrize("origin", [None, "https://forge.example/acme/signatures"])
def test_what_nobody_says_is_asked_for_in_one_go(root: Path, run: Run, origin: str | None) -> None:
    if origin:
        Repository(root).git("remote", "add", "origin", origin)
    code, shown = run("--key", "../alice.pub")
    assert (code, files(root)) == (2, {})
    assert "GS2020" in shown
    assert "Add --image 'ghcr.io/acme/**' and --owner @acme/signers" in shown


def test_it_writes_at_the_top_of_the_repository(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "deep").mkdir()
    monkeypatch.chdir(root / "deep")
    assert run("--key", "../../alice.pub", *WHERE)[0] == 0
    assert set(files(root)) == FILES


def test_outside_a_repository_it_says_how_to_begin(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, shown = run("--key", "alice.pub", *WHERE)
    assert (code, "git init" in shown, "GS2009" in shown) == (2, True, True)


def test_a_bare_repository_is_none(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = Repository(tmp_path / "bare", bare=True)
    (tmp_path / "alice.pub").write_bytes(ALICE.pem)
    monkeypatch.chdir(bare.root)
    code, shown = run()
    assert (code, "GS2009" in shown) == (2, True)


# What is there


def test_again_it_writes_nothing(root: Path, run: Run) -> None:
    run()
    before = files(root)
    code, shown = run()
    assert (code, files(root)) == (0, before)
    assert shown.count("there already, the same") == len(FILES) - 1
    assert "README.md: there already, left as it is" in shown


@pytest.mark.parametrize("name", sorted(FILES - {"README.md"}))
def test_a_file_that_differs_is_named_and_nothing_is_written(
    root: Path, run: Run, name: str
) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"# somebody's work\n")
    code, shown = run()
    assert (code, files(root)) == (2, {name: b"# somebody's work\n"})
    assert f"GS2019 not overwritten: {name}" in shown


def test_a_readme_of_the_project_s_own_stays(root: Path, run: Run) -> None:
    (root / "README.md").write_bytes(b"# Acme\n")
    assert run()[0] == 0
    assert (root / "README.md").read_bytes() == b"# Acme\n"
    assert set(files(root)) == FILES


@pytest.mark.parametrize("name", ["CODEOWNERS", "docs/CODEOWNERS"])
def test_code_owners_elsewhere_are_not_put_out_of_force(root: Path, run: Run, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"* @acme/all\n")
    code, shown = run()
    assert (code, set(files(root))) == (2, {name})
    assert f"{name} would not count any more" in shown


@pytest.mark.parametrize("name", [".github", "keys", "policy.yml", "keys/alice.pub"])
@pytest.mark.parametrize("to", ["elsewhere", "nowhere", "file"])
def test_no_link_is_followed(root: Path, run: Run, name: str, to: str) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (root.parent / "file").write_bytes(b"x")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(root.parent / to)
    code, shown = run()
    assert code == 2
    assert f"GS2019 not overwritten: {name}" in shown
    assert list(elsewhere.iterdir()) == []
    assert not (root.parent / "nowhere").exists()
    assert not (root / ".gitattributes").exists()


def test_what_cannot_be_written_leaves_nothing_behind(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def full(path: str, *rest: int) -> int:
        if str(path).endswith("policy.yml"):
            raise OSError(28, "No space left on device", str(path))
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", full)
    code, shown = run()
    assert (code, files(root)) == (2, {})
    assert "policy.yml cannot be written: No space left on device" in shown


def test_what_appears_meanwhile_is_not_overwritten(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "policy.yml").write_bytes(b"# somebody's work\n")
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    code, shown = run()
    assert (code, files(root)) == (2, {"policy.yml": b"# somebody's work\n"})
    assert "policy.yml cannot be written: File exists" in shown


def test_a_key_that_does_not_count_any_more_is_named(root: Path, run: Run) -> None:
    (root / "trusted.pub").write_bytes(Signer().pem)
    assert "trusted.pub does not count beside a policy" in run()[1]


# The key


def test_the_key_is_taken_from_the_token(root: Path, run: Run, tmp_path: Path) -> None:
    cosign = stand_in.cosign(tmp_path, then=f"sys.stdout.write({ALICE.pem.decode()!r})")
    code, shown = run("--sk", "--slot", "authentication", "--cosign", str(cosign.path), *WHERE)
    assert code == 0, shown
    (call,) = cosign.calls
    assert call["arguments"] == ["public-key", "--sk", "--slot", "authentication"]
    assert (root / "keys/signer.pub").read_bytes() == ALICE.pem
    assert "{path: keys/signer.pub}" in (root / "policy.yml").read_text()


def test_a_private_key_is_refused_and_never_shown(root: Path, run: Run) -> None:
    (root.parent / "alice.pub").write_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n")
    code, shown = run()
    assert (code, files(root)) == (2, {})
    assert "GS2004" in shown
    assert "c2VjcmV0" not in shown


@pytest.mark.parametrize(
    "bad",
    [
        ("--image", "ghcr.io/acme/**}, {glob: docker.io/evil/**"),
        ("--image", "ghcr.io/Acme/**"),
        ("--image", "ghcr.io/acme/** # }]"),
        ("--image", "acme"),
        ("--owner", "acme/signers"),
        ("--owner", "@acme\n/policy.yml"),
        ("--name", "../evil"),
        ("--name", "a b"),
        ("--name", "true"),
        ("--slot", "signature"),
    ],
)
def test_what_would_say_something_else_is_refused(
    root: Path, run: Run, bad: tuple[str, ...]
) -> None:
    code, shown = run(*ASKED, *bad)
    assert (code, files(root)) == (2, {}), shown


# Which release


def test_the_workflow_is_pinned_to_what_runs_here(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ghcr_signer.commands.init.installed", lambda: RELEASED)
    code, shown = run()
    assert code == 0
    assert "this build does not know" not in shown
    assert "which is no release" not in shown
    pins = re.findall(r"uses: (.*)", (root / WORKFLOW).read_text())
    assert pins == [
        f"founders/ghcr-signer/.github/workflows/{name}.yml@{RELEASED.commit} # v1.2.3"
        for name in ("verify", "check-image", "comment", "publish")
    ]
    assert "github.com/founders/ghcr-signer" in (root / "README.md").read_text()
    assert not re.search(rb"\bOWNER\b", b"".join(files(root).values()))
    bin_ = Path(sys.executable).parent
    for command in (
        ["zizmor", "--quiet", "--offline", "--pedantic", "--strict-collection", str(root)],
        ["actionlint", "-shellcheck=", "-pyflakes=", str(root / WORKFLOW)],
    ):
        done = subprocess.run([bin_ / command[0], *command[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_development_version_is_said_to_be_one(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreleased = replace(RELEASED, version="v1.3.0.dev0")
    monkeypatch.setattr("ghcr_signer.commands.init.installed", lambda: unreleased)
    assert "the workflows call v1.3.0.dev0, which is no release" in run()[1]


def test_a_build_that_knows_no_release_says_what_to_fill_in(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghcr_signer.commands.init.installed", lambda: None)
    _, shown = run()
    pinned = "<commit>" not in (root / WORKFLOW).read_text()
    assert pinned == ("this build does not know which release it is" not in shown)


URL, COMMIT = "https://github.com/founders/ghcr-signer", "1a" * 20


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (f'{{"url": "{URL}", "vcs_info": {{"vcs": "git", "commit_id": "{COMMIT}"}}}}', True),
        (f'{{"url": "{URL}.git", "vcs_info": {{"vcs": "git", "commit_id": "{COMMIT}"}}}}', True),
        (f'{{"url": "{URL}", "vcs_info": {{"vcs": "git", "commit_id": "main"}}}}', False),
        (f'{{"url": "{URL}", "vcs_info": {{"vcs": "git", "commit_id": 7}}}}', False),
        (f'{{"url": "https://forge.example/a/b", "vcs_info": {{"commit_id": "{COMMIT}"}}}}', False),
        ('{"url": "file:///somewhere", "dir_info": {"editable": true}}', False),
        ("[]", False),
        ("{", False),
    ],
)
def test_an_installer_s_record_tells_the_release(record: str, name: bool) -> None:
    found = installation.read(record)
    assert (found is not None) is name
    if found is not None:
        assert (found.name, found.commit) == ("founders/ghcr-signer", COMMIT)
