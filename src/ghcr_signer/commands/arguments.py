"""The options that several commands share: which directory, image and trust."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import UsageError, about
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Policy, Requirement, Trust
from ghcr_signer.core.trusted_root import TrustedRoot, public_good
from ghcr_signer.peers.worktree import TRUSTED_KEY

if TYPE_CHECKING:
    from ghcr_signer.transfer.source import TrustFiles

DEFAULT_DIRECTORY = Path("SIGNATURES")


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """Where trust comes from: files that the user names."""

    keys: tuple[Path, ...]
    repositories: tuple[str, ...]
    trusted_root: Path | None
    transparency_log: Requirement


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
    """The signature directory that a new set is written to."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help=f"the signature directory to write to (default: {DEFAULT_DIRECTORY})",
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
    if keys:
        group.add_argument(
            "--key",
            dest="trusted_keys",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help=f"a trusted public key, PEM (default: {TRUSTED_KEY} at the repository's root)",
        )
        group.add_argument(
            "--repository",
            action="append",
            default=[],
            metavar="GLOB",
            help="an allowed repository, such as 'ghcr.io/acme/**' (* within a segment, ** across)",
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
        default=Requirement.REQUIRED.value,
        help="whether every signature must be logged (default: required)",
    )


def trust_options(arguments: argparse.Namespace) -> TrustOptions:
    """What `add_trust` asked for; what it did not ask for is not given."""
    return TrustOptions(
        tuple(getattr(arguments, "trusted_keys", ())),
        tuple(getattr(arguments, "repository", ())),
        arguments.trusted_root,
        Requirement(arguments.transparency_log),
    )


def find_keys(options: TrustOptions, files: TrustFiles) -> tuple[Path, ...]:
    """The trusted keys' files: those that were named, else the repository's trusted.pub, if any."""
    if options.keys:
        return options.keys
    found = files.find(TRUSTED_KEY)
    return (found,) if found else ()


def load_trust(
    keys: tuple[Path, ...],
    options: TrustOptions,
    repositories: tuple[str, ...] | None,
    files: TrustFiles,
) -> Trust:
    """Read the keys and the trusted root; raises UsageError naming the file at fault."""
    if not keys:
        raise UsageError(codes.NO_TRUST, "no trusted key was named, and there is no trusted.pub")
    authorities = tuple(_authority(path, files) for path in keys)
    return Trust(
        Policy(authorities, repositories, options.transparency_log),
        load_trusted_root(options, files),
    )


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
