"""The action publish: what it uploads from which commit, and when it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.forge import Signer
from tests.house.workflows import ACTIONS
from tests.unit.actions import clone
from tests.unit.actions.clone import Clone
from tests.unit.actions.sets import (
    IMAGE,
    LATER,
    OPTIONAL,
    SET,
    entry,
    push_image,
    signed_image,
    tag,
)
from tests.unit.actions.stage import Stage, Told

from ghcr_signer.embedded_registry import EmbeddedRegistry

SIGNATURE = IMAGE.digest.replace(":", "-") + ".sig"


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    """It holds the image, not yet its signatures."""
    with EmbeddedRegistry() as registry:
        push_image(registry)
        yield registry


def mapped(registry: EmbeddedRegistry) -> dict[str, str]:
    return {**OPTIONAL, "registry_map": f"ghcr.io={registry.host}"}


def merge(origin: Clone, files: Mapping[str, bytes | None]) -> str:
    """A merged pull request; the merge."""
    name = f"sign-{origin.git('rev-list', '--count', 'main')}"
    origin.branch(name)
    origin.commit(files)
    return origin.merge(name)


def publish(
    stage: Stage, origin: Clone, work: Path, run: str = "push", *, commit: str = "", **inputs: str
) -> Told:
    made = clone.check_out_main(origin, work)
    return stage.run("publish", run, made, commit=commit, **inputs)


@pytest.mark.parametrize("run", ["push", "push_first", "workflow_dispatch", "schedule"])
def test_what_was_merged_is_published(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry, run: str
) -> None:
    path, files = signed_image(tags=["latest", "v2"])
    merge(origin, files)
    told = publish(stage, origin, work, run, **mapped(registry))
    assert told.code == 0, told.said
    assert told.commands == []
    assert tag(registry, "latest") == tag(registry, "v2") == IMAGE.digest
    manifest = registry.manifests.get("acme/app", SIGNATURE)
    assert manifest.content == files[f"{path}/MANIFEST"]
    assert set(told.outputs) == set(ACTIONS["publish"]["outputs"])
    del told.outputs["report"]
    assert told.outputs == {
        "result": "passed",
        "sets": "1",
        "verified": "1",
        "failed": "0",
        "published": "1",
        "unchanged": "0",
        "tags": "ghcr.io/acme/app:v2\nghcr.io/acme/app:latest",
    }
    assert "publish the signatures of ghcr" in told.summary
    assert "move **latest** of ghcr" in told.summary
    assert "would" not in told.summary


def test_a_second_run_changes_nothing(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    merge(origin, signed_image()[1])
    publish(stage, origin, work, **mapped(registry))
    told = publish(stage, origin, work / "again", **mapped(registry))
    assert told.code == 0, told.said
    names = ("published", "unchanged", "tags")
    assert [told.outputs[name] for name in names] == ["0", "1", ""]


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    merge(origin, signed_image()[1])
    told = publish(stage, origin, work, dry_run="TRUE", **mapped(registry))
    assert told.code == 0, told.said
    assert registry.manifests.find("acme/app", SIGNATURE) is None
    assert tag(registry, "latest") is None
    names = ("result", "published", "unchanged", "tags")
    assert [told.outputs[name] for name in names] == ["passed", "0", "0", ""]
    assert "would publish the signatures of" in told.log
    assert "- would publish the signatures of" in told.summary
    assert "- would move **latest** of" in told.summary
    assert "nothing was changed" in told.summary


@pytest.mark.parametrize("run", ["push_first", "workflow_dispatch", "schedule"])
def test_where_nothing_is_signed_yet_it_passes_and_says_so(
    stage: Stage, origin: Clone, work: Path, run: str
) -> None:
    told = publish(stage, origin, work, run)
    assert told.code == 0, told.said
    assert "nothing to publish" in told.log
    assert told.outputs["published"] == "0"


def test_one_set_may_be_chosen(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    merge(origin, signed_image(SET)[1])
    merge(origin, entry(LATER)[1])
    told = publish(stage, origin, work, sets=SET, **mapped(registry))
    assert (told.code, told.outputs["published"]) == (0, "1"), told.said
    assert registry.manifests.find("acme/app", SIGNATURE) is not None


def test_a_set_that_came_with_the_push_and_fails_is_not_published_and_the_others_are(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    path, forged = entry(LATER, signer=Signer())
    merge(origin, signed_image()[1])
    merge(origin, forged)
    told = publish(stage, origin, work, **mapped(registry))
    assert told.code == 1
    assert told.codes == ["GS0502"]
    assert told.files == [f"{path}/MANIFEST"]
    assert registry.manifests.find("acme/app", SIGNATURE) is not None
    assert "| ✅ |" in told.summary


def test_a_set_that_came_against_the_rules_is_not_published(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    merge(origin, signed_image()[1] | {"README.md": b"beside"})
    told = publish(stage, origin, work, **mapped(registry))
    assert told.code == 1
    assert told.codes == ["GS1102"]
    assert told.files == ["README.md"]
    assert registry.manifests.find("acme/app", SIGNATURE) is None


def test_a_set_that_was_merged_behind_a_newer_one_is_mended_as_its_error_says(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    """Two pull requests that were good when they were judged, merged in the other order."""
    _, old = signed_image(SET)
    merge(origin, entry(LATER, tags=["latest"])[1])
    merge(origin, old)
    told = publish(stage, origin, work, dry_run="true", **mapped(registry))
    assert told.codes == ["GS1108", "GS1203"]  # the older set's, and the newer image is not there
    assert "remove the whole set" in told.errors[0].data
    other = publish(stage, origin, work / "by name", sets=LATER, dry_run="true", **mapped(registry))
    assert "GS1108" not in other.codes
    merge(origin, dict.fromkeys(old))
    merge(origin, signed_image("2025-01-02T03:04:07+00:00")[1])
    told = publish(stage, origin, work / "mended", **mapped(registry))
    assert (told.code, tag(registry, "latest")) == (0, IMAGE.digest), told.said


def test_a_key_that_came_with_its_sets_beside_the_one_there_was_publishes_nothing(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    """The key nearest to the directory counts, and the older one is above it."""
    other = Signer()
    files = entry(signer=other, digest=IMAGE.digest.removeprefix("sha256:"))[1]
    merge(
        origin,
        {f"deep/{path}": content for path, content in files.items()}
        | {"deep/trusted.pub": other.pem},
    )
    told = publish(stage, origin, work, directory="deep/SIGNATURES", **mapped(registry))
    assert (told.code, told.codes) == (1, ["GS1102"]), told.said
    assert registry.manifests.find("acme/app", SIGNATURE) is None


def test_a_tag_that_somebody_else_moved_is_annotated_at_the_entry(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    path, files = signed_image()
    merge(origin, files)
    other = IMAGE.platforms[0]
    registry.manifests.put("acme/app", other.content, other.media_type, "latest")
    told = publish(stage, origin, work, **mapped(registry))
    assert (told.code, told.codes) == (1, ["GS1204"])
    assert told.files == [f"{path}/IMAGE"]
    assert (told.outputs["published"], told.outputs["tags"]) == ("1", "")
    assert tag(registry, "latest") == other.digest


# Guards


@pytest.mark.parametrize(
    ("run", "code", "exit_code", "says", "fix"),
    [
        ("pull_request", "GS2012", 2, "started by 'pull_request'", "one of the events"),
        ("pull_request_fork", "GS2016", 2, "by another repository", "workflow_dispatch"),
        ("pull_request_dependabot", "GS2016", 2, "by Dependabot", "workflow_dispatch"),
        ("pull_request_target", "GS2012", 2, "'pull_request_target'", "one of the events"),
        ("merge_group", "GS2012", 2, "started by 'merge_group'", "one of the events"),
        ("workflow_run", "GS2012", 2, "started by 'workflow_run'", "one of the events"),
        ("issue_comment", "GS2012", 2, "started by 'issue_comment'", "one of the events"),
        ("push_forced", "GS2015", 1, "'main' was pushed with force", "workflow_dispatch"),
        ("push_deleted", "GS2013", 2, "on 'refs/heads/sign'", "protected_branch"),
        ("push_tag", "GS2013", 2, "on 'refs/tags/v1'", "protected_branch"),
    ],
)
@pytest.mark.parametrize("action", ["publish", "collect"])
def test_other_events_and_branches_write_nothing(
    stage: Stage,
    origin: Clone,
    work: Path,
    registry: EmbeddedRegistry,
    action: str,
    run: str,
    code: str,
    exit_code: int,
    says: str,
    fix: str,
) -> None:
    merge(origin, signed_image()[1])
    made = clone.check_out_main(origin, work)
    told = stage.run(action, run, made, **mapped(registry))
    assert (told.code, told.codes, told.files) == (exit_code, [code], [None])
    assert says in told.errors[0].data
    assert fix in told.errors[0].data
    assert told.outputs["result"] == "failed"
    assert registry.manifests.find("acme/app", SIGNATURE) is None


def test_an_old_run_that_is_run_again_publishes_what_is_there_now(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    old = merge(origin, signed_image(SET)[1])
    merge(origin, entry(LATER)[1])
    told = publish(stage, origin, work, commit=old, **mapped(registry))
    assert (told.code, told.outputs["published"]) == (0, "2"), told.said


@pytest.mark.parametrize("action", ["publish", "collect"])
def test_an_old_checkout_publishes_nothing(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry, action: str
) -> None:
    """The old run's own commit, in the branch's place: as actions/checkout does without `ref`."""
    old = merge(origin, signed_image()[1])
    origin.commit({"trusted.pub": Signer().pem})
    made = clone.check_out_main(origin, work, f"+{old}:refs/remotes/origin/main")
    told = stage.run(action, "push", made, **mapped(registry))
    assert (told.code, told.codes) == (2, ["GS2014"])
    assert "`ref: ${{ github.ref }}`" in told.errors[0].data
    assert registry.manifests.find("acme/app", SIGNATURE) is None


def test_a_rewritten_branch_publishes_nothing_for_an_older_run(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    gone = merge(origin, signed_image()[1])
    origin.git("reset", "--quiet", "--hard", "HEAD~1")
    told = publish(stage, origin, work, commit=gone, **mapped(registry))
    assert (told.code, told.codes) == (2, ["GS2014"])
    assert "is not in 'main' any more" in told.errors[0].data


# Inputs


@pytest.mark.parametrize(
    ("inputs", "code", "exit_code", "says"),
    [
        ({"dry_run": "yes"}, "GS2001", 2, "the input dry_run is 'yes'"),
        ({"registry_map": "ghcr.io"}, "GS2001", 2, "'ghcr.io'"),
        ({"registry_map": "ghcr.io=a/b"}, "GS2001", 2, "'ghcr.io=a/b'"),
        ({"registry_map": "=x"}, "GS2001", 2, "'=x'"),
        ({"transparency_log": "none"}, "GS2001", 2, "transparency_log is 'none'"),
        ({"sets": "no"}, "GS2007", 2, "no set 'no'"),
        ({"username": "u"}, "GS2006", 2, "one of user name and password is missing"),
        ({"password": "p"}, "GS2006", 2, "one of user name and password is missing"),
        ({"trusted_key": "no.pub"}, "GS2001", 2, "no such file"),
        ({"directory": "no"}, "GS2002", 2, "there is no no"),
        ({"repositories": "ghcr.io/other/**"}, "GS0203", 1, "ghcr.io/acme/app"),
        ({"transparency_log": ""}, "GS0601", 1, ""),
    ],
)
def test_wrong_inputs_say_what_is_wrong(
    stage: Stage,
    origin: Clone,
    work: Path,
    registry: EmbeddedRegistry,
    inputs: dict[str, str],
    code: str,
    exit_code: int,
    says: str,
) -> None:
    merge(origin, signed_image()[1])
    told = publish(stage, origin, work, **{**mapped(registry), **inputs})
    assert (told.code, told.codes[0]) == (exit_code, code), told.said
    assert says in told.errors[0].data
    assert "→ " in told.errors[0].data
    assert registry.manifests.find("acme/app", SIGNATURE) is None


def test_without_an_owner_nothing_is_allowed(stage: Stage, origin: Clone, work: Path) -> None:
    merge(origin, signed_image()[1])
    made = clone.check_out_main(origin, work)
    unknown = {"GITHUB_REPOSITORY_OWNER": None}
    told = stage.run("publish", "push", made, environment=unknown, **OPTIONAL)
    assert (told.code, told.codes) == (2, ["GS1207"])


def test_secrets_are_masked_before_anything_is_said_and_never_said(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    merge(origin, signed_image()[1])
    told = publish(
        stage,
        origin,
        work,
        username="u",
        password="s3cret\n::error::x%0A",
        token="t0ken",
        dry_run="perhaps",
        **mapped(registry),
    )
    masks = [each.data for each in told.commands[:2]]
    assert [each.name for each in told.commands] == ["add-mask", "add-mask", "error"]
    assert masks == ["s3cret\n::error::x%0A", "t0ken"]
    assert told.said.startswith("::add-mask::")
    assert told.said.count("s3cret") == told.said.count("t0ken") == 1
    assert "s3cret" not in told.summary + str(told.report) + str(told.outputs)


def test_debug_logging_shows_what_was_given_but_no_secret(
    stage: Stage, origin: Clone, work: Path, registry: EmbeddedRegistry
) -> None:
    made = clone.check_out_main(origin, work)
    told = stage.run(
        "publish",
        "push",
        made,
        environment={"RUNNER_DEBUG": "1"},
        password="s3cret",
        token="t0ken",
        sets="x\n::error::owned",
        **mapped(registry),
    )
    debug = [each.data for each in told.commands if each.name == "debug"]
    assert "GITHUB_EVENT_NAME=push" in debug
    assert "INPUT_SETS=x\\n::error::owned" in debug
    assert any(line.startswith("Traceback") for line in debug)
    assert told.said.count("s3cret") == told.said.count("t0ken") == 1
    assert told.codes == ["GS2006"]
    quiet = stage.run("publish", "push", made, sets="x", **mapped(registry))
    assert not [each for each in quiet.commands if each.name == "debug"]
