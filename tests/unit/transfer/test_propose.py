"""A proposal: where its files are, and what its pull request says."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from tests.forge import SET, Signer, artifact, signed_layer

from ghcr_signer.core import codes
from ghcr_signer.core.codes import Code
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.peers.github.proposal import Proposal
from ghcr_signer.transfer.new_set import NewEntry
from ghcr_signer.transfer.propose import propose

NAME = "ghcr.io/acme/app"
COMMIT = 40 * "c"
ONE, TWO = Digest(64 * "1"), Digest(64 * "2")


def entry(digest: Digest, *tags: str, name: str = NAME) -> dict[str, bytes]:
    made = artifact([signed_layer(Signer(), name, digest.hex)])
    image = Reference.parse(f"{name}@{digest}")
    return NewEntry(digest, made, None, tags).files(image)


def made(
    entries: Mapping[str, Mapping[str, bytes]],
    name: str = SET,
    directory: str = "SIGNATURES",
    *,
    by_workflow: bool = True,
) -> Proposal:
    base = {"base_branch": "main", "base_commit": COMMIT}
    return propose(name, directory, entries, **base, by_workflow=by_workflow)


def test_every_file_lies_in_its_entry_in_the_set_in_the_directory() -> None:
    one, two = entry(ONE, "latest"), entry(TWO)
    proposal = made({ONE.hex: one, TWO.hex: two}, directory="./release/SIGNATURES/")
    top = f"release/SIGNATURES/{SET}"
    assert proposal.files == {
        **{f"{top}/{ONE.hex}/{file}": content for file, content in one.items()},
        **{f"{top}/{TWO.hex}/{file}": content for file, content in two.items()},
    }
    assert str(proposal.folder) == top
    assert (proposal.base_branch, proposal.base_commit) == ("main", COMMIT)


@pytest.mark.parametrize("name", ["2026-11-20T12:00:00+00:00", "2026-11-20T12-00-00Z"])
def test_the_branch_is_the_set_without_colons(name: str) -> None:
    proposal = made({ONE.hex: entry(ONE)}, name)
    assert proposal.branch == "ghcr-signer/2026-11-20T12-00-00Z"
    assert f"`{name}`" in proposal.body
    assert all(f"SIGNATURES/{name}/" in path for path in proposal.files)


def test_the_pull_request_says_which_images_and_which_tags_would_move() -> None:
    proposal = made({TWO.hex: entry(TWO), ONE.hex: entry(ONE, "latest", "v1")})
    assert proposal.title == f"Sign {NAME}@{ONE.short}"  # the one that moves tags
    assert proposal.message == f"{proposal.title}\n"
    rows = [line for line in proposal.body.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{NAME}@{TWO}` | none |", f"| `{NAME}@{ONE}` | `latest`, `v1` |"]
    assert made({TWO.hex: entry(TWO), ONE.hex: entry(ONE)}).title == f"Sign {NAME}@{TWO.short}"


def test_it_says_that_its_checks_wait() -> None:
    assert "**Approve\nworkflows to run**" in made({ONE.hex: entry(ONE)}).body


def test_a_person_s_says_nothing_of_workflows() -> None:
    ours, theirs = (made({ONE.hex: entry(ONE)}, by_workflow=each) for each in (False, True))
    assert "a signer's machine" in ours.body
    assert "orkflow" not in ours.body
    assert "a signer's machine" not in theirs.body
    assert (ours.branch, ours.title, ours.files.keys()) == (
        theirs.branch,
        theirs.title,
        theirs.files.keys(),
    )


def test_what_looks_like_markup_is_in_code_spans() -> None:
    """`GH-1` links to an issue, `__x__` is bold, and @ may mention somebody."""
    name = "ghcr.io/acme/a__b"
    body = made({ONE.hex: entry(ONE, "GH-1", "__x__", name=name)}).body
    outside = re.sub(r"`[^`\n]*`", "", body)
    assert "`GH-1`" in body
    assert not re.search(r"GH-1|__|@|acme", outside)
    assert "`" not in outside


def test_github_takes_what_it_says_however_much_there_is() -> None:
    long = "ghcr.io/" + "/".join(["a" * 25] * 9)
    tags = [f"{number:02}{'t' * 126}" for number in range(100)]
    digests = [Digest(f"{number:064x}") for number in range(1000)]
    entries = {
        digest.hex: {
            "IMAGE": f"{long}@{digest}\n".encode(),
            "TAGS": "".join(f"{tag}\n" for tag in tags).encode(),
        }
        for digest in digests
    }
    proposal = made(entries)
    assert len(proposal.files) == 2000
    assert len(proposal.body) < 65_536
    assert len(proposal.title) < 256
    assert "and 960 more" in proposal.body
    assert "and 95 more" in proposal.body


HOSTILE = "](https://evil.example) @everyone\n::error::x"


@pytest.mark.parametrize(
    ("name", "files", "code"),
    [
        (ONE.hex, {"IMAGE": HOSTILE.encode()}, codes.REFERENCE_MALFORMED),
        (ONE.hex, {"IMAGE": f"{NAME}`x`@{ONE}\n".encode()}, codes.REFERENCE_MALFORMED),
        (ONE.hex, {**entry(ONE), "TAGS": b"v1`\n"}, codes.TAG_MALFORMED),
        (ONE.hex, {**entry(ONE), "TAGS": b"a|b\n"}, codes.TAG_MALFORMED),
        (ONE.hex, entry(TWO), codes.REFERENCE_DIGEST),
        (ONE.hex, {}, codes.MISSING_FILE),
        (ONE.hex, {**entry(ONE), "../../.github/workflows/x.yml": b""}, codes.UNEXPECTED_FILE),
        (ONE.hex, {**entry(ONE), "README.md": b""}, codes.UNEXPECTED_FILE),
        ("..", entry(ONE), codes.ENTRY_NAME),
        (HOSTILE, entry(ONE), codes.ENTRY_NAME),
    ],
)
def test_what_is_no_entry_is_not_proposed(name: str, files: dict[str, bytes], code: Code) -> None:
    with pytest.raises(Refused) as caught:
        made({TWO.hex: entry(TWO), name: files})
    assert caught.value.failure.code is code
    assert caught.value.failure.file == name


def test_an_empty_set_is_not_proposed() -> None:
    with pytest.raises(Refused) as caught:
        made({})
    assert caught.value.failure.code is codes.EMPTY_SET


@pytest.mark.parametrize("name", ["", "..", "2026-11-20", "2026-02-30T12-00-00Z", f"{SET}/x"])
def test_a_set_has_the_name_of_an_instant(name: str) -> None:
    with pytest.raises(Refused) as caught:
        made({ONE.hex: entry(ONE)}, name)
    assert caught.value.failure.code is codes.SET_NAME


@pytest.mark.parametrize("directory", ["", ".", "/", "/SIGNATURES", "..", "a/../b", ".git/x"])
def test_the_directory_is_a_folder_of_the_repository(directory: str) -> None:
    with pytest.raises(UsageError, match="no folder of the repository"):
        made({ONE.hex: entry(ONE)}, directory=directory)
