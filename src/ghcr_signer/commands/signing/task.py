"""What `sign` is asked for, and what is found out about it before the first touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ghcr_signer.commands.arguments import TrustOptions, require_trust
from ghcr_signer.commands.ceremony import Target, target
from ghcr_signer.commands.forecast import Base
from ghcr_signer.commands.signing.signatures import Due
from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError, about
from ghcr_signer.core.foresight import Intent, check_intent
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers import cosign
from ghcr_signer.peers.cosign import SigningKey
from ghcr_signer.peers.worktree import FilesAround
from ghcr_signer.transfer import add_to
from ghcr_signer.transfer.add_to import OpenSet
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Source, subjects


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
    add_to: str | None
    trust: TrustOptions
    environment: Mapping[str, str] = field(repr=False)
    push: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done, with all that was found out before the first touch."""

    target: Target
    todo: Sequence[Due]
    open_set: OpenSet | None
    base: Base | None
    notices: tuple[str, ...]


def prepare(
    options: Options,
    base: Base | None,
    key: PublicKey | None,
    progress: Progress,
) -> Task:
    """The digests to sign: of the image, or of the set that they are added to."""
    found = target(
        options.image,
        options.subjects,
        options.environment,
        progress,
        command="sign",
        confirm_tags=not options.yes,
    )
    if options.add_to is not None:
        return _for_set(options, options.add_to, found, base, key)
    chosen = subjects(
        found.source,
        found.digest,
        recursive=options.recursive,
        attestations=options.attestation_manifests,
    )
    todo = [Due(each, () if number else options.tags) for number, each in enumerate(chosen)]
    if base is not None:
        digests = [due.digest for due in todo]
        base.check_change(found.image, digests, options.tags, datetime.now(UTC))
    return Task(found, todo, None, base, found.notices)


def _for_set(
    options: Options, name: str, found: Target, base: Base | None, key: PublicKey | None
) -> Task:
    """What the set has of the image, and this key has not signed."""
    trust = require_trust(options.trust, FilesAround(options.directory)).trust
    open_set = add_to.read(options.directory, name, trust.of_one_signer, datetime.now(UTC))
    if base is not None and base.has_set(name):
        raise UsageError(codes.ADD_TO_MERGED, f"{base.called} has {name}")
    source = Source({**open_set.subjects, **found.source.given}, found.source.location)
    chosen = add_to.chosen(open_set, found.image, source)
    unsigned = open_set.unsigned_by(key.fingerprint if key else None)
    todo = [
        Due(each, open_set.tags(each.digest), open_set.signatures(each.digest))
        for each in chosen
        if each.digest in unsigned
    ]
    if not todo:
        raise UsageError(codes.ADD_TO_UNFIT, "this key has signed all of it already")
    return Task(replace(found, source=source), todo, open_set, base, found.notices)


def check(options: Options, task: Task, trust: Trust, key: PublicKey | None, place: str) -> None:
    """What the trust will refuse, whatever cosign makes; raises Refused about its `place`."""
    digests = [due.digest for due in task.todo]
    there = {*digests, *(task.open_set.entries if task.open_set else ())}
    children = [child for due in task.todo for child in due.subject.image.children]
    intent = Intent(
        task.target.image,
        digests,
        [each.digest for each in children if each.digest not in there and not each.attestation],
        [tag for due in task.todo for tag in due.tags],
        dict(each.split("=", 1) for each in options.annotations),
        key,
        cosign.logs(options.further),
    )
    with about(place):
        check_intent(intent, trust.policy, datetime.now(UTC))
