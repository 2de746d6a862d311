"""Step 11: what a change must not do to its base, whatever it adds."""

from __future__ import annotations

from typing import Any

from tests.attacks import world
from tests.attacks.recipes.recipe import (
    ENTRY,
    IN_SUM,
    NOTHING,
    SET,
    attack,
    do,
    signed_layers,
    write,
)
from tests.attacks.world import MALLORY, OLD, OLD_SET

MERGED_SET = f"SIGNATURES/{OLD_SET}"
MERGED = f"{MERGED_SET}/{OLD}"
WORKFLOW = ".github/workflows/publish.yml"
OTHER = f"SIGNATURES/2025-01-03T03-04-05Z/{world.OTHER}"


def add() -> None:
    _merged()
    _directory()
    _beside()
    _twins()
    _size()
    _trust()
    _instants()
    _histories()


def _merged() -> None:
    attack(
        "latest-added-to-a-merged-set",
        "GS1101",
        "A merged signature that moved nothing moves `latest` now, without anybody's key.",
        file=f"{OTHER}/LATEST",
        begins="base",
        base=_another_set("2025-01-03T03-04-05Z", 1500, tags=()),
        operations=[write(f"{OTHER}/LATEST", "")],
    )
    attack(
        "a-tag-added-to-a-merged-set",
        "GS1101",
        "The same, of another tag.",
        file=f"{MERGED}/TAGS",
        begins="base",
        operations=[write(f"{MERGED}/TAGS", "v1\n")],
    )
    attack(
        "a-merged-file-changed",
        "GS1101",
        "Other signatures take the place of merged ones, which a reviewer once saw.",
        file=f"{MERGED}/MANIFEST",
        begins="base",
        change=_again(),
        publish=["GS1202"],
    )
    attack(
        "a-merged-set-removed",
        "GS1101",
        "A release is undone: the directory forgets that it was ever signed.",
        file=f"{MERGED}/IMAGE",
        begins="base",
        base=_another_set("2025-01-01T03-04-05Z", 900),
        operations=[do("remove", MERGED_SET)],
        publish=["GS1204"],
    )
    attack(
        "a-merged-set-renamed",
        "GS1101",
        "Under a newer name an old release becomes the newest.",
        file=f"{MERGED}/IMAGE",
        begins="base",
        operations=[do("move", MERGED_SET, to=SET)],
        publish=NOTHING,
    )
    attack(
        "an-entry-added-to-a-merged-set",
        "GS1101",
        "A merged set, which everybody trusts, signs one image more.",
        file=f"{MERGED_SET}/{world.OTHER}/IMAGE",
        begins="base",
        change=world.placed(world.entry(digest=world.OTHER, tags=()), OLD_SET, world.OTHER),
    )
    attack(
        "a-merged-file-that-becomes-a-link",
        "GS1101",
        "What the link leads to may change without any change here.",
        file=f"{MERGED}/IMAGE",
        begins="base",
        operations=[do("link", f"{MERGED}/IMAGE", to="../../../README.md")],
        publish=["GS0103", "GS1201"],
    )
    attack(
        "a-merged-file-that-becomes-executable",
        "GS1101",
        "Something in CI runs what is executable.",
        file=f"{MERGED}/IMAGE",
        begins="base",
        operations=[do("executable", f"{MERGED}/IMAGE")],
        publish=NOTHING,
    )


def _again() -> world.Files:
    """Alice has signed the merged image a second time."""
    layer = world.layer(world.payload(OLD, env="prod"), time=world.NEW_TIME)
    return world.placed(world.entry(layer, digest=OLD), OLD_SET, OLD)


def _another_set(set_name: str, index: int, **of_entry: Any) -> world.Files:
    """A merged set besides."""
    layer = world.layer(world.payload(world.OTHER), time=world.OLD_TIME, index=index)
    entry = world.entry(layer, digest=world.OTHER, **of_entry)
    return world.placed(entry, set_name, world.OTHER)


