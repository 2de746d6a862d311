"""A set that two people sign, with the real cosign; and what `sign` says CI will say of a set."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.interop.user import Done, User
from tests.peers import images
from tests.peers.cosign import Cosign, KeyPair

from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.commands.forecast import find_base
from ghcr_signer.core.directory import parse_set_name
from ghcr_signer.core.formats.simple_signing import SIGNATURE
from ghcr_signer.core.reference import Reference

IMAGE = images.build()
OTHER = images.build(attestations=True)
SIGNED = [IMAGE.digest, *(manifest.digest for manifest in IMAGE.platforms)]
REPOSITORY = "registry.example/acme/app"
UNLOGGED = ("--", "--tlog-upload=false")
POLICY = """\
version: 1
rules:
- name: app
  images: [{{glob: registry.example/acme/*}}]
  authorities:
  - {{name: alice, key: {{path: alice.pub}}}}
  - {{name: bob, key: {{path: bob.pub}}}}
  threshold: {threshold}
  transparencyLog: optional
  tags: [latest]
"""
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")

three_only = pytest.mark.parametrize("program", [3], indirect=True)


@dataclass(frozen=True, slots=True)
class Team:
    """Two people and a stranger in one clone, whose origin/main has the policy."""

    user: User
    program: Cosign
    keys: dict[str, KeyPair]

    def sign(self, who: str, *more: str | Path, image: str = IMAGE.digest) -> Done:
        files = [part for path in self._subjects() for part in ("--subject", path)]
        key = self.keys[who]
        return self.user.run(
            *("sign", f"{REPOSITORY}@{image}", *files, "--key", key.private),
            *("--cosign", self.program.path, "--yes", *more, *UNLOGGED),
            environment=key.environment,
        )

    def signs(self, who: str, *more: str | Path, image: str = IMAGE.digest) -> Done:
        done = self.sign(who, *more, image=image)
        assert done.code == 0, f"{done.stdout}\n{done.stderr}"
        return done

    def merge(self) -> None:
        """What is here becomes the default branch, as a fetch after the merge brings it."""
        for command in (("add", "."), ("commit", "-qm", "x")):
            subprocess.run([*GIT, *command], cwd=self.user.folder, check=True)
        reference = ("update-ref", "refs/remotes/origin/main", "HEAD")
        subprocess.run([*GIT, *reference], cwd=self.user.folder, check=True)

    def policy(self, threshold: int) -> None:
        (self.user.folder / "policy.yml").write_text(POLICY.format(threshold=threshold))

    @property
    def set(self) -> Path:
        (found,) = self.user.signatures.iterdir()
        return found.relative_to(self.user.folder)

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.user.signatures.rglob("*") if path.is_file())
        return {str(path.relative_to(self.user.signatures)): path.read_bytes() for path in paths}

    def _subjects(self) -> list[Path]:
        paths = []
        for image in (IMAGE, OTHER):
            for manifest in (image.index, *image.manifests):
                path = self.user.folder.parent / f"{manifest.digest[7:19]}.json"
                path.write_bytes(manifest.content)
                paths.append(path)
        return paths


@pytest.fixture(scope="module")
def keys(program: Cosign, tmp_path_factory: pytest.TempPathFactory) -> dict[str, KeyPair]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: program.generate_key("p256", folder) for name in ("alice", "bob", "eve")}


@pytest.fixture
def team(tmp_path: Path, program: Cosign, keys: dict[str, KeyPair]) -> Team:
    (tmp_path / "clone").mkdir()
    made = Team(User(tmp_path / "clone"), program, dict(keys))
    subprocess.run([*GIT, "init", "-q"], cwd=made.user.folder, check=True)
    for name in ("alice", "bob"):
        shutil.copy(keys[name].public, made.user.folder / f"{name}.pub")
    made.policy(2)
    made.merge()
    return made


def layers(path: Path) -> list[object]:
    found: list[object] = json.loads((path / "MANIFEST").read_bytes())["layers"]
    return found


# Two people


def test_the_second_signer_adds_to_what_the_first_has_signed(team: Team) -> None:
    first = team.signs("alice", "--latest")
    assert "NOT ENOUGH YET: alice signed, and the rule 'app' wants 1 more of bob" in first.stdout
    assert f"sign {REPOSITORY}@{IMAGE.digest} --add-to {team.set} --key KEY" in first.stdout
    assert "GS0901" in team.user.run("verify").stdout
    before = {digest: layers(path) for digest, path in team.user.entries.items()}
    name, inodes = team.set.name, team.user.signatures / team.set.name

    second = team.signs("bob", "--add-to", team.set)

    assert (team.set.name, inodes.is_dir()) == (name, True)
    assert sorted(team.user.entries) == sorted(SIGNED)
    for digest, path in team.user.entries.items():
        assert layers(path)[:1] == before[digest]
        assert len(layers(path)) == 2
        assert not (path / "PAYLOAD_BLOB.1").exists()  # two layers, one payload, one file
        assert (path / "LATEST").exists() == (digest == IMAGE.digest)
    assert "signed by alice, bob" in second.stdout
    assert "its check will pass: judged as a change to origin/main" in second.stdout
    assert "switch --create" not in second.stdout
    team.user.does("verify")
    subprocess.run([*GIT, "add", "."], cwd=team.user.folder, check=True)
    subprocess.run([*GIT, "commit", "-qm", "set"], cwd=team.user.folder, check=True)
    team.user.does("verify", "--base", "origin/main")


@three_only
def test_another_annotation_makes_another_payload(team: Team) -> None:
    team.signs("alice", "--no-recursive")
    team.signs("bob", "--add-to", team.set, "-a", "by=bob")
    (path,) = team.user.entries.values()
    assert (path / "PAYLOAD_BLOB.1").exists()
    team.user.does("verify")


@three_only
def test_of_the_image_only_what_the_set_has_is_signed(team: Team) -> None:
    team.signs("alice", "--no-recursive")
    done = team.signs("bob", "--add-to", team.set.name)  # by its name too
    assert "Signature 1 of 1: index" in done.stderr
    assert list(team.user.entries) == [IMAGE.digest]


@three_only
def test_nobody_signs_twice(team: Team) -> None:
    team.signs("alice")
    before = team.files()
    done = team.sign("alice", "--add-to", team.set)
    assert (done.code, "GS1322 this key has signed all of it" in done.stdout) == (1, True)
    assert team.files() == before


@three_only
def test_a_merged_set_is_not_added_to(team: Team) -> None:
    team.policy(1)
    team.merge()
    team.signs("alice")
    team.merge()
    before = team.files()
    done = team.sign("bob", "--add-to", team.set)
    assert (done.code, "GS1321" in done.stdout) == (1, True)
    assert team.files() == before


@three_only
def test_a_set_with_more_than_the_image_is_refused(team: Team) -> None:
    team.signs("alice")
    team.signs("alice", image=OTHER.digest)
    one, other = sorted(team.user.signatures.iterdir())
    for entry in other.iterdir():
        if not (one / entry.name).exists():
            entry.rename(one / entry.name)
    shutil.rmtree(other)
    done = team.sign("bob", "--add-to", team.set)
    assert (done.code, "GS1322" in done.stdout) == (1, True)
    assert "does not list" in done.stdout
    assert "Signature 1" not in done.stderr


@three_only
def test_a_set_without_the_image_is_refused(team: Team) -> None:
    team.signs("alice")
    done = team.sign("bob", "--add-to", team.set, image=OTHER.digest)
    assert (done.code, "GS1322" in done.stdout) == (1, True)


@three_only
def test_nothing_is_signed_beside_what_does_not_verify(team: Team) -> None:
    team.signs("alice")
    path = team.user.entries[IMAGE.digest] / "MANIFEST"
    manifest = path.read_text()
    signature = json.loads(manifest)["layers"][0]["annotations"][SIGNATURE]
    other = f"{signature[:20]}{'B' if signature[20] == 'A' else 'A'}{signature[21:]}"
    path.write_text(manifest.replace(signature, other))
    before = team.files()
    done = team.sign("bob", "--add-to", team.set)
    assert done.code == 1
    assert "Signature 1" not in done.stderr
    assert team.files() == before


@three_only
def test_a_set_that_there_is_not_is_wrong_usage(team: Team) -> None:
    team.signs("alice")
    done = team.sign("bob", "--add-to", "2020-01-01T00:00:00+00:00")
    assert (done.code, "GS2007" in done.stdout) == (2, True)


@three_only
@pytest.mark.parametrize("option", ["--latest", "--no-recursive", "--attestation-manifests"])
def test_what_is_in_the_set_is_not_for_the_second_to_choose(option: str, team: Team) -> None:
    done = team.sign("bob", "--add-to", "2020-01-01T00:00:00+00:00", option)
    assert (done.code, "GS2001" in done.stdout) == (2, True)


# What is known before the first touch


@three_only
@pytest.mark.parametrize(
    ("who", "options", "code"),
    [
        ("eve", (), "GS1320"),
        ("alice", ("--tag", "v1"), "GS1002"),
    ],
)
def test_what_the_policy_will_refuse_is_refused_before(
    who: str, options: tuple[str, ...], code: str, team: Team
) -> None:
    done = team.sign(who, *options)
    assert (done.code, f"✗ {code} " in done.stdout) == (1, True)
    assert f" {team.user.folder / 'policy.yml'}: " in done.stdout
    assert "Signature 1" not in done.stderr
    assert team.user.has_nothing_new


@three_only
def test_it_is_the_policy_of_the_default_branch_that_counts(team: Team) -> None:
    shutil.copy(team.keys["eve"].public, team.user.folder / "bob.pub")  # not merged
    done = team.sign("eve")
    assert (done.code, "✗ GS1320 origin/main:policy.yml: sha256:" in done.stdout) == (1, True)


@three_only
def test_a_policy_of_the_default_branch_that_does_not_load_is_named(team: Team) -> None:
    (team.user.folder / "policy.yml").write_text("version: 2\n")
    team.merge()
    team.policy(1)
    done = team.sign("alice")
    assert (done.code, " origin/main:policy.yml: " in done.stdout) == (2, True)
    assert "Signature 1" not in done.stderr


@three_only
def test_a_tag_that_a_later_set_has_moved_is_not_moved_back(team: Team) -> None:
    team.policy(1)
    team.merge()
    team.signs("alice", "--latest")
    (team.user.folder / team.set).rename(team.user.signatures / "2100-01-01T00:00:00+00:00")
    team.merge()
    done = team.sign("alice", "--latest")
    assert (done.code, "✗ GS1108" in done.stdout) == (1, True)
    assert "Signature 1" not in done.stderr


@three_only
def test_a_branch_with_sets_and_no_trust_takes_no_set(team: Team) -> None:
    team.policy(1)
    team.merge()
    team.signs("alice")
    (team.user.folder / "policy.yml").rename(team.user.folder.parent / "policy.yml")
    team.merge()
    (team.user.folder.parent / "policy.yml").rename(team.user.folder / "policy.yml")
    done = team.sign("alice")
    assert (done.code, "✗ GS1106" in done.stdout) == (1, True)
    assert "Signature 1" not in done.stderr


# What is known afterwards


@three_only
def test_within_the_second_of_a_merged_set_the_next_one_is_foreseen(team: Team) -> None:
    team.signs("alice")
    team.merge()
    base, why = find_base(team.user.signatures, TrustOptions())
    assert base is not None, why
    image = Reference.parse(f"{REPOSITORY}@{OTHER.digest}")
    assert image.digest is not None
    base.check_change(image, [image.digest], (), parse_set_name(team.set.name))


@three_only
def test_a_set_that_ci_would_refuse_stays_where_it_is_and_says_so(team: Team) -> None:
    team.keys["rsa"] = team.program.generate_key("rsa", team.user.folder.parent)
    shutil.copy(team.keys["rsa"].public, team.user.folder / "alice.pub")
    team.policy(1)
    team.merge()
    assert "its check will pass" in team.signs("rsa", "--latest").stdout
    team.merge()

    again = team.sign("rsa", "--latest")  # such a key always makes the same signature

    assert again.code == 1
    assert "✗ GS1006 " in again.stdout
    assert "✗ GS1323 as a change to origin/main (" in again.stdout
    assert "✓ wrote SIGNATURES/" in again.stdout
    assert "Next:" not in again.stdout
    assert len(list(team.user.signatures.iterdir())) == 2


@three_only
def test_without_a_remote_it_is_said_that_nobody_judged(team: Team) -> None:
    reference = ("update-ref", "-d", "refs/remotes/origin/main")
    subprocess.run([*GIT, *reference], cwd=team.user.folder, check=True)
    done = team.signs("alice")
    assert "note: not judged as a pull request: origin's default branch is not known" in done.stdout


@three_only
def test_a_remote_s_head_is_the_default_branch(team: Team) -> None:
    for command in (
        ("update-ref", "refs/remotes/origin/trunk", "HEAD"),
        ("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"),
    ):
        subprocess.run([*GIT, *command], cwd=team.user.folder, check=True)
    assert "judged as a change to origin/trunk (" in team.signs("alice").stdout


@three_only
def test_judging_leaves_no_trace_but_the_set(team: Team) -> None:
    def state() -> list[bytes]:
        commands = (("for-each-ref",), ("ls-files", "--stage"), ("status", "--porcelain=v2"))
        done = [
            subprocess.run([*GIT, *command], cwd=team.user.folder, capture_output=True, check=True)
            for command in commands
        ]
        head = team.user.folder / ".git" / "HEAD"
        return [head.read_bytes(), *(each.stdout for each in done)]

    before = state()
    assert "judged as a change to origin/main" in team.signs("alice").stdout
    shutil.rmtree(team.user.signatures)
    assert state() == before
