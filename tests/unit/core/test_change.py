"""Step 11: what a change may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import trust as trusting
from tests.forge import NOW, Signer, entry

from ghcr_signer.core import codes, limits
from ghcr_signer.core.change import Change, Touch, too_much, verify_change
from ghcr_signer.core.directory import Entry, parse_set_name, regular, set_name
from ghcr_signer.core.ledger import Declared, Tag, last_movers, last_moves
from ghcr_signer.core.policy import Requirement
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.verdict import Step
from ghcr_signer.core.verification import verify

FILE, FOLDER, LINK, SUBMODULE = "100644", "040000", "120000", "160000"
OLD, NEW = "2026-11-19T12:00:00+00:00", "2026-11-20T12:00:00+00:00"
NEW_IN_DASHES = "2026-11-20T12-00-00Z"
ENTRY = 64 * "a"
APP = "ghcr.io/acme/app"
SIGNER = Signer()
TRUST = trusting.trust(trusting.rule(SIGNER, transparency_log=Requirement.OPTIONAL))

FOUR = tuple(
    Touch(f"SIGNATURES/{NEW}/{ENTRY}/{name}", None, FILE, 100)
    for name in ("IMAGE", "MANIFEST", "CONFIG_BLOB", "PAYLOAD_BLOB")
)
MERGED = f"SIGNATURES/{OLD}/{ENTRY}"
GOOD = Change("SIGNATURES", FOUR, frozenset({OLD}), True, ("trusted.pub",), True, True)
"""It adds a set to one, where there is trust."""


def signed(set_name: str, *tags: str, repository: str = APP) -> Entry:
    name, files = entry([SIGNER], repository, tags=tags, optional={"set": set_name})
    found = verify(f"{set_name}/{name}", regular(files), TRUST, now=NOW).entry
    assert found is not None
    return found


def failed(
    change: Change,
    entries: tuple[Entry, ...] = (),
    moved: dict[Tag, datetime] | None = None,
    now: datetime = NOW,
    signed_at: dict[Digest, datetime] | None = None,
) -> list[str]:
    checks = verify_change(change, moved or {}, signed_at or {}, entries, now=now)
    assert all(check.step is Step.CHANGE for check in checks)
    return sorted({check.failure.code.id for check in checks if check.failure})


def touching(*more: Touch) -> Change:
    """The good change, and more."""
    return replace(GOOD, touched=(*FOUR, *more))


def only(*touched: Touch) -> Change:
    """A change that adds no set."""
    return replace(GOOD, touched=touched)


def test_a_change_that_adds_a_set_passes_and_every_rule_is_told() -> None:
    checks = verify_change(GOOD, {}, {}, (), now=NOW)
    assert [check.failure for check in checks] == [None] * 8
    assert len({check.name for check in checks}) == 8
    assert GOOD.added_sets == (NEW,)
    assert GOOD.new_sets([OLD, NEW]) == (NEW,)


def test_several_sets_may_come_at_once() -> None:
    later = Touch("SIGNATURES/2026-11-20T13:00:00+00:00/x/IMAGE", None, FILE)
    change = touching(later)
    assert failed(change) == []
    assert change.added_sets == (NEW, "2026-11-20T13:00:00+00:00")


ADDED, REMOVED, CHANGED = (None, FILE), (FILE, None), (FILE, FILE)
FAULTS: dict[str, tuple[Change, str]] = {
    # merged sets
    "a merged file changes": (touching(Touch(f"{MERGED}/IMAGE", *CHANGED)), "GS1101"),
    "alone": (only(Touch(f"{MERGED}/IMAGE", *CHANGED)), "GS1101"),
    "a merged file is removed": (only(Touch(f"{MERGED}/IMAGE", *REMOVED)), "GS1101"),
    "a file joins a merged entry": (only(Touch(f"{MERGED}/LATEST", *ADDED)), "GS1101"),
    "an entry joins a merged set": (only(Touch(f"SIGNATURES/{OLD}/b/IMAGE", *ADDED)), "GS1101"),
    "an empty folder joins one": (only(Touch(f"{MERGED}/x", None, FOLDER)), "GS1101"),
    "its mode changes": (only(Touch(f"{MERGED}/IMAGE", FILE, "100755")), "GS1101"),
    "a file becomes a link": (only(Touch(f"{MERGED}/IMAGE", FILE, LINK)), "GS1101"),
    "a set becomes a file": (
        only(Touch(f"{MERGED}/IMAGE", *REMOVED), Touch(f"SIGNATURES/{OLD}", *ADDED)),
        "GS1101",
    ),
    "a set becomes a submodule": (
        only(Touch(f"{MERGED}/IMAGE", *REMOVED), Touch(f"SIGNATURES/{OLD}", None, SUBMODULE)),
        "GS1101",
    ),
    "a set is renamed": (touching(Touch(f"{MERGED}/IMAGE", *REMOVED)), "GS1101"),
    "the directory is gone": (
        replace(only(Touch(f"{MERGED}/IMAGE", *REMOVED)), remains=False),
        "GS1101",
    ),
    "the directory becomes a link": (
        replace(
            only(Touch(f"{MERGED}/IMAGE", *REMOVED), Touch("SIGNATURES", None, LINK)),
            remains=False,
        ),
        "GS1101",
    ),
    "an empty directory is gone": (
        replace(only(), base_sets=frozenset(), remains=False),
        "GS1101",
    ),
    # something else beside a set
    "a workflow": (touching(Touch(".github/workflows/main.yml", *CHANGED)), "GS1102"),
    "the key": (touching(Touch("trusted.pub", *CHANGED)), "GS1102"),
    "another key": (touching(Touch("other.pub", *ADDED)), "GS1102"),
    "a removed file": (touching(Touch("x", *REMOVED)), "GS1102"),
    "a submodule": (touching(Touch("x", SUBMODULE, SUBMODULE)), "GS1102"),
    "a mode": (touching(Touch("x", FILE, "100755")), "GS1102"),
    "an empty folder": (touching(Touch("x", None, FOLDER)), "GS1102"),
    "the directory's README": (touching(Touch("SIGNATURES/README.md", *CHANGED)), "GS1102"),
    "what begins like the directory": (touching(Touch("SIGNATURES2/x", *ADDED)), "GS1102"),
    "the directory itself": (touching(Touch("SIGNATURES", LINK, None)), "GS1102"),
    # twins
    "a set's twin": (touching(Touch(f"SIGNATURES/{NEW.lower()}/x", *ADDED)), "GS1103"),
    "a file's twin": (
        touching(Touch(f"SIGNATURES/{NEW}/{ENTRY}/Image", *ADDED)),
        "GS1103",
    ),
    "an entry's twin": (
        touching(Touch(f"SIGNATURES/{NEW}/{ENTRY.upper()}/X", *ADDED)),
        "GS1103",
    ),
    "a composed name's": (only(Touch("\u00e9", *ADDED), Touch("e\u0301", *ADDED)), "GS1103"),
    "a wide name's": (only(Touch("\uff38", *ADDED), Touch("x", *ADDED)), "GS1103"),
    "a ligature's": (only(Touch("o\ufb03ce", *ADDED), Touch("OFFICE", *ADDED)), "GS1103"),
    "an abbreviation's": (only(Touch("\u2121", *ADDED), Touch("tel", *ADDED)), "GS1103"),
    "what is composed when it is small": (
        only(Touch("\u0390", *ADDED), Touch("\u0399\u0308\u0301", *ADDED)),
        "GS1103",
    ),
    "a sharp s": (only(Touch("stra\u00dfe", *ADDED), Touch("STRASSE", *ADDED)), "GS1103"),
    "the directory's twin": (only(Touch("Signatures/x", *ADDED)), "GS1103"),
    "the directory's wide twin": (only(Touch("\uff33IGNATURES/x", *ADDED)), "GS1103"),
    "the key's twin": (only(Touch("Trusted.pub", *ADDED)), "GS1103"),
    "a twin that becomes one": (only(Touch("TRUSTED.PUB", *CHANGED)), "GS1103"),
    # too much
    "bytes": (touching(Touch(f"SIGNATURES/{NEW}/x/y", None, FILE, 64 << 20)), "GS1104"),
    "sets": (
        touching(
            *(
                Touch(f"SIGNATURES/2026-10-01T12:{n // 60:02}:{n % 60:02}+00:00/x/y", *ADDED)
                for n in range(100)
            )
        ),
        "GS1104",
    ),
    # trust
    "the key is removed": (
        replace(only(Touch("trusted.pub", *REMOVED)), result_trusts=False),
        "GS1105",
    ),
    "a set before there is a key": (
        replace(GOOD, base_trusts=False, result_trusts=False, base_sets=None),
        "GS1106",
    ),
    "a set with the key that judges it": (
        replace(touching(Touch("trusted.pub", *ADDED)), base_trusts=False),
        "GS1106",
    ),
    "into a directory that is empty": (
        replace(touching(), base_trusts=False, base_sets=frozenset()),
        "GS1106",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_refused_for_its_own_reason(name: str) -> None:
    change, code = FAULTS[name]
    assert code in failed(change)
    if code not in ("GS1102", "GS1103", "GS1106"):
        assert failed(change) == [code]


def test_every_code_of_the_step_has_a_fault() -> None:
    instants = {codes.SET_AHEAD, codes.TAG_BACKWARDS, codes.SET_BENEATH}  # these are below
    step = {code for code in codes.ALL if code.step == Step.CHANGE}
    assert {code for _, code in FAULTS.values()} == {code.id for code in step - instants}


@pytest.mark.parametrize(
    "change",
    [
        only(),
        only(Touch("src/x.py", *CHANGED), Touch("docs", *REMOVED), Touch("y", SUBMODULE, None)),
        only(Touch("SIGNATURES/README.md", *ADDED)),
        only(Touch("trusted.pub", *CHANGED)),
        only(Touch("x", FILE, FILE, 1 << 40)),
        only(Touch("X", *REMOVED), Touch("x", *ADDED)),
        replace(only(Touch("trusted.pub", *ADDED)), base_trusts=False),
        replace(only(), base_trusts=False, result_trusts=False),
        replace(only(Touch("trusted.pub", *REMOVED)), result_trusts=False, base_sets=frozenset()),
        replace(only(), base_sets=None, remains=False),
        replace(GOOD, base_sets=None),
        replace(GOOD, base_sets=frozenset()),
    ],
)
def test_what_harms_nobody_passes(change: Change) -> None:
    assert failed(change) == []


def test_a_failure_names_the_path_and_every_path_is_named() -> None:
    change = touching(Touch("x", *ADDED), Touch("y", *ADDED), Touch(f"{MERGED}/IMAGE", *CHANGED))
    found = [check.failure for check in verify_change(change, {}, {}, (), now=NOW) if check.failure]
    assert [(failure.code.id, failure.file) for failure in found] == [
        ("GS1101", f"{MERGED}/IMAGE"),
        ("GS1102", "x"),
        ("GS1102", "y"),
    ]


def test_a_merged_set_that_is_touched_is_no_new_one() -> None:
    for more in (Touch(f"{MERGED}/LATEST", *ADDED), Touch(f"{MERGED}/IMAGE", *CHANGED)):
        assert only(more).added_sets == ()
        assert touching(more).added_sets == (NEW,)


def test_a_directory_that_is_gone_is_one_failure() -> None:
    files = (Touch(f"{MERGED}/{number}", *REMOVED) for number in range(100))
    gone = replace(only(*files), remains=False)
    found = [check.failure for check in verify_change(gone, {}, {}, (), now=NOW) if check.failure]
    assert [failure.file for failure in found] == ["SIGNATURES"]


def test_a_directory_may_lie_in_folders() -> None:
    folder = "release/signatures"
    touches = tuple(replace(touch, path=touch.path.replace("SIGNATURES", folder)) for touch in FOUR)
    change = replace(GOOD, folder=folder, touched=touches)
    assert change.added_sets == (NEW,)
    assert failed(change) == []
    for path in ("release/x", "release/signatures2/x", f"SIGNATURES/{NEW}/x", "signatures/x"):
        mixed = replace(change, touched=(*touches, Touch(path, *ADDED)))
        assert failed(mixed) == ["GS1102"], path
    for path in ("Release", "RELEASE/signatures/x"):  # a link in the place of the folder, say
        twin = replace(change, touched=(Touch(path, None, LINK),))
        assert failed(twin) == ["GS1103"], path


# Where directory and trust begin together


def test_a_first_commit_may_bring_trust_and_sets_and_as_many_as_it_likes() -> None:
    many = [
        Touch(f"SIGNATURES/{set_name(NOW - timedelta(days=n + 1), colons=True)}/x/y", *ADDED)
        for n in range(limits.CHANGE_SETS + 1)
    ]
    first = Change(
        "SIGNATURES",
        (*FOUR, *many, Touch("trusted.pub", *ADDED), Touch("README.md", None, FILE, 1 << 40)),
        None,
        True,
        ("trusted.pub",),
        False,
        True,
    )
    assert first.brings_its_trust
    assert failed(first) == []
    told = {check.name for check in verify_change(first, {}, {}, (), now=NOW)}
    assert "merged sets stay as they are" in told
    assert not told & {"a change that adds a set touches nothing else", "not too much at once"}
    assert "the base has trust to judge by" not in told  # it has none, and nobody asked
    assert failed(replace(first, base_trusts=True)) == ["GS1102", "GS1104"]
    assert failed(replace(first, base_sets=frozenset())) == ["GS1102", "GS1104", "GS1106"]


def test_even_that_is_held_to_the_clock() -> None:
    first = replace(GOOD, base_sets=None, base_trusts=False)
    assert failed(first, now=parse_set_name(NEW) - timedelta(hours=1)) == ["GS1107"]


def test_a_set_that_lies_ahead_is_shown_at_one_of_its_files() -> None:
    """GitHub shows an error beside a file, and beside no folder."""
    early = parse_set_name(NEW) - timedelta(hours=1)
    (failure,) = (
        check.failure for check in verify_change(GOOD, {}, {}, (), now=early) if check.failure
    )
    assert failure.file == GOOD.inside[0].path


# How much


def test_too_much_is_known_before_anything_is_read() -> None:
    full = Touch(f"SIGNATURES/{NEW}/x/y", None, FILE, limits.CHANGE_BYTES - 400)
    assert not list(too_much(touching(full)))
    assert list(too_much(touching(replace(full, size=full.size + 1))))
    assert list(too_much(FAULTS["sets"][0]))
    assert not list(too_much(only(Touch("large", None, FILE, limits.CHANGE_BYTES + 1))))


def test_entries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (signed(NEW), signed(NEW))
    monkeypatch.setattr(limits, "CHANGE_ENTRIES", 2)
    assert failed(GOOD, entries) == []
    monkeypatch.setattr(limits, "CHANGE_ENTRIES", 1)
    assert failed(GOOD, entries) == ["GS1104"]


# Instants


@pytest.mark.parametrize("name", [NEW, NEW_IN_DASHES])
def test_a_set_may_be_five_minutes_ahead_and_no_more(name: str) -> None:
    change = only(Touch(f"SIGNATURES/{name}/x/IMAGE", *ADDED))
    instant = parse_set_name(name)
    assert failed(change, now=instant - timedelta(seconds=300)) == []
    assert failed(change, now=instant - timedelta(seconds=301)) == ["GS1107"]


def test_a_set_s_name_that_is_none_is_step_1_s_concern() -> None:
    assert failed(only(Touch("SIGNATURES/9999-99-99T99:99:99+00:00/x", *ADDED))) == []


def test_a_merged_set_that_lies_ahead_is_no_fault_of_this_change() -> None:
    ahead = "2999-01-01T00:00:00+00:00"
    assert failed(replace(GOOD, base_sets=frozenset({ahead}))) == []


def test_a_tag_is_moved_by_a_set_that_is_newer_than_the_last_that_moved_it() -> None:
    latest = signed(NEW, "latest", "v1")
    instant = parse_set_name(NEW)
    for repository, tag in ((APP, "latest"), (APP, "v1")):
        for seconds, expected in ((-1, []), (0, ["GS1108"]), (1, ["GS1108"])):
            moved = {(repository, tag): instant + timedelta(seconds=seconds)}
            assert failed(GOOD, (latest,), moved) == expected
    for other in ((APP, "v2"), ("ghcr.io/acme/other", "latest")):
        assert failed(GOOD, (latest,), {other: instant + timedelta(days=1)}) == []
    assert failed(GOOD, (signed(NEW),), {(APP, "latest"): instant + timedelta(days=1)}) == []


def test_a_set_does_not_come_before_a_merged_one_that_signs_its_image() -> None:
    entry, instant = signed(NEW), parse_set_name(NEW)
    for seconds, expected in ((-1, []), (1, ["GS1109"])):
        signed_at = {entry.digest: instant + timedelta(seconds=seconds)}
        assert failed(GOOD, (entry,), signed_at=signed_at) == expected
    other = {Digest.of(b"another image"): instant + timedelta(days=1)}
    assert failed(GOOD, (entry,), signed_at=other) == []


LATE = "2026-11-21T11:00:00+00:00"  # an hour before NOW


def fixes(
    entries: tuple[Entry, ...], moved: dict[Tag, datetime], signed_at: dict[Digest, datetime]
) -> list[str]:
    names = frozenset({OLD, LATE})
    checks = verify_change(replace(GOOD, base_sets=names), moved, signed_at, entries, now=NOW)
    return [check.failure.fix for check in checks if check.failure]


def rename(old: str, new: str) -> str:
    return f"`git mv SIGNATURES/{old} SIGNATURES/{new}`"


def test_a_set_that_waited_too_long_is_told_the_command_that_renames_it() -> None:
    """Names are not signed: the same signatures pass under a fresh one."""
    entry, late = signed(NEW, "latest"), parse_set_name(LATE)
    moved, beneath = {(APP, "latest"): late}, {entry.digest: late}
    for told in (fixes((entry,), moved, {}), fixes((entry,), {}, beneath)):
        (fix,) = told
        assert rename(NEW, "2026-11-21T12:00:00+00:00") in fix
        assert "sign the image again" in fix
    both = fixes((entry,), moved, beneath)
    assert len(both) == 2
    assert len(set(both)) == 1
    fresh = signed("2026-11-21T12:00:00+00:00", "latest")
    change = only(Touch(f"SIGNATURES/{fresh.set_name}/x/IMAGE", *ADDED))
    assert failed(change, (fresh,), moved, signed_at={fresh.digest: late}) == []


def test_several_sets_keep_their_order_under_names_that_nobody_has() -> None:
    earlier, dashed = signed("2026-11-20T11:00:00+00:00", "v1"), signed(NEW_IN_DASHES, "latest")
    moved = {(APP, tag): NOW - timedelta(seconds=1) for tag in ("latest", "v1")}
    taken = replace(GOOD, base_sets=frozenset({set_name(NOW, colons=False)}))
    checks = verify_change(taken, moved, {}, (dashed, earlier), now=NOW)
    second, first = (check.failure.fix for check in checks if check.failure)
    assert rename(earlier.set_name, "2026-11-21T12:00:01+00:00") in first
    assert rename(NEW_IN_DASHES, "2026-11-21T12-00-02Z") in second


def test_no_name_is_told_where_it_would_lie_ahead() -> None:
    """The merged set lies ahead itself: only signing again, later, helps."""
    entry = signed(NEW, "latest")
    assert fixes((entry,), {(APP, "latest"): NOW + timedelta(seconds=299)}, {}) != [""]
    assert fixes((entry,), {(APP, "latest"): NOW + timedelta(seconds=300)}, {}) == [""]


def test_a_folder_with_a_space_makes_one_word_of_the_command() -> None:
    entry = signed(NEW, "latest")
    change = replace(GOOD, folder="our sets", touched=())
    checks = verify_change(change, {(APP, "latest"): NOW}, {}, (entry,), now=NOW)
    (fix,) = (check.failure.fix for check in checks if check.failure)
    assert f"`git mv 'our sets/{NEW}' 'our sets/" in fix


def test_a_reverted_set_is_told_the_ways_out() -> None:
    """A revert of a release's pull request removes its set: that is not how it is taken back."""
    remedy = codes.CHANGE_REMOVES.remedy
    assert "`withdrawn`" in remedy
    assert "sign a newer set" in remedy


