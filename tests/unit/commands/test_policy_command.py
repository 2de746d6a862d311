"""A repository with a policy: who judges by it, what says the command `policy` of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests import stand_in
from tests.forge import SET, Log, Signer, entry, write

from ghcr_signer import cli
from ghcr_signer.core.key import PublicKey
from ghcr_signer.embedded_registry import EmbeddedRegistry

ALICE, BOB, CAROL, LOG = Signer(), Signer(), Signer(), Log()
NAME, FILES = entry([ALICE], log=LOG)
IMAGE = "ghcr.io/acme/app"
NEXT = "2026-11-20T13:00:00+00:00"


def authority(name: str, **key: str) -> str:
    more = "".join(f", {word}: {value}" for word, value in key.items())
    return f"{{name: {name}, key: {{path: keys/{name}.pub{more}}}}}"


def policy(*authorities: str, glob: str = "ghcr.io/acme/**", root: bool = True, **rule: str) -> str:
    """A policy of one rule, by default that alice signs."""
    return "\n".join(
        [
            "version: 1",
            *(["trustedRoot: root.json"] if root else []),
            "rules:",
            "- name: app",
            f"  images: [{{glob: {glob}}}]",
            f"  authorities: [{', '.join(authorities or [authority('alice')])}]",
            *(f"  {word}: {value}" for word, value in rule.items()),
        ]
    )


class Project:
    """A repository with one good set; what is written is committed when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")
        for name, signer in {"alice": ALICE, "bob": BOB, "carol": CAROL}.items():
            self.write(f"keys/{name}.pub", signer.pem)
        self.write("root.json", LOG.trusted_root())
        write(folder, {SET: {NAME: FILES}})

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def called(*arguments: str) -> tuple[int, str]:
        code = cli.run(arguments)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out + captured.err

    return called


# Whose word counts


def test_a_policy_at_the_root_is_what_counts(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    code, shown = run("verify")
    assert code == 0
    assert "policy.yml" in shown
    assert "any repository" not in shown
    project.write("policy.yml", policy(authority("bob")))
    code, shown = run("verify")
    assert (code, "GS0502" in shown) == (1, True)
    project.write("policy.yml", policy(glob="ghcr.io/other/**"))
    code, shown = run("verify")
    assert (code, "GS0203" in shown) == (1, True)


def test_a_policy_counts_before_a_mere_key(project: Project, run: Run) -> None:
    project.write("trusted.pub", ALICE.pem)
    project.write("policy.yml", policy(authority("bob")))
    assert run("verify")[0] == 1


def test_a_policy_may_be_named(project: Project, run: Run) -> None:
    project.write("policy.yml", policy(authority("bob")))
    project.write("own.yml", policy())
    assert run("verify")[0] == 1
    assert run("verify", "--policy", "own.yml")[0] == 0
    assert run("verify", "--policy", "none.yml") == (2, Saying("GS2001", "none.yml"))


class Saying:
    """Equal to every text that holds these."""

    def __init__(self, *parts: str) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and all(part in other for part in self.parts)

    def __repr__(self) -> str:
        return f"…{'…'.join(self.parts)}…"

    __hash__ = None  # type: ignore[assignment]


def test_keys_are_found_beside_the_policy(project: Project, run: Run) -> None:
    project.write("trust/policy.yml", policy(root=False))
    project.write("trust/keys/alice.pub", ALICE.pem)
    named = ("--policy", "trust/policy.yml", "--trusted-root", "root.json")
    assert run("verify", *named)[0] == 0
    project.write("trust/keys/alice.pub", BOB.pem)
    assert run("verify", *named)[0] == 1


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize(
    "beside",
    [
        ("--key", "keys/alice.pub"),
        ("--repository", "ghcr.io/acme/*"),
        ("--transparency-log", "optional"),
        ("--transparency-log", "required"),
        ("--trusted-root", "root.json"),
    ],
    ids=lambda beside: " ".join(beside),
)
def test_nothing_is_said_beside_a_policy(
    project: Project, run: Run, found: bool, beside: tuple[str, ...]
) -> None:
    project.write("policy.yml" if found else "own.yml", policy())
    named = () if found else ("--policy", "own.yml")
    code, shown = run("verify", *named, *beside)
    assert (code, "GS2018" in shown) == (2, True)
    image = f"{IMAGE}@sha256:{NAME}"
    if "--trusted-root" not in beside:
        assert run("collect", image, "--from", IMAGE, *named, *beside) == (2, Saying("GS2018"))


def test_a_trusted_root_may_be_named_where_the_policy_names_none(
    project: Project, run: Run
) -> None:
    project.write("policy.yml", policy(root=False))
    assert run("verify") == (1, Saying("GS0603"))
    assert run("verify", "--trusted-root", "root.json")[0] == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version: 1", "GS2017"),
        ("a: &x b", "GS2017"),
        (policy(authority("none")), "GS2001"),
        (policy(authority("alice"), authority("alice2")), "GS2004"),
        (policy().replace("root.json", "none.json"), "GS2001"),
        (policy().replace("root.json", "keys/alice.pub"), "GS2005"),
    ],
)
def test_a_policy_that_is_not_well_judges_nothing(
    project: Project, run: Run, text: str, code: str
) -> None:
    project.write("policy.yml", text)
    project.write("trusted.pub", ALICE.pem)
    project.write("keys/alice2.pub", ALICE.pem + b"\n")
    for command in ("verify", "policy check"):
        assert run(*command.split()) == (2, Saying(code))


