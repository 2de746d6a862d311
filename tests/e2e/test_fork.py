"""This repository as a fork has it: its workflows, its software, its own keys and signatures."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.act import WHOLE, Act, Run
from tests.e2e.conftest import Software, Target
from tests.e2e.project import Event, Files, Project
from tests.e2e.signatures import (
    DIGEST,
    FIRST,
    IMAGE,
    OWNER,
    PACKAGE,
    REAL_OWNER,
    REAL_PACKAGE,
    REAL_SET,
    SECOND,
    SECRETS,
    SIGNATURE,
    below,
    entry,
    ours,
    real,
    to,
)
from tests.forge import Signer
from tests.interop.user import User
from tests.peers import cosign, images
from tests.peers.cosign import Cosign, KeyPair

pytestmark = pytest.mark.xdist_group("docker")

MAIN = ".github/workflows/main.yml"
NAME = f"ghcr.io/{PACKAGE}"
STRANGE = "e" * 64


# A pull request, by the workflow as it is: real signatures, in the public log


@pytest.fixture
def judge(act: Act, software: Software, tmp_path: Path) -> Callable[[Files], Run]:
    """Runs pull-request.yml on a pull request that brings these files, up to its `gate`."""
    merged, _ = real()
    fork = Project(tmp_path / "fork", f"{REAL_OWNER}/ghcr-signer", merged, copy_of=software.folder)

    def judged(files: Files) -> Run:
        event = fork.propose(files)
        software_at = software.at(fork.folder)
        return act.run(fork, "pull-request.yml", event, software_at, job="gate")

    return judged


def test_good_signatures_pass(judge: Callable[[Files], Run]) -> None:
    """The upload is rehearsed: to the service container, since no other host has that name."""
    _, new = real()

    run = judge(new)

    passed = {"changes": "success", "verify": "success", "gate": "success"}
    assert (run.code, run.jobs, run.annotations) == (0, passed, [])
    assert (run.outputs["sets"], run.outputs["verified"], run.outputs["failed"]) == ("1", "3", "0")
    assert "rehearsed: 3 entries went there and came back" in run.summary
    (step,) = (name for name in run.seconds if "/ghcr-signer/verify@" in name)
    sys.stderr.write(f"{run.seconds[step]:.1f} s from start to result of the step verify\n")


def test_a_forged_signature_fails_beside_its_file(judge: Callable[[Files], Run]) -> None:
    """The good entries are in the summary all the same."""
    _, new = real()
    forged = entry(REAL_SET, Signer(), f"ghcr.io/{REAL_PACKAGE}", STRANGE)

    run = judge(new | forged)

    assert (run.code, run.jobs) == (1, {"changes": "success", "verify": "failure"})
    assert run.errors == [("GS0502", f"{REAL_SET}/{STRANGE}/MANIFEST")]
    assert (run.outputs["verified"], run.outputs["failed"]) == ("3", "1")
    assert run.summary.count(f"| ✅ | ghcr.io/{REAL_PACKAGE}@sha256:") == 3
    assert f"| ❌ | ghcr.io/{REAL_PACKAGE}@sha256:{STRANGE[:12]} " in run.summary


def test_without_signatures_the_gate_is_green_and_no_image_is_built(
    judge: Callable[[Files], Run],
) -> None:
    run = judge({"README.md": b"only words\n"})

    assert (run.code, run.jobs) == (0, {"changes": "success", "gate": "success"})
    (notice,) = run.annotations
    assert (notice.level, notice.message) == (
        "notice",
        "No signature and no key changes: nothing to verify.",
    )
    assert "docker build" not in run.log
    sys.stderr.write(f"{run.seconds[WHOLE]:.1f} s from changes to gate\n")


def test_a_key_that_comes_with_its_signatures_is_not_trusted(
    judge: Callable[[Files], Run],
) -> None:
    stranger = Signer()
    forged = entry(SECOND, stranger, f"ghcr.io/{REAL_PACKAGE}", STRANGE, "latest")

    run = judge({"trusted.pub": stranger.pem, **forged})

    assert (run.code, run.jobs) == (1, {"changes": "success", "verify": "failure"})
    assert ("GS0502", f"{SECOND}/{STRANGE}/MANIFEST") in run.errors
    assert ("GS1102", "trusted.pub") in run.errors


# What is merged is published


class Fork:
    """A fork as it is, but for what `to` adds to main.yml: ghcr.io is out of a test's reach, and so
    is the public log.
    """

    def __init__(self, act: Act, software: Software, target: Target, place: Path) -> None:
        self._act, self._software = act, software
        edited = (software.folder / MAIN).read_bytes() + to(target.registry).encode()
        name = f"{OWNER}/ghcr-signer"
        self.project = Project(place, name, {MAIN: edited}, copy_of=software.folder)

    def publish(self, event: Event) -> Run:
        software = self._software.at(self.project.folder)
        return self._act.run(self.project, "main.yml", event, software, SECRETS)

    def merge(self, files: Files) -> Event:
        self.project.propose(files)
        return self.project.merge()


@pytest.fixture
def fork(act: Act, software: Software, target: Target, tmp_path: Path) -> Fork:
    target.hold(IMAGE)
    return Fork(act, software, target, tmp_path / "fork")


@pytest.fixture
def signer(fork: Fork) -> Signer:
    """Whom the fork trusts."""
    signer = Signer()
    fork.project.commit({"trusted.pub": signer.pem})
    return signer


def test_a_merge_publishes_what_cosign_verifies_and_a_second_run_changes_nothing(
    fork: Fork, target: Target, tmp_path: Path
) -> None:
    program = cosign.find(3)
    key = program.generate_key("p256", tmp_path)
    fork.project.commit({"trusted.pub": key.public.read_bytes()})

    first = fork.publish(fork.merge(signed(program, key, User(tmp_path))))

    assert (first.code, first.jobs, first.annotations) == (0, {"publish": "success"}, [])
    assert (first.outputs["published"], first.outputs["tags"]) == ("3", f"{NAME}:latest")
    for manifest in (IMAGE.index, *IMAGE.platforms):
        there = f"{target.registry.host}/{PACKAGE}@{manifest.digest}"
        (payload,) = program.verify(there, key.public)
        assert payload["critical"]["identity"] == {"docker-reference": NAME}
    assert target.read("latest") == IMAGE.index

    before = target.read(SIGNATURE)
    second = fork.publish(fork.project.dispatched())

    assert (second.code, second.errors) == (0, [])
    told = {name: second.outputs[name] for name in ("published", "unchanged", "tags")}
    assert told == {"published": "0", "unchanged": "3", "tags": ""}
    assert target.read(SIGNATURE) == before


def signed(program: Cosign, key: KeyPair, signer: User) -> dict[str, bytes]:
    """As a signer does it: the image and its platforms. No registry is asked."""
    shutil.copy(key.public, signer.folder / "trusted.pub")
    manifests = (IMAGE.index, *IMAGE.platforms)
    for manifest in manifests:
        (signer.folder / manifest.digest).write_bytes(manifest.content)
    signer.does(
        *("sign", f"{NAME}@{IMAGE.digest}", "--latest", "--yes"),
        *("--key", key.private, "--cosign", program.path),
        *(a for manifest in manifests for a in ("--subject", manifest.digest)),
        *("--transparency-log", "optional", "--", "--tlog-upload=false"),
        environment=key.environment,
    )
    return {f"SIGNATURES/{path}": content for path, content in below(signer.signatures).items()}


def test_a_dry_run_prints_the_plan_and_changes_nothing(
    fork: Fork, signer: Signer, target: Target
) -> None:
    fork.merge(ours(FIRST, signer, "latest"))

    run = fork.publish(fork.project.dispatched(dry_run="true"))

    assert (run.code, run.jobs, run.errors) == (0, {"publish": "success"}, [])
    assert f"would publish the signatures of {NAME} sha256:{DIGEST[:12]}\n" in run.summary
    assert f"would move **latest** of {NAME} to sha256:{DIGEST[:12]}, from nowhere" in run.summary
    assert (run.outputs["published"], run.outputs["tags"]) == ("0", "")
    assert target.read(SIGNATURE) is target.read("latest") is None


def test_an_old_run_that_is_run_again_publishes_what_the_branch_holds_now(
    fork: Fork, signer: Signer, target: Target
) -> None:
    newer = images.build("newer")
    target.hold(newer)
    old = fork.merge(ours(FIRST, signer, "latest"))
    digest = newer.digest.removeprefix("sha256:")
    fork.project.commit(entry(SECOND, signer, NAME, digest, "latest"))

    run = fork.publish(old)

    assert (run.code, run.errors) == (0, [])
    assert run.outputs["published"] == "2"
    assert target.read("latest") == newer.index


def test_a_forced_push_publishes_nothing(fork: Fork, signer: Signer, target: Target) -> None:
    fork.merge(ours(FIRST, signer, "latest"))

    run = fork.publish(fork.project.pushed(forced=True))

    assert (run.code, run.errors) == (1, [("GS2015", "")])
    assert target.read(SIGNATURE) is None


def test_a_registry_that_denies_says_what_to_grant(
    fork: Fork, signer: Signer, target: Target
) -> None:
    """The package is another one than the user may write."""
    event = fork.merge(entry(FIRST, signer, "ghcr.io/acme/locked", DIGEST))

    run = fork.publish(event)

    assert (run.code, run.errors) == (1, [("GS3002", f"{FIRST}/{DIGEST}/IMAGE")])
    (annotation,) = run.annotations
    assert "`packages: write`" in annotation.message
