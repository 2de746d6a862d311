"""review: what merging would do, by git and by a registry, as a user sees it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.forge import Signer, compact, entry, sha256
from tests.git_repository import Content, Repository, signatures
from tests.peers import images
from tests.shared import dangerzone

from ghcr_signer import cli
from ghcr_signer.core.directory import set_name
from ghcr_signer.embedded_registry import EmbeddedRegistry

SIGNER = Signer()
KEY: dict[str, Content] = {"trusted.pub": SIGNER.pem}
SOURCE = "https://github.com/acme/app"
OLD_SET, NEW_SET = (
    set_name(datetime.now(UTC) - timedelta(days=days), colons=True) for days in (2, 1)
)


def image(revision: str) -> images.Image:
    """An image of one platform that says where it comes from."""
    labels = {
        "org.opencontainers.image.source": SOURCE,
        "org.opencontainers.image.revision": revision,
    }
    config = compact({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}})
    manifest = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "config": {
            "mediaType": images.CONFIG,
            "size": len(config),
            "digest": f"sha256:{sha256(config)}",
        },
        "layers": [],
    }
    return images.Image(images.Manifest(images.MANIFEST, compact(manifest), (config,)), (), ())


OLD, NEW = image("a" * 40), image("b" * 40)
COMPARE = f"{SOURCE}/compare/{'a' * 40}...{'b' * 40}"


class Project:
    """A repository with a merged release and a new one, and the registry of its image."""

    def __init__(self, root: Path, host: str) -> None:
        self.repository = Repository(root)
        self.host, self.name = host, f"{host}/acme/app"
        merged = {**KEY, **self.release(OLD_SET, OLD)}
        self.base = self.repository.commit(merged)
        self.head = self.repository.commit({**merged, **self.release(NEW_SET, NEW)}, self.base)

    def release(
        self, set_name: str, of: images.Image, signer: Signer = SIGNER, **more: bytes
    ) -> dict[str, Content]:
        digest, files = entry(
            [signer], self.name, of.digest.removeprefix("sha256:"), tags=["latest"]
        )
        return signatures({set_name: {digest: {**files, **more}}})


Told = tuple[int, Any]


def review(*arguments: str) -> Told:
    """The exit code and the report, in process, as a user would."""
    path = Path("..", "report.json")
    options = ("--transparency-log", "optional", "--format", "json", "--output", str(path))
    code = cli.run(["review", *arguments, *options])
    return code, json.loads(path.read_bytes())


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as found:
        yield found


@pytest.fixture
def project(tmp_path: Path, registry: EmbeddedRegistry, monkeypatch: pytest.MonkeyPatch) -> Project:
    found = Project(tmp_path / "repository", registry.host)
    monkeypatch.chdir(found.repository.root)
    return found


def test_the_registry_is_read_for_what_passes(project: Project) -> None:
    images.push(project.host, "acme/app", OLD, tag="latest")
    images.push(project.host, "acme/app", NEW)
    code, report = review(f"{project.base}..{project.head}")
    assert (code, report["command"]) == (0, "review")
    found = report["review"]
    assert found["headline"] == "Merging publishes the signatures of 1 image and moves 1 tag"
    (move,) = found["moves"]
    assert (move["from"], move["to"]) == (OLD.digest, NEW.digest)
    assert (move["since"], move["registry"]) == (OLD_SET, "as expected")
    (reviewed,) = found["images"]
    assert reviewed["compare"] == COMPARE
    assert (reviewed["source"], reviewed["revision"]) == (SOURCE, "b" * 40)
    assert found["unread"] == {}


def test_what_the_registry_holds_otherwise_is_said(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = image("c" * 40)
    images.push(project.host, "acme/app", strange, tag="latest")
    images.push(project.host, "acme/app", NEW)
    code, report = review(project.base)
    assert (code, report["review"]["moves"][0]["registry"]) == (0, "elsewhere")
    cli.run(["review", project.base, "--transparency-log", "optional"])
    said = capsys.readouterr().out
    assert f"the registry has it at {strange.digest[:19]}" in said
    assert "it moves only if a set knows that digest" in said


def test_an_image_that_is_not_there_is_said(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    images.push(project.host, "acme/app", OLD, tag="latest")
    assert cli.run(["review", project.base, "--transparency-log", "optional"]) == 0
    assert "the image is not in the registry: the tag will not move" in capsys.readouterr().out


def test_a_registry_that_nobody_can_read_fails_nothing(
    project: Project, registry: EmbeddedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("ghcr_signer.peers.registry.transport.TRIES", 1)
    registry.close()
    code, report = review(project.base)
    assert code == 0
    assert list(report["review"]["unread"]) == [project.name]
    assert report["review"]["moves"][0]["registry"] == "unknown"


def test_a_change_does_not_choose_where_requests_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody trusted has signed is not asked for."""
    asked: list[str] = []
    with EmbeddedRegistry(on_request=lambda method, path, status: asked.append(path)) as found:
        project = Project(tmp_path / "repository", found.host)
        monkeypatch.chdir(project.repository.root)
        forged = project.release(NEW_SET, NEW, Signer())
        project.repository.commit({**KEY, **project.release(OLD_SET, OLD), **forged}, project.base)
        code, report = review(project.base)
    assert (code, asked) == (1, [])
    assert report["review"]["headline"].startswith("Do not merge")


