"""A new set -> Proposal: its paths in the repository, and what its pull request says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from ghcr_signer.core import codes
from ghcr_signer.core.directory import (
    IMAGE,
    LATEST,
    TAGS,
    cap,
    digest_of,
    parse_image,
    parse_set_name,
    parse_tags,
    set_name,
)
from ghcr_signer.core.errors import Refused, UsageError, about
from ghcr_signer.core.reference import Reference
from ghcr_signer.peers.github.proposal import Proposal

_SHOWN_ENTRIES = 40  # GitHub takes 65,536 characters, a row with the longest names has 1,300
_SHOWN_TAGS = 5
_LONGEST_TITLE = 200  # GitHub takes 256 characters

_What = tuple[Reference, tuple[str, ...]]  # an image, the tags that would move to it

_COLLECTED = (
    "signatures that `ghcr-signer collect` found in a registry, as they are there.",
    (
        "A workflow opened this pull request, so its checks wait for a person: press **Approve",
        "workflows to run**, and read what they say before you merge.",
    ),
)
_PUSHED = (
    "signatures as files, pushed from a signer's machine by `ghcr-signer`.",
    ("Read what the checks say before you merge.",),
)


def propose(
    name: str,
    directory: str,
    entries: Mapping[str, Mapping[str, bytes]],
    *,
    base_branch: str,
    base_commit: str,
    by_workflow: bool,
) -> Proposal:
    """The proposal of the set `name`: `entries` gives each entry's files, by their names.

    `directory` is the signature directory's path in the repository; `by_workflow`: the `collect` of
    a workflow makes it, else a person. Raises Refused for what is no
    set (steps 1 and 2), UsageError (GS2001) for a directory outside the repository.

    Nothing foreign is in the texts but references and tags, whose grammar has no Markdown that
    would act within a code span. (References to characters would not do: GitHub looks for mentions
    when they have become characters again.)
    """
    branch = branch_of(name)
    folder = _folder(directory) / name
    what = [_what(entry, files) for entry, files in entries.items()]
    if not what:
        raise Refused(codes.EMPTY_SET, "there is nothing to propose", file=str(folder))
    title = _title(what)
    return Proposal(
        branch=branch,
        base_branch=base_branch,
        base_commit=base_commit,
        files={
            str(folder / entry / file): content
            for entry, files in entries.items()
            for file, content in files.items()
        },
        message=f"{title}\n",
        title=title,
        body="".join(f"{line}\n" for line in _body(name, what, by_workflow)),
    )


def branch_of(name: str) -> str:
    """The branch that a set is proposed on, a name of its own; raises Refused (GS0107)."""
    return f"ghcr-signer/{set_name(parse_set_name(name), colons=False)}"


def _folder(directory: str) -> PurePosixPath:
    folder = PurePosixPath(directory)
    if not folder.parts or folder.is_absolute() or {"..", ".git"} & set(folder.parts):
        raise UsageError(
            codes.USAGE,
            f"{directory!r} is no folder of the repository",
            fix="Name the signature directory by its path in the repository, such as SIGNATURES.",
        )
    return folder


def _what(entry: str, files: Mapping[str, bytes]) -> _What:
    """What an entry says that it is; raises Refused for names or contents that say nothing."""
    with about(entry):
        digest = digest_of(entry)
        for file in files:
            if cap(file) is None:
                raise Refused(codes.UNEXPECTED_FILE, f"{file!r} does not belong into an entry")
        if IMAGE not in files:
            raise Refused(codes.MISSING_FILE, f"there is no {IMAGE}")
        image, named = parse_image(files[IMAGE])
        if named != digest:
            raise Refused(codes.REFERENCE_DIGEST, f"IMAGE names {named}")
        return image, parse_tags(LATEST in files, files.get(TAGS))


def _title(what: list[_What]) -> str:
    """The image that moves a tag, or else the first."""
    image = next((image for image, tags in what if tags), what[0][0])
    short = image.digest.short if image.digest else ""
    return f"Sign {image.name[:_LONGEST_TITLE]}@{short}"


def _body(name: str, what: list[_What], by_workflow: bool) -> Iterable[str]:
    origin, ending = _COLLECTED if by_workflow else _PUSHED
    yield f"The set `{name}`: {origin}"
    yield "Merging publishes them, and then moves the tags."
    yield ""
    yield "| image | tags that would move to it |"
    yield "|---|---|"
    for image, tags in what[:_SHOWN_ENTRIES]:
        yield f"| `{image}` | {_tags(tags)} |"
    if len(what) > _SHOWN_ENTRIES:
        yield f"| … and {len(what) - _SHOWN_ENTRIES} more, in the files | |"
    yield ""
    yield from ending


def _tags(tags: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{tag}`" for tag in tags[:_SHOWN_TAGS])
    more = len(tags) - _SHOWN_TAGS
    return f"{shown}, … and {more} more, in the file TAGS" if more > 0 else shown or "none"
