"""Registries that attack: what they hold, and what they do when something is written to them."""

from __future__ import annotations

from collections.abc import Callable

from tests import forge
from tests.attacks import world
from tests.attacks.doors import Registry

from ghcr_signer.core.reference import Digest

APP = "acme/app"
SIGNATURE = f"sha256-{world.NEW}.sig"


def _hold_other_signatures(registry: Registry) -> None:
    """Mallory has signed the image, and pushed that herself."""
    files = world.entry(world.layer(signer=world.MALLORY))
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

    def then(method: str, target: str) -> None:
        if (method, target) == ("PUT", f"/v2/{APP}/manifests/{SIGNATURE}"):
            _hold_other_signatures(registry)

    registry.then = then


def _exchange_the_payload(registry: Registry) -> None:
    """Under the payload's digest there are other bytes."""
    digest = str(Digest.of(world.payload()))

    def then(method: str, target: str) -> None:
        if (method, target) == ("PUT", f"/v2/{APP}/manifests/{SIGNATURE}"):
            registry.embedded.blobs._blobs[APP, digest] = world.payload(world.OTHER)

    registry.then = then


def _keep_the_tag(registry: Registry) -> None:
    """`latest` is said to have moved, and has not."""

    def then(method: str, target: str) -> None:
        if (method, target) == ("PUT", f"/v2/{APP}/manifests/latest"):
            registry.embedded.manifests.put(APP, world.OLD_IMAGE, forge.OCI_MANIFEST, "latest")

    registry.then = then


REGISTRIES: dict[str, Callable[[Registry], None]] = {
    "it holds other signatures": _hold_other_signatures,
    "it lacks the image": _lack_the_image,
    "its tag points at what nobody signed": _hold_a_tag_that_nobody_signed,
    "it exchanges the signatures": _exchange_the_signatures,
    "it exchanges the payload": _exchange_the_payload,
    "it keeps the tag": _keep_the_tag,
}
