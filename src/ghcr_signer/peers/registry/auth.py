"""Credentials: where they come from, and which host may see them.

Docker's own configuration is read, never written (docker/cli, cli/config/configfile; credential
helpers: docker/docker-credential-helpers). `GITHUB_TOKEN` is for ghcr.io alone.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError

GHCR = "ghcr.io"
_DOCKER_HUB = ("docker.io", "index.docker.io")
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30
_HELPER_HAS_NONE = b"credentials not found"
_SCHEME = re.compile(r"(?:^|,)\s*(basic|bearer)(?:\s+|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'\b([a-z]{1,32})="([^"\\]*)"', re.IGNORECASE)


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
    """What a registry wants: `scheme` is "basic" or "bearer" (distribution, authentication)."""

    scheme: str
    realm: str
    service: str

    @classmethod
    def parse(cls, header: str) -> Challenge | None:
        """Read WWW-Authenticate: its first challenge of the two schemes; None for any other."""
        parts = _SCHEME.split(header)
        if len(parts) == 1:
            return None
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(parts[2])}
        return cls(parts[1].lower(), parameters.get("realm", ""), parameters.get("service", ""))


def is_loopback(host: str) -> bool:
    """Whether HOST[:PORT] is this machine: localhost, 127.0.0.0/8 or [::1]."""
    name = host_name(host)
    address = _address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def host_name(host: str) -> str:
    """HOST[:PORT] without the port and without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def same_owner(registry: str, realm: str) -> bool:
    """Whether a token realm may see the registry's credentials: its own host or its own domain.

    Docker Hub's tokens come from auth.docker.io for registry-1.docker.io, GitLab's from gitlab.com
    for registry.gitlab.com: the registry's parent domain, or a host in it. For ghcr.io that is no
    domain, so its own host alone. Where strangers share a domain (co.uk), this does not tell them
    apart; but such a registry could ask for the password itself.
    """
    ours, theirs = host_name(registry), host_name(realm)
    domain = ours.partition(".")[2]
    if "." not in domain or _address(ours):
        return ours == theirs
    return theirs == domain or theirs.endswith(f".{domain}")


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def find(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """The credentials for a host: docker's configuration, else GITHUB_TOKEN for ghcr.io.

    Raises UsageError (GS2001) where the configuration cannot be read, or a helper fails.
    """
    found = _from_docker(host, environment)
    token = environment.get("GITHUB_TOKEN")
    if found is None and host == GHCR and token:
        # ghcr.io takes any user name with a token
        return Credentials(environment.get("GITHUB_ACTOR") or "x-access-token", token)
    return found


def _from_docker(host: str, environment: Mapping[str, str]) -> Credentials | None:
    path = _docker_config(environment)
    try:
        if path is None or not path.is_file():
            return None
        config = json.loads(path.read_bytes())
        key = _DOCKER_HUB_KEY if host in _DOCKER_HUB else host
        helper = (config.get("credHelpers") or {}).get(key) or config.get("credsStore")
        if helper:
            return _from_helper(helper, key, environment)
        return _from_auths(config.get("auths") or {}, key)
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    except (AttributeError, TypeError, LookupError, RecursionError):
        reason = "it has not the form of docker's config.json"
    raise UsageError(
        codes.USAGE,
        f"docker's configuration cannot be read: {reason}",
        file=str(path),
        fix="Mend or remove that file; `docker login` writes it anew.",
    )


def _docker_config(environment: Mapping[str, str]) -> Path | None:
    if environment.get("DOCKER_CONFIG"):
        return Path(environment["DOCKER_CONFIG"]) / "config.json"
    home = environment.get("HOME") or environment.get("USERPROFILE")
    return Path(home) / ".docker" / "config.json" if home else None


def _from_auths(auths: Mapping[str, Mapping[str, str]], key: str) -> Credentials | None:
    """The entry of that very key, else one that names the same host, as docker itself does."""
    same_host = (entry for name, entry in auths.items() if _host_of_key(name) == _host_of_key(key))
    auth = auths[key].get("auth") if key in auths else next(same_host, {}).get("auth")
    if not auth:
        return None
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except ValueError:  # binascii.Error and UnicodeDecodeError are two of them
        colon = ""
    if not colon:
        raise ValueError("an `auth` in it is not base64 of user:password")
    return Credentials(username, password.rstrip("\0"))


def _host_of_key(key: str) -> str:
    """The host of a key in `auths`: HOST, or as in old files https://HOST/v1/."""
    return key.rpartition("://")[2].partition("/")[0]


def _from_helper(name: str, key: str, environment: Mapping[str, str]) -> Credentials | None:
    """Ask docker-credential-NAME; None where it has nothing, or is not installed."""
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
    except (OSError, subprocess.TimeoutExpired):
        raise _helper_fails(name, "it does not run, or not end") from None
    if answer.returncode != 0:
        said = answer.stdout + answer.stderr
        if _HELPER_HAS_NONE in said:
            return None
        words = said.decode(errors="replace").strip()[:200]
        raise _helper_fails(name, words or f"exit {answer.returncode}")
    try:
        document = json.loads(answer.stdout)
        username, password = document["Username"], document["Secret"]
    except (ValueError, TypeError, LookupError, RecursionError):
        username = password = None
    if not isinstance(username, str) or not isinstance(password, str):
        raise _helper_fails(name, "its answer has no Username and Secret")
    return Credentials(username, password) if password else None


def _helper_fails(name: str, reason: str) -> UsageError:
    return UsageError(
        codes.USAGE,
        f"docker-credential-{name}, which docker's configuration names, fails: {reason}",
        fix="Mend the helper, or remove it from docker's config.json.",
    )
