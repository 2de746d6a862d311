"""Verdicts of a change -> Review: what merging it does, by what is in git."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ghcr_signer.core import codes, image, limits
from ghcr_signer.core.directory import LATEST_TAG, Entry
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.image import Image
from ghcr_signer.core.ledger import Declared, Tag, Unit
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.origin import Origin, cut
from ghcr_signer.core.policy import Policy, Rule
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.review import Move, Platform, Quorum, Review, Reviewed, Signed, State
from ghcr_signer.core.trusted_root import public_good
from ghcr_signer.core.verdict import SignatureVerdict, Verdict

_LISTED = 50  # of one image: platforms, signatures, annotations
_REKOR = "https://rekor.sigstore.dev"


def review(
    verdicts: Sequence[Verdict],
    merged: Collection[Verdict],
    before: Mapping[Tag, Declared],
    subjects: Mapping[str, bytes],
    folder: str,
    *,
    policy: Policy,
    now: datetime,
) -> Review:
    """What merging the judged entries does.

    `before` is which of the base's entries moved each tag last, `merged` are verdicts of those that
    move one of the same tags last; `subjects` gives for paths of both the image's own manifest or
    index, whose digest has been compared.
    """
    known = dict(_parsed(subjects))
    entries = {each.path: (each, each.entry) for each in verdicts if each.entry}
    there = {(entry.image.name, path) for path, (_, entry) in entries.items()}
    groups = list(_grouped(verdicts, known).items())
    images = []
    for path, count in groups[: limits.CHANGE_ENTRIES]:
        verdict, entry = entries[path]
        platforms = _platforms(path, entry.image.name, known, there) if path in known else None
        images.append(_reviewed(verdict, entry, count, platforms, policy, now))
    return Review(
        now,
        folder,
        _moves(verdicts, before, {verdict.path: verdict for verdict in merged}),
        tuple(images),
        len(groups) - len(images),
        dict(_origins(verdicts, before.values(), subjects)),
    )


def quorums(verdict: Verdict, rules: Iterable[Rule], now: datetime) -> Iterator[Quorum]:
    """Who signed an entry under each rule, and who can still where more must."""
    asked = {each.rule: each.names for each in verdict.rules}
    for rule in rules:
        if rule.name in asked:
            signed = asked[rule.name]
            others = [a.name for a in rule.authorities if a.name not in signed and a.counts_at(now)]
            missing = others if len(signed) < max(rule.threshold, 1) else []
            yield Quorum(rule.name, rule.threshold, signed, tuple(missing))


def log_link(position: LogPosition) -> str:
    """Where a browser shows a log entry; "" for any log but sigstore's public one."""
    log = public_good().logs.get(position.log)
    if log is None or log.url != _REKOR:
        return ""
    return f"https://search.sigstore.dev/?logIndex={position.index}"


def _parsed(subjects: Mapping[str, bytes]) -> Iterator[tuple[str, Image]]:
    for path, content in subjects.items():
        try:
            yield path, Image.parse(content)
        except Refused:  # where platforms matter, step 10 has refused it
            continue


def _moves(
    verdicts: Iterable[Verdict], before: Mapping[Tag, Declared], merged: Mapping[str, Verdict]
) -> tuple[Move, ...]:
    """Of several sets that move a tag the last one wins. Those that stay come last: a view has room
    for so many, and a crowd of them could push one that moves out of sight.
    """
    moves: dict[Tag, Move] = {}
    for path, entry in ((each.path, each.entry) for each in verdicts if each.entry):
        for key in ((entry.image.name, tag) for tag in entry.tags):
            last = before.get(key)
            state = _state(merged.get(f"{last.set_name}/{last.digest.hex}")) if last else State.GOOD
            digest, since = (last.digest, last.set_name) if last else (None, "")
            moves[key] = Move(*key, digest, since, state, entry.digest, path)
    order = sorted(moves.values(), key=lambda m: (m.tag != LATEST_TAG, m.repository, m.tag))
    return tuple(sorted(order, key=lambda move: move.stays))


