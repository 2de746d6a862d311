"""publish: verify everything, plan, then upload what is missing, read it back, and move tags."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    TrustOptions,
    add_commit,
    add_directory,
    add_sets,
    add_trust,
    find_keys,
    load_trust,
    owner_packages,
    trust_options,
)
from ghcr_signer.core import codes
from ghcr_signer.core.directory import Entry
from ghcr_signer.core.errors import Failure, UsageError
from ghcr_signer.core.ledger import Ledger
from ghcr_signer.core.plan import plan
from ghcr_signer.peers.worktree import TRUSTED_KEY, FilesAround, Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import examine
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.transfer.source import Source, TrustFiles


@dataclass(frozen=True, slots=True)
class Options:
    """What to publish, under which trust, where to, as whom."""

    directory: Path | None
    trust: TrustOptions
    sets: tuple[str, ...]
    commit: str | None
    dry_run: bool
    registry_map: Mapping[str, str]
    username: str | None
    password: str | None = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        """A name without a password, or a password without a name, logs in nobody."""
        if bool(self.username) != bool(self.password):
            raise UsageError(codes.SECRET_MISSING, "one of user name and password is missing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `publish`."""
    add_directory(parser)
    add_sets(parser, "publish")
    add_commit(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    parser.add_argument(
        "--registry-map",
        action="append",
        default=[],
        metavar="FROM=TO",
        help="publish what is named FROM/… to the host TO instead",
    )
    parser.add_argument("--username", metavar="U", help="with --password-stdin: the user's name")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    parser.set_defaults(password=None)  # cli reads it, and puts it here
    add_trust(parser)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options. `arguments.password` is what cli read from standard input."""
    trust = trust_options(arguments)
    return Options(
        arguments.directory,
        replace(trust, repositories=trust.repositories or owner_packages(environment)),
        tuple(arguments.set),
        arguments.commit,
        arguments.dry_run,
        registry_map(arguments.registry_map),
        arguments.username,
        arguments.password,
        environment,
    )


def registry_map(pairs: Iterable[str]) -> dict[str, str]:
    """FROM=TO, each a host; raises UsageError (GS2001)."""
    return dict(_mapping(pair) for pair in pairs)


def _mapping(pair: str) -> tuple[str, str]:
    source, equals, target = pair.partition("=")
    if not equals or not source or not target or "/" in source + target:
        raise UsageError(codes.USAGE, f"the registry map {pair!r} is not HOST=HOST")
    return source, target


def run(options: Options, progress: Progress) -> Report:
    """Publish. Until everything verifies, nothing is written anywhere."""
    if options.commit is not None:
        return _run_on_commit(options, progress)
    directory = options.directory or DEFAULT_DIRECTORY
    if options.directory is None and not directory.exists():
        return Report("publish", notices=(f"there is no {directory} here: nothing to publish",))
    return _publish(options, Worktree(directory), FilesAround(directory), progress)


def _run_on_commit(options: Options, progress: Progress) -> Report:
    """Sets and trust out of a commit, and its history judged by the rules for changes."""
    from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
    from ghcr_signer.peers.git import Git
    from ghcr_signer.transfer.changes import check_history

    directory = options.directory or DEFAULT_DIRECTORY
    git = Git.around(directory)
    folder, head = git.path(directory), git.resolve(options.commit or "HEAD")
    git.require_history()
    files = CommittedFiles(git, head, folder)
    # an older commit may have had its key elsewhere
    keys = options.trust.keys or files.places(TRUSTED_KEY)

    def history(sets: Collection[str], entries: Collection[Entry]) -> tuple[Failure, ...]:
        return check_history(git, head, folder, keys, sets, entries, datetime.now(UTC))

    with CommittedDirectory(git, head, folder) as source:
        if not source.exists:
            message = f"there is no {directory} in {head[:12]}"
            if options.directory is not None:
                raise UsageError(codes.NO_DIRECTORY, message, file=str(directory))
            return Report("publish", notices=(f"{message}: nothing to publish",))
        return _publish(options, source, files, progress, history)


def _publish(
    options: Options,
    source: Source,
    files: TrustFiles,
    progress: Progress,
    history: Callable[[Collection[str], Collection[Entry]], tuple[Failure, ...]] | None = None,
) -> Report:
    """Examine, plan, execute. `history` says what is wrong with how the sets came about."""
    directory = options.directory or DEFAULT_DIRECTORY
    names, _ = listing = source.sets()
    if listing == ([], []) and not options.sets:
        return Report("publish", notices=(f"{directory} holds no set: nothing to publish",))
    unknown = sorted(set(options.sets) - set(names))
    if unknown:
        raise UsageError(codes.NO_SET, f"there is no set {unknown[0]!r}")
    if not options.trust.repositories:
        raise UsageError(codes.NO_ALLOW_LIST, "no --repository was given")
    now = datetime.now(UTC)
    keys = find_keys(options.trust, files)
    trust = load_trust(keys, options.trust, options.trust.repositories, files)
    found = examine(source, trust, now, progress)
    if not found.passed:
        nothing = Failure(codes.NOTHING_PUBLISHED, "something does not verify", str(directory))
        return Report("publish", found.sets, found.verdicts, (*found.failures, nothing))

    from ghcr_signer.transfer.execute import execute
    from ghcr_signer.transfer.observe import observe

    registries = _registries(options, {v.passed_entry.image.registry for v in found.verdicts})
    ledger = Ledger.of(found.verdicts)
    held = observe(found.verdicts, ledger, registries, progress)
    planned = plan(found.verdicts, ledger, held).only(options.sets or names)
    report = Report("publish", found.sets, found.verdicts, planned.blocked, plan=planned)
    if history is not None and planned.operations:
        entries = [verdict.passed_entry for verdict in found.verdicts]
        refused = history(planned.sets, entries)
        if refused:
            nothing = Failure(codes.NOTHING_PUBLISHED, "the history breaks a rule", str(directory))
            return replace(report, failures=(*refused, nothing), plan=None)
    if options.dry_run:
        return report
    outcome = execute(planned, source, registries, trust, now, progress)
    return replace(report, done=outcome.done, failures=(*planned.blocked, *outcome.failures))


def _registries(options: Options, named: set[str]) -> Registries:
    """The registries to publish to. A password that was given is for one host, and no other."""
    from ghcr_signer.peers.registry.auth import Credentials
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.peers.registry.transport import Access

    given = {}
    if options.username and options.password is not None:
        hosts = {options.registry_map.get(host, host) for host in named}
        if len(hosts) != 1:
            raise UsageError(
                codes.USAGE,
                f"--username is for one registry, the sets name {', '.join(sorted(hosts))}",
                fix="Log in to each with `docker login` instead.",
            )
        given[hosts.pop()] = Credentials(options.username, options.password)
    access = Access.PULL if options.dry_run else Access.PUSH
    return Registries(access, options.environment, given, options.registry_map)
