"""What a run says: to people, to machines, and by its exit code."""

import html
import json
import re
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forge import NOW, SET, Log, Signer, entry
from tests.trust import authority, rule, trust

from ghcr_signer.core import codes, limits, schemas
from ghcr_signer.core.directory import regular
from ghcr_signer.core.errors import Failure, Refused, UsageError
from ghcr_signer.core.finding import good, unknown, wrong
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.plan import Confirm, MoveTag, Plan, Push, Retired
from ghcr_signer.core.policy import Policy
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.review import Review
from ghcr_signer.core.trust_change import Difference, Flip, Part, TrustChange, Verb, Word
from ghcr_signer.core.verdict import Check, Step, Verdict
from ghcr_signer.core.verification import verify
from ghcr_signer.report import json as json_report
from ghcr_signer.report import markdown as markdown_report
from ghcr_signer.report import text
from ghcr_signer.report.escape import log_line, markdown, visible
from ghcr_signer.report.report import Report

SIGNER, LOG = Signer(), Log()
TRUST = trust(rule(authority(SIGNER, "alice.pub")), root=LOG.trusted_root())


def verdict(**changes: bytes) -> Verdict:
    name, files = entry([SIGNER], log=LOG, tags=["latest"], optional={"env": "prod"})
    judged = verify(f"{SET}/{name}", regular(files | changes), TRUST, now=NOW)
    return verify_set([judged], TRUST.policy, Ledger())[0]


def lines(report: Report, **options: Any) -> str:
    return "\n".join(text.render(report, **options))


def document(report: Report) -> Any:
    return json.loads("".join(json_report.render(report)))


GOOD, BAD = verdict(), verdict(PAYLOAD_BLOB=b"x")
LATER = "2026-11-21T00:00:00+00:00"
RETIRED = replace(BAD, path=BAD.path.replace(SET, LATER))
EVIL = "x\n::error::owned\x1b[2J|"
WITHDRAWALS = (
    Retired(LATER, (RETIRED.failures[0], Failure(codes.WITHDRAWN, EVIL, RETIRED.path))),
    Retired(EVIL, (Failure(codes.THRESHOLD, EVIL, EVIL),)),
)
PUBLISHED = Report(
    "publish", 2, (GOOD, RETIRED), plan=Plan((), (GOOD.path,), ()), done=(), retired=WITHDRAWALS
)
HOSTILE_WORDS = (Word(EVIL, (EVIL,), (EVIL,)), Word("w", (), (EVIL,)))
HOSTILE_CHANGE = TrustChange(
    tuple(
        Difference(part, verb, EVIL, EVIL, EVIL, HOSTILE_WORDS) for part in Part for verb in Verb
    ),
    True,
    2,
    (Flip(EVIL, False, (Failure(codes.USAGE, EVIL, EVIL),)), Flip(EVIL, True)),
    (EVIL,),
)
REPORTS = [
    PUBLISHED,
    Report("policy", trust_change=HOSTILE_CHANGE),
    Report("verify"),
    Report("verify", 1, (GOOD,)),
    Report("verify", 1, (GOOD, BAD), notices=("a note",)),
    Report("verify", failures=(Failure(codes.SET_NAME, "x", "y"),)),
    Report("verify", 1, (GOOD,), change=(Check(Step.CHANGE, "a rule"),)),
    Report(
        "verify",
        1,
        (GOOD,),
        change=(Check(Step.CHANGE, "x", Failure(codes.CHANGE_MIXED, "m", "f")),),
    ),
    Report("sign", 1, (GOOD,), written="SIGNATURES/x", next_steps=("git add",)),
    Report("doctor", findings=(good("git", "here"), unknown("clock", "offline", "a token"))),
    Report("doctor", findings=(wrong("rules", codes.SETUP_BRANCH, "none", "click", file="x"),)),
    Report(
        "publish",
        1,
        (GOOD,),
        plan=Plan(
            (
                Push(GOOD.path, GOOD.passed_entry),
                MoveTag(GOOD.path, GOOD.passed_entry, "latest", Digest("0" * 64)),
            ),
            ("x",),
            (),
        ),
        done=(Push(GOOD.path, GOOD.passed_entry),),
    ),
]


