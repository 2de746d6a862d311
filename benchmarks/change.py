"""A change of three sets to a repository with many, beside git's own time for what is read of it.

    python benchmarks/change.py [--sets 10000] [--repetitions 5]

Every set has an entry, and moves `latest`: so all that merged sets say of tags is read. git's own
time is that of `git diff-tree` of the change and of `git cat-file` of the same objects: the folders
of all sets and entries, and what moves a tag. The same change to a repository with as few sets as
it adds shows what the rest costs: start-up, trust, the new sets' verification. Two programs that
talk to each other wait for a busy machine at every word: so the processor's time has the target.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import timedelta
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory

import common
from common import forge

NEW_SETS = 3
FOLDER = "SIGNATURES"
WHAT_MOVES = ("IMAGE", "LATEST", "TAGS")
POLICY = """\
version: 1
trustedRoot: root.json
rules:
- name: app
  images: [{glob: ghcr.io/acme/**}]
  authorities: [{name: signer, key: {path: signer.pub}}]
"""


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    with TemporaryDirectory() as root:
        few = Repository(Path(root, "few"), NEW_SETS)
        many = Repository(Path(root, "many"), arguments.sets)
        runs = common.take_turns(
            arguments.repetitions,
            ours=many.verify,
            ours_few=few.verify,
            git=many.read_by_git,
            git_few=few.read_by_git,
        )
    figures = {
        figure: {name: common.median(each, figure) for name, each in runs.items()}
        for figure in ("seconds", "cpu_seconds", "peak_kib")
    }
    for figure in ("seconds", "cpu_seconds"):
        found = figures[figure]
        found["beyond git's own"] = found["ours"] - found["git"]
        found["rules"] = found["beyond git's own"] - (found["ours_few"] - found["git_few"])
    rules = figures["cpu_seconds"]["rules"]
    what = "processor seconds for the rules, beyond git's own"
    common.report(figures, [common.Target(what, rules, at_most=0.5)])


class Repository:
    """Merged sets, packed as in a fresh clone, and upon them a commit that adds some."""

    def __init__(self, root: Path, sets: int) -> None:
        common.say(f"making {sets} sets")
        self.root, self.sets = root, sets
        self.signer, self.log = forge.Signer(), forge.Log()
        root.mkdir()
        self._git("init", "--quiet")
        for name, content in (
            ("policy.yml", POLICY.encode()),
            ("root.json", self.log.trusted_root()),
            ("signer.pub", self.signer.pem),
        ):
            (root / name).write_bytes(content)
        self._add(0, sets)
        self._add(sets, sets + NEW_SETS)
        self._git("repack", "-adq")
        self._asked = root / ".git" / "asked"
        listed = self._git("ls-tree", "-r", "-t", "HEAD^", f"{FOLDER}/").splitlines()
        wanted = [line for line in listed if self._is_read(line)]
        self._asked.write_text("".join(f"{line.split()[2]}\n" for line in wanted))

    def _add(self, first: int, end: int) -> None:
        """A commit of sets, the oldest first."""
        for number in range(first, end):
            instant = forge.NOW - timedelta(seconds=10 * (self.sets + NEW_SETS - number))
            entry = forge.entry(
                [self.signer],
                digest=forge.sha256(str(number).encode()),
                log=self.log,
                time=instant,
                tags=["latest"],
            )
            forge.write(self.root, {f"{instant:%Y-%m-%dT%H:%M:%S+00:00}": dict([entry])})
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "sets")

    def _is_read(self, line: str) -> bool:
        """Whether what `git ls-tree` lists is read: the folders, and what moves a tag."""
        about, path = line.split("\t")
        return about.split()[1] == "tree" or path.rpartition("/")[2] in WHAT_MOVES

    def verify(self) -> common.Run:
        """The whole process."""
        report = self.root / ".git" / "report.json"
        options = ("--base", "HEAD^", "--format", "json", "--output", report)
        directory = self.root / FOLDER
        done = common.run(common.GHCR_SIGNER, "verify", directory, *options)
        counts = json.loads(report.read_bytes())["counts"]
        assert counts["passed"] == counts["sets"] == NEW_SETS, counts
        return done

    def read_by_git(self) -> common.Run:
        """What git alone takes for the change, and for what is read of the merged sets."""
        shell = ("/bin/sh", "-c", 'cd "$0" && exec git "$@" > /dev/null', self.root)
        change = common.run(*shell, "diff-tree", "-r", "HEAD^", "HEAD")
        contents = common.run(*shell, "cat-file", "--batch", "--buffer", stdin=self._asked)
        return common.total([change, contents])

    def _git(self, *arguments: str) -> str:
        who = {f"GIT_{w}_{k}": "nobody" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
        none = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | who | none,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout


if __name__ == "__main__":
    main()
