"""sign: sign an image and its platforms with cosign, verify what it made, write one set.

cosign signs a copy of the manifests in the embedded registry, one digest at a time, so it needs no
access to the real registry, and every touch is counted. Nothing appears in the signature directory
before everything verifies.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghcr_signer.commands.arguments import (
    TrustOptions,
    add_image,
    add_target,
    add_trust,
    find_keys,
    load_trust,
    load_trusted_root,
    trust_options,
)
from ghcr_signer.commands.ceremony import Target, finish, target
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, Unreachable, UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Policy, Requirement, Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.peers import cosign
from ghcr_signer.peers.cosign import Cosign, SigningKey
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.report.escape import visible
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.fetch import labels, signature_files
from ghcr_signer.transfer.new_set import NewEntry, parse_tags
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Subject, subjects


@dataclass(frozen=True, slots=True)
class Options:
    """What to sign, with which key, and what may be asked of whom."""

    image: str
    key: SigningKey
    recursive: bool
    attestation_manifests: bool
    tags: tuple[str, ...]
    annotations: tuple[str, ...]
    subjects: tuple[Path, ...]
    cosign: str | None
    further: tuple[str, ...]
    yes: bool
    allow_public_log: bool
    directory: Path
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sign`."""
    parser.epilog = (
        "Arguments after -- are cosign's own: … --sk -- --rekor-url https://rekor.example"
    )
    add_image(parser)
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument(
        "--key",
        metavar="K",
        help="cosign's own reference of the private key: a file, env://, pkcs11:, awskms://, "
        "azurekms://, gcpkms://, hashivault://, k8s://",
    )
    key.add_argument("--sk", action="store_true", help="sign with a security key (PIV)")
    parser.add_argument("--slot", metavar="S", help="the security key's slot (default: signature)")
    parser.add_argument(
        "--no-recursive", action="store_true", help="sign the index alone, not its platforms"
    )
    parser.add_argument(
        "--attestation-manifests",
        action="store_true",
        help="sign buildx's attestation manifests too",
    )
    parser.add_argument(
        "-a",
        dest="annotation",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an annotation to sign",
    )
    parser.add_argument("--cosign", metavar="PATH", help="the cosign to use (default: on PATH)")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="ask nothing: sign, and consent to cosign's writing to the transparency log, for ever",
    )
    parser.add_argument(
        "--allow-public-log",
        action="store_true",
        help="write to a public log even for an image that anonymous clients cannot read",
    )
    add_target(parser)
    add_trust(parser, keys=False)


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options; raises UsageError for what cannot go together."""
    if arguments.slot and not arguments.sk:
        raise UsageError(codes.USAGE, "--slot goes with --sk")
    cosign.check_further(arguments.further)
    return Options(
        image=arguments.image,
        key=SigningKey(arguments.key, arguments.sk, arguments.slot),
        recursive=not arguments.no_recursive,
        attestation_manifests=arguments.attestation_manifests,
        tags=parse_tags(arguments.latest, arguments.tag),
        annotations=tuple(arguments.annotation),
        subjects=tuple(arguments.subject),
        cosign=arguments.cosign,
        further=tuple(arguments.further),
        yes=arguments.yes,
        allow_public_log=arguments.allow_public_log,
        directory=arguments.directory,
        trust=trust_options(arguments),
        environment=environment,
    )


def run(options: Options, progress: Progress) -> Report:
    """Sign; whatever can be refused is refused before the first touch."""
    _check_log(options)
    program = cosign.find(options.cosign, options.environment)
    keys = find_keys(options.trust, options.directory)
    trust = load_trust(keys, options.trust, None) if keys else None
    found = target(
        options.image,
        options.subjects,
        options.environment,
        progress,
        command="sign",
        confirm_tags=not options.yes,
    )
    todo = subjects(
        found.source,
        found.digest,
        recursive=options.recursive,
        attestations=options.attestation_manifests,
    )
    _check_public(options, found)
    for line in _announcement(options, found, todo, program):
        progress.say(line)
    _confirm(options, len(todo), progress)
    entries = _sign(options, program, found, todo, progress)
    if trust is None:
        trust = _signers_own(options, program)
        notice = "verified with the signing key itself: this repository has no trusted.pub yet"
    else:
        notice = f"verified with {keys[0]}"
    return finish(
        "sign", found, entries, options.tags, options.directory, trust, (*found.notices, notice)
    )


def _check_log(options: Options) -> None:
    """A directory that requires the log would refuse what is signed without it."""
    required = options.trust.transparency_log is Requirement.REQUIRED
    if required and not cosign.logs(options.further):
        raise UsageError(
            codes.USAGE,
            "--tlog-upload=false makes signatures without a log entry, which the trust requires",
            fix="Pass --transparency-log optional too, to `verify` and `publish` as well.",
        )


def _check_public(options: Options, found: Target) -> None:
    """What is not public already must not become so by accident; raises UsageError (GS1305)."""
    if options.allow_public_log or not cosign.logs_publicly(options.further):
        return
    if found.source.location is None:
        raise UsageError(codes.PUBLIC_LOG, f"whether {found.image.name} is public is unknown")
    nobody = Registries(Access.PULL, options.environment, anonymous=True).locate(found.image)
    try:
        public = nobody.client.has_manifest(nobody.repository, found.digest)
    except Unreachable:
        public = False
    if not public:
        raise UsageError(codes.PUBLIC_LOG, f"anonymous clients cannot read {found.image.name}")


def _announcement(
    options: Options, found: Target, todo: Sequence[Subject], program: Cosign
) -> list[str]:
    """What will be signed and which tags will move, for the person who is about to say yes."""
    version = ".".join(map(str, program.version))
    lines = [f"Signing {found.image.name} with cosign {version}:"]
    for number, subject in enumerate(todo, start=1):
        lines.append(f"  {number}. {subject.digest}  {visible(subject.label)}")
    location = found.source.location
    told: Mapping[str, str] = {}
    if location is not None:
        told = next(filter(None, (labels(location, subject.image) for subject in todo)), {})
    lines += [f"  {name}: {visible(value)}" for name, value in told.items()]
    lines += [f"  signed annotation: {visible(annotation)}" for annotation in options.annotations]
    for tag in options.tags:
        lines.append(f"  {tag}: {_current(found, tag)} -> {found.digest.short}, once published")
    return lines


def _current(found: Target, tag: str) -> str:
    """Where a tag points now, for people."""
    location = found.source.location
    if location is None:
        return "(unknown)"
    try:
        current = location.client.tag_digest(location.repository, tag)
    except (Unreachable, Refused):
        return "(unknown)"
    return current.short if current else "(no such tag)"


def _confirm(options: Options, count: int, progress: Progress) -> None:
    """A person says yes, or a script did; raises UsageError (GS1306)."""
    if options.yes:
        return
    if not progress.interactive:
        raise UsageError(codes.NOT_CONFIRMED, "nobody is there to ask")
    if not progress.ask(f"Make {count} signature{'s' if count > 1 else ''}?"):
        raise UsageError(codes.NOT_CONFIRMED, "the answer was no")


def _sign(
    options: Options,
    program: Cosign,
    found: Target,
    todo: Sequence[Subject],
    progress: Progress,
) -> list[NewEntry]:
    """Sign each digest in a copy of the image's manifests, and take the signatures out of it."""
    with EmbeddedRegistry() as registry:
        for subject in todo:
            registry.manifests.put(
                found.image.repository, subject.image.content, subject.image.media_type
            )
        for number, subject in enumerate(todo, start=1):
            touch = ": touch your key when it blinks" if options.key.needs_touch else ""
            progress.say(f"Signature {number} of {len(todo)}, {visible(subject.label)}{touch}")
            program.sign(
                f"{registry.host}/{found.image.repository}@{subject.digest}",
                found.image.name,
                options.key,
                options.annotations,
                options.further,
                # at the first digest cosign itself asks for consent to the log
                yes=options.yes or number > 1,
            )
        copy = Reference.parse(f"{registry.host}/{found.image.repository}")
        location = Registries(Access.PULL, {}).locate(copy)
        entries = []
        for subject in todo:
            files = signature_files(location, subject.digest)
            if files is None:
                raise Refused(codes.COSIGN_FAILED, f"cosign left no signature of {subject.digest}")
            entries.append(NewEntry(subject.digest, files, subject.image.content))
        return entries


def _signers_own(options: Options, program: Cosign) -> Trust:
    """Trust in the signing key, where the directory has none yet."""
    key = PublicKey.from_pem(program.public_key(options.key))
    policy = Policy((Authority("the signing key", key),), None, options.trust.transparency_log)
    return Trust(policy, load_trusted_root(options.trust))
