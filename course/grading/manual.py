"""Marks that a reader gives: a sheet to fill in, merged at the next run, and a page with the answers to read.

Nothing that a reader wrote is ever dropped: lines of students who are not there any more stay at the end of the sheet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from course import CourseError
from course.grading.rules import rounded
from course.grading.tables import read_rows, write_rows

__all__ = ["Asked", "ManualMark", "answer_digest", "read_sheet", "stale", "write_sheet"]

COLUMNS = ("student", "name", "task", "out of", "points", "remark", "answer")


@dataclass(frozen=True)
class Asked:
    """A mark that a reader is asked for: whose, for which task, out of how many points, and which answer (see answer_digest)."""

    student: str
    name: str
    task: str
    out_of: Fraction
    answer: str = ""


@dataclass(frozen=True)
class ManualMark:
    """What a reader gave.

    Args:
        points: None where the sheet is still empty.
        remark: for the student.
        answer: digest of the answer that was marked.
    """

    points: Fraction | None = None
    remark: str = ""
    answer: str = ""
    name: str = ""
    out_of: str = ""


Sheet = dict[tuple[str, str], ManualMark]


def answer_digest(text: str) -> str:
    """A few digits that change with an answer; empty for none."""
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).hexdigest()[:10] if text.strip() else ""


def read_sheet(path: Path, out_of: dict[str, Fraction]) -> Sheet:
    """The marks of a sheet; nothing if there is none yet.

    Args:
        path: the sheet.
        out_of: task -> what it is worth.

    Raises:
        CourseError: a mark is no number, or more than the task is worth; the message names the line.
    """
    if not path.exists():
        return {}
    columns, rows = read_rows(path, "the sheet of manual marks")
    if lost := [name for name in ("student", "task", "points") if name not in columns]:
        raise CourseError(f"{path} has lost its column {lost[0]!r}; it has {', '.join(columns)}. Leave the first line as it was written.")
    sheet: Sheet = {}
    for number, row in enumerate(rows, 2):
        key = (row["student"].strip(), row["task"].strip())
        points = _points(row["points"].strip(), out_of.get(key[1]), f"{path}, line {number} ({key[0]}, {key[1]})")
        mark = ManualMark(points, row.get("remark", ""), row.get("answer", ""), row.get("name", ""), row.get("out of", ""))
        if key in sheet and sheet[key] != mark:
            raise CourseError(f"{path}, line {number}: {key[0]} has two different marks for {key[1]}; leave one.")
        sheet[key] = mark
    return sheet


def _points(text: str, most: Fraction | None, where: str) -> Fraction | None:
    if not text:
        return None
    try:
        points = Fraction(text.replace(",", "."))
    except (ValueError, ZeroDivisionError):
        raise CourseError(f"{where}: {text!r} is no number of points.") from None
    if points < 0 or (most is not None and points > most):
        raise CourseError(f"{where}: {text} points; expected 0 to {rounded(most) if most is not None else 'what it is worth'}.")
    return points


def write_sheet(path: Path, asked: Sequence[Asked], sheet: Sheet) -> None:
    """Write the sheet with the marks that are there; the digest of an answer stays with the mark that was given for it.

    Raises:
        CourseError: it cannot be written.
    """
    rows = []
    for ask in asked:
        mark = sheet.get((ask.student, ask.task), ManualMark())
        answer = (mark.answer or ask.answer) if mark.points is not None else ask.answer
        rows.append(_row(ask.student, ask.name, ask.task, str(rounded(ask.out_of)), mark, answer))
    wanted = {(ask.student, ask.task) for ask in asked}
    for (student, task), mark in sheet.items():
        if (student, task) not in wanted and (mark.points is not None or mark.remark):
            rows.append(_row(student, mark.name, task, mark.out_of, mark, mark.answer))
    if rows or path.exists():
        write_rows(path, COLUMNS, rows)


def _row(student: str, name: str, task: str, out_of: str, mark: ManualMark, answer: str) -> dict[str, object]:
    points = "" if mark.points is None else rounded(mark.points)
    return dict(zip(COLUMNS, (student, name, task, out_of, points, mark.remark, answer), strict=True))


def stale(asked: Iterable[Asked], sheet: Sheet) -> list[Asked]:
    """Those whose answer was changed after it had been marked."""
    marks = ((ask, sheet.get((ask.student, ask.task))) for ask in asked)
    return [ask for ask, mark in marks if mark and mark.points is not None and mark.answer and mark.answer != ask.answer]
