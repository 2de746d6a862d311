"""publish: verify everything, plan, then upload what is missing, read it back, and move tags.

A merged set that fails under today's policy is retired: it is named, and the others go on. Where
files are not what they must be whatever the policy, no request is made at all.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    POLICY,
    TrustOptions,
    add_commit,
    add_directory,
    add_sets,
    add_trust,
    owner_packages,
    require_trust,
    trust_files,
    trust_options,
)
from ghcr_signer.core import codes
from ghcr_signer.core.directory import Entry
from ghcr_signer.core.errors import Failure, UsageError
from ghcr_signer.core.plan import Retired, plan
from ghcr_signer.core.policy_warnings import due
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.peers.worktree import TRUSTED_KEY, FilesAround, Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import examine
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.transfer.source import Source, TrustFiles


@dataclass(frozen=True, slots=True)
class Options:
    """What to publish, under which trust, where to, as whom.

    `since` is a commit: somebody waits for the sets that it does not have, as for those in `sets`.
    """

    directory: Path | None
    trust: TrustOptions
    sets: tuple[str, ...]
    commit: str | None
    since: str | None
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
        replace(trust, otherwise=owner_packages(environment)),
        tuple(arguments.set),
        arguments.commit,
        None,
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
    """Publish. What does not verify is not written anywhere."""
    if options.commit is not None:
        return _run_on_commit(options, progress)
    directory = options.directory or DEFAULT_DIRECTORY
    if options.directory is None and not directory.exists():
        return Report("publish", notices=(f"there is no {directory} here: nothing to publish",))
    return _publish(options, Worktree(directory), FilesAround(directory), _Past(), progress)


def _run_on_commit(options: Options, progress: Progress) -> Report:
    """Sets and trust out of a commit, and its history judged by the rules for changes."""
    from ghcr_signer.peers.commit import CommittedDirectory, CommittedFiles
    from ghcr_signer.peers.git import Git
    from ghcr_signer.transfer.changes import check_history, unknown_at

    directory = options.directory or DEFAULT_DIRECTORY
    git = Git.around(directory)
    folder, head = git.path(directory), git.resolve(options.commit or "HEAD")
    git.require_history()
    files = CommittedFiles(git, head, folder)
    # an older commit may have had its trust elsewhere
    trusted = (
        *trust_files(options.trust, files),
        *files.places(POLICY),
        *files.places(TRUSTED_KEY),
    )

    def refused(sets: Collection[str], entries: Collection[Entry]) -> Refused:
        return check_history(git, head, folder, trusted, sets, entries, datetime.now(UTC))

    with closing(CommittedDirectory(git, head, folder)) as source:
        if not source.exists:
            message = f"there is no {directory} in {head[:12]}"
            if options.directory is not None:
                raise UsageError(codes.NO_DIRECTORY, message, file=str(directory))
            return Report("publish", notices=(f"{message}: nothing to publish",))
        new = unknown_at(git, options.since, folder, source.sets()[0])
        return _publish(options, source, files, _Past(new, refused), progress)


Refused = Mapping[str, tuple[Failure, ...]]
"""Sets that must not be published, by name, and why."""


@dataclass(frozen=True, slots=True)
class _Past:
    """What the history says: which sets are new, and which broke a rule when they came."""

    new: frozenset[str] = frozenset()
    refused: Callable[[Collection[str], Collection[Entry]], Refused] = lambda *_: {}


def _publish(
    options: Options, source: Source, files: TrustFiles, past: _Past, progress: Progress
) -> Report:
    """Examine, plan, execute."""
    directory = options.directory or DEFAULT_DIRECTORY
    names, _ = listing = source.sets()
    if listing == ([], []) and not options.sets:
        return Report("publish", notices=(f"{directory} holds no set: nothing to publish",))
    unknown = sorted(set(options.sets) - set(names))
    if unknown:
        raise UsageError(codes.NO_SET, f"there is no set {unknown[0]!r}")
    named = options.trust.repositories or options.trust.otherwise
    if not (named or options.trust.policy or files.find(POLICY)):
        raise UsageError(codes.NO_ALLOW_LIST, "no --repository was given, and there is no policy")
    now = datetime.now(UTC)
    trust = require_trust(options.trust, files).trust
    found = examine(source, trust, now, progress)
    retired = _failing(found.verdicts)
    notices = tuple(f"warning: {each}" for each in due(trust.policy, now))
    report = Report("publish", found.sets, found.verdicts, found.failures, notices)
    if found.failures or any(each.broken for each in retired.values()):
        return _nothing(report, "files of the directory are at fault", directory)
    if len(retired) == len(names):
        return _nothing(report, "no set passes under today's policy", directory)
    awaited = past.new | set(options.sets)
    report = replace(
        report, retired=tuple(r for r in retired.values() if r.set_name not in awaited)
    )

    from ghcr_signer.transfer.execute import execute
    from ghcr_signer.transfer.observe import observe

    live = [verdict for verdict in found.verdicts if verdict.set_name not in retired]
    registries = _registries(options, {verdict.passed_entry.image.registry for verdict in live})
    held = observe(live, found.ledger, registries, progress)
    planned = plan(found.verdicts, found.ledger, held, retired).only(options.sets or names)
    entries = [verdict.entry for verdict in found.verdicts if verdict.entry is not None]
    refused = past.refused(planned.sets, entries) if planned.operations else {}
    planned = planned.only(set(names) - set(refused))
    wrong = tuple(dict.fromkeys(failure for each in refused.values() for failure in each))
    report = replace(report, failures=(*wrong, *planned.blocked), plan=planned)
    if options.dry_run:
        return report
    outcome = execute(planned, source, registries, trust, now, progress)
    return replace(report, done=outcome.done, failures=(*report.failures, *outcome.failures))


def _failing(verdicts: Iterable[Verdict]) -> dict[str, Retired]:
    """The sets with an entry that fails, by name."""
    found: dict[str, tuple[Failure, ...]] = {}
    for verdict in verdicts:
        if not verdict.passed:
            found[verdict.set_name] = (*found.get(verdict.set_name, ()), *verdict.failures)
    return {name: Retired(name, failures) for name, failures in found.items()}


def _nothing(report: Report, why: str, directory: Path) -> Report:
    """The report of a run that changed nothing anywhere."""
    nothing = Failure(codes.NOTHING_PUBLISHED, why, str(directory))
    return replace(report, failures=(*report.failures, nothing))


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
