"""What is said, in every form that it has: none of it acts."""

from __future__ import annotations

import json as any_json
import re
import unicodedata

from tests.unit.actions import stage
from tests.unit.actions.stage import Told

from ghcr_signer.report import annotation, json, markdown, text
from ghcr_signer.report.report import Report

_TAGS = ("pre", "details", "summary")
_OWN = ("<br>", "<!-- -->", *(f"<{end}{tag}>" for end in ("", "/") for tag in _TAGS))
_CODE = re.compile(r"`[^`]+`")


def require_harmless(report: Report, says: str) -> None:
    """No line of the report is a command of the runner's, moves the cursor, turns the direction of
    reading, or is markup that is not ours. `says` is what the attacker wrote, which is shown.
    """
    plain = "\n".join(text.render(report))
    machine = "".join(json.render(report))
    any_json.loads(machine)
    messages = "\n".join(each.message for each in annotation.of(report, "SIGNATURES"))
    for said in (plain, machine, messages):
        require_harmless_lines(said)
    require_harmless_lines("\n".join(markdown.render(report)), "markdown")
    assert says in plain
    assert says in machine


def require_harmless_lines(said: str, form: str = "text") -> None:
    """The same of what was printed, in a form that the command line has."""
    for line in said.removesuffix("\n").split("\n"):
        assert stage.command(line) is None, line
        assert not _acting(line), line
        if form == "markdown":
            require_own_markup(line)


def require_harmless_run(told: Told, says: str) -> None:
    """The same of what an action has told the runner; which commands are ours, `stage` knows."""
    for line in told.summary.splitlines():
        require_own_markup(line)
    for line in (*stage.lines(told.said), *told.summary.splitlines()):
        assert not _acting(line), line
    if says:
        assert says in told.log
        assert says in told.summary


def _acting(line: str) -> set[str]:
    """Characters that nobody sees and that act all the same."""
    return {each for each in line if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


def require_own_markup(line: str) -> None:
    """No tag, link or mention but the few that a report is made of. In code nothing acts."""
    rest = _CODE.sub("", line)
    for own in _OWN:
        rest = rest.replace(own, "")
    assert "<" not in rest, line
    assert "](" not in rest, line
    assert "@" not in rest, line
    assert "://" not in rest, line
    assert "www." not in rest, line
