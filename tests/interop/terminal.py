"""A program at a terminal of its own, and what a person reads and types there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 60
CONTROL_C = "\x03"
# The terminal becomes the one that controls the program, so that Ctrl-C interrupts it.
START = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execve(sys.argv[1], sys.argv[1:], os.environ)
"""


class Terminal:
    """`with Terminal(…) as terminal`: ended at the end, if it has not ended by itself."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.shown = ""
        self._unread = 0
        self._person, program = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, *command],
            cwd=folder,
            env=environment,
            stdin=program,
            stdout=program,
            stderr=program,
            start_new_session=True,
        )
        os.close(program)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._person)

    def expect(self, text: str) -> None:
        """Wait until it shows the text, after all that was expected before."""
        while (found := self.shown.find(text, self._unread)) < 0:
            if not self._read():
                raise AssertionError(f"{text!r} does not come after:\n{self.shown}")
        self._unread = found + len(text)

    def type(self, text: str) -> None:
        os.write(self._person, text.encode())

    def end(self) -> int:
        """Wait until it ends, and answer with its exit code."""
        while self._read():
            pass
        return self._process.wait(SECONDS)

    def _read(self) -> bool:
        """Take what is shown next; False where nothing will be any more."""
        ready, _, _ = select.select([self._person], [], [], SECONDS)
        if not ready:
            raise TimeoutError(f"it shows no more than:\n{self.shown}")
        try:
            read = os.read(self._person, 4096)
        except OSError:  # how Linux says that the last program at the terminal has ended
            return False
        self.shown += read.decode(errors="replace").replace("\r\n", "\n")
        return bool(read)
