"""The trusted root: which transparency logs count, by which key, from when to when.

Source of the format: sigstore protobuf-specs, `sigstore_trustroot.proto` (TrustedRoot, JSON). Only
what is judged is read: the logs. A log's key comes from here, never from a log or an artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pkgutil import get_data

from ghcr_signer.core import base64_canonical, codes, limits, strict_json
from ghcr_signer.core.errors import GhcrSignerError, UsageError
from ghcr_signer.core.key import PublicKey


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log: its key, and when that key counts (`end` None: still)."""

    id: str
    """The log's id, 64 hexadecimal digits."""
    url: str
    key: PublicKey
    start: datetime
    end: datetime | None

    def counted_at(self, instant: datetime) -> bool:
        """Whether the log's key was valid then; both ends belong to the period."""
        return self.start <= instant and (self.end is None or instant <= self.end)


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """The logs that count, by their ids."""

    logs: Mapping[str, Log]

    @classmethod
    def parse(cls, content: bytes) -> TrustedRoot:
        """Read a trusted_root.json; raises UsageError (GS2005) for anything that is not one."""
        if len(content) > limits.TRUSTED_ROOT_BYTES:
            raise UsageError(codes.TRUSTED_ROOT_UNUSABLE, "it is too large")
        try:
            logs = [_log(entry) for entry in strict_json.loads(content)["tlogs"]]
        except GhcrSignerError as error:
            raise UsageError(codes.TRUSTED_ROOT_UNUSABLE, str(error)) from None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                codes.TRUSTED_ROOT_UNUSABLE, f"a log in it cannot be read: {error!r}"
            ) from None
        if not logs:
            raise UsageError(codes.TRUSTED_ROOT_UNUSABLE, "it names no transparency log")
        return cls({log.id: log for log in logs})


@cache
def public_good() -> TrustedRoot:
    """The trusted root of sigstore's public instance, as vendored (public_good/SOURCE.md)."""
    return TrustedRoot.parse(get_data(__name__, "public_good/trusted_root.json") or b"")


def _log(entry: strict_json.Json) -> Log:
    key, valid = entry["publicKey"], entry["publicKey"]["validFor"]
    return Log(
        id=base64_canonical.decode(entry["logId"]["keyId"]).hex(),
        url=_text(entry["baseUrl"]),
        key=PublicKey.from_der(base64_canonical.decode(key["rawBytes"])),
        start=_instant(valid["start"]),  # required: a missing start is not "since ever"
        end=_instant(valid["end"]) if valid.get("end") is not None else None,
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError("a log's baseUrl is not a text")


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return instant.astimezone(UTC)
