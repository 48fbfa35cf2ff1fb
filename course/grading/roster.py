"""Who is in the class, from a CSV file of the university, Moodle or Canvas; and whose each submission is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course import CourseError
from course.grading.collect import Found, Identity
from course.grading.tables import read_rows

__all__ = ["Joined", "Roster", "Student", "fitting", "join", "names_of", "number_of", "read_roster"]

# What a student is known by, and the names of columns that hold it, in Moodle's (English and German) and Canvas' exports and elsewhere.
COLUMNS = {
    "id": ("id", "student id", "id number", "id-nummer", "identifier", "sis user id", "matriculation number", "matrikelnummer", "number"),
    "name": ("name", "full name", "vollständiger name", "student", "student name"),
    "first": ("first name", "given name", "vorname"),
    "last": ("surname", "last name", "family name", "nachname"),
    "email": ("email", "email address", "e-mail", "e-mail-adresse"),
    "login": ("login", "username", "user name", "anmeldename", "sis login id", "account"),
    "time": ("submitted", "last modified (submission)", "zuletzt geändert (abgabe)", "submitted at", "submission time"),
    # of Moodle's grading worksheet:
    "grade": ("grade", "bewertung"),
    "most": ("maximum grade", "bestwertung"),
    "comment": ("feedback comments", "feedback als kommentar"),
}
KNOWN_BY = (*COLUMNS["id"], *COLUMNS["login"], *COLUMNS["email"])


@dataclass(frozen=True)
class Student:
    """One student.

    Args:
        id: as the first column that has one says; unique in a class.
        name, email: may be empty.
        row: the line of the roster, for exports back to where it came from.
    """

    id: str
    name: str = ""
    email: str = ""
    row: dict[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """As a list of students shows them."""
        return f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id

    @property
    def submitted(self) -> str:
        """When, as the roster writes it; or an empty string."""
        return next((value for column, value in self.row.items() if column.lower() in COLUMNS["time"]), "")


@dataclass(frozen=True)
class Roster:
    """A class.

    Args:
        students: in the order of the file.
        columns: of the file.
        given: false where there was no file.
        possible: Canvas' line "Points Possible", by column.
    """

    students: tuple[Student, ...] = ()
    columns: tuple[str, ...] = ()
    given: bool = True
    possible: dict[str, str] = field(default_factory=dict)

    def column(self, kind: str) -> str:
        """How the file calls its column of that kind, a key of COLUMNS; or an empty string."""
        return next((column for column in self.columns if column.lower() in COLUMNS[kind]), "")

    @property
    def worksheet(self) -> bool:
        """Whether it is Moodle's grading worksheet, in a language that is known here."""
        identified = self.column("id").lower() == "identifier" or bool(self.column("most"))
        return bool(identified and self.column("grade"))

    def maxima(self, assignment: str) -> set[str]:
        """The most that one can get by the file, as it writes it: Moodle's Maximum Grade, Canvas' Points Possible of that column."""
        found = {student.row.get(self.column("most"), "") for student in self.students} | {self.possible.get(assignment, "")}
        return {value.strip() for value in found if value.strip()}

    @property
    def lms(self) -> str:
        """Where the file is from, "moodle" or "canvas", or an empty string."""
        columns = {column.lower() for column in self.columns}
        if {"student", "id", "section"} <= columns:
            return "canvas"
        return "moodle" if self.worksheet or {"email address", "surname"} <= columns or {"e-mail-adresse", "nachname"} <= columns else ""


@dataclass
class Joined:
    """Students with their submissions, and submissions without a student, with the reason."""

    roster: Roster
    found: dict[str, Found] = field(default_factory=dict)  # id of a student -> what they handed in
    strangers: list[tuple[Found, str]] = field(default_factory=list)


def read_roster(path: Path) -> Roster:
    """Read a roster.

    Raises:
        CourseError: it has no column that names students, or one of them twice.
    """
    columns, rows = read_rows(path, "the roster")
    lower = {column.lower(): column for column in columns}
    named = {kind: [lower[name] for name in names if name in lower] for kind, names in COLUMNS.items()}
    if not any(named[kind] for kind in ("id", "name", "email", "login", "first")):
        raise CourseError(f"The roster {path} has the columns {', '.join(columns)}; expected one called id, name, email or login.")
    students: dict[str, Student] = {}
    possible: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        student = _student(row, named)
        if student is None:
            possible = possible or (row if any("points possible" in value.lower() for value in row.values()) else {})
            continue
        if student.id in students:
            raise CourseError(f"The roster {path} has {student.id!r} twice, again in line {number}. An id must stand once.")
        students[student.id] = student
    if not students:
        raise CourseError(f"The roster {path} names no student.")
    return Roster(tuple(students.values()), tuple(columns), possible=possible)


