"""The doors that an attack is sent through, and what is said behind them.

Each is the command as it is called in earnest; `publish` writes into a registry that holds what the
base has published, so that it shows whether an attack has moved anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests import forge
from tests.attacks import world
from tests.attacks.operations import Tree
from tests.git_repository import EXECUTABLE, LINK, Content, Repository

from ghcr_signer.commands import publish, verify
from ghcr_signer.commands.arguments import TrustOptions
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, GhcrSignerError
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

DIRECTORY = "SIGNATURES"
_COMMIT = re.compile(r"[0-9a-f]{12}:")
REPOSITORIES = ("acme/app", "acme/tool")


@dataclass
class Registry:
    """A registry that holds the images, and what the base's own set says."""

    embedded: EmbeddedRegistry
    writes: list[str] = field(default_factory=list)
    then: Callable[[str, str], None] = lambda method, target: None

    def note(self, method: str, target: str, status: int) -> None:
        if method not in ("GET", "HEAD"):
            self.writes.append(f"{method} {target.partition('?')[0]}")
        self.then(method, target)

    @property
    def tags(self) -> dict[str, str]:
        """Where each tag points, but for those under which signatures are."""
        manifests = self.embedded.manifests
        found = {
            f"{repository}:{tag}": manifests.find(repository, tag)
            for repository in REPOSITORIES
            for tag in manifests.tags(repository)
            if not tag.endswith(".sig")
        }
        return {name: manifest.digest for name, manifest in found.items() if manifest}

    def holds_signatures(self, digest: str) -> bool:
        """Whether there are signatures of an image of APP."""
        return self.embedded.manifests.find("acme/app", f"sha256-{digest}.sig") is not None


@contextmanager
def registry(base: Tree) -> Iterator[Registry]:
    """One that holds the images, and what publishing the base has brought there."""
    observed: list[Registry] = []
    embedded = EmbeddedRegistry(on_request=lambda *request: observed[0].note(*request))
    observed.append(Registry(embedded))
    for repository in REPOSITORIES:
        for name, content in world.IMAGES.items():
            embedded.blobs.put(repository, name.encode())
            embedded.manifests.put(repository, content, forge.OCI_MANIFEST)
    for path in sorted(base):
        if path.endswith("/MANIFEST"):
            _publish(embedded, base, path.removesuffix("MANIFEST"))
    with embedded:
        yield observed[0]


def _publish(registry: EmbeddedRegistry, tree: Tree, entry: str) -> None:
    """An entry is live: in the order of the sets, so that the last to move a tag has moved it."""
    files = {name.removeprefix(entry): content for name, content in tree.items()}
    repository, _, digest = _text(files["IMAGE"]).strip().partition("@sha256:")
    repository = repository.removeprefix("ghcr.io/")
    for name in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
        registry.blobs.put(repository, _bytes(files[name]))
    manifest = _bytes(files["MANIFEST"])
    registry.manifests.put(repository, manifest, forge.OCI_MANIFEST, f"sha256-{digest}.sig")
    image = registry.manifests.find(repository, f"sha256:{digest}")
    if image and "LATEST" in files:
        registry.manifests.put(repository, image.content, image.media_type, "latest")


def _bytes(content: Content) -> bytes:
    assert isinstance(content, bytes)
    return content


def _text(content: Content) -> str:
    return _bytes(content).decode()


@dataclass(frozen=True, slots=True)
class History:
    """A repository, and in it the commits of a case."""

    repository: Repository
    base: str

    @property
    def directory(self) -> Path:
        return self.repository.root / DIRECTORY


def committed(repository: Repository, trees: tuple[Tree, ...]) -> History:
    """The trees as a branch: the first is the base, the last its head."""
    base = head = repository.commit(trees[0])
    for tree in trees[1:]:
        head = repository.commit(tree, head)
    return History(repository, base)


def written(tree: Tree, folder: Path) -> Path:
    """The tree as a work tree; its signature directory."""
    for path, content in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            place.mkdir(exist_ok=True)
            continue
        mode, data = content if isinstance(content, tuple) else ("", content)
        assert isinstance(data, bytes), path  # of a submodule a work tree holds nothing
        if mode == LINK:
            place.symlink_to(data.decode())
        else:
            place.write_bytes(data)
            place.chmod(0o755 if mode == EXECUTABLE else 0o644)
    return folder / DIRECTORY


def verify_work_tree(directory: Path) -> Report:
    return _verify(directory)


def verify_change(history: History) -> Report:
    return _verify(history.directory, base=history.base)


def rehearse(history: History, host: str) -> Report:
    return _verify(history.directory, base=history.base, registry=f"http://{host}/rehearsal")


def _verify(directory: Path, base: str | None = None, registry: str | None = None) -> Report:
    options = verify.Options(directory, TrustOptions(), (), registry, None, base, {})
    return _run("verify", lambda: verify.run(options, Progress()))


def publish_branch(history: History, host: str) -> Report:
    """As the action does on the push that brought the change."""
    options = publish.Options(
        directory=history.directory,
        trust=TrustOptions(),
        sets=(),
        commit="HEAD",
        since=history.base,
        dry_run=False,
        registry_map={"ghcr.io": host},
        username=None,
        password=None,
        environment={},
    )
    return _run("publish", lambda: publish.run(options, Progress()))


def _run(command: str, run: Callable[[], Report]) -> Report:
    try:
        return run()
    except GhcrSignerError as error:  # as the command line tells it
        return Report.of_error(command, error)


def told(report: Report) -> list[str]:
    """The codes of every failure, each once."""
    return sorted({failure.code.id for failure in report.all_failures})


def is_at(failure: Failure, file: str) -> bool:
    """Whether a failure is at a file of the repository. What it names begins at the directory, for
    an entry's; at the repository, maybe with the commit before it; or at the root of all folders.
    """
    named = _COMMIT.sub("", failure.file)
    return named in (file, file.removeprefix(f"{DIRECTORY}/")) or (
        named.startswith("/") and named.endswith(f"/{file}")
    )


@cache
def exit_code(*told: str) -> int:
    found = {codes.BY_ID[each].exit_code for each in told}
    return 2 if 2 in found else 3 if found == {3} else 1