def _directory() -> None:
    gone = [do("remove", "SIGNATURES")]
    attack(
        "the-directory-removed",
        "GS1101",
        "Without a directory there is nothing to verify, so the check is green.",
        file="SIGNATURES",
        begins="base",
        operations=gone,
        publish=["GS2002"],
    )
    attack(
        "the-directory-becomes-a-link",
        "GS1101",
        "The sets are where the link leads, and those are not judged.",
        file="SIGNATURES",
        begins="base",
        operations=[*gone, do("link", "SIGNATURES", to="elsewhere")],
        publish=["GS2002"],
    )
    attack(
        "the-directory-becomes-a-submodule",
        "GS1101",
        "The sets come from a repository of the attacker's.",
        file="SIGNATURES",
        begins="base",
        operations=[*gone, do("submodule", "SIGNATURES")],
        publish=["GS2002"],
    )


def _beside() -> None:
    for name, what, path, text in (
        (
            "a-workflow-beside-a-set",
            "The reviewer looks at the signatures, and merges a workflow with them.",
            WORKFLOW,
            "on: push\n",
        ),
        ("a-key-beside-a-set", "A key for next time is merged unseen.", "keys/mallory.pub", "x\n"),
        (
            "a-policy-beside-a-set",
            "A weaker policy is merged unseen.",
            "policy.yml",
            world.policy(transparencyLog="optional")["policy.yml"].decode(),
        ),
        (
            "gitattributes-beside-a-set",
            "With them the next checkout differs from what was reviewed.",
            ".gitattributes",
            "SIGNATURES/** filter=x\n",
        ),
        (
            "gitmodules-beside-a-set",
            "With it git leaves out of a comparison what is a submodule.",
            ".gitmodules",
            '[submodule "SIGNATURES"]\n\tpath = SIGNATURES\n\tignore = all\n',
        ),
        (
            "a-directory-that-begins-alike",
            "To a careless reader SIGNATURES2 lies within SIGNATURES.",
            "SIGNATURES2/x",
            "x",
        ),
    ):
        attack(name, "GS1102", what, file=path, operations=[write(path, text)])
    attack(
        "a-link-beside-a-set",
        "GS1102",
        "A link to the directory is a second way to change it.",
        file="link",
        operations=[do("link", "link", to="SIGNATURES")],
    )
    attack(
        "a-submodule-beside-a-set",
        "GS1102",
        "A submodule brings code that nobody has reviewed.",
        file="tools",
        operations=[do("submodule", "tools")],
    )
    attack(
        "the-readme-removed-beside-a-set",
        "GS1102",
        "Something goes while everybody looks at what comes.",
        file="README.md",
        operations=[do("remove", "README.md")],
    )


def _twins() -> None:
    for name, what, path in (
        (
            "a-case-insensitive-twin-of-the-policy",
            "Where case is folded, another policy takes the policy's place.",
            "Policy.yml",
        ),
        (
            "a-case-insensitive-twin-of-the-directory",
            "Where case is folded, its sets lie in the directory.",
            "signatures/x",
        ),
        (
            "a-twin-of-the-policy-in-other-letters",
            "Where Unicode is normalised, another policy takes the policy's place.",
            "\uff50olicy.yml",
        ),
        (
            "a-twin-of-the-directory-with-a-long-s",
            "Where case is folded in full, a long s is an s.",
            "\u017fIGNATURES/x",
        ),
    ):
        attack(
            name,
            "GS1103",
            what,
            file=path,
            begins="base",
            operations=[write(path, "x")],
            publish=NOTHING,
        )


def _size() -> None:
    attack(
        "too-many-sets",
        "GS1104",
        "Nobody looks at all of a hundred sets: one of them is bad.",
        file="",
        operations=[do("remove", f"{ENTRY}/LATEST"), do("sets", SET, times=100)],
    )


