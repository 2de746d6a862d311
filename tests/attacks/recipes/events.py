"""Faults of a run: the event, or what was checked out, is not what it seems."""

from __future__ import annotations

from typing import Any

from tests.attacks import case, world
from tests.attacks.recipes.injection import SAYS
from tests.attacks.recipes.recipe import EVENT_ONLY, attack, signed_layers
from tests.attacks.world import MALLORY


def add() -> None:
    _pull_requests()
    _pushes()


def _pull_requests() -> None:
    _run(
        "a-pull-request-into-the-attacker-s-own-branch",
        "GS2013",
        "A branch without protection trusts mallory, so her set is green.",
        "into another branch",
        change=signed_layers(world.layer(signer=MALLORY)),
    )
    _run(
        "a-run-with-the-repository-s-secrets",
        "GS2012",
        "On pull_request_target a fork's pull request runs with the repository's token.",
        "by pull_request_target",
    )
    _run(
        "a-run-by-a-comment",
        "GS2012",
        "Whoever comments starts a run with the repository's token.",
        "by a comment",
    )
    _run(
        "a-base-that-lags-behind",
        "GS0502",
        "The event names a base of hours ago, when mallory was still trusted.",
        "with a base of hours ago",
        file="MANIFEST",
        change=signed_layers(world.layer(signer=MALLORY)),
    )
    _run(
        "a-merge-of-another-head",
        "GS2014",
        "What is judged is not what is merged.",
        "with another head",
    )
    _run(
        "a-clone-without-the-base",
        "GS2011",
        "Where the base is missing, the change's own trust is all there is.",
        "without the base",
        change={**signed_layers(world.layer(signer=MALLORY)), "keys/alice.pub": MALLORY.pem},
    )
    _run(
        "injection-by-a-branch-s-name",
        "GS2013",
        "A text that is printed acts: it comes by way of a branch's name.",
        "into a hostile branch",
        says=SAYS,
    )


def _pushes() -> None:
    _run(
        "a-forced-push",
        "GS2015",
        "Rewritten history shows the set as if it had come by the rules.",
        "by a forced push",
    )
    _run(
        "a-re-run-of-an-old-run",
        "GS2014",
        "An old run publishes by the trust of its day, and moves `latest` back.",
        "by an old run that is run again",
    )
    _run(
        "history-rewritten-under-a-run",
        "GS2014",
        "What was taken out of the branch is published all the same.",
        "by the run of what was taken back",
    )
    _run(
        "a-fork-that-publishes",
        "GS2016",
        "A fork's pull request runs the workflow that publishes.",
        "from a fork",
    )
    _run(
        "a-tag-that-publishes",
        "GS2013",
        "Whoever may not push to the branch pushes a tag.",
        "from a tag",
    )
    _run(
        "a-clone-without-history",
        "GS2011",
        "Without history nobody sees that the set came beside a workflow.",
        "without history",
        change={".github/workflows/publish.yml": b"on: push\n"},
    )
    _run(
        "injection-by-a-ref",
        "GS2013",
        "A text that is printed acts: it comes by way of the run's ref.",
        "on a hostile ref",
        says=SAYS,
    )


def _run(name: str, code: str, what: str, scenario: str, *, file: str = "", **more: Any) -> None:
    closed = dict.fromkeys(case.DOORS, EVENT_ONLY)
    attack(
        name,
        code,
        what,
        file=file,
        publish=EVENT_ONLY,
        doors={**closed, case.ACTION: [code]},
        scenario=scenario,
        **more,
    )
