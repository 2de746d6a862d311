"""CODEOWNERS as GitHub reads it (docs.github.com, About code owners, the example and its notes)."""

from __future__ import annotations

import pytest

from ghcr_signer.core.code_owners import CodeOwners

EXAMPLE = """\
# These owners are for everything
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @logger
/apps/github
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README.md", ("@global-owner1", "@global-owner2")),
        (".github/workflows/a.yml", ("@global-owner1", "@global-owner2")),
        ("deep/down/x.js", ("@js-owner",)),
        ("x.go", ("docs@example.com",)),
        ("x.txt", ("@octo-org/octocats",)),
        ("build/x.exe", ("@global-owner1", "@global-owner2")),
        ("build/logs/x", ("@logger",)),
        ("src/build/logs/x/y", ("@logger",)),
        ("deep/apps/x/y", ("@octocat",)),
        ("apps/x", ("@octocat",)),
        ("docs/x/y", ("@doctocat",)),
        ("deep/docs/x", ("@global-owner1", "@global-owner2")),
        ("scripts/x", ("@doctocat", "@octocat")),
        ("apps/github", ()),
        ("apps/github/x", ()),
        ("apps/githubs", ("@octocat",)),
    ],
)
def test_the_last_pattern_that_matches_counts(path: str, owners: tuple[str, ...]) -> None:
    assert CodeOwners.parse(EXAMPLE).of(path) == owners


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("docs/*", "docs/x", True),
        ("docs/*", "docs/x/y", False),
        ("docs/*.md", "docs/x.md", True),
        ("/*", "x", True),
        ("/*", "x/y", False),
        ("x?z", "deep/xyz", True),
        ("x?z", "x/z", False),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a.b", "aXb", False),
        ("keys", "keys/alice.pub", True),
        ("KEYS", "keys/alice.pub", False),
    ],
)
def test_a_pattern_means_what_it_means_there(pattern: str, path: str, matches: bool) -> None:
    assert (CodeOwners.parse(f"{pattern} @x").of(path) == ("@x",)) is matches


@pytest.mark.parametrize("line", ["!x @b", "[ab] @b", "\\#x @b", "x b", "x @b @", "", "# x @b"])
def test_a_line_that_github_skips_is_skipped(line: str) -> None:
    assert CodeOwners.parse(f"* @a\n{line}\n").of("x") == ("@a",)


@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "**/" * 60 + "b", "**/*a" * 60 + "/b"])
def test_many_wildcards_cost_no_more(pattern: str) -> None:
    """Way by way one of these would be followed for years."""
    owners = CodeOwners.parse(f"{pattern} @octocat")
    assert owners.of("a" * 200 + "/a" * 200) == ()
    assert bool(owners.of("a/" * 200 + "a" * 200 + "b")) == ("/" not in pattern)
