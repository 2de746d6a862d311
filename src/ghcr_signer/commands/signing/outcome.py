"""What `sign` has made: the set that is written, who must sign too, and what CI will say of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ghcr_signer.commands.carry import push_command
from ghcr_signer.commands.signing.signatures import Made, clock_notice, wrong_clock
from ghcr_signer.commands.signing.task import Options, Task
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, GhcrSignerError
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Reference
from ghcr_signer.core.reviewing import quorums
from ghcr_signer.core.verification import verify_alone
from ghcr_signer.core.wording import counted
from ghcr_signer.peers.worktree import Worktree
from ghcr_signer.report.report import Report
from ghcr_signer.report.review import not_enough
from ghcr_signer.transfer import add_to
from ghcr_signer.transfer.new_set import in_set


def notices(made: Made, waited: int) -> list[str]:
    """What the signer should know of how it went."""
    kept = counted(waited, "signature was", "signatures were")
    found = [f"{kept} made before and kept until now"] if waited else []
    clock = clock_notice(made.ahead)
    return [*found, clock] if clock else found


def left(made: Made, task: Task) -> tuple[str, ...]:
    """What a fault has left: nothing in the directory, but what was made is not lost."""
    if not made.kept:
        return ()
    return (
        f"{made.kept} of {counted(len(task.todo), 'signature')} are made and kept for a day: the"
        " same command makes only what is missing",
    )


def write(options: Options, task: Task, made: Made, trust: Trust) -> Report:
    """Write the set, say what is missing in it, and what its pull request's check will say."""
    image = task.target.image
    now = datetime.now(UTC) - (wrong_clock(made.ahead) or timedelta())
    worktree = Worktree(options.directory)
    if task.open_set is None:
        files = {entry.digest.hex: entry.files(image) for entry in made.entries}
        name = worktree.write_set(files, now)
    else:
        signed = {entry.digest: entry.signatures for entry in made.entries}
        files, name = dict(add_to.united(task.open_set, signed)), task.open_set.name
        worktree.replace_set(name, files)
    whole = [verify_alone(entry, contents, trust, now=now) for entry, contents in files.items()]
    rules = trust.policy.rules_for(image)
    lacking = (each for verdict in whole for each in quorums(verdict, rules, now))
    failures, waiting, judged = _judged(options, task, name, files, now)
    missing = list(dict.fromkeys((*not_enough(lacking), *waiting)))
    written = f"{options.directory.as_posix()}/{name}"
    if missing:
        command = _next(options, image, written)
        missing.append(f"once it is pushed they run, on its branch: {command}")
    return Report(
        "sign",
        sets=1,
        verdicts=tuple(in_set(verdict, name) for verdict in made.verdicts),
        failures=failures,
        notices=(*missing, *task.notices, *judged),
        written=written,
        next_steps=() if failures else (push_command(written, options.trust),),
    )


def _next(options: Options, image: Reference, written: str) -> str:
    """The exact command for the next signer, but for their own key."""
    key = ("--sk",) if options.key.security_key else ("--key", "KEY")
    annotations = [part for each in options.annotations for part in ("-a", each)]
    further = ["--", *options.further] if options.further else []
    command = ["ghcr-signer", "sign", str(image), "--add-to", written, *key, *annotations]
    push = ["--push"] if options.push else []
    return shlex.join([*command, *push, *options.trust.arguments, *further])


def _judged(
    options: Options,
    task: Task,
    name: str,
    files: Mapping[str, Mapping[str, bytes]],
    now: datetime,
) -> tuple[tuple[Failure, ...], tuple[str, ...], tuple[str, ...]]:
    """What the pull request's check will say of the set: failures, who must sign yet, and notices;
    a push asks that itself, and anew.
    """
    if task.base is None or options.push:
        return (), (), ()
    try:
        found = task.base.forecast(name, files, options.environment, now)
    except GhcrSignerError as error:  # such as a clone that lacks a part, or takes no commit
        return (), (), (f"not judged as a pull request: {error}",)
    if not found.report.passed:
        refusal = Failure(codes.WOULD_BE_REFUSED, f"as a change to {task.base.called}")
        return (*found.report.all_failures, refusal), found.waiting, ()
    but = ", once enough have signed" if found.waiting else ""
    passes = f"its check will pass{but}: judged as a change to {task.base.called}"
    return (), found.waiting, (passes,)
