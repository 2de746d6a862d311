"""What a reviewer sees beside the file at fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Failure
from ghcr_signer.core.verdict import Check, Step, Verdict
from ghcr_signer.report import annotation
from ghcr_signer.report.annotation import Annotation
from ghcr_signer.report.report import Report

SET = "2026-11-20T12:00:00+00:00"
ENTRY = f"{SET}/{64 * 'a'}"


def annotations(*failures: Failure) -> list[Annotation]:
    return list(annotation.of(Report("verify", failures=failures), "deep/SIGNATURES"))


def file(name: str, code: Code = codes.BLOB_DIGEST) -> str | None:
    (found,) = annotations(Failure(code, "x", name))
    return found.properties.get("file")


@pytest.mark.parametrize(
    ("code", "name", "path"),
    [
        (codes.BLOB_DIGEST, f"{ENTRY}/PAYLOAD_BLOB", f"deep/SIGNATURES/{ENTRY}/PAYLOAD_BLOB"),
        (codes.THRESHOLD, ENTRY, f"deep/SIGNATURES/{ENTRY}/IMAGE"),
        (codes.CONFLICT, ENTRY, f"deep/SIGNATURES/{ENTRY}/IMAGE"),
        (codes.EMPTY_SET, SET, f"deep/SIGNATURES/{SET}"),
        (codes.EMPTY_SET, "2026-11-20T12-00-00Z", "deep/SIGNATURES/2026-11-20T12-00-00Z"),
        (codes.UNEXPECTED_FILE, "trusted.pub", "deep/SIGNATURES/trusted.pub"),
        (codes.SET_NAME, "2026-99-99T12:00:00Z", "deep/SIGNATURES/2026-99-99T12:00:00Z"),
        (codes.KEY_UNUSABLE, "trusted.pub", "trusted.pub"),
        (codes.CHANGE_MIXED, ".github/workflows/x.yml", ".github/workflows/x.yml"),
        (codes.CHANGE_REMOVES, "deep/SIGNATURES", "deep/SIGNATURES"),
        (codes.BLOB_DIGEST, "../../etc/passwd", "../../etc/passwd"),
    ],
)
def test_the_file_is_named_by_its_path_in_the_repository(code: Code, name: str, path: str) -> None:
    assert file(name, code) == path


def test_a_failure_without_a_file_has_no_place() -> None:
    (found,) = annotations(Failure(codes.WRONG_EVENT, "x"))
    assert found.properties == {"title": f"GS2012 {codes.WRONG_EVENT.title}"}


def test_it_says_what_why_and_what_to_do() -> None:
    (found,) = annotations(Failure(codes.WRONG_EVENT, "what", fix="do this"))
    assert found.message == f"what\n{codes.WRONG_EVENT.reason}\n→ do this"
    (found,) = annotations(Failure(codes.WRONG_EVENT, "what"))
    assert found.message.endswith(f"\n→ {codes.WRONG_EVENT.remedy}")


@pytest.mark.parametrize(
    ("count", "titles"),
    [(8, 8), (9, 9), (10, "1 more failure"), (11, "2 more failures"), (500, "491 more failures")],
)
def test_nine_are_shown_and_the_rest_counted(count: int, titles: int | str) -> None:
    found = annotations(*[Failure(codes.CHANGE_MIXED, "x", "y")] * count)
    assert len(found) == min(count, 10)
    if isinstance(titles, str):
        assert found[-1].properties == {"title": titles}
        assert "summary" in found[-1].message


def test_that_too_few_signatures_are_valid_is_not_said_beside_the_reason() -> None:
    def verdict(*failed: Code) -> Verdict:
        checks = tuple(Check(Step.POLICY, "x", Failure(code, "x", ENTRY)) for code in failed)
        return Verdict(ENTRY, None, (), checks)

    both, alone = (
        verdict(codes.SIGNATURE_UNTRUSTED, codes.THRESHOLD),
        verdict(codes.THRESHOLD),
    )
    found = annotation.of(Report("verify", 1, (both, alone)), "SIGNATURES")
    assert [each.properties["title"][:6] for each in found] == ["GS0502", "GS0901"]


@given(st.text(), st.text(), st.text())
def test_foreign_text_stays_on_its_line(message: str, name: str, fix: str) -> None:
    (found,) = annotations(Failure(codes.CHANGE_MIXED, message, name, fix))
    assert len(found.message.split("\n")) == 3
    for text in (*found.message.split("\n"), *found.properties.values()):
        assert text.isprintable()
        assert "##[" not in text or text in found.properties.values()


def test_a_line_of_a_message_is_no_command_in_the_log_either() -> None:
    (found,) = annotations(Failure(codes.CHANGE_MIXED, "##[endgroup]", "", "::error::x"))
    assert found.message.split("\n")[::2] == ["##\\[endgroup]", "→ ::error::x"]


def test_a_long_text_leaves_room_for_the_next_step() -> None:
    (found,) = annotations(Failure(codes.CHANGE_MIXED, "\u202e" * 4000, "", "do this"))
    assert len(found.message) < 4096
    assert found.message.endswith("\n→ do this")
