"""Writing what comes out of a class: every file as a whole or not at all, and the same files from the same marks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course import ROOT
from course.files import write_atomically
from course.grading import exports
from course.grading.classpage import class_page
from course.grading.earlier import changes, read_before, write_changes
from course.grading.feedback import comment, feedback_page, reading_page
from course.grading.gradebook import Gradebook, Row, as_json, write_json
from course.grading.key import pseudonym
from course.grading.manual import Sheet, write_sheet
from course.grading.roster import Joined
from course.grading.runner import file_name
from course.grading.similar import Pair, pairs, shingles_of_files

__all__ = ["before", "canvas_column", "feedback_path", "write_all"]


def before(out: Path) -> dict[str, Any] | None:
    """The marks of the last run, or None."""
    return read_before(out / "grades.json")


def feedback_path(out: Path, row: Row) -> Path:
    """Where a student's page lies."""
    return out / "feedback" / f"{Path(file_name(row.student.id)).stem}.html"


def write_all(
    out: Path,
    book: Gradebook,
    joined: Joined,
    to_look_at: Mapping[str, Sequence[str]],
    title: str,
    sheet: Sheet,
    assignment: str | None = None,
    key: bytes | None = None,
) -> dict[str, Any]:
    """Write marks, feedback, pages and exports.

    The marks are written last but for the list of changes, which is made from the old ones: a run that is killed in between finds
    the same changes again.

    Args:
        out: the folder.
        book: the marks.
        joined: whose is what.
        to_look_at: what a person has to decide, by heading.
        title: of the unit.
        sheet: the marks of a reader.
        assignment: the name of Canvas' column; the title by default.
        key: for pseudonyms; None for no anonymous export.

    Returns:
        the marks as they were stored.
    """
    pages = {feedback_path(out, row): feedback_page(book, row, title) for row in book.rows}
    for path, text in pages.items():
        _write_if_new(path, text)
    for path in sorted((out / "feedback").glob("*.html")):
        if path not in pages:
            path.unlink()  # of somebody who is not in the class any more
    write_sheet(out / "manual.csv", book.asked, sheet)
    if book.asked:
        _write_if_new(out / "reading.html", reading_page(book, title))
    _write_if_new(out / "class.html", class_page(book, title, _alike(book, joined), to_look_at))
    exports.table(out / "grades.csv", book)
    if joined.roster.lms != "canvas":
        exports.moodle(out / "moodle.csv", book, joined.roster, comment)
    if joined.roster.lms != "moodle":
        exports.canvas(out / "canvas.csv", book, joined.roster, assignment or canvas_column(joined, title))
    exports.moodle_feedback(out / "moodle-feedback.zip", book, lambda row: feedback_path(out, row))
    if key is not None:
        secret = key
        hidden = exports.anonymous(book, lambda student: pseudonym(secret, student))
        write_json(out / "anonymous.json", hidden)
        exports.anonymous_table(out / "anonymous.csv", hidden)
    now, old = as_json(book), before(out)
    if old is not None and old["unit"] == book.unit:
        if found := changes(old, now):
            write_changes(out / "changes.csv", found)
        ids = {entry["id"] for entry in now["students"]}
        if former := sorted({*old.get("former", []), *(entry["id"] for entry in old["students"])} - ids):
            now["former"] = former  # a line of the sheet may still name them
    write_json(out / "grades.json", now)
    return now


def _write_if_new(path: Path, text: str) -> None:
    """A page that says the same keeps its date, so that only what changed is handed on."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text("utf-8") == text:
            return
    write_atomically(path, text)


def canvas_column(joined: Joined, title: str) -> str:
    """The column of an export of Canvas that is this exercise's, "Convolution by hand (4711)"; else the title."""
    return next((column for column in joined.roster.columns if column.partition(" (")[0] == title), title)


def _alike(book: Gradebook, joined: Joined) -> Sequence[Pair]:
    files = {student: file.path for student, file in joined.found.items()}
    empty = sorted((ROOT / "exercises").glob(f"[0-9][0-9]_{book.unit}.ipynb"))
    found = shingles_of_files([*empty, *files.values()])
    sets = {student: found[path] for student, path in files.items() if path in found}
    return pairs(sets, found.get(empty[0], frozenset()) if empty else frozenset())
