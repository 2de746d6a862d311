"""cosign, the program: where it is, which flags its version wants, one signature at a time.

Passwords, PINs and touches are between the terminal and cosign: its standard input is the user's,
and what it prints goes to standard error, as it is; the end of it is kept, to tell what went wrong.

Two habits of cosign's are minded here. It takes any option from a variable COSIGN_<OPTION> too
(options/root.go, BindViper): COSIGN_RECURSIVE would sign more than was asked about. And it reads
its command line loosely (main.go): -recursive is --recursive, and --r is -r.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ghcr_signer.core import codes
from ghcr_signer.core.errors import Refused, UsageError
from ghcr_signer.peers.cosign_faults import Fault, explain

STDERR = 2
_KEPT_BYTES = 16_384
_LOOK_SECONDS = 60
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})\b.*")
_PREFIX = "COSIGN_"
_SECRETS = ("COSIGN_PASSWORD", "COSIGN_PRIVATE_KEY", "COSIGN_PKCS11_")
_ABOUT_THE_LOG = ("rekor-url", "tlog-upload")
_PUBLIC_LOGS = ("sigstore.dev", "sigstage.dev")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")
_NOT_AFTER_DASHES = frozenset(
    {
        # ghcr-signer's own options
        *("key", "sk", "slot", "recursive", "r", "annotations", "a", "yes", "y"),
        # another format, or another place than the copy that is signed
        *("new-bundle-format", "use-signing-config", "signing-config", "record-creation-timestamp"),
        *("upload", "sign-container-identity", "payload", "registry-referrers-mode"),
        *("attachment", "attachment-tag-prefix", "output-signature", "output-payload"),
        # what would not verify (GS0503, GS0703)
        *("certificate", "certificate-chain", "issue-certificate", "identity-token"),
        "timestamp-server-url",
    }
)


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

    def is_told_freely(self, environment: Mapping[str, str]) -> bool:
        """Whether cosign tells the public key and asks nobody for it: no password, PIN or touch."""
        reference = self.reference or ""
        if self.security_key:
            return True
        if reference.startswith("pkcs11:"):
            return "pin-value=" in reference or "COSIGN_PKCS11_PIN" in environment
        of_a_file = "://" not in reference or reference.startswith("env://")
        return "COSIGN_PASSWORD" in environment or not of_a_file


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
    ) -> Fault | None:
        """Sign one digest; why cosign did not, None where it did.

        `image` is HOST/REPOSITORY@DIGEST of the copy to sign, `identity` the registry/repository
        that the payload shall name, `further` are arguments of cosign's own.
        """
        command = ["sign", *key.arguments, *self._format()]
        command += ["--sign-container-identity", identity]
        command += [part for annotation in annotations for part in ("-a", _quoted(annotation))]
        command += ["--yes"] if yes else []
        # its output is for the person at the terminal; our standard output is for the report
        _, fault = self._run([*command, *further, image], key, stdout=STDERR)
        return fault

    def public_key(self, key: SigningKey) -> bytes:
        """The public key of the signing key, PEM; raises Refused (GS13..) where it is not told."""
        printed, fault = self._run(["public-key", *key.arguments], key, stdout=subprocess.PIPE)
        if fault is not None:
            raise Refused(fault.code, fault.message)
        return printed

    def _run(
        self, arguments: Sequence[str], key: SigningKey, *, stdout: int
    ) -> tuple[bytes, Fault | None]:
        """What it printed, if that was asked for, and why it failed."""
        with subprocess.Popen(
            [self.program, *arguments],
            env=self._environment(key),
            stdout=stdout,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                said = _pass_on(process)
                printed = process.stdout.read() if process.stdout else b""
                code = process.wait()
            except BaseException:  # such as Ctrl-C, which the terminal has sent to cosign too
                process.kill()
                raise
        if code == -signal.SIGINT:  # its end may be seen before our own Ctrl-C
            raise KeyboardInterrupt
        if code == 0:
            return printed, None
        unknown = f"{self.program} {arguments[0]} ended with exit code {code}"
        return printed, explain(said) or Fault(codes.COSIGN_FAILED, unknown)

    def has_piv(self) -> bool:
        """Whether it was built to sign with a security key; no card is asked."""
        answer = subprocess.run(
            [self.program, "piv-tool", "--help"],
            env=dict(self.environment),
            capture_output=True,
            check=False,
        )
        fault = explain((answer.stdout + answer.stderr).decode("utf-8", "replace"))
        return fault is None or fault.code is not codes.NO_PIV

    def _format(self) -> list[str]:
        """`.sig` signatures: cosign 3 makes bundles unless it is told not to, twice."""
        flags = ["--new-bundle-format=false"]
        return flags if self.version[0] < 3 else [*flags, "--use-signing-config=false"]

    def _environment(self, key: SigningKey) -> dict[str, str]:
        """The user's, but of cosign's own variables only passwords, PINs and keys.

        A certificate that lies beside a PKCS#11 key is left out: the key is what is trusted.
        """
        kept = {
            name: value
            for name, value in self.environment.items()
            if not name.startswith(_PREFIX)
            or name.startswith(_SECRETS)
            or key.reference == f"env://{name}"
        }
        return {"COSIGN_PKCS11_IGNORE_CERTIFICATE": "1", **kept}


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


def further(given: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """cosign's own arguments: those given after --, and before them its variables about the log.

    Raises UsageError (GS2001) for an option that has no place there, and for what is no option:
    cosign would take it for a further image to sign.
    """
    for before, argument in pairwise(("", *given)):
        name = _name(argument)
        if name in _NOT_AFTER_DASHES:
            raise UsageError(
                codes.USAGE,
                f"{argument.partition('=')[0]} cannot be given after --: ghcr-signer decides it,"
                " takes it before --, or could not verify what comes of it",
            )
        is_value = _name(before) is not None and "=" not in before
        if name is None and (not is_value or argument.lower() in ("true", "false")):
            raise UsageError(
                codes.USAGE,
                f"{argument!r} after -- is not an option of cosign's",
                fix="Write cosign's options as --name=value.",
            )
    by_variable = [
        f"--{name}={value}"
        for name in _ABOUT_THE_LOG
        if (value := environment.get(_PREFIX + name.upper().replace("-", "_")))
    ]
    return (*by_variable, *given)


def logs(arguments: Sequence[str]) -> bool:
    """Whether cosign will write to a transparency log when it is given these arguments."""
    given = [argument for argument in arguments if _name(argument) == "tlog-upload"]
    return not given or given[-1].partition("=")[2] not in _FALSE


def logs_publicly(arguments: Sequence[str]) -> bool:
    """Whether that log is a public one: anything but a log of one's own that is named."""
    url = ""
    for argument, following in pairwise((*arguments, "")):
        if _name(argument) == "rekor-url":
            url = argument.partition("=")[2] if "=" in argument else following
    return logs(arguments) and (not url or any(public in url.lower() for public in _PUBLIC_LOGS))


def _pass_on(process: subprocess.Popen[bytes]) -> str:
    """Show what cosign says as it says it, for a prompt ends no line; return the end of it."""
    assert process.stderr is not None  # noqa: S101 - for the type checker: it was asked for
    said = b""
    while part := os.read(process.stderr.fileno(), _KEPT_BYTES):
        os.write(STDERR, part)
        said = (said + part)[-_KEPT_BYTES:]
    return said.decode("utf-8", "replace")


def _name(argument: str) -> str | None:
    """The option that an argument is, as cosign reads it; None for one that is no option."""
    return argument.lstrip("-").partition("=")[0] if argument.startswith("-") else None


def _quoted(annotation: str) -> str:
    """An annotation as one field of a line of comma-separated values, for so cosign reads it."""
    return '"' + annotation.replace('"', '""') + '"'
