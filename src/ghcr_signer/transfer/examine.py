"""Files -> verdicts, for a whole directory: steps 1 to 10 for each of its sets.

A few sets are in memory at a time. Of many sets a second process judges every other batch: threads
gain nothing here, since each signature would cost them a wait for the interpreter's lock.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ghcr_signer.core import codes, limits
from ghcr_signer.core.directory import Entry
from ghcr_signer.core.errors import Failure, GhcrSignerError, UsageError
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.manifest import Artifact, Descriptor
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.signature import Claims
from ghcr_signer.core.verdict import Check, SignatureVerdict, Signers, Verdict
from ghcr_signer.core.verification import verify
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from ghcr_signer.transfer.source import Source

_BATCH = 8
_MANY = 128  # sets: for fewer, a second process costs more than it saves

_Judged = tuple[list[Verdict], list[Failure]]  # of one set: steps 1 to 9, and its own failures
_Reducer = Callable[[Any], tuple[type, tuple[Any, ...]]]


def _reducer(kind: type) -> _Reducer:
    """How an object travels to another process: as the arguments that made it.

    Of its own accord a dataclass with slots goes field by field, through Python: four times slower.
    """
    names = [field.name for field in fields(kind)]
    values = attrgetter(*names)
    if len(names) == 1:
        return lambda value: (kind, (values(value),))
    return lambda value: (kind, values(value))


_REDUCERS: dict[type, _Reducer] = {
    kind: _reducer(kind)
    for kind in (
        *(Verdict, SignatureVerdict, Signers, Check, Entry, Artifact, Descriptor),
        *(Reference, Digest, Claims, LogPosition),
    )
}


@dataclass(frozen=True, slots=True)
class Examination:
    """What a directory is worth: a verdict for each entry, failures of the directory itself, and
    the ledger of what was examined.
    """

    sets: int
    verdicts: tuple[Verdict, ...]
    failures: tuple[Failure, ...]
    ledger: Ledger

    @property
    def passed(self) -> bool:
        """Whether nothing at all failed."""
        return not self.failures and all(verdict.passed for verdict in self.verdicts)

    def without(self, sets: Collection[str]) -> Examination:
        """The same, but for these sets, which were examined for the sake of the others."""
        return replace(
            self,
            sets=self.sets - len(sets),
            verdicts=tuple(each for each in self.verdicts if each.set_name not in sets),
            failures=tuple(f for f in self.failures if f.file.partition("/")[0] not in sets),
        )


def examine(
    source: Source,
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
    ledger = Ledger()
    judge = partial(_batch, source, trust, now)
    batches = [chosen[at : at + _BATCH] for at in range(0, len(chosen), _BATCH)]
    for batch in _judged(judge, batches):
        for found, failed in batch:
            judged = verify_set(found, trust.policy, ledger)
            ledger.add(judged, trust.policy)
            verdicts += judged
            failures += failed
        gc.freeze()  # verdicts stay: the collector need not look at them again and again
        if len(chosen) >= _MANY:  # a short directory is done before anybody could read this
            progress.step("verified", len(verdicts), None)
    return Examination(len(chosen), tuple(verdicts), tuple(failures), ledger)


def _judged(
    judge: Callable[[Sequence[str]], list[_Judged]], batches: Sequence[Sequence[str]]
) -> Iterator[list[_Judged]]:
    """What each batch gives, in their order: with a second process where that is cheap and safe."""
    if (
        len(batches) * _BATCH < _MANY
        or sys.platform != "linux"
        or len(os.sched_getaffinity(0)) < 2
        or threading.active_count() > 1  # a fork would leave the others' locks taken
    ):
        return map(judge, batches)
    return _judged_by_two(judge, batches)


def _judged_by_two(
    judge: Callable[[Sequence[str]], list[_Judged]], batches: Sequence[Sequence[str]]
) -> Iterator[list[_Judged]]:
    """Every other batch from a fork of this process; EOFError where that has died."""
    import pickle
    import signal

    reading, writing = os.pipe()
    second = os.fork()
    if second == 0:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
            os.close(reading)
            with os.fdopen(writing, "wb") as results:
                for batch in batches[1::2]:
                    pickler = pickle.Pickler(results, pickle.HIGHEST_PROTOCOL)
                    pickler.dispatch_table = _REDUCERS
                    pickler.dump(judge(batch))
        finally:
            os._exit(0)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as results:
            for number, batch in enumerate(batches):
                yield pickle.load(results) if number % 2 else judge(batch)  # noqa: S301 - our own
    finally:
        os.kill(second, signal.SIGKILL)
        os.waitpid(second, 0)


def _batch(source: Source, trust: Trust, now: datetime, names: Sequence[str]) -> list[_Judged]:
    return [_set(source, name, trust, now) for name in names]


def _set(source: Source, name: str, trust: Trust, now: datetime) -> _Judged:
    try:
        found = source.read_set(name)
    except GhcrSignerError as error:
        return [], [error.failure]
    failures = [
        Failure(codes.UNEXPECTED_FILE, "it is not an entry's folder", f"{name}/{stray}")
        for stray in found.strays
    ]
    if len(found.entries) > limits.ENTRIES_PER_SET:
        message = f"more than {limits.ENTRIES_PER_SET} entries"
        return [], [*failures, Failure(codes.TOO_MANY, message, name)]
    if not found.entries:
        failures.append(Failure(codes.EMPTY_SET, "the set has no entry", name))
    verdicts = [
        verify(f"{name}/{entry}", files, trust, now=now) for entry, files in found.entries.items()
    ]
    return verdicts, failures
