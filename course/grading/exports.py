"""Gradebooks for others: a table, files that Moodle and Canvas import, and one without names."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from course.files import named_failures
from course.grading.gradebook import FAILED, FINAL, MISSING, Gradebook, Row
from course.grading.roster import Roster
from course.grading.rules import rounded
from course.grading.tables import write_rows

__all__ = ["anonymous", "anonymous_table", "canvas", "moodle", "moodle_feedback", "table"]


def table(path: Path, book: Gradebook) -> None:
    """Everything in one table, for a spreadsheet."""
    tasks = list(book.tasks)
    columns = ["student", "name", "email", "state", *tasks, "earned", "late days", "points", "out of", "problem"]
    write_rows(path, columns, [_row(row, book) for row in book.rows])


def _row(row: Row, book: Gradebook) -> dict[str, object]:
    marks = {mark.task: "" if mark.points is None else rounded(mark.points) for mark in row.marks}
    sums = {"earned": rounded(row.earned), "points": rounded(row.total)} if row.state != FAILED else {}
    return {
        "student": row.student.id,
        "name": row.student.name,
        "email": row.student.email,
        "state": row.state,
        **marks,
        "late days": row.late.days or "",
        "out of": rounded(book.out_of),
        "problem": row.problem or row.trouble,
        **sums,
    }


def _final(row: Row) -> object:
    """Only what is final goes to students: the rest is left as it is there."""
    return rounded(row.total) if row.state == FINAL else ""


def moodle(path: Path, book: Gradebook, roster: Roster, comment: Callable[[Row], str]) -> None:
    """What Moodle imports: its own grading worksheet filled in, if that is the roster; else a table for Grades > Import.

    Args:
        path: the file.
        book: the marks.
        roster: the class.
        comment: a few words on a student's work.
    """
    columns = list(roster.columns)
    if roster.worksheet:
        grade, words = roster.column("grade"), roster.column("comment")
        rows = []
        for row in book.rows:
            filled: dict[str, object] = dict(row.student.row)
            if row.state == FINAL:
                filled[grade] = rounded(row.total)
                if words:
                    filled[words] = comment(row)
            rows.append(filled)
        write_rows(path, columns, rows)
        return
    rows = [{"ID number": row.student.id, "Email address": row.student.email, "Grade": _final(row)} for row in book.rows]
    write_rows(path, ("ID number", "Email address", "Grade"), rows)


def canvas(path: Path, book: Gradebook, roster: Roster, assignment: str) -> None:
    """What Canvas imports under Grades > Import: five columns that say who, and one with the marks.

    Args:
        path: the file.
        book: the marks.
        roster: the class; an export of Canvas has the columns already.
        assignment: the name of the column, "Convolution (4711)" for an assignment that is there.
    """
    who = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    rows: list[dict[str, object]] = []
    for row in book.rows:
        known = {column: row.student.row.get(column, "") for column in who}
        if roster.lms != "canvas":
            known = {"Student": row.student.name or row.student.id, "SIS User ID": row.student.id, "SIS Login ID": row.student.email}
        rows.append({**known, assignment: _final(row)})
    write_rows(path, (*who, assignment), rows)


def moodle_feedback(path: Path, book: Gradebook, feedback: Callable[[Row], Path]) -> bool:
    """The feedback pages as Moodle takes them back: "Upload multiple feedback files in a zip". Whether there are any.

    Args:
        path: the zip.
        book: the marks.
        feedback: where a student's page lies.
    """
    rows = [row for row in book.graded if row.found and row.found.who.scheme == "moodle"]
    if not rows:
        return False
    temporary = path.with_name(f".writing-{path.name}")
    with named_failures(path):
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for row in rows:
                assert row.found is not None
                who = row.found.who
                info = zipfile.ZipInfo(f"{who.name}_{who.id}_assignsubmission_file_/feedback.html")  # with a fixed time
                archive.writestr(info, feedback(row).read_bytes(), zipfile.ZIP_DEFLATED)
        temporary.replace(path)
    return True


def anonymous(book: Gradebook, name: Callable[[str], str]) -> dict[str, Any]:
    """Marks and mistakes without anything that says whose they are: no names, texts, times or digests; in the order of the pseudonyms.

    Args:
        book: the marks.
        name: id of a student -> pseudonym.
    """
    rows = [
        {
            "student": name(row.student.id),
            "state": row.state,
            "points": str(rounded(row.total)),
            "tasks": {
                mark.task: {
                    "points": None if mark.points is None else str(rounded(mark.points)),
                    "status": mark.result.status if mark.result else "",
                    "misconception": mark.result.misconception if mark.result else None,
                }
                for mark in row.marks
            },
        }
        for row in book.rows
        if row.state != MISSING
    ]
    return {"unit": book.unit, "out_of": str(rounded(book.out_of)), "students": sorted(rows, key=lambda row: str(row["student"]))}


def anonymous_table(path: Path, stored: dict[str, Any]) -> None:
    """The same as a table."""
    tasks = _tasks(stored["students"])
    rows = [
        {
            **{key: row[key] for key in ("student", "state", "points")},
            **{task: (row["tasks"].get(task) or {}).get("points") for task in tasks},
            **{f"{task}: mistake": (row["tasks"].get(task) or {}).get("misconception") for task in tasks},
        }
        for row in stored["students"]
    ]
    write_rows(path, ["student", "state", *tasks, *(f"{task}: mistake" for task in tasks), "points"], rows)


def _tasks(rows: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(task for row in rows for task in row["tasks"]))
