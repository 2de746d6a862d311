"""git, by plumbing alone: what a commit holds, and what it does to another. Nothing else runs git.

A repository may be hostile, and so may whoever set our environment: git gets an environment of our
making, no configuration but the repository's own, and revisions as full ids only.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

from ghcr_signer.core import codes, directory, limits
from ghcr_signer.core.change import Touch
from ghcr_signer.core.errors import UsageError

_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # git 2.45; before, `protocol.allow` below has the same effect
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_GRAFT_FILE": os.devnull,
}
_SETTINGS = {
    "protocol.allow": "never",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.commitGraph": "false",  # a cache of history, which is read from the commits themselves
}
_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FULL_HISTORY = "Give actions/checkout `fetch-depth: 0`; in a clone: git fetch --unshallow"
_ERROR_BYTES = 4096
_AT_ONCE = (
    500  # questions of 41 or 65 bytes: fewer than a pipe holds, so nobody waits for the other
)


class Git:
    """A repository, read by git. `root` is its top folder, or the folder of a bare one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        program = shutil.which("git")
        if program is None:
            raise UsageError(codes.NO_GIT, "there is no git on PATH")
        settings = _SETTINGS | {"safe.directory": str(root)}
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        self._command = (program, "-C", str(root), "--no-pager", *options)

    @classmethod
    def around(cls, folder: Path) -> Git:
        """The repository that holds a folder; raises UsageError (GS2009) where there is none."""
        above = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
        for each in (above, *above.parents):
            if (each / ".git").exists() or _is_bare(each):
                return cls(each)
        raise UsageError(codes.NO_REPOSITORY, f"{folder} is in no git repository")

    def path(self, folder: Path) -> str:
        """A folder's path in the repository; raises UsageError (GS2001) for one outside, or all."""
        absolute = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
        if absolute == self.root or not absolute.is_relative_to(self.root):
            message = f"{folder} is no folder inside the repository {self.root}"
            raise UsageError(codes.USAGE, message, fix="Name a folder of the repository.")
        return absolute.relative_to(self.root).as_posix()

    def resolve(self, revision: str) -> str:
        """The full id of the commit that a revision names; raises UsageError (GS2010)."""
        question = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        found = self._try(*question, f"{revision}^{{commit}}") or b""
        if not _ID.fullmatch(found.strip()):
            raise UsageError(codes.NO_COMMIT, f"{revision!r} is no commit here")
        return found.strip().decode()

    def parents(self, commit: str) -> tuple[str, ...]:
        """A commit's parents as it names them, whether or not this clone has them."""
        header, _, _ = self._output("cat-file", "commit", commit).partition(b"\n\n")
        lines = header.split(b"\n")
        return tuple(line[7:].decode() for line in lines if line.startswith(b"parent "))

    def require(self, commit: str) -> None:
        """Raise UsageError (GS2011) unless this clone has the commit."""
        if self._try("cat-file", "-e", f"{commit}^{{commit}}") is None:
            raise UsageError(codes.SHALLOW, f"this clone does not have {commit}")

    def require_history(self) -> None:
        """Raise UsageError (GS2011) for a clone that lacks a part of the history."""
        if self._output("rev-parse", "--is-shallow-repository").strip() != b"false":
            raise UsageError(codes.SHALLOW, "this clone lacks older commits", fix=_FULL_HISTORY)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether a commit's history holds the other, or is it."""
        return self._try("merge-base", "--is-ancestor", ancestor, commit) is not None

    def merge_base(self, one: str, other: str) -> str | None:
        """The commit at which two histories part; None where they have nothing in common."""
        found = self._try("merge-base", one, other)
        return found.strip().decode() if found else None

    def first_parents(self, commit: str, paths: Iterable[str]) -> tuple[str, ...]:
        """The commits of the first-parent history that touch a path, the latest first."""
        question = "\n".join((commit, "--", *paths, "")).encode()
        found = self._output("rev-list", "--first-parent", "--stdin", question=question)
        return tuple(found.decode().split())

    def touched(self, base: str | None, commit: str) -> tuple[Touch, ...]:
        """What a commit does to its base, exactly; to nothing, for a commit without parents."""
        before = base or self._output("hash-object", "-t", "tree", "--stdin").decode().strip()
        options = ("-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv")
        found = self._output("diff-tree", *options, "--no-abbrev", before, commit).split(b"\0")[:-1]
        touches = [_touch(*pair) for pair in zip(found[::2], found[1::2], strict=True)]
        sizes = self._sizes(new for _, new in touches)
        return tuple(replace(touch, size=sizes.get(new, 0)) for touch, new in touches)

    def find(self, commit: str, path: str) -> tuple[str, str] | None:
        """Mode and id of what a commit has at a path, None where it has nothing."""
        found = self._output("ls-tree", "-z", "--full-tree", commit, "--", path)
        if not found:
            return None
        mode, _, rest = found.decode("utf-8", "backslashreplace").partition(" ")
        return mode, rest.partition(" ")[2].partition("\t")[0]

    def read(self, commit: str, path: str, limit: int) -> bytes:
        """A regular file out of a commit, at most `limit` bytes; raises UsageError (GS2001)."""
        name = f"{commit[:12]}:{path}"
        found = self.find(commit, path)
        if found is None or found[0] not in (directory.REGULAR, directory.EXECUTABLE):
            message = "it is not a regular file" if found else "that commit has no such file"
            raise UsageError(codes.USAGE, message, file=name, fix="Check the path.")
        if int(self._output("cat-file", "-s", found[1])) > limit:
            message = f"more than {limit} bytes"
            raise UsageError(codes.USAGE, message, file=name, fix="Check the path.")
        return self._output("cat-file", "blob", found[1])

    def list(self, tree: str) -> Iterator[tuple[str, str, str, int]]:
        """Path, mode, id and size of everything in a tree, folders too (of size 0)."""
        for line in self._output("ls-tree", "-r", "-t", "-z", "-l", tree).split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            mode, _, name, size = about.decode().split()
            yield text(path), mode, name, 0 if size == "-" else int(size)

    def names(self, commit: str, folder: str) -> frozenset[str]:
        """The names in a folder of a commit."""
        found = self._output("ls-tree", "-z", "--name-only", f"{commit}:{folder}")
        return frozenset(text(name) for name in found.split(b"\0")[:-1])

    def contents(self) -> Contents:
        """A reader of many files."""
        return Contents(self._command)

    def _sizes(self, names: Iterable[str]) -> dict[str, int]:
        question = "".join(f"{name}\n" for name in names if name.strip("0")).encode()
        found = self._output("cat-file", "--batch-check", question=question).decode()
        lines = (line.split() for line in found.splitlines())
        return {line[0]: int(line[2]) for line in lines if len(line) == 3}

    def _try(self, *arguments: str) -> bytes | None:
        """What git says, None where it says no."""
        command = (*self._command, *arguments)
        done = run(command, env=_ENVIRONMENT, stdin=DEVNULL, capture_output=True)
        return done.stdout if done.returncode == 0 else None

    def _output(self, *arguments: str, question: bytes = b"") -> bytes:
        """What git says; raises UsageError (GS2008) where it fails, or does not come to an end.

        A tree of a few kilobytes can name itself into billions of paths.
        """
        with TemporaryFile() as asked, TemporaryFile() as error:
            asked.write(question)
            asked.seek(0)
            command = (*self._command, *arguments)
            with Popen(
                command, env=_ENVIRONMENT, stdin=asked, stdout=PIPE, stderr=error
            ) as process:
                output = _stdout(process).read(limits.GIT_BYTES + 1)
                if len(output) > limits.GIT_BYTES:
                    process.kill()
            error.seek(0)
            said = error.read(_ERROR_BYTES).decode("utf-8", "replace").strip()
        if len(output) > limits.GIT_BYTES:
            message = f"git {arguments[0]} says more than {limits.GIT_BYTES} bytes"
            raise UsageError(codes.NO_GIT, message, fix="Ask who made this commit, and how.")
        if process.returncode:
            message = f"git {arguments[0]}: {said}"
            raise UsageError(codes.NO_GIT, message, fix="Look at what git says.")
        return output