@pytest.mark.parametrize("report", REPORTS, ids=range(len(REPORTS)))
def test_the_json_report_holds_to_its_schema(report: Report) -> None:
    schemas.require("report", document(report))


def test_the_json_report_says_every_check_by_its_number() -> None:
    found = document(Report("verify", 1, (GOOD, BAD)))
    assert found["result"] == "failed"
    assert found["counts"] == {"sets": 1, "entries": 2, "signatures": 1, "passed": 1, "failed": 1}
    good, bad = found["entries"]
    assert [check["step"] for check in good["checks"]] == [1, 2, 3, 4, 9, 10]
    (signature,) = good["signatures"]
    assert [check["step"] for check in signature["checks"]] == [5, 6, 7, 8]
    assert signature["authority"] == "alice.pub"
    assert signature["annotations"] == {"env": "prod"}
    assert signature["time"] == "2026-11-21T12:00:00Z"
    assert bad["failures"][0]["code"] == "GS0301"
    assert bad["failures"][0]["file"] == f"{BAD.path}/PAYLOAD_BLOB"
    assert bad["failures"][0]["fix"]


@pytest.mark.parametrize(
    ("failures", "exit_code"),
    [
        ((), 0),
        ((codes.BLOB_SIZE,), 1),
        ((codes.UNREACHABLE,), 3),
        ((codes.UNREACHABLE, codes.CONFLICT), 1),
        ((codes.USAGE,), 2),
        ((codes.NO_ALLOW_LIST,), 2),
        ((codes.DENIED, codes.UNREACHABLE), 3),
    ],
)
def test_the_exit_code_follows_from_the_failures(
    failures: tuple[codes.Code, ...], exit_code: int
) -> None:
    found = Report("verify", failures=tuple(Failure(code, "x") for code in failures))
    assert found.exit_code == exit_code


def test_a_retired_set_is_named_and_fails_nothing() -> None:
    assert (PUBLISHED.exit_code, list(PUBLISHED.all_failures)) == (0, [])
    assert replace(PUBLISHED, verdicts=(GOOD, RETIRED, BAD)).exit_code == 1
    assert replace(PUBLISHED, retired=()).exit_code == 1


def test_every_form_of_report_names_what_is_retired_or_withdrawn() -> None:
    shown = lines(PUBLISHED)
    assert f"withdrawn: {LATER}: GS0903 x\\n::error::" in shown
    assert "(and 1 reason more)" in shown
    assert "\nretired: x\\n" in shown
    assert "1 of 2 entries in 2 sets verify; 2 sets retired" in shown
    assert "✗" not in shown
    assert lines(PUBLISHED, only_failures=True) == ""
    shown = html.unescape("\n".join(markdown_report.render(PUBLISHED))).replace("<!-- -->", "")
    assert f"withdrawn **{LATER}**: GS0301 1 bytes" in shown
    assert "; GS0903 x" in shown
    assert shown.count("| ⏸️ |") == 1
    assert "❌" not in shown
    found = document(PUBLISHED)
    assert found["result"] == "passed"
    assert (found["counts"]["passed"], found["counts"]["failed"]) == (1, 1)
    assert [(each["set"], each["withdrawn"]) for each in found["retired"]] == [
        (LATER, True),
        (EVIL, False),
    ]
    assert [f["code"] for f in found["retired"][0]["failures"]] == ["GS0301", "GS0903"]


def test_foreign_text_in_what_is_retired_is_escaped() -> None:
    for shown in (lines(PUBLISHED), "\n".join(markdown_report.render(PUBLISHED))):
        assert "\x1b" not in shown
        assert not any(line.startswith("::") for line in shown.splitlines())


def test_foreign_text_in_a_change_of_trust_is_escaped() -> None:
    report = Report("verify", trust_change=HOSTILE_CHANGE)
    for shown in (lines(report), "\n".join(markdown_report.render(report))):
        assert "\x1b" not in shown
        assert "owned" in shown
        assert not [line for line in shown.splitlines() if line.lstrip(" -").startswith("::")]
    assert not [line for line in markdown_report.render(report) if "|" in line]


