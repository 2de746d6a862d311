"""A set that a second person signs too: what of it is signed, and that nothing in it is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import forge, trust
from tests.forge import NOW, SET, Signer
from tests.peers import images

from ghcr_signer.core import codes
from ghcr_signer.core.errors import GhcrSignerError, Refused, UsageError
from ghcr_signer.core.policy import Requirement, Trust
from ghcr_signer.core.reference import Digest, Reference
from ghcr_signer.transfer import add_to
from ghcr_signer.transfer.add_to import OpenSet
from ghcr_signer.transfer.subjects import Source

ALICE, BOB = Signer(), Signer()
IMAGE = images.build(attestations=True)
NAME = "ghcr.io/acme/app"
REFERENCE = Reference.parse(f"{NAME}@{IMAGE.digest}")
SOURCE = Source({Digest.parse(each.digest): each.content for each in IMAGE.manifests}, None)


def of_one_signer() -> Trust:
    rule = trust.rule(ALICE, BOB, threshold=2, transparency_log=Requirement.OPTIONAL)
    return trust.trust(rule).of_one_signer


def written(root: Path, *manifests: images.Manifest, repository: str = NAME) -> Path:
    digests = (each.digest.removeprefix("sha256:") for each in manifests)
    return forge.write(root, {SET: dict(forge.entry([ALICE], repository, d) for d in digests)})


def read(root: Path, *manifests: images.Manifest, repository: str = NAME) -> OpenSet:
    folder = written(root, *manifests, repository=repository)
    return add_to.read(folder, SET, of_one_signer(), NOW)


def code(error: pytest.ExceptionInfo[GhcrSignerError]) -> codes.Code:
    return error.value.failure.code


def test_of_the_image_what_the_set_has_is_chosen_in_the_image_s_order(tmp_path: Path) -> None:
    manifests = (IMAGE.attestations[0], IMAGE.platforms[1], IMAGE.index)
    found = add_to.chosen(read(tmp_path, *manifests), REFERENCE, SOURCE)
    expected = [IMAGE.digest, IMAGE.platforms[1].digest, IMAGE.attestations[0].digest]
    assert [str(subject.digest) for subject in found] == expected


def test_of_what_is_not_in_the_set_no_manifest_is_wanted(tmp_path: Path) -> None:
    only = Source({Digest.parse(IMAGE.digest): IMAGE.index.content}, None)
    found = add_to.chosen(read(tmp_path, IMAGE.index), REFERENCE, only)
    assert [subject.label for subject in found] == ["index"]


def test_without_a_manifest_that_is_wanted_nothing_is_chosen(tmp_path: Path) -> None:
    only = Source({Digest.parse(IMAGE.digest): IMAGE.index.content}, None)
    with pytest.raises(Refused) as refusal:
        add_to.chosen(read(tmp_path, IMAGE.index, IMAGE.platforms[0]), REFERENCE, only)
    assert code(refusal) is codes.SUBJECT_MISSING


@pytest.mark.parametrize(
    ("manifests", "repository"),
    [
        (IMAGE.platforms, NAME),  # not the image
        ((IMAGE.index, images.build("another").index), NAME),  # what the image does not list
        ((IMAGE.index,), "ghcr.io/acme/other"),
    ],
)
def test_a_set_with_anything_else_is_refused(
    manifests: tuple[images.Manifest, ...], repository: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refusal:
        add_to.chosen(read(tmp_path, *manifests, repository=repository), REFERENCE, SOURCE)
    assert code(refusal) is codes.ADD_TO_UNFIT


def test_a_file_beside_the_entries_is_refused(tmp_path: Path) -> None:
    (written(tmp_path, IMAGE.index) / SET / "notes").write_text("x")
    with pytest.raises(UsageError) as refusal:
        add_to.read(tmp_path / "SIGNATURES", SET, of_one_signer(), NOW)
    assert code(refusal) is codes.ADD_TO_UNFIT


def test_who_has_signed_what_is_known_by_the_key(tmp_path: Path) -> None:
    found = read(tmp_path, IMAGE.index)
    (digest,) = found.entries
    alice, bob = (trust.authority(signer).key.fingerprint for signer in (ALICE, BOB))
    assert found.unsigned_by(alice) == ()
    assert found.unsigned_by(bob) == found.unsigned_by(None) == (digest,)


# What cosign leaves


def layers(*signers: Signer) -> dict[str, bytes]:
    _, files = forge.entry(signers, NAME, IMAGE.digest.removeprefix("sha256:"))
    return {name: content for name, content in files.items() if name != "IMAGE"}


def with_layers(files: dict[str, bytes], chosen: list[int]) -> dict[str, bytes]:
    manifest = json.loads(files["MANIFEST"])
    manifest["layers"] = [manifest["layers"][number] for number in chosen]
    return {**files, "MANIFEST": forge.compact(manifest)}


BOTH = layers(ALICE, BOB)
FIRST = with_layers(BOTH, [0])


def test_one_signature_more_is_what_is_wanted() -> None:
    add_to.check_added(FIRST, BOTH)


@pytest.mark.parametrize("chosen", [[0], [1], [1, 0], [0, 1, 1], [1, 1]])
def test_less_more_or_another_is_refused(chosen: list[int]) -> None:
    with pytest.raises(Refused) as refusal:
        add_to.check_added(FIRST, with_layers(BOTH, chosen))
    assert code(refusal) is codes.COSIGN_FAILED


def test_what_was_not_signed_now_stays_as_it_was(tmp_path: Path) -> None:
    found = read(tmp_path, IMAGE.index, IMAGE.platforms[0])
    one, other = found.entries
    files = dict(add_to.united(found, {one: {"MANIFEST": b"m", "PAYLOAD_BLOB.1": b"p"}}))
    assert files[other.hex] == found.entries[other]
    assert files[one.hex] == {
        "IMAGE": found.entries[one]["IMAGE"],
        "MANIFEST": b"m",
        "PAYLOAD_BLOB.1": b"p",
    }
