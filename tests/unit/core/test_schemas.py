"""The schemas: two validators of one mind, and numbers that are those of limits.py."""

import copy
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.forge import Log, Signer, entry
from tests.strange import changed

from ghcr_signer.core import codes, directory, limits, schemas
from ghcr_signer.core.errors import Refused

_, GOOD = entry([Signer()], log=Log(), tags=["latest"], optional={"env": "prod"})
DOCUMENTS: dict[str, Any] = {
    "manifest": json.loads(GOOD["MANIFEST"]),
    "config": json.loads(GOOD["CONFIG_BLOB"]),
    "payload": json.loads(GOOD["PAYLOAD_BLOB"]),
    "directory": {
        "README.md": {"mode": "100644", "size": 10},
        "2026-11-20T12:00:00+00:00": {
            "0" * 64: {name: {"mode": "100644", "size": len(c)} for name, c in GOOD.items()}
        },
        "2026-11-20T12-00-01Z": {
            "1" * 64: {name: {"mode": "100755", "size": len(c)} for name, c in GOOD.items()}
        },
    },
    "policy": {
        "version": 1,
        "trustedRoot": "root.json",
        "rules": [
            {
                "name": "app",
                "images": [{"glob": "ghcr.io/acme/**"}],
                "authorities": [
                    {
                        "name": "alice",
                        "key": {
                            "path": "alice.pub",
                            "notBefore": "2026-01-01T00:00:00Z",
                            "revoked": {"from": "2026-02-01T00:00:00.5+01:00", "reason": "lost"},
                        },
                    }
                ],
                "threshold": 1,
                "everySignature": "any",
                "annotations": {"env": "prod"},
                "tags": ["latest"],
            }
        ],
        "withdrawn": [
            {"digest": "sha256:" + "0" * 64, "date": "2026-01-01T00:00:00Z", "reason": "broken"}
        ],
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_good_document_holds(name: str) -> None:
    schemas.require(name, DOCUMENTS[name])


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
def test_the_two_validators_agree(name: str, data: st.DataObject) -> None:
    document = data.draw(changed(DOCUMENTS[name]))
    schema = json.loads(schemas.text(name))
    ours = jsonschema_rs.Draft202012Validator(schema).is_valid(document)
    assert Draft202012Validator(schema).is_valid(document) == ours
    if ours:
        schemas.require(name, document)
    else:
        with pytest.raises(Refused):
            schemas.require(name, document)


def test_a_departure_names_its_place_and_its_code() -> None:
    document = copy.deepcopy(DOCUMENTS["manifest"])
    document["layers"][0]["annotations"]["evil"] = "x" * 1000
    with pytest.raises(Refused) as refusal:
        schemas.require("manifest", document)
    assert refusal.value.failure.code is codes.LAYER_ANNOTATIONS
    assert "layers/0/annotations" in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("name", "place", "code"),
    [
        ("manifest", ("layers",), codes.TOO_MANY_LAYERS),
        ("config", ("rootfs", "diff_ids"), codes.SCHEMA),
        ("config", ("history",), codes.CONFIG_SHAPE),
    ],
)
def test_a_document_that_departs_everywhere_is_refused_at_the_first_place(
    name: str, place: tuple[str, ...], code: codes.Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = copy.deepcopy(DOCUMENTS[name])
    at = document
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = [7] * 100_000
    looked_at: list[str] = []
    described = Draft202012Validator.iter_errors
    monkeypatch.setattr(
        Draft202012Validator,
        "iter_errors",
        lambda *given: (looked_at.append(e.message) or e for e in described(*given)),
    )
    with pytest.raises(Refused) as refusal:
        schemas.require(name, document)
    assert refusal.value.failure.code is code
    assert len(looked_at) < 10


def test_a_departure_is_told_in_the_schema_s_own_words_where_it_has_some() -> None:
    document = copy.deepcopy(DOCUMENTS["policy"])
    document["rules"][0]["attestations"] = []
    with pytest.raises(Refused, match="rules/0/attestations: this version cannot judge"):
        schemas.require("policy", document)


def test_what_only_one_validator_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Draft202012Validator, "iter_errors", lambda self, document: iter(()))
    with pytest.raises(Refused) as refusal:
        schemas.require("manifest", {})
    assert refusal.value.failure.code is codes.SCHEMA


def numbers(schema: Any, key: str) -> set[int]:
    found = {schema[key]} if isinstance(schema, dict) and key in schema else set()
    inner = schema.values() if isinstance(schema, dict) else schema
    for value in inner if isinstance(schema, dict | list) else ():
        found |= numbers(value, key)
    return found


def test_the_caps_are_those_of_limits() -> None:
    definitions = json.loads(schemas.text("directory"))["$defs"]
    entry_files = definitions["entry"]["properties"]
    for name, file in entry_files.items():
        definition = definitions[file["$ref"].rpartition("/")[2]]
        assert definition["properties"]["size"]["maximum"] == directory.cap(name)
    assert definitions["readme"]["properties"]["size"]["maximum"] == limits.README_BYTES
    assert definitions["set"]["maxProperties"] == limits.ENTRIES_PER_SET
    manifest = json.loads(schemas.text("manifest"))
    assert manifest["properties"]["layers"]["maxItems"] == limits.LAYERS
    assert numbers(manifest, "maximum") == {limits.BLOB_BYTES}
    assert manifest["$defs"]["annotation"]["maxLength"] == limits.ANNOTATION_BYTES


@pytest.mark.parametrize("name", schemas.NAMES)
def test_every_code_that_a_schema_names_exists(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(schemas.text(name)))
    named = {code for found in collect(json.loads(schemas.text(name))) for code in found.values()}
    assert named <= set(codes.BY_ID)


def collect(schema: Any) -> list[dict[str, str]]:
    found = [schema["x-codes"]] if isinstance(schema, dict) and "x-codes" in schema else []
    inner = schema.values() if isinstance(schema, dict) else schema
    for value in inner if isinstance(schema, dict | list) else ():
        found += collect(value)
    return found
