"""Real registries, cosigns and keys for the tests; nothing in here knows of ghcr-signer."""
