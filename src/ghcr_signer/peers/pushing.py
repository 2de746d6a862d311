"""The signer's own git: what is read here is pushed from here, by their remotes and credentials.

`git.py` reads what others made, in an environment of our making. Here it is the other way round: a
push needs everything that makes this person's git work, such as credential helpers, ssh, proxies,
`insteadOf` and the key that signs commits. So git gets their environment and their configuration;
what is taken away is what could reach the commit or run the clone's code: hooks, replaced objects,
another index or repository. Work tree, index and branches are neither read nor written: a commit is
made of bytes and ids, and pushed by its id.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess, run

from ghcr_signer.core import codes, remote
from ghcr_signer.core.errors import Refused, Unreachable, UsageError
from ghcr_signer.core.remote import Hub, without_secrets
from ghcr_signer.peers.objects import is_id

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "i18n.commitEncoding": "UTF-8",
    "user.useConfigOnly": "true",  # or git makes an address of the machine's name
}
_OWN = {"LC_ALL": "C", "GIT_NO_REPLACE_OBJECTS": "1"}  # what git says is read here
# What would lead to another repository than the one that holds the set (git rev-parse
# --local-env-vars), as where we are run by a hook.
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "LANGUAGE",
)
_NOBODY_ASKS = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never"}
_DENIED = re.compile(
    r"\[remote rejected\]|denied|returned error: 40[13]|authentication failed"
    r"|could not read (?:username|password)|not permitted|not allowed|read.only",
    re.IGNORECASE,
)
_LONGEST_WORDS = 500
_NOBODY = "nobody <nobody> 0 +0000"

Record = tuple[bytes, bytes]
"""A name in a tree as `git ls-tree -z` writes it, to its last byte: mode, kind and id; the name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository that git reaches: `told` is what git is told, `urls` say where it is: the one
    that git uses, and the one that is configured.
    """

    told: str
    urls: tuple[str, ...]

    def hub(self, own: str) -> Hub | None:
        """The repository on GitHub; `own` is the host of a GitHub of somebody's own."""
        return next(filter(None, (remote.parse(url, own) for url in self.urls)), None)

    @property
    def shown(self) -> str:
        """Where it is, without secrets."""
        return without_secrets(self.urls[-1])


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote: where it is read from, and where it is pushed to, which may differ."""

    name: str
    reads: Place
    writes: Place


class Clone:
    """The clone at `root`. git may ask where `interactive` says that somebody answers."""

    def __init__(self, root: Path, environment: Mapping[str, str], *, interactive: bool) -> None:
        program = shutil.which("git", path=environment.get("PATH"))
        if program is None or not Path(program).is_absolute():
            raise UsageError(codes.NO_GIT, "there is no git on PATH")
        options = [part for item in _SETTINGS.items() for part in ("-c", "=".join(item))]
        self._command = (program, "-C", str(root), *options)
        kept = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
        self._environment = kept | _OWN
        if not interactive:
            self._environment |= _NOBODY_ASKS | self._silent_ssh()
            self._environment.pop("SSH_ASKPASS", None)

    def require_identity(self) -> None:
        """Raise UsageError (GS1331) where git does not know who makes the commit."""
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            done = self._git("var", who)
            if done.returncode != 0:
                raise UsageError(codes.NO_IDENTITY, "user.name or user.email is not set")

    def remotes(self) -> dict[str, Remote]:
        """The remotes of the clone that have a URL, by their names."""
        found = {}
        for name in self._text("remote").splitlines():
            reads, writes = self._urls(name), self._urls(name, "--push")
            if name.startswith("-") or not reads or not writes:
                continue
            told = name if reads == writes else writes[0]
            found[name] = Remote(name, Place(name, reads), Place(told, writes))
        return found

    def find_default(self, place: Place) -> tuple[str, str]:
        """The default branch of a repository, and its commit; raises Refused (GS1337) where it has
        none, Unreachable (GS1334, GS1335).
        """
        default, commit = None, None
        for what, name in self._refs(place, "--symref", "HEAD"):
            if name == "HEAD" and what.startswith("ref: "):
                default = remote.branch(what.removeprefix("ref: "))
            elif name == "HEAD":
                commit = what
        if default is None or commit is None or not is_id(commit):
            raise Refused(codes.NO_DEFAULT_BRANCH, f"{place.shown} says of none that it is")
        return default, commit

    def find(self, place: Place, branch: str) -> str | None:
        """The commit of a branch, None where there is no such branch; raises Unreachable."""
        ref = f"refs/heads/{branch}"
        return next((what for what, name in self._refs(place, ref) if name == ref), None)

    def fetch(self, place: Place, branch: str) -> None:
        """Bring a branch's commits, which become nobody's branch here; raises Unreachable."""
        options = ("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        rest = ("--quiet", "--no-auto-maintenance", "--", place.told, f"refs/heads/{branch}")
        self._talk("fetch", *options, *rest, place=place)

    def put_blobs(self, contents: Sequence[bytes]) -> list[str]:
        """Write contents as they are, whatever attributes and settings say; returns their ids."""
        with tempfile.TemporaryDirectory(prefix="ghcr-signer-") as folder:
            paths = [Path(folder, str(number)) for number in range(len(contents))]
            for path, content in zip(paths, contents, strict=True):
                path.write_bytes(content)
            asked = "".join(f"{path.as_posix()}\n" for path in paths).encode()
            return self._text(
                "hash-object", "-w", "--no-filters", "--stdin-paths", given=asked
            ).split()

    def list_tree(self, tree: str) -> list[Record]:
        """The records of a tree."""
        lines = self._local("ls-tree", "-z", tree).split(b"\0")[:-1]
        return [(head, name) for head, _, name in (line.partition(b"\t") for line in lines)]

    def put_trees(self, trees: Sequence[Sequence[Record]]) -> list[str]:
        """Write trees of records; returns their ids."""
        told = b"".join(
            b"".join(b"%s\t%s\0" % record for record in records) + b"\0" for records in trees
        )
        return self._text("mktree", "-z", "--missing", "--batch", given=told).split()

    def put_commit(self, tree: str, parent: str, message: str) -> str:
        """Write a commit, signed where the signer's git signs commits; returns its id.

        Raises Refused (GS1332).
        """
        wanted = self._git("config", "--type=bool", "--get", "commit.gpgSign").stdout.strip()
        sign = ("-S",) if wanted == b"true" else ()
        arguments = ("commit-tree", *sign, "-p", parent, "-F", "-", tree)
        return self._text(*arguments, given=message.encode()).strip()

    def put_trial(self, tree: str, parent: str) -> str:
        """Write a commit that is nobody's, for a look at it here: it is the same each time, and
        needs no name and no key; returns its id.
        """
        lines = (f"tree {tree}", f"parent {parent}", f"author {_NOBODY}", f"committer {_NOBODY}")
        commit = "".join(f"{line}\n" for line in (*lines, ""))
        arguments = ("hash-object", "-t", "commit", "-w", "--stdin")
        return self._text(*arguments, given=commit.encode()).strip()

    def push(self, place: Place, commit: str, branch: str, *, instead_of: str | None) -> None:
        """Make a branch of a commit, or move it on from where it was found, and from nowhere else:
        the commit follows that one, so nothing is ever lost.

        Raises Unreachable where the repository refuses it (GS1334), or is out of reach (GS1335).
        """
        ref = f"refs/heads/{branch}"
        options = ("--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--porcelain")
        lease = f"--force-with-lease={ref}:{instead_of or ''}"  # nothing: it must not be there
        self._talk("push", *options, lease, "--", place.told, f"{commit}:{ref}", place=place)

    def _refs(self, place: Place, *arguments: str) -> list[tuple[str, str]]:
        """What `git ls-remote` tells: what a name stands for, and the name."""
        *options, pattern = arguments
        lines = self._talk("ls-remote", *options, "--", place.told, pattern, place=place)
        return [(what, name) for what, _, name in (x.partition("\t") for x in lines.splitlines())]

    def _urls(self, name: str, *push: str) -> tuple[str, ...]:
        """The URL of a remote as git uses it, and as it is configured."""
        used = self._git("remote", "get-url", *push, "--", name)
        keys = (f"remote.{name}.pushurl", f"remote.{name}.url")[0 if push else 1 :]
        written = (self._git("config", "--get", key) for key in keys)
        lines = (each.stdout.decode("utf-8", "replace") for each in (used, *written))
        urls = [line.splitlines()[0] for line in lines if line.strip()]
        return tuple(dict.fromkeys(urls[:2])) if used.returncode == 0 else ()

    def _silent_ssh(self) -> dict[str, str]:
        """ssh that asks nothing; a program of another name has options of its own."""
        asked = self._git("config", "--get", "core.sshCommand").stdout.decode("utf-8", "replace")
        program = self._environment.get("GIT_SSH")
        command = (
            self._environment.get("GIT_SSH_COMMAND")
            or asked.strip()
            or (shlex.quote(program) if program else "ssh")
        )
        is_ssh = Path(command.split()[0].strip("'\"")).stem.lower() == "ssh"
        silent = {"GIT_SSH_COMMAND": f"{command} -o BatchMode=yes"} if is_ssh else {}
        return {"SSH_ASKPASS_REQUIRE": "never", **silent}

    def _talk(self, *arguments: str, place: Place) -> str:
        """What git says after it has talked to a repository; raises Unreachable."""
        done = self._git(*arguments)
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        words = _words(done)
        code = codes.PUSH_DENIED if _DENIED.search(words) else codes.PUSH_FAILED
        raise Unreachable(code, f"{place.shown}: {words}")

    def _text(self, *arguments: str, given: bytes | None = None) -> str:
        return self._local(*arguments, given=given).decode("utf-8", "replace")

    def _local(self, *arguments: str, given: bytes | None = None) -> bytes:
        """What git says without talking to anybody; raises Refused (GS1332)."""
        done = self._git(*arguments, given=given)
        if done.returncode != 0:
            raise Refused(codes.NO_NEW_COMMIT, f"git {arguments[0]}: {_words(done)}")
        return done.stdout

    def _git(self, *arguments: str, given: bytes | None = None) -> CompletedProcess[bytes]:
        command = (*self._command, *arguments)
        if given is None:
            return run(command, env=self._environment, capture_output=True, stdin=DEVNULL)
        return run(command, env=self._environment, capture_output=True, input=given)


def _words(done: CompletedProcess[bytes]) -> str:
    """What git says of a failure, on one line, without secrets: what was rejected stands in the
    output that --porcelain makes for programs.
    """
    rejected = [line for line in done.stdout.splitlines() if line.startswith(b"!")]
    text = b"\n".join((*rejected, done.stderr)).decode("utf-8", "replace")
    lines = (" ".join(line.split()) for line in text.splitlines())
    return without_secrets("; ".join(filter(None, lines)))[:_LONGEST_WORDS]
