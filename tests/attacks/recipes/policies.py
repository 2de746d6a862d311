"""Policies that a pull request proposes, and that are none."""

from __future__ import annotations

import json

from tests.attacks.recipes.recipe import attack, do, write

SMALL = """\
version: 1
trustedRoot: trusted_root.json
rules:
- name: app
  images: [{glob: ghcr.io/acme/**}]
  authorities:
  - {name: alice, key: {path: keys/alice.pub}}
"""


def add() -> None:
    _yaml()
    _words()
    _globs()
    _paths()


def _policy(name: str, what: str, text: str) -> None:
    """A policy that is none: nothing is judged by it, and nothing passes."""
    attack(
        name,
        "GS2017",
        what,
        file="policy.yml",
        begins="base",
        operations=[write("policy.yml", text)],
    )


def _yaml() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{later}: &{later} [{', '.join([f'*{earlier}'] * 9)}]\n"
        for earlier, later in zip("abcdefgh", "bcdefghi", strict=True)
    )
    _policy("a-yaml-bomb", "Nine lines are a billion nodes.", bomb)
    _policy(
        "a-yaml-tag",
        "A careless loader calls what the tag names.",
        SMALL + "x: !!python/object/apply:os.system [id]\n",
    )
    _policy(
        "a-yaml-anchor",
        "What is written once counts twice, where nobody sees it.",
        SMALL.replace("{name: alice", "&alice {name: alice"),
    )
    _policy(
        "a-yaml-merge-key",
        "Words come in from elsewhere, and some readers know no `<<`.",
        SMALL.replace("- name: app", "- <<: {threshold: 1}\n  name: app"),
    )
    _policy(
        "a-policy-with-a-word-twice",
        "The reviewer reads the first `threshold`, the program takes the last.",
        SMALL.replace("- name: app", "- threshold: 1\n  name: app\n  threshold: 1"),
    )
    _policy(
        "a-policy-of-two-documents",
        "The reviewer reads the first document, the program takes the last.",
        f"{SMALL}---\n{SMALL}",
    )
    _policy(
        "a-yaml-directive",
        "An older version of YAML reads the same bytes otherwise.",
        f"%YAML 1.1\n---\n{SMALL}",
    )
    _policy(
        "a-policy-with-bidi",
        "The line reads the other way round in the review.",
        SMALL + "# \u202emallory\u2066\n",
    )
    _policy(
        "a-policy-with-a-character-of-no-width",
        "Two names that look the same are two authorities.",
        SMALL.replace("alice,", "ali\u200bce,"),
    )
    _policy(
        "a-policy-with-an-escaped-nul",
        "A reader in C sees the path end.",
        SMALL.replace("path: keys/alice.pub", r'path: "keys/mallory.pub\0alice.pub"'),
    )
    _policy(
        "a-deep-policy", "A recursive reader falls over.", SMALL + f"x: {'[' * 1000}{']' * 1000}\n"
    )
    _policy(
        "a-policy-that-is-no-text",
        "In another encoding the same bytes are another policy.",
        "\udcff\udcfe" + SMALL,
    )
    _policy("an-empty-policy", "Without a rule no rule is broken.", "")
    attack(
        "a-huge-policy",
        "GS2001",
        "Reading it takes for ever.",
        file="policy.yml",
        begins="base",
        operations=[{**write("policy.yml", "#" * 63 + "\n"), "times": 4097}],
    )


def _words() -> None:
    _policy(
        "a-misspelt-word",
        "A word that nobody knows is ignored: the threshold is one.",
        SMALL.replace("- name: app", "- treshold: 2\n  name: app"),
    )
    _policy(
        "a-threshold-of-nothing",
        "No signature at all is enough.",
        SMALL.replace("- name: app", "- threshold: 0\n  name: app"),
    )
    _policy(
        "a-threshold-in-octal",
        "010 is eight to one reader, ten to another and a text to a third.",
        SMALL.replace("- name: app", "- threshold: 010\n  name: app"),
    )
    _policy(
        "a-policy-without-rules",
        "Without a rule no rule is broken.",
        "version: 1\nrules: []\n",
    )
    _policy(
        "a-rule-of-a-later-version",
        "What this version cannot judge is taken for judged.",
        SMALL + "  attestations: [https://spdx.dev/Document]\n",
    )
    _policy(
        "a-key-that-ends-before-it-begins",
        "A window that is none holds everything, or nothing.",
        SMALL.replace(
            "alice.pub}",
            "alice.pub, notBefore: 2025-01-02T00:00:00Z, notAfter: 2025-01-01T00:00:00Z}",
        ),
    )
    _policy(
        "an-instant-without-a-zone",
        "The key is revoked hours later, where the clock is set otherwise.",
        SMALL.replace(
            "alice.pub}", "alice.pub, revoked: {from: 2025-01-01T00:00:00, reason: lost}}"
        ),
    )


def _globs() -> None:
    for name, what, glob in (
        ("a-glob-over-every-host", "Our token goes to every registry.", "**"),
        ("a-glob-over-a-part-of-a-host", "It takes in ghcr.io.evil.example.", "ghcr.io*/acme/**"),
        ("a-glob-over-hosts-by-their-end", "It takes in evil.io.", "*.io/acme/app"),
        ("a-glob-over-every-port", "It takes in any service of the host.", "localhost:*/acme/app"),
        (
            "a-glob-that-goes-on-after-the-owner",
            "It takes in ghcr.io/acme-evil/app.",
            "ghcr.io/acme**",
        ),
        ("a-glob-with-a-way-up", "It leads out of acme.", "ghcr.io/acme/../**"),
        ("a-glob-in-upper-case", "It looks like a rule, and matches nothing.", "GHCR.io/acme/**"),
        ("a-glob-of-too-many-wildcards", "Matching it takes for ever.", "ghcr.io/*a*a*a*a/**"),
        ("a-glob-of-an-idn-host", "It looks like ghcr.io, and is not.", "gh\u0441r.io/acme/**"),
    ):
        _policy(name, what, SMALL.replace("{glob: ghcr.io/acme/**}", json.dumps({"glob": glob})))


def _paths() -> None:
    for name, what, path in (
        (
            "a-key-s-path-that-leads-out",
            "The key comes from beside the repository.",
            "../alice.pub",
        ),
        ("a-key-s-path-from-the-root", "The key comes from the runner.", "/etc/alice.pub"),
        ("a-key-s-path-with-backslashes", "On Windows it leads out.", r"keys\..\..\alice.pub"),
    ):
        _policy(name, what, SMALL.replace("keys/alice.pub", path))
    attack(
        "a-policy-whose-key-is-missing",
        "GS2001",
        "A rule without a key is a rule that nobody can break.",
        file="keys/alice.pub",
        begins="base",
        operations=[do("remove", "keys/alice.pub")],
    )
    attack(
        "a-key-that-is-a-link",
        "GS2001",
        "The link leads to a key that may change without any change here.",
        file="keys/alice.pub",
        begins="base",
        operations=[do("link", "keys/alice.pub", to="../README.md")],
        doors={"verify": ["GS2004"]},
    )