def _trust() -> None:
    attack(
        "the-policy-removed",
        "GS1105",
        "Without trust nothing can be judged, so nothing fails.",
        file="",
        begins="base",
        operations=[do("remove", "policy.yml")],
        publish=["GS1207"],
    )
    attack(
        "a-key-in-the-policy-s-place",
        "GS1105",
        "A mere key has no threshold, no limits in time, and lets a set move every tag.",
        file="",
        begins="base",
        operations=[do("remove", "policy.yml")],
        change={"trusted.pub": MALLORY.pem},
        publish=["GS1207"],
    )
    attack(
        "a-set-before-there-is-trust",
        "GS1106",
        "In a repository without a policy the first set brings its own.",
        file="",
        operations=[
            do("remove", "policy.yml", at="base"),
            do("remove", "SIGNATURES", at="base"),
            do("write", "SIGNATURES/README.md", text="#\n", at="base"),
        ],
        doors={"verify": ["GS2003"], "publish": ["GS1207"]},
    )
    attack(
        "a-set-with-the-policy-that-judges-it",
        "GS1106",
        "The same, with the policy in the same change.",
        file="",
        also=["GS1102"],
        operations=[
            do("remove", "policy.yml", at="base"),
            do("remove", "SIGNATURES", at="base"),
            do("write", "SIGNATURES/README.md", text="#\n", at="base"),
        ],
        change=world.policy(),
    )


def _instants() -> None:
    ahead = "SIGNATURES/2999-01-01T00-00-00Z"
    attack(
        "a-set-that-lies-ahead",
        "GS1107",
        "No later set can move a tag any more: the project is stuck with this image.",
        file=f"{ahead}/{world.NEW}/CONFIG_BLOB",
        operations=[do("move", SET, to=ahead)],
    )
    attack(
        "an-older-set-that-moves-a-tag",
        "GS1108",
        "An image of last year, never merged, becomes `latest` as an old set.",
        file=f"SIGNATURES/2024-12-31T00-00-00Z/{world.NEW}/IMAGE",
        operations=[do("move", SET, to="SIGNATURES/2024-12-31T00-00-00Z")],
        publish=["GS1108", "GS1208"],
    )
    beneath = "SIGNATURES/2024-12-31T00-00-00Z"
    attack(
        "a-copy-beneath-its-original",
        "GS1109",
        "A copy under an older name is the first to hold the signatures: the merged set fails.",
        file=f"{beneath}/{OLD}/IMAGE",
        begins="base",
        operations=[
            do("copy", MERGED_SET, to=beneath),
            do("remove", f"{beneath}/{OLD}/LATEST"),
        ],
        publish=["GS1208"],
    )


def _histories() -> None:
    """Several commits, which a branch may get by a rebase or a fast-forward."""
    in_sum = {"base": IN_SUM, "rehearsal": IN_SUM}
    attack(
        "a-set-in-two-commits",
        "GS1101",
        "One commit brings half a set, which another completes when nobody looks.",
        file=f"{ENTRY}/MANIFEST",
        operations=[do("commit", f"{ENTRY}/MANIFEST")],
        doors=in_sum,
    )
    attack(
        "a-workflow-that-comes-and-goes",
        "GS1102",
        "A workflow is there for as long as it takes to run once.",
        file=WORKFLOW,
        operations=[do("commit", WORKFLOW, text="on: push\n")],
        doors=in_sum,
    )
    attack(
        "a-key-that-comes-and-goes",
        "GS0502",
        "The commit that brings the set trusts mallory; the next one takes that back.",
        file="MANIFEST",
        change=signed_layers(world.layer(signer=MALLORY)),
        operations=[do("commit", "keys/alice.pub", text=MALLORY.pem.decode())],
    )
    attack(
        "a-merged-set-that-goes-and-comes",
        "GS1101",
        "Removed by one commit, a merged set comes back as another by the next.",
        file=f"{MERGED}/MANIFEST",
        begins="base",
        change=_again(),
        operations=[do("commit", MERGED_SET)],
        publish=["GS1202"],
    )
