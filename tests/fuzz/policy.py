"""Policies: YAML with one reading, and a policy that is wholly understood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import yaml

from ghcr_signer.core import codes, limits, policy_file, strict_yaml
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.policy import Policy
from ghcr_signer.core.reference import Reference
from tests import pyyaml
from tests.fuzz import real
from tests.fuzz.mutation import from_seeds, of_lines
from tests.fuzz.ours import ALICE, BOB
from tests.fuzz.reading import accepted

_BOUNDED = """\
version: 1
rules:
- name: app
  images: [{glob: ghcr.io/acme/**}]
  authorities:
  - name: alice
    key:
      path: keys/alice.pub
      notBefore: 2026-01-01T00:00:00Z
      rotateAfter: 2026-12-01T00:00:00.5Z
      notAfter: 2027-01-01T02:00:00+02:00
"""
_TWO = """\
version: 1
rules:
- name: app
  images: [{glob: 'localhost:5000/*/app'}, {glob: ghcr.io/a}]
  authorities:
  - {name: a, key: {path: keys/alice.pub}}
  - {name: b, key: {path: bob.pub, revoked: {from: 2026-06-01T00:00:00Z, reason: x}}}
  threshold: 2
  everySignature: any
  transparencyLog: optional
"""
_REST = """\
version: 1
trustedRoot: log/root.json
rules:
- name: app
  images:
  - glob: ghcr.io/*
  authorities: [{name: a, key: {path: bob.pub}}]
  platforms: required
  dockerReference: ignore
  annotations: {env: prod}
  tags: [latest, 'v*']
withdrawn:
- {digest: 'sha256:DIGEST', date: 2026-07-01T00:00:00Z, reason: x}
""".replace("DIGEST", "0" * 64)


def seeds() -> Iterator[bytes]:
    for text in (_BOUNDED, _TWO, _REST):
        yield text.encode()
        yield json.dumps(yaml.load(text, yaml.BaseLoader)).encode()
        yield yaml.safe_dump(yaml.safe_load(text)).encode()
    yield b"version: 1\nrules: [{name: x, images: [], authorities: []}] # a comment\n"
    yield b"a: |\n  b\n  c\nd: >-\n  e\n\n  f\n? g\n: \"\\u0041\\\n  b\"\n'h': [1, true, -7, 010]\n"


mutate = from_seeds(of_lines, seeds)


def run(data: bytes) -> None:
    document = accepted(lambda: strict_yaml.loads(data))
    if document is None:
        return
    assert pyyaml.libyaml_reads_likewise(document, data.decode())
    if len(data) < 200:  # it is slow, and its own events are what was read
        assert pyyaml.reads_likewise(document, data.decode())
    found = accepted(lambda: policy_file.parse(data, _read))
    if found is not None:
        _require_whole(*found)


def _read(path: str, limit: int) -> bytes:
    assert limit == limits.KEY_BYTES
    _require_beside(path)
    keys = {"keys/alice.pub": ALICE.pem, "bob.pub": BOB.pem, "real.pub": real.key()}
    if path not in keys:
        raise UsageError(codes.USAGE, "no such file", file=path)
    return keys[path]


def _require_whole(policy: Policy, root: str | None) -> None:
    if root is not None:
        _require_beside(root)
    names = [rule.name for rule in policy.rules]
    assert names
    assert len(set(names)) == len(names)
    for rule in policy.rules:
        assert 1 <= rule.threshold <= len({each.key for each in rule.authorities})
        assert len(rule.authorities) == len({each.name for each in rule.authorities})
        for glob in rule.images:
            host, _, repository = glob.partition("/")
            assert host
            assert "*" not in host
            assert repository
        hosts = {glob.partition("/")[0] for glob in rule.images}
        for host in ("ghcr.io", "ghcr.io.evil.example", "xghcr.io", "ghcr.io:5000"):
            assert host in hosts or not rule.covers(Reference.parse(f"{host}/acme/app"))
        rule.lets_move("latest")
        for each in rule.authorities:
            _require_in_order(each.not_before, each.rotate_after, each.not_after)
            _require_in_order(each.revoked and each.revoked.start)
    for withdrawal in policy.withdrawn.values():
        _require_in_order(withdrawal.date)


def _require_in_order(*instants: datetime | None) -> None:
    known = [instant for instant in instants if instant is not None]
    assert known == sorted(set(known))
    assert all(instant.tzinfo is UTC for instant in known)


def _require_beside(path: str) -> None:
    assert not path.startswith("/")
    assert "\\" not in path
    assert not {"", ".", ".."} & set(path.split("/"))
    assert ":" not in path.split("/")[0]
