"""git, by plumbing alone: what a commit holds, what it does to another, and how it comes here.
Nothing else runs git but `objects.py`.

A repository may be hostile, and so may whoever set our environment: git gets an environment of our
making, no configuration but the repository's own, and revisions as full ids only.
"""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from subprocess import DEVNULL, run
from urllib.parse import urlsplit

from ghcr_signer.core import codes, directory
from ghcr_signer.core.change import Touch
from ghcr_signer.core.errors import Unreachable, UsageError
from ghcr_signer.peers import trees
from ghcr_signer.peers.objects import ENVIRONMENT, Node, Objects, is_id

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.commitGraph": "false",  # a cache of history, which is read from the commits themselves
}
_FILES = (directory.REGULAR, directory.EXECUTABLE)
_WITHOUT_SIZE = (directory.FOLDER, directory.SUBMODULE)
_REMOTE = "refs/remotes/origin/"
_FULL_HISTORY = "Give actions/checkout `fetch-depth: 0`; in a clone: git fetch --unshallow"
_LONGEST_WORDS = 300


class Git:
    """A repository, read by git. `root` is its top folder, or the folder of a bare one.

    git is told where the repository is. So it looks for none, and asks nobody whose it is: in a
    container it is always somebody else's.
    """

    def __init__(self, root: Path, git_dir: Path) -> None:
        self.root = root
        program = shutil.which("git")
        if program is None or not Path(program).is_absolute():  # what lies here came with the work
            raise UsageError(codes.NO_GIT, "there is no git on PATH")
        options = [part for item in _SETTINGS.items() for part in ("-c", "=".join(item))]
        self._command = (program, "-C", str(root), f"--git-dir={git_dir}", *options)
        self._objects = self.objects()

    @classmethod
    def around(cls, folder: Path) -> Git:
        """The repository that holds a folder; raises UsageError (GS2009) where there is none.

        What looks like a bare one counts only where nothing above is a work tree: its files could
        have come with the change that is to be judged. So could a link that leads back to the top:
        `root` is the highest name that the top has, so that the link is a part of every path.
        """
        above = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
        folders = (above, *above.parents)
        for each in folders:
            if (each / ".git").exists():
                root = next(top for top in reversed(folders) if top.samefile(each))
                return cls(root, root / ".git")
        for each in folders:
            if (each / "HEAD").is_file() and (each / "objects").is_dir():
                return cls(each, each)
        raise UsageError(codes.NO_REPOSITORY, f"{folder} is in no git repository")

    def path(self, folder: Path) -> str:
        """A folder's path in the repository; raises UsageError (GS2001) for one outside, or all."""
        absolute = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
        if absolute == self.root or not absolute.is_relative_to(self.root):
            message = f"{folder} is no folder inside the repository {self.root}"
            raise UsageError(codes.USAGE, message, fix="Name a folder of the repository.")
        return absolute.relative_to(self.root).as_posix()

    def objects(self) -> Objects:
        """A reader of what the repository holds, to be closed."""
        return Objects(self._command)

    def resolve(self, revision: str) -> str:
        """The full id of the commit that a revision names; raises UsageError (GS2010)."""
        question = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        found = self._ask(*question, f"{revision}^{{commit}}") if revision.isprintable() else None
        if found is None or not is_id(found):
            raise UsageError(codes.NO_COMMIT, f"{revision!r} is no commit here")
        return found

    def parents(self, commit: str) -> tuple[str, ...]:
        """A commit's parents as it names them, whether or not this clone has them."""
        return self._objects.commit(commit).parents

    def default_branch(self) -> str | None:
        """The remote's default branch as this clone knows it, such as origin/main; None where it
        knows none: what origin/HEAD says, else the first of the usual names.
        """
        said = self._ask("symbolic-ref", "--quiet", f"{_REMOTE}HEAD") or ""
        for name in (said, f"{_REMOTE}main", f"{_REMOTE}master"):
            if name.startswith(_REMOTE) and self._ask("rev-parse", "--verify", "--quiet", name):
                return name.removeprefix("refs/remotes/")
        return None

    def require_history(self) -> None:
        """Raise UsageError (GS2011) for a clone that lacks a part of the history."""
        if self._ask("rev-parse", "--is-shallow-repository") != "false":
            raise UsageError(codes.SHALLOW, "this clone lacks older commits", fix=_FULL_HISTORY)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether a commit's history holds the other, or is it."""
        return self._ask("merge-base", "--is-ancestor", ancestor, commit) is not None

    def merge_base(self, one: str, other: str) -> str | None:
        """The commit at which two histories part; None where they have nothing in common."""
        return self._ask("merge-base", one, other)

    def first_parents(
        self, commit: str, folder: str, names: Collection[str]
    ) -> Iterator[tuple[str, str | None]]:
        """Each commit of the first-parent history that changes one of the names in a folder, and
        its first parent; the latest first.
        """
        name, found = commit, self._objects.commit(commit)
        there = self._objects.folder(found, folder)
        while True:
            parent = next(iter(found.parents), None)
            before = self._objects.commit(parent) if parent else None
            was = self._objects.folder(before, folder) if before else None
            if was != there and trees.differ(self._objects, was, there, names):
                yield name, parent
            if parent is None or before is None:
                return
            name, found, there = parent, before, was

    def touched(self, base: str | None, commit: str) -> tuple[Touch, ...]:
        """What a commit does to its base, exactly; to nothing, for a commit without parents.

        Raises Refused (GS1104) for more than can be listed. Of folders only the empty ones are
        told: git makes none, so somebody wanted it.
        """
        before = self._objects.commit(base).tree if base else None
        found = list(trees.compare(self._objects, before, self._objects.commit(commit).tree))
        files = [new[1] for _, _, new in found if new and new[0] not in _WITHOUT_SIZE]
        sizes = dict(zip(files, self._objects.sizes(files), strict=True))
        return tuple(
            Touch(path, old and old[0], new and new[0], sizes.get(new[1], 0) if new else 0)
            for path, old, new in sorted(found, key=itemgetter(0))
        )

    def fetch(
        self, url: str, refspecs: Collection[str], token: str, environment: Mapping[str, str]
    ) -> bool:
        """Bring refs of another repository; no file of theirs is checked out. False where it lacks
        one of them; raises Unreachable (GS3007) where it does not serve us.

        The token goes to that place alone, since no redirect is followed; and not by the command
        line, which others on the machine can read. Of `environment` git is told the proxy.
        """
        whole = self._ask("rev-parse", "--is-shallow-repository") == "false"
        own = {**ENVIRONMENT, **_proxy(environment), **_authorization(url, token)}
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance")
        done = run(
            [
                *(*self._command, "-c", "http.followRedirects=false", "-c", "credential.helper="),
                *("fetch", *options, "--no-write-fetch-head", *([] if whole else ["--depth=2"])),
                *("--end-of-options", url, *refspecs),
            ],
            env=own | {"GIT_ALLOW_PROTOCOL": "http:https", "GIT_TERMINAL_PROMPT": "0"},
            stdin=DEVNULL,
            capture_output=True,
        )
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode and "couldn't find remote ref" not in said:
            said = said.replace(token, "***")[:_LONGEST_WORDS]
            raise Unreachable(codes.GITHUB_UNREACHABLE, f"git fetch {url}: {said}")
        return done.returncode == 0

    def find(self, commit: str, path: str) -> Node | None:
        """Mode and id of what a commit has at a path, None where it has nothing."""
        return self._objects.find(self._objects.commit(commit).tree, path)

    def names(self, commit: str, folder: str) -> frozenset[str] | None:
        """The names in a folder of a commit, None where it has no such folder."""
        name = self._objects.folder(self._objects.commit(commit), folder)
        return frozenset(self._objects.tree(name)) if name else None

    def read(self, commit: str, path: str, limit: int) -> bytes:
        """A regular file out of a commit, at most `limit` bytes; raises UsageError (GS2001)."""
        found = self._objects.find(self._objects.commit(commit).tree, path)
        if found is None:
            problem = "that commit has no such file"
        elif found[0] not in _FILES:
            problem = "it is not a regular file"
        elif self._objects.sizes([found[1]])[0] > limit:
            problem = f"more than {limit} bytes"
        else:
            return self._objects.files([found[1]], limit)[0]
        name = f"{commit[:12]}:{path}"
        raise UsageError(codes.USAGE, problem, file=name, fix="Check the path.")

    def version(self) -> str:
        """What git says of itself."""
        return (self._ask("version") or "").removeprefix("git version ")

    def remote(self, name: str) -> str | None:
        """The URL of a remote as the repository's configuration has it; None where it has none."""
        return self._ask("config", "--get", f"remote.{name}.url")

    def attributes(self, path: str, names: Collection[str]) -> dict[str, str]:
        """What .gitattributes, and whatever else there is, say of a path (git-check-attr)."""
        said = self._ask("check-attr", "-z", *names, "--", path) or ""
        words = said.split("\0")
        return dict(zip(words[1::3], words[2::3], strict=False))

    def _ask(self, *arguments: str) -> str | None:
        """What git says, None where it says no; raises UsageError (GS2008) where it fails."""
        command = (*self._command, *arguments)
        done = run(command, env=ENVIRONMENT, stdin=DEVNULL, capture_output=True)
        if done.returncode not in (0, 1):
            said = done.stderr.decode("utf-8", "replace").strip()
            message = f"git {arguments[0]}: {said}"
            raise UsageError(codes.NO_GIT, message, fix="Look at what git says.")
        return done.stdout.decode().strip() if done.returncode == 0 else None


def _authorization(url: str, token: str) -> dict[str, str]:
    """git's environment for requests with a token, as actions/checkout configures it; in place of
    what that may have left in the clone, since GitHub refuses two headers.
    """
    place = urlsplit(url)
    pair = b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.{place.scheme}://{place.netloc}/.extraHeader"
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": key,
        "GIT_CONFIG_VALUE_0": "",
        "GIT_CONFIG_KEY_1": key,
        "GIT_CONFIG_VALUE_1": f"Authorization: Basic {pair}",
        "LC_ALL": "C",  # its words are read
    }


def _proxy(environment: Mapping[str, str]) -> dict[str, str]:
    names = ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
    return {name: environment[name] for name in names if name in environment}
