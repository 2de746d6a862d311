"""A number of things, and an instant, as every text of ours says them."""

from __future__ import annotations

from datetime import datetime


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def shown(instant: datetime) -> str:
    """An instant (UTC), for people."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
