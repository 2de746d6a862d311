"""collect: take the signatures of an image, and of its platforms, from a registry into a set."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.commands.arguments import (
    TrustOptions,
    add_image,
    add_target,
    add_trust,
    find_trust,
    trust_options,
)
from ghcr_signer.commands.carry import carry, push_command
from ghcr_signer.commands.ceremony import Target, check_directory, reference, refused, target
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, Unreachable, UsageError, about
from ghcr_signer.core.image import Image
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.peers.registry.registries import Location, Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.peers.worktree import FilesAround, Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.fetch import signature_files
from ghcr_signer.transfer.new_set import NewEntry, in_set, parse_tags, verify_new
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Read, Source, descend


@dataclass(frozen=True, slots=True)
class Options:
    """Which image, where its signatures are, which tags it moves, where the set goes."""

    image: Reference
    source: Reference
    tags: tuple[str, ...]
    subjects: tuple[Path, ...]
    directory: Path
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)
    push: bool = False


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
        reference(arguments.image),
        reference(arguments.source),
        parse_tags(arguments.latest, arguments.tag),
        tuple(arguments.subject),
        arguments.directory,
        trust_options(arguments),
        environment,
        arguments.push,
    )


def run(options: Options, progress: Progress) -> Report:
    """Collect, verify where there is trust, and write one set."""
    at = _place(options)
    check_directory(options.directory)
    loaded = find_trust(options.trust, FilesAround(options.directory))
    found = target(
        options.image,
        options.subjects,
        options.environment,
        progress,
        command="collect",
        confirm_tags=True,
    )
    notices = list(found.notices)
    entries = _entries(found, at, options.tags, notices)
    verdicts = []
    if loaded is None:
        notices.append("not verified: there is no policy.yml, no trusted.pub and no --key")
    else:
        now = datetime.now(UTC)
        verdicts = [verify_new(found.image, entry, loaded.trust, now) for entry in entries]
        notices.append(f"verified with {loaded}")
    if not all(verdict.passed for verdict in verdicts):
        return refused("collect", verdicts, notices)
    report = _write(options, found.image, entries, verdicts, notices)
    if options.push and report.written:
        return carry(report, report.written, options.trust, options.environment, progress)
    return report


def _write(
    options: Options,
    image: Reference,
    entries: Sequence[NewEntry],
    verdicts: Sequence[Verdict],
    notices: Sequence[str],
) -> Report:
    """Write the new set, and say what to do with it."""
    files = {entry.digest.hex: entry.files(image) for entry in entries}
    name = Worktree(options.directory).write_set(files, datetime.now(UTC))
    written = f"{options.directory.as_posix()}/{name}"
    return Report(
        "collect",
        sets=1,
        verdicts=tuple(in_set(verdict, name) for verdict in verdicts),
        notices=tuple(notices),
        written=written,
        next_steps=(push_command(written, options.trust),),
    )


def _place(options: Options) -> Location:
    """Where the signatures are."""
    if options.source.tag or options.source.digest:
        raise UsageError(codes.USAGE, f"--from {options.source}: a repository has no tag or digest")
    return Registries(Access.PULL, options.environment).locate(options.source)


def _entries(
    found: Target, at: Location, tags: tuple[str, ...], notices: list[str]
) -> list[NewEntry]:
    """The image's signatures, and those of each platform that has some."""
    signatures = _signatures_of(at, found.digest)
    if signatures is None:
        raise Refused(
            codes.NO_SIGNATURES, f"{at.client.host}/{at.repository} has none for {found.digest}"
        )
    read = _reader(found.source, at)
    top = read(found.digest)
    entries = [NewEntry(found.digest, signatures, top.content if top else None, tags)]
    if top is None:
        notices.append("the image's own manifest cannot be read: its platforms are not looked for")
        return entries
    for child, image in descend(read, top, attestations=False):
        signatures = _signatures_of(at, child.digest)
        if signatures is None:
            notices.append(f"{child.platform} ({child.digest.short}) is not signed")
        else:
            subject = image.content if image else None
            entries.append(NewEntry(child.digest, signatures, subject, ()))
    return entries


def _signatures_of(at: Location, digest: Digest) -> dict[str, bytes] | None:
    with about(f"{at.client.host}/{at.repository}:{digest.signature_tag}"):
        return signature_files(at, digest)


def _reader(own: Source, at: Location) -> Read:
    """The image's manifests, from where the signatures are or else from its own registry.

    They are the same bytes wherever they are. Where neither serves us, there is none.
    """

    def read(digest: Digest) -> Image | None:
        for source in (Source(own.given, at), own):
            try:
                image = source.read(digest)
            except Unreachable:
                continue
            if image is not None:
                return image
        return None

    return read
