"""Base64 with one spelling for one sequence of bytes (RFC 4648, sections 3.2 to 3.5)."""

from __future__ import annotations

import binascii


def decode(text: str) -> bytes:
    """Decode canonical standard base64; raises ValueError for any other spelling.

    Python's decoder skips foreign characters and accepts set padding bits: two texts for the same
    bytes, so that one signature could be shown as two.
    """
    content = binascii.a2b_base64(text, strict_mode=True)  # ValueError, too, for non-ASCII
    if binascii.b2a_base64(content, newline=False) != text.encode():
        raise ValueError("not canonical base64")
    return content
