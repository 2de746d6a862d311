"""Files -> verdicts, for a whole directory: steps 1 to 10 for each of its sets.

One set is in memory at a time in each of two threads: while one verifies, which needs no
interpreter lock, the other reads and parses.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ghcr_signer.core import codes, limits
from ghcr_signer.core.errors import Failure, GhcrSignerError, UsageError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify, verify_set
from ghcr_signer.peers.worktree import Worktree
from ghcr_signer.transfer.progress import Progress

_THREADS = 2
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Examination:
    """What a directory is worth: a verdict for each entry, and failures of the directory itself."""

    sets: int
    verdicts: tuple[Verdict, ...]
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing at all failed."""
        return not self.failures and all(verdict.passed for verdict in self.verdicts)


def examine(
    source: Worktree,
    trust: Trust,
    now: datetime,
    progress: Progress,
    only: Sequence[str] = (),
) -> Examination:
    """Verify every set, or those in `only`; raises UsageError (GS2007) for an unknown name."""
    names, failures = source.sets()
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise UsageError(codes.NO_SET, f"there is no set {unknown[0]!r}")
    chosen = [name for name in names if not only or name in only]
    verdicts: list[Verdict] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        remaining = iter(chosen)
        while batch := list(islice(remaining, _BATCH)):
            for found, failed in pool.map(lambda name: _set(source, name, trust, now), batch):
                verdicts += found
                failures += failed
            if len(batch) == _BATCH:  # a short directory is done before anybody could read this
                progress.step("verified", len(verdicts), None)
    return Examination(len(chosen), tuple(verdicts), tuple(failures))


def _set(
    source: Worktree, name: str, trust: Trust, now: datetime
) -> tuple[tuple[Verdict, ...], list[Failure]]:
    try:
        found = source.read_set(name)
    except GhcrSignerError as error:
        return (), [error.failure]
    failures = [
        Failure(codes.UNEXPECTED_FILE, "it is not an entry's folder", f"{name}/{stray}")
        for stray in found.strays
    ]
    if len(found.entries) > limits.ENTRIES_PER_SET:
        message = f"more than {limits.ENTRIES_PER_SET} entries"
        return (), [*failures, Failure(codes.TOO_MANY, message, name)]
    if not found.entries:
        failures.append(Failure(codes.EMPTY_SET, "the set has no entry", name))
    verdicts = [
        verify(f"{name}/{entry}", files, trust, now=now) for entry, files in found.entries.items()
    ]
    return verify_set(verdicts), failures
