"""doctor: is everything set up; and where it is not, what to write, or where to click.

First what the files and this machine tell, without a network. Then, with a token in GH_TOKEN or
GITHUB_TOKEN, what GitHub tells of the settings. The token goes to GitHub's API and nowhere else.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    LoadedTrust,
    TrustOptions,
    add_directory,
    find_trust,
)
from ghcr_signer.core import codes, policy_warnings, remote
from ghcr_signer.core.errors import GhcrSignerError, UsageError
from ghcr_signer.core.finding import Finding, good, unknown, wrong
from ghcr_signer.core.wording import counted
from ghcr_signer.peers import cosign
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.worktree import FilesAround, Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.clone_setup import Workflows, look_at_files
from ghcr_signer.transfer.progress import Progress

_OLDEST_GIT = (2, 36)
_SERVER, _API = "https://github.com", "https://api.github.com"


@dataclass(frozen=True, slots=True)
class Options:
    """Which project; `github` is OWNER/REPOSITORY where origin does not tell it."""

    directory: Path
    github: str | None
    token: str = field(repr=False)
    api: str
    server: str
    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `doctor`."""
    parser.epilog = (
        "With a token in GH_TOKEN or GITHUB_TOKEN it looks at GitHub's settings too:"
        " GH_TOKEN=$(gh auth token) ghcr-signer doctor"
    )
    add_directory(parser)
    parser.add_argument(
        "--github",
        metavar="OWNER/REPOSITORY",
        help="the repository on GitHub (default: that of the remote origin)",
    )


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(
        directory=arguments.directory or DEFAULT_DIRECTORY,
        github=arguments.github,
        token=environment.get("GH_TOKEN") or environment.get("GITHUB_TOKEN") or "",
        api=environment.get("GITHUB_API_URL") or _API,
        server=environment.get("GITHUB_SERVER_URL") or _SERVER,
        environment=environment,
    )


def run(options: Options, progress: Progress) -> Report:
    """Look at everything; raises UsageError where there is no git repository (GS2008, GS2009), or
    one of its files cannot be read (GS2001).
    """
    now = datetime.now(UTC)
    git = Git.around(options.directory)
    files = _Remembering(FilesAround(options.directory), git.root)
    trust, findings = _trust(files)
    found = [*_machine(git, options), *_directory(options.directory), *findings]
    if trust is not None:
        found += _keys(trust, now)
    workflows = Workflows.read(git.root)
    found += look_at_files(git, git.path(options.directory), files.paths, workflows)
    found += _github(options, git, trust, workflows, now)
    return Report("doctor", findings=tuple(found))


def _machine(git: Git, options: Options) -> Iterator[Finding]:
    version = git.version()
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < _OLDEST_GIT:
        yield wrong("git", codes.SETUP_MACHINE, f"version {version}", "Install git 2.36 or newer.")
    else:
        yield good("git", f"version {version}")
    try:
        program = cosign.find(None, options.environment)
    except UsageError as error:
        yield unknown("cosign", str(error), f"Whoever signs needs it. {error.failure.next_step}")
        return
    version = ".".join(map(str, program.version))
    if program.has_piv():
        yield good("cosign", f"version {version}, for security keys too")
    else:
        why = f"version {version}, built without support for security keys (--sk)"
        yield unknown("cosign", why, "Sign with --key, or install a build that has it (pivkey).")


def _directory(directory: Path) -> Iterator[Finding]:
    name = str(directory)
    if not directory.exists():
        yield good(name, "not there yet; the first set makes it")
        return
    try:
        sets, failures = Worktree(directory).sets()
    except GhcrSignerError as error:
        yield wrong(name, codes.SETUP_TRUST, str(error), error.failure.next_step)
        return
    for failure in failures:
        yield wrong(name, codes.SETUP_TRUST, failure.message, failure.next_step, file=failure.file)
    if not failures:
        yield good(name, counted(len(sets), "set"))


class _Remembering:
    """The files of trust, and which of them were read: their paths in the repository."""

    def __init__(self, files: FilesAround, root: Path) -> None:
        self._files, self._root = files, root
        self.paths: set[str] = set()

    def find(self, name: str) -> Path | None:
        return self._files.find(name)

    def read(self, path: Path, limit: int) -> bytes:
        if path.absolute().is_relative_to(self._root):
            self.paths.add(path.absolute().relative_to(self._root).as_posix())
        return self._files.read(path, limit)


def _trust(files: _Remembering) -> tuple[LoadedTrust | None, list[Finding]]:
    name = "trust"
    try:
        loaded = find_trust(TrustOptions(), files)
    except GhcrSignerError as error:
        failure = error.failure
        why = f"{failure.code.id} {failure.message}"
        found = wrong(name, codes.SETUP_TRUST, why, failure.next_step, file=failure.file)
        return None, [found]
    if loaded is None:
        why, fix = "there is no policy.yml and no trusted.pub", "Begin with: ghcr-signer init"
        return None, [wrong(name, codes.SETUP_TRUST, why, fix)]
    rules = loaded.trust.policy.rules
    signers = {authority.name for rule in rules for authority in rule.authorities}
    return loaded, [good(name, f"a {loaded.kind}, which names {', '.join(sorted(signers))}")]


def _keys(loaded: LoadedTrust, now: datetime) -> Iterator[Finding]:
    warnings = [*policy_warnings.due(loaded.trust.policy, now)]
    yield from (wrong("keys", codes.SETUP_KEYS, warning) for warning in warnings)
    if not warnings:
        yield good("keys", "enough of them count, and none is to be replaced within a month")


def _github(
    options: Options, git: Git, loaded: LoadedTrust | None, workflows: Workflows, now: datetime
) -> Iterator[Finding]:
    origin = git.remote("origin") or ""
    name = options.github or remote.repository(origin, urlsplit(options.server).hostname or "")
    if name is None:
        why = f"origin is no repository of {urlsplit(options.server).hostname}"
        yield unknown("GitHub", why, "Name it: --github OWNER/REPOSITORY")
        return
    if not options.token:
        fix = "With a token that may read them: GH_TOKEN=$(gh auth token) ghcr-signer doctor"
        yield unknown("GitHub", f"the settings of {name} were not looked at", fix)
        return
    try:
        from ghcr_signer.peers.github.api import Api
        from ghcr_signer.transfer.forge_setup import Forge

        policy = loaded.trust.policy if loaded and loaded.kind == "policy" else None
        # asked once: whoever waits for a diagnosis would rather be told that nobody answers
        with closing(Api(name, api=options.api, token=options.token, patience=0)) as api:
            yield from Forge(api, policy, workflows).look(now)
    except ModuleNotFoundError as error:
        fix = "Install ghcr-signer with its extra `actions`."
        yield unknown("GitHub", f"{error.name} is not installed", fix)
