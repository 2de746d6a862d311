"""Step 2: images that are not what they seem, and tags that no set may move."""

from __future__ import annotations

from tests.attacks import world
from tests.attacks.recipes.recipe import attack
from tests.attacks.world import APP, NEW


def add() -> None:
    _references()
    _repositories()
    _tags()


def _references() -> None:
    for name, what, image in (
        ("an-image-with-a-tag", "The tag may point elsewhere tomorrow.", f"{APP}:v1@sha256:{NEW}"),
        ("an-image-without-a-digest", "Whatever is there counts as signed.", APP),
        (
            "an-image-with-two-lines",
            "One reader takes the first line, another the last.",
            f"{APP}@sha256:{NEW}\nghcr.io/mallory/app@sha256:{NEW}",
        ),
        (
            "an-image-with-crlf",
            "The carriage return becomes a part of a name, or of a request's header.",
            f"{APP}@sha256:{NEW}\r\n",
        ),
        (
            "an-image-with-a-nul",
            "A reader in C sees the name end before the attacker's repository becomes allowed.",
            f"ghcr.io/mallory/app\x00/acme/app@sha256:{NEW}",
        ),
        (
            "an-idn-host",
            "A Cyrillic letter makes another host that looks the same.",
            f"gh\u0441r.io/acme/app@sha256:{NEW}",
        ),
        ("an-upper-case-host", "Hosts fold case, globs do not.", f"GHCR.io/acme/app@sha256:{NEW}"),
        (
            "an-upper-case-repository",
            "Some registries fold case: it is written where no glob allows it.",
            f"ghcr.io/ACME/app@sha256:{NEW}",
        ),
        (
            "a-repository-with-dot-dot",
            "The glob allows ghcr.io/acme/**, and the client's URL leads out of it.",
            f"ghcr.io/acme/../mallory/app@sha256:{NEW}",
        ),
        (
            "a-repository-with-an-escape",
            "The same, once a server has decoded it.",
            f"ghcr.io/acme/%2e%2e/mallory/app@sha256:{NEW}",
        ),
        (
            "a-host-with-a-user",
            "The token goes to the host behind the @.",
            f"ghcr.io@evil.example/acme/app@sha256:{NEW}",
        ),
        (
            "a-host-with-a-final-dot",
            "It is the same host to the resolver, and another to every rule.",
            f"ghcr.io./acme/app@sha256:{NEW}",
        ),
        (
            "an-image-without-a-host",
            "Some client adds a host of its own.",
            f"acme/app@sha256:{NEW}",
        ),
        (
            "an-image-with-two-digests",
            "One reader takes the first digest, another the last.",
            f"{APP}@sha256:{world.OLD}@sha256:{NEW}",
        ),
        (
            "an-image-with-an-upper-case-digest",
            "Another spelling of the same digest is another digest to a client.",
            f"{APP}@sha256:{NEW.upper()}",
        ),
        (
            "an-image-with-a-character-of-no-width",
            "It looks like the allowed repository, and is another.",
            f"ghcr.io/acme\u200b/app@sha256:{NEW}",
        ),
        (
            "an-image-with-a-scheme",
            "A client follows the scheme that it is given.",
            f"http://ghcr.io/acme/app@sha256:{NEW}",
        ),
        (
            "an-image-by-another-algorithm",
            "A digest that nobody compares with the folder's name.",
            f"{APP}@sha512:{NEW}{NEW}",
        ),
    ):
        attack(name, "GS0201", what, file="IMAGE", change={"IMAGE": image.encode()})
    attack(
        "entries-swapped",
        "GS0202",
        "The good signatures of one image lie in the folder of another.",
        file="IMAGE",
        change=world.entry(digest=world.OTHER),
    )


def _repositories() -> None:
    for name, what, repository in (
        (
            "somebody-else-s-repository",
            "Our token writes where the attacker wants.",
            "ghcr.io/mallory/app",
        ),
        (
            "a-repository-that-begins-alike",
            "The glob ghcr.io/acme/** also matches what begins with acme.",
            "ghcr.io/acme-evil/app",
        ),
        (
            "a-host-that-begins-alike",
            "The glob matches a host that only begins with the right one.",
            "ghcr.io.evil.example/acme/app",
        ),
        (
            "a-host-with-a-port",
            "Another port is another registry, and the token goes there.",
            "ghcr.io:8443/acme/app",
        ),
        (
            "a-punycode-host",
            "The host that looks like the right one, as the resolver spells it.",
            "xn--ghr-pmc.io/acme/app",
        ),
        (
            "the-owner-without-a-repository",
            "The glob's `**` matches nothing at all.",
            "ghcr.io/acme",
        ),
        (
            "an-address-inside",
            "The publisher is made to speak to a service behind the firewall.",
            "169.254.169.254/acme/app",
        ),
    ):
        attack(name, "GS0203", what, file="IMAGE", change=world.entry(repository=repository))


def _tags() -> None:
    for name, what, tags in (
        (
            "a-tag-named-like-a-signature",
            "Moving it replaces the signatures of another image.",
            f"sha256-{world.OLD}.sig\n",
        ),
        (
            "a-tag-named-like-a-fallback-index",
            "Moving it replaces the list of all that refers to another image.",
            f"sha256-{world.OLD}\n",
        ),
        (
            "a-tag-named-like-a-longer-digest",
            "The same, of an image whose digest is a sha512: of that the tag has 64 digits.",
            f"sha512-{world.OLD}\n",
        ),
        (
            "a-tag-named-like-an-attestation",
            "Moving it replaces the attestations of another image.",
            f"sha256-{world.OLD}.att\n",
        ),
        ("tags-with-crlf", "The carriage return becomes a part of the tag.", "v1\r\n"),
        ("a-tag-twice", "Whoever counts tags counts wrong.", "v1\nv1\n"),
        ("latest-in-tags-too", "Whoever counts tags counts wrong.", "latest\n"),
        ("an-empty-tag", "The URL of no tag is the URL of all of them.", "v1\n\nv2\n"),
        ("a-tag-that-is-a-path", "The client's URL leads to another endpoint.", "../blobs/x\n"),
        ("a-tag-with-a-nul", "To a reader in C the tag ends there.", "v1\0.evil\n"),
        ("a-tag-that-is-an-option", "Some program takes it for an option.", "--all\n"),
        ("a-tag-with-bidi", "It reads as another tag in the review.", "v1\u202e1.0\n"),
        ("a-tag-that-is-too-long", "It is cut off somewhere, and then it is another.", "v" * 129),
        (
            "too-many-tags",
            "Moving all of them takes for ever.",
            "\n".join(f"v{n}" for n in range(101)),
        ),
    ):
        attack(name, "GS0204", what, file="TAGS", change={"TAGS": tags.encode()})
