"""The notebook of a source: its cells, with the outputs that the stored version already has for the same code."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from course import CourseError, Tree, bibliography, source
from course import expected as expectations
from course.syllabus import Syllabus
from course.targets import Target

__all__ = ["code_of", "notebook_of", "orphans", "read_notebook", "text_of"]


def cells_of(target: Target, tree: Tree, syllabus: Syllabus) -> list[source.Cell]:
    """The cells of one notebook, links and head filled in.

    Raises:
        CourseError: the source cannot be built; its file is named.
    """
    try:
        cells = source.read(target.source)
        if target.kind == "solution":
            cells = source.for_solution(cells)
        elif target.kind == "exercise":
            cells = source.for_student(cells)
        elif task := next((cell for cell in cells if source.is_task(cell)), None):
            raise CourseError(f"cell {task.name}: a lesson has no marked solutions; they belong into exercise.py.")
        else:
            source.check_minutes(cells, target.unit)
        cells = bibliography.fill(cells, tree)
        return [source.prose(cell, target.unit, target.kind, syllabus, tree) for cell in cells]
    except CourseError as error:
        raise CourseError(f"{tree.shown(target.source)}: {error}") from None


def notebook_of(target: Target, tree: Tree, syllabus: Syllabus) -> dict[str, Any]:
    """The notebook of a target with the outputs that its stored version already has for the same code.

    A student's notebook has none; it carries the expected pictures of the stored solution instead.
    """
    cells = cells_of(target, tree, syllabus)
    old = _stored(target)
    keep = _outputs_by_source(old) if target.executed else {}
    solution = read_notebook(tree.solutions / target.unit.file_name) if target.kind == "exercise" else None
    built: list[dict[str, Any]] = []
    for cell in cells:
        if solution and "expected" in cell.tags:
            built += expectations.cell(target.unit.slug, cell.name, solution)
        built.append(_cell(target.unit.slug, cell, keep))
    course: dict[str, Any] = {"unit": target.unit.slug, "kind": target.kind}
    made_from = old["metadata"].get("course", {}).get("made_from") if old else None
    if target.executed and made_from:
        course["made_from"] = made_from
    metadata = {
        "course": course,
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": built, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(slug: str, cell: source.Cell, keep: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": f"{slug}-{cell.name}"[:64],
        "metadata": {"tags": list(cell.tags)} if cell.tags else {},
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind == "code":
        before = keep[cell.source].pop(0) if keep.get(cell.source) else {"execution_count": None, "outputs": []}
        raw |= before
    return raw


def _stored(target: Target) -> dict[str, Any] | None:
    """The notebook as it is on disk, under the number that its unit had before if it has moved."""
    if target.path.exists():
        return read_notebook(target.path)
    moved = sorted(target.path.parent.glob(f"[0-9][0-9]_{target.unit.slug}.ipynb"))
    return read_notebook(moved[0]) if moved else None


def _outputs_by_source(notebook: dict[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for cell in (notebook or {}).get("cells", []):
        if cell["cell_type"] == "code":
            found["".join(cell["source"])].append({key: cell[key] for key in ("execution_count", "outputs")})
    return found


def read_notebook(path: Path) -> dict[str, Any] | None:
    """A stored notebook, or None where there is none that can be read (it is then built afresh)."""
    try:
        notebook = json.loads(path.read_text("utf-8"))
        return notebook if isinstance(notebook.get("cells"), list) and isinstance(notebook.get("metadata"), dict) else None
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError, AttributeError):
        return None


def text_of(notebook: dict[str, Any]) -> str:
    """The bytes of a notebook file, one way to write them."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def orphans(tree: Tree, found: list[Target]) -> list[Path]:
    """Generated notebooks whose unit is gone or has another number by now."""
    known = {target.path for target in found}
    folders = (tree.notebooks, tree.exercises, tree.solutions)
    others = [path for folder in folders for path in sorted(folder.glob("*.ipynb")) if path not in known]
    return [path for path in others if "course" in (read_notebook(path) or {}).get("metadata", {})]


def code_of(notebook: dict[str, Any]) -> list[str]:
    """The sources of its code cells, in order."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
