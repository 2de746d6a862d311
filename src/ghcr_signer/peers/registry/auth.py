"""Credentials: where they come from, and which host may see them.

Docker's own configuration is read, never written (docker/cli, cli/config/configfile; credential
helpers: docker/docker-credential-helpers). `GITHUB_TOKEN` is for ghcr.io alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError

GHCR = "ghcr.io"
_DOCKER_HUB = ("docker.io", "index.docker.io")
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30
_CHALLENGE_PARAMETER = re.compile(r'([a-z]+)="([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and secret for one host. The secret is never shown."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header of HTTP Basic authentication (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry wants: `scheme` is "basic" or "bearer" (distribution, token authentication)."""

    scheme: str
    realm: str
    service: str

    @classmethod
    def parse(cls, header: str) -> Challenge | None:
        """Read WWW-Authenticate; None for a scheme that is neither of the two."""
        scheme, _, rest = header.partition(" ")
        parameters = dict(_CHALLENGE_PARAMETER.findall(rest))
        if scheme.lower() not in ("basic", "bearer"):
            return None
        return cls(scheme.lower(), parameters.get("realm", ""), parameters.get("service", ""))


def is_loopback(host: str) -> bool:
    """Whether HOST[:PORT] is this machine: localhost, 127.0.0.0/8 or [::1]."""
    name = host_name(host)
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """HOST[:PORT] without the port and without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def same_owner(registry: str, realm: str) -> bool:
    """Whether a token realm may see the registry's credentials: its own host or its own domain.

    Docker Hub's tokens come from auth.docker.io for registry-1.docker.io, GitLab's from gitlab.com
    for registry.gitlab.com: the same last two labels. ghcr.io's own come from ghcr.io.
    """
    ours, theirs = host_name(registry), host_name(realm)
    if ours == theirs:
        return True
    return not is_loopback(registry) and ours.split(".")[-2:] == theirs.split(".")[-2:]


def find(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """The credentials for a host: docker's configuration, else GITHUB_TOKEN for ghcr.io.

    Raises UsageError (GS2001) where the configuration cannot be read, or a helper fails.
    """
    found = _from_docker(host, environment)
    if found is None and host == GHCR and environment.get("GITHUB_TOKEN"):
        # ghcr.io takes any user name with a token
        return Credentials(
            environment.get("GITHUB_ACTOR", "x-access-token"), environment["GITHUB_TOKEN"]
        )
    return found


def _from_docker(host: str, environment: Mapping[str, str]) -> Credentials | None:
    path = _docker_config(environment)
    if path is None or not path.is_file():
        return None
    try:
        config = json.loads(path.read_bytes())
        key = _DOCKER_HUB_KEY if host in _DOCKER_HUB else host
        auths, helpers = config.get("auths", {}), config.get("credHelpers", {})
        helper = helpers.get(key) or config.get("credsStore")
        if helper:
            return _from_helper(helper, key, environment)
        return _from_auth(auths.get(key, {}).get("auth"))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            codes.USAGE,
            f"docker's configuration cannot be read: {error}",
            file=str(path),
            fix="Mend or remove that file; `docker login` writes it anew.",
        ) from None


def _docker_config(environment: Mapping[str, str]) -> Path | None:
    if environment.get("DOCKER_CONFIG"):
        return Path(environment["DOCKER_CONFIG"]) / "config.json"
    home = environment.get("HOME") or environment.get("USERPROFILE")
    return Path(home) / ".docker" / "config.json" if home else None


def _from_auth(auth: str | None) -> Credentials | None:
    if not auth:
        return None
    try:
        username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("an `auth` in it is not base64 of user:password") from None
    return Credentials(username, password.rstrip("\0"))


def _from_helper(name: str, key: str, environment: Mapping[str, str]) -> Credentials | None:
    """Ask docker-credential-NAME. It answers with an error where it has nothing: that is None."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise ValueError("a credential helper's name in it is not a program's name")
    program = shutil.which(f"docker-credential-{name}", path=environment.get("PATH"))
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "get"],
            input=key.encode(),
            capture_output=True,
            env=dict(environment),
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"the credential helper {name} did not answer: {error}") from None
    if answer.returncode != 0:
        return None
    document = json.loads(answer.stdout)
    return Credentials(document["Username"], document["Secret"])