def test_a_change_of_trust_is_told_by_its_parts() -> None:
    key = "sha256:" + "1" * 64
    threshold, several = Word("threshold", ("1",), ("2",)), Word("w", ("x", "y"), ("z",))
    change = TrustChange(
        (
            Difference(Part.RULE, Verb.CHANGED, "", "app", "app", (threshold,)),
            Difference(Part.AUTHORITY, Verb.ADDED, "app", "bob", key, ()),
            Difference(Part.AUTHORITY, Verb.REMOVED, "app", "al", key, (several,)),
        ),
        True,
        7,
        (Flip(f"{SET}/1", False, (Failure(codes.THRESHOLD, "too few"),)), Flip(f"{LATER}/2", True)),
        (SET,),
    )
    report = Report("verify", trust_change=change)
    for line in (
        f"  WARNING: the set {SET} would fail: merging this retires it",
        "  ~ rule 'app' is changed",
        "    threshold: '1' becomes '2'",
        f"  + authority 'bob' of the rule 'app', key {key} is added",
        f"  - authority 'al' of the rule 'app', key {key} is removed",
        "    w: - 'x', - 'y', + 'z'",
        f"  would fail: {SET}/1: GS0901 too few",
        f"  would pass: {LATER}/2",
        "  7 entries judged under both",
    ):
        assert line in lines(report).splitlines()
        marked = html.unescape("\n".join(markdown_report.render(report)).replace("<!-- -->", ""))
        depth = "  " if line.startswith("    ") else ""
        assert f"{depth}- {line.strip()}" in marked.splitlines()
    assert report.exit_code == 0
    found = document(report)["trust_change"]
    assert found["retires"] == [SET]
    assert [each["result"] for each in found["flips"]] == ["failed", "passed"]
    assert found["differences"][0]["words"] == [
        {"word": "threshold", "before": ["1"], "after": ["2"]}
    ]
    none = replace(change, flips=(), retires=(), is_compared=False, differences=())
    shown = lines(Report("verify", trust_change=none))
    assert "there is no trust yet that loads; 7 entries judged under the proposal alone" in shown
    assert "no rule, authority, log or withdrawn digest changes" in shown
    many = replace(change, differences=change.differences * 100, retires=(SET,) * 300)
    shown = lines(Report("verify", trust_change=many))
    assert "… and 200 more differences" in shown
    assert "… and 200 more such sets" in shown


def test_of_many_values_that_come_none_is_cut_off() -> None:
    """Least of all the last, which may be all that matters."""
    harmless = tuple(f"ghcr.io/acme/component-number-{number:03}-of-it" for number in range(120))
    word = Word("images", (), (*harmless, "ghcr.io/acme/**"))
    change = TrustChange((Difference(Part.RULE, Verb.CHANGED, "", "app", "app", (word,)),), True)
    report = Report("verify", trust_change=change)
    shown = lines(report).splitlines()
    assert "    images:" in shown
    assert "      + 'ghcr.io/acme/**'" in shown
    marked = html.unescape("\n".join(markdown_report.render(report)).replace("<!-- -->", ""))
    assert "    - + 'ghcr.io/acme/**'" in marked.splitlines()


def test_a_threshold_is_said_where_some_signature_is_valid() -> None:
    name, files = entry([SIGNER, Signer()], log=LOG)
    both = replace(TRUST.policy.rules[0], threshold=2)
    judged = verify(
        f"{SET}/{name}", regular(files), replace(TRUST, policy=Policy((both,))), now=NOW
    )
    shown = lines(Report("verify", 1, (judged,)))
    assert "GS0502" in shown
    assert "GS0901" in shown
    name, files = entry([Signer()], log=LOG)
    stranger = verify(f"{SET}/{name}", regular(files), TRUST, now=NOW)
    assert "GS0901" not in lines(Report("verify", 1, (stranger,)))


def test_a_failing_entry_is_exit_code_1() -> None:
    assert Report("verify", 1, (BAD,)).exit_code == 1


def test_a_failure_says_what_why_and_what_to_do() -> None:
    shown = lines(Report("verify", 1, (GOOD, BAD)))
    assert f"✗ GS0301 {BAD.path}/PAYLOAD_BLOB: 1 bytes" in shown
    assert codes.BLOB_SIZE.reason in shown
    assert f"→ {codes.BLOB_SIZE.remedy}" in shown
    assert "1 of 2 entries in 1 set verify" in shown


