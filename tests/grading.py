"""What the tests of grading share: notebooks as students hand them in, and a grader with small limits."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from course import ROOT, source
from course.grading.exercise import Exercise, load
from course.grading.grade import grade_one
from course.grading.limits import MB, Limits
from course.grading.result import SubmissionResult
from course.grading.sandbox import Sandbox, available

KEY = b"the key of the tests, not of a class"
TOPIC = "convolution"
#: Seconds are of computing, so a busy machine changes nothing; what sleeps is ended by the clock, after 12.
SMALL = Limits(call_seconds=1.0, cell_seconds=2.0, task_seconds=10.0, patience=10.0, memory=400 * MB, processes=12, disk=8 * MB)

needs_sandbox = pytest.mark.skipif(bool(available()), reason=f"no sandbox here: {available()}")


@functools.cache
def exercise(topic: str = TOPIC) -> Exercise:
    return load(topic, KEY)


@functools.cache
def solution(topic: str = TOPIC) -> dict[str, str]:
    """The solved cells of a unit by their ids; the sources of the others are in the handed-out notebook."""
    cells = source.for_solution(source.read(ROOT / "course" / "units" / topic / "exercise.py"))
    return {f"{topic}-{cell.name}": cell.source for cell in cells if source.is_task(_original(topic, cell.name))}


def _original(topic: str, name: str) -> source.Cell:
    return next(cell for cell in source.read(ROOT / "course" / "units" / topic / "exercise.py") if cell.name == name)


def handed_out(topic: str = TOPIC) -> dict[str, Any]:
    """The notebook that students get."""
    (path,) = (ROOT / "exercises").glob(f"[0-9][0-9]_{topic}.ipynb")
    return json.loads(path.read_text("utf-8"))


def solved(topic: str = TOPIC, **changed: str) -> dict[str, Any]:
    """The notebook with the solution pasted into it, but for the tasks that are given."""
    notebook = handed_out(topic)
    for cell in notebook["cells"]:
        name = cell["id"].removeprefix(f"{topic}-")
        if cell["id"] in solution(topic) or name in changed:
            cell["source"] = changed.get(name, solution(topic).get(cell["id"]))
    return notebook


def add(notebook: dict[str, Any], code: str, place: int = 3, **metadata: Any) -> dict[str, Any]:
    """The notebook with one more code cell."""
    cell = {"cell_type": "code", "id": f"more-{place}", "metadata": metadata, "source": code, "outputs": [], "execution_count": None}
    notebook["cells"].insert(place, cell)
    return notebook


def grade(
    notebook: dict[str, Any] | str | bytes, folder: Path, topic: str = TOPIC, name: str = "ada", weights: Path | None = None, **limits: Any
) -> SubmissionResult:
    """Hand it in, with the weights of a network if a task asks for them, and have it graded."""
    path = folder / f"{name}.ipynb"
    data = json.dumps(notebook) if isinstance(notebook, dict) else notebook
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return grade_one(path, exercise(topic), Sandbox(Limits(**{**vars(SMALL), **limits})), weights=weights)


def points(result: SubmissionResult) -> dict[str, int | None]:
    """Task -> points."""
    return {task.id.partition("/")[2]: task.points for task in result.tasks}


def statuses(result: SubmissionResult) -> dict[str, str]:
    """Task -> status."""
    return {task.id.partition("/")[2]: task.status for task in result.tasks}
