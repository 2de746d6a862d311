"""How a project is set up, as far as its files tell: nothing here asks a network.

What is looked at is the work tree: what would be committed, or has been.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ghcr_signer.core import codes
from ghcr_signer.core.code_owners import PLACES, CodeOwners
from ghcr_signer.core.finding import Finding, good, wrong
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.worktree import read_file

COMMANDS = ("verify", "publish", "collect")
_FILE_BYTES = 1024 * 1024
_FOLDER = ".github/workflows"
_DEPENDABOT = (".github/dependabot.yml", ".github/dependabot.yaml")
_RENOVATE = ("renovate.json", "renovate.json5", ".github/renovate.json", ".github/renovate.json5")
_PLACEHOLDER = "@OWNER"
# A step's or a job's `uses`, and an environment that a caller of ours names, each on a line.
_USES = re.compile(r"^[ \t]*(?:- +)?[\"']?uses[\"']?[ \t]*:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_ENVIRONMENT = re.compile(
    r"^[ \t]+environment:[ \t]*[\"']?([\w.-](?:[\w .-]*[\w.-])?)[\"']?[ \t]*(?:#.*)?$", re.M
)
_OURS = re.compile(r"[\w.$/-]*/(?:\.github/workflows/)?([a-z-]+)(?:\.yml)?(?:@\S+)?")
_PINNED = re.compile(r"\S+@[0-9a-f]{40}|docker://\S+@sha256:[0-9a-f]{64}|(?:\./|\$/)\S*")
# A file of a set, as git sees it: .gitattributes says the same of all.
_PROBE = f"2026-01-01T00:00:00+00:00/{64 * '0'}/"
_PROBED = ("IMAGE", "MANIFEST", "CONFIG_BLOB", "PAYLOAD_BLOB")
_UNTOUCHED = {
    "text": ("unset",),
    "filter": ("unspecified", "unset"),
    "ident": ("unspecified", "unset"),
    "working-tree-encoding": ("unspecified", "unset"),
}


@dataclass(frozen=True, slots=True)
class Workflows:
    """The workflows of a repository: what each uses, and which environments they publish by."""

    uses: tuple[tuple[str, str], ...]
    environments: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> Workflows:
        """Read them from a work tree; raises UsageError (GS2001) for one that cannot be read."""
        uses, environments = [], []
        for path in sorted((root / _FOLDER).glob("*.y*ml")):
            text = _read(path)
            found = _USES.findall(text)
            uses += [(f"{_FOLDER}/{path.name}", each) for each in found]
            if any(_runs(each, "publish") for each in found):
                environments += _ENVIRONMENT.findall(text)
        return cls(tuple(uses), tuple(dict.fromkeys(environments)))

    def call(self, command: str) -> bool:
        """Whether one of them runs a command of ours, by its action or its reusable workflow."""
        return any(_runs(each, command) for _, each in self.uses)

    @property
    def unpinned(self) -> list[tuple[str, str]]:
        """What is used by a name that can be moved, and the file that does."""
        return [(file, each) for file, each in self.uses if not _PINNED.fullmatch(each)]


def _read(path: Path) -> str:
    return read_file(path, _FILE_BYTES).decode("utf-8", "replace")


def _runs(used: str, command: str) -> bool:
    """Whether this is our action or workflow for a command, or the action that is for all."""
    match = _OURS.fullmatch(used)
    return match is not None and match[1] in (command, "ghcr-signer")


def look_at_files(
    git: Git, folder: str, trust: Collection[str], workflows: Workflows
) -> Iterator[Finding]:
    """The files that protect the signatures; `trust` are the paths of the policy and its keys.

    Raises UsageError (GS2001) for a file that cannot be read.
    """
    yield _attributes(git, folder)
    yield _owners(git.root, {*trust, *(file for file, _ in workflows.uses), *PLACES[:1]})
    yield _updates(git.root)
    yield from _workflows(workflows)


def _attributes(git: Git, folder: str) -> Finding:
    """Line endings, filters and encodings would change what was signed."""
    name = ".gitattributes"
    for file in _PROBED:
        said = git.attributes(f"{folder}/{_PROBE}{file}", _UNTOUCHED)
        for attribute, accepted in _UNTOUCHED.items():
            if said.get(attribute) not in accepted:
                why = f"git may change {file} of a set: {attribute} is {said.get(attribute)}"
                fix = f"Let the last line of .gitattributes be: {folder}/** -text"
                return wrong(name, codes.SETUP_FILES, why, fix, file=name)
    return good(name, f"git changes nothing below {folder}")


def _owners(root: Path, paths: Collection[str]) -> Finding:
    name = "CODEOWNERS"
    there = next((place for place in PLACES if (root / place).is_file()), None)
    if there is None:
        why = "it is missing: nobody in particular reviews what is trusted"
        return wrong(name, codes.SETUP_FILES, why, file=PLACES[0])
    owners = CodeOwners.parse(_read(root / there))
    open_to_all = sorted(path for path in paths if not owners.of(path))
    if open_to_all:
        fix = f"Give {', '.join(open_to_all)} an owner; `*  @acme/signers` is about everything."
        return wrong(name, codes.SETUP_FILES, "a part of the trust has no owner", fix, file=there)
    named = {owner for path in paths for owner in owners.of(path)}
    if _PLACEHOLDER in named:
        fix = f"Put your team for {_PLACEHOLDER}, such as @acme/signers."
        return wrong(name, codes.SETUP_FILES, "it names nobody yet", fix, file=there)
    return good(name, f"what is trusted belongs to {', '.join(sorted(named))}")


def _updates(root: Path) -> Finding:
    name = "updates"
    for place in _DEPENDABOT:
        if (root / place).is_file() and "github-actions" in _read(root / place):
            return good(name, f"{place} keeps the workflows up to date")
    if any((root / place).is_file() for place in _RENOVATE):
        return good(name, "Renovate is there; let it update github-actions")
    why = "nothing proposes newer versions of what the workflows use"
    return wrong(name, codes.SETUP_FILES, why, file=_DEPENDABOT[0])


def _workflows(workflows: Workflows) -> Iterator[Finding]:
    name = "workflows"
    for command in COMMANDS[:2]:
        if not workflows.call(command):
            why = f"none of them runs {command}"
            fix = "docs/actions.md has one to paste; `ghcr-signer init` writes it."
            yield wrong(f"{name}: {command}", codes.SETUP_WORKFLOWS, why, fix, file=_FOLDER)
        else:
            yield good(f"{name}: {command}", "there")
    for file, each in workflows.unpinned:
        why = f"{each} is not pinned to a full commit"
        yield wrong(f"{name}: pins", codes.SETUP_WORKFLOWS, why, file=file)
    if workflows.uses and not workflows.unpinned:
        yield good(f"{name}: pins", "everything is pinned to a full commit")
