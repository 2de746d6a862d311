"""A policy is understood wholly, or refused."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.forge import Signer

from ghcr_signer.core import codes, limits, policy_file
from ghcr_signer.core.errors import GhcrSignerError, Refused, UsageError
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import (
    DockerReference,
    EverySignature,
    Policy,
    Requirement,
    Revocation,
    Withdrawal,
)
from ghcr_signer.core.reference import Digest, Reference

ALICE, BOB = Signer(), Signer()
FILES = {
    "keys/alice.pub": ALICE.pem,
    "keys/bob.pub": BOB.pem,
    "keys/alice-again.pub": b"\n" + ALICE.pem,
}
HEX = "ab" * 32
FULL = f"""\
version: 1
trustedRoot: log/trusted_root.json
rules:
- name: app
  images: [{{glob: ghcr.io/acme/**}}, {{glob: 'localhost:5000/*/app'}}]
  authorities:
  - name: alice
    key:
      path: keys/alice.pub
      notBefore: 2026-01-01T00:00:00Z
      notAfter: 2027-01-01T02:00:00+02:00
      rotateAfter: 2026-12-01T00:00:00.5Z
  - name: bob
    key: {{path: keys/bob.pub, revoked: {{from: 2026-06-01T00:00:00Z, reason: lost}}}}
  threshold: 2
  everySignature: any
  transparencyLog: optional
  dockerReference: ignore
  platforms: required
  annotations: {{env: prod, build: '7'}}
  tags: [latest, 'v*']
  freshness: 400d
withdrawn:
- {{digest: 'sha256:{HEX}', date: 2026-07-01T00:00:00Z, reason: broken build}}
"""


def read(path: str, limit: int) -> bytes:
    assert limit == limits.KEY_BYTES
    if path not in FILES:
        raise UsageError(codes.USAGE, "no such file", file=path)
    return FILES[path]


def parse(text: str) -> Policy:
    return policy_file.parse(text.encode(), read)[0]


def small(**further: Any) -> dict[str, Any]:
    """A policy of one rule, which says as little as it may, and what is given."""
    authority = {"name": "alice", "key": {"path": "keys/alice.pub"}}
    rule = {"name": "app", "images": [{"glob": "ghcr.io/acme/app"}], "authorities": [authority]}
    return {"version": 1, "rules": [rule | further]}


def refusal(document: Any) -> GhcrSignerError:
    with pytest.raises(GhcrSignerError) as refused:
        parse(document if isinstance(document, str) else json.dumps(document))
    return refused.value


def malformed(document: Any) -> str:
    refused = refusal(document)
    assert isinstance(refused, Refused)
    assert refused.failure.code is codes.POLICY_MALFORMED
    assert refused.failure.code.exit_code == 2
    return str(refused)


def test_every_word_has_its_meaning() -> None:
    policy, root = policy_file.parse(FULL.encode(), read)
    assert root == "log/trusted_root.json"
    (rule,) = policy.rules
    alice, bob = rule.authorities
    assert rule.images == ("ghcr.io/acme/**", "localhost:5000/*/app")
    assert (alice.name, alice.key) == ("alice", PublicKey.from_pem(ALICE.pem))
    assert alice.not_before == datetime(2026, 1, 1, tzinfo=UTC)
    assert alice.not_after == datetime(2027, 1, 1, tzinfo=UTC)
    assert alice.rotate_after == datetime(2026, 12, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert alice.revoked is None
    assert bob.revoked == Revocation(datetime(2026, 6, 1, tzinfo=UTC), "lost")
    assert (rule.name, rule.threshold, rule.tags) == ("app", 2, ("latest", "v*"))
    assert rule.every_signature is EverySignature.ANY
    assert rule.transparency_log is Requirement.OPTIONAL
    assert rule.docker_reference is DockerReference.IGNORE
    assert rule.platforms is Requirement.REQUIRED
    assert rule.annotations == {"env": "prod", "build": "7"}
    assert rule.freshness == timedelta(days=400)
    when = datetime(2026, 7, 1, tzinfo=UTC)
    assert policy.withdrawn == {Digest(HEX): Withdrawal(when, "broken build")}


def test_what_is_not_said_is_strict() -> None:
    policy, root = policy_file.parse(json.dumps(small()).encode(), read)
    (rule,) = policy.rules
    assert root is None
    assert policy.withdrawn == {}
    assert (rule.threshold, rule.annotations, rule.tags) == (1, {}, ("latest",))
    assert rule.every_signature is EverySignature.VALID
    assert rule.transparency_log is Requirement.REQUIRED
    assert rule.docker_reference is DockerReference.MATCH
    assert rule.platforms is Requirement.OPTIONAL
    rule.authorities[0].require_at(None)  # it counts for ever


def test_a_key_that_is_revoked_without_an_instant_never_counted() -> None:
    key = {"path": "keys/bob.pub", "revoked": {"reason": "stolen"}}
    (rule,) = parse(json.dumps(small(authorities=[{"name": "bob", "key": key}]))).rules
    assert rule.authorities[0].revoked == Revocation(None, "stolen")


def with_key(**words: Any) -> dict[str, Any]:
    key = {"path": "keys/alice.pub"} | words
    return small(authorities=[{"name": "alice", "key": key}])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("a: [", "it is not YAML"),
        ("a: &x b", "line 1: an anchor"),
        ([], "no mapping"),
        ("text", "no mapping"),
        ({"version": 1}, "'rules' is a required property"),
        ({"version": 1, "rules": []}, "at rules"),
        (small() | {"version": 2}, "version: 1"),
        (small() | {"version": "1"}, "version: 1"),
        (small() | {"version": True}, "version: 1"),
        (small() | {"rule": []}, "'rule' was unexpected"),
        (small(treshold=2), "'treshold' was unexpected"),
        (small(images=[]), "at rules/0/images"),
        (small(images=["ghcr.io/acme/app"]), "at rules/0/images/0"),
        (small(authorities=[]), "at rules/0/authorities"),
        (small(authorities=[{"name": "alice"}]), "an authority has a key"),
        (small(authorities=[{"name": "a", "keyless": {"identities": []}}]), "takes keys only"),
        (small(attestations=["https://spdx.dev/Document"]), "cannot judge attestations"),
        *(
            (small(freshness=bad), "give a number of days, such as 400d")
            for bad in ("400", "0d", "-1d", "400 d", "1y", "99999d", "400d\n", "٤d")
        ),
        (small(freshness=400), "400 is not of type 'string'"),
        (small(threshold=0), "at rules/0/threshold"),
        (small(threshold=True), "at rules/0/threshold"),
        (small(threshold=2), "the rule 'app' wants 2 of 1 authorities"),
        (small(everySignature="all"), "at rules/0/everySignature"),
        (small(transparencyLog=False), "at rules/0/transparencyLog"),
        (small(annotations={"build": 7}), "7 is not of type 'string'"),
        (small(name="a\nb"), "it has a line break"),
        (small(name=""), "at rules/0/name"),
        (small(name="x" * 101), "at rules/0/name"),
        ({"version": 1, "rules": small()["rules"] * 2}, "two rules are named 'app'"),
        (with_key(notBefore="2026-01-01"), "give date, time and zone"),
        (with_key(notBefore="2026-01-01T00:00:00"), "give date, time and zone"),
        (with_key(notBefore="2026-01-01 00:00:00Z"), "give date, time and zone"),
        (with_key(notBefore="2026-01-01T00:00Z"), "give date, time and zone"),
        (with_key(notBefore="2026-02-30T00:00:00Z"), "there is no instant"),
        (with_key(notBefore="2026-01-01T00:00:00+24:00"), "there is no instant"),
        (with_key(notBefore="0001-01-01T00:00:00+01:00"), "there is no instant"),
        (with_key(notBefore="2026-01-01T00:00:00Z\n"), "line break"),
        (with_key(revoked=True), "at rules/0/authorities/0/key/revoked"),
        (with_key(revoked={"from": "2026-01-01T00:00:00Z"}), "'reason' is a required"),
        (
            with_key(notBefore="2026-01-01T00:00:00Z", notAfter="2026-01-01T01:00:00+01:00"),
            "follow one another",
        ),
        (
            with_key(rotateAfter="2026-02-01T00:00:00Z", notAfter="2026-01-01T00:00:00Z"),
            "follow one another",
        ),
        (
            with_key(notBefore="2026-02-01T00:00:00Z", rotateAfter="2026-01-01T00:00:00Z"),
            "follow one another",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_wholly_well_is_refused(document: Any, words: str) -> None:
    assert words in malformed(document)


@pytest.mark.parametrize(
    "path",
    [
        *("../alice.pub", "keys/../../alice.pub", "/keys/alice.pub", "keys//alice.pub", "keys/"),
        *("keys\\alice.pub", "C:/alice.pub", "./alice.pub", "a/./b", ".."),
    ],
)
def test_a_path_stays_beside_the_policy(path: str) -> None:
    assert "is not a path beside the policy" in malformed(with_key(path=path))
    assert "is not a path beside the policy" in malformed(small() | {"trustedRoot": path})


@pytest.mark.parametrize(
    ("glob", "words"),
    [
        ("**", "write the host out"),
        ("*", "write the host out"),
        ("*/acme/app", "write the host out"),
        ("*.io/acme/app", "write the host out"),
        ("ghcr.io*/acme/app", "write the host out"),
        ("localhost:*/acme/app", "write the host out"),
        ("**/app", "write the host out"),
        ("ghcr.io/acme**", "only as whole segments"),
        ("ghcr.io/acme/app**", "only as whole segments"),
        ("ghcr.io/**acme/app", "only as whole segments"),
        ("ghcr.io/acme/***", "only as whole segments"),
        ("ghcr.io/acme/**/**a", "only as whole segments"),
        ("ghcr.io/*/*/*/*", "more than 3 wildcards"),
        ("ghcr.io/acme/*a*b*c*d", "more than 3 wildcards"),
        ("ghcr.io", "matches no image"),
        ("ghcr.io/", "matches no image"),
        ("acme/app", "matches no image"),
        ("GHCR.io/acme/app", "matches no image"),
        ("ghcr.io/Acme/app", "matches no image"),
        ("https://ghcr.io/acme/app", "matches no image"),
        ("ghcr.io/acme//app", "matches no image"),
        ("ghcr.io/acme/../app", "matches no image"),
        ("ghcr.io/acme/?pp", "matches no image"),
        ("ghcr.io/acme/[ab]", "matches no image"),
        ("ghcr.io/acme/app ", "matches no image"),
        ("ghcr.io/acmé/app", "matches no image"),
        ("ghcr.io/acme/app:v1", "names a tag or a digest"),
        ("ghcr.io/acme/app:*", "names a tag or a digest"),
        (f"ghcr.io/acme/app@sha256:{HEX}", "names a tag or a digest"),
    ],
)
def test_a_glob_that_takes_in_too_much_or_nothing_is_refused(glob: str, words: str) -> None:
    assert words in malformed(small(images=[{"glob": glob}]))


@pytest.mark.parametrize(
    ("glob", "covered", "not_covered"),
    [
        ("ghcr.io/acme/**", "ghcr.io/acme/a/b", "ghcr.io/acme-evil/a"),
        ("ghcr.io/acme/*", "ghcr.io/acme/a", "ghcr.io/acme/a/b"),
        ("ghcr.io/acme/app-*", "ghcr.io/acme/app-x", "ghcr.io/acme/app"),
        ("ghcr.io/**/app", "ghcr.io/acme/x/app", "ghcr.io/acme/x"),
        ("localhost:5000/*", "localhost:5000/app", "localhost:5001/app"),
        ("[::1]:5000/**", "[::1]:5000/acme/app", "[::2]:5000/acme/app"),
    ],
)
def test_a_glob_matches_whole(glob: str, covered: str, not_covered: str) -> None:
    policy = parse(json.dumps(small(images=[{"glob": glob}])))
    assert policy.rules_for(Reference.parse(covered))
    assert not policy.rules_for(Reference.parse(not_covered))


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("**", "write * for any"),
        ("v/1", "matches nothing"),
        ("-x", "matches nothing"),
        ("v 1", "matches nothing"),
        ("x" * 129, "matches nothing"),
        (f"sha256-{HEX}", "matches nothing"),
        (f"sha256-{HEX}.*", "matches nothing"),
        ("*a*b*c*", "more than 3 wildcards"),
    ],
)
def test_a_tag_that_no_set_may_move_is_refused(tag: str, words: str) -> None:
    assert words in malformed(small(tags=[tag]))


def test_no_tags_at_all_are_a_choice() -> None:
    (rule,) = parse(json.dumps(small(tags=[]))).rules
    assert not rule.lets_move("latest")


def authorities(*paths: str, names: str = "abc") -> list[dict[str, Any]]:
    return [{"name": n, "key": {"path": p}} for n, p in zip(names, paths, strict=False)]


def test_one_key_in_two_authorities_of_a_rule_is_refused() -> None:
    for twice in ("keys/alice.pub", "keys/alice-again.pub"):
        refused = refusal(small(authorities=authorities("keys/alice.pub", twice), threshold=2))
        assert refused.failure.code is codes.KEY_UNUSABLE
        assert "'app' names one key twice" in str(refused)


def test_one_name_for_two_authorities_of_a_rule_is_refused() -> None:
    document = small(authorities=authorities("keys/alice.pub", "keys/bob.pub", names="aa"))
    assert "two authorities: 'a'" in malformed(document)


def test_one_digest_withdrawn_twice_is_refused() -> None:
    withdrawal = {"digest": f"sha256:{HEX}", "date": "2026-07-01T00:00:00Z", "reason": "x"}
    assert "withdrawn twice" in malformed(small() | {"withdrawn": [withdrawal, withdrawal]})
    for digest in (f"sha256:{HEX}0", f"SHA256:{HEX}", HEX, f"sha512:{HEX}", f"sha256:{HEX}\n"):
        assert "at withdrawn/0/digest" in malformed(
            small() | {"withdrawn": [withdrawal | {"digest": digest}]}
        )


def test_a_key_that_is_missing_or_none_refuses_the_policy_and_is_not_echoed() -> None:
    missing = refusal(small(authorities=authorities("keys/carol.pub"))).failure
    assert (missing.code, missing.file) == (codes.USAGE, "keys/carol.pub")
    FILES["keys/secret"] = b"-----BEGIN PRIVATE KEY-----\nSECRET"
    none = refusal(small(authorities=authorities("keys/secret"))).failure
    assert (none.code, none.file) == (codes.KEY_UNUSABLE, "keys/secret")
    assert "SECRET" not in none.message


def test_a_key_in_the_policy_s_place_is_not_echoed() -> None:
    said = malformed("-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n")
    assert "SECRET" not in said


def test_a_file_is_read_once_however_often_it_is_named() -> None:
    document = small()
    document["rules"] = [{**document["rules"][0], "name": f"{number}"} for number in range(9)]
    paths: list[str] = []
    policy_file.parse(
        json.dumps(document).encode(), lambda path, limit: paths.append(path) or read(path, limit)
    )
    assert paths == ["keys/alice.pub"]


WORDS = st.sampled_from(
    [None, True, 0, -1, 2, "", "x", "latest", "2026-01-01T00:00:00Z", "\n", [], {}, [{}], "**"]
)


@given(data=st.data())
def test_any_change_to_a_policy_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    document = yaml.load(FULL, yaml.BaseLoader)
    document["version"], document["rules"][0]["threshold"] = 1, 2
    at, last = document, None
    while isinstance(at, dict | list) and at and (last is None or data.draw(st.booleans())):
        parent = at
        last = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        at = at[last]
    parent[last] = data.draw(WORDS)
    try:
        policy = parse(json.dumps(document))
    except (Refused, UsageError):
        return
    assert all(rule.images and rule.authorities for rule in policy.rules)
    assert all(rule.threshold <= len(rule.authorities) for rule in policy.rules)
