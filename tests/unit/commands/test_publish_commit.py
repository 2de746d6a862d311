"""`publish --commit`: sets and trust out of a commit, and how they came into its history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.forge import NOW, Signer, entry
from tests.git_repository import LINK, Content, Repository, signatures
from tests.peers import images

from ghcr_signer import cli
from ghcr_signer.core.directory import set_name
from ghcr_signer.embedded_registry import EmbeddedRegistry

SIGNER, ATTACKER = Signer(), Signer()
KEY: dict[str, Content] = {"trusted.pub": SIGNER.pem, "code": b"1"}
FIRST, SECOND, THIRD = (
    set_name(NOW - timedelta(days=10 - day), colons=day != 1) for day in range(3)
)


@cache  # ECDSA never gives the same bytes again
def one_set(
    name: str, *tags: str, signer: Signer = SIGNER, digest: str | None = None
) -> dict[str, Content]:
    digest, files = entry([signer], digest=digest, tags=tags, optional={"set": name})
    return signatures({name: {digest: files}})


@dataclass
class Registry:
    """The embedded registry, and what was written to it."""

    host: str = ""
    writes: list[str] = field(default_factory=list)

    def note(self, method: str, target: str, status: int) -> None:
        if method not in ("GET", "HEAD"):
            self.writes.append(f"{method} {target.partition('?')[0]}")

    @property
    def manifests(self) -> int:
        """How many were put."""
        return sum("/manifests/" in line for line in self.writes)


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    with EmbeddedRegistry(on_request=found.note) as running:
        found.host = running.host
        yield found


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository(tmp_path / "repository")
    monkeypatch.chdir(found.root)
    return found


@dataclass
class Found:
    exit_code: int
    report: Mapping[str, Any]

    @property
    def codes(self) -> set[str]:
        entries = (failure for each in self.report["entries"] for failure in each["failures"])
        return {failure["code"] for failure in (*entries, *self.report["failures"])}

    def operations(self, which: str = "done") -> list[str]:
        """What was done ("done") or would be ("operations"), and for which set."""
        plan = self.report.get("plan") or {}
        return [
            f"{each['operation']} {each['path'].partition('/')[0]}" for each in plan.get(which, ())
        ]


def publish(registry: Registry, *more: str) -> Found:
    """In process, as a user would."""
    path = Path("..", "report.json")
    path.unlink(missing_ok=True)
    where = ("--repository", "ghcr.io/acme/**", "--registry-map", f"ghcr.io={registry.host}")
    how = ("--transparency-log", "optional", "--format", "json", "--output", str(path))
    code = cli.run(["publish", *where, *how, *more])
    return Found(code, json.loads(path.read_bytes()))


def grow(repository: Repository, *trees: Mapping[str, Content]) -> str:
    """Commits, one after the other; the last."""
    head = ""
    for tree in trees:
        head = repository.commit(tree, *filter(None, [head]))
    return head


def test_what_a_branch_has_merged_is_published_once(
    repository: Repository, registry: Registry
) -> None:
    with_first = {**KEY, **one_set(FIRST)}
    grow(repository, KEY, with_first, {**with_first, **one_set(SECOND)})
    found = publish(registry, "--commit", "HEAD")
    assert (found.exit_code, found.codes) == (0, set())
    assert found.operations() == [f"push {FIRST}", f"push {SECOND}"]
    assert registry.manifests == 2

    found = publish(registry, "--commit", "HEAD")
    assert (found.exit_code, found.operations()) == (0, [])
    assert registry.manifests == 2


def test_a_set_may_be_named(repository: Repository, registry: Registry) -> None:
    with_first = {**KEY, **one_set(FIRST)}
    grow(repository, KEY, with_first, {**with_first, **one_set(SECOND)})
    found = publish(registry, "--commit", "HEAD", "--set", SECOND)
    assert found.operations() == [f"push {SECOND}"]
    assert publish(registry, "--commit", "HEAD", "--set", THIRD).codes == {"GS2007"}
    assert registry.manifests == 1


def test_an_older_commit_has_the_sets_that_it_has(
    repository: Repository, registry: Registry
) -> None:
    with_first = {**KEY, **one_set(FIRST)}
    grow(repository, KEY, with_first, {**with_first, **one_set(SECOND)})
    assert publish(registry, "--commit", "HEAD~1").operations() == [f"push {FIRST}"]


def test_tags_move_to_what_a_commit_says(repository: Repository, registry: Registry) -> None:
    image = images.build()
    images.push(registry.host, "acme/app", image)
    digest = image.digest.removeprefix("sha256:")
    grow(repository, KEY, {**KEY, **one_set(FIRST, "latest", "v1", digest=digest)})
    found = publish(registry, "--commit", "HEAD")
    assert found.exit_code == 0
    assert found.operations() == [f"push {FIRST}", f"move_tag {FIRST}", f"move_tag {FIRST}"]
    for tag in ("latest", "v1"):
        assert images.read(registry.host, "acme/app", tag).content == image.index.content


# From the commit alone


def test_what_lies_in_the_work_tree_is_not_published(
    repository: Repository, registry: Registry
) -> None:
    grow(repository, KEY, {**KEY, **one_set(FIRST)})
    repository.check_out()
    for path, content in one_set(SECOND, signer=ATTACKER).items():
        (repository.root / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.root / path).write_bytes(content)  # type: ignore[arg-type]
    (repository.root / "trusted.pub").write_bytes(ATTACKER.pem)
    assert publish(registry, "--commit", "HEAD").operations() == [f"push {FIRST}"]


def test_what_is_uploaded_is_what_was_committed(repository: Repository, registry: Registry) -> None:
    """Not what a filter or a line's end made of it in the work tree."""
    files = one_set(FIRST)
    attributes: dict[str, Content] = {".gitattributes": b"* text eol=crlf ident\n"}
    grow(repository, {**KEY, **attributes}, {**KEY, **attributes, **files})
    repository.check_out()
    assert publish(registry, "--commit", "HEAD").exit_code == 0
    (manifest,) = (content for path, content in files.items() if path.endswith("/MANIFEST"))
    digest = next(iter(files)).split("/")[2]
    held = images.read(registry.host, "acme/app", f"sha256-{digest}.sig")
    assert held.content == manifest


