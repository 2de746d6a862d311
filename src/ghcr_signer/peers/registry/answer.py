"""What a registry's answer says: whether it will pass, how long to wait, and in what words."""

from __future__ import annotations

import random
import re
import time
from email.utils import parsedate_to_datetime

import requests

from ghcr_signer.core import limits, strict_json
from ghcr_signer.core.errors import Refused
from ghcr_signer.core.reference import Digest

LONGEST_WAIT_SECONDS = 60.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,9}")
_DELAY = re.compile(rb"retry-after:\s*([0-9]+(?:\.[0-9]+)?)(ms|s|m)", re.IGNORECASE)
_UNITS = {b"ms": 0.001, b"s": 1.0, b"m": 60.0}
_TOKEN = re.compile(r"[!-~]+")


def will_pass(response: requests.Response) -> bool:
    """Whether the same request may succeed later: overload, not refusal."""
    if response.status_code == 403:
        return b"rate limit" in response.content[:4096].lower()
    return response.status_code in _PASSING


def delay(response: requests.Response, tries: int) -> float:
    """Seconds to wait: as the header says, or ghcr.io's body, else longer each time."""
    header = response.headers.get("Retry-After", "")
    asked: float | None = None
    if _SECONDS.fullmatch(header):
        asked = float(header)
    elif header:
        try:
            asked = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            asked = None
    elif match := _DELAY.search(response.content[:4096]):
        asked = float(match[1]) * _UNITS[match[2].lower()]
    if asked is None:
        return backoff(tries)
    # a moment more than asked, differing between clients, or all of them come back at once
    return min(LONGEST_WAIT_SECONDS, max(asked, 0.0) + random.uniform(0.05, 0.25) * tries)  # noqa: S311


def backoff(tries: int) -> float:
    """Seconds to wait where nothing was said: longer each time, and not the same for everybody."""
    return min(30.0, 2.0**tries * random.uniform(0.25, 0.5))  # noqa: S311 - no secret


def digest(response: requests.Response) -> Digest | None:
    """The digest that the registry says it is; None where it says none of sha256."""
    header: str = response.headers.get("Docker-Content-Digest", "")
    return Digest.from_hex(header[7:]) if header.startswith("sha256:") else None


def token(response: requests.Response) -> str | None:
    """The token that a realm gives, where it is one that a header can carry (RFC 6750)."""
    document = _document(response) if response.status_code == 200 else None
    if not isinstance(document, dict):
        return None
    given = document.get("token") or document.get("access_token")
    return given if isinstance(given, str) and _TOKEN.fullmatch(given) else None


def error_codes(response: requests.Response) -> set[str]:
    """The codes of its errors (distribution-spec, Error Codes); empty for any other body."""
    try:
        return {str(error["code"]) for error in _document(response)["errors"]}
    except (KeyError, TypeError):
        return set()


def words(response: requests.Response) -> str:
    """The registry's own words, cut; whoever prints them escapes them."""
    try:
        first = _document(response)["errors"][0]
        text = f"{first.get('code', '')}: {first.get('message', '')}"
    except (KeyError, TypeError, IndexError, AttributeError):
        text = response.content[:200].decode(errors="replace")
    return f"{response.status_code} {text}".strip()[:300]


def _document(response: requests.Response) -> strict_json.Json:
    """The JSON document of a short answer; None for any other body."""
    if len(response.content) > limits.ANNOTATION_BYTES:
        return None
    try:
        return strict_json.loads(response.content)
    except Refused:
        return None
