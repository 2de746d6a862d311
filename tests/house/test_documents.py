"""What the documents say of the code is so."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from tests.forge import Signer
from tests.house.repository import ROOT

from ghcr_signer import cli
from ghcr_signer.core import codes, policy_file
from ghcr_signer.core.policy import Rule
from ghcr_signer.core.reference import Reference

FOLDERS = ("docs", "src", "benchmarks", "template")
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", *(f"{folder}/**/*.md" for folder in FOLDERS))
    for path in ROOT.glob(pattern)
)
# Programs of our own: the command line, the old script, and the scripts that newcomers run.
SCRIPTS = {"demo": "demo", "sign": "sign"}
SCRIPTS_OWN_OPTIONS = {"test": {"--all"}, "setup": {"--dev"}, "docs": {"--check"}, "tools": set()}
# Options of other programs that our text names by themselves, outside a command.
OTHERS = {"--tlog-upload"}

CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OWN_PROGRAM = re.compile(
    r"(?:^|[\s/])(?:ghcr-signer(?P<old>\.py)?|scripts/(?P<script>[a-z]+))(?=\s|$)(?P<rest>[^|;&#]*)"
)


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def code_in(text: str) -> Iterator[str]:
    """Every line of a fenced block, and every inline piece of code."""
    for fenced, inline in CODE.findall(text):
        yield from fenced.replace("\\\n", " ").splitlines() if fenced else [inline]


@cache
def help_of(*command: str) -> str:
    program = [sys.executable, "-m", "ghcr_signer"]
    if command[:1] == (".py",):
        program, command = [sys.executable, str(ROOT / "ghcr-signer.py")], command[1:]
    done = subprocess.run([*program, *command, "--help"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def options_of(*command: str) -> frozenset[str]:
    return frozenset(OPTION.findall(help_of(*command)))


@cache
def every_option() -> frozenset[str]:
    own = options_of().union(*(options_of(command) for command in cli.COMMANDS))
    old = frozenset().union(*(options_of(".py", c) for c in ("prepare", "verify-local", "publish")))
    return own | old | frozenset().union(*SCRIPTS_OWN_OPTIONS.values())


def mistakes(text: str) -> list[str]:
    """Commands and options of ours that the text names and that do not exist."""
    found = []
    for line in code_in(text):
        own = None if line.startswith("git ") else OWN_PROGRAM.search(line)
        if own:
            found += _mistakes_in_command(own)
        elif line.startswith("-"):
            found += [f"no {name}" for name in OPTION.findall(line) if name not in _known()]
    return found


def _known() -> frozenset[str]:
    return every_option() | OTHERS


def _mistakes_in_command(own: re.Match[str]) -> list[str]:
    words = own["rest"].partition(" -- ")[0].split()
    script, prefix = own["script"], (".py",) if own["old"] else ()
    if script and not (ROOT / "scripts" / script).exists():
        return [f"no scripts/{script}"]
    if script and script not in SCRIPTS:
        return _missing(words, frozenset(SCRIPTS_OWN_OPTIONS.get(script, set())))
    if script:
        return _missing(words, options_of(SCRIPTS[script]))
    if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):  # no command is named
        return _missing(words, options_of(*prefix))
    if words[0] not in _commands(*prefix):
        return [f"no command {words[0]}"]
    return _missing(words[1:], options_of(*prefix, words[0]))


def _missing(words: list[str], known: frozenset[str]) -> list[str]:
    return [f"no {name}" for name in OPTION.findall(" ".join(words)) if name not in known]


@cache
def _commands(*prefix: str) -> frozenset[str]:
    return frozenset({"prepare", "verify-local", "publish"} if prefix else cli.COMMANDS)


def anchors(document: str) -> set[str]:
    """The fragments that a link into a document may have, as GitHub makes them of headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text_of(document), re.MULTILINE):
        found |= set(re.findall(r'id="([^"]+)"', heading))
        plain = re.sub(r"<[^>]*>|[`*]", "", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def test_the_generated_parts_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs"), "--check"],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_relative_link_is_dead(document: str) -> None:
    for target in LINK.findall(text_of(document)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        path = (ROOT / document).parent / file if file else ROOT / document
        assert path.exists(), f"{document} links to {target}"
        if fragment:
            assert fragment in anchors(path.resolve().relative_to(ROOT).as_posix()), target


# the benchmarks are programs of their own, with options of their own
@pytest.mark.parametrize("document", [name for name in DOCUMENTS if "benchmarks/" not in name])
def test_every_command_and_option_that_is_named_exists(document: str) -> None:
    assert mistakes(text_of(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_code_that_is_named_exists(document: str) -> None:
    assert set(re.findall(r"GS\d{4}", text_of(document))) <= set(codes.BY_ID)


def test_every_command_of_the_program_is_in_the_list_of_commands() -> None:
    listed = re.findall(r"^## ghcr-signer ([a-z]+)$", text_of("docs/commands.md"), re.MULTILINE)
    assert listed == list(cli.COMMANDS)


def test_the_policies_of_the_documents_are_well() -> None:
    keys = {name: Signer().pem for name in ("keys/alice.pub", "keys/bob.pub", "keys/carol.pub")}
    fenced = re.findall(r"```yaml\n(version: .*?)```", text_of("docs/policy.md"), re.DOTALL)
    assert fenced
    for policy in (text_of("docs/policy.example.yml"), *fenced):
        policy_file.parse(policy.encode(), lambda path, _: keys[path])


def test_the_table_of_globs_is_so() -> None:
    rows = re.findall(r"^\| `(ghcr[^`]+)` \| (.+) \| `(.+)` \|$", text_of("docs/policy.md"), re.M)
    assert len(rows) == 5
    for glob, takes_in, not_in in rows:
        rule = Rule("x", (glob,), ())
        for name in re.findall(r"`([^`]+)`", takes_in):
            assert rule.covers(Reference.parse(name))
        assert not rule.covers(Reference.parse(not_in))


def test_every_step_has_its_heading_and_its_codes() -> None:
    text = text_of("docs/verification.md")
    for code in codes.ALL:
        if code.step <= 10:
            assert f"[{code.id}](errors.md#{code.id.lower()})" in text


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("`ghcr-signer bogus`", "no command bogus"),
        ("```sh\nghcr-signer verify --bogus\n```", "no --bogus"),
        ("`ghcr-signer verify --sk`", "no --sk"),
        ("`uv run ./ghcr-signer.py publish --dry-run`", "no --dry-run"),
        ("`./scripts/sign --registry x`", "no --registry"),
        ("`./scripts/bogus`", "no scripts/bogus"),
        ("`./scripts/test --most`", "no --most"),
        ("`--bogus`", "no --bogus"),
        ("`ghcr-signer --bogus`", "no --bogus"),
    ],
)
def test_the_checker_sees_a_mistake(text: str, mistake: str) -> None:
    assert mistake in "\n".join(mistakes(text))


@pytest.mark.parametrize(
    "text",
    [
        "`ghcr-signer sign --sk IMAGE -- --rekor-url=https://log.example`",
        "`git switch --create branch`",
        "```console\n$ .venv/bin/ghcr-signer publish --dry-run --repository 'ghcr.io/acme/**'\n```",
        "`python path/to/ghcr-signer.py prepare --sk IMAGE`",
        "clone ghcr-signer and read on --bogus is prose",
    ],
)
def test_the_checker_sees_no_mistake_where_there_is_none(text: str) -> None:
    assert mistakes(text) == []
