"""INPUT_* and the runner's variables -> what an action is to do. An unset input arrives as ""."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ghcr_signer.commands.arguments import DEFAULT_DIRECTORY, TrustOptions, owner_packages
from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import Event
from ghcr_signer.core.policy import Requirement
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.github.api import Api

SECRETS = ("password", "token")
_TELLING = ("EVENT_NAME", "REF", "SHA", "ACTOR", "REPOSITORY", "WORKSPACE")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a run, and what the runner says about it."""

    environment: Mapping[str, str]

    def text(self, name: str) -> str:
        """An input without the white space around it, "" where it is not given."""
        return self.environment.get(f"INPUT_{name.upper()}", "").strip()

    def required(self, name: str) -> str:
        """An input that has no default; raises UsageError (GS2001)."""
        if not self.text(name):
            fix = f"Give it, under `with:`, as `{name}`."
            raise UsageError(codes.USAGE, f"the input {name} is missing", fix=fix)
        return self.text(name)

    def words(self, name: str) -> tuple[str, ...]:
        """An input's words."""
        return tuple(self.text(name).split())

    def flag(self, name: str) -> bool:
        """An input that is true or false, by default false; raises UsageError (GS2001)."""
        return self.one_of(name, ("false", "true")) == "true"

    def one_of(self, name: str, values: tuple[str, ...]) -> str:
        """An input that is one of the values, by default the first; raises UsageError (GS2001)."""
        value = self.text(name).lower() or values[0]
        if value not in values:
            fix = f"Give {' or '.join(values)}."
            raise UsageError(codes.USAGE, f"the input {name} is {value!r}", fix=fix)
        return value

    @property
    def directory(self) -> Path | None:
        """The signature directory that was named."""
        return Path(self.text("directory")) if self.text("directory") else None

    @property
    def folder(self) -> str:
        """The signature directory's path in the repository, as far as there is one."""
        directory = self.directory or DEFAULT_DIRECTORY
        try:
            return self.git.path(directory)
        except (UsageError, OSError):
            return directory.as_posix()

    @property
    def trust(self) -> TrustOptions:
        """What stands in place of a policy, and without any the owner's packages.

        Raises UsageError (GS2001).
        """
        wanted = self.one_of("transparency_log", ("", "required", "optional"))
        return TrustOptions(
            keys=tuple(map(Path, filter(None, [self.text("trusted_key")]))),
            repositories=self.words("repositories"),
            transparency_log=Requirement(wanted) if wanted else None,
            otherwise=owner_packages(self.environment),
        )

    @property
    def event(self) -> Event:
        """What started the run; raises UsageError (GS2001) where its payload cannot be read."""
        path = self.environment.get("GITHUB_EVENT_PATH")
        try:
            payload = json.loads(Path(path).read_bytes()) if path else None
        except (OSError, ValueError, RecursionError) as error:
            message = f"the event's payload cannot be read: {type(error).__name__}"
            fix = "Run the job again; it is GitHub's runner that writes this file."
            raise UsageError(codes.USAGE, message, fix=fix) from None
        return Event.read(self.environment, payload, self.text("protected_branch"))

    @property
    def git(self) -> Git:
        """The repository that was checked out; raises UsageError (GS2009)."""
        return Git.around(self.directory or DEFAULT_DIRECTORY)

    @property
    def github(self) -> Api:
        """GitHub's API for this repository, with the input `token`, to be closed; raises UsageError
        (GS2001) where the runner or the workflow gives none.
        """
        environment = self.environment
        return Api(
            environment.get("GITHUB_REPOSITORY", ""),
            api=environment.get("GITHUB_API_URL", ""),
            token=self.text("token"),
        )

    @property
    def debug(self) -> bool:
        """Whether whoever started the run asked for debug logging."""
        return self.environment.get("RUNNER_DEBUG") == "1"

    @property
    def described(self) -> Iterator[str]:
        """What was given, but no secret."""
        hidden = {f"INPUT_{name.upper()}" for name in SECRETS}
        telling = {f"GITHUB_{name}" for name in _TELLING}
        for name, value in sorted(self.environment.items()):
            if name in telling or (name.startswith("INPUT_") and name not in hidden):
                yield f"{name}={value}"
