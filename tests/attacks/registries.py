"""Registries that attack: what they hold, and what they do when something is written to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests import forge
from tests.attacks import world
from tests.attacks.doors import Registry
from tests.attacks.recipes.injection import ACTING

from ghcr_signer.core.reference import Digest
from ghcr_signer.embedded_registry.manifests import Manifest
from ghcr_signer.embedded_registry.protocol import RegistryError

APP = "acme/app"
SIGNATURE = f"sha256-{world.NEW}.sig"


def _hold_other_signatures(registry: Registry) -> None:
    """Mallory has signed the image, and pushed that herself."""
    _hold(registry, world.entry(world.layer(signer=world.MALLORY)))


def _hold(registry: Registry, files: world.Files) -> None:
    for name in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
        registry.embedded.blobs.put(APP, files[name])
    registry.embedded.manifests.put(APP, files["MANIFEST"], forge.OCI_MANIFEST, SIGNATURE)


def _lack_the_image(registry: Registry) -> None:
    registry.embedded.manifests.delete(APP, f"sha256:{world.NEW}")


def _hold_a_tag_that_nobody_signed(registry: Registry) -> None:
    """Somebody with write access has moved `latest`."""
    registry.embedded.manifests.put(APP, world.image("?"), forge.OCI_MANIFEST, "latest")


def _exchange_the_signatures(registry: Registry) -> None:
    """What has been written is another's a moment later."""
    _once_written(registry, SIGNATURE, lambda: _hold_other_signatures(registry))


def _exchange_them_for_good_ones(registry: Registry) -> None:
    """It is alice's own a moment later, but another that she has made."""
    files = world.entry(world.layer(world.payload(env="test")))
    _once_written(registry, SIGNATURE, lambda: _hold(registry, files))


def _exchange_the_payload(registry: Registry) -> None:
    """Under the payload's digest there are other bytes."""
    digest = str(Digest.of(world.payload()))
    blobs = registry.embedded.blobs._blobs
    _once_written(
        registry, SIGNATURE, lambda: blobs.update({(APP, digest): world.payload(world.OTHER)})
    )


def _keep_the_tag(registry: Registry) -> None:
    """`latest` is said to have moved, and has not."""
    manifests = registry.embedded.manifests
    back = partial(manifests.put, APP, world.OLD_IMAGE, forge.OCI_MANIFEST, "latest")
    _once_written(registry, "latest", back)


def _answer_with_what_acts(registry: Registry) -> None:
    """Its refusal holds commands of the runner's, and what else acts where it is printed."""

    def refuse(*request: object) -> Manifest:
        raise RegistryError(400, "MANIFEST_INVALID", ACTING)

    registry.embedded.manifests.push = refuse  # type: ignore[method-assign]


def _once_written(registry: Registry, tag: str, act: Callable[[], object]) -> None:
    """Act once something has been written under a tag, before the answer is sent."""

    def then(method: str, target: str) -> None:
        if (method, target) == ("PUT", f"/v2/{APP}/manifests/{tag}"):
            act()

    registry.then = then


REGISTRIES: dict[str, Callable[[Registry], None]] = {
    "it holds other signatures": _hold_other_signatures,
    "it lacks the image": _lack_the_image,
    "its tag points at what nobody signed": _hold_a_tag_that_nobody_signed,
    "it exchanges the signatures": _exchange_the_signatures,
    "it exchanges the signatures for good ones": _exchange_them_for_good_ones,
    "it exchanges the payload": _exchange_the_payload,
    "it keeps the tag": _keep_the_tag,
    "it answers with what acts": _answer_with_what_acts,
}
