"""verify: judge every entry of a directory, offline; with --registry, rehearse the upload too."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    TrustOptions,
    add_directory,
    add_trust,
    find_keys,
    load_trust,
    trust_options,
)
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, Refused, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.worktree import Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import Examination, examine
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from ghcr_signer.peers.registry.registries import Registries

_PLAIN_HTTP = "http://"


@dataclass(frozen=True, slots=True)
class Options:
    """What to verify, under which trust, and where to rehearse."""

    directory: Path | None
    trust: TrustOptions
    sets: tuple[str, ...]
    registry: str | None
    environment: Mapping[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `verify`."""
    add_directory(parser)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME", help="verify this set only"
    )
    parser.add_argument(
        "--registry",
        metavar="HOST/REPOSITORY",
        help="rehearse the upload there, each entry in REPOSITORY/<its own repository>, and read"
        " everything back; http://HOST is accepted here, and gets no credentials",
    )
    add_trust(parser)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(
        arguments.directory,
        trust_options(arguments),
        tuple(arguments.set),
        arguments.registry,
        environment,
    )


def run(options: Options, progress: Progress) -> Report:
    """Verify; raises UsageError for what was named and is not there."""
    rehearsal = _rehearsal(options) if options.registry else None
    directory = options.directory or DEFAULT_DIRECTORY
    if options.directory is None and not options.sets and not directory.exists():
        return Report("verify", notices=(f"there is no {directory} here: nothing to verify",))
    now = datetime.now(UTC)
    keys = find_keys(options.trust, directory)
    source = Worktree(directory)
    if not keys and source.sets() == ([], []):
        return Report("verify", notices=(f"{directory} holds no set: nothing to verify",))
    trust = load_trust(keys, options.trust, options.trust.repositories or None)
    found = examine(source, trust, now, progress, options.sets)
    notices = [] if options.trust.keys else [f"trusted: {keys[0]}"]
    if not options.trust.repositories:
        notices.append("any repository is accepted: no --repository was given")
    if not found.verdicts and not found.failures:
        notices.append(f"{directory} holds no set: nothing to verify")
    failures = found.failures
    if rehearsal and found.passed:
        failures = _rehearse(found, source, rehearsal, trust, now, progress)
        if not failures:
            notices.append(f"rehearsed: {len(found.verdicts)} entries went there and came back")
    elif rehearsal:
        notices.append("not rehearsed: something does not verify")
    return Report("verify", found.sets, found.verdicts, failures, tuple(notices))


def _rehearsal(options: Options) -> Registries:
    """Where --registry sends everything; raises UsageError (GS2001)."""
    from ghcr_signer.peers.registry.registries import Registries
    from ghcr_signer.peers.registry.transport import Access

    text = options.registry or ""
    plain_http = text.startswith(_PLAIN_HTTP)
    try:
        target = Reference.parse(text.removeprefix(_PLAIN_HTTP), any_host=plain_http)
    except Refused as refusal:
        raise UsageError(codes.USAGE, f"--registry: {refusal}") from None
    if target.tag or target.digest:
        raise UsageError(codes.USAGE, f"--registry {text!r}: a repository has no tag or digest")
    return Registries(Access.PUSH, options.environment, rehearsal=target, plain_http=plain_http)


def _rehearse(
    found: Examination,
    source: Worktree,
    registries: Registries,
    trust: Trust,
    now: datetime,
    progress: Progress,
) -> tuple[Failure, ...]:
    """Push every entry and read it back; the failures."""
    from ghcr_signer.core.plan import Plan, Push
    from ghcr_signer.transfer.execute import execute

    pushes = tuple(Push(verdict.path, verdict.passed_entry) for verdict in found.verdicts)
    plan = Plan(pushes, live=(), blocked=())
    return execute(plan, source, registries, trust, now, progress).failures