def test_nor_does_one_that_brings_its_own_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is any, everybody's key passes, in any registry."""
    asked: list[str] = []
    with EmbeddedRegistry(on_request=lambda method, path, status: asked.append(path)) as found:
        project = Project(tmp_path / "repository", found.host)
        monkeypatch.chdir(project.repository.root)
        base = project.repository.commit({"README.md": b"nothing yet"})
        project.repository.commit({**KEY, **project.release(NEW_SET, NEW)}, base)
        code, report = review(base)
        options = ("--check-images", "--transparency-log", "optional")
        assert cli.run(["verify", "--base", base, *options]) == 0
    assert (code, asked) == (0, [])
    assert [move["to"] for move in report["review"]["moves"]] == [NEW.digest]
    assert any(each.startswith("no registry was asked") for each in report["notices"])


def test_a_manifest_that_git_has_not_comes_from_the_registry(project: Project) -> None:
    index = images.build()
    images.push(project.host, "acme/app", index)
    new = project.release(NEW_SET, index)
    for platform in index.platforms:
        digest, files = entry([SIGNER], project.name, platform.digest.removeprefix("sha256:"))
        new |= signatures({NEW_SET: {digest: files}})
    merged = {**KEY, **project.release(OLD_SET, OLD)}
    base = project.repository.commit(merged)
    project.repository.commit({**merged, **new}, base)
    _, report = review(base)
    (reviewed,) = report["review"]["images"]
    assert reviewed["entries"] == 3
    assert [each["platform"] for each in reviewed["platforms"]] == ["linux/amd64", "linux/arm64"]


def test_labels_and_platforms_come_from_subject_where_no_registry_is_asked(
    project: Project,
) -> None:
    """As in the pull request's own check, which is offline."""

    def annotated(revision: str) -> images.Image:
        index = json.loads(images.build(revision).index.content)
        about = {"source": SOURCE, "revision": revision}
        index["annotations"] = {
            f"org.opencontainers.image.{name}": value for name, value in about.items()
        }
        return images.Image(images.Manifest(images.INDEX, compact(index)), (), ())

    old, new = annotated("a" * 40), annotated("b" * 40)
    merged = {**KEY, **project.release(OLD_SET, old, SUBJECT=old.index.content)}
    base = project.repository.commit(merged)
    after = {**merged, **project.release(NEW_SET, new, SUBJECT=new.index.content)}
    project.repository.commit(after, base)
    path = Path("..", "report.json")
    options = ("--transparency-log", "optional", "--format", "json", "--output", str(path))
    assert cli.run(["verify", "--base", base, *options]) == 0
    found = json.loads(path.read_bytes())["review"]
    assert "unread" not in found
    (reviewed,) = found["images"]
    assert reviewed["compare"] == COMPARE
    assert [each["signed"] for each in reviewed["platforms"]] == [False, False]


# Which change


def test_a_range_is_what_git_means_by_it(project: Project) -> None:
    repository = project.repository
    other = {**KEY, **project.release(OLD_SET, OLD), "README.md": b"later"}
    side = repository.commit(other, project.base)
    repository.git("update-ref", "refs/heads/side", side)
    repository.git("update-ref", "refs/heads/main", project.head)

    def sets(change: str) -> tuple[int, int]:
        code, report = review(change)
        return code, report["counts"]["sets"]

    for change in ("main~1..main", "main~1..", "main~1", "side...main", "side...", "main^...HEAD"):
        assert sets(change) == (0, 1), change
    assert sets("..main") == (0, 0)
    assert sets("side..main")[0] == 1  # the README goes beside a new set


