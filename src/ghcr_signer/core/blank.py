"""Characters that show nothing: two names that differ in one of them look the same."""

from __future__ import annotations

import re

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def is_blank(character: str) -> bool:
    """Whether it is a letter, a mark or a symbol that shows nothing (Unicode,
    Default_Ignorable_Code_Point outside the category C; and the Braille blank).
    """
    return _BLANK.match(character) is not None
