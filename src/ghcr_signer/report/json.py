"""Report -> JSON for machines, in pieces, each entry held to the schema `report` as it is made.

A directory may have ten thousand entries: they are written one by one, never all held at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ghcr_signer.core import schemas
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.finding import Finding
from ghcr_signer.core.verdict import Check, SignatureVerdict, Verdict
from ghcr_signer.report.report import Report

if TYPE_CHECKING:
    from ghcr_signer.core.plan import Operation, Retired
    from ghcr_signer.core.review import Move, Review, Reviewed, Seen, Signed
    from ghcr_signer.core.trust_change import Difference, Flip, TrustChange

SCHEMA = "https://ghcr-signer.invalid/schemas/report"

_encoder = json.JSONEncoder(check_circular=False, separators=(",", ":"))


def render(report: Report) -> Iterator[str]:
    """The report as one JSON document, in pieces."""
    head = _head(report)
    schemas.require("report#head", head)
    yield _encode(head)[:-1] + ',"entries":['
    for number, verdict in enumerate(report.verdicts):
        entry = _entry(verdict)
        schemas.require("report#entry", entry)
        yield ("," if number else "") + _encode(entry)
    yield "]}\n"


def _encode(document: Any) -> str:
    """The document, in ASCII; without `##[`, which the log of a job takes for a workflow command
    (escape.visible). It can only be in a string, where it has another spelling.
    """
    return _encoder.encode(document).replace("##[", "##\\u005b")


def _head(report: Report) -> dict[str, Any]:
    entries = len(report.verdicts)
    good = report.passed and not report.retired
    passed = entries if good else sum(verdict.passed for verdict in report.verdicts)
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "command": report.command,
        "result": "passed" if report.passed else "failed",
        "exit_code": report.exit_code,
        "counts": {
            "sets": report.sets,
            "entries": entries,
            "signatures": sum(len(verdict.signatures) for verdict in report.verdicts),
            "passed": passed,
            "failed": entries - passed,
        },
        "failures": [_failure(failure) for failure in report.other_failures],
        "notices": list(report.notices),
    }
    if report.written is not None:
        head["written"] = report.written
    if report.change:
        head["change"] = [_check(check) for check in report.change]
    if report.review is not None:
        head["review"] = _review(report, report.review)
    if report.retired:
        head["retired"] = [_retired(each) for each in report.retired]
    if report.trust_change:
        head["trust_change"] = _trust_change(report.trust_change)
    if report.findings:
        head["findings"] = [_finding(each) for each in report.findings]
    if report.plan is not None:
        head["plan"] = {
            "operations": [_operation(operation) for operation in report.plan.operations],
            "live": list(report.plan.live),
            "done": [_operation(operation) for operation in report.done or ()],
        }
    return head


def _review(report: Report, review: Review) -> dict[str, Any]:
    from ghcr_signer.report import review as words

    document: dict[str, Any] = {
        "headline": words.headline(report, review),
        "next": words.next_step(report, review),
        "moves": [_move(move, review.seen) for move in review.moves],
        "images": [_image(image, review) for image in review.images],
        "more": review.more,
    }
    if review.seen is not None:
        document["unread"] = dict(review.seen.unread)
    return document


def _move(move: Move, seen: Seen | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": move.path,
        "image": move.repository,
        "tag": move.tag,
        "from": str(move.before) if move.before else None,
        "to": str(move.after),
    }
    if move.before:
        document |= {"since": move.since, "state": move.state.value}
    if seen is not None:
        document["registry"] = seen.standing(move).value
    return document


def _image(image: Reviewed, review: Review) -> dict[str, Any]:
    origin = review.origin(image.unit)
    found = {
        "source": origin.source,
        "revision": origin.revision,
        "compare": review.compare(image),
    }
    return {
        "path": image.path,
        "image": image.repository,
        "digest": str(image.digest),
        "result": "passed" if image.passed else "failed",
        "entries": image.entries,
        "platforms": [
            {"platform": each.name, "digest": str(each.digest), "signed": each.here}
            for each in image.platforms
        ],
        "rules": [
            {
                "rule": each.rule,
                "threshold": each.threshold,
                "signed": list(each.signed),
                "missing": list(each.missing),
            }
            for each in image.quorums
        ],
        "logged": [_signed(each) for each in image.signatures if each.log],
        **{name: value for name, value in found.items() if value},
    }


def _signed(signed: Signed) -> dict[str, Any]:
    document: dict[str, Any] = {"authority": signed.authority}
    if signed.log:
        document |= {"log": signed.log.log, "log_index": signed.log.index}
    if signed.link:
        document["link"] = signed.link
    return document


def _entry(verdict: Verdict) -> dict[str, Any]:
    set_name, _, _ = verdict.path.partition("/")
    document: dict[str, Any] = {
        "path": verdict.path,
        "set": set_name,
        "result": "passed" if verdict.passed else "failed",
        "signatures": [_signature(signature) for signature in verdict.signatures],
        "checks": [_check(check) for check in verdict.checks],
        "failures": [_failure(failure) for failure in verdict.failures],
    }
    if verdict.entry is not None:
        document["image"] = verdict.entry.image.name
        document["digest"] = str(verdict.entry.digest)
        document["tags"] = list(verdict.entry.tags)
    return document


def _signature(signature: SignatureVerdict) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": signature.format,
        "place": signature.place,
        "result": "passed" if signature.valid else "failed",
        "checks": [_check(check) for check in signature.checks],
    }
    if signature.authority is not None:
        document["authority"] = signature.authority
        document["key"] = signature.key
    if signature.claims is not None:
        document["annotations"] = dict(signature.claims.annotations)
    if signature.log is not None:
        document["log"] = signature.log.log
        document["log_index"] = signature.log.index
    if signature.time is not None:
        document["time"] = signature.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return document


def _retired(retired: Retired) -> dict[str, Any]:
    return {
        "set": retired.set_name,
        "withdrawn": retired.withdrawn,
        "failures": [_failure(failure) for failure in retired.failures],
    }


def _trust_change(change: TrustChange) -> dict[str, Any]:
    return {
        "differences": [_difference(each) for each in change.differences],
        "compared": change.is_compared,
        "entries": change.entries,
        "flips": [_flip(each) for each in change.flips],
        "retires": list(change.retires),
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "part": difference.part.value,
        "verb": difference.verb.value,
        "rule": difference.rule,
        "name": difference.name,
        "id": difference.id,
        "words": [
            {"word": each.word, "before": list(each.before), "after": list(each.after)}
            for each in difference.words
        ],
    }


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "path": flip.path,
        "result": "passed" if flip.passes else "failed",
        "failures": [_failure(failure) for failure in flip.failures],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    document = {"name": finding.name, "state": finding.state.value, "message": finding.message}
    if finding.failure is not None:
        document |= {"code": finding.failure.code.id, "fix": finding.failure.next_step}
    elif finding.fix:
        document["fix"] = finding.fix
    return document


def _check(check: Check) -> dict[str, Any]:
    result = "passed" if check.failure is None else "failed"
    return {"step": int(check.step), "name": check.name, "result": result}


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "code": failure.code.id,
        "step": failure.code.step,
        "title": failure.code.title,
        "file": failure.file,
        "message": failure.message,
        "fix": failure.next_step,
    }


def _operation(operation: Operation) -> dict[str, Any]:
    from ghcr_signer.core.plan import Confirm, MoveTag, Push

    kinds = {Push: "push", Confirm: "confirm", MoveTag: "move_tag"}
    document: dict[str, Any] = {
        "operation": kinds[type(operation)],
        "path": operation.path,
        "image": operation.entry.image.name,
        "digest": str(operation.entry.digest),
    }
    if isinstance(operation, MoveTag):
        document["tag"] = operation.tag
        document["from"] = str(operation.current) if operation.current else None
    return document
