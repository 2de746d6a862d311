"""policy: say in words who may sign what, or what another policy would change.

What a policy says is foreign text: a pull request may propose it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.commands.arguments import (
    DEFAULT_DIRECTORY,
    LoadedTrust,
    TrustOptions,
    require_trust,
)
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, UsageError
from ghcr_signer.core.policy import (
    Authority,
    DockerReference,
    EverySignature,
    Requirement,
    Rule,
)
from ghcr_signer.core.policy_warnings import warnings
from ghcr_signer.core.reference import Reference
from ghcr_signer.core.trust_change import TrustChange
from ghcr_signer.core.wording import shown
from ghcr_signer.peers.worktree import FilesAround, Worktree
from ghcr_signer.report.escape import log_line
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.examine import examine
from ghcr_signer.transfer.progress import Progress

CHECK, TEST = "check", "test"


@dataclass(frozen=True, slots=True)
class Options:
    """What to do with which policy: `about` are images to check, or the directory to test."""

    verb: str
    about: tuple[str, ...]
    trust: TrustOptions
    base: str | None

    def __post_init__(self) -> None:
        """Each verb has arguments of its own."""
        if self.verb == TEST and len(self.about) > 1:
            raise UsageError(codes.USAGE, "policy test takes one directory")
        if self.verb == CHECK and self.base is not None:
            raise UsageError(codes.USAGE, "--base goes with policy test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `policy`."""
    parser.add_argument(
        "verb",
        choices=(CHECK, TEST),
        help="check: is the policy well, what does it say, and which rules name each IMAGE;"
        " test: which entries of the DIRECTORY would pass or fail that now do not",
    )
    parser.add_argument(
        "about",
        nargs="*",
        metavar="IMAGE or DIRECTORY",
        help=f"registry/repository, to check; a signature directory (default: {DEFAULT_DIRECTORY}),"
        " to test",
    )
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="the policy (default: what the repository trusts)",
    )
    parser.add_argument(
        "--base",
        metavar="COMMIT",
        help="test: the commit that has what it is compared with (default: HEAD)",
    )


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(
        arguments.verb,
        tuple(arguments.about),
        TrustOptions(policy=arguments.policy),
        arguments.base,
    )


def run(options: Options, progress: Progress) -> Report:
    """Load the policy, whatever else is done; raises UsageError or Refused for one that is not."""
    now = datetime.now(UTC)
    if options.verb == TEST:
        return _test(options, now, progress)
    loaded = require_trust(options.trust, FilesAround(DEFAULT_DIRECTORY))
    images = [Reference.parse(image) for image in options.about]
    nameless = [each for each in images if not loaded.trust.policy.rules_for(each)]
    return Report(
        "policy",
        failures=tuple(
            Failure(codes.REPOSITORY_NOT_ALLOWED, f"no rule names {image.name}")
            for image in nameless
        ),
        content=_text(_explanation(loaded, images, now)),
    )


def _text(lines: Iterator[str]) -> str:
    return "\n".join(log_line(line) for line in lines)


# check: a policy in words


def _explanation(loaded: LoadedTrust, images: Sequence[Reference], now: datetime) -> Iterator[str]:
    policy = loaded.trust.policy
    yield f"{loaded}: an image must satisfy every rule that names it; without one it is refused"
    yield f"logs: {', '.join(log.url for log in loaded.trust.trusted_root.logs.values())}"
    for rule in policy.rules:
        yield ""
        yield from _rule(rule)
    if policy.withdrawn:
        yield ""
        yield "withdrawn for good:"
        for digest, withdrawal in policy.withdrawn.items():
            yield f"  {digest} since {shown(withdrawal.date)}: {withdrawal.reason}"
    if images:
        yield ""
    for image in images:
        rules = ", ".join(rule.name for rule in policy.rules_for(image))
        yield f"{image.name}: {rules or f'no rule names it, so it is refused ({_NOT_ALLOWED})'}"
    surprises = [*warnings(policy, now)]
    if surprises:
        yield ""
        yield from (f"warning: {warning}" for warning in surprises)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"rule {rule.name}"
    yield f"  images: {', '.join(rule.images)}"
    yield f"  signed by at least {rule.threshold} of {len(rule.authorities)}:"
    for authority in rule.authorities:
        yield f"    {authority.name}: {_authority(authority)}"
    yield f"  {_EVERY_SIGNATURE[rule.every_signature]}"
    yield f"  {_LOG[rule.transparency_log]}"
    yield f"  {_DOCKER_REFERENCE[rule.docker_reference]}"
    yield f"  {_PLATFORMS[rule.platforms]}"
    for name, value in rule.annotations.items():
        yield f"  signed with the annotation {name}={value}"
    yield f"  tags that a set may move: {', '.join(rule.tags) or 'none'}"
    if rule.freshness:
        yield f"  to be signed anew every {rule.freshness.days} days, which only an audit judges"


def _authority(authority: Authority) -> str:
    words = [f"{authority.key.kind} {authority.key.fingerprint}"]
    if authority.not_before:
        words.append(f"from {shown(authority.not_before)}")
    if authority.not_after:
        words.append(f"until {shown(authority.not_after)}")
    if authority.rotate_after:
        words.append(f"to be replaced by {shown(authority.rotate_after)}")
    if authority.revoked:
        since = f"from {shown(authority.revoked.start)} on" if authority.revoked.start else "at all"
        words.append(f"does not count {since}, revoked: {authority.revoked.reason}")
    return ", ".join(words)


_NOT_ALLOWED = codes.REPOSITORY_NOT_ALLOWED.id
_EVERY_SIGNATURE = {
    EverySignature.VALID: "every signature of an entry must be valid",
    EverySignature.ANY: "further signatures of an entry may be invalid",
}
_LOG = {
    Requirement.REQUIRED: "every signature must be in a transparency log",
    Requirement.OPTIONAL: "a signature need not be in a transparency log",
}
_DOCKER_REFERENCE = {
    DockerReference.MATCH: "signed for the repository that it is published in",
    DockerReference.IGNORE: "signed for whatever repository",
}
_PLATFORMS = {
    Requirement.REQUIRED: "every platform of an index must be signed in the same set",
    Requirement.OPTIONAL: "the platforms of an index need not be signed",
}


# test: a directory under two policies


def _test(options: Options, now: datetime, progress: Progress) -> Report:
    from ghcr_signer.peers.commit import CommittedFiles
    from ghcr_signer.peers.git import Git

    directory = Path(*options.about) if options.about else DEFAULT_DIRECTORY
    git = Git.around(directory)
    base = git.resolve(options.base or "HEAD")
    present = require_trust(TrustOptions(), CommittedFiles(git, base, git.path(directory)))
    proposed = require_trust(options.trust, FilesAround(directory))
    is_begun = bool(options.about) or directory.exists()  # the first set makes it
    before, after = (
        examine(Worktree(directory), each.trust, now, progress).verdicts if is_begun else ()
        for each in (present, proposed)
    )
    return Report(
        "policy",
        notices=(f"{proposed}, beside {present} of {base[:12]}",),
        trust_change=TrustChange.of(present.trust, proposed.trust, before, after),
    )