def test_a_private_key_is_not_echoed(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    project.write("keys/alice.pub", "-----BEGIN PRIVATE KEY-----\nSECRET\n")
    code, shown = run("verify")
    assert (code, "keys/alice.pub" in shown, "SECRET" in shown) == (2, True, False)


def test_a_commit_s_policy_and_keys_are_its_own(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    commit = project.commit()
    project.write("policy.yml", "nonsense")
    project.write("keys/alice.pub", "nonsense")
    assert run("verify", "--commit", commit)[0] == 0
    (project.folder / "policy.yml").unlink()
    (project.folder / "keys/alice.pub").unlink()
    (project.folder / "keys/alice.pub").symlink_to("bob.pub")
    project.git("checkout", "--quiet", "--", "policy.yml")
    assert run("verify", "--commit", project.commit()) == (2, Saying("not a regular file"))


def test_publish_takes_its_repositories_from_the_policy(
    project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY_OWNER", "somebody")  # whose packages are not meant
    project.write("policy.yml", policy())
    with EmbeddedRegistry() as registry:
        command = ("publish", "--dry-run", "--registry-map", f"ghcr.io={registry.host}")
        assert run(*command) == (0, Saying("1 published"))
        assert run(*command, "--repository", "ghcr.io/acme/*") == (2, Saying("GS2018"))
        project.write("policy.yml", policy(glob="ghcr.io/other/**"))
        assert run(*command, "--set", SET) == (1, Saying("GS0203"))


def test_what_was_merged_under_a_key_is_published_under_the_policy_that_followed(
    project: Project, run: Run
) -> None:
    sets = project.folder / "SIGNATURES"
    project.write("trusted.pub", ALICE.pem)
    sets.rename(project.folder / ".git/x")
    project.commit()
    (project.folder / ".git/x").rename(sets)
    project.commit()
    (project.folder / "trusted.pub").unlink()
    project.write("policy.yml", policy())
    project.commit()
    with EmbeddedRegistry() as registry:
        there = ("--registry-map", f"ghcr.io={registry.host}")
        assert run("publish", "--commit", "HEAD", "--dry-run", *there) == (0, Saying("1 published"))


def test_signing_without_the_log_is_for_images_whose_rules_allow_it(
    project: Project, run: Run
) -> None:
    cosign = stand_in.cosign(project.folder)
    unlogged = ("--yes", "--", "--tlog-upload=false")
    with EmbeddedRegistry() as registry:
        command = ("sign", f"{registry.host}/acme/app@sha256:{NAME}", "--key", "unused")
        command = (*command, "--cosign", str(cosign.path), *unlogged)
        glob = f"'{registry.host}/**'"
        project.write("policy.yml", policy(glob=glob))
        assert run(*command) == (2, Saying("GS2001", "transparencyLog: optional"))
        project.write("policy.yml", policy(glob=glob, transparencyLog="optional"))
        assert run(*command) == (1, Saying("GS1307"))  # the registry does not have the image
    assert cosign.calls == []


# A change to the policy, and by it


def change(project: Project, run: Run, base: str) -> tuple[int, str]:
    project.commit()
    return run("verify", "--base", base)


def test_a_new_set_is_judged_by_the_base_s_policy(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    base = project.commit()
    name, files = entry([ALICE], log=LOG, digest="1" * 64)
    write(project.folder, {NEXT: {name: files}})
    assert change(project, run, base)[0] == 0
    name, files = entry([BOB], log=LOG, digest="2" * 64)
    write(project.folder, {NEXT: {name: files}})
    project.write("policy.yml", policy(authority("bob")))
    assert change(project, run, base) == (1, Saying("GS1102", "GS0502"))


def test_a_change_of_the_trust_must_load_and_is_told(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    base = project.commit()
    project.write("README.md", "x")
    code, shown = change(project, run, base)
    assert (code, "the policy changes" in shown) == (0, False)
    project.write("policy.yml", policy(authority("bob")))
    assert change(project, run, base) == (0, Saying("the policy changes"))
    project.write("policy.yml", policy())
    project.write("keys/alice.pub", BOB.pem)
    assert change(project, run, base) == (0, Saying("the policy changes"))
    project.write("keys/alice.pub", "no key")
    assert change(project, run, base) == (2, Saying("GS2004"))
    project.write("policy.yml", "nonsense")
    assert change(project, run, base) == (2, Saying("GS2017"))


def test_a_change_may_mend_a_policy(project: Project, run: Run) -> None:
    project.write("policy.yml", "nonsense")
    base = project.commit()
    project.write("policy.yml", policy())
    assert change(project, run, base) == (0, Saying("the policy changes", "under the proposal"))
    project.write("policy.yml", policy(authority("bob")))
    assert change(project, run, base) == (
        0,
        Saying(f"WARNING: the set {SET} would fail", "would fail", "under the proposal alone"),
    )


def test_a_change_of_the_trust_says_who_may_sign_and_what_would_flip(
    project: Project, run: Run
) -> None:
    project.write("policy.yml", policy())
    base = project.commit()
    fingerprints = [PublicKey.from_pem(each.pem).fingerprint for each in (ALICE, BOB)]
    project.write("policy.yml", policy(authority("alice"), authority("bob"), threshold="2"))
    code, shown = change(project, run, base)
    assert code == 0
    assert f"WARNING: the set {SET} would fail: merging this retires it" in shown
    assert f"+ authority 'bob' of the rule 'app', key {fingerprints[1]} is added" in shown
    assert "threshold: '1' becomes '2'" in shown
    assert f"would fail: {SET}/{NAME}: GS0901" in shown
    project.write("policy.yml", policy(authority("alice", revoked="{reason: lost}")))
    assert change(project, run, base) == (
        0,
        Saying(
            "WARNING",
            fingerprints[0],
            "all of its signatures: lost",
            "would fail",
            "1 entry judged",
        ),
    )
    project.write("policy.yml", policy())
    project.write("keys/alice.pub", BOB.pem)  # the policy is what it was
    code, shown = change(project, run, base)
    assert (code, all(f"key {each} is" in shown for each in fingerprints)) == (0, True)
    project.write("keys/alice.pub", ALICE.pem)
    project.write("root.json", Log().trusted_root())
    assert change(project, run, base) == (0, Saying("transparency log", "would fail", "GS0603"))


def test_what_may_surprise_in_a_proposal_is_told_with_the_change(
    project: Project, run: Run
) -> None:
    project.write("policy.yml", policy())
    base = project.commit()
    project.write("policy.yml", policy(authority("alice", notAfter=day(-1)), glob="ghcr.io/**"))
    assert change(project, run, base) == (
        0,
        Saying(
            "as the change has it, app: ghcr.io/** names repositories of more than one owner",
            "as the change has it, app: 1 must sign, and only 0 count now",
        ),
    )


def test_a_proposal_that_does_not_load_names_its_file(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    base = project.commit()
    (project.folder / "keys/alice.pub").unlink()
    assert change(project, run, base) == (2, Saying("GS2001", "keys/alice.pub"))
    project.write("keys/alice.pub", ALICE.pem)
    project.write("root.json", "{}")
    assert change(project, run, base) == (2, Saying("GS2005", "root.json"))


def test_the_policy_stays_while_there_are_sets(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    base = project.commit()
    (project.folder / "policy.yml").unlink()
    code, shown = change(project, run, base)
    assert (code, "GS1105" in shown) == (1, True)
    assert "the policy or the trusted key is removed while there are sets" in shown
    assert "Keep it, or replace it in the same change by its successor." in shown
    shutil.rmtree(project.folder / "SIGNATURES")
    base = project.commit()
    (project.folder / "README.md").write_text("x")
    assert change(project, run, base)[0] == 0


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        ({"rotateAfter": 29}, "the key of alice is to be replaced by"),
        ({"notAfter": 1, "rotateAfter": -1}, "the key of alice is to be replaced by"),
        ({"rotateAfter": 31}, ""),
    ],
)
def test_a_key_that_is_to_be_replaced_is_told_wherever_it_judges(
    project: Project, run: Run, words: dict[str, int], warning: str
) -> None:
    limits = {word: day(days) for word, days in words.items()}
    project.write("policy.yml", policy(authority("alice", **limits)))
    base = project.commit()
    name, files = entry([ALICE], log=LOG, digest="1" * 64)
    write(project.folder, {NEXT: {name: files}})
    with EmbeddedRegistry() as registry:
        there = ("--registry-map", f"ghcr.io={registry.host}")
        found = [run("verify"), change(project, run, base), run("publish", "--dry-run", *there)]
    for code, shown in found:
        assert (code, "warning: app: the key" in shown) == (0, bool(warning))
        assert warning in shown


def test_a_policy_may_follow_a_key_and_no_key_a_policy(project: Project, run: Run) -> None:
    project.write("trusted.pub", ALICE.pem)
    with_key = project.commit()
    project.write("policy.yml", policy())
    assert change(project, run, with_key) == (0, Saying("the policy changes"))
    (project.folder / "trusted.pub").unlink()
    assert change(project, run, with_key) == (0, Saying("the policy changes"))
    with_policy = project.git("rev-parse", "HEAD")
    (project.folder / "policy.yml").unlink()
    assert change(project, run, with_policy) == (1, Saying("GS1105"))
    project.write("trusted.pub", ALICE.pem)
    assert change(project, run, with_policy) == (1, Saying("GS1105"))


# In words


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_policy_is_told_in_words(project: Project, run: Run) -> None:
    alice = authority("alice", notBefore="2026-01-01T00:00:00Z", notAfter=day(400))
    bob = authority("bob", revoked="{from: '2026-06-01T01:00:00+01:00', reason: lost token}")
    digest = f"sha256:{NAME}"
    withdrawn = f"{{digest: '{digest}', date: 2026-07-01T00:00:00Z, reason: broken}}"
    text = policy(
        alice,
        bob,
        authority("carol"),
        threshold="2",
        everySignature="any",
        platforms="required",
        annotations="{env: prod}",
        tags="[latest, 'v*']",
        freshness="400d",
    )
    project.write("policy.yml", f"{text}\nwithdrawn: [{withdrawn}]\n")
    code, shown = run("policy", "check")
    assert code == 0
    for words in (
        "rule app",
        "  images: ghcr.io/acme/**",
        "  signed by at least 2 of 3:",
        "    alice: P-256 sha256:",
        ", from 2026-01-01 00:00:00 UTC, until 20",
        "does not count from 2026-06-01 00:00:00 UTC on, revoked: lost token",
        "  further signatures of an entry may be invalid",
        "  every signature must be in a transparency log",
        "  signed for the repository that it is published in",
        "  every platform of an index must be signed in the same set",
        "  signed with the annotation env=prod",
        "  tags that a set may move: latest, v*",
        "  to be signed anew every 400 days, which only an audit judges",
        f"  {digest} since 2026-07-01 00:00:00 UTC: broken",
    ):
        assert words in shown
    assert "warning" not in shown


def test_every_choice_has_its_words(project: Project, run: Run) -> None:
    project.write("policy.yml", policy())
    strict = run("policy", "check")[1].splitlines()
    choices = {"everySignature": "any", "transparencyLog": "optional", "dockerReference": "ignore"}
    for word, value in {**choices, "platforms": "required", "tags": "[]"}.items():
        project.write("policy.yml", policy(**{word: value}))
        other = run("policy", "check")[1].splitlines()
        assert sum(a != b for a, b in zip(strict, other, strict=True)) == 1


def test_the_rules_of_an_image_are_told(project: Project, run: Run) -> None:
    second = (
        policy(glob="ghcr.io/acme/app").partition("rules:\n")[2].replace("name: app", "name: b")
    )
    project.write("policy.yml", f"{policy()}\n{second}\n")
    code, shown = run("policy", "check", f"{IMAGE}:v1", "ghcr.io/acme/other")
    assert code == 0
    assert f"{IMAGE}: app, b\n" in shown
    assert "ghcr.io/acme/other: app\n" in shown
    code, shown = run("policy", "check", IMAGE, "ghcr.io/evil/app")
    assert code == 1
    assert "ghcr.io/evil/app: no rule names it, so it is refused (GS0203)" in shown
    assert run("policy", "check", "no image")[0] == 1


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (policy(authority("alice", rotateAfter=day(29))), "the key of alice is to be replaced by"),
        (policy(authority("alice", rotateAfter=day(-9))), "the key of alice is to be replaced by"),
        (policy(authority("alice", notAfter=day(-1))), "1 must sign, and only 0 count now"),
        (policy(authority("alice", notBefore=day(1))), "1 must sign, and only 0 count now"),
        (
            policy(authority("alice", revoked=f"{{from: '{day(-1)}', reason: x}}")),
            "1 must sign, and only 0 count now",
        ),
        (
            policy(authority("alice", revoked="{reason: x}"), authority("bob"), threshold="2"),
            "2 must sign, and only 1 count now",
        ),
        (policy(glob="ghcr.io/acme*/app"), "ghcr.io/acme*/app names repositories of more than one"),
        (policy(glob="ghcr.io/**"), "ghcr.io/** names repositories of more than one owner"),
    ],
)
def test_what_may_surprise_is_a_warning(
    project: Project, run: Run, text: str, warning: str
) -> None:
    project.write("policy.yml", text)
    code, shown = run("policy", "check")
    assert code == 0
    assert f"warning: app: {warning}" in shown


@pytest.mark.parametrize(
    "text",
    [
        policy(authority("alice", rotateAfter=day(31))),
        policy(authority("alice", revoked=f"{{from: '{day(1)}', reason: x}}")),
        policy(authority("alice", notBefore=day(-1), notAfter=day(1))),
        policy(glob="ghcr.io/acme/*"),
    ],
)
def test_what_is_in_order_is_none(project: Project, run: Run, text: str) -> None:
    project.write("policy.yml", text)
    assert "warning" not in run("policy", "check")[1]


def test_foreign_text_acts_nowhere(project: Project, run: Run) -> None:
    project.write("policy.yml", policy(annotations='{"a\u00a0b": "\u2003\u3000::error::x"}'))
    shown = run("policy", "check")[1]
    assert "\\xa0" in shown
    assert "\u2003" not in shown
    project.write("policy.yml", policy().replace("name: alice", "name: '::error::x'"))
    shown = run("policy", "check")[1]
    assert "\\    ::error::x: P-256" in shown  # in a job's log it would be a command


def test_without_a_policy_the_key_is_told(project: Project, run: Run) -> None:
    assert run("policy", "check") == (2, Saying("GS2003"))
    project.write("trusted.pub", ALICE.pem)
    assert run("policy", "check") == (0, Saying("rule trusted keys", "images: **"))


# What would change


def test_before_the_first_set_nothing_would_flip(project: Project, run: Run) -> None:
    shutil.rmtree(project.folder / "SIGNATURES")
    project.write("policy.yml", policy())
    project.commit()
    assert run("policy", "test") == (0, Saying("0 entries", "none of them would"))
    assert run("policy", "test", "ELSEWHERE")[0] == 2


def test_what_would_flip_is_listed(project: Project, run: Run) -> None:
    name, files = entry([BOB], log=LOG, digest="3" * 64)
    write(project.folder, {NEXT: {name: files}})
    project.write("policy.yml", policy())
    base = project.commit()
    assert run("policy", "test") == (
        0,
        Saying("no rule, authority, log", "2 entries", "none of them would"),
    )
    project.write("policy.yml", policy(authority("bob")))
    code, shown = run("policy", "test")
    assert code == 0
    assert f"would fail: {SET}/{NAME}: GS0" in shown
    assert f"would pass: {NEXT}/{name}" in shown
    project.commit()
    assert "none of them would" in run("policy", "test")[1]
    assert "would fail" in run("policy", "test", "SIGNATURES", "--base", base)[1]
    project.write("own.yml", policy(authority("bob"), authority("alice")))
    code, shown = run("policy", "test", "--policy", "own.yml", "--base", base)
    assert ("would fail" in shown, "would pass" in shown) == (False, True)


@pytest.mark.parametrize(
    "arguments", [("test", "a", "b"), ("check", "--base", "HEAD"), ("test", "--base", "none")]
)
def test_what_cannot_be_carried_out_is_wrong_usage(
    project: Project, run: Run, arguments: tuple[str, ...]
) -> None:
    project.write("policy.yml", policy())
    project.commit()
    assert run("policy", *arguments)[0] == 2
