"""A set that a second person signs too: what is in it, and what of it their key has not signed.

The set may be anybody's: it came with a branch. So nothing is signed because it is in the set, but
what the person named, and of that image's platforms those that the set has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ghcr_signer.core import codes, directory
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.core.image import Image
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.manifest import SignatureManifest
from ghcr_signer.core.policy import Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify
from ghcr_signer.peers.worktree import Worktree
from ghcr_signer.transfer.subjects import Source, Subject, descend


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A set that is not merged yet: each entry's files, and the verdict on it."""

    name: str
    entries: Mapping[Digest, Mapping[str, bytes]]
    verdicts: Mapping[Digest, Verdict]

    @property
    def subjects(self) -> dict[Digest, bytes]:
        """The images' own manifests that the set has."""
        found = {digest: files.get(directory.SUBJECT) for digest, files in self.entries.items()}
        return {digest: content for digest, content in found.items() if content is not None}

    def tags(self, digest: Digest) -> tuple[str, ...]:
        """The tags that an entry moves."""
        entry = self.verdicts[digest].entry
        return entry.tags if entry else ()

    def signatures(self, digest: Digest) -> dict[str, bytes]:
        """An entry's MANIFEST and blobs."""
        return {n: c for n, c in self.entries[digest].items() if _is_of_signatures(n)}

    def unsigned_by(self, key: str | None) -> tuple[Digest, ...]:
        """The digests that a key, by its fingerprint, has not signed."""
        return tuple(
            digest
            for digest, verdict in self.verdicts.items()
            if key is None or key not in {s.key for s in verdict.signatures if s.valid}
        )


def read(root: Path, name: str, trust: Trust, now: datetime) -> OpenSet:
    """Read a set and judge it by steps 1 to 10, without other sets.

    Raises UsageError (GS2007) where there is none, Refused where it does not pass: nobody is asked
    to sign beside what is bad.
    """
    worktree = Worktree(root)
    worktree.put_back()
    if name not in worktree.sets()[0]:
        raise UsageError(codes.NO_SET, f"there is no set {name!r} in {root}")
    found = worktree.read_set(name)
    if found.strays or not found.entries:
        raise _unfit(f"{name} has {', '.join(found.strays) or 'no entry'}")
    verdicts = verify_set(
        [verify(f"{name}/{each}", files, trust, now=now) for each, files in found.entries.items()],
        trust.policy,
        Ledger(),
    )
    for failure in (failure for verdict in verdicts for failure in verdict.failures):
        raise Refused(failure.code, failure.message, file=failure.file)
    contents: dict[Digest, dict[str, bytes]] = {}
    for each, files in found.entries.items():
        read_whole = {file: it.content for file, it in files.items() if it.content is not None}
        contents[directory.digest_of(each)] = read_whole
    return OpenSet(name, contents, dict(zip(contents, verdicts, strict=True)))


def chosen(open_set: OpenSet, image: Reference, source: Source) -> list[Subject]:
    """What is signed: the image, and of what it lists whatever the set has, in that order.

    Raises UsageError (GS1322) for a set that has something else too, or not the image; Refused
    (GS1307, GS1308) where a manifest is not there.
    """
    digest = image.digest
    if digest is None or digest not in open_set.entries:
        raise _unfit(f"{open_set.name} has no entry for {image}")
    for each, verdict in open_set.verdicts.items():
        if verdict.entry is None or verdict.entry.image.name != image.name:
            raise _unfit(f"{open_set.name} is about another repository too: see {each}")
    top = source.read(digest)
    if top is None:
        raise Refused(codes.NOT_SIGNABLE, source.lacks(digest))

    def read_of_set(each: Digest) -> Image | None:
        return source.read(each) if each in open_set.entries else None

    found = [Subject(digest, "index" if top.children else "image", top)]
    for child, manifest in descend(read_of_set, top, attestations=True):
        if manifest is not None:
            found.append(Subject(child.digest, child.platform, manifest))
        elif child.digest in open_set.entries:
            message = f"{child.platform}: {source.lacks(child.digest)}"
            raise Refused(codes.SUBJECT_MISSING, message)
    for each in open_set.entries.keys() - {subject.digest for subject in found}:
        raise _unfit(f"{open_set.name} has {each}, which {image} does not list")
    return found


def check_added(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """The signatures that were there are there, as they were, and one more; raises Refused."""
    old, new = (
        SignatureManifest.parse(each[directory.MANIFEST]).layers for each in (before, after)
    )
    if new[: len(old)] != old or len(new) != len(old) + 1:
        message = f"of {len(old)} signatures cosign made {len(new)}, or others"
        raise Refused(codes.COSIGN_FAILED, message, fix="The set is as it was.")


def united(
    open_set: OpenSet, signed: Mapping[Digest, Mapping[str, bytes]]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each entry of the set by its name, with its new signatures where it has some."""
    for digest, files in open_set.entries.items():
        new = signed.get(digest)
        kept = {n: c for n, c in files.items() if new is None or not _is_of_signatures(n)}
        yield digest.hex, {**kept, **(new or {})}


def _is_of_signatures(name: str) -> bool:
    return name in (directory.MANIFEST, directory.CONFIG_BLOB) or name.startswith(
        directory.PAYLOAD_BLOB
    )


def _unfit(message: str) -> UsageError:
    return UsageError(codes.ADD_TO_UNFIT, message)
