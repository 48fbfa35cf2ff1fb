"""The marks of a class: what running the code earned, what a reader gave, what being late costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from course import CourseError
from course.checks.task import AnyTask
from course.files import write_atomically
from course.grading.collect import Found
from course.grading.manual import Asked, Sheet, answer_digest, file_digest
from course.grading.result import SubmissionResult, TaskResult
from course.grading.roster import Joined, Student, names_of
from course.grading.rules import Late, Rules, rounded
from course.grading.trouble import trouble

__all__ = [
    "Gradebook",
    "Mark",
    "Row",
    "answer",
    "as_json",
    "handed_in",
    "make",
    "ranked",
    "worth",
    "write_json",
]

FINAL, READ, MISSING, FAILED = "final", "to be read", "nothing handed in", "not graded"
FORMAT = 1


@dataclass(frozen=True)
class Mark:
    """One task of one student: points are None while a reader has not marked it; ``read`` says that they are a reader's."""

    task: str
    points: Fraction | None
    out_of: Fraction
    result: TaskResult | None = None
    remark: str = ""
    read: bool = False

    @property
    def overruled(self) -> bool:
        """Whether a reader's points stand in the place of computed ones."""
        return self.read and self.result is not None and self.result.points is not None


@dataclass(frozen=True)
class Row:
    """One student.

    Args:
        state: "final", "to be read", "nothing handed in" or "not graded" (the grader's fault; ``problem`` says why).
        marks: one a task.
        late: what being late costs.
        notes: sentences about the files, for the student.
        flags: sentences for the instructor.
    """

    student: Student
    state: str
    marks: tuple[Mark, ...] = ()
    late: Late = field(default_factory=Late)
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""
    result: SubmissionResult | None = None
    found: Found | None = None

    @property
    def trouble(self) -> str:
        """What is wrong with the file as a whole, in a sentence; or an empty string."""
        return trouble(self.result)

    @property
    def earned(self) -> Fraction:
        """Before anything is taken off."""
        return sum((mark.points or Fraction(0) for mark in self.marks), Fraction(0))

    @property
    def total(self) -> Fraction:
        """What counts."""
        return self.earned * self.late.kept


@dataclass(frozen=True)
class Gradebook:
    """A class in one exercise: rows in the order of the roster, what each task is worth, the marks that a reader is asked for, and those
    by which one overruled a computed one.
    """

    unit: str
    tasks: dict[str, Fraction]
    rows: tuple[Row, ...]
    asked: tuple[Asked, ...] = ()
    overruled: tuple[Asked, ...] = ()

    @property
    def out_of(self) -> Fraction:
        """The most that one can earn."""
        return sum(self.tasks.values(), Fraction(0))

    def places(self, task: str) -> dict[str, int]:
        """Student -> place, for a task that measures a network; nothing for others."""
        marks = ((row.student.id, mark.result) for row in self.graded for mark in row.marks if mark.task == task)
        return ranked({student: result.measured["gain"] for student, result in marks if result is not None and result.measured})

    @property
    def graded(self) -> list[Row]:
        """Those who handed something in that was graded."""
        return [row for row in self.rows if row.result is not None]


def ranked(gains: dict[str, float]) -> dict[str, int]:
    """Student -> place, the best first; equal ones share a place.

    >>> ranked({"ada": 2.5, "bob": -1.0, "eve": 2.5})
    {'ada': 1, 'eve': 1, 'bob': 3}
    """
    order = sorted(gains.items(), key=lambda item: (-item[1], item[0]))
    return {name: 1 + sum(other > gain for other in gains.values()) for name, gain in order}


def worth(tasks: Sequence[AnyTask], rules: Rules) -> dict[str, Fraction]:
    """What each task is worth: the rules' points, else the unit's.

    Raises:
        CourseError: the rules name a task that is not there.
    """
    found = {task.id.partition("/")[2]: Fraction(task.points) for task in tasks}
    if unknown := [name for name in rules.points if name.rpartition("/")[2] not in found]:
        raise CourseError(f"The rules give points for {unknown[0]!r}; the tasks are {', '.join(found)}.")
    return {**found, **{name.rpartition("/")[2]: points for name, points in rules.points.items()}}


