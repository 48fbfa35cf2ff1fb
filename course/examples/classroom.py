"""A small class that does not exist, to try the grader on: ``python -m course.examples.classroom --to FOLDER``.

What each of them hands in is in ``class/students.toml`` and ``class/answers.toml``. The hostile ones do no harm outside of a sandbox
either: one never ends, one ends Python, one writes HTML.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tomllib
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course import CourseError, Tree, source
from course.files import write_atomically
from course.grading.tables import write_rows
from course.outside import named_absence

__all__ = ["FORMS", "Member", "answers", "make", "members", "mistaken", "notebook"]

HERE = Path(__file__).parent / "class"
TOPIC = "convolution"
FORMS = ("folder", "moodle", "canvas")
WEB_PAGE = "<!DOCTYPE html><html><body>my notebook</body></html>"
ENDLESS = "def correlate(image, kernel, stride=1, padding=0, dilation=1):\n    while True:\n        pass\n"
ENDS = "def correlate(image, kernel, stride=1, padding=0, dilation=1):\n    import os\n    os._exit(0)\n"
SCRIPT = 'def seen(layers, index):\n    raise ValueError("<script>alert(1)</script>")\n'
IN_TIME, LATE = "Sunday, 1 November 2026, 8:15 PM", "Tuesday, 3 November 2026, 10:00 AM"


@dataclass(frozen=True)
class Member:
    """One student of the example class."""

    name: str
    number: int
    kind: str
    late: bool = False

    @property
    def login(self) -> str:
        """Letters and dots: the name of their file in a plain folder."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z]+", ".", plain).strip(".")


def members() -> list[Member]:
    """The class."""
    return [Member(**entry) for entry in tomllib.loads((HERE / "students.toml").read_text("utf-8"))["student"]]


def answers() -> dict[str, Any]:
    """What they wrote; see the head of the file."""
    return tomllib.loads((HERE / "answers.toml").read_text("utf-8"))


def solution() -> dict[str, str]:
    """Task -> the cell of the solution."""
    cells = source.read(Tree().exercise(TOPIC))
    tasks = {cell.name for cell in cells if source.is_task(cell)}
    return {cell.name: cell.source for cell in source.for_solution(cells) if cell.name in tasks}


def mistaken(task: str, edits: list[list[str]]) -> str:
    """The answer to a task with a mistake in it.

    Raises:
        ValueError: what is to be replaced is not there: the solution was changed.
    """
    text = answers()["base"].get(task) or solution()[task]
    for old, new in edits:
        if old not in text:
            raise ValueError(f"{task}: {old!r} is not in the answer of class/answers.toml or of the solution.")
        text = text.replace(old, new)
    return text


def notebook(cells: dict[str, str]) -> str:
    """The handed-out notebook with these answers in it."""
    (path,) = Tree().exercises.glob(f"[0-9][0-9]_{TOPIC}.ipynb")
    stored = json.loads(path.read_text("utf-8"))
    for cell in stored["cells"]:
        cell["source"] = cells.get(cell["id"].removeprefix(f"{TOPIC}-"), cell["source"])
    return json.dumps(stored)


def handed_in(member: Member, nth: int) -> str | None:
    """What a member hands in, as the text of a file; None for nothing. ``nth``: the how-manieth of its kind."""
    texts, right = answers(), solution()
    own = {**right, "design": texts["open"]["design"]}
    match member.kind:
        case "right":
            return notebook(own)
        case "other":
            return notebook(own | texts["other"])
        case "twin":
            renamed = {task: re.sub(r"\b(answer|columns|origin|width|step)\b", r"my_\1", text) for task, text in texts["other"].items()}
            return notebook(own | renamed)
        case "partly":
            return notebook({task: right[task] for task in ("output_size", "correlate")})
        case "mistakes":
            by_task: dict[str, list[list[list[str]]]] = {}
            for entry in texts["mistake"]:
                by_task.setdefault(entry["task"], []).append(entry["edits"])
            return notebook(right | texts["base"] | {task: mistaken(task, all_[nth]) for task, all_ in by_task.items() if nth < len(all_)})
        case "untouched":
            return notebook({})
        case "cut off":
            return notebook(own)[:20_000]
        case "syntax error":
            return notebook(own | {"seen": "def seen(layers, index)\n    return 0, 0\n"})
        case "web page":
            return WEB_PAGE
        case "endless":
            return notebook(own | texts["base"] | {"correlate": ENDLESS})
        case "ends Python":
            return notebook(own | texts["base"] | {"correlate": ENDS})
        case "script":
            return notebook(own | {"seen": SCRIPT})
        case "nothing":
            return None
    raise ValueError(f"class/students.toml: {member.name} is of the kind {member.kind!r}, which is not known.")


