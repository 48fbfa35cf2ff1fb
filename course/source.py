"""From a unit's source to the cells of its notebooks: head, links, marked solutions, cell ids.

``lesson.py`` and ``exercise.py`` are jupytext percent files; CONTRIBUTING.md describes what may stand in them. Nothing is executed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from course import CourseError, Tree
from course.syllabus import Syllabus, Unit

__all__ = ["TAGS", "Cell", "check_minutes", "for_solution", "for_student", "head", "is_task", "link", "prose", "read"]

TAGS = {
    "compare": "nbval compares the output on every run",
    "experiment": "skipped by the grader",
    "expected": "the student sees the solution's output above the cell",
    "solution": "left out of the student's notebook",
    "student": "left out of the solutions",
    "raises-exception": "is meant to fail, and the lesson goes on",
}
_LINK = re.compile(r"\[([^\]]*)\]\((unit|exercise):([^)#]*)(#[^)]*)?\)")
_HEAD = re.compile(r"^\{\{ *head *\}\} *$", re.MULTILINE)
_MINUTES = re.compile(r"^\{\{ *minutes (\d+) *\}\} *$", re.MULTILINE)
_TOKEN = re.compile(r"\{\{.*?\}\}")
_MARK = re.compile(r"^([ \t]*)# (solution:|student:|end of solution)[ \t]*$")


@dataclass(frozen=True)
class Cell:
    """One cell of a source; ``name`` is the part of its id after the slug."""

    kind: str  # "code" or "markdown"
    source: str
    name: str
    tags: tuple[str, ...] = ()


def read(path: Path) -> list[Cell]:
    """The cells of a percent file, in order.

    Raises:
        CourseError: the file is missing or not UTF-8, a cell has another type, an unknown tag or option, or a name that stands twice.
    """
    import jupytext

    try:
        notebook = jupytext.reads(path.read_text("utf-8"), fmt="py:percent")
    except FileNotFoundError:
        raise CourseError("the file is missing.") from None
    except UnicodeDecodeError as error:
        raise CourseError(f"the file is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None
    cells = [_cell(number, raw) for number, raw in enumerate(notebook.cells, 1)]
    names: dict[str, int] = {}
    for number, cell in enumerate(cells, 1):
        if cell.name in names:
            raise CourseError(f"cells {names[cell.name]} and {number} are both named {cell.name!r}; a name stands once.")
        names[cell.name] = number
    return cells


def _cell(number: int, raw: dict) -> Cell:
    metadata = {key: value for key, value in raw["metadata"].items() if key != "lines_to_next_cell"}
    where = f"cell {number}"
    if raw["cell_type"] not in ("code", "markdown"):
        raise CourseError(f"{where} is of type {raw['cell_type']!r}; expected code or [markdown].")
    tags = metadata.pop("tags", [])
    name = metadata.pop("name", None)
    if metadata:
        raise CourseError(f'{where} has the options {", ".join(metadata)}; expected tags=["..."] and name="..." only.')
    if unknown := [tag for tag in tags if tag not in TAGS]:
        raise CourseError(f"{where} has the tag {unknown[0]!r}; known are {', '.join(TAGS)}.")
    if name is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,31}", name):
        raise CourseError(f"{where} is named {name!r}; expected at most 32 letters, digits, - and _, with a letter first.")
    return Cell(raw["cell_type"], raw["source"], name or f"{number:03d}", tuple(tags))


def link(text: str, kind: str, syllabus: Syllabus, tree: Tree) -> str:
    """Rewrite ``[text](unit:slug)`` and ``[text](exercise:slug)`` to the notebooks' files, seen from a notebook of ``kind``.

    Args:
        text: markdown.
        kind: "lesson", "exercise" or "solution".
        syllabus: gives the numbers.
        tree: where a unit's exercise would lie.

    Raises:
        CourseError: the slug is unknown, or that unit has no exercise.
    """

    def rewrite(match: re.Match[str]) -> str:
        words, target, slug, anchor = match.groups()
        unit = syllabus[slug.strip()]
        if not unit.ready:
            return f"{words} (to come)"
        if target == "exercise" and not tree.exercise(unit.slug).exists():
            raise CourseError(f"[{words}](exercise:{slug}): the unit {unit.slug!r} has no exercise.")
        lessons = target == "unit"
        folder = "" if lessons == (kind == "lesson") else ("../notebooks/" if lessons else "../exercises/")
        return f"[{words}]({folder}{unit.file_name}{anchor or ''})"

    return _LINK.sub(rewrite, text)


def head(unit: Unit, kind: str, syllabus: Syllabus) -> str:
    """The head of a notebook as markdown, its links still by slug: title, goals, minutes, needs."""
    if kind == "lesson":
        title, before, minutes = unit.title, "After this unit you can", unit.minutes
        needs = [f"[{syllabus[need].title}](unit:{need})" for need in unit.needs] or [syllabus.background]
    else:
        title, before = f"Exercise: {unit.title}", "The lesson's goals, which you practise here in part"
        minutes = unit.exercise_minutes or 0
        needs = [f"the lesson [{unit.title}](unit:{unit.slug})"]
    goals = "\n".join(f"- {goal[0].lower()}{goal[1:]}" for goal in unit.goals)
    return f"# {title}\n\n**{before}**\n\n{goals}\n\n**Time:** about {minutes} minutes. **You need:** {', '.join(needs)}."


def prose(cell: Cell, unit: Unit, kind: str, syllabus: Syllabus, tree: Tree) -> Cell:
    """A markdown cell with its head, the minutes of its sections and its links filled in; a code cell as it is."""
    if cell.kind != "markdown":
        return cell
    text = _HEAD.sub(lambda _: head(unit, kind, syllabus), cell.source)
    text = _MINUTES.sub(r"*About \1 minutes.*", text)
    if left := _TOKEN.search(text):
        known = "{{ head }}, {{ minutes 10 }} or {{ sources }}"
        raise CourseError(f"cell {cell.name}: {left.group()} is no token; expected {known}, alone on its line.")
    return replace(cell, source=link(text, kind, syllabus, tree))


def check_minutes(cells: Iterable[Cell], unit: Unit) -> None:
    """Compare the minutes of a lesson's sections with those of the syllabus; a lesson that names none is left alone.

    Raises:
        CourseError: they add up to something else.
    """
    parts = [int(number) for cell in cells if cell.kind == "markdown" for number in _MINUTES.findall(cell.source)]
    if parts and sum(parts) != unit.minutes:
        total = f"{' + '.join(map(str, parts))} = {sum(parts)}"
        raise CourseError(f"the sections take {total} minutes, the unit {unit.minutes} by the syllabus; let them add up.")


def for_solution(cells: Iterable[Cell]) -> list[Cell]:
    """The instructor's cells: marked parts without their marks, cells tagged ``student`` left out."""
    return [replace(cell, source=_marked(cell, student=False)) for cell in cells if "student" not in cell.tags]