def test_a_commit_without_a_directory_has_nothing_to_publish(
    repository: Repository, registry: Registry
) -> None:
    for tree in (KEY, {**KEY, "SIGNATURES/README.md": b"about"}):
        grow(repository, tree)
        found = publish(registry, "--commit", "HEAD")
        assert (found.exit_code, found.codes) == (0, set())
        assert "nothing to publish" in found.report["notices"][0]
    grow(repository, {**KEY, "SIGNATURES": (LINK, b"elsewhere")})
    assert publish(registry, "SIGNATURES", "--commit", "HEAD").codes == {"GS2002"}


def test_a_commit_without_trust_publishes_nothing(
    repository: Repository, registry: Registry
) -> None:
    grow(repository, KEY, {**KEY, **one_set(FIRST)}, one_set(FIRST))
    assert publish(registry, "--commit", "HEAD").codes == {"GS2003"}
    assert registry.writes == []


# How it came about


BROKEN: dict[str, tuple[tuple[Mapping[str, Content], ...], set[str]]] = {
    "with something else": ((KEY, {**KEY, **one_set(FIRST), "code": b"2"}), {"GS1102"}),
    "with the key that judges it": (
        ({**KEY, "trusted.pub": ATTACKER.pem}, {**KEY, **one_set(FIRST)}),
        {"GS1102"},
    ),
    "before any key": (
        ({"code": b"1"}, {"code": b"1", **one_set(FIRST)}, {**KEY, **one_set(FIRST)}),
        {"GS1106"},
    ),
    "in two commits": (
        (
            KEY,
            {**KEY, **dict(list(one_set(FIRST).items())[:2])},
            {**KEY, **one_set(FIRST)},
        ),
        {"GS1101"},
    ),
    "changed once merged": (
        (
            KEY,
            {**KEY, **one_set(FIRST, signer=ATTACKER)},
            {**KEY, **one_set(FIRST)},
        ),
        {"GS1101"},
    ),
    "with a tag that goes back": (
        (
            KEY,
            {**KEY, **one_set(SECOND, "v1")},
            {**KEY, **one_set(SECOND, "v1"), **one_set(FIRST, "v1")},
        ),
        {"GS1108"},
    ),
    "with its twin": (
        (KEY, {**KEY, **one_set(FIRST), "signatures/x": b"1"}),
        {"GS1102", "GS1103"},
    ),
}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("name", BROKEN)
def test_a_set_that_did_not_come_as_it_must_is_not_published(
    repository: Repository, registry: Registry, name: str, dry_run: bool
) -> None:
    trees, codes = BROKEN[name]
    grow(repository, *trees)
    found = publish(registry, "--commit", "HEAD", *(["--dry-run"] if dry_run else []))
    assert found.exit_code == 1
    assert codes <= found.codes
    assert not any(FIRST in each for each in found.operations("operations"))
    assert name == "with a tag that goes back" or registry.writes == []


