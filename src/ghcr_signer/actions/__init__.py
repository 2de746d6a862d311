"""The actions: inputs -> the same Options as the command line's; the Report goes to the runner.

No traceback is shown unless whoever started the run asked for debug logging.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ghcr_signer.actions import comment, runner
from ghcr_signer.actions.inputs import SECRETS, Inputs
from ghcr_signer.actions.runner import Outcome
from ghcr_signer.commands import collect, publish, verify
from ghcr_signer.commands.arguments import DEFAULT_DIRECTORY
from ghcr_signer.commands.ceremony import reference
from ghcr_signer.core import codes
from ghcr_signer.core.errors import GhcrSignerError, UsageError
from ghcr_signer.core.plan import MoveTag, Push
from ghcr_signer.peers.github.proposal import submit
from ghcr_signer.transfer.checkout import base_of, require_present_head
from ghcr_signer.transfer.new_set import parse_tags, read_set
from ghcr_signer.transfer.propose import propose


def main(command: str = "") -> int:
    """Run an action, by default the one that its input `command` names; returns the exit code."""
    inputs = Inputs(dict(os.environ))
    with runner.tamed():
        for secret in filter(None, map(inputs.text, SECRETS)):
            runner.mask(secret)
        if inputs.debug:
            runner.debug(inputs.described)
        outcome = _outcome(inputs, command or inputs.text("command"))
        runner.tell(outcome, inputs.folder, inputs.environment)
    return outcome.exit_code


def _outcome(inputs: Inputs, name: str) -> Outcome:
    """Run the action; whatever goes wrong becomes a report."""
    try:
        os.chdir(inputs.environment.get("GITHUB_WORKSPACE") or ".")
        if name not in ACTIONS:
            fix = f"Give {' or '.join(ACTIONS)}."
            raise UsageError(codes.USAGE, f"the input command is {name!r}", fix=fix)
        return ACTIONS[name](inputs)
    except Exception as error:
        name = name if name in ACTIONS else "action"
        return Outcome(runner.failed(name, error, debug=inputs.debug))


def _verify(inputs: Inputs) -> Outcome:
    event = inputs.event
    event.require_verifiable()
    check_images = inputs.flag("check_images")
    token = {"GITHUB_TOKEN": inputs.text("token")} if check_images else {}
    options = verify.Options(
        directory=inputs.directory,
        trust=inputs.trust,
        sets=inputs.words("sets"),
        registry=inputs.text("registry") or None,
        commit="HEAD",
        base=base_of(inputs.git, event),
        environment={**inputs.environment, **token},
        check_images=check_images,
    )
    return Outcome(verify.run(options, runner.Log()))


def _publish(inputs: Inputs) -> Outcome:
    event = inputs.event
    event.require_publishable()
    require_present_head(inputs.git, event)
    options = publish.Options(
        directory=inputs.directory,
        trust=inputs.trust,
        sets=inputs.words("sets"),
        commit="HEAD",
        since=event.before or None,
        dry_run=inputs.flag("dry_run"),
        registry_map=publish.registry_map(inputs.words("registry_map")),
        username=inputs.text("username") or None,
        password=inputs.text("password") or None,
        environment={**inputs.environment, "GITHUB_TOKEN": inputs.text("token")},
    )
    report = publish.run(options, runner.Log())
    done = report.done or ()
    outputs = {
        "published": str(sum(isinstance(each, Push) for each in done)),
        "unchanged": str(len(report.plan.live) if report.plan else 0),
        "tags": "\n".join(
            f"{each.entry.image.name}:{each.tag}" for each in done if isinstance(each, MoveTag)
        ),
    }
    return Outcome(report, outputs)


def _collect(inputs: Inputs) -> Outcome:
    event, git = inputs.event, inputs.git
    event.require_publishable()
    require_present_head(git, event)
    directory = inputs.directory or DEFAULT_DIRECTORY
    options = collect.Options(
        image=reference(inputs.required("image")),
        source=reference(inputs.required("from")),
        tags=parse_tags(inputs.flag("latest"), inputs.words("tags")),
        subjects=(),
        directory=directory,
        trust=inputs.trust,
        environment={**inputs.environment, "GITHUB_TOKEN": inputs.text("token")},
    )
    report = replace(collect.run(options, runner.Log()), next_steps=())
    if report.written is None:
        return Outcome(report)
    name = Path(report.written).name
    try:
        proposal = propose(
            name,
            git.path(directory),
            read_set(directory, name),
            base_branch=event.protected,
            base_commit=git.resolve("HEAD"),
            by_workflow=True,
        )
        with closing(inputs.github) as api:
            proposed = submit(api, proposal)
    except GhcrSignerError as error:
        return Outcome(replace(report, failures=(error.failure,)), {"set": name})
    notices = (*report.notices, f"opened {proposed.url}")
    outputs = {"set": name, "branch": proposed.branch, "pull_request": proposed.url}
    return Outcome(replace(report, notices=notices), outputs)


ACTIONS: dict[str, Callable[[Inputs], Outcome]] = {
    "collect": _collect,
    "verify": _verify,
    "comment": comment.run,
    "publish": _publish,
}
