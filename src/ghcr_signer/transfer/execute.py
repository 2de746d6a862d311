"""Plan -> registry: upload, read back, verify what was read; then tags, `latest` last.

At no moment does a tag point at a digest whose signatures are not live: a set whose upload fails
keeps its tags where they are, and the other sets go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from ghcr_signer.core import codes, directory
from ghcr_signer.core.directory import Entry
from ghcr_signer.core.errors import Failure, GhcrSignerError, Refused, about
from ghcr_signer.core.plan import Confirm, MoveTag, Operation, Plan, Push
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verification import verify_alone
from ghcr_signer.peers.registry.registries import Location, Registries
from ghcr_signer.transfer.fetch import signature_files
from ghcr_signer.transfer.observe import THREADS
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.source import Source


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: operations that succeeded, and the failures of those that did not."""

    done: tuple[Operation, ...]
    failures: tuple[Failure, ...]


def execute(
    plan: Plan,
    source: Source,
    registries: Registries,
    trust: Trust,
    now: datetime,
    progress: Progress,
) -> Outcome:
    """Carry out a plan. Each operation stands for itself: one that fails stops its own set only."""
    uploads = [op for op in plan.operations if not isinstance(op, MoveTag)]
    done, failures = _uploads(uploads, source, registries, trust, now, progress)
    failed_sets = {path.partition("/")[0] for path in failures}
    found = list(failures.values())
    for move in (op for op in plan.operations if isinstance(op, MoveTag)):
        try:
            with about(move.path):
                if move.entry.set_name in failed_sets:
                    raise Refused(
                        codes.TAG_WAITS, f"{move.entry.image.name}:{move.tag} stays where it is"
                    )
                _move(move, registries.locate(move.entry.image))
            done.append(move)
        except GhcrSignerError as error:
            found.append(error.failure)
    return Outcome(tuple(done), tuple(found))


def _uploads(
    uploads: Sequence[Push | Confirm],
    source: Source,
    registries: Registries,
    trust: Trust,
    now: datetime,
    progress: Progress,
) -> tuple[list[Operation], dict[str, Failure]]:
    def carry_out(operation: Push | Confirm) -> Failure | None:
        try:
            with about(operation.path):
                location = registries.locate(operation.entry.image)
                if isinstance(operation, Push):
                    _push(operation.path, operation.entry, source, location)
                _read_back(operation.path, operation.entry, source, location, trust, now)
        except GhcrSignerError as error:
            return error.failure
        return None

    # sets that sign one digest share its `.sig` tag: they have it one after the other
    by_tag: dict[tuple[str, Digest], list[Push | Confirm]] = {}
    for operation in uploads:
        key = operation.entry.image.repository, operation.entry.digest
        by_tag.setdefault(key, []).append(operation)

    done: list[Operation] = []
    failures: dict[str, Failure] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        carried_out = pool.map(lambda each: list(map(carry_out, each)), by_tag.values())
        for operations, outcomes in zip(by_tag.values(), carried_out, strict=True):
            for operation, failure in zip(operations, outcomes, strict=True):
                if failure is None:
                    done.append(operation)
                else:
                    failures[operation.path] = failure
            progress.step("published", len(done) + len(failures), len(uploads))
    return done, failures


def _push(path: str, entry: Entry, source: Source, location: Location) -> None:
    """Upload an entry: its blobs, then the manifest under its `.sig` tag, byte for byte."""
    client, repository = location.client, location.repository
    for name, descriptor in entry.artifact.files.items():
        client.put_blob(repository, source.read_blob(path, name, descriptor))
    own = entry.artifact.manifest
    manifest = source.read_blob(path, directory.MANIFEST, own)
    client.put_manifest(repository, entry.digest.signature_tag, manifest, own.media_type)


def _read_back(
    path: str, entry: Entry, source: Source, location: Location, trust: Trust, now: datetime
) -> None:
    """Read an entry from the registry: the same bytes, and the same verdict on them.

    Raises Refused (GS1205) for other bytes, and for bytes that do not verify.
    """
    where = f"{location.client.host}/{location.repository}"
    files = signature_files(location, entry.digest, just_written=True)
    wanted = {directory.MANIFEST: entry.artifact.manifest, **entry.artifact.files}
    if files is None or set(files) != set(wanted):
        raise Refused(codes.READ_BACK, f"{where} does not return what was sent")
    for name, descriptor in wanted.items():
        if files[name] != source.read_blob(path, name, descriptor):
            raise Refused(codes.READ_BACK, f"{where} returns another {name}")
    files[directory.IMAGE] = directory.image_content(entry.image)
    verdict = verify_alone(path, files, trust, now=now)
    if not verdict.passed:
        raise Refused(
            codes.READ_BACK, f"what {where} returns does not verify: {verdict.failures[0].message}"
        )


def _move(move: MoveTag, location: Location) -> None:
    """PUT the image's own manifest, as the registry holds it, under the tag; look that it took."""
    client, repository, digest = location.client, location.repository, move.entry.digest
    manifest = client.manifest(repository, digest)
    if manifest is None:
        raise Refused(codes.IMAGE_ABSENT, f"{move.entry.image} is not there")
    client.put_manifest(repository, move.tag, manifest.content, manifest.media_type)
    if client.tag_digest(repository, move.tag, just_written=digest) != digest:
        raise Refused(codes.READ_BACK, f"{move.entry.image.name}:{move.tag} did not move")
