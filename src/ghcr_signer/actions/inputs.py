"""INPUT_* and the runner's variables -> what an action is to do. An unset input arrives as ""."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ghcr_signer.commands.arguments import DEFAULT_DIRECTORY, TrustOptions, owner_packages
from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.core.event import Event
from ghcr_signer.core.policy import Requirement
from ghcr_signer.peers.git import Git


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a run, and what the runner says about it."""

    environment: Mapping[str, str]

    def text(self, name: str) -> str:
        """An input without the white space around it, "" where it is not given."""
        return self.environment.get(f"INPUT_{name.upper()}", "").strip()

    def words(self, name: str) -> tuple[str, ...]:
        """An input's words."""
        return tuple(self.text(name).split())

    def flag(self, name: str) -> bool:
        """An input that is true or false, by default false; raises UsageError (GS2001)."""
        value = self.text(name).lower()
        if value not in ("", "true", "false"):
            raise UsageError(codes.USAGE, f"the input {name} is {value!r}: give true or false")
        return value == "true"

    @property
    def directory(self) -> Path | None:
        """The signature directory that was named."""
        return Path(self.text("directory")) if self.text("directory") else None

    @property
    def trust(self) -> TrustOptions:
        """What stands in place of a policy, and without any the owner's packages.

        Raises UsageError (GS2001).
        """
        wanted = self.text("transparency_log")
        if wanted not in {"", *(each.value for each in Requirement)}:
            message = f"the input transparency_log is {wanted!r}: give required or optional"
            raise UsageError(codes.USAGE, message)
        return TrustOptions(
            keys=tuple(map(Path, filter(None, [self.text("trusted_key")]))),
            repositories=self.words("repositories"),
            transparency_log=Requirement(wanted) if wanted else None,
            otherwise=owner_packages(self.environment),
        )

    @property
    def event(self) -> Event:
        """What started the run; raises UsageError (GS2012, GS2013)."""
        path = self.environment.get("GITHUB_EVENT_PATH")
        payload = json.loads(Path(path).read_bytes()) if path else {}
        return Event.read(self.environment, payload, self.text("protected_branch"))

    @property
    def git(self) -> Git:
        """The repository that was checked out; raises UsageError (GS2009)."""
        return Git.around(self.directory or DEFAULT_DIRECTORY)

    @property
    def debug(self) -> bool:
        """Whether whoever started the run asked for debug logging."""
        return self.environment.get("RUNNER_DEBUG") == "1"