def test_the_last_move_of_a_tag_is_the_latest_in_either_spelling() -> None:
    movers = last_movers(
        [
            Declared(NEW_IN_DASHES, APP, Digest.of(b"new"), ("latest",)),
            Declared(OLD, APP, Digest.of(b"old"), ("latest", "v1")),
            Declared(OLD, "ghcr.io/acme/other", Digest.of(b"other"), ("latest",)),
        ]
    )
    assert last_moves(movers) == {
        (APP, "latest"): parse_set_name(NEW),
        (APP, "v1"): parse_set_name(OLD),
        ("ghcr.io/acme/other", "latest"): parse_set_name(OLD),
    }


# Any change

_MODES = st.sampled_from([FILE, "100755", LINK, SUBMODULE, FOLDER])
_PATHS = st.one_of(
    st.builds(
        "SIGNATURES/{}/{}".format,
        st.sampled_from([OLD, NEW, "2026-11-18T12:00:00+00:00", "README.md", "notes"]),
        st.sampled_from([f"{ENTRY}/IMAGE", f"{ENTRY}/LATEST", "x", f"{ENTRY}/x/y"]),
    ),
    st.sampled_from(["SIGNATURES", "SIGNATURES/README.md", f"SIGNATURES/{OLD}", "trusted.pub"]),
    st.text(min_size=1, max_size=5),
)
_TOUCHES = st.builds(
    Touch, _PATHS, st.none() | _MODES, st.none() | _MODES, st.integers(0, 100)
).filter(lambda touch: touch.before or touch.after)
_CHANGES = st.builds(
    Change,
    st.just("SIGNATURES"),
    st.lists(_TOUCHES, max_size=6, unique_by=lambda touch: touch.path).map(tuple),
    st.none() | st.frozensets(st.sampled_from([OLD, NEW]), max_size=2),
    st.booleans(),
    st.just(("trusted.pub",)),
    st.booleans(),
    st.booleans(),
)


