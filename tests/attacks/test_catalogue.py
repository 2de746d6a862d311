"""The catalogue itself: it is whole, it says what it means, and it can fail."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from tests.attacks import doors, make, world
from tests.attacks.case import (
    ACTION,
    BASE,
    CASES,
    DOORS,
    GOOD,
    NOTHING_TO_PUBLISH,
    REASONS,
    VERIFY,
    Case,
    cases,
    load,
)
from tests.attacks.registries import REGISTRIES
from tests.attacks.scenarios import SCENARIOS
from tests.attacks.test_attacks import GOOD_TREES, require_refused

from ghcr_signer.core import codes
from ghcr_signer.core.verdict import Step

AT_LEAST = 300
NO_FAULT_IS_KNOWN = {codes.INTERNAL}
OF_HOSTILE_INPUT = {
    # publishing
    codes.NOTHING_PUBLISHED,
    codes.CONFLICT,
    codes.IMAGE_ABSENT,
    codes.TAG_UNKNOWN,
    codes.READ_BACK,
    codes.TAG_WAITS,
    codes.NO_ALLOW_LIST,
    codes.TAG_RETIRED,
    codes.REGISTRY_LIES,
    codes.REGISTRY_REFUSED,
    # trust that a pull request proposes or takes away, and runs that are not what they seem
    codes.NO_DIRECTORY,
    codes.NO_TRUST,
    codes.KEY_UNUSABLE,
    codes.TRUSTED_ROOT_UNUSABLE,
    codes.SHALLOW,
    codes.WRONG_EVENT,
    codes.WRONG_BRANCH,
    codes.WRONG_COMMIT,
    codes.FORCED_PUSH,
    codes.READ_ONLY_TOKEN,
    codes.POLICY_MALFORMED,
}

# how many cases at most may give this reason not to go through a door
BOUNDS = {
    NOTHING_TO_PUBLISH: 10,
    "a work tree has no base: what a change does to another is not seen there": 50,
    "a work tree is judged by the trust beside it: here that is the attacker's": 2,
    "no file system holds it: only git does": 4,
    "in sum the commits do nothing wrong: only their history tells": 4,
    "only a registry does this: nothing is wrong with the files": 3 * len(REGISTRIES),
    "only a run on GitHub has an event": 4 * len(SCENARIOS),
}

# what must be in it, and by what name
NAMED = {
    "LATEST added to a merged set": "latest-added-to-a-merged-set",
    "a tag named like a fallback index": "a-tag-named-like-a-fallback-index",
    "symlinks": "a-symlink-in-an-entry",
    "submodules": "a-submodule-in-an-entry",
    ".gitattributes": "gitattributes-in-an-entry",
    "huge JSON": "a-huge-manifest",
    "deep JSON": "a-deep-manifest",
    "duplicate keys": "a-manifest-with-a-key-twice",
    "case-insensitive twins": "a-case-insensitive-twin-of-the-policy",
    "NUL": "an-image-with-a-nul",
    "bidi": "a-tag-with-bidi",
    "CRLF": "an-image-with-crlf",
    "injection": "injection-by-a-file-s-name",
    "package-relinking annotations": "an-annotation-that-relinks-the-package",
    "digest confusion": "digest-confusion",
    "key confusion between types": "key-confusion-ed25519-for-ecdsa",
    "malformed points": "a-point-that-is-cut-off",
    "off-curve points": "an-off-curve-point",
    "trailing bytes in DER": "trailing-bytes-in-der",
    "non-minimal integers in DER": "a-non-minimal-integer-in-der",
    "RSA with tiny exponents": "an-rsa-key-with-the-exponent-3",
    "RSA with tiny keys": "an-rsa-key-of-1024-bits",
    "expired keys": "an-expired-key",
    "future keys": "a-future-key",
    "entry swaps": "entries-swapped",
    "an old public signature": "an-old-public-signature-under-a-fresh-set-name",
    "one key twice": "a-threshold-met-by-one-key-twice",
    "across sets": "a-threshold-met-across-sets",
    "globs that over-match": "a-glob-that-goes-on-after-the-owner",
    "YAML bombs": "a-yaml-bomb",
    "`..` in repositories": "a-repository-with-dot-dot",
    "upper case": "an-upper-case-host",
    "IDN hosts": "an-idn-host",
    "registries with ports": "a-host-with-a-port",
    "history rewriting": "history-rewritten-under-a-run",
    "force push": "a-forced-push",
    "re-run of an old run": "a-re-run-of-an-old-run",
    "the base lagging behind": "a-base-that-lags-behind",
    "the attacker's own branch": "a-pull-request-into-the-attacker-s-own-branch",
}


def test_what_is_committed_is_what_the_recipes_make() -> None:
    made = make.everything()
    there = {path for folder in (GOOD, CASES) for path in folder.rglob("*") if path.is_file()}
    assert there == set(made)
    assert [path for path in there if path.read_bytes() != made[path]] == []


def test_there_are_enough_and_each_has_a_name() -> None:
    assert len(cases()) >= AT_LEAST
    for case in cases():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", case.name)
        assert re.fullmatch(r"\S.*[A-Za-z0-9)`@*]\.", case.what), case.what
    assert (
        len({json.dumps(case.trees, default=repr) + case.scenario for case in cases()}) >= AT_LEAST
    )


@pytest.mark.parametrize("what", NAMED)
def test_what_must_be_in_it_is(what: str) -> None:
    assert (CASES / NAMED[what] / "expected.json").is_file()


def test_every_step_and_every_code_of_a_step_has_a_case() -> None:
    assert {case.step for case in cases()} >= {int(step) for step in Step}
    of_steps = {code.id for code in codes.ALL if code.step <= Step.CHANGE}
    exempt = {code.id for code in NO_FAULT_IS_KNOWN}
    assert of_steps - {case.code for case in cases()} == exempt


def test_every_code_that_refuses_hostile_input_is_told_somewhere() -> None:
    told = {code for case in cases() for door in case.doors for code in case.told_at(door)}
    assert {code.id for code in OF_HOSTILE_INPUT} - told == set()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_case_says_what_it_means(case: Case) -> None:
    assert case.step == codes.BY_ID[case.code].step
    assert set(case.doors) - {ACTION} == set(DOORS)
    assert all(code in codes.BY_ID for door in case.doors for code in case.told_at(door))
    assert any(case.code in case.told_at(door) for door in case.doors)
    assert (ACTION in case.doors) == bool(case.scenario)
    # what is refused before it is merged is refused by the same code, wherever that can be seen
    for door in (VERIFY, BASE):
        told = case.told_at(door)
        assert not told or case.code in told or door in DIFFERS.get(case.name, ())


DIFFERS = {
    "a-set-larger-than-memory": (BASE,),  # too much for a change, before it is too much for a set
    "a-key-that-is-a-link": (VERIFY,),  # of a key that is named, a work tree follows a link
    "a-set-before-there-is-trust": (VERIFY,),  # a work tree has no base that could have trust
}


def test_a_door_is_closed_for_few_reasons_and_seldom() -> None:
    given = Counter(
        told for case in cases() for told in case.doors.values() if isinstance(told, str)
    )
    assert set(given) <= set(REASONS) == set(BOUNDS)
    assert {reason: number for reason, number in given.items() if number > BOUNDS[reason]} == {}
    closed = sum(not case.fits(door) for case in cases() for door in DOORS)
    assert closed < len(cases()) / 2


def test_no_registry_and_no_scenario_is_idle() -> None:
    assert {case.registry for case in cases()} - {""} == set(REGISTRIES)
    assert {case.scenario for case in cases()} - {""} == set(SCENARIOS)


def test_a_case_that_is_not_refused_or_for_another_reason_fails(tmp_path: Path) -> None:
    good = doors.verify_work_tree(doors.written(GOOD_TREES[1], tmp_path / "good"))
    one, other = (load(CASES / name) for name in ("a-longer-payload", "digest-confusion"))
    refused = doors.verify_work_tree(doors.written(one.after, tmp_path / "one"))
    require_refused(one, VERIFY, refused)
    for case, report in ((one, good), (other, refused), (other, good)):
        with pytest.raises(AssertionError):
            require_refused(case, VERIFY, report)


def test_at_another_file_it_is_another_reason(tmp_path: Path) -> None:
    case = load(CASES / "a-longer-payload")
    report = doors.verify_work_tree(doors.written(case.after, tmp_path))
    (failure,) = report.all_failures
    assert doors.is_at(failure, case.file)
    for file in ("", "PAYLOAD_BLOB", case.file.replace(world.NEW, world.OLD), f"{case.file}.1"):
        assert not doors.is_at(failure, file)
