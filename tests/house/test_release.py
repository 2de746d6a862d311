"""scripts/release names a release in the documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.house.repository import ROOT

FIRST, SECOND = "1a" * 20, "2b" * 20
OTHER = "3c" * 20
TEXT = f"""
      - uses: OWNER/ghcr-signer/verify@<commit> # <version>
    uses: OWNER/ghcr-signer/.github/workflows/verify.yml@<commit>
      - uses: actions/checkout@<commit>
      - uses: actions/checkout@{OTHER} # v7.0.1
uv tool install git+https://github.com/OWNER/ghcr-signer@<commit>
https://github.com/new?template_name=ghcr-signer&template_owner=OWNER
[theirs](https://github.com/freedomofpress/ghcr-signer) <commit> @OWNER MYOWNER/ghcr-signer
"""
FILLED = f"""
      - uses: acme/ghcr-signer/verify@{FIRST} # v0.1.0
    uses: acme/ghcr-signer/.github/workflows/verify.yml@{FIRST} # v0.1.0
      - uses: actions/checkout@<commit>
      - uses: actions/checkout@{OTHER} # v7.0.1
uv tool install git+https://github.com/acme/ghcr-signer@{FIRST}
https://github.com/new?template_name=ghcr-signer&template_owner=acme
[theirs](https://github.com/freedomofpress/ghcr-signer) <commit> @OWNER MYOWNER/ghcr-signer
"""
WORKFLOW = ".github/workflows/signatures.yml"
FILES = (
    "README.md",
    "docs/deep/er.md",
    "docs/workflows/x.yml",
    f"src/ghcr_signer/template/{WORKFLOW}",
    f"template/{WORKFLOW}",
)


def release(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "scripts" / "release")]
    return subprocess.run([*program, *arguments], capture_output=True, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*FILES, "src/x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    return tmp_path


def test_a_release_is_named_once_and_the_next_one_takes_its_place(folder: Path) -> None:
    first = ("acme", FIRST, "v0.1.0", str(folder))
    assert release(*first).stdout == "".join(f"rewrote {name}\n" for name in sorted(FILES))
    assert [(folder / name).read_text("utf-8") for name in FILES] == [FILLED] * len(FILES)
    assert (folder / "src/x.md").read_text("utf-8") == TEXT
    assert release(*first).stdout == ""

    release("acme", SECOND, "v0.2.0-rc.1", str(folder))
    second = FILLED.replace(FIRST, SECOND).replace("# v0.1.0", "# v0.2.0-rc.1")
    assert [(folder / name).read_text("utf-8") for name in FILES] == [second] * len(FILES)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("acme", FIRST[:12], "v0.1.0"), "COMMIT"),
        (("acme", FIRST.upper(), "v0.1.0"), "COMMIT"),
        (("acme", "v0.1.0", "v0.1.0"), "COMMIT"),
        (("acme/x", FIRST, "v0.1.0"), "OWNER"),
        (("acme", FIRST, "0.1"), "VERSION"),
        (("acme", FIRST, "v0.1.0\n"), "VERSION"),
        (("acme", FIRST), "VERSION"),
        ((), "OWNER"),
    ],
)
def test_what_does_not_name_one_commit_is_refused(
    folder: Path, arguments: tuple[str, ...], wrong: str
) -> None:
    done = release(*arguments, *([str(folder)] if len(arguments) == 3 else []))
    assert done.returncode == 2
    assert f"release: {wrong} is not" in done.stderr
    assert (folder / "README.md").read_text("utf-8") == TEXT
