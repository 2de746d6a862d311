"""sign: sign an image and its platforms with cosign, verify what it made, write one set.

cosign signs a copy of the manifests in the embedded registry, one digest at a time, so it needs no
access to the real registry, and every touch is counted. What can be refused is refused before the
first touch, and nothing appears in the signature directory before everything verifies.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ghcr_signer.commands.arguments import (
    LoadedTrust,
    add_image,
    add_target,
    add_trust,
    find_trust,
    load_trusted_root,
    policy_of,
    trust_options,
)
from ghcr_signer.commands.carry import carry
from ghcr_signer.commands.ceremony import Target, check_directory, reference, refused
from ghcr_signer.commands.forecast import find_base
from ghcr_signer.commands.signing import outcome
from ghcr_signer.commands.signing.consent import Consent
from ghcr_signer.commands.signing.signatures import Signing, key_name
from ghcr_signer.commands.signing.task import Options, Task, check, prepare
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Unreachable, UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Authority, Requirement, Trust
from ghcr_signer.peers import cosign
from ghcr_signer.peers.cosign import Cosign, SigningKey
from ghcr_signer.peers.kept import Kept
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.peers.worktree import FilesAround
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.new_set import parse_tags
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.push import check as check_push


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
    parser.add_argument(
        "--add-to",
        type=Path,
        metavar="SET",
        help="add this key's signatures to a set that is not merged yet, where several must sign:"
        " to what it has of the image; its tags stay",
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
    set_path: Path | None = arguments.add_to
    if set_path is not None and (
        *(arguments.latest, arguments.tag),
        *(arguments.no_recursive, arguments.attestation_manifests),
    ) != (False, [], False, False):
        raise UsageError(codes.USAGE, "--add-to signs what is in the set, and moves its tags")
    named_by_path = set_path is not None and len(set_path.parts) > 1
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
        directory=set_path.parent if set_path and named_by_path else arguments.directory,
        add_to=set_path.name if set_path else None,
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
    base, unjudged = find_base(options.directory, options.trust)
    key = None
    if options.key.is_told_freely(options.environment):
        key = PublicKey.from_pem(program.public_key(options.key))
    _check_log(options, loaded)
    task = prepare(options, base, key, progress)
    if base is None:
        task = replace(task, notices=(*task.notices, f"not judged as a pull request: {unjudged}"))
    _check_public(options, task.target)
    if loaded is not None:
        check(options, task, loaded.trust, key, str(loaded))
    if base is not None:
        check(options, task, base.loaded.trust, key, f"{base.name}:{base.loaded}")
    signing = _signing(options, program, task, key, progress)
    signing.check_pin()
    trust, notice = _trust(options, loaded, key)
    waiting = signing.waiting(task.todo, trust.of_one_signer) if trust else {}
    Consent(task.target, task.todo, len(waiting), options.annotations, program, options.add_to).ask(
        progress, yes=options.yes
    )
    if trust is None:  # to tell its public key, somebody must give the password
        own = PublicKey.from_pem(program.public_key(options.key))
        trust, notice = _signers_own(options, own)
        waiting = signing.waiting(task.todo, trust.of_one_signer)
    made = signing.make(task.todo, waiting, trust.of_one_signer)
    task = replace(task, notices=(*task.notices, *outcome.notices(made, len(waiting)), notice))
    if made.failure is not None:
        return Report("sign", failures=(made.failure,), notices=outcome.left(made, task))
    if not all(verdict.passed for verdict in made.verdicts):
        return refused("sign", made.verdicts, task.notices)
    report = outcome.write(options, task, made, trust)
    signing.forget(task.todo)
    if options.push and report.written:
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


def _signing(
    options: Options, program: Cosign, task: Task, key: PublicKey | None, progress: Progress
) -> Signing:
    return Signing(
        program,
        options.key,
        key_name(options.key, key.fingerprint if key else None),
        task.target.image,
        options.annotations,
        options.further,
        options.yes,
        Kept(options.environment),
        progress,
    )


def _trust(
    options: Options, loaded: LoadedTrust | None, key: PublicKey | None
) -> tuple[Trust | None, str]:
    """What the signatures are verified by, and how to say so; None where it is not known yet."""
    if loaded is not None:
        return loaded.trust, f"verified with {loaded}"
    return _signers_own(options, key) if key else (None, "")


def _signers_own(options: Options, key: PublicKey) -> tuple[Trust, str]:
    """Trust in the signing key, where the directory has none yet; and how to say so."""
    policy = policy_of((Authority("the signing key", key),), options.trust)
    notice = (
        f"verified with the signing key itself ({key.fingerprint}): there is no policy"
        " and no trusted.pub;"
        f" `cosign public-key {shlex.join(options.key.arguments)} > trusted.pub` makes it"
    )
    return Trust(policy, load_trusted_root(options.trust, FilesAround(options.directory))), notice
