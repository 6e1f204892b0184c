# SPDX-License-Identifier: Apache-2.0
"""How far a long read has come, for a person who waits."""

from collections.abc import Callable
import time
from typing import TextIO

#: Seconds before the first sign: a short read needs none.
PATIENCE_S = 0.5

_ERASE = "\r\x1b[K"


class Progress:
    """A line on a terminal that is rewritten; nothing on anything else."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        what: str = "PCI functions read",
    ) -> None:
        """Begin to wait.

        :param stream: Where the line goes if that is a terminal.
        :param clock: Seconds since whenever.
        :param what: What is counted.
        """
        self._stream = stream
        self._clock = clock
        self._what = what
        self._due = clock() + PATIENCE_S
        self._wanted = stream.isatty()
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show that *done* of *total* are done."""
        if self._wanted and self._clock() >= self._due:
            self._stream.write(f"{_ERASE}{done} of {total} {self._what}")
            self._stream.flush()
            self._shown = True

    def erase(self) -> None:
        """Take the line away again."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._shown = False