@given(change=_CHANGES, touch=_TOUCHES, path=st.sampled_from(["x", "y/z", f"{ENTRY}/IMAGE", ""]))
def test_no_change_that_touches_a_merged_set_passes(
    change: Change, touch: Touch, path: str
) -> None:
    merged = replace(touch, path=f"SIGNATURES/{OLD}/{path}".rstrip("/"))
    sets = (change.base_sets or frozenset()) | {OLD}
    change = replace(change, base_sets=sets, touched=(*change.touched, merged))
    assert "GS1101" in failed(change)


@given(change=_CHANGES, beside=_TOUCHES)
def test_no_change_that_adds_a_set_and_touches_anything_else_passes(
    change: Change, beside: Touch
) -> None:
    if beside.path.startswith("SIGNATURES/") and beside.path != "SIGNATURES/README.md":
        return
    base_sets = (change.base_sets or frozenset()) - {NEW}
    change = replace(change, base_sets=base_sets, touched=(*change.touched, *FOUR, beside))
    assert "GS1102" in failed(change)


@given(change=_CHANGES)
def test_what_passes_and_adds_a_set_is_judged_by_a_trust_that_was_there(change: Change) -> None:
    if change.added_sets and not failed(change) and change.base_sets is not None:
        assert change.base_trusts
        assert all(touch.before is None for touch in change.touched)
        assert all(touch.path.startswith("SIGNATURES/") for touch in change.touched)
