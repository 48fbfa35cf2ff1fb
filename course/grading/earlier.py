"""What earlier runs into a folder left: nothing of it is lost without a word, and every mark that changes is on record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from course import CourseError
from course.grading.gradebook import FINAL, FORMAT, MISSING, READ
from course.grading.roster import Joined, names_of, number_of
from course.grading.tables import read_rows, write_rows

__all__ = ["Change", "changes", "known", "nothing_lost", "read_before", "write_changes"]

COLUMNS = ("run", "student", "name", "task", "before", "after")
SHOWN = 12  # names in a message


@dataclass(frozen=True)
class Change:
    """A mark that is not what it was; ``task`` is "total" for the sum. "-" stands for no mark."""

    student: str
    name: str
    task: str
    before: str
    after: str


def read_before(path: Path) -> dict[str, Any] | None:
    """What the last run stored; None if there is nothing that could be compared."""
    try:
        stored = json.loads(path.read_text("utf-8"))
        return stored if stored["format"] == FORMAT and isinstance(stored["students"], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def known(before: dict[str, Any] | None, joined: Joined) -> set[str]:
    """Ids of all students of this and of earlier runs: those whom a line of the sheet may name."""
    old = [*(entry["id"] for entry in before["students"]), *before.get("former", [])] if before else []
    return {*old, *(student.id for student in joined.roster.students)}


def nothing_lost(before: dict[str, Any] | None, unit: str, joined: Joined, withdrawn: Sequence[str], out: Path) -> None:
    """Refuse to go on where marks would be overwritten because files are missing.

    Args:
        before: what the last run stored.
        unit: the exercise that is graded now.
        joined: the submissions of now.
        withdrawn: students who took back what they had handed in, by id, e-mail or name.
        out: the folder.

    Raises:
        CourseError: the folder has marks of another exercise; or students who had handed something in have no file now.
    """
    if before is None:
        return
    if before["unit"] != unit:
        raise CourseError(
            f"{out} has the marks of {before['unit']}, and these are submissions of {unit}. Each exercise needs a folder of its own: name "
            f"another one with --out. If {unit} is wrong, say --unit {before['unit']}."
        )
    present = [(student, joined.found[student.id]) for student in joined.roster.students if student.id in joined.found]
    there = {name.casefold() for student, file in present for name in names_of(student, file)}
    gone = {name.strip().casefold() for name in withdrawn}
    lost = []
    for entry in before["students"]:
        own = {value.casefold() for value in (entry["id"], number_of(entry["id"]), entry["email"]) if value}
        if entry["state"] != MISSING and not own & there and not {*own, entry["name"].casefold()} & gone:
            lost.append(entry)
    if not lost:
        return
    named = [f"{entry['name']} ({entry['id']})" if entry["name"] not in ("", entry["id"]) else entry["id"] for entry in lost]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    strangers = "".join(f" No student fits {file.title}: {why}." for file, why in joined.strangers[:SHOWN])
    who = "1 student who has no file" if len(lost) == 1 else f"{len(lost)} students who have no file"
    said = (
        f"{out} has the work of {who} among these submissions: {', '.join(named[:SHOWN])}{more}. Their marks would be lost, so nothing was "
        f"graded or changed.{strangers} Hand over all files, the old ones and the new ones (in Moodle, Download all submissions once "
        "more), and the same roster. If somebody took their work back, name them, each with an option of their own: --withdrawn ID."
    )
    raise CourseError("".join(c if c.isprintable() else "?" for c in said))  # names of files come from students


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """The marks that changed, student by student: tasks first, then the sum."""
    old, new = _points(before), _points(after)
    found = []
    for student in dict.fromkeys([*new, *old]):
        (name, was), (new_name, now) = old.get(student, ("", {})), new.get(student, ("", {}))
        marks = [(task, was.get(task, "-"), now.get(task, "-")) for task in dict.fromkeys([*now, *was])]
        found += [Change(student, new_name or name, *mark) for mark in marks if mark[1] != mark[2]]
    return found


def _points(stored: dict[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
    found = {}
    for entry in stored["students"]:
        graded = entry["state"] in (FINAL, READ)
        marks = {task: "-" if mark["points"] is None else mark["points"] for task, mark in entry["tasks"].items()}
        found[entry["id"]] = (entry["name"], {**marks, "total": entry["points"] if graded else "-"})
    return found


def write_changes(path: Path, found: Sequence[Change]) -> None:
    """Add the changes of a run, with its time, below those of earlier ones.

    A run that was killed after this finds the same changes again, and they stand in the list once. A list that cannot be read any more
    is kept under another name.
    """
    new = [vars(change) for change in found]
    try:
        columns, old = read_rows(path, "the list of changes") if path.exists() else (list(COLUMNS), [])
    except CourseError:
        columns, old = [], []
    if not set(COLUMNS[1:]) <= set(columns):
        number = next(n for n in range(1, 10_000) if not path.with_stem(f"{path.stem}-{n}").exists())
        path.replace(path.with_stem(f"{path.stem}-{number}"))
        old = []
    if [{key: row[key] for key in COLUMNS[1:]} for row in old[-len(new) :]] == new:
        return
    run = datetime.now().astimezone().isoformat(" ", "seconds")
    write_rows(path, COLUMNS, [*old, *({"run": run, **row} for row in new)])