def test_a_code_is_explained_once() -> None:
    shown = lines(Report("verify", 1, (BAD, BAD)))
    assert shown.count("✗ GS0301") == 2
    assert shown.count(codes.BLOB_SIZE.reason) == 1


def test_quiet_says_only_what_failed() -> None:
    assert lines(Report("verify", 1, (GOOD,)), only_failures=True) == ""
    assert "GS0301" in lines(Report("verify", 1, (GOOD, BAD)), only_failures=True)


def test_a_dry_run_says_that_nothing_was_changed() -> None:
    planned = Plan((Push(GOOD.path, GOOD.passed_entry),), (), ())
    shown = lines(Report("publish", 1, (GOOD,), plan=planned))
    assert "would publish the signatures of ghcr.io/acme/app@" in shown
    assert "nothing was changed" in shown


def test_what_a_dry_run_would_do_does_not_read_as_done() -> None:
    operations = (
        Push(GOOD.path, GOOD.passed_entry),
        Confirm(GOOD.path, GOOD.passed_entry),
        MoveTag(GOOD.path, GOOD.passed_entry, "latest", Digest("0" * 64)),
        MoveTag(GOOD.path, GOOD.passed_entry, "v1", None),
    )
    report = Report("publish", 1, (GOOD,), plan=Plan(operations, (), ()))
    digest = GOOD.passed_entry.digest.short
    name = GOOD.passed_entry.image.name

    def listed(report: Report) -> list[str]:
        shown = html.unescape("\n".join(markdown_report.render(report)))
        return [line for line in shown.splitlines() if line.startswith("- ")]

    done = [
        f"- publish the signatures of {name} {digest}",
        f"- confirm the signatures of {name} {digest}",
        f"- move **latest** of {name} to {digest}, from sha256:000000000000",
        f"- move **v1** of {name} to {digest}, from nowhere, it is a new tag",
    ]
    assert listed(replace(report, done=operations)) == done
    assert listed(report) == [line.replace("- ", "- would ") for line in done]


def test_a_change_is_told_rule_by_rule() -> None:
    failed = Failure(codes.CHANGE_MIXED, "touched", "README.md", "undo it")
    checks = (Check(Step.CHANGE, "one rule"), Check(Step.CHANGE, "another", failed))
    review = Review(NOW, "SIGNATURES")
    report = Report("verify", 1, (GOOD,), change=checks, review=review)
    assert (report.passed, report.exit_code) == (False, 1)
    assert [each.code for each in report.other_failures] == [codes.CHANGE_MIXED]
    shown = lines(report)
    assert "✗ GS1102 README.md: touched" in shown
    assert "→ undo it" in shown
    assert "the change keeps to the rules" not in shown
    assert "1 of 1 entry in 1 set verify; 1 failure besides" in shown
    rows = "\n".join(markdown_report.render(report))
    assert "- ✅ one rule\n- ❌ another" in rows
    assert "Merging" not in rows
    assert "### ❌ Do not merge" in rows
    found = document(report)
    assert (found["result"], found["counts"]["failed"]) == ("failed", 0)
    assert [each["result"] for each in found["change"]] == ["passed", "failed"]
    assert [each["code"] for each in found["failures"]] == ["GS1102"]

    good = Report("verify", 1, (GOOD,), change=checks[:1], review=review)
    assert good.passed
    assert "✓ the change keeps to the rules" in lines(good)
    assert "### ✅ Merging publishes nothing" in "\n".join(markdown_report.render(good))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError(codes.NO_SET, "no set", fix="look"), codes.NO_SET, "no set"),
        (KeyError("x"), codes.INTERNAL, "KeyError: 'x'"),
    ],
)
def test_an_error_becomes_a_report(error: Exception, code: codes.Code, message: str) -> None:
    (failure,) = Report.of_error("verify", error).all_failures
    assert (failure.code, failure.message) == (code, message)


def test_a_long_directory_lists_only_what_failed() -> None:
    shown = lines(Report("verify", 1, (GOOD,) * 31 + (BAD,)))
    assert "✓" not in shown
    assert "GS0301" in shown


