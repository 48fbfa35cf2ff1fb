"""How far the grading of a class is, and how long it will still take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

__all__ = ["Progress", "duration"]

EVERY = 10.0  # seconds between two lines where there is no terminal


def duration(seconds: float) -> str:
    """Seconds as one reads them.

    >>> duration(7), duration(75), duration(7500)
    ('7 s', '1 min 15 s', '2 h 05 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
    """A bar on a terminal; elsewhere a line now and then.

    Args:
        total: how many there are.
        stream: where to.
        clock: seconds.
    """

    def __init__(self, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done, self.fresh = total, 0, 0
        self._stream, self._clock = stream or sys.stderr, clock
        self._begin = self._said = clock()

    def step(self, stored: bool = False) -> None:
        """One more is done; one that was there already says nothing about the time."""
        self.done += 1
        self.fresh += not stored
        now = self._clock()
        terminal = self._stream.isatty()
        if terminal or now - self._said >= EVERY:
            self._said = now
            self._stream.write(f"\r{self.line()}\x1b[K" if terminal else f"{self.line()}\n")
            self._stream.flush()

    def line(self) -> str:
        """Where it stands."""
        full = 24 * self.done // max(self.total, 1)
        left = ""
        if self.fresh and self.done < self.total:
            seconds = (self._clock() - self._begin) / self.fresh * (self.total - self.done)
            left = f", about {duration(seconds)} left"
        return f"[{'#' * full}{'.' * (24 - full)}] {self.done} of {self.total}{left}"

    def close(self) -> None:
        """End the bar's line."""
        if self._stream.isatty():
            self._stream.write("\n")
            self._stream.flush()
