"""Every cap, with its unit and its source. Nothing is read, parsed or counted without one.

A verifier that allocates what an attacker's numbers ask for can be stopped by them
(cosign: GHSA-88jx-383q-w4qc, GHSA-95pr-fxf5-86gv, GHSA-vfp6-jrw2-99g9; sigstore-go:
GHSA-cq38-jh5f-37mq).
"""

MANIFEST_BYTES = 4 * 1024 * 1024
"""A manifest or index: what OCI distribution 1.1 asks registries to accept."""

BLOB_BYTES = 4 * 1024 * 1024
"""A config or payload blob; real ones have 233 and 252 bytes. ghcr.io takes them in one request."""

IMAGE_BYTES = 1024
"""The IMAGE file: a host of at most 255 characters, a repository of at most 255, a digest."""

TAGS_BYTES = 16 * 1024
"""The TAGS file: a hundred tags of the full 128 characters."""

TAGS = 100
"""Tags that one entry may move."""

README_BYTES = 1024 * 1024
"""The signature directory's README.md, which is never read."""

LAYERS = 1000
"""Signatures in one manifest: cosign's own cap (pkg/cosign, maxSignatures; GHSA-vfp6-jrw2-99g9)."""

ENTRIES_PER_SET = 1000
"""Entries in one set: an index with that many platforms is not an image."""

SET_BYTES = 64 * 1024 * 1024
"""A whole set, which is in memory while it is judged; a real entry has about 3 KiB."""

SETS = 100_000
"""Sets in one directory: a set every hour for eleven years."""

CHANGE_SETS = 100
"""Sets that one change may add."""

CHANGE_ENTRIES = 1000
"""Entries that one change may add."""

CHANGE_BYTES = 64 * 1024 * 1024
"""What one change may add to the signature directory."""

PLATFORMS = 1000
"""Manifests that one index may list."""

ANNOTATION_BYTES = 64 * 1024
"""One annotation's value; cosign's bundle annotation has about 1,100 bytes."""

JSON_DEPTH = 20
"""Nesting of any JSON document that we accept; real ones stay below 8."""

KEY_BYTES = 64 * 1024
"""A public key's file."""

TRUSTED_ROOT_BYTES = 1024 * 1024
"""A trusted_root.json; the public-good one has about 7 KiB."""

POLICY_BYTES = 256 * 1024
"""A policy.yml; one of a hundred rules has about 40 KiB."""

YAML_DEPTH = 20
"""Nesting of a YAML document; a policy needs 6."""

GLOB_WILDCARDS = 3
"""`*` and `**` in one glob of a policy: what a glob costs to match grows with their power."""

TEXT_CHARACTERS = 4096
"""Foreign text in an error's message, or in a report: a file of 4 MiB may be quoted in either."""

CLOCK_SKEW_SECONDS = 300
"""How far in the future a verified time or a set's name may lie: clocks differ."""

KEPT_SIGNATURE_SECONDS = 24 * 60 * 60
"""How long a signature waits for the rest of its set: a night's sleep, and no other release."""

CLOCK_NOTICE_SECONDS = 60
"""From which difference between this machine's clock and the log's on its owner is told."""

RSA_BITS = (2048, 16384)
"""The smallest and largest RSA modulus, in bits (NIST SP 800-131A; OpenSSL's own maximum)."""

GIT_BYTES = 32 * 1024 * 1024
"""What the paths that a change touches may take, with modes and ids: 150,000 of usual length."""

GIT_OBJECT_BYTES = 8 * 1024 * 1024
"""One commit, or one folder of it; the folder of as many sets as there may be has 6 MiB."""