def test_what_is_live_already_does_not_have_to_answer_for_how_it_came(
    repository: Repository, registry: Registry
) -> None:
    old = {**KEY, **one_set(FIRST), "code": b"2"}
    grow(repository, KEY, old)
    repository.check_out()
    assert publish(registry).exit_code == 0  # as before there was --commit

    grow(repository, KEY, old, {**old, **one_set(SECOND)})
    found = publish(registry, "--commit", "HEAD")
    assert (found.exit_code, found.operations()) == (0, [f"push {SECOND}"])


def test_a_set_beside_one_that_did_not_come_as_it_must_is_published(
    repository: Repository, registry: Registry
) -> None:
    bad = {**KEY, **one_set(FIRST), "code": b"2"}
    grow(repository, KEY, bad, {**bad, **one_set(SECOND)})
    found = publish(registry, "--commit", "HEAD", "--dry-run", "--set", SECOND)
    assert (found.exit_code, found.codes) == (0, set())
    found = publish(registry, "--commit", "HEAD")
    assert (found.exit_code, found.codes) == (1, {"GS1102"})
    assert found.operations() == [f"push {SECOND}"]


def test_a_copy_of_a_template_is_published_by_its_first_commit(
    repository: Repository, registry: Registry
) -> None:
    grow(repository, {**KEY, **one_set(FIRST), **one_set(SECOND)})
    assert len(publish(registry, "--commit", "HEAD").operations()) == 2


@pytest.mark.parametrize("depth", [1, 2])  # the second has whatever this set needs
def test_a_clone_without_the_history_publishes_nothing(
    repository: Repository,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    depth: int,
) -> None:
    grow(repository, KEY, KEY, {**KEY, **one_set(FIRST)})
    url, clone = f"file://{repository.root}", str(tmp_path / "clone")
    repository.git("clone", "--quiet", f"--depth={depth}", url, clone)
    monkeypatch.chdir(clone)
    found = publish(registry, "--commit", "HEAD")
    assert (found.exit_code, found.codes) == (2, {"GS2011"})
    assert "fetch-depth: 0" in found.report["failures"][0]["fix"]
    assert registry.writes == []


def test_a_dry_run_says_what_it_would_do(repository: Repository, registry: Registry) -> None:
    grow(repository, KEY, {**KEY, **one_set(FIRST)})
    found = publish(registry, "--commit", "HEAD", "--dry-run")
    assert found.exit_code == 0
    assert found.operations("operations") == [f"push {FIRST}"]
    assert registry.writes == []
