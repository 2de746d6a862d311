"""Before the first touch: what will be signed, which tags will move, and a person's yes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ghcr_signer.commands.ceremony import Target
from ghcr_signer.commands.signing.signatures import Due
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, Unreachable, UsageError
from ghcr_signer.core.wording import counted
from ghcr_signer.peers.cosign import Cosign
from ghcr_signer.report.escape import visible
from ghcr_signer.transfer.progress import Progress


@dataclass(frozen=True, slots=True)
class Consent:
    """What is shown to the person who is about to say yes. `waiting` of it was signed before."""

    target: Target
    todo: Sequence[Due]
    waiting: int
    annotations: Sequence[str]
    program: Cosign
    set_name: str | None

    def ask(self, progress: Progress, *, yes: bool) -> None:
        """A person who sees it says yes, or a script did; raises UsageError (GS1306)."""
        if not yes and progress.interactive:
            # in one with the question, so that --quiet does not take it away
            if not progress.ask("\n".join((*self._lines(), self._question()))):
                raise UsageError(codes.NOT_CONFIRMED, "the answer was no")
            return
        for line in self._lines():
            progress.say(line)
        if not yes:
            raise UsageError(codes.NOT_CONFIRMED, "nobody is there to ask")

    def _question(self) -> str:
        count = len(self.todo) - self.waiting
        if not count:
            return "Write the set with them?"
        return f"Make {counted(count, 'signature')}?"

    def _lines(self) -> Iterator[str]:
        found, subjects = self.target, [due.subject for due in self.todo]
        version = ".".join(map(str, self.program.version))
        adding = f" into the set {self.set_name}" if self.set_name else ""
        yield f"Signing {found.image.name} with cosign {version}{adding}:"
        for number, subject in enumerate(subjects, start=1):
            yield f"  {number}. {subject.digest}  {visible(subject.label)}"
        signed = {subject.digest for subject in subjects}
        for child in (child for subject in subjects for child in subject.image.children):
            if child.digest not in signed:
                what = "attestation manifest" if child.attestation else child.platform
                yield f"  not signed: {child.digest}  {visible(what)}"
        for name, value in found.source.origin(subjects[0].image).items():
            yield f"  {name}: {visible(value)}"
        for annotation in self.annotations:
            yield f"  signed annotation: {visible(annotation)}"
        for due in self.todo:
            for tag in due.tags:
                yield f"  {tag}: {self._current(tag)} -> {due.digest.short}, once published"
        if self.waiting:
            yield f"  {self.waiting} of {len(self.todo)} were signed before and are kept"

    def _current(self, tag: str) -> str:
        """Where a tag points now, for people."""
        location = self.target.source.location
        if location is None:
            return "(unknown)"
        try:
            current = location.client.tag_digest(location.repository, tag)
        except (Unreachable, Refused):
            return "(unknown)"
        return current.short if current else "(no such tag)"
