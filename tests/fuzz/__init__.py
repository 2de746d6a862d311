"""Fuzzing: each module here feeds one parser, or the whole of `verify`, with hostile bytes.

A module has `seeds()`, good inputs to begin with; `run(data)`, which raises where something does
not hold; and `mutate`, where bytes that are changed blindly would never pass the first check.
`python -m tests.fuzz` runs one under atheris, scripts/fuzz all of them, test_fuzz.py a short while.
"""

HARNESSES = (
    "directory",
    "entry",
    "image",
    "key",
    "log_entry",
    "manifest",
    "payload",
    "policy",
    "reference",
    "trusted_root",
)
