"""The options that several commands share: which directory, image and trust."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import UsageError, about
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Policy, Requirement, Rule, Trust
from ghcr_signer.core.trusted_root import TrustedRoot, public_good
from ghcr_signer.peers.worktree import TRUSTED_KEY

if TYPE_CHECKING:
    from ghcr_signer.transfer.source import TrustFiles

DEFAULT_DIRECTORY = Path("SIGNATURES")
POLICY = "policy.yml"
_ANYWHERE = ("**",)


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """Where trust comes from: a policy, or keys and what goes with them.

    `otherwise` are the repositories where neither a policy nor `repositories` say which.
    """

    policy: Path | None = None
    keys: tuple[Path, ...] = ()
    repositories: tuple[str, ...] = ()
    trusted_root: Path | None = None
    transparency_log: Requirement | None = None
    otherwise: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """The same on a command line."""
        logged = self.transparency_log
        given = (
            ("--policy", self.policy),
            *(("--key", key) for key in self.keys),
            *(("--repository", glob) for glob in self.repositories),
            ("--trusted-root", self.trusted_root),
            ("--transparency-log", logged.value if logged else None),
        )
        return tuple(str(word) for option in given if option[1] for word in option)


@dataclass(frozen=True, slots=True)
class LoadedTrust:
    """Trust, and the files that say whom; `kind` is "policy" or "trusted key"."""

    trust: Trust
    kind: str
    files: tuple[Path, ...]

    @property
    def is_anywhere(self) -> bool:
        """Whether no repository was named, so that all of them count."""
        return any(rule.images == _ANYWHERE for rule in self.trust.policy.rules)

    def __str__(self) -> str:
        return ", ".join(str(file) for file in self.files)


def add_directory(parser: argparse.ArgumentParser) -> None:
    """The signature directory as an argument."""
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        metavar="DIRECTORY",
        help=f"the signature directory (default: {DEFAULT_DIRECTORY})",
    )


def add_commit(parser: argparse.ArgumentParser) -> None:
    """Sets and trust out of a commit."""
    parser.add_argument(
        "--commit",
        metavar="COMMIT",
        help="read sets and trust from this commit, not from the work tree; paths of keys are then"
        " from the repository's root",
    )


def add_sets(parser: argparse.ArgumentParser, verb: str) -> None:
    """The sets that it is about."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME", help=f"{verb} this set only"
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """The signature directory that a new set is written to, and whether it is pushed from there."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help=f"the signature directory to write to (default: {DEFAULT_DIRECTORY})",
    )
    parser.add_argument(
        "--push",
        action="store_true",
        help="then commit the set on a branch of its own and push it, as `ghcr-signer push` does",
    )


def add_image(parser: argparse.ArgumentParser) -> None:
    """The image, the tags that it shall move, and its manifests as files."""
    parser.add_argument("image", metavar="IMAGE@sha256:…", help="the image, by digest")
    parser.add_argument("--latest", action="store_true", help="this digest becomes `latest`")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="T", help="a further tag to move"
    )
    parser.add_argument(
        "--subject",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="the image's own manifest or index (and each platform's) as a file, for an image that"
        " cannot be read from its registry",
    )


def add_trust(parser: argparse.ArgumentParser, *, keys: bool = True) -> None:
    """Which signatures count. `keys`: not for `sign`, whose --key is cosign's private key."""
    group = parser.add_argument_group("trust")
    group.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help=f"who may sign what (default: {POLICY} at the repository's root, if there is one)",
    )
    if keys:
        group.add_argument(
            "--key",
            dest="trusted_keys",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help="instead of a policy: a trusted public key, PEM"
            f" (default: {TRUSTED_KEY} at the repository's root)",
        )
        group.add_argument(
            "--repository",
            action="append",
            default=[],
            metavar="GLOB",
            help="instead of a policy: an allowed repository, such as 'ghcr.io/acme/**' (* within a"
            " segment, ** across)",
        )
    group.add_argument(
        "--trusted-root",
        type=Path,
        metavar="FILE",
        help="sigstore trusted_root.json of your own log (default: the public one, built in)",
    )
    group.add_argument(
        "--transparency-log",
        choices=[requirement.value for requirement in Requirement],
        help="instead of a policy: whether every signature must be logged (default: required)",
    )