@given(st.text())
def test_foreign_text_stays_on_its_line_and_does_nothing(foreign: str) -> None:
    shown = visible(foreign)
    assert len(shown.splitlines()) <= 1
    assert all(character.isprintable() for character in shown)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("::error::x\n::warning::y", "::error::x\\n::warning::y"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\u00a0b", "a\\xa0b"),
        ("\ud800", "\\ud800"),
        ("alice\u3164", "alice\\u3164"),
        ("alice\ufe0f", "alice\\ufe0f"),
        ("alice\u2800", "alice\\u2800"),
        ("alice\U000e0100", "alice\\U000e0100"),
        ("é ß 漢", "é ß 漢"),
    ],
)
def test_what_acts_is_shown(foreign: str, shown: str) -> None:
    assert visible(foreign) == shown


@given(st.text(max_size=50))
def test_in_markdown_foreign_text_is_nothing_but_text(foreign: str) -> None:
    escaped = markdown(foreign)
    text = escaped.replace("<!-- -->", "")
    assert html.unescape(text) == visible(foreign)
    assert not set(re.sub(r"&#[0-9]+;", "", text)) & set(string.punctuation)


@pytest.mark.parametrize("foreign", ["@everyone", "#1", "a@b.example", "acme/app#1", "@", "@@#"])
def test_in_markdown_nobody_is_mentioned(foreign: str) -> None:
    """GitHub looks for it within one piece of text, when references are characters again."""
    pieces = html.unescape(markdown(foreign)).split("<!-- -->")
    assert not [piece for piece in pieces if re.search(r"[@#].", piece)]
    assert "".join(pieces) == foreign


@pytest.mark.parametrize("foreign", [":white_check_mark:", "a:+1:b", "::tada::"])
def test_in_markdown_no_word_becomes_a_picture(foreign: str) -> None:
    """GitHub puts an emoji for its name, in one piece of text as well."""
    pieces = html.unescape(markdown(foreign)).split("<!-- -->")
    assert not [piece for piece in pieces if re.search(r":[a-z0-9_+-]+:", piece)]
    assert "".join(pieces) == foreign


@given(st.text())
def test_a_line_of_the_log_is_no_command(foreign: str) -> None:
    line = log_line(foreign)
    assert "##[" not in line
    assert not line.lstrip().startswith("::")
    assert line.isprintable()


@pytest.mark.parametrize(
    ("foreign", "line"),
    [
        ("::error::x", "\\::error::x"),
        ("  ::error::x", "\\  ::error::x"),
        ("\n::error::x", "\\n::error::x"),
        ("x ##[error]y", "x ##\\[error]y"),
        ("###[##[", "###\\[##\\["),
        ("x ::error::", "x ::error::"),
        (": :error::", ": :error::"),
    ],
)
def test_what_would_be_a_command_is_shown(foreign: str, line: str) -> None:
    assert log_line(foreign) == line


def test_no_form_of_a_report_holds_a_command_of_the_runner_s() -> None:
    """A step may run the command line: its output is a job's log, too."""
    evil = "x ##[add-mask]y"
    report = Report("verify", failures=(Failure(codes.USAGE, evil, evil, evil),), notices=(evil,))
    machine = "".join(json_report.render(report))
    for lines in ([machine], text.render(report), markdown_report.render(report)):
        assert not [line for line in lines if "##[" in line]
    document = json.loads(machine)
    assert document["notices"] == [evil]
    assert document["failures"][0]["message"] == evil


def test_in_markdown_what_was_asked_for_keeps_its_lines_and_is_nothing_but_text() -> None:
    content = "rule a\n  <img src=x> [x](https://evil.example) @everyone\n```\n# b\n"
    first, *lines, last = markdown_report.render(Report("policy", content=content))
    assert (first, last) == ("<pre>", "</pre>")
    assert html.unescape("\n".join(lines).replace("<!-- -->", "")) == content.rstrip("\n")
    assert not set("<[@`") & set("".join(lines).replace("<!-- -->", ""))


def test_markdown_says_what_failed_and_shows_what_is_good() -> None:
    shown = "\n".join(markdown_report.render(Report("verify", 1, (GOOD, BAD), notices=("n|o",))))
    assert "### ghcr-signer verify: **failed**" in shown
    assert "**GS0301**" in shown
    text = html.unescape(shown.replace("<!-- -->", ""))
    assert text.count("| ✅ | ghcr.io/acme/app@sha256:") == 1
    assert f"| latest | alice.pub | 2026-11-21 12:00:00 | {SET} |" in text
    assert "1 of 2 entries in 1 set verify" in text
    assert "Merging" not in text
    assert "n&#124;o" in shown


