"""The student's copies: ``workspace/lessons`` and ``workspace/exercises``.

Students work on copies, so that a newer version of the course never meets their work. What was handed out is remembered by its hash; what
they changed is never overwritten: the newer version is laid beside it, and ``python -m course reset`` fetches a fresh copy on request.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from course import CourseError, Tree
from course.files import named_failures, write_atomically

__all__ = ["FOLDERS", "reset", "untouched", "update"]

FOLDERS = {"notebooks": "lessons", "exercises": "exercises"}
STATE = ".handed-out.json"


@dataclass
class _Record:
    """What was handed out for one notebook: where it lies, the hash of its cells, and what was laid beside it."""

    file: str
    cells: str
    beside: dict[str, str] = field(default_factory=dict)  # file name -> hash of its cells


def update(tree: Tree, say: Callable[[str], object] = print) -> None:
    """Bring the workspace up to date with notebooks/ and exercises/, keeping whatever a student changed.

    A copy counts as changed when the text of its cells did; one that was merely run is replaced too, after it has been put into
    ``workspace/backups``.

    Args:
        tree: the course.
        say: told, a line each, what a student should know.

    Raises:
        CourseError: nothing is there to copy, or the workspace cannot be written.
    """
    if not any(tree.notebooks.glob("*.ipynb")):
        raise CourseError(f"{tree.shown(tree.notebooks)} holds no lessons. Restore it with git, or run python -m course build.")
    state = _read_state(tree)
    for origin, folder in FOLDERS.items():
        for source in sorted((tree.root / origin).glob("*.ipynb")):
            key = f"{folder}/{re.sub(r'^[0-9]+_', '', source.stem)}"  # by slug: its number may change
            state[key] = _hand_out(tree, tree.workspace / folder / source.name, _student_version(source), state.get(key), say)
            _write_state(tree, state)
    if tree.glossary.exists():  # generated, nothing of the student's is in it
        write_atomically(tree.workspace / "lessons" / tree.glossary.name, tree.glossary.read_text("utf-8"))


def _hand_out(tree: Tree, target: Path, content: str, record: _Record | None, say: Callable[[str], object]) -> _Record:
    """Lay one notebook out; returns what to remember."""
    cells = _cells_hash(content)
    before = target.parent / record.file if record else target
    if not before.exists() and not target.exists():
        write_atomically(target, content)
        return _Record(target.name, cells)
    if record and before.exists() and _cells_hash_of(before) == record.cells:
        if before != target and target.exists():  # its number changed, and the student has a file of that name
            target = before
        if cells != record.cells or before != target:
            if any(cell.get("outputs") for cell in _notebook(before)["cells"]):
                _back_up(tree, before)  # what was merely run may have taken an evening
            write_atomically(target, content)
            if before != target:
                before.unlink()
        return _Record(target.name, cells)
    mine = before if before.exists() else target
    if _cells_hash_of(mine) == cells:  # brought up to date by hand, or copied without us
        return _Record(mine.name, cells)
    if record and record.cells == cells:
        return record
    return _lay_beside(tree, target, mine, content, cells, record, say)


def untouched(tree: Tree) -> list[Path]:
    """The copies that are, byte for byte, what the course hands out."""
    found = []
    for origin, folder in FOLDERS.items():
        for source in sorted((tree.root / origin).glob("*.ipynb")):
            copy = tree.workspace / folder / source.name
            if copy.is_file() and copy.read_bytes() == _student_version(source).encode():
                found.append(copy)
    return found


def _lay_beside(
    tree: Tree, target: Path, mine: Path, content: str, cells: str, record: _Record | None, say: Callable[[str], object]
) -> _Record:
    beside = dict(record.beside) if record else {}
    if cells not in beside.values():  # offered once; whoever deletes it does not want it
        untouched = {n for n, seen in beside.items() if (target.parent / n).exists() and _cells_hash_of(target.parent / n) == seen}
        name = _free_name(target, "new version", untouched)
        write_atomically(name, content)
        beside[name.name] = cells
        say(f"{tree.shown(mine)} has your changes and stays as it is; the newer version lies beside it as {name.name!r}.")
    return _Record(mine.name, record.cells if record else "", beside)


def _free_name(target: Path, words: str, may_replace: set[str]) -> Path:
    """``NAME (words).ipynb``, numbered where a file of that name is already there and must be kept."""
    number = 1
    while True:
        name = target.with_name(f"{target.stem} ({words}{f' {number}' if number > 1 else ''}).ipynb")
        if not name.exists() or name.name in may_replace:
            return name
        number += 1


def _student_version(source: Path) -> str:
    """The notebook as it lies in the workspace: links to lessons point to workspace/lessons."""
    text = source.read_text("utf-8")
    return text.replace("](../notebooks/", "](../lessons/")


def _cells_hash(content: str) -> str:
    """The hash of what a student can change: kinds and sources of cells; outputs do not count. Broken files are hashed as they are."""
    try:
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(content)["cells"]]
        return hashlib.sha256(json.dumps(cells).encode()).hexdigest()
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(content.encode()).hexdigest()


def _cells_hash_of(path: Path) -> str:
    try:
        return _cells_hash(path.read_text("utf-8", errors="replace"))
    except IsADirectoryError:
        raise CourseError(f"{path} is a folder, but a notebook belongs there. Move it out of the way.") from None


def _back_up(tree: Tree, path: Path) -> Path:
    stamp = datetime.now().strftime("%Y-%m-%d %H.%M.%S")
    target = _free_name(tree.workspace / "backups" / path.name, stamp, set())
    with named_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return target


def _notebook(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text("utf-8"))
        return notebook if isinstance(notebook.get("cells"), list) else {"cells": []}
    except (OSError, ValueError, AttributeError):
        return {"cells": []}


def _read_state(tree: Tree) -> dict[str, _Record]:
    """What was handed out so far; a file that cannot be read counts as nothing known, and then every file counts as the student's."""
    try:
        return {key: _Record(**value) for key, value in json.loads((tree.workspace / STATE).read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_state(tree: Tree, state: dict[str, _Record]) -> None:
    write_atomically(tree.workspace / STATE, json.dumps({key: vars(record) for key, record in sorted(state.items())}, indent=1) + "\n")


def reset(tree: Tree, what: str, say: Callable[[str], object] = print) -> None:
    """Fetch a fresh copy of a unit's lesson and exercise, or of one task of an exercise; a changed copy is backed up first.

    Args:
        tree: the course.
        what: a unit (``partial_convolution``), or a task (``window_count``, or ``partial_convolution/window_count`` where two units have
            a task of that name).
        say: told, a line each, what was done.

    Raises:
        CourseError: there is no such unit or task.
    """
    slug, _, task = what.strip().rpartition("/")
    originals = {
        (folder, re.sub(r"^[0-9]+_", "", source.stem)): source
        for origin, folder in FOLDERS.items()
        for source in sorted((tree.root / origin).glob("*.ipynb"))
    }
    units = sorted({name for _, name in originals})
    if not slug and task in units:
        for (folder, name), source in originals.items():
            if name == task:
                _reset_file(tree, folder, name, source, say)
        return
    holders = [
        (name, source)
        for (folder, name), source in originals.items()
        if folder == "exercises" and slug in ("", name) and any(cell.get("id") == f"{name}-{task}" for cell in _notebook(source)["cells"])
    ]
    if len(holders) > 1:
        raise CourseError(f"The task {task!r} stands in {' and '.join(name for name, _ in holders)}; say which: {holders[0][0]}/{task}.")
    if not holders:
        tasks = [f"{name}/{t}" for (folder, name), source in originals.items() if folder == "exercises" for t in _tasks(name, source)]
        raise CourseError(f"There is no unit or task {what!r}. Units: {', '.join(units)}. Tasks: {', '.join(tasks) or 'none'}.")
    _reset_task(tree, *holders[0], task, say)


def _tasks(slug: str, source: Path) -> list[str]:
    stubs = (cell for cell in _notebook(source)["cells"] if "NotImplementedError" in "".join(cell["source"]))
    return [str(cell["id"]).removeprefix(f"{slug}-") for cell in stubs]


def _reset_file(tree: Tree, folder: str, slug: str, source: Path, say: Callable[[str], object]) -> object:
    state, key = _read_state(tree), f"{folder}/{slug}"
    record, content = state.get(key), _student_version(source)
    mine = tree.workspace / folder / (record.file if record else source.name)
    target = tree.workspace / folder / source.name
    if mine == target and mine.exists() and mine.read_bytes() == content.encode():
        return say(f"{tree.shown(target)} is as it was handed out.")
    if mine.exists():
        say(f"Your copy is kept as {tree.shown(_back_up(tree, mine))}.")
    write_atomically(target, content)
    if mine != target and mine.exists():
        mine.unlink()
    state[key] = _Record(target.name, _cells_hash(content))
    _write_state(tree, state)
    return say(f"{tree.shown(target)} is fresh again. If it is open in JupyterLab, choose File > Reload Notebook from Disk.")


def _reset_task(tree: Tree, slug: str, source: Path, task: str, say: Callable[[str], object]) -> object:
    """Put the untouched cell of one task back into the student's notebook, or at its place if it was deleted."""
    record = _read_state(tree).get(f"exercises/{slug}")
    mine = tree.workspace / "exercises" / (record.file if record else source.name)
    cells = _notebook(mine)["cells"]
    if not cells:  # not handed out, or no longer a notebook
        return _reset_file(tree, "exercises", slug, source, say)
    say(f"Your copy is kept as {tree.shown(_back_up(tree, mine))}.")
    notebook, fresh = _notebook(mine), json.loads(_student_version(source))["cells"]
    ids = [cell.get("id") for cell in cells]
    place = [cell.get("id") for cell in fresh].index(f"{slug}-{task}")
    if fresh[place]["id"] in ids:
        cells[ids.index(fresh[place]["id"])] = fresh[place]
    else:
        before = next((ids.index(cell["id"]) for cell in reversed(fresh[:place]) if cell.get("id") in ids), -1)
        cells.insert(before + 1, fresh[place])
    write_atomically(mine, json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False) + "\n")
    return say(f"The task {task!r} in {tree.shown(mine)} is fresh again. If it is open, choose File > Reload Notebook from Disk.")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="UNIT|TASK", help="a unit (partial_convolution) or one task of an exercise (window_count)")


def main(args: argparse.Namespace, tree: Tree) -> int:
    reset(tree, args.what)
    return 0