def trust_options(arguments: argparse.Namespace) -> TrustOptions:
    """What `add_trust` asked for; what it did not ask for is not given."""
    logged = arguments.transparency_log
    return TrustOptions(
        arguments.policy,
        tuple(getattr(arguments, "trusted_keys", ())),
        tuple(getattr(arguments, "repository", ())),
        arguments.trusted_root,
        Requirement(logged) if logged else None,
    )


def trust_files(options: TrustOptions, files: TrustFiles) -> tuple[Path, ...]:
    """The files that say whom to trust: those that were named, else the repository's own.

    Beside a policy it is the key that the policy may have followed: older commits know that.
    """
    policy = options.policy or files.find(POLICY)
    if policy:
        return policy, policy.parent / TRUSTED_KEY
    key = files.find(TRUSTED_KEY)
    return options.keys or ((key,) if key else ())


def require_trust(options: TrustOptions, files: TrustFiles) -> LoadedTrust:
    """Read what `find_trust` reads; raises UsageError (GS2003) where there is none."""
    loaded = find_trust(options, files)
    if loaded is None:
        message = f"no trusted key was named, and there is no {POLICY} and no {TRUSTED_KEY}"
        raise UsageError(codes.NO_TRUST, message)
    return loaded


def find_trust(options: TrustOptions, files: TrustFiles) -> LoadedTrust | None:
    """Read the policy or the keys, and the trusted root; None where there are none.

    Raises UsageError or Refused naming the file at fault, and UsageError (GS2018) where both a
    policy and something in its place were given.
    """
    policy = options.policy or files.find(POLICY)
    if policy is not None:
        return _by_policy(policy, options, files)
    keys = trust_files(options, files)
    return _by_keys(keys, options, files) if keys else None


def _by_policy(path: Path, options: TrustOptions, files: TrustFiles) -> LoadedTrust:
    from ghcr_signer.core import policy_file

    if options.keys or options.repositories or options.transparency_log is not None:
        message = f"keys, repositories or the log's part were named, and there is {path}"
        raise UsageError(codes.TWO_TRUSTS, message)
    with about(str(path)):
        policy, root = policy_file.parse(
            files.read(path, limits.POLICY_BYTES),
            lambda key, limit: files.read(path.parent / key, limit),
        )
        if root is not None and options.trusted_root is not None:
            message = f"--trusted-root was given, and the policy names {root}"
            raise UsageError(codes.TWO_TRUSTS, message)
    own = options if root is None else replace(options, trusted_root=path.parent / root)
    return LoadedTrust(Trust(policy, load_trusted_root(own, files)), "policy", (path,))


def _by_keys(paths: tuple[Path, ...], options: TrustOptions, files: TrustFiles) -> LoadedTrust:
    policy = policy_of(tuple(_authority(path, files) for path in paths), options)
    return LoadedTrust(Trust(policy, load_trusted_root(options, files)), "trusted key", paths)


def policy_of(authorities: tuple[Authority, ...], options: TrustOptions) -> Policy:
    """The policy that keys make: one rule, which lets a set move any tag."""
    rule = Rule(
        "trusted keys",
        options.repositories or options.otherwise or _ANYWHERE,
        authorities,
        transparency_log=options.transparency_log or Requirement.REQUIRED,
        tags=("**",),
    )
    return Policy((rule,))


def load_trusted_root(options: TrustOptions, files: TrustFiles) -> TrustedRoot:
    """The trusted root that was named, else the public one."""
    if options.trusted_root is None:
        return public_good()
    with about(str(options.trusted_root)):
        return TrustedRoot.parse(files.read(options.trusted_root, limits.TRUSTED_ROOT_BYTES))


def _authority(path: Path, files: TrustFiles) -> Authority:
    with about(str(path)):
        return Authority(path.name, PublicKey.from_pem(files.read(path, limits.KEY_BYTES)))


def owner_packages(environment: Mapping[str, str]) -> tuple[str, ...]:
    """In GitHub Actions, the owner's packages on ghcr.io; elsewhere none."""
    owner = environment.get("GITHUB_REPOSITORY_OWNER", "").lower()
    return (f"ghcr.io/{owner}/**",) if owner else ()
