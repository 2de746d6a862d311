"""collect: take the signatures of an image, and of its platforms, from a registry into a set."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ghcr_signer.commands.arguments import (
    TrustOptions,
    add_image,
    add_target,
    add_trust,
    find_keys,
    load_trust,
    trust_options,
)
from ghcr_signer.commands.ceremony import Target, finish, target
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, Unreachable
from ghcr_signer.core.image import Image
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.registry.registries import Location, Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.fetch import signature_files
from ghcr_signer.transfer.new_set import NewEntry, parse_tags
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Source


@dataclass(frozen=True, slots=True)
class Options:
    """Which image, where its signatures are, which tags it moves, where the set goes."""

    image: str
    source: str
    tags: tuple[str, ...]
    subjects: tuple[Path, ...]
    directory: Path
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `collect`."""
    add_image(parser)
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="REGISTRY/REPOSITORY",
        help="where the signatures are",
    )
    add_target(parser)
    add_trust(parser)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options."""
    return Options(
        arguments.image,
        arguments.source,
        parse_tags(arguments.latest, arguments.tag),
        tuple(arguments.subject),
        arguments.directory,
        trust_options(arguments),
        environment,
    )


def run(options: Options, progress: Progress) -> Report:
    """Collect, verify where there is trust, and write one set."""
    at = Registries(Access.PULL, options.environment).locate(Reference.parse(options.source))
    found = target(
        options.image,
        options.subjects,
        options.environment,
        progress,
        command="collect",
        confirm_tags=True,
    )
    notices = list(found.notices)
    top = _image(found, at)
    if top is None:
        notices.append("the image's own manifest cannot be read: its platforms are not looked for")
    entries = _entries(found, top, at, notices)
    keys = find_keys(options.trust, options.directory)
    trust = None
    if keys:
        trust = load_trust(keys, options.trust, options.trust.repositories or None)
        notices.append(f"verified with {', '.join(key.name for key in keys)}")
    else:
        notices.append("not verified: there is no trusted.pub, and no --key was given")
    return finish("collect", found, entries, options.tags, options.directory, trust, notices)


def _image(found: Target, at: Location) -> Image | None:
    """The image's own manifest: from its registry, or else from where its signatures are."""
    for source in (found.source, Source({}, at)):
        try:
            image = source.read(found.digest)
        except Unreachable:
            continue
        if image is not None:
            return image
    return None


def _entries(found: Target, top: Image | None, at: Location, notices: list[str]) -> list[NewEntry]:
    """The image's signatures, and those of each platform that has some."""
    signatures = signature_files(at, found.digest)
    if signatures is None:
        raise Refused(
            codes.NO_SIGNATURES, f"{at.client.host}/{at.repository} has none for {found.digest}"
        )
    entries = [NewEntry(found.digest, signatures, top.content if top else None)]
    for child in top.children if top else ():
        if child.attestation or any(entry.digest == child.digest for entry in entries):
            continue
        signatures = signature_files(at, child.digest)
        if signatures is None:
            notices.append(f"{child.platform} ({child.digest.short}) is not signed")
            continue
        own = _image(Target(found.image, child.digest, found.source, ()), at)
        entries.append(NewEntry(child.digest, signatures, own.content if own else None))
    return entries
