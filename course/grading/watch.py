"""A look at what the sandbox uses, many times a second, and the end of it when that is too much.

The kernel's limits hold for one process; this one adds up all that the sandbox has started. Everything is read from ``/proc`` outside.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from course.grading.limits import MB, Limits

__all__ = ["Usage", "Watch", "usage"]

EVERY = 0.05  # seconds
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
BASE = 400 * MB  # what Python and PyTorch need
MUCH = 0.25  # of the memory that is allowed; the arguments of a call are a few kilobytes


class Usage(NamedTuple):
    """What a process and all its descendants use: seconds of computing, bytes of memory (at most), processes."""

    seconds: float
    memory: int
    processes: int
    pids: tuple[int, ...]


def usage(pid: int) -> Usage:
    """What a process and all its descendants use now. Memory that several of them share counts for each."""
    seconds, memory, pids = 0.0, 0, _tree(pid)
    for member in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{member}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
            seconds += sum(map(int, fields[11:15])) / TICKS  # its own and that of children that have ended
            memory += int(fields[21]) * PAGE
    return Usage(seconds, memory, len(pids), tuple(pids))


def _tree(pid: int) -> list[int]:
    """The process and its descendants. Whoever lost their parent belongs to the first process of the sandbox, and so to this tree."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        with contextlib.suppress(OSError, ValueError):
            for thread in os.listdir(f"/proc/{current}/task"):
                with contextlib.suppress(OSError):
                    waiting += map(int, Path(f"/proc/{current}/task/{thread}/children").read_text().split())
    return found


def _shared_fairly(pids: tuple[int, ...]) -> int:
    """Memory again, where what is shared counts once (the proportional set size); slower, so only when the first sum is too large."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, StopIteration):
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            except PermissionError:
                total += PAGE * int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return total


class Watch(threading.Thread):
    """Watches one sandbox from its start to its end.

    Args:
        pid: its outermost process.
        kill: ends all of it.
        limits: what it may use.
    """

    def __init__(self, pid: int, kill: Callable[[], object], limits: Limits) -> None:
        super().__init__(name=f"watch {pid}", daemon=True)
        self._pid, self._kill, self._limits = pid, kill, limits
        self._over, self._lock = threading.Event(), threading.Lock()
        self._computing, self._clock = float("inf"), float("inf")
        self._seconds = 0.0
        #: Why it was ended: "slow", "filling" (slow, with much memory), "memory" or "processes"; empty while all is well.
        self.reason = ""

    @property
    def seconds(self) -> float:
        """The computing time of the sandbox so far, as it was last seen."""
        return self._seconds

    @contextlib.contextmanager
    def step(self, seconds: float, clock: float) -> Iterator[None]:
        """Allow the block so many seconds of computing, and so many by the clock."""
        with self._lock:
            self._computing, self._clock = self._seconds + seconds, time.monotonic() + clock
        try:
            yield
        finally:
            with self._lock:
                self._computing = self._clock = float("inf")

    def run(self) -> None:
        while not self._over.wait(EVERY):
            now = usage(self._pid)
            self._seconds = max(self._seconds, now.seconds)
            if reason := self._too_much(now):
                self.end(reason)
                return

    def _too_much(self, now: Usage) -> str:
        with self._lock:
            late = now.seconds > self._computing or time.monotonic() > self._clock
        if late:  # no endless loop, or not only: the making of memory takes time too
            return "filling" if self._is_more(now, MUCH * self._limits.memory + BASE) else "slow"
        if now.processes > self._limits.processes + 3:  # two of bubblewrap's, and the first of the student's
            return "processes"
        return "memory" if self._is_more(now, self._limits.memory + BASE) else ""

    @staticmethod
    def _is_more(now: Usage, most: float) -> bool:
        return now.memory > most and _shared_fairly(now.pids) > most

    def end(self, reason: str = "") -> None:
        """Stop watching; with a reason, end the sandbox for it."""
        self._over.set()
        if reason and not self.reason:
            self.reason = reason
            self._kill()