class Contents:
    """The contents of files by their ids: one git for all of them, started at the first."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = (*command, "cat-file", "--batch")
        self._lock = Lock()
        self._process: Popen[bytes] | None = None
        self._owner = 0

    def read(self, names: Sequence[str]) -> list[bytes]:
        """The files' contents, in the order of the names; raises UsageError (GS2008)."""
        with self._lock:
            process = self._started()
            asked, answers = _stdin(process), _stdout(process)
            contents = []
            for at in range(0, len(names), _AT_ONCE):
                some = names[at : at + _AT_ONCE]
                asked.write("".join(f"{name}\n" for name in some).encode())
                asked.flush()
                contents += [_answer(answers, name) for name in some]
            return contents

    def close(self) -> None:
        """End git, if it was started here."""
        if self._process is not None and self._owner == os.getpid():
            self._process.communicate()
        self._process = None

    def _started(self) -> Popen[bytes]:
        """Our own git: after a fork the other's is not ours to talk to."""
        if self._process is None or self._owner != os.getpid():
            self._owner = os.getpid()
            self._process = Popen(
                self._command, env=_ENVIRONMENT, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
        return self._process


def _answer(answers: IO[bytes], name: str) -> bytes:
    header = answers.readline().split()
    if len(header) != 3 or header[0] != name.encode() or header[1] != b"blob":
        raise UsageError(codes.NO_GIT, f"git has no file {name}", fix="Run `git fsck`.")
    content = answers.read(int(header[2]) + 1)
    return content[:-1]


def _touch(about: bytes, path: bytes) -> tuple[Touch, str]:
    """One line of diff-tree's raw output, and the id of what is there after it."""
    before, after, _, new, _ = about.decode().removeprefix(":").split()
    modes = [None if mode == "000000" else mode for mode in (before, after)]
    return Touch(text(path), modes[0], modes[1]), new


def text(name: bytes) -> str:
    """A name, as UTF-8 can spell it: one with other bytes gets a backslash, which no name has."""
    return name.decode("utf-8", "backslashreplace")


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _stdin(process: Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None  # noqa: S101 - for the type checker: it was asked for
    return process.stdin


def _stdout(process: Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None  # noqa: S101 - for the type checker: it was asked for
    return process.stdout
