"""What grading one submission found, as plain data: safe to store, to send and to show.

Of hidden cases it holds how many were wrong and in which way, and nothing else.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Hidden", "SubmissionResult", "TaskResult", "Visible"]

FORMAT = 3


@dataclass(frozen=True)
class Visible:
    """What the visible check found, as the student may see it.

    Args:
        status: "passed", or how it failed; see :class:`course.checks.judge.Outcome`.
        cases, failed: how many were tried, and how many were not right.
        text, html: the whole message, with the smallest failing input; safe to show, since what the student wrote is escaped.
        hint: the hint of the mistake, or the general one.
    """

    status: str
    cases: int = 0
    failed: int = 0
    text: str = ""
    html: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Hidden:
    """Counts of what the hidden cases gave.

    Args:
        cases, failed: how many were asked, and how many were not right.
        statuses: status -> how often; the statuses of an Outcome.
        exceptions: type of a built-in exception -> how often.
    """

    cases: int = 0
    failed: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    exceptions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskResult:
    """One task of one submission.

    Args:
        id: the task.
        status: "passed"; of a network also "partly", "below" (the first threshold) and "refused" (the file); "hidden" (the visible cases
            are right, not all hidden ones); "open" (a reader marks it); "missing" (no such function or file); "unread" (the file could not
            be read); "time" (its time was used up before); or the visible check's.
        points: earned; None for a task that a reader marks.
        out_of: what it is worth.
        message: one or two sentences for the student, without any hidden case.
        misconception: the known mistake that explains the wrong answers, the visible ones or else the hidden ones; or None.
        visible, hidden: what the cases gave.
        measured: of a network, "gain" and "half" (dB over the baseline, half a 95 % interval), "psnr", "baseline" (dB), "model",
            "parameters", "digest".
        calls: of a wrong answer, the other answers that it calls and that are not right either.
    """

    id: str
    status: str
    points: int | None
    out_of: int
    message: str = ""
    misconception: str | None = None
    visible: Visible | None = None
    hidden: Hidden | None = None
    measured: dict[str, Any] | None = None
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmissionResult:
    """One submission.

    Args:
        submission: its name.
        exercise: the unit.
        digest: SHA-256 of the file.
        tasks: one entry a task, in order.
        notes: sentences about the file for the student.
        flags: sentences for the instructor: names ruled out by a task, and the like. Policy, not proof of anything.
        answers: open task, without its unit -> what was written for it, as it stands: escape it before showing it.
        sandbox: "bubblewrap", or "none".
        seconds: by the clock "total" and "start" of its processes (importing PyTorch); of computing "computing" in the sandbox and "grader"
            outside of it.
        starts: how many processes it took; each one above the first was ended by the student's code.
    """

    submission: str
    exercise: str
    digest: str = ""
    tasks: tuple[TaskResult, ...] = ()
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    sandbox: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    starts: int = 0
    format: int = FORMAT

    @property
    def points(self) -> int:
        """What running it earned."""
        return sum(task.points or 0 for task in self.tasks)

    @property
    def out_of(self) -> int:
        """What running it could earn."""
        return sum(task.out_of for task in self.tasks if task.status != "open")

    def as_dict(self) -> dict[str, Any]:
        """As JSON stores it: dicts, lists, numbers and texts."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SubmissionResult:
        """Back from JSON.

        Raises:
            ValueError: it is of another format, or no result at all.
        """
        try:
            if stored["format"] != FORMAT:
                raise ValueError(f"a result of format {stored['format']}; expected {FORMAT}")
            tasks = tuple(_task(entry) for entry in stored["tasks"])
            return cls(**{**stored, "tasks": tasks, "notes": tuple(stored["notes"]), "flags": tuple(stored["flags"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no stored result: {error}") from None


def _task(stored: dict[str, Any]) -> TaskResult:
    visible, hidden = stored["visible"], stored["hidden"]
    parts = {"visible": Visible(**visible) if visible else None, "hidden": Hidden(**hidden) if hidden else None}
    return TaskResult(**{**stored, **parts, "calls": tuple(stored["calls"])})
