"""Real git repositories, and in them whatever bytes somebody could send: objects are written here,
one by one, since git itself refuses to make the worst of them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

REGULAR, EXECUTABLE, LINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "40000"

Content = bytes | tuple[str, bytes] | tuple[str, str]
"""A regular file's bytes; or a mode with bytes; or a mode with an object's id."""

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
_WHO = b"A U Thor <author@example.com> 1700000000 +0000"


class Repository:
    """A repository of its own; `root` is its work tree, or the bare repository."""

    def __init__(self, root: Path, *, bare: bool = False, hash_name: str = "sha1") -> None:
        self.root, self._hash = root, hash_name
        root.mkdir(parents=True, exist_ok=True)
        more = ["--bare"] if bare else []
        self.git("init", "--quiet", "--initial-branch=main", f"--object-format={hash_name}", *more)
        self.git_dir = root if bare else root / ".git"

    def git(self, *arguments: str) -> str:
        """What the real git says."""
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=self.root,
            env=_ENVIRONMENT,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        return os.fsdecode(done.stdout).removesuffix("\n")

    def configure(self, **settings: str) -> None:
        """In the repository's own configuration; two underscores stand for a dot."""
        for name, value in settings.items():
            self.git("config", name.replace("__", "."), value)

    def write(self, kind: str, content: bytes) -> str:
        """An object; its id."""
        whole = b"%s %d\0%s" % (kind.encode(), len(content), content)
        name = hashlib.new(self._hash, whole).hexdigest()
        path = self.git_dir / "objects" / name[:2] / name[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return name

    def tree(self, nodes: Sequence[tuple[str, str | bytes, str]]) -> str:
        """A tree of modes, names and ids, in their order, whatever they are; its id."""
        return self.write(
            "tree",
            b"".join(
                b"%s %s\0%s" % (mode.encode(), os.fsencode(name), bytes.fromhex(id_))
                for mode, name, id_ in nodes
            ),
        )

    def folder(self, files: Mapping[str, Content]) -> str:
        """The tree of files, by their paths; a path that ends in a slash is an empty folder."""
        nodes: dict[str, tuple[str, str]] = {}
        below: dict[str, dict[str, Content]] = {}
        for path, content in files.items():
            name, slash, rest = path.partition("/")
            if not slash:
                nodes[name] = self._node(content)
            elif rest:
                below.setdefault(name, {})[rest] = content
            else:
                below.setdefault(name, {})
        nodes |= {name: (FOLDER, self.folder(inner)) for name, inner in below.items()}

        def place(name: str) -> bytes:
            return os.fsencode(name) + (b"/" if nodes[name][0] == FOLDER else b"")

        return self.tree(
            [(nodes[name][0], name, nodes[name][1]) for name in sorted(nodes, key=place)]
        )

    def _node(self, content: Content) -> tuple[str, str]:
        mode, what = (REGULAR, content) if isinstance(content, bytes) else content
        return mode, what if isinstance(what, str) else self.write("blob", what)

    def commit(self, files: Mapping[str, Content] | str, *parents: str) -> str:
        """A commit of files by their paths, or of a tree; its id. It becomes the head of main."""
        tree = files if isinstance(files, str) else self.folder(files)
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        text = "".join(f"{line}\n" for line in lines).encode()
        name = self.write("commit", b"%sauthor %s\ncommitter %s\n\nx\n" % (text, _WHO, _WHO))
        (self.git_dir / "refs" / "heads" / "main").write_text(f"{name}\n")
        return name

    def check_out(self) -> Path:
        """Put what main has into the work tree; return that."""
        self.git("reset", "--hard", "--quiet")
        return self.root


def signatures(
    sets: Mapping[str, Mapping[str, Mapping[str, bytes]]], folder: str = "SIGNATURES"
) -> dict[str, Content]:
    """Sets of entries of files, by their paths."""
    return {
        f"{folder}/{set_name}/{entry}/{name}": content
        for set_name, entries in sets.items()
        for entry, files in entries.items()
        for name, content in files.items()
    }