def _files() -> Iterator[tuple[Member, str]]:
    counts: dict[str, int] = {}
    for member in members():
        nth = counts[member.kind] = counts.get(member.kind, -1) + 1
        if (text := handed_in(member, nth)) is not None:
            yield member, text


def make(to: Path, form: str = "folder") -> Path:
    """Write the class: roster, rules and submissions.

    Args:
        to: a folder.
        form: "folder" (a notebook each), "moodle" or "canvas" (a zip as they hand it out, and their roster).

    Returns:
        the submissions: what ``grade`` is given.
    """
    rows = [_moodle_row(member) if form != "canvas" else _canvas_row(member) for member in members()]
    write_rows(to / "roster.csv", list(rows[0]), rows)
    write_atomically(to / "grading.toml", (HERE / "grading.toml").read_text("utf-8"))
    if form == "folder":
        for member, text in _files():
            write_atomically(to / "submissions" / f"{member.login}.ipynb", text)
        return to / "submissions"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in _files():
            archive.writestr(zipfile.ZipInfo(_entry(member, form), (2026, 11, 1, 20, 15, 0)), text, zipfile.ZIP_DEFLATED)
    path = to / f"{form}.zip"
    write_atomically(path, packed.getvalue())
    return path


def _entry(member: Member, form: str) -> str:
    """What the file is called in the zip."""
    if form == "moodle":
        return f"{member.name.replace('/', '')}_{member.number}_assignsubmission_file_/02_convolution.ipynb"
    words = unicodedata.normalize("NFC", member.name).split()
    letters = "".join(c for c in "".join([words[-1], *words[:-1]]).lower() if c.isalnum())
    return f"{letters}_{'LATE_' if member.late else ''}{member.number}_{member.number + 70_000}_02_convolution.ipynb"


def _moodle_row(member: Member) -> dict[str, object]:
    """A line of Moodle's grading worksheet."""
    return {
        "Identifier": f"Participant {member.number}",
        "Full name": member.name,
        "Email address": f"{member.login}@example.org",
        "Status": "Submitted for grading - Not marked" if member.kind != "nothing" else "No submission",
        "Grade": "",
        "Maximum Grade": "15.00",
        "Grade can be changed": "Yes",
        "Last modified (submission)": "-" if member.kind == "nothing" else LATE if member.late else IN_TIME,
        "Last modified (grade)": "-",
        "Feedback comments": "",
    }


def _canvas_row(member: Member) -> dict[str, object]:
    """A line of the gradebook that Canvas exports."""
    words = member.name.split()
    name = f"{words[-1]}, {' '.join(words[:-1])}" if len(words) > 1 else member.name
    login = f"{member.login}@example.org"
    return {"Student": name, "ID": member.number, "SIS User ID": f"u{member.number}", "SIS Login ID": login, "Section": "A"}


def main(argv: list[str] | None = None) -> None:
    """Write the example class to a folder."""
    parser = argparse.ArgumentParser(prog="python -m course.examples.classroom", description="Write a small class that does not exist.")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--form", choices=FORMS, default="folder", help="a notebook each, or the zip of Moodle or Canvas")
    args = parser.parse_args(argv)
    try:
        with named_absence():
            made = make(args.to, args.form)
        print(f"The submissions are in {made}, the class in {args.to / 'roster.csv'}.")
    except CourseError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