def for_student(cells: Iterable[Cell]) -> list[Cell]:
    """The student's cells: each marked part replaced by its stub, cells tagged ``solution`` left out.

    Raises:
        CourseError: marks do not pair up, stand in a cell without a name, or what is left is not valid Python.
    """
    kept = [cell for cell in cells if "solution" not in cell.tags]
    return [replace(cell, source=_marked(cell, student=True)) for cell in kept]


def is_task(cell: Cell) -> bool:
    """Whether a student has something to write in this cell of a source."""
    return cell.kind == "code" and any(_MARK.match(line) for line in cell.source.splitlines())


def _marked(cell: Cell, *, student: bool) -> str:
    """The source with its marked parts resolved for the one or the other notebook."""
    if not is_task(cell):
        return cell.source
    if cell.name.isdigit():
        raise CourseError(f'cell {cell.name} has a marked solution but no name; write # %% name="TASK" above it.')
    out: list[str] = []
    state, indent, start_given = "outside", "", False
    for line in cell.source.splitlines():
        mark = _MARK.match(line)
        if mark:
            before, state = state, {"solution:": "solution", "student:": "student", "end of solution": "outside"}[mark.group(2)]
            if (before, state) not in {("outside", "solution"), ("solution", "student"), ("solution", "outside"), ("student", "outside")}:
                raise CourseError(f"cell {cell.name}: {line.strip()!r} stands in the wrong place; expected # solution:, # end of solution.")
            indent = mark.group(1) if state == "solution" else indent
            if student and state == "outside" and not start_given:
                out.append(f'{indent}raise NotImplementedError("{cell.name}")  # replace this line with your code')
            start_given = state == "student"
        elif state == "outside" or (state == "solution" and not student):
            out.append(line)
        elif state == "student" and student:
            out.append(_uncommented(line, cell))
    if state != "outside":
        raise CourseError(f"cell {cell.name}: '# solution:' is never closed; write '# end of solution' below it.")
    source = "\n".join(out)
    _compiles(source, cell, student=student)
    return source


def _uncommented(line: str, cell: Cell) -> str:
    if not line.strip():
        return ""
    match = re.match(r"^([ \t]*)# ?(.*)$", line)
    if not match:
        raise CourseError(f"cell {cell.name}: {line.strip()!r} stands after '# student:'; comment each of these lines out.")
    return (match.group(1) + match.group(2)).rstrip()


def _compiles(source: str, cell: Cell, *, student: bool) -> None:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError as error:
        whose = "student's" if student else "solution's"
        line = (error.text or "").strip()
        raise CourseError(f"cell {cell.name}: the {whose} version is not valid Python: {error.msg} in {line!r}.") from None
