"""policy.yml -> Policy. schemas/policy.schema.json describes its words, docs/policy.md their use.

The schema says what a word may hold; here is what the words must be to each other. Nothing is
ignored and nothing is guessed: a policy that is not wholly understood is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NoReturn

from ghcr_signer.core import codes, limits, schemas, strict_yaml
from ghcr_signer.core.directory import LATEST_TAG
from ghcr_signer.core.errors import Refused, about
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import (
    Authority,
    DockerReference,
    EverySignature,
    Policy,
    Requirement,
    Revocation,
    Rule,
    Withdrawal,
)
from ghcr_signer.core.reference import Digest, Reference, parse_tag

Read = Callable[[str, int], bytes]
"""(a path relative to the policy, the most bytes) -> the file's content."""

_Words = Mapping[str, Any]

_WILDCARD = re.compile(r"\*+")
_CROSSING = re.compile(r"(?:^|/)\*\*(?=/|$)")


def parse(content: bytes, read: Read) -> tuple[Policy, str | None]:
    """The policy with its keys, and the path of the trusted root that it names.

    Raises Refused (GS2017) for a policy that is not wholly well, UsageError (GS2004) for a key;
    and whatever `read` raises.
    """
    document = strict_yaml.loads(content)
    if not isinstance(document, dict):  # and is not echoed: it may be a key
        _refuse("it is no mapping of words")
    try:
        schemas.require("policy", document)
    except Refused as refusal:
        raise Refused(codes.POLICY_MALFORMED, str(refusal)) from None
    words: _Words = document
    once = cache(read)
    rules = tuple(_rule(rule, once) for rule in words["rules"])
    _require_distinct((rule.name for rule in rules), "two rules are named")
    _require_distinct((each["digest"] for each in words.get("withdrawn", ())), "withdrawn twice:")
    withdrawn = {
        Digest.parse(each["digest"]): Withdrawal(_instant(each["date"]), each["reason"])
        for each in words.get("withdrawn", ())
    }
    root = words.get("trustedRoot")
    return Policy(rules, withdrawn), None if root is None else _path(root)


def _rule(words: _Words, read: Read) -> Rule:
    name = words["name"]
    authorities = tuple(_authority(each, read) for each in words["authorities"])
    _require_distinct((each.name for each in authorities), f"in the rule {name!r} two authorities:")
    threshold = words.get("threshold", 1)
    if threshold > len(authorities):
        _refuse(f"the rule {name!r} wants {threshold} of {len(authorities)} authorities")
    return Rule(
        name,
        tuple(_image_glob(image["glob"]) for image in words["images"]),
        authorities,
        threshold,
        EverySignature(words.get("everySignature", "valid")),
        Requirement(words.get("transparencyLog", "required")),
        DockerReference(words.get("dockerReference", "match")),
        Requirement(words.get("platforms", "optional")),
        words.get("annotations", {}),
        tuple(_tag_glob(tag) for tag in words.get("tags", (LATEST_TAG,))),
        timedelta(days=int(words["freshness"][:-1])) if "freshness" in words else None,
    )


def _authority(words: _Words, read: Read) -> Authority:
    key = words["key"]
    path = _path(key["path"])
    with about(path):
        public = PublicKey.from_pem(read(path, limits.KEY_BYTES))
    start, end, rotation = (
        _instant(key[word]) if word in key else None
        for word in ("notBefore", "notAfter", "rotateAfter")
    )
    in_order = [instant for instant in (start, rotation, end) if instant is not None]
    if any(one >= other for one, other in pairwise(in_order)):
        order = "notBefore, rotateAfter and notAfter must follow one another in time"
        _refuse(f"the key of {words['name']!r}: {order}")
    return Authority(words["name"], public, start, end, _revocation(key.get("revoked")), rotation)


def _revocation(words: _Words | None) -> Revocation | None:
    if words is None:
        return None
    return Revocation(_instant(words["from"]) if "from" in words else None, words["reason"])


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # such as the 30th of February
        _refuse(f"there is no instant {text!r}")


def _path(text: str) -> str:
    """A path that stays beside the policy, on every system."""
    parts = text.split("/")
    if "\\" in text or ":" in parts[0] or not all(parts) or {".", ".."} & set(parts):
        _refuse(f"{text!r} is not a path beside the policy (relative, without . and ..)")
    return text


def _image_glob(text: str) -> str:
    """A glob over images: a registry's host written out, and a repository with wildcards.

    Where `**` could be a part of a segment, ghcr.io/acme** would take in ghcr.io/acme-evil/app.
    """
    host, _, repository = text.partition("/")
    if "*" in host or "**" in _CROSSING.sub("", repository):
        _refuse(f"the glob {text!r}: write the host out, and ** only as whole segments (/**)")
    _require_few_wildcards(text)
    try:
        # with a letter for each wildcard it must be a repository's name: else it never matches
        image = Reference.parse(f"{host}/{_WILDCARD.sub('x', repository)}")
    except Refused as refusal:
        _refuse(f"the glob {text!r} matches no image: {refusal}")
    if image.tag or image.digest:
        _refuse(f"the glob {text!r} names a tag or a digest: it is about repositories")
    return text


def _tag_glob(text: str) -> str:
    """A glob over tags, where `*` is all there is: a tag has one segment."""
    _require_few_wildcards(text)
    if "**" in text:
        _refuse(f"the tag {text!r}: write * for any characters")
    try:
        parse_tag(_WILDCARD.sub("x", text))
    except Refused as refusal:
        _refuse(f"the tag {text!r} matches nothing: {refusal}")
    return text


def _require_few_wildcards(glob: str) -> None:
    if len(_WILDCARD.findall(glob)) > limits.GLOB_WILDCARDS:
        _refuse(f"the glob {glob!r} has more than {limits.GLOB_WILDCARDS} wildcards")


def _require_distinct(names: Iterable[str], words: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            _refuse(f"{words} {name!r}")
        seen.add(name)


def _refuse(what: str) -> NoReturn:
    raise Refused(codes.POLICY_MALFORMED, what) from None
