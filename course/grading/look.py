"""What a person has to look at: one list of lists, for the terminal and for the page about the class."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from course import CourseError
from course.grading.collect import Collection
from course.grading.gradebook import FAILED, MISSING, Gradebook, Row, handed_in
from course.grading.manual import Sheet, stale
from course.grading.roster import Joined, Roster, fitting, names_of
from course.grading.rules import Rules, nearest, rounded

__all__ = ["CARRIED", "ON_PAGE_ONLY", "extensions_fit", "maximum_differs", "to_look_at"]

FLAGS = "Names that a task rules out, weights near those of the solution (policy, no proof of anything)"
CARRIED = "Wrong answers that call another one which is not right either; they may be right by themselves"
RESTARTED = "Code that ended its process, and was started again"
ABSENT = "Nothing handed in"
NO_FILE = "Handed in at a time that the roster has, but no file came with these submissions"
ON_PAGE_ONLY = (CARRIED, FLAGS, RESTARTED, ABSENT)


def to_look_at(
    book: Gradebook, joined: Joined, collection: Collection, rules: Rules, sheet: Sheet, assignment: str = ""
) -> dict[str, list[str]]:
    """What a person has to decide, by heading; headings without an entry are left out.

    Args:
        book: the marks.
        joined: students and their files.
        collection: what was handed in.
        rules: the policy.
        sheet: the marks of a reader.
        assignment: Canvas' column.
    """
    shown = {row.student.id: row.student.shown for row in book.rows}
    late = {True: list[str](), False: list[str]()}
    for row in _untimed(book, rules):
        late[row.late.days > 0].append(row.student.shown)
    several = [(row, text) for row in book.graded if row.found for text in collection.remarks.get(row.found.who.key, [])]
    changed = [f"{shown.get(ask.student, ask.student)}: {ask.task}" for ask in stale((*book.asked, *book.overruled), sheet)]
    absent = [row.student for row in book.rows if row.state == MISSING]
    idle = {student: task for (student, task), mark in sheet.items() if student not in shown and mark.points is not None}
    differs = maximum_differs(joined.roster, assignment, book.out_of)
    lists = {
        "Not graded, and not by their fault; the same command tries again": _named(row for row in book.rows if row.state == FAILED),
        "Files that fit no student, graded for nobody": [f"{file.title}: {why}" for file, why in joined.strangers],
        "Not taken out of the archive": [f"{name}: {why}" for name, why in collection.refused],
        "Files that could not be graded as this exercise": _named(row for row in book.graded if row.trouble),
        "Answers that were changed after a reader had marked them; give the points, or the remark, anew in manual.csv, or clear the cell "
        "`answer` there to keep them": changed,
        "Marks in manual.csv of students who are not in the class now; kept there, and counted for nobody": [*map(": ".join, idle.items())],
        "Students who handed in several files": [f"{row.student.shown}: {text}" for row, text in several],
        "No time of handing in is known; counted as in time": late[False],
        "No time of handing in is known, and Canvas says LATE; counted as one day": late[True],
        "The most that one can get is not the same everywhere": [differs] if differs else [],
        CARRIED: [
            f"{row.student.shown}: {mark.task} calls {', '.join(mark.result.calls)}"
            for row in book.graded
            for mark in row.marks
            if mark.result and mark.result.calls and not mark.overruled
        ],
        FLAGS: [f"{row.student.shown}: {flag}" for row in book.rows for flag in row.flags],
        RESTARTED: [f"{row.student.shown}: {_times(row.result.starts - 1)}" for row in book.rows if row.result and row.result.starts > 1],
        NO_FILE: [student.shown for student in absent if rules.time(student.submitted)],
        ABSENT: [student.shown for student in absent if not rules.time(student.submitted)],
    }
    return {head: found for head, found in lists.items() if found}


def _untimed(book: Gradebook, rules: Rules) -> Iterator[Row]:
    if rules.deadline is not None:
        yield from (row for row in book.graded if row.found and handed_in(row.student, row.found, rules) is None)


def _named(rows: Iterator[Row]) -> list[str]:
    """Who, which file, and what is wrong with it."""
    return [f"{row.student.shown}, {row.found.title if row.found else 'no file'}: {row.problem or row.trouble}" for row in rows]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def maximum_differs(roster: Roster, assignment: str, out_of: Fraction) -> str:
    """A sentence if Moodle or Canvas has another maximum than the points of the exercise; else an empty string."""
    others = []
    for text in sorted(roster.maxima(assignment)):
        try:
            if Fraction(text.replace(",", ".")) != out_of:
                others.append(text)
        except (ValueError, ZeroDivisionError):
            continue
    if not others:
        return ""
    place, name = ("Canvas", "Points") if roster.lms == "canvas" else ("Moodle", "Maximum grade")
    return (
        f"{place} has a maximum of {' and of '.join(others)}, the points here add up to {rounded(out_of)}. Set {name} of the assignment to "
        f"{rounded(out_of)}, or change [points] in grading.toml."
    )


def extensions_fit(rules: Rules, joined: Joined) -> list[str]:
    """Look whether every entry of [extensions] names a student.

    Returns:
        warnings: without a roster nobody knows who is in the class, only who handed something in.

    Raises:
        CourseError: an entry names nobody of the roster; the message has the nearest name.
    """
    students = joined.roster.students
    names = [name for student in students for name in names_of(student)]
    unknown = [name for name in rules.extensions if not fitting(name, students)]
    said = [f"[extensions] has {name!r}, which fits no student.{nearest(name, names)}" for name in unknown]
    if said and joined.roster.given:
        raise CourseError(" ".join([*said, "Write an id, login or e-mail as the roster has it; nothing was graded."]))
    return [f"{sentence} Without a roster, only those who handed something in are known." for sentence in said]