def make(
    unit: str,
    tasks: dict[str, Fraction],
    joined: Joined,
    results: dict[str, SubmissionResult | str],
    rules: Rules,
    sheet: Sheet,
    remarks: dict[str, list[str]],
) -> Gradebook:
    """Put everything together.

    Args:
        unit: the exercise.
        tasks: see :func:`worth`.
        joined: students and what they handed in.
        results: id of a student -> the result, or why there is none.
        rules: the policy.
        sheet: the marks of a reader.
        remarks: key of a submission -> sentences about its files.
    """
    rows, asked, overruled = list[Row](), list[Asked](), list[Asked]()
    for student in joined.roster.students:
        file = joined.found.get(student.id)
        if file is None:
            rows.append(Row(student, MISSING))
            continue
        result = results.get(student.id, "it was not reached")
        if isinstance(result, str):
            rows.append(Row(student, FAILED, problem=result, found=file))
            continue
        marks = tuple(_mark(task, tasks, student, sheet) for task in result.tasks)
        late = rules.late(handed_in(student, file, rules), *names_of(student), marked=file.who.late)
        waits = any(mark.points is None and mark.out_of for mark in marks)
        notes = (*remarks.get(file.who.key, ()), *result.notes)
        rows.append(Row(student, READ if waits else FINAL, marks, late, notes, result.flags, "", result, file))
        for mark in marks:
            ask = Asked(student.id, student.name, mark.task, mark.out_of, _work(mark, result))
            if mark.result and mark.result.points is None and mark.out_of:
                asked.append(ask)
            elif mark.overruled:
                overruled.append(ask)
    return Gradebook(unit, tasks, tuple(rows), tuple(asked), tuple(overruled))


def _work(mark: Mark, result: SubmissionResult) -> str:
    """A digest of what a reader's mark is for: the answer, or the whole file where the mark could be computed."""
    opened = mark.result is not None and mark.result.points is None
    return answer_digest(answer(result, mark.task)) if opened else file_digest(result.digest)


def answer(result: SubmissionResult, task: str) -> str:
    """What a student wrote for an open task."""
    return result.answers.get(task, "")


def handed_in(student: Student, file: Found, rules: Rules) -> datetime | None:
    """When, as far as the rules trust it."""
    if rules.times == "files":
        return file.time if file.time is None or file.time.tzinfo else file.time.replace(tzinfo=rules.zone)
    return rules.time(student.submitted) if student.submitted else None


def _mark(task: TaskResult, tasks: dict[str, Fraction], student: Student, sheet: Sheet) -> Mark:
    name = task.id.partition("/")[2]
    out_of, manual = tasks.get(name, Fraction(task.out_of)), sheet.get((student.id, name))
    remark = manual.remark if manual else ""
    if manual and manual.points is not None:  # a reader may also overrule what was computed
        return Mark(name, manual.points, out_of, task, remark, read=True)
    if task.points is None:
        return Mark(name, None if out_of else Fraction(0), out_of, task, remark)
    return Mark(name, Fraction(task.points, task.out_of or 1) * out_of, out_of, task, remark)


def as_json(book: Gradebook) -> dict[str, Any]:
    """The gradebook as plain data, without anything that changes from run to run."""
    return {
        "format": FORMAT,
        "unit": book.unit,
        "out_of": str(rounded(book.out_of)),
        "tasks": {name: str(rounded(points)) for name, points in book.tasks.items()},
        "students": [_row(row) for row in book.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.student.id,
        "name": row.student.name,
        "email": row.student.email,
        "state": row.state,
        "points": str(rounded(row.total)),
        "late_days": row.late.days,
        "tasks": {mark.task: _told(mark, row) for mark in row.marks},
        "notes": list(row.notes),
        "flags": list(row.flags),
        "problem": row.problem or row.trouble,
        "digest": row.result.digest if row.result else "",
    }


def _told(mark: Mark, row: Row) -> dict[str, Any]:
    return {
        "points": None if mark.points is None else str(rounded(mark.points)),
        "status": mark.result.status if mark.result else "",
        "misconception": mark.result.misconception if mark.result else None,
        "remark": mark.remark,
        "work": _work(mark, row.result) if row.result else "",
    }


def write_json(path: Path, stored: dict[str, Any]) -> None:
    """As a whole or not at all."""
    write_atomically(path, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
