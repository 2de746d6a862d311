"""The review: what merging a change does, by what is in git."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forge import NOW, SET, Log, Signer, entry
from tests.peers import images
from tests.shared import dangerzone
from tests.trust import authority, rule, trust

from ghcr_signer.core import limits
from ghcr_signer.core.directory import parse_set_name, regular, set_name
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.ledger import Declared, Ledger, last_movers, verify_set
from ghcr_signer.core.log_entry import LogPosition
from ghcr_signer.core.policy import Authority, EverySignature, Revocation, Rule, Trust, Withdrawal
from ghcr_signer.core.reference import Digest
from ghcr_signer.core.review import Move, Quorum, Review, Reviewed, Seen, Standing, State
from ghcr_signer.core.reviewing import log_link, review
from ghcr_signer.core.trusted_root import public_good
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify

ALICE, BOB, CAROL, LOG = Signer(), Signer(), Signer(), Log()
APP = "ghcr.io/acme/app"
OLD, LATER = "2026-10-01T12:00:00+00:00", "2026-11-20T13:00:00+00:00"
IMAGE = images.build(attestations=True)
AT_OLD = Digest.of(b"what the tag points at")


def app_rule(**members: Any) -> Rule:
    everybody = (authority(ALICE, "alice"), authority(BOB, "bob"), authority(CAROL, "carol"))
    return rule(*everybody, **{"name": "app", **members})


def trusting(*rules: Rule, **more: Any) -> Trust:
    return trust(*(rules or (app_rule(),)), root=LOG.trusted_root(), **more)


class Change:
    """Entries of new sets, and the manifests beside them."""

    def __init__(self, trust: Trust | None = None) -> None:
        self.trust = trust or trusting()
        self.verdicts: list[Verdict] = []
        self.subjects: dict[str, bytes] = {}
        self.merged: list[Verdict] = []
        self.declared: list[Declared] = []

    def add(
        self,
        name: bytes = b"an image",
        *,
        subject: bytes | None = None,
        signers: Sequence[Signer] = (ALICE,),
        set_name: str = SET,
        repository: str = APP,
        tags: Sequence[str] = (),
        **optional: str,
    ) -> str:
        """An entry of an image that is `subject`, or that nothing is known of; its path."""
        digest = Digest.of(subject if subject is not None else name).hex
        _, files = entry(signers, repository, digest, log=LOG, tags=tags, optional=optional)
        path = f"{set_name}/{digest}"
        self.verdicts.append(verify(path, regular(files), self.trust, now=NOW))
        if subject is not None:
            self.subjects[path] = subject
        return path

    def add_index(self, image: images.Image = IMAGE, **more: Any) -> str:
        path = self.add(subject=image.index.content, **more)
        for platform in image.platforms:
            self.add(subject=platform.content)
        return path

    @property
    def review(self) -> Review:
        judged = verify_set(self.verdicts, self.trust.policy, Ledger())
        given = (judged, self.merged, last_movers(self.declared), self.subjects, "SIGNATURES")
        return review(*given, policy=self.trust.policy, now=NOW)

    @property
    def image(self) -> Reviewed:
        """The only one."""
        (image,) = self.review.images
        return image


def declared(tag: str = "latest", set_name: str = OLD, digest: Digest = AT_OLD) -> Declared:
    return Declared(set_name, APP, digest, (tag,))


# Tags


def test_a_tag_moves_from_where_the_last_merged_set_put_it() -> None:
    change = Change()
    path = change.add(tags=["v1", "latest"])
    earlier = declared(set_name="2026-09-01T12:00:00+00:00", digest=Digest.of(b"before that"))
    change.declared = [declared(), earlier]
    after = Digest(path.rpartition("/")[2])
    assert change.review.moves == (
        Move(APP, "latest", AT_OLD, OLD, State.GOOD, after, path),
        Move(APP, "v1", None, "", State.GOOD, after, path),
    )
    assert change.review.moving == change.review.moves


def test_a_tag_that_points_there_already_stays() -> None:
    change = Change()
    path = change.add(tags=["latest"])
    change.declared = [declared(digest=Digest(path.rpartition("/")[2]))]
    assert change.review.moves[0].stays
    assert change.review.moving == ()


def test_what_moves_is_told_before_all_that_stays() -> None:
    """Else a crowd of tags that stay would fold the one away that moves."""
    change = Change()
    stay = [f"a{number}" for number in range(30)]
    digest = Digest(change.add(tags=[*stay, "latest", "v1"]).rpartition("/")[2])
    change.declared = [declared(tag, digest=digest) for tag in (*stay, "latest")]
    assert [move.tag for move in change.review.moves] == ["v1", "latest", *sorted(stay)]


@pytest.mark.parametrize("state", [State.GOOD, State.RETIRED, State.WITHDRAWN])
def test_it_is_said_what_became_of_the_set_that_moved_it(state: State) -> None:
    gone = {AT_OLD: Withdrawal(NOW, "broken")} if state is State.WITHDRAWN else {}
    change = Change(trusting(withdrawn=gone))
    change.add(tags=["latest"])
    change.declared = [declared()]
    signer = Signer() if state is State.RETIRED else ALICE
    _, files = entry([signer], APP, AT_OLD.hex, log=LOG, tags=["latest"])
    found = verify(f"{OLD}/{AT_OLD.hex}", regular(files), change.trust, now=NOW)
    change.merged = list(verify_set([found], change.trust.policy, Ledger()))
    assert [move.state for move in change.review.moves] == [state]


_INSTANTS = st.integers(0, 5).map(
    lambda n: set_name(parse_set_name(SET) + timedelta(seconds=n), colons=n % 2 == 0)
)
_TAGS = st.lists(st.sampled_from(["latest", "v1", "v2"]), unique=True, max_size=3)
_BEFORE = st.integers(1, 5).map(
    lambda n: set_name(parse_set_name(SET) - timedelta(days=n), colons=True)
)
ONE = Change()
ONE.add()


@given(
    st.dictionaries(_BEFORE, _TAGS).map(dict.items),
    st.dictionaries(_INSTANTS, _TAGS, max_size=4).map(lambda sets: sorted(sets.items())),
)
def test_moves_are_what_the_sets_do_one_after_another(
    before: Any, new: list[tuple[str, list[str]]]
) -> None:
    (found,) = verify_set(ONE.verdicts, ONE.trust.policy, Ledger())
    at: dict[str, Digest] = {}
    now: dict[str, Digest] = {}
    verdicts = []
    for name, tags in sorted(before):
        at |= dict.fromkeys(tags, Digest.of(name.encode()))
    for name, tags in new:
        digest = Digest.of(name.encode())
        moving = replace(found.passed_entry, set_name=name, tags=tuple(tags), digest=digest)
        verdicts.append(replace(found, path=f"{name}/{digest.hex}", entry=moving))
        now |= dict.fromkeys(tags, digest)
    merged = [Declared(name, APP, Digest.of(name.encode()), tuple(tags)) for name, tags in before]
    given = (verdicts, [], last_movers(merged), {}, "SIGNATURES")
    moves = review(*given, policy=ONE.trust.policy, now=NOW).moves
    assert {move.tag: (move.before, move.after) for move in moves} == {
        tag: (at.get(tag), digest) for tag, digest in now.items()
    }
    assert len(moves) == len(now)


# Images and their platforms


def test_an_index_and_its_platforms_are_one_image() -> None:
    change = Change()
    path = change.add_index()
    image = change.image
    assert (image.path, image.entries, image.passed, image.is_known) == (path, 3, True, True)
    assert [(each.name, each.here) for each in image.platforms] == [
        ("linux/amd64", True),
        ("linux/arm64", True),
    ]


def test_a_platform_that_nobody_signed_is_told_first() -> None:
    change = Change()
    change.add(subject=IMAGE.index.content)
    change.add(subject=IMAGE.platforms[0].content)
    assert [(each.name, each.here) for each in change.image.platforms] == [
        ("linux/arm64", False),
        ("linux/amd64", True),
    ]


@pytest.mark.parametrize(
    "more",
    [{"signers": [BOB]}, {"signers": [ALICE, BOB]}, {"tags": ["v1"]}, {"env": "test"}],
    ids=["another signer", "one more signer", "a tag", "an annotation"],
)
def test_a_platform_that_is_signed_otherwise_has_a_row_of_its_own(more: dict[str, Any]) -> None:
    change = Change()
    change.add(subject=IMAGE.index.content)
    odd = change.add(subject=IMAGE.platforms[0].content, **more)
    assert [image.path for image in change.review.images][1:] == [odd]


def test_nor_is_one_that_fails_hidden_by_an_index_that_passes() -> None:
    change = Change()
    change.add(subject=IMAGE.index.content)
    odd = change.add(subject=IMAGE.platforms[0].content, signers=[Signer()])
    assert [(image.path, image.passed) for image in change.review.images][1:] == [(odd, False)]


def test_a_platform_of_another_repository_or_set_is_not_the_index_s() -> None:
    for more in ({"repository": f"{APP}2"}, {"set_name": LATER}):
        change = Change()
        change.add(subject=IMAGE.index.content)
        change.add(subject=IMAGE.platforms[0].content, **more)
        assert len(change.review.images) == 2
        assert not any(each.here for each in change.review.images[0].platforms)


def listing(*manifests: images.Manifest) -> bytes:
    """An index of these."""
    listed = [
        {
            "mediaType": each.media_type,
            "digest": each.digest,
            "size": len(each.content),
            **({"platform": {"os": "linux", "architecture": "s390x"}} if each.blobs else {}),
        }
        for each in manifests
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": listed}).encode()


def test_an_index_in_an_index_is_followed_as_far_as_it_is_known() -> None:
    top = listing(IMAGE.index, IMAGE.platforms[0])
    change = Change()
    change.add(subject=top)
    change.add_index()
    assert change.image.entries == 4
    assert {each.name for each in change.image.platforms} == {"linux/s390x", "linux/arm64"}


def test_without_subject_nothing_is_said_of_platforms() -> None:
    change = Change()
    change.add()
    assert (change.image.is_known, change.image.platforms) == (False, ())


def test_a_subject_that_is_no_image_is_as_good_as_none() -> None:
    change = Change()
    change.add(subject=b"{}")
    assert not change.image.is_known


def test_much_is_counted_and_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    change = Change()
    digests = [Digest.of(b"%d" % number) for number in range(60)]
    index = json.loads(IMAGE.index.content)
    index["manifests"] = [{**index["manifests"][0], "digest": str(digest)} for digest in digests]
    change.add(subject=json.dumps(index).encode(), **{f"a{n}": "x" * 300 for n in range(60)})
    image = change.image
    assert (len(image.platforms), image.platform_count) == (50, 60)
    assert (len(image.annotations), image.annotation_count) == (50, 60)
    assert max(len(value) for _, value in image.annotations) == 201
    monkeypatch.setattr(limits, "CHANGE_ENTRIES", 1)
    change.add()
    assert (len(change.review.images), change.review.more) == (1, 1)


# Who signed


def test_who_is_missing_is_told_where_more_must_sign() -> None:
    change = Change(trusting(app_rule(threshold=2)))
    change.add(signers=[BOB])
    assert change.image.quorums == (Quorum("app", 2, ("bob",), ("alice", "carol")),)
    assert not change.image.quorums[0].met
    change = Change(trusting(app_rule(threshold=2)))
    change.add(signers=[CAROL, ALICE])
    assert change.image.quorums == (Quorum("app", 2, ("alice", "carol"), ()),)
    assert change.image.quorums[0].met


def test_whoever_cannot_sign_any_more_is_not_missed() -> None:
    gone = Revocation(NOW - timedelta(days=1), "lost")
    authorities = (
        authority(ALICE, "alice"),
        authority(BOB, "bob", revoked=gone),
        authority(CAROL, "carol", not_after=NOW - timedelta(days=1)),
        authority(Signer(), "dora", not_before=NOW + timedelta(days=1)),
        authority(Signer(), "erin", revoked=Revocation(None, "stolen")),
        authority(Signer(), "fred", revoked=Revocation(NOW + timedelta(days=1), "leaves")),
    )
    change = Change(trusting(rule(*authorities, threshold=2)))
    change.add()
    assert change.image.quorums[0].missing == ("fred",)


def test_each_rule_that_is_asked_is_told() -> None:
    """Also whom the first rule does not know."""
    any_ = EverySignature.ANY
    first = rule(authority(ALICE, "alice"), name="first", every_signature=any_)
    second = rule(authority(BOB, "robert"), name="second", every_signature=any_)
    change = Change(trusting(first, second))
    change.add(signers=[ALICE, BOB])
    assert change.image.passed
    assert [(each.rule, each.signed) for each in change.image.quorums] == [
        ("first", ("alice",)),
        ("second", ("robert",)),
    ]


def test_a_signature_is_told_with_its_place_in_the_log() -> None:
    change = Change()
    change.add(signers=[ALICE, BOB], env="prod")
    first, second = change.image.signatures
    assert (first.authority, second.authority) == ("alice", "bob")
    assert (first.time, second.time) == (NOW, NOW)
    assert first.log is not None
    assert second.log is not None
    assert second.log.index == first.log.index + 1
    assert first.link == ""  # our own log, which no page shows
    assert change.image.annotations == (("env", "prod"),)


def test_the_public_log_alone_is_linked() -> None:
    logs = public_good().logs.values()
    rekor = next(log for log in logs if log.url == "https://rekor.sigstore.dev")
    assert log_link(LogPosition(rekor.id, 7)) == "https://search.sigstore.dev/?logIndex=7"
    others = [log.id for log in logs if log != rekor]
    for other in (*others, LOG.id, "0" * 64):
        assert log_link(LogPosition(other, 7)) == ""


def test_real_entries_are_told_as_they_are() -> None:
    key = PublicKey.from_pem((dangerzone() / "trusted.pub").read_bytes())
    trusted = trust(rule(Authority("freedom of the press", key)))
    name = "2026-04-27T13:43:02+00:00"
    verdicts = []
    for folder in sorted((dangerzone() / "SIGNATURES" / name).iterdir()):
        files = regular({file.name: file.read_bytes() for file in folder.iterdir()})
        verdicts.append(verify(f"{name}/{folder.name}", files, trusted, now=NOW))
    judged = verify_set(verdicts, trusted.policy, Ledger())
    found = review(judged, [], {}, {}, "SIGNATURES", policy=trusted.policy, now=NOW)
    links = {image.signatures[0].link for image in found.images}
    indexes = (1393451680, 1393451708, 1393451733)
    assert links == {f"https://search.sigstore.dev/?logIndex={index}" for index in indexes}
    assert [move.tag for move in found.moves] == ["latest"]


# The registry


@pytest.mark.parametrize(
    ("tags", "standing"),
    [
        ({}, Standing.UNKNOWN),
        ({"latest": AT_OLD}, Standing.AS_EXPECTED),
        ({"latest": None}, Standing.ELSEWHERE),
        ({"latest": Digest.of(b"strange")}, Standing.ELSEWHERE),
        ({"latest": Digest.of(b"an image")}, Standing.THERE),
    ],
)
def test_the_registry_is_compared_with_the_ledger(
    tags: dict[str, Digest | None], standing: Standing
) -> None:
    change = Change()
    change.add(tags=["latest"])
    change.declared = [declared()]
    seen = Seen({(APP, tag): digest for tag, digest in tags.items()}, {}, {}, {})
    assert seen.standing(change.review.moves[0]) is standing
