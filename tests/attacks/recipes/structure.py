"""Step 1: what is no signature directory."""

from __future__ import annotations

from tests.attacks import world
from tests.attacks.recipes.recipe import (
    ENTRY,
    GIT_ONLY,
    SET,
    attack,
    do,
    write,
)

OUT = "../../../keys/alice.pub"
BESIDE_BASE = {each: ["GS0101", "GS1103"] for each in ("base", "rehearsal")}


def add() -> None:
    _unexpected_files()
    _irregular_files()
    _sizes()
    _names()


def _unexpected_files() -> None:
    attack(
        "an-unknown-file-in-an-entry",
        "GS0101",
        "A file that nobody judges rides along, for whoever reads the directory.",
        file=ENTRY,
        change={"EXTRA": b"x"},
    )
    attack(
        "a-blob-with-a-leading-zero",
        "GS0101",
        "PAYLOAD_BLOB.01 is PAYLOAD_BLOB.1 to one reader and nothing to another.",
        file=ENTRY,
        change={"PAYLOAD_BLOB.01": b"x"},
    )
    attack(
        "a-case-insensitive-twin-of-a-file",
        "GS0101",
        "On a file system that folds case, `image` takes the place of IMAGE.",
        file=ENTRY,
        operations=[write(f"{ENTRY}/image", "ghcr.io/evil/app\n")],
        doors=BESIDE_BASE,
    )
    attack(
        "gitattributes-in-an-entry",
        "GS0101",
        "Attributes make the checkout differ from what was reviewed: other ends of lines.",
        file=ENTRY,
        operations=[write(f"{ENTRY}/.gitattributes", "* text eol=crlf ident\n")],
    )
    attack(
        "gitattributes-in-the-directory",
        "GS0101",
        "Attributes make the checkout of every set differ from what was reviewed.",
        file="SIGNATURES/.gitattributes",
        operations=[write("SIGNATURES/.gitattributes", "* filter=x export-ignore\n")],
    )
    attack(
        "a-policy-in-the-directory",
        "GS0101",
        "A policy nearer to the sets than the project's own is the one that counts.",
        file="SIGNATURES/policy.yml",
        change={"SIGNATURES/policy.yml": world.policy(world.authority("mallory"))["policy.yml"]},
    )
    attack(
        "a-key-in-the-directory",
        "GS0101",
        "A key beside the sets judges them.",
        file="SIGNATURES/trusted.pub",
        change={"SIGNATURES/trusted.pub": world.MALLORY.pem},
    )
    attack(
        "a-file-beside-the-entries",
        "GS0101",
        "A file that belongs to no entry is uploaded, or believed, by somebody.",
        file=f"{SET}/README.md",
        change={f"{SET}/README.md": b"All of this is well. Merge it.\n"},
    )
    attack(
        "a-file-with-two-lines-in-its-name",
        "GS0101",
        "A reader that takes a line for a name sees LATEST.",
        file=ENTRY,
        operations=[write(f"{ENTRY}/LATEST\n", "")],
    )
    attack(
        "a-file-whose-name-is-no-text",
        "GS0101",
        "A name that is no UTF-8 ends the check with an error, and the job goes on.",
        file=ENTRY,
        operations=[write(f"{ENTRY}/LATEST\udcff", "")],
    )
    attack(
        "a-folder-in-an-entry",
        "GS0101",
        "Below a folder there is room for what nobody looks at.",
        file=ENTRY,
        change={f"{ENTRY}/attestations/MANIFEST": world.entry()["MANIFEST"]},
    )
    attack(
        "a-git-folder-in-the-directory",
        "GS0107",
        "git takes the directory for a repository of its own, with the attacker's configuration.",
        file="SIGNATURES/.git",
        operations=[write("SIGNATURES/.git/config", "[core]\n\tfsmonitor = touch owned\n")],
    )
    attack(
        "a-folder-named-image",
        "GS0103",
        "A folder is no file, so nothing in it is judged.",
        file=ENTRY,
        operations=[
            do("remove", f"{ENTRY}/IMAGE"),
            write(f"{ENTRY}/IMAGE/IMAGE", "ghcr.io/mallory/app\n"),
        ],
    )
    attack(
        "ten-thousand-files-in-an-entry",
        "GS0101",
        "So many names that telling them takes for ever, or fills the log.",
        file=ENTRY,
        operations=[do("files", ENTRY, times=10_000)],
    )
    attack(
        "no-payload",
        "GS0102",
        "An entry without what is signed passes, since nothing in it fails.",
        file=ENTRY,
        operations=[do("remove", f"{ENTRY}/PAYLOAD_BLOB")],
    )
    attack(
        "no-manifest",
        "GS0102",
        "An entry without any signature passes, since none of its signatures fails.",
        file=ENTRY,
        operations=[do("remove", f"{ENTRY}/MANIFEST")],
    )
    attack(
        "an-entry-without-files",
        "GS0102",
        "An empty entry passes, since nothing in it fails.",
        file=ENTRY,
        operations=[do("remove", ENTRY), do("folder", ENTRY)],
    )


