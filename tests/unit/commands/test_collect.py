"""`collect`: from whatever a registry holds to one good set, or to none and a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests import forge
from tests.forge import Signer
from tests.interop.user import User
from tests.peers import images
from tests.signer import Signer as Clone

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry import EmbeddedRegistry

IMAGE = images.build(attestations=True)
PLATFORMS = [manifest.digest for manifest in IMAGE.platforms]
REPOSITORY = "acme/app"
ELSEWHERE = "127.0.0.1:9/acme/app"  # nothing answers there
OPTIONAL = ("--transparency-log", "optional")
SIGNER = Signer()


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def user(tmp_path: Path) -> User:
    (tmp_path / "trusted.pub").write_bytes(SIGNER.pem)
    return User(tmp_path)


def hold(registry: EmbeddedRegistry, manifests: Sequence[images.Manifest]) -> None:
    for manifest in manifests:
        registry.manifests.put(REPOSITORY, manifest.content, manifest.media_type, "v1")


def sign(registry: EmbeddedRegistry, name: str, digests: Sequence[str]) -> dict[str, bytes]:
    """Lay down signatures as cosign does; the manifest of each by its digest."""
    made = {}
    for digest in digests:
        files = forge.artifact([forge.signed_layer(SIGNER, name, digest.removeprefix("sha256:"))])
        for blob in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
            registry.blobs.put(REPOSITORY, files[blob])
        tag = Digest.parse(digest).signature_tag
        registry.manifests.put(REPOSITORY, files["MANIFEST"], forge.OCI_MANIFEST, tag)
        made[digest] = files["MANIFEST"]
    return made


def collect(user: User, image: str, registry: EmbeddedRegistry, *more: str) -> list[str]:
    """The exit code, then the code of each failure."""
    source = f"{registry.host}/{REPOSITORY}"
    done = user.run("collect", image, "--from", source, "--format", "json", *OPTIONAL, *more)
    entries = [failure["code"] for entry in done.report["entries"] for failure in entry["failures"]]
    return [str(done.code), *entries, *(failure["code"] for failure in done.report["failures"])]


def test_the_image_s_signatures_and_its_platforms_are_taken_as_they_are(
    registry: EmbeddedRegistry, user: User
) -> None:
    name = f"{registry.host}/{REPOSITORY}"
    hold(registry, IMAGE.manifests)
    made = sign(registry, name, [IMAGE.digest, *PLATFORMS])

    done = user.does(
        *("collect", f"{name}:v1@{IMAGE.digest}", "--from", name, "--latest", "--tag", "v2"),
        *OPTIONAL,
    )

    entries = user.entries
    assert {digest: (path / "MANIFEST").read_bytes() for digest, path in entries.items()} == made
    for manifest in (IMAGE.index, *IMAGE.platforms):
        assert (entries[manifest.digest] / "SUBJECT").read_bytes() == manifest.content
    top = {path.name for path in entries[IMAGE.digest].iterdir()}
    assert {"LATEST", "TAGS"} <= top
    assert (entries[IMAGE.digest] / "IMAGE").read_text() == f"{name}@{IMAGE.digest}\n"
    assert f"verified with {user.folder / 'trusted.pub'}" in done.stdout
    assert "the tag in" in done.stdout
    (name,) = (path.name for path in user.signatures.iterdir())
    step = f"ghcr-signer push SIGNATURES/{name} --transparency-log optional"
    assert done.stdout.endswith(f"Next:\n  {step}\n")


def test_where_the_signatures_are_the_image_is_looked_for_first(
    registry: EmbeddedRegistry, user: User
) -> None:
    hold(registry, IMAGE.manifests)
    sign(registry, ELSEWHERE, [IMAGE.digest, *PLATFORMS])
    assert collect(user, f"{ELSEWHERE}@{IMAGE.digest}", registry) == ["0"]
    assert len(user.entries) == 3


def test_files_given_with_subject_say_which_platforms_there_are(
    registry: EmbeddedRegistry, user: User
) -> None:
    sign(registry, ELSEWHERE, [IMAGE.digest, *PLATFORMS])
    index = user.folder / "index.json"
    index.write_bytes(IMAGE.index.content)
    image = f"{ELSEWHERE}@{IMAGE.digest}"
    assert collect(user, image, registry, "--subject", str(index)) == ["0"]
    assert {path.parent.name for path in user.signatures.glob("*/*/SUBJECT")} == {
        IMAGE.digest.removeprefix("sha256:")
    }
    assert len(user.entries) == 3


def test_where_the_image_cannot_be_read_its_own_signatures_are_taken(
    registry: EmbeddedRegistry, user: User
) -> None:
    name = f"{registry.host}/{REPOSITORY}"
    sign(registry, name, [IMAGE.digest, *PLATFORMS])
    done = user.does("collect", f"{name}@{IMAGE.digest}", "--from", name, *OPTIONAL)
    assert list(user.entries) == [IMAGE.digest]
    assert "its platforms are not looked for" in done.stdout


def test_a_platform_without_signatures_is_named(registry: EmbeddedRegistry, user: User) -> None:
    name = f"{registry.host}/{REPOSITORY}"
    hold(registry, IMAGE.manifests)
    sign(registry, name, [IMAGE.digest, PLATFORMS[0]])
    done = user.does("collect", f"{name}@{IMAGE.digest}", "--from", name, *OPTIONAL)
    assert len(user.entries) == 2
    assert f"linux/arm64 ({PLATFORMS[1][:19]}) is not signed" in done.stdout


def test_without_trust_it_says_that_nothing_was_verified(
    registry: EmbeddedRegistry, user: User
) -> None:
    (user.folder / "trusted.pub").unlink()
    name = f"{registry.host}/{REPOSITORY}"
    sign(registry, name, [IMAGE.digest])
    done = user.does("collect", f"{name}@{IMAGE.digest}", "--from", name, *OPTIONAL)
    assert "not verified" in done.stdout


def test_what_was_collected_is_pushed_if_that_is_wanted(
    registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    signer = Clone(tmp_path, SIGNER)
    user = User(signer.clone)
    name = f"{registry.host}/{REPOSITORY}"
    hold(registry, IMAGE.manifests)
    sign(registry, name, [IMAGE.digest, *PLATFORMS])
    done = user.does(
        *("collect", f"{name}@{IMAGE.digest}", "--from", name, "--push", *OPTIONAL),
        environment=signer.environment,
    )
    (branch,) = signer.branches().keys() - {"main"}
    assert signer.files(signer.branches()[branch]) == {
        path.relative_to(signer.clone).as_posix(): path.read_bytes()
        for path in user.signatures.rglob("*")
        if path.is_file()
    }
    assert f"/compare/main...acme:{branch}?expand=1\n" in done.stdout


# What is refused; nothing is ever written then


def refused(user: User, *arguments: str, registry: EmbeddedRegistry) -> list[str]:
    found = collect(user, *arguments[:1], registry, *arguments[1:])
    assert user.has_nothing_new
    return found


def test_an_image_without_signatures(registry: EmbeddedRegistry, user: User) -> None:
    hold(registry, IMAGE.manifests)
    sign(registry, ELSEWHERE, PLATFORMS)
    image = f"{ELSEWHERE}@{IMAGE.digest}"
    assert refused(user, image, registry=registry) == ["1", "GS1401"]


def test_a_key_that_is_not_trusted(registry: EmbeddedRegistry, user: User) -> None:
    (user.folder / "trusted.pub").write_bytes(Signer().pem)
    hold(registry, IMAGE.manifests)
    sign(registry, ELSEWHERE, [IMAGE.digest])
    image = f"{ELSEWHERE}@{IMAGE.digest}"
    codes = refused(user, image, registry=registry)
    assert codes == ["1", "GS0502", "GS0901", "GS1309"]


def test_signatures_that_were_made_for_another_name(registry: EmbeddedRegistry, user: User) -> None:
    hold(registry, IMAGE.manifests)
    sign(registry, "127.0.0.1:9/acme/other", [IMAGE.digest])
    image = f"{ELSEWHERE}@{IMAGE.digest}"
    assert refused(user, image, registry=registry) == ["1", "GS0803", "GS0901", "GS1309"]


def test_what_lies_at_the_signatures_tag_and_is_none(
    registry: EmbeddedRegistry, user: User
) -> None:
    tag = Digest.parse(IMAGE.digest).signature_tag
    registry.manifests.put(REPOSITORY, IMAGE.index.content, IMAGE.index.media_type, tag)
    image = f"{ELSEWHERE}@{IMAGE.digest}"
    source = f"{registry.host}/{REPOSITORY}"
    done = user.run("collect", image, "--from", source, *OPTIONAL)
    assert done.code == 1
    assert f"GS0106 {source}:{tag}: " in done.stdout
    assert user.has_nothing_new


def test_a_signature_whose_payload_is_gone(registry: EmbeddedRegistry, user: User) -> None:
    files = forge.artifact([forge.signed_layer(SIGNER, ELSEWHERE, IMAGE.digest[7:])])
    tag = Digest.parse(IMAGE.digest).signature_tag
    registry.manifests.put(REPOSITORY, files["MANIFEST"], forge.OCI_MANIFEST, tag)
    image = f"{ELSEWHERE}@{IMAGE.digest}"
    assert refused(user, image, registry=registry) == ["3", "GS3003"]


def test_a_tag_with_the_digest_to_use(registry: EmbeddedRegistry, user: User) -> None:
    name = f"{registry.host}/{REPOSITORY}"
    hold(registry, IMAGE.manifests)
    done = user.run("collect", f"{name}:v1", "--from", name)
    assert (done.code, "GS1304" in done.stdout) == (2, True)
    assert f"ghcr-signer collect {name}@{IMAGE.digest} …" in done.stdout
    gone = user.run("collect", f"{name}:v2", "--from", name)
    assert (gone.code, "GS1307" in gone.stdout) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("acme/app", "--from", ELSEWHERE),
        (f"{ELSEWHERE}@{IMAGE.digest}", "--from", "acme/app"),
        (f"{ELSEWHERE}@{IMAGE.digest}", "--from", f"{ELSEWHERE}:v1"),
        (f"{ELSEWHERE}@{IMAGE.digest}", "--from", f"{ELSEWHERE}@{IMAGE.digest}"),
        (f"{ELSEWHERE}@{IMAGE.digest}", "--from", ELSEWHERE, "--tag", "a b"),
        (f"{ELSEWHERE}@{IMAGE.digest}", "--from", ELSEWHERE, "--subject", "nothing.json"),
        (ELSEWHERE, "--from", ELSEWHERE),
        (f"{ELSEWHERE}@{IMAGE.digest}", "--from", ELSEWHERE, "--directory", "trusted.pub"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], user: User) -> None:
    done = user.run("collect", *arguments)
    assert done.code == 2
    assert "GS20" in done.stdout
    assert user.has_nothing_new
