"""Attacks by way of a run: what the event says, where the branch is, what was checked out.

Each runs an action on a clone as actions/checkout would have made it, and gives what it told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.attacks import world
from tests.attacks.case import Case
from tests.attacks.operations import Tree
from tests.attacks.recipes.injection import ACTING
from tests.unit.actions import clone
from tests.unit.actions.clone import Clone
from tests.unit.actions.runs import RUNS
from tests.unit.actions.stage import Stage, Told


@dataclass(frozen=True, slots=True)
class Scene:
    """A repository on GitHub with the case's base on `main`, and a runner."""

    case: Case
    origin: Clone
    work: Path
    stage: Stage
    host: str

    @property
    def inputs(self) -> dict[str, str]:
        return {"registry_map": f"ghcr.io={self.host}"}

    def propose(self) -> str:
        """The change, as a pull request; its head."""
        self.origin.branch("sign")
        self.origin.commit(contents(self.case.after))
        self.origin.git("switch", "--quiet", "main")
        return clone.pull_request(self.origin, "sign")

    def merge(self) -> str:
        """The change, merged to `main`."""
        self.propose()
        return self.origin.merge("sign")

    def verify(self, run: str, head: str, **commits: str) -> Told:
        """The action verify, on the pull request's merge commit."""
        made = clone.check_out_merge(self.origin, self.work)
        return self.stage.run("verify", run, made, {"head": head, **commits})

    def publish(self, run: str, commit: str = "") -> Told:
        """The action publish, on `main`."""
        made = clone.check_out_main(self.origin, self.work)
        return self.stage.run("publish", run, made, commit=commit, **self.inputs)


def set_up(case: Case, folder: Path, stage: Stage, host: str) -> Scene:
    origin = clone.create(folder / "origin")
    origin.commit(contents(case.before))
    return Scene(case, origin, folder / "work", stage, host)


def contents(tree: Tree) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for path, content in tree.items():
        assert isinstance(content, bytes), path
        found[path] = content
    return found


def _into_another_branch(scene: Scene) -> Told:
    """The pull request goes into a branch of the attacker's, which trusts mallory."""
    return scene.verify("pull_request_other_base", scene.propose())


def _by_pull_request_target(scene: Scene) -> Told:
    """The event that gives a fork's pull request the repository's secrets."""
    return scene.verify("pull_request_target", scene.propose())


def _by_a_comment(scene: Scene) -> Told:
    """Anybody may comment, and the run has the repository's secrets."""
    return scene.verify("issue_comment", scene.propose())


def _base_lagging(scene: Scene) -> Told:
    """The event still names a base that trusted mallory; `main` trusts her no more."""
    origin = scene.origin
    origin.commit({"keys/alice.pub": world.MALLORY.pem})
    old = origin.head
    origin.commit({"keys/alice.pub": world.ALICE.pem})
    head = scene.propose()
    made = clone.check_out_merge(origin, scene.work, depth=0)
    return scene.stage.run("verify", "pull_request", made, {"head": head, "base of hours ago": old})


def _another_head(scene: Scene) -> Told:
    """What was checked out is the merge of another head than the event's."""
    scene.propose()
    return scene.verify("pull_request", "1" * 40)


def _without_the_base(scene: Scene) -> Told:
    """The clone is too shallow to hold the base that judges."""
    head = scene.propose()
    made = clone.check_out_merge(scene.origin, scene.work, depth=1)
    return scene.stage.run("verify", "pull_request", made, {"head": head})


def _hostile_branch(scene: Scene) -> Told:
    """The branch that a pull request goes into has a name that acts."""
    head = scene.propose()
    payload = RUNS["pull_request"].payload({"head": head})
    payload["pull_request"]["base"]["ref"] = ACTING
    event = scene.stage.folder / "hostile"
    event.write_text(json.dumps(payload))
    made = clone.check_out_merge(scene.origin, scene.work)
    environment = {"GITHUB_EVENT_PATH": str(event)}
    return scene.stage.run("verify", "pull_request", made, environment=environment)


def _hostile_ref(scene: Scene) -> Told:
    """The ref of a run has a name that acts."""
    scene.merge()
    made = clone.check_out_main(scene.origin, scene.work)
    environment = {"GITHUB_REF": f"refs/heads/{ACTING}"}
    return scene.stage.run("publish", "push", made, environment=environment, **scene.inputs)


def _forced_push(scene: Scene) -> Told:
    """`main` has been rewritten, with the change as if it had always been there."""
    scene.merge()
    return scene.publish("push_forced")


def _old_run_again(scene: Scene) -> Told:
    """An old run is run again; the branch has trusted another key since."""
    old = scene.merge()
    scene.origin.commit({"keys/alice.pub": world.BOB.pem, "keys/bob.pub": world.ALICE.pem})
    made = clone.check_out_main(scene.origin, scene.work, f"+{old}:refs/remotes/origin/main")
    return scene.stage.run("publish", "push", made, **scene.inputs)


def _run_of_what_was_taken_back(scene: Scene) -> Told:
    """The run's own commit was taken out of the branch."""
    gone = scene.merge()
    scene.origin.git("reset", "--quiet", "--hard", "HEAD~1")
    return scene.publish("push", gone)


def _from_a_fork(scene: Scene) -> Told:
    """A fork's pull request runs the workflow that publishes."""
    scene.merge()
    return scene.publish("pull_request_fork")


def _from_a_tag(scene: Scene) -> Told:
    """Whoever may push a tag, but not to `main`, pushes the change as a tag."""
    scene.merge()
    return scene.publish("push_tag")


def _without_history(scene: Scene) -> Told:
    """The clone holds the last commit alone, so nobody sees how the set came about."""
    scene.merge()
    made = clone.check_out(
        scene.origin,
        scene.work,
        "+refs/heads/main:refs/remotes/origin/main",
        at="refs/remotes/origin/main",
        depth=1,
        branch="main",
    )
    return scene.stage.run("publish", "push", made, **scene.inputs)


SCENARIOS: dict[str, Callable[[Scene], Told]] = {
    "into another branch": _into_another_branch,
    "by pull_request_target": _by_pull_request_target,
    "by a comment": _by_a_comment,
    "with a base of hours ago": _base_lagging,
    "with another head": _another_head,
    "without the base": _without_the_base,
    "into a hostile branch": _hostile_branch,
    "on a hostile ref": _hostile_ref,
    "by a forced push": _forced_push,
    "by an old run that is run again": _old_run_again,
    "by the run of what was taken back": _run_of_what_was_taken_back,
    "from a fork": _from_a_fork,
    "from a tag": _from_a_tag,
    "without history": _without_history,
}
