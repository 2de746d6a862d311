"""Signature and Claims: what every format of signature becomes before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ghcr_signer.core.reference import Digest


@dataclass(frozen=True, slots=True)
class Claims:
    """What a signature says: this digest, in this repository, with these annotations."""

    digest: Digest
    repository: str
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, its parts still unread: each is read by the step that judges it.

    `place` says where it stands, for a reader: "layer 1 of 2". `signed` are the signed bytes,
    `payload` their digest and `payload_file` the file that holds them; `value` is the signature in
    base64; the other parts are as they stand beside it, None where there is none.
    """

    format: str
    place: str
    payload_file: str
    payload: Digest
    signed: bytes
    value: str
    log_entry: str | None
    certificate: str | None
    timestamp: str | None
