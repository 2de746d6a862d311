"""Progress on long work, and questions to whoever waits. Nothing but cli.py prints."""

from __future__ import annotations


class Progress:
    """What a long operation says and asks while it runs. This one is silent, and nobody answers."""

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return False

    def say(self, text: str) -> None:
        """One line for the person who waits: what happens now, or what is wanted of them."""

    def step(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` are done (None: the total is not known)."""

    def ask(self, question: str) -> bool:
        """Ask for a yes or a no; where nobody can answer, it is a no."""
        return False
