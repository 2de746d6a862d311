"""cosign, the program: where it is, which flags its version wants, one signature at a time.

Passwords, PINs and touches are between the terminal and cosign: its standard input is the user's,
and what it prints goes to standard error, as it is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, UsageError

STDERR = 2
_LOOK_SECONDS = 60
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})\b.*")
# they would send the signature elsewhere than to the copy that is signed, or in another format
_REDIRECTING = ("COSIGN_REPOSITORY", "COSIGN_EXPERIMENTAL", "COSIGN_DOCKER_MEDIA_TYPES")
_OURS = (
    "--recursive",
    "-r",
    "--upload",
    "--key",
    "--sk",
    "--slot",
    "--new-bundle-format",
    "--use-signing-config",
    "--signing-config",
    "--sign-container-identity",
    "--attachment",
    "--attachment-tag-prefix",
    "--registry-referrers-mode",
    "--output-signature",
    "--output-payload",
    "--payload",
)
_PUBLIC_LOG = "https://rekor.sigstore.dev"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What cosign signs with: a key reference of its own, or a security key's slot."""

    reference: str | None
    security_key: bool
    slot: str | None

    @property
    def arguments(self) -> list[str]:
        """The key as cosign's arguments."""
        if self.security_key:
            return ["--sk", *(["--slot", self.slot] if self.slot else [])]
        return ["--key", self.reference or ""]

    @property
    def needs_touch(self) -> bool:
        """Whether a person may have to touch something."""
        return self.security_key or (self.reference or "").startswith("pkcs11:")


@dataclass(frozen=True, slots=True)
class Cosign:
    """A cosign that can sign for us."""

    program: str
    version: tuple[int, int, int]
    environment: Mapping[str, str]

    def sign(
        self,
        image: str,
        identity: str,
        key: SigningKey,
        annotations: Sequence[str],
        further: Sequence[str],
        *,
        yes: bool,
    ) -> None:
        """Sign one digest; raises Refused (GS1303) where cosign does not.

        `image` is HOST/REPOSITORY@DIGEST of the copy to sign, `identity` the registry/repository
        that the payload shall name, `further` are arguments of cosign's own.
        """
        command = [self.program, "sign", *key.arguments, *self._format()]
        command += ["--sign-container-identity", identity]
        command += [part for annotation in annotations for part in ("-a", annotation)]
        command += ["--yes"] if yes else []
        # its output is for the person at the terminal; our standard output is for the report
        code = subprocess.run(
            [*command, *further, image], env=self._environment(), stdout=STDERR, check=False
        ).returncode
        if code != 0:
            raise Refused(codes.COSIGN_FAILED, f"{self.program} sign ended with exit code {code}")

    def public_key(self, key: SigningKey) -> bytes:
        """The public key of the signing key, PEM; raises Refused (GS1303)."""
        answer = subprocess.run(
            [self.program, "public-key", *key.arguments],
            env=self._environment(),
            stdout=subprocess.PIPE,
            check=False,
        )
        if answer.returncode != 0:
            raise Refused(
                codes.COSIGN_FAILED,
                f"{self.program} public-key ended with exit code {answer.returncode}",
            )
        return answer.stdout

    def _format(self) -> list[str]:
        """`.sig` signatures: cosign 3 makes bundles unless it is told not to, twice."""
        flags = ["--new-bundle-format=false"]
        return flags if self.version[0] < 3 else [*flags, "--use-signing-config=false"]

    def _environment(self) -> dict[str, str]:
        return {k: v for k, v in self.environment.items() if k not in _REDIRECTING}


def find(program: str | None, environment: Mapping[str, str]) -> Cosign:
    """The cosign that was named, or the one on PATH; raises UsageError (GS1301, GS1302)."""
    found = shutil.which(program or "cosign", path=environment.get("PATH"))
    if found is None:
        raise UsageError(codes.NO_COSIGN, f"there is no {program or 'cosign on PATH'}")
    try:
        answer = subprocess.run(
            [found, "version", "--json"],
            env=dict(environment),
            capture_output=True,
            timeout=_LOOK_SECONDS,
            check=False,
        )
        stated = str(json.loads(answer.stdout)["gitVersion"])
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        raise UsageError(codes.COSIGN_VERSION, f"{found} does not tell its version") from None
    match = _VERSION.fullmatch(stated)
    version = (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)
    if not (2, 6, 0) <= version < (4, 0, 0):
        raise UsageError(codes.COSIGN_VERSION, f"{found} is cosign {stated}")
    return Cosign(found, version, environment)


def check_further(arguments: Sequence[str]) -> None:
    """Refuse arguments of cosign's that are decided here; raises UsageError (GS2001)."""
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in _OURS:
            raise UsageError(codes.USAGE, f"{name} is decided by ghcr-signer, not given after --")


def logs(arguments: Sequence[str]) -> bool:
    """Whether cosign will write to a transparency log when it is given these arguments."""
    return _value(arguments, "--tlog-upload") not in ("false", "False", "0", "f", "F", "FALSE")


def logs_publicly(arguments: Sequence[str]) -> bool:
    """Whether that log is the public one: anything but a log that the arguments name."""
    url = _value(arguments, "--rekor-url")
    return logs(arguments) and (url is None or url.rstrip("/") == _PUBLIC_LOG)


def _value(arguments: Sequence[str], name: str) -> str | None:
    """The value of an option given as --name=value, or as --name value; the last one counts."""
    value = None
    for position, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
        elif argument == name and position + 1 < len(arguments):
            value = arguments[position + 1]
    return value
