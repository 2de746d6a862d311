"""Report: what a command found and did. Its exit code is a property of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, GhcrSignerError
from ghcr_signer.core.finding import Finding
from ghcr_signer.core.verdict import Check, Verdict

if TYPE_CHECKING:
    from ghcr_signer.core.plan import Operation, Plan, Retired
    from ghcr_signer.core.review import Review
    from ghcr_signer.core.trust_change import TrustChange


@dataclass(frozen=True)
class Report:
    """The result of one run.

    `failures` are those that belong to no check; `notices` are worth knowing and no failure;
    `plan` is what publishing would do, `done` the operations of it that were carried out (None: it
    was not executed); `written` is the path of a set that was written;
    `next_steps` are commands to run now; `content` is what the command was asked to print;
    `change` are the checks of step 11, where a change was judged; `retired` are sets that fail
    under today's policy and for which nobody waits: they are named, and the run does not fail;
    `trust_change` is what a proposal does to who may sign what; `findings` are what was looked at
    in how the project is set up; `review` is what merging a change does.
    """

    command: str
    sets: int = 0
    verdicts: tuple[Verdict, ...] = ()
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()
    plan: Plan | None = None
    done: tuple[Operation, ...] | None = None
    written: str | None = None
    next_steps: tuple[str, ...] = ()
    content: str | None = None
    change: tuple[Check, ...] = ()
    retired: tuple[Retired, ...] = ()
    trust_change: TrustChange | None = None
    findings: tuple[Finding, ...] = ()
    review: Review | None = None

    @classmethod
    def of_error(cls, command: str, error: Exception) -> Report:
        """The report of a run that an error ended."""
        if isinstance(error, GhcrSignerError):
            return cls(command, failures=(error.failure,))
        message = f"{type(error).__name__}: {error}"
        return cls(command, failures=(Failure(codes.INTERNAL, message),))

    @property
    def all_failures(self) -> Iterator[Failure]:
        """Every failure, the entries' first."""
        for verdict in self.awaited:
            yield from verdict.failures
        yield from self.other_failures

    @property
    def warnings(self) -> tuple[str, ...]:
        """The notices that are weighed before anything else is believed."""
        return tuple(notice for notice in self.notices if notice.startswith("WARNING"))

    @property
    def awaited(self) -> Iterator[Verdict]:
        """The verdicts that decide how the run ends: all but those of retired sets."""
        retired = self.retired_sets
        return (verdict for verdict in self.verdicts if verdict.set_name not in retired)

    @property
    def retired_sets(self) -> frozenset[str]:
        """The names of the retired sets."""
        return frozenset(each.set_name for each in self.retired)

    @property
    def causes(self) -> Iterator[Failure]:
        """Every failure, but not that too few signatures are valid where each says why."""
        for verdict in self.awaited:
            found = verdict.failures
            each_says = len(found) > 1 and not any(each.valid for each in verdict.signatures)
            yield from (f for f in found if f.code is not codes.THRESHOLD or not each_says)
        yield from self.other_failures

    @property
    def other_failures(self) -> Iterator[Failure]:
        """The failures that belong to no entry."""
        yield from (check.failure for check in self.change if check.failure)
        yield from (finding.failure for finding in self.findings if finding.failure)
        yield from self.failures

    @cached_property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not any(self.other_failures) and all(verdict.passed for verdict in self.awaited)

    @property
    def exit_code(self) -> int:
        """0 all well; 2 usage; 3 where nothing but the reach of a registry failed; else 1."""
        if self.passed:
            return 0
        found = {failure.code.exit_code for failure in self.all_failures}
        if 2 in found:
            return 2
        return 3 if found == {3} else 1