def _student(row: dict[str, str], named: dict[str, list[str]]) -> Student | None:
    def first(kind: str) -> str:
        return next((row[column].strip() for column in named[kind] if row[column].strip()), "")

    name = first("name") or " ".join(part for part in (first("first"), first("last")) if part)
    own = first("id") or first("login") or first("email") or name
    if not own or "points possible" in name.lower() or name == "Student, Test":  # lines of Canvas that are no students
        return None
    return Student(own, name, first("email"), dict(row))


def join(found: Iterable[Found], roster: Roster | None) -> Joined:
    """Give each submission to a student; none is guessed where two fit.

    Args:
        found: the submissions.
        roster: the class; without one everybody who handed something in is a student.
    """
    found = list(found)
    if roster is None:
        students = [Student(file.who.id or file.who.name, file.who.name, row={}) for file in found]
        ids = [student.id for student in students]
        students = [Student(f.who.key, f.who.name) if ids.count(s.id) > 1 else s for f, s in zip(found, students, strict=True)]
        joined = Joined(Roster(tuple(students), given=False))
        joined.found = {student.id: file for student, file in zip(students, found, strict=True)}
        return joined
    joined = Joined(roster)
    claims: dict[str, list[Found]] = {}
    for file in found:
        fits = _fitting(file.who, roster.students)
        if len(fits) == 1:
            claims.setdefault(fits[0].id, []).append(file)
        else:
            why = f"{len(fits)} students of the roster fit" if fits else "nobody of the roster fits; add a line for them, or correct one"
            joined.strangers.append((file, why))
    for student, files in claims.items():
        if len(files) == 1:
            joined.found[student] = files[0]
        else:
            joined.strangers += [(file, f"it fits {student}, and so does another one") for file in files]
    return joined


def _fitting(who: Identity, students: Sequence[Student]) -> list[Student]:
    """The students that a file may belong to, by the surest thing that fits any."""
    number = [s for s in students if who.id and who.id in _numbers(s)]
    known = [s for s in students if _plain(who.name) in {_plain(value) for value in _known(s)}]
    named = [s for s in students if s.name and _letters(who.name) in (_letters(s.name), *_turned(s.name))]
    for fits in (number, known, named):
        if len(fits) == 1:
            return fits
    return number or known or named


def _numbers(student: Student) -> set[str]:
    """Moodle's worksheet says "Participant 4711", in German "Teilnehmer/in4711", where its zip says 4711."""
    return {number_of(value) for column, value in student.row.items() if column.lower() in KNOWN_BY and value.strip()}


def number_of(text: str) -> str:
    """The number at the end of what Moodle calls a participant; of any other text its last word.

    >>> number_of("Participant 4711"), number_of("Teilnehmer/in4711"), number_of("u4711")
    ('4711', '4711', 'u4711')
    """
    word = text.strip().rpartition(" ")[2]
    match = re.fullmatch(r".*/\D+(\d+)", word)
    return match[1] if match else word


def names_of(student: Student, file: Found | None = None) -> list[str]:
    """Whatever a student is known by: id, number, login, e-mail, name, the cells of their line; and what their file says."""
    own = [student.id, student.email, student.name, *student.row.values(), *sorted(_numbers(student))]
    return [value for value in (*own, *((file.who.id, file.who.name, file.who.key) if file else ())) if value]


def fitting(name: str, students: Iterable[Student]) -> list[Student]:
    """The students whom an entry of the rules names."""
    return [student for student in students if name.casefold() in {known.casefold() for known in names_of(student)}]


def _known(student: Student) -> list[str]:
    values = [value for column, value in student.row.items() if column.lower() in KNOWN_BY and value.strip()]
    return [student.id, *values, *(value.partition("@")[0] for value in values if "@" in value)]


def _turned(name: str) -> list[str]:
    """ "Ada King Lovelace" and "Lovelace, Ada King" as Canvas writes them: the family name first, letters only."""
    last, comma, first = name.partition(",")
    if comma:
        return [_letters(first + last)]
    words = name.split()
    return [_letters("".join(words[i:] + words[:i])) for i in range(1, len(words))]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _letters(text: str) -> str:
    """Letters and digits without accents, in one case.

    >>> _letters("Müller, Zoë-Ann")
    'mullerzoeann'
    """
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())
