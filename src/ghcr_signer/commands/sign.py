"""sign: sign an image and its platforms with cosign, verify what it made, write one set.

cosign signs a copy of the manifests in the embedded registry, one digest at a time, so it needs no
access to the real registry, and every touch is counted. Nothing appears in the signature directory
before everything verifies.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.commands.arguments import (
    LoadedTrust,
    TrustOptions,
    add_image,
    add_target,
    add_trust,
    find_trust,
    load_trusted_root,
    policy_of,
    trust_options,
)
from ghcr_signer.commands.carry import carry
from ghcr_signer.commands.ceremony import Target, check_directory, finish, reference, target
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, Unreachable, UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Requirement, Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.peers import cosign
from ghcr_signer.peers.cosign import Cosign, SigningKey
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.peers.worktree import FilesAround
from ghcr_signer.report.escape import visible
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.fetch import signature_files
from ghcr_signer.transfer.new_set import NewEntry, parse_tags, verify_new
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.push import check as check_push
from ghcr_signer.transfer.subjects import Subject, subjects


@dataclass(frozen=True, slots=True)
class Options:
    """What to sign, with which key, and what may be asked of whom."""

    image: Reference
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
    push: bool = False


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
    for annotation in arguments.annotation:
        if not annotation.partition("=")[0] or "=" not in annotation:
            raise UsageError(codes.USAGE, f"-a {annotation!r} is not KEY=VALUE")
    return Options(
        image=reference(arguments.image),
        key=SigningKey(arguments.key, arguments.sk, arguments.slot),
        recursive=not arguments.no_recursive,
        attestation_manifests=arguments.attestation_manifests,
        tags=parse_tags(arguments.latest, arguments.tag),
        annotations=tuple(arguments.annotation),
        subjects=tuple(arguments.subject),
        cosign=arguments.cosign,
        further=cosign.further(arguments.further, environment),
        yes=arguments.yes,
        allow_public_log=arguments.allow_public_log,
        directory=arguments.directory,
        trust=trust_options(arguments),
        environment=environment,
        push=arguments.push,
    )


def run(options: Options, progress: Progress) -> Report:
    """Sign; whatever can be refused is refused before the first touch."""
    program = cosign.find(options.cosign, options.environment)
    check_directory(options.directory)
    if options.push:
        check_push(options.directory, options.environment, progress)
    loaded = find_trust(options.trust, FilesAround(options.directory))
    _check_log(options, loaded)
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
    _confirm(options, _announcement(options, found, todo, program), len(todo), progress)
    if loaded is None:
        trust, notice = _signers_own(options, program)
    else:
        trust, notice = loaded.trust, f"verified with {loaded}"
    with EmbeddedRegistry() as registry:
        entries, verdicts = _sign(options, program, found.image, todo, registry, trust, progress)
    notices = (*found.notices, notice)
    report = finish(
        "sign", found.image, entries, verdicts, options.directory, options.trust, notices
    )
    if options.push:
        return carry(report, report.written, options.trust, options.environment, progress)
    return report


def _check_log(options: Options, loaded: LoadedTrust | None) -> None:
    """A directory that requires the log would refuse what is signed without it."""
    if cosign.logs(options.further):
        return
    policy = loaded.trust.policy if loaded else policy_of((), options.trust)
    if any(r.transparency_log is Requirement.REQUIRED for r in policy.rules_for(options.image)):
        raise UsageError(
            codes.USAGE,
            "--tlog-upload=false makes signatures without a log entry, which the trust requires",
            fix="Make the policy say so: `transparencyLog: optional`. Without a policy, pass"
            " --transparency-log optional too, to `verify` and `publish` as well.",
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
) -> Iterator[str]:
    """What will be signed and which tags will move, for the person who is about to say yes."""
    yield f"Signing {found.image.name} with cosign {'.'.join(map(str, program.version))}:"
    for number, subject in enumerate(todo, start=1):
        yield f"  {number}. {subject.digest}  {visible(subject.label)}"
    signed = {subject.digest for subject in todo}
    for child in (child for subject in todo for child in subject.image.children):
        if child.digest not in signed:
            what = "attestation manifest" if child.attestation else child.platform
            yield f"  not signed: {child.digest}  {visible(what)}"
    for name, value in found.source.origin(todo[0].image).items():
        yield f"  {name}: {visible(value)}"
    for annotation in options.annotations:
        yield f"  signed annotation: {visible(annotation)}"
    for tag in options.tags:
        yield f"  {tag}: {_current(found, tag)} -> {found.digest.short}, once published"


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


def _confirm(options: Options, shown: Iterable[str], count: int, progress: Progress) -> None:
    """A person who sees what is signed says yes, or a script did; raises UsageError (GS1306)."""
    if not options.yes and progress.interactive:
        # in one with the question, so that --quiet does not take it away
        question = f"Make {count} signature{'s' if count > 1 else ''}?"
        if not progress.ask("\n".join((*shown, question))):
            raise UsageError(codes.NOT_CONFIRMED, "the answer was no")
        return
    for line in shown:
        progress.say(line)
    if not options.yes:
        raise UsageError(codes.NOT_CONFIRMED, "nobody is there to ask")


def _signers_own(options: Options, program: Cosign) -> tuple[Trust, str]:
    """Trust in the signing key, where the directory has none yet; and how to say so."""
    key = PublicKey.from_pem(program.public_key(options.key))
    policy = policy_of((Authority("the signing key", key),), options.trust)
    notice = (
        f"verified with the signing key itself ({key.fingerprint}): there is no policy"
        " and no trusted.pub;"
        f" `cosign public-key {shlex.join(options.key.arguments)} > trusted.pub` makes it"
    )
    return Trust(policy, load_trusted_root(options.trust, FilesAround(options.directory))), notice


def _sign(
    options: Options,
    program: Cosign,
    image: Reference,
    todo: Sequence[Subject],
    registry: EmbeddedRegistry,
    trust: Trust,
    progress: Progress,
) -> tuple[list[NewEntry], list[Verdict]]:
    """Sign each digest in a copy of the image's manifests; take out what was made, and verify it.

    The first signature that does not verify is the last one made.
    """
    copy = Reference.parse(f"{registry.host}/{image.repository}")
    location = Registries(Access.PULL, {}).locate(copy)
    for subject in todo:
        registry.manifests.put(copy.repository, subject.image.content, subject.image.media_type)
    entries: list[NewEntry] = []
    verdicts: list[Verdict] = []
    for number, subject in enumerate(todo, start=1):
        progress.say(_due(options.key, number, len(todo), subject))
        program.sign(
            str(copy.at(subject.digest)),
            image.name,
            options.key,
            options.annotations,
            options.further,
            # at the first digest cosign itself asks for consent to the log
            yes=options.yes or number > 1,
        )
        files = signature_files(location, subject.digest)
        if files is None:
            raise Refused(codes.COSIGN_FAILED, f"cosign left no signature of {subject.digest}")
        tags = options.tags if number == 1 else ()
        entries.append(NewEntry(subject.digest, files, subject.image.content, tags))
        verdicts.append(verify_new(image, entries[-1], trust, datetime.now(UTC)))
        if not verdicts[-1].passed:
            break
    return entries, verdicts


def _due(key: SigningKey, number: int, total: int, subject: Subject) -> str:
    """Which touch, or which signature, of how many is due."""
    what = f"{number} of {total}: {visible(subject.label)}"
    return f"Touch {what} (when your key blinks)" if key.needs_touch else f"Signature {what}"