@pytest.mark.parametrize("report", REPORTS, ids=range(len(REPORTS)))
def test_every_report_has_a_markdown(report: Report) -> None:
    shown = "\n".join(markdown_report.render(report))
    assert "ghcr-signer" in shown
    tables = [line for line in shown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} <= {3, 7}


def test_a_long_markdown_stays_short() -> None:
    shown = "\n".join(markdown_report.render(Report("verify", 1, (GOOD, BAD) * 5000)))
    assert len(shown) < 250_000
    assert "and 9800 more" in shown


def test_a_very_long_text_is_cut() -> None:
    assert len(visible("x" * 10**6)) < 5000


def test_foreign_text_in_a_failure_is_escaped() -> None:
    evil = "x\n::error::owned\x1b[2J"
    report = Report(
        "verify", 1, failures=(Failure(codes.USAGE, evil, evil, evil),), notices=(evil,)
    )
    shown = lines(report)
    assert "\x1b" not in shown
    assert not any(line.startswith("::") for line in shown.splitlines())


# What was looked at in how a project is set up


def test_of_findings_the_wrong_ones_come_last_and_decide() -> None:
    findings = (
        wrong("rules", codes.SETUP_BRANCH, EVIL, "click there"),
        unknown("clock", EVIL, "give a token"),
        good("git", EVIL),
    )
    report = Report("doctor", findings=findings)
    assert report.exit_code == 1
    assert lines(report).splitlines() == [
        f"✓ git: {visible(EVIL)}",
        f"? clock: {visible(EVIL)}",
        "    → give a token",
        f"✗ GS1506 rules: {visible(EVIL)}",
        f"    {codes.SETUP_BRANCH.title}. {codes.SETUP_BRANCH.reason}",
        "    → click there",
        "1 well, 1 wrong, 1 could not be seen",
    ]
    assert [(each["name"], each["state"]) for each in document(report)["findings"]] == [
        ("rules", "wrong"),
        ("clock", "unknown"),
        ("git", "good"),
    ]


def test_what_could_not_be_seen_fails_nothing() -> None:
    report = Report("doctor", findings=(unknown("clock", "offline"), good("git", "here")))
    assert report.exit_code == 0
    assert document(report)["result"] == "passed"


def test_a_finding_says_nothing_to_markdown() -> None:
    shown = "\n".join(markdown_report.render(Report("doctor", findings=(good(EVIL, EVIL),))))
    assert f"- ✅ {markdown(EVIL)}: {markdown(EVIL)}" in shown


def test_of_failures_with_one_code_each_remedy_is_said_once() -> None:
    code = codes.SETUP_FILES
    seen = [
        wrong(name, code, "no", fix) for name, fix in zip("abcd", ("x", "", "x", ""), strict=True)
    ]
    shown = list(text.render(Report("doctor", findings=tuple(seen))))
    assert [line for line in shown if "→" in line] == ["    → x", f"    → {code.remedy}"]
    assert sum(code.title in line for line in shown) == 1


def test_what_is_wrong_is_said_once_in_markdown_and_what_was_not_seen_with_its_way() -> None:
    seen = (wrong("rules", codes.SETUP_BRANCH, "none", "Add one."), unknown("clock", "off", "Ask."))
    lines = markdown_report.render(Report("doctor", findings=seen))
    shown = "\n".join(lines).replace("<!-- -->", "")
    assert shown.count("rules&#58; none") + shown.count("rules: none") == 1
    assert "- ❔ clock: off → Ask&#46;" in shown


def test_what_an_error_quotes_is_cut_before_anybody_holds_a_thousand_of_it() -> None:
    refusal = Refused(codes.NOT_SIGNABLE, f"it is not {'x' * 10**6}")
    assert len(refusal.failure.message) == len(str(refusal)) < 5000
    whole = "x" * limits.TEXT_CHARACTERS
    assert str(Refused(codes.NOT_SIGNABLE, whole)) == whole
