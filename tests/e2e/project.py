"""A repository as GitHub has it, and the events that it sends."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.actions import clone

Json = dict[str, Any]
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    payload: Json


class Project:
    """A repository with the branch main. Jobs get what they check out from its `.git`."""

    def __init__(self, folder: Path, name: str, files: Files, copy_of: Path | None = None) -> None:
        self.folder, self.name = folder, name
        self._clone = clone.create(folder)
        if copy_of:
            shutil.copytree(copy_of, folder, dirs_exist_ok=True)
        self._clone.git("remote", "add", "origin", f"https://github.com/{name}.git")
        self.commit(files)

    @property
    def head(self) -> str:
        return self._clone.head

    def commit(self, files: Files) -> None:
        """Something else is merged."""
        self._clone.commit(files)

    def propose(self, files: Files) -> Event:
        """A pull request that brings these files; main goes on before anybody looks. What GitHub
        makes of both, a merge that nobody has merged, is checked out then.
        """
        base = self.head
        self._clone.branch("change")
        self._clone.commit(files)
        self._clone.git("switch", "--quiet", "main")
        self.commit({"elsewhere.txt": b"something\n"})
        head = clone.pull_request(self._clone, "change")
        self._clone.git("switch", "--quiet", "--detach", "refs/pull/1/merge")
        repository = self._repository
        request = {
            "number": 1,
            "head": {"ref": "change", "sha": head, "repo": repository},
            "base": {"ref": "main", "sha": base, "repo": repository},  # as of hours ago
        }
        # act makes the ref of the number
        payload = {"number": 1, "pull_request": request, "repository": repository}
        return Event("pull_request", payload)

    def merge(self) -> Event:
        """The pull request is merged, which is a push to main."""
        self._clone.merge("change")
        return self.pushed()

    def pushed(self, *, forced: bool = False) -> Event:
        """That main was pushed, to where it is now."""
        payload = {
            "ref": "refs/heads/main",
            "after": self.head,
            "forced": forced,
            "deleted": False,  # or act takes the commit that is checked out
            "repository": self._repository,
        }
        return Event("push", payload)

    def dispatched(self, **inputs: str) -> Event:
        """That somebody runs a workflow by hand, on main."""
        payload = {"ref": "refs/heads/main", "inputs": inputs, "repository": self._repository}
        return Event("workflow_dispatch", payload)

    def objects(self) -> dict[str, tuple[str, bytes]]:
        """All that git holds, by its id: of which kind, and the content."""
        found = {}
        for path in (self.folder / ".git" / "objects").glob("??/*"):
            header, _, content = zlib.decompress(path.read_bytes()).partition(b"\0")
            found[path.parent.name + path.name] = header.split()[0].decode(), content
        return found

    @property
    def _repository(self) -> Json:
        return {"full_name": self.name, "default_branch": "main"}
