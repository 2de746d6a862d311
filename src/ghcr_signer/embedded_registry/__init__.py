"""An OCI registry on loopback, in memory: cosign signs into it, rehearsals and tests push to it."""

from ghcr_signer.embedded_registry.server import EmbeddedRegistry

__all__ = ["EmbeddedRegistry"]