def _state(verdict: Verdict | None) -> State:
    if verdict is None or verdict.passed:
        return State.GOOD
    withdrawn = any(failure.code is codes.WITHDRAWN for failure in verdict.failures)
    return State.WITHDRAWN if withdrawn else State.RETIRED


def _origins(
    verdicts: Iterable[Verdict], before: Iterable[Declared], subjects: Mapping[str, bytes]
) -> Iterator[tuple[Unit, Origin]]:
    units = {verdict.path: verdict.entry.unit for verdict in verdicts if verdict.entry}
    units |= {f"{e.set_name}/{e.digest.hex}": (e.repository, e.digest) for e in before}
    for path, content in subjects.items():
        if path in units:
            yield units[path], Origin.of(image.manifest_labels(content))


def _grouped(verdicts: Sequence[Verdict], known: Mapping[str, Image]) -> dict[str, int]:
    """The path of each image's entry, and how many entries of its platforms go with it: those that
    differ from it in nothing that a reviewer judges.
    """
    entries = {verdict.path: verdict for verdict in verdicts if verdict.entry}
    above: dict[str, str] = {}
    for path, index in entries.items():
        for child in known[path].children if path in known else ():
            below = entries.get(_beside(path, child.digest))
            if below is not None and below is not index and _alike(below, index):
                above.setdefault(below.path, path)
    groups: dict[str, int] = {}
    for path in entries:
        top = path
        while top in above:
            top = above[top]
        groups[top] = groups.get(top, 0) + 1
    return groups


def _alike(below: Verdict, index: Verdict) -> bool:
    """Whether an entry says nothing that its index's does not say: no tags, signed and judged
    alike.
    """
    one, other = below.entry, index.entry
    return (
        one is not None
        and other is not None
        and one.image.name == other.image.name
        and not one.tags
        and {each.code for each in below.failures} == {each.code for each in index.failures}
        and below.rules == index.rules
        and _annotations(below) == _annotations(index)
    )


def _beside(path: str, digest: Digest) -> str:
    """Where the same set would have an entry for another digest."""
    return f"{path.partition('/')[0]}/{digest.hex}"


def _reviewed(
    verdict: Verdict,
    entry: Entry,
    entries: int,
    platforms: Sequence[Platform] | None,
    policy: Policy,
    now: datetime,
) -> Reviewed:
    valid = [each for each in verdict.signatures if each.valid]
    annotations = _annotations(verdict)
    return Reviewed(
        verdict.path,
        entry.image.name,
        entry.digest,
        verdict.passed,
        platforms is not None,
        entries,
        tuple((platforms or ())[:_LISTED]),
        len(platforms or ()),
        tuple(quorums(verdict, policy.rules_for(entry.image), now)),
        tuple(map(_signed, valid[:_LISTED])),
        len(valid),
        tuple((cut(name), cut(value)) for name, value in annotations[:_LISTED]),
        len(annotations),
    )


def _platforms(
    path: str, repository: str, known: Mapping[str, Image], there: Collection[tuple[str, str]]
) -> list[Platform]:
    """What an index lists, and the indexes in it as far as they are known, each digest once; first
    what has no entry. `there` has registry/repository and path of each entry.
    """
    found: dict[Digest, Platform] = {}
    waiting = [path]
    done = set()
    while waiting:
        current = waiting.pop()
        done.add(current)
        for child in known[current].children if current in known else ():
            below = _beside(path, child.digest)
            if child.index and below in known and below not in done:
                waiting.append(below)
            elif not (child.index or child.attestation):
                here = (repository, below) in there
                platform = Platform(cut(child.platform), child.digest, here)
                found.setdefault(child.digest, platform)
    return sorted(found.values(), key=lambda platform: platform.here)


def _signed(signature: SignatureVerdict) -> Signed:
    log = signature.log
    return Signed(signature.authority or "", signature.time, log, log_link(log) if log else "")


def _annotations(verdict: Verdict) -> list[tuple[str, str]]:
    """What valid signatures say besides, each once."""
    claims = [each.claims.annotations for each in verdict.signatures if each.valid and each.claims]
    return sorted({pair for each in claims for pair in each.items()})
