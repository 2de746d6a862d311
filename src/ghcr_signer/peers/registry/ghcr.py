"""ghcr.io's refusals, as seen in the field, and the exact next step for each."""

from __future__ import annotations

from ghcr_signer.peers.registry.auth import GHCR

_PACKAGE_SETTINGS = (
    "https://github.com/orgs/{owner}/packages/container/{package}/settings (for a person's package:"
    " https://github.com/users/{owner}/…)"
)
_GRANT = "In the workflow, grant the job `permissions: packages: write`"

# The first text that the answer contains, in lower case, decides.
_REMEDIES = (
    (
        "installation not allowed to",  # … Create organization package, … Write …
        _GRANT + ". If it has that: the repository must belong to the package's owner, {owner}.",
    ),
    (
        "permission_denied: write_package",
        "The package was not created by this repository: at " + _PACKAGE_SETTINGS + ", under Manage"
        " Actions access, add the repository with the role Write.",
    ),
    (
        "permission_denied: read_package",
        "At "
        + _PACKAGE_SETTINGS
        + ", under Manage Actions access, add the repository with the role"
        " Read.",
    ),
    (
        "does not match expected scopes",
        "The token lacks a scope: `write:packages` (`read:packages` to read). ghcr.io takes classic"
        " tokens and GITHUB_TOKEN only.",
    ),
    (
        "denied",
        _GRANT + " and pass GITHUB_TOKEN; elsewhere `docker login ghcr.io`. A package that is not"
        " there is denied too: check the name.",
    ),
)


def remedy(host: str, repository: str, words: str) -> str:
    """The next step for a refusal in ghcr.io's words; "" for other words, and for other hosts."""
    if host != GHCR:
        return ""
    owner, _, package = repository.partition("/")
    for text, fix in _REMEDIES:
        if text in words.lower():
            return fix.format(owner=owner, package=package.replace("/", "%2F"))
    return ""