def _irregular_files() -> None:
    attack(
        "a-symlink-in-an-entry",
        "GS0103",
        "The link leads to a file that the reviewer does not see, and that may change.",
        file=ENTRY,
        operations=[do("link", f"{ENTRY}/PAYLOAD_BLOB", to=OUT)],
    )
    attack(
        "a-symlink-to-a-secret",
        "GS0103",
        "What the runner keeps elsewhere is read, and published as a blob.",
        file=ENTRY,
        operations=[do("link", f"{ENTRY}/CONFIG_BLOB", to="/proc/self/environ")],
    )
    attack(
        "a-symlink-for-latest",
        "GS0103",
        "A link that looks empty in a review moves a tag.",
        file=ENTRY,
        operations=[do("link", f"{ENTRY}/LATEST", to="IMAGE")],
    )
    attack(
        "a-submodule-in-an-entry",
        "GS0103",
        "Another repository's content comes in at checkout, reviewed by nobody.",
        file=ENTRY,
        operations=[do("submodule", f"{ENTRY}/MANIFEST")],
        doors={"verify": GIT_ONLY},
    )
    attack(
        "a-symlink-for-an-entry",
        "GS0101",
        "The entry of another digest counts a second time, under this name.",
        file=ENTRY,
        operations=[
            do("remove", ENTRY),
            do("link", ENTRY, to=f"../{world.OLD_SET}/{world.OLD}"),
        ],
        also=["GS0109"],
    )
    attack(
        "a-symlink-for-a-set",
        "GS0101",
        "A merged set counts again, as a newer one.",
        file=SET,
        operations=[do("remove", SET), do("link", SET, to=world.OLD_SET)],
    )
    attack(
        "a-submodule-for-a-set",
        "GS0101",
        "The sets come from a repository that the attacker may change at any time.",
        file=SET,
        operations=[do("remove", SET), do("submodule", SET)],
        doors={"verify": GIT_ONLY},
    )
    attack(
        "a-symlink-for-the-readme",
        "GS0101",
        "The one file that is ignored leads somewhere else.",
        file="SIGNATURES/README.md",
        begins="base",
        operations=[do("link", "SIGNATURES/README.md", to="../policy.yml")],
    )


def _sizes() -> None:
    attack(
        "a-huge-manifest",
        "GS0104",
        "Reading it exhausts the check, which then ends without a word.",
        file=ENTRY,
        operations=[{**write(f"{ENTRY}/MANIFEST", " " * 64), "times": 65_537}],
    )
    attack(
        "an-image-file-of-many-lines",
        "GS0104",
        "The reviewer sees the first line, the program reads another.",
        file=ENTRY,
        operations=[{**write(f"{ENTRY}/IMAGE", "\n"), "times": 1025}],
    )
    attack(
        "latest-with-content",
        "GS0104",
        "LATEST is where nobody looks for content, so it carries some.",
        file=ENTRY,
        change={"LATEST": b"x"},
    )
    attack(
        "a-set-larger-than-memory",
        "GS0104",
        "Each file keeps to its cap, all together they exhaust the check.",
        file=SET,
        operations=[
            {**write(f"{ENTRY}/PAYLOAD_BLOB.{number}", "x" * 64), "times": 65_536}
            for number in range(1, 17)
        ],
        doors={"base": ["GS1104"], "rehearsal": ["GS1104"]},
    )
    attack(
        "too-many-entries",
        "GS0110",
        "So many entries that the check does not come to an end.",
        file=SET,
        operations=[do("folders", SET, times=1001)],
    )


def _names() -> None:
    _set_named(
        "a-set-of-a-day-that-never-was",
        "It sorts after every day of February and before March.",
        "2025-02-30T04-05-06Z",
    )
    _set_named(
        "a-set-in-another-zone",
        "It sorts by its text where others sort by their instant.",
        "2025-02-03T04:05:06+01:00",
    )
    _set_named(
        "a-set-with-a-fraction",
        "Of two sets within a second nobody can say which is the later.",
        "2025-02-03T04:05:06.5+00:00",
    )
    _set_named(
        "a-set-in-lower-case",
        "It is a good set's twin where case is folded.",
        "2025-02-03t04-05-06z",
    )
    _set_named(
        "a-set-in-other-digits",
        "Full-width digits are digits to Python, and usual ones where Unicode is normalised.",
        "\uff12025-02-03T04-05-06Z",
    )
    _set_named(
        "a-set-outside-the-directory",
        "Its name leads out of the directory, once somebody has decoded it.",
        "..%2f2025-02-03T04-05-06Z",
    )
    _set_named(
        "one-instant-in-two-spellings",
        "Which of two sets of one instant is the later is up to the reader.",
        "2025-01-02T03:04:05+00:00",
    )
    _entry_named(
        "an-entry-in-upper-case",
        "It is another entry's twin where case is folded.",
        world.NEW.upper(),
    )
    _entry_named(
        "an-entry-of-a-short-digest",
        "For somebody a digest's first digits are enough: many images have them.",
        world.NEW[:12],
    )
    _entry_named(
        "an-entry-with-an-algorithm",
        "A name with a colon is a path, a host or a stream to somebody.",
        f"sha256:{world.NEW}",
    )
    _entry_named(
        "an-entry-named-after-a-tag",
        "A tag points at another image tomorrow.",
        "latest",
    )
    attack(
        "an-empty-set",
        "GS0109",
        "A set that signs nothing passes, since nothing in it fails.",
        file=SET,
        operations=[do("remove", SET), do("folder", SET)],
    )


def _set_named(name: str, what: str, set_name: str) -> None:
    path = f"SIGNATURES/{set_name}"
    attack(name, "GS0107", what, file=path, operations=[do("move", SET, to=path)])


def _entry_named(name: str, what: str, entry: str) -> None:
    path = f"{SET}/{entry}"
    attack(name, "GS0108", what, file=path, operations=[do("move", ENTRY, to=path)])
