"""Remotes: what a remote's URL says of the repository on GitHub, and how it is shown.

The forms of a URL are git's own (git-fetch, "GIT URLS"); those of a page are GitHub's, which a
GitHub of somebody's own has too (docs.github.com, "Using query parameters to create a pull
request").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

GITHUB = "github.com"
_GHE_COM = ".ghe.com"  # GitHub Enterprise Cloud with data residency
_OVER_SSH = "ssh.github.com"  # GitHub's ssh where port 22 is closed
_ALIAS = "github.com-"  # a Host of ~/.ssh/config, as those with two accounts name it

# No backslash, no second @, nothing but a host: two parsers cannot read two hosts out of it.
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
_PORT = r"(?::(?P<port>[0-9]{1,5}))?"
_USER = r"(?:[^/@\\?#\s]*@)?"
_NAME = r"(?P<owner>[A-Za-z0-9_-]+)/(?!\.{1,2}(?:\.git)?/?\Z)(?P<repository>[A-Za-z0-9._-]+?)"
_END = r"(?:\.git)?/?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<scheme>https?)://{_USER}{_HOST}{_PORT}/{_NAME}{_END}",
        rf"(?P<scheme>(?:git\+)?ssh|ssh\+git)://{_USER}{_HOST}{_PORT}/{_NAME}{_END}",
        rf"(?P<scheme>){_USER}{_HOST}(?P<port>):/?{_NAME}{_END}",
    )
)
_SECRET = re.compile(r"(//)[^/\s'\"]*@")
_REF = re.compile(
    r"refs/heads/((?!.*(?:\.\.|@\{|//))[^\0-\x20\x7f~^:?*\[\\/-][^\0-\x20\x7f~^:?*\[\\]*)"
)


@dataclass(frozen=True, slots=True)
class Hub:
    """A repository on GitHub, or on a GitHub of somebody's own; `host` is that of its pages."""

    host: str
    owner: str
    repository: str

    @property
    def name(self) -> str:
        """OWNER/REPOSITORY."""
        return f"{self.owner}/{self.repository}"

    @property
    def web(self) -> str:
        """Its address for people."""
        return f"https://{self.host}/{self.name}"

    @property
    def api(self) -> str:
        """The address of its host's API (docs.github.com, REST, "Getting started")."""
        if self.host == GITHUB or self.host.endswith(_GHE_COM):
            return f"https://api.{self.host}"
        return f"https://{self.host}/api/v3"

    @property
    def fork_page(self) -> str:
        """Where a person forks it."""
        return f"{self.web}/fork"

    def compare_page(self, base: str, owner: str, branch: str) -> str:
        """Where a person opens a pull request into `base` of a branch of `owner`'s."""
        head = f"{quote(owner, safe='')}:{quote(branch)}"
        return f"{self.web}/compare/{quote(base)}...{head}?expand=1"

    def is_other_s(self, other: Hub) -> bool:
        """Whether the other has the same repository under another owner, as a fork has."""
        mine, theirs = (
            (each.host, each.repository.lower(), each.owner.lower()) for each in (self, other)
        )
        return mine[:2] == theirs[:2] and mine[2] != theirs[2]


def parse(url: str, own: str = GITHUB) -> Hub | None:
    """The repository that a remote's URL means; None for a path, or what is not GitHub's.

    `own` is a host that is known to be a GitHub of somebody's own; others are taken for one by
    their names: github.com, of ghe.com, or beginning with `github.`.
    """
    for form in _FORMS:
        found = form.fullmatch(url)
        if found:
            host = _web_host(found, own.lower())
            return Hub(host, found["owner"], found["repository"]) if host else None
    return None


def _web_host(found: re.Match[str], own: str) -> str | None:
    host, over_http = found["host"].lower(), found["scheme"].startswith("http")
    if host == _OVER_SSH or host.startswith(_ALIAS):
        return None if over_http else GITHUB
    with_port = f"{host}:{found['port']}" if over_http and found["port"] else host
    if own in (host, with_port):
        return with_port
    named = host == GITHUB or host.endswith(_GHE_COM) or host.startswith("github.")
    return with_port if named else None


def with_owner(url: str, owner: str) -> str:
    """The URL of the same repository under another owner; raises ValueError for what has none."""
    for form in _FORMS:
        found = form.fullmatch(url)
        if found:
            return f"{url[: found.start('owner')]}{owner}{url[found.end('owner') :]}"
    raise ValueError(url)


def without_secrets(text: str) -> str:
    """A URL, or what a program says of one, without the name and the password in it."""
    return _SECRET.sub(r"\1", text)


def branch(ref: str) -> str | None:
    """The branch that a ref is; None for what is none, or that would act in a refspec."""
    found = _REF.fullmatch(ref)
    return found[1] if found else None


def repository(url: str, host: str) -> str | None:
    """OWNER/REPOSITORY, where the URL is one of that host's; None elsewhere."""
    found = parse(url, host)
    return found.name if found and found.host.partition(":")[0] == host.lower() else None