def test_without_a_range_it_is_what_a_branch_does_to_the_default_branch(project: Project) -> None:
    """git init and a push make no origin/HEAD: the usual names are known without it."""
    code, report = review()
    assert (code, report["failures"][0]["code"]) == (2, "GS2010")
    assert report["failures"][0]["fix"] == "Name the change: ghcr-signer review BASE...HEAD"
    project.repository.git("update-ref", "refs/remotes/origin/main", project.base)
    code, report = review()
    assert (code, report["counts"]["sets"]) == (0, 1)
    assert "WARNING" not in "".join(report["notices"])


@pytest.mark.parametrize("dots", ["..", "..."])
def test_a_change_that_lags_behind_its_base_is_told_to_catch_up(
    project: Project, dots: str
) -> None:
    other = {**KEY, **project.release(OLD_SET, OLD)}
    ahead = project.repository.commit(other, project.base)
    _, report = review(f"{ahead}{dots}{project.head}")
    (warning,) = (each for each in report["notices"] if each.startswith("WARNING"))
    assert warning.endswith(f"First bring it up to date: git merge {ahead[:12]}")


@pytest.mark.parametrize("change", ["nowhere..HEAD", "HEAD..nowhere", "a...b...c"])
def test_a_commit_that_is_not_there_is_named(project: Project, change: str) -> None:
    code, _ = review(change)
    assert code == 2


def test_histories_without_a_common_commit_have_no_base(project: Project) -> None:
    alone = project.repository.commit(KEY)
    code, report = review(f"{alone}...{project.head}")
    assert code == 2
    assert report["failures"][0]["code"] == "GS2010"
    assert "no commit in common" in report["failures"][0]["message"]


# The ways out that a refusal names


def test_the_command_that_renames_a_set_makes_it_pass(project: Project) -> None:
    """Another set was merged while this one waited."""
    late = set_name(datetime.now(UTC) - timedelta(days=3), colons=True)
    merged = {**KEY, **project.release(OLD_SET, OLD)}
    base = project.repository.commit(merged)
    project.repository.commit({**merged, **project.release(late, NEW)}, base)
    project.repository.check_out()
    code, report = review(base)
    assert code == 1
    (failure,) = report["failures"]
    assert failure["code"] == "GS1108"
    command = failure["fix"].partition("`")[2].partition("`")[0]
    assert command.startswith(f"git mv SIGNATURES/{late} SIGNATURES/")
    assert report["review"]["next"] == failure["fix"]
    project.repository.git(*command.split()[1:])
    project.repository.git("-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "renamed")
    assert review(base)[0] == 0


def test_a_reverted_release_is_told_how_it_is_taken_back(project: Project) -> None:
    reverted = project.repository.commit({**KEY, **project.release(OLD_SET, OLD)}, project.head)
    code, report = review(f"{project.head}..{reverted}")
    assert code == 1
    assert {each["code"] for each in report["failures"]} == {"GS1101"}
    for way in ("`withdrawn`", "sign a newer set"):
        assert way in report["review"]["next"]


# Real data


def test_a_real_release_is_told_with_its_places_in_the_public_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last set of a real project, as a change to those before it."""
    real = dangerzone()
    *merged, new = sorted(folder.name for folder in (real / "SIGNATURES").iterdir())
    key: dict[str, Content] = {"trusted.pub": (real / "trusted.pub").read_bytes()}
    files = {
        name: {
            entry.name: {file.name: file.read_bytes() for file in entry.iterdir()}
            for entry in (real / "SIGNATURES" / name).iterdir()
        }
        for name in (*merged, new)
    }
    repository = Repository(tmp_path / "repository")
    monkeypatch.chdir(repository.root)
    before = {**key, **signatures({name: files[name] for name in merged})}
    base = repository.commit(before)
    repository.commit({**before, **signatures({new: files[new]})}, base)
    path = Path("..", "view.md")
    options = ("--format", "markdown", "--output", str(path))
    assert cli.run(["verify", "--base", base, *options]) == 0
    view = html.unescape(path.read_text()).replace("<!-- -->", "")
    assert view.startswith("### ✅ Merging publishes the signatures of 3 digests and moves 1 tag\n")
    name = "ghcr.io/freedomofpress/dangerzone/v1"
    assert (
        f"| {name}:**latest** | `sha256:1f218aec5cdc`<br>since the set 2025-12-01T11:05:52+00:00"
        " | **`sha256:8c05ee4d526f`** |" in view
    )
    for index in (1393451680, 1393451708, 1393451733):
        assert f"[log index {index}](https://search.sigstore.dev/?logIndex={index})" in view
