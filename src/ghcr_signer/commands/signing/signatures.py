"""One signature after the other: cosign signs a copy of the image, digest by digest.

What is made is kept until it is in a set, so that after a fault the same command makes only what is
missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ghcr_signer.core import codes, limits, strict_json
from ghcr_signer.core.directory import MANIFEST
from ghcr_signer.core.errors import Failure, Refused
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.peers.cosign import Cosign, SigningKey
from ghcr_signer.peers.cosign_faults import LAST_TRY
from ghcr_signer.peers.kept import Kept
from ghcr_signer.peers.registry.registries import Location, Registries
from ghcr_signer.peers.registry.transport import Access
from ghcr_signer.report.escape import visible
from ghcr_signer.transfer.add_to import check_added
from ghcr_signer.transfer.fetch import signature_files
from ghcr_signer.transfer.new_set import NewEntry, verify_new
from ghcr_signer.transfer.progress import Progress
from ghcr_signer.transfer.subjects import Subject

_COUNT_IS_SET_BACK = (codes.TOUCH_MISSED, codes.PIN_BLOCKED)  # by the right PIN; by the next PUK

Files = Mapping[str, bytes]
"""An entry's MANIFEST and blobs, by name."""


@dataclass(frozen=True, slots=True)
class Due:
    """A digest to sign, the tags that its entry moves, and the signatures that the entry has."""

    subject: Subject
    tags: tuple[str, ...]
    present: Files = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """What is signed."""
        return self.subject.digest

    def entry(self, files: Files) -> NewEntry:
        """The entry with these signatures."""
        return NewEntry(self.digest, files, self.subject.image.content, self.tags)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: an entry and its verdict for each digest, as far as it went.

    `failure` is why it went no further. `ahead` is how far this machine's clock is ahead of the
    log's, None where no log entry was made.
    """

    entries: tuple[NewEntry, ...]
    verdicts: tuple[Verdict, ...]
    failure: Failure | None
    ahead: timedelta | None
    kept: int


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs what for whom. `key_name` names the key: its fingerprint, where that is known."""

    program: Cosign
    key: SigningKey
    key_name: str
    image: Reference
    annotations: Sequence[str]
    further: Sequence[str]
    yes: bool
    kept: Kept
    progress: Progress

    def check_pin(self) -> None:
        """Refuse to ask for a PIN where a wrong one would block the key; raises Refused (GS1317).

        That is what the key said when it was last given a wrong PIN on this machine. It cannot be
        asked, and what another program has done to it since is not known here.
        """
        if self.kept.tries(self.key_name) == LAST_TRY:
            file = self.kept.tries_file(self.key_name)
            fix = f"{codes.PIN_LAST_TRY.remedy} The note: rm {file}"
            raise Refused(codes.PIN_LAST_TRY, "cosign was not called", fix=fix)

    def waiting(self, todo: Sequence[Due], trust: Trust) -> dict[Digest, Files]:
        """What was signed before and verifies again; what does not is forgotten."""
        self.kept.drop_old()
        found: dict[Digest, Files] = {}
        for due in todo:
            files = self.kept.get(self._name(due), due.digest)
            if files is None:
                continue
            if self._verify(due, files, trust).passed and _holds(due.present, files):
                found[due.digest] = files
            else:
                self.kept.remove(self._name(due))
        return found

    def make(self, todo: Sequence[Due], waiting: Mapping[Digest, Files], trust: Trust) -> Made:
        """Sign each digest, and verify what was made; the first fault is the end of it."""
        entries: list[NewEntry] = []
        verdicts: list[Verdict] = []
        failure, ahead, kept, number = None, None, len(waiting), 0
        with EmbeddedRegistry() as registry:
            location = self._copy(registry, todo)
            for due in todo:
                files = waiting.get(due.digest)
                if files is None:
                    number += 1
                    self.progress.say(self._due(number, len(todo) - len(waiting), due.subject))
                    # at the first digest cosign itself asks for consent to the log
                    failure = self._sign(location, due, yes=self.yes or number > 1)
                    if failure is not None:
                        break
                    files = _taken(location, due)
                    kept += self.kept.put(self._name(due), due.digest, files)
                entries.append(due.entry(files))
                now = datetime.now(UTC)
                verdicts.append(self._verify(due, files, trust))
                times = [each.time for each in verdicts[-1].signatures if each.time]
                if due.digest not in waiting and times:
                    ahead = now - max(times)
                if not verdicts[-1].passed:
                    break
        return Made(tuple(entries), tuple(verdicts), failure, ahead, kept)

    def forget(self, todo: Sequence[Due]) -> None:
        """They are in a set: nobody waits for them any more."""
        for due in todo:
            self.kept.remove(self._name(due))

    def _copy(self, registry: EmbeddedRegistry, todo: Sequence[Due]) -> Location:
        """The image's manifests, and the signatures that are there already: cosign adds to them."""
        repository = self.image.repository
        for due in todo:
            image = due.subject.image
            registry.manifests.put(repository, image.content, image.media_type)
            for name, content in due.present.items():
                if name != MANIFEST:
                    registry.blobs.put(repository, content)
            if due.present:
                content = due.present[MANIFEST]
                media_type = str(strict_json.loads(content)["mediaType"])
                tag = due.digest.signature_tag
                registry.manifests.put(repository, content, media_type, tag)
        return Registries(Access.PULL, {}).locate(Reference.parse(f"{registry.host}/{repository}"))

    def _sign(self, location: Location, due: Due, *, yes: bool) -> Failure | None:
        """Have cosign sign a digest; why it did not."""
        copy = f"{location.client.host}/{location.repository}@{due.digest}"
        arguments = (self.annotations, self.further)
        fault = self.program.sign(copy, self.image.name, self.key, *arguments, yes=yes)
        if fault is None or fault.code in _COUNT_IS_SET_BACK:
            self.kept.note_tries(self.key_name, None)
        elif fault.tries is not None:
            self.kept.note_tries(self.key_name, fault.tries)
        return Failure(fault.code, fault.message) if fault else None

    def _verify(self, due: Due, files: Files, trust: Trust) -> Verdict:
        return verify_new(self.image, due.entry(files), trust, datetime.now(UTC))

    def _name(self, due: Due) -> str:
        """All that makes a signature this one, and no other, as one name."""
        present = due.present.get(MANIFEST)
        said = (
            *(str(self.image.at(due.digest)), self.key_name, str(self.key.slot)),
            *(str(Digest.of(present)) if present else "", *self.annotations, "--", *self.further),
        )
        return hashlib.sha256("\0".join(said).encode()).hexdigest()

    def _due(self, number: int, total: int, subject: Subject) -> str:
        """Which touch, or which signature, of how many is due."""
        what = f"{number} of {total}: {visible(subject.label)}"
        touch = f"Touch {what} (when your key blinks)"
        return touch if self.key.needs_touch else f"Signature {what}"


