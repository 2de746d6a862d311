"""The action comment: one comment on a pull request says what merging it would do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from ghcr_signer.actions import runner
from ghcr_signer.actions.inputs import Inputs
from ghcr_signer.actions.runner import Outcome
from ghcr_signer.commands import review
from ghcr_signer.commands.arguments import DEFAULT_DIRECTORY
from ghcr_signer.core import codes
from ghcr_signer.core.errors import Failure, GhcrSignerError
from ghcr_signer.core.event import Event, OtherRun
from ghcr_signer.peers.github import comment
from ghcr_signer.peers.github.api import Api
from ghcr_signer.report import markdown, reviewers_view
from ghcr_signer.report.escape import markdown_with_code
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.checkout import base_of
from ghcr_signer.transfer.merge import fetch_merge

_REST = "… the rest is in the summary of the job."
_GONE = "no open pull request proposes the commit of that run any more: there is nothing to say"
_READ_ONLY = (
    "no comment was written, since GitHub gives this run a token that writes nothing: the job's"
    " summary says what it would say"
)


def run(inputs: Inputs) -> Outcome:
    """Judge the change as `review` does, and have the comment say so.

    Raises UsageError for other events (GS2012), Unreachable where GitHub does not serve us.
    """
    event = inputs.event
    event.require_commentable(inputs.environment.get("GITHUB_REPOSITORY", ""))
    with closing(inputs.github) as api:
        if event.other is None:
            return _on_its_own_run(inputs, event, api)
        return _after_its_run(inputs, event, event.other, api)


def _on_its_own_run(inputs: Inputs, event: Event, api: Api) -> Outcome:
    """In a run of the pull request's own, whose result is the judgement. A fork's may not write:
    that is said, and is no failure.
    """
    try:
        report = _judged(inputs, base_of(inputs.git, event) or "", "HEAD")
    except Exception as error:
        report = runner.failed("comment", error, debug=inputs.debug)
    address, failure = _comment(inputs, api, event.number, event.head, report)
    if failure and failure.code is codes.GITHUB_DENIED and event.token_reads_only:
        runner.notice(_READ_ONLY)
        report = replace(report, notices=(*report.notices, _READ_ONLY))
    elif failure:
        report = replace(report, failures=(*report.failures, failure))
    return Outcome(report, {"comment": address})


def _after_its_run(inputs: Inputs, event: Event, other: OtherRun, api: Api) -> Outcome:
    """In a run that stands beside the branch's own commit, which a stranger's change shall not make
    red: it fails only where the comment cannot be written.
    """
    token = inputs.text("token")
    merge = fetch_merge(inputs.git, api, other, event.protected, token, inputs.environment)
    if merge is None:
        return Outcome(Report("comment", notices=(_GONE,)), {"comment": ""})
    try:
        report = _judged(inputs, merge.base, merge.commit)
    except Exception as error:
        report = runner.failed("comment", error, debug=inputs.debug)
    address, failure = _comment(inputs, api, merge.number, other.head, report)
    if failure:
        report = replace(report, failures=(*report.failures, failure))
    return Outcome(report, {"comment": address}, fails=failure is not None)


def _judged(inputs: Inputs, base: str, commit: str) -> Report:
    """What `review` says. The registries that it reads get no credential: this job has none for
    them.
    """
    options = review.Options(
        change=f"{base}..{commit}",
        directory=inputs.directory or DEFAULT_DIRECTORY,
        trust=inputs.trust,
        environment=inputs.environment,
    )
    return replace(review.run(options, runner.Log()), command="comment")


def _comment(
    inputs: Inputs, api: Api, number: int, head: str, report: Report
) -> tuple[str, Failure | None]:
    """Have the comment say what the report does, an error too: what it said before is not so any
    more. Its address, and why there is none.
    """
    folder = inputs.folder
    mark = comment.marker("" if folder == DEFAULT_DIRECTORY.as_posix() else folder)
    try:
        address = comment.keep(api, number, mark, _text(report, head), first=_has_news(report))
    except GhcrSignerError as error:
        return "", error.failure
    runner.Log().say(f"the comment: {address or 'none, for there is nothing to say'}")
    return address, None


def _has_news(report: Report) -> bool:
    """Whether a reviewer must know more than of any other change."""
    signs = report.review is not None and bool(report.review.images)
    return signs or report.trust_change is not None or not report.passed


def _text(report: Report, head: str) -> str:
    """What the report says, and of which commit: whoever proposes one can keep the next from being
    judged, and this comment would stand beside that.
    """
    about = markdown_with_code(f"This is about the commit `{head}`, and about no later one.")
    room = reviewers_view.COMMENT_BYTES - len(about) - 2
    lines = iter(markdown.render(report))
    if report.review is not None:
        lines = reviewers_view.render(report, report.review, room)
    heading, *rest = markdown.fitting(lines, room, _REST)
    return "\n".join((heading, "", about, *rest))
