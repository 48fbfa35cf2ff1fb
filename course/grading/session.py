"""A submission that runs: its cells, then calls of its functions. Whatever ends its process costs the step that did, and no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from course.grading.limits import Limits
from course.grading.plan import Plan
from course.grading.process import Died, Process

__all__ = ["OutOfTime", "Session"]

NAMED = ("NameError", "ImportError", "ModuleNotFoundError")
ENDED = {
    "slow": "did not come to an end",
    "memory": "needed too much memory",
    "filling": "filled memory until its time was up",
    "processes": "started too many processes",
    "ended": "ended Python itself",
    "protocol": "wrote where only the grader may write",
}


class OutOfTime(Exception):
    """The whole submission has had its time."""


class Session:
    """The student's names, alive. Use as a context manager.

    Args:
        start: starts a fresh process.
        plan: the cells to run.
        limits: how long each step may take.
    """

    def __init__(self, start: Callable[[], Process], plan: Plan, limits: Limits) -> None:
        self._start, self.plan, self.limits = start, plan, limits
        self._process: Process | None = None
        self._end = time.monotonic() + limits.total_seconds
        self._deadly: set[int] = set()  # cells that ended the process
        self.starts, self.start_seconds = 0, 0.0
        #: Of computing, by processes that are over.
        self.computing = 0.0
        #: number of a cell -> what went wrong in it, for the student
        self.errors: dict[int, str] = {}
        self._found: dict[str, Any] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self.computing += self._process.seconds
            self._process.close()
            self._process = None

    @property
    def alive(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None

    @property
    def seconds(self) -> float:
        """The computing time of the present process."""
        return self._process.seconds if self._process is not None else 0.0

    def request(self, verb: str, **values: Any) -> dict[str, Any]:
        """One request to a process in which all cells have been run.

        Raises:
            Died: the process ended over this request; the next one starts a fresh one.
            OutOfTime: the submission has had its time.
        """
        return self._ask(self.ready(), verb, self.limits.call_seconds, **values)

    def ready(self) -> Process:
        """A process in which all cells have been run."""
        while self._process is None:
            self._check_time()
            self._process = self._start()
            self.starts += 1
            self.start_seconds += self._process.start_seconds
            if not self._run_cells(self._process):
                self._process = None
        return self._process

    def _run_cells(self, process: Process) -> bool:
        """Run all cells but those that ended a process before; whether this one is still there after it."""
        self.errors = {i: message for i, message in self.errors.items() if i in self._deadly}
        again = []
        for i in range(len(self.plan.cells)):
            if i not in self._deadly:
                failed = self._run_cell(process, i)
                if failed is None:
                    return False
                again += [i] if failed in NAMED else []
        return all(self._run_cell(process, i) is not None for i in again)  # cells that were moved: what they need came later

    def _run_cell(self, process: Process, i: int) -> str | None:
        """Run one cell: an empty string, the type of its exception, or None if the process is gone."""
        cell = self.plan.cells[i]
        self.errors.pop(i, None)
        try:
            reply = self._ask(process, "cell", self.limits.cell_seconds, name=cell.name, source=cell.source)
        except Died as died:
            self._deadly.add(i)
            what = ENDED.get(died.reason, died.reason)
            self.errors[i] = f"A cell {what}; it is left out, the others are run. It begins with `{_first_line(cell.source)}`."
            return None
        error = reply.get("error")
        if not isinstance(error, dict):
            return ""
        self.errors[i] = f"A cell stopped with {_text(error, 'type')}: {_text(error, 'text')} {_text(error, 'where')}".strip()
        return _text(error, "type")

    def _ask(self, process: Process, verb: str, seconds: float, **values: Any) -> dict[str, Any]:
        self._check_time()
        try:
            return process.request(verb, seconds, **values)
        except Died:
            self.computing += process.seconds
            self._process = None
            raise

    def _check_time(self) -> None:
        if time.monotonic() > self._end:
            self.close()
            raise OutOfTime


def _first_line(source: str) -> str:
    return next((line.strip()[:60] for line in source.splitlines() if line.strip()), "")


def _text(error: dict[str, Any], key: str) -> str:
    """A text out of a reply, which may hold anything."""
    value = error.get(key)
    return value[:300] if isinstance(value, str) else ""
