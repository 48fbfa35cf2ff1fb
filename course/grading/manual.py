"""Marks that a reader gives: a sheet to fill in, merged at the next run.

Nothing that a reader wrote is ever dropped: lines of students who are not there any more stay at the end of the sheet. Each mark carries
a digest of the work that it was given for, "nothing" for none, so that work which came or changed later is shown to the reader again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from course import CourseError
from course.grading.rules import nearest, rounded
from course.grading.tables import read_rows, write_rows

__all__ = ["NOTHING", "Asked", "ManualMark", "answer_digest", "file_digest", "marked_again", "read_sheet", "stale", "write_sheet"]

NOTHING = "nothing"  # the digest of no work at all
NOW = ", now "  # between the digest of what was marked and that of what reading.html shows now
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
        answer: digest of the answer that was marked; empty where a person added the line, or cleared the cell.
        shown: digest of the answer that the last run showed, where it is another one.
    """

    points: Fraction | None = None
    remark: str = ""
    answer: str = ""
    shown: str = ""
    name: str = ""
    out_of: str = ""


Sheet = dict[tuple[str, str], ManualMark]


def answer_digest(text: str) -> str:
    """A few characters that change with an answer.

    >>> answer_digest(" "), len(answer_digest("my kernel"))
    ('nothing', 10)
    """
    return file_digest(hashlib.sha256(text.strip().encode("utf-8", "replace")).hexdigest() if text.strip() else "")


def file_digest(sha256: str) -> str:
    """The same for a whole file; the letter keeps spreadsheets from taking it for a number."""
    return f"x{sha256[:9]}" if sha256 else NOTHING


def read_sheet(path: Path, out_of: dict[str, Fraction], students: Collection[str] | None = None) -> Sheet:
    """The marks of a sheet; nothing if there is none yet.

    Args:
        path: the sheet.
        out_of: task -> what it is worth.
        students: ids that a line may name; None for any.

    Raises:
        CourseError: a mark is no number, or more than the task is worth, or for a task or a student that is not there; the message
            names the line.
    """
    if not path.exists():
        return {}
    columns, rows = read_rows(path, "the sheet of manual marks")
    if lost := [name for name in ("student", "task", "points") if name not in columns]:
        raise CourseError(f"{path} has lost its column {lost[0]!r}; it has {', '.join(columns)}. Leave the first line as it was written.")
    sheet: Sheet = {}
    for number, row in enumerate(rows, 2):
        key = (row["student"].strip(), row["task"].strip().rpartition("/")[2])
        where = f"{path}, line {number} ({key[0]}, {key[1]})"
        points = _points(row["points"].strip(), out_of.get(key[1]), where)
        answer, _, shown = row.get("answer", "").strip().partition(NOW)
        mark = ManualMark(points, row.get("remark", ""), answer, shown, row.get("name", ""), row.get("out of", ""))
        if points is not None or mark.remark.strip():
            if key[1] not in out_of:
                raise CourseError(f"{where}: there is no task {key[1]!r}.{nearest(key[1], out_of)} The tasks are {', '.join(out_of)}.")
            if students is not None and key[0] not in students:
                raise CourseError(f"{where}: no student has the id {key[0]!r}.{nearest(key[0], students)} Write it as in grades.csv.")
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
        answer = ask.answer
        if mark.points is not None and mark.answer and not _same(mark.answer, ask.answer):
            answer = f"{mark.answer}{NOW}{ask.answer}"
        rows.append(_row(ask.student, ask.name, ask.task, str(rounded(ask.out_of)), mark, answer))
    wanted = {(ask.student, ask.task) for ask in asked}
    for (student, task), mark in sheet.items():
        if (student, task) not in wanted and (mark.points is not None or mark.remark):
            rows.append(_row(student, mark.name, task, mark.out_of, mark, mark.answer or NOTHING))
    if rows or path.exists():
        write_rows(path, COLUMNS, rows)


def _row(student: str, name: str, task: str, out_of: str, mark: ManualMark, answer: str) -> dict[str, object]:
    points = "" if mark.points is None else rounded(mark.points)
    return dict(zip(COLUMNS, (student, name, task, out_of, points, mark.remark, answer), strict=True))


def stale(asked: Iterable[Asked], sheet: Sheet) -> list[Asked]:
    """Those whose work came, or was changed, after a mark had been given for it."""
    marks = ((ask, sheet.get((ask.student, ask.task))) for ask in asked)
    return [ask for ask, mark in marks if mark and mark.points is not None and mark.answer and not _same(mark.answer, ask.answer)]


def marked_again(sheet: Sheet, before: dict[str, Any] | None) -> Sheet:
    """The sheet with each mark given for the work that its reader saw.

    Who changes points or remark after another answer was shown has read that one. The same holds for a line without a digest, which a
    person added or whose digest they removed; where the last run had nothing of that student, the mark was given for nothing.

    Args:
        sheet: as it was read.
        before: what the last run stored, as :func:`course.grading.gradebook.as_json` makes it; None if there was none.
    """
    if before is None:
        return sheet
    old = {entry["id"]: entry["tasks"] for entry in before["students"]}
    again = {}
    for (student, task), mark in sheet.items():
        was = old.get(student, {}).get(task)
        if mark.points is not None and was and mark.shown and (str(rounded(mark.points)), mark.remark) != (was["points"], was["remark"]):
            mark = replace(mark, answer=mark.shown)
        elif not mark.answer and student in old:
            mark = replace(mark, answer=was.get("work", "") if was else NOTHING)
        again[student, task] = mark
    return again


def _same(marked: str, now: str) -> bool:
    return marked.removeprefix("x")[:9] == now.removeprefix("x")[:9]