def key_name(key: SigningKey, fingerprint: str | None) -> str:
    """What a key is called between two runs: its fingerprint; without that, where it is."""
    reference = key.reference or ""
    if fingerprint is None and "://" not in reference and ":" not in reference:
        return str(Path(reference).absolute())
    return fingerprint or reference


def _taken(location: Location, due: Due) -> dict[str, bytes]:
    """What cosign left in the copy; raises Refused (GS1303)."""
    files = signature_files(location, due.digest)
    if files is None or files == due.present:
        raise Refused(codes.COSIGN_FAILED, f"cosign left no signature of {due.digest}")
    if due.present:
        check_added(due.present, files)
    return files


def _holds(present: Files, files: Files) -> bool:
    """Whether the signatures that the entry has are among these."""
    try:
        if present:
            check_added(present, files)
    except Refused:
        return False
    return True


def wrong_clock(ahead: timedelta | None) -> timedelta | None:
    """How far this machine's clock is ahead of the log's, where that is too far to be chance."""
    if ahead is None or abs(ahead.total_seconds()) <= limits.CLOCK_NOTICE_SECONDS:
        return None
    return ahead


def clock_notice(ahead: timedelta | None) -> str | None:
    """What to tell whose clock is not the log's."""
    wrong = wrong_clock(ahead)
    if wrong is None:
        return None
    where = "ahead of" if wrong > timedelta() else "behind"
    return (
        f"this machine's clock is {abs(round(wrong.total_seconds()))} s {where} the transparency"
        " log's: set it (`timedatectl set-ntp true`). A set is named after the log's time: a name"
        f" that lies more than {limits.CLOCK_SKEW_SECONDS} s ahead would be refused"
    )
