"""Whether the images that were signed are in their registries: one HEAD for each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, GhcrSignerError
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.peers.registry.auth import GHCR
from ghcr_signer.peers.registry.registries import Registries
from ghcr_signer.transfer.observe import THREADS
from ghcr_signer.transfer.progress import Progress

_READ = (
    "In the workflow, grant the job `permissions: packages: read`; in the package's settings, under"
    " Manage Actions access, add this repository with the role Read. A package that is not there is"
    " denied too: check the name."
)


def absent(
    verdicts: Sequence[Verdict], registries: Registries, progress: Progress
) -> tuple[Failure, ...]:
    """The entries whose image is not there (GS3010), or whose registry does not say.

    Only what has passed is asked for, so no registry that the trust does not name; an image in
    several sets once.
    """
    first: dict[object, Verdict] = {}
    for verdict in verdicts:
        if verdict.passed:
            first.setdefault(verdict.passed_entry.unit, verdict)
    found: list[Failure] = []
    with ThreadPoolExecutor(THREADS) as pool:
        asked = pool.map(lambda verdict: _absent(verdict, registries), first.values())
        for number, failure in enumerate(asked, 1):
            progress.step("asked for", number, len(first))
            found += [failure] if failure else []
    return tuple(found)


def _absent(verdict: Verdict, registries: Registries) -> Failure | None:
    image, digest = verdict.passed_entry.image, verdict.passed_entry.digest
    try:
        location = registries.locate(image)
        if location.client.has_manifest(location.repository, digest):
            return None
    except GhcrSignerError as error:
        failure = replace(error.failure, file=verdict.path)
        denied = failure.code is codes.DENIED and image.registry == GHCR
        return replace(failure, fix=_READ) if denied else failure
    return Failure(codes.NOT_IN_REGISTRY, f"{image.name} has no {digest}", verdict.path)
