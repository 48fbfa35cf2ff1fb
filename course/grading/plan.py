"""Which cells of a submission are run, in which order, and under which names its answers are found."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course.checks.task import Task
from course.grading.repair import parses
from course.grading.scope import needed_below
from course.grading.submission import Cell, Submission

__all__ = ["Plan", "defined", "flags", "make_plan", "set_up_cells"]

CHECK = re.compile(r"""\bcheck\(\s*["']([\w/]+)["']\s*,\s*([A-Za-z_]\w*)\s*\)""")


@dataclass
class Plan:
    """What will be run.

    Args:
        cells: in order; the notebook's own set-up first.
        names: task id -> the names under which its answer may be, the best one first.
        notes: what the student should know.
        broken: name of a task's function, or of another cell -> what is wrong with its syntax.
    """

    cells: list[Cell]
    names: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


def make_plan(submission: Submission, tasks: Sequence[Task], set_up: Sequence[Cell] = ()) -> Plan:
    """Plan a submission.

    Cells tagged ``experiment`` are left out, and so is everything behind the last definition (experiments, drawings, trainings) but the
    statements that give a name which a function needs; a stub below a written answer (a cell that was duplicated) does not undo it. What
    the notebook brings along is run first, even if it was deleted, broken or moved.

    Args:
        submission: what was handed in.
        tasks: what is asked.
        set_up: see :func:`set_up_cells`.
    """
    plan = Plan([], {task.id: _names(task, submission) for task in tasks})
    wanted = {name for names in plan.names.values() for name in names}
    kept = [cell for cell in submission.cells if "experiment" not in cell.tags]
    written = {name for cell in kept for name in defined(cell.source) if not _is_stub(cell.source, name)}
    useful = 0
    for cell in kept:
        if not parses(cell.source):
            name = next((name for name in sorted(wanted) if re.search(rf"\b(def|class) {name}\b", cell.source)), "")
            plan.broken[name or cell.name] = problem = _problem(cell.source)
            where = f" in the cell of `{name}`" if name else ""
            plan.notes.append(f"Syntax error{where}: {problem}. That cell is not run, the others are.")
            continue
        stubs = [name for name in defined(cell.source) if _is_stub(cell.source, name)]
        if stubs and all(name in written for name in stubs) and len(stubs) == len(defined(cell.source)):
            plan.notes.append(f"`{stubs[0]}` stands in several cells, once unwritten; the written one counts.")
            continue
        plan.cells.append(cell)
        useful = len(plan.cells) if _defines(cell.source) else useful
    kept = [*(Cell(f"set-up {c.name}", c.source) for c in set_up), *plan.cells[:useful]]
    plan.cells = [*kept, *_needed(kept, plan.cells[useful:], tasks)]
    return plan


def _needed(kept: Sequence[Cell], rest: Sequence[Cell], tasks: Sequence[Task]) -> list[Cell]:
    """What cells below the last definition give to the functions above them: a constant, say, between a function and its check."""
    asked = {task.id for task in tasks}
    checks = [i for i, cell in enumerate(rest, 1) if any(task_id in asked for task_id, _ in CHECK.findall(cell.source))]
    sources = needed_below([cell.source for cell in kept], [cell.source for cell in rest], max(checks, default=0))
    return [Cell(cell.name, source, cell.tags) for cell, source in zip(rest, sources, strict=True) if source]


def set_up_cells(notebook: Path, asked: Collection[str] = ()) -> list[Cell]:
    """What a notebook brings along as it was handed out: imports, and the functions and classes that it gives; nothing where it is missing.

    Args:
        notebook: the file.
        asked: names of the functions that the tasks ask for.
    """
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    own = {"student", "experiment"}
    code = [cell for cell in cells if cell["cell_type"] == "code" and own.isdisjoint(cell["metadata"].get("tags", []))]
    found = [Cell(str(cell.get("id", i)), "".join(cell["source"])) for i, cell in enumerate(code)]
    return [cell for cell in found if _only_gives(cell.source) and set(asked).isdisjoint(defined(cell.source))]


def flags(task: Task, submission: Submission, said: Sequence[str] = ()) -> list[str]:
    """For the instructor: names that the task rules out and that stand in the code of its cells, used or not. Policy, not security.

    Args:
        task: what was asked.
        submission: what was handed in.
        said: flags that there are already; a name that one of this task's is about is not flagged again.
    """
    known = " ".join(flag for flag in said if flag.startswith(f"{task.id}: "))
    ours = [cell for cell in submission.cells if task.function in defined(cell.source) or task.function == cell.name.rpartition("-")[2]]
    code = "\n".join(cell.source for cell in ours)
    names = [name for name in task.forbids if f"`{name}`" not in known and re.search(rf"\b{re.escape(name)}\b", code)]
    return [f"{task.id}: `{name}` stands in its cell" for name in names]


def _names(task: Task, submission: Submission) -> list[str]:
    """The name that was asked for; then the one that the student's own check was given."""
    given = [name for task_id, name in CHECK.findall(submission.source) if task_id == task.id]
    return list(dict.fromkeys([task.function, *reversed(given)]))


def _tree(source: str) -> ast.Module:
    return ast.parse(source) if parses(source) else ast.Module([], [])


def defined(source: str) -> list[str]:
    """The functions and classes that a cell defines at its top level."""
    return [node.name for node in _tree(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)]


def _is_stub(source: str, name: str) -> bool:
    """Whether the definition of that name is nothing but a docstring and ``raise NotImplementedError``."""
    for node in _tree(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            body = [n for n in node.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
            return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])
    return False


def _defines(source: str) -> bool:
    """Whether anything in a cell may be needed by an answer: a definition, an import, a lambda, a helper made of another."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Lambda)
    return any(isinstance(node, kinds) for node in ast.walk(_tree(source)))


def _only_gives(source: str) -> bool:
    """Whether a cell imports or defines something, and does nothing else but show it."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    rest = [node for node in _tree(source).body if not isinstance(node, ast.Expr)]
    return bool(rest) and all(isinstance(node, kinds) for node in rest)


def _problem(source: str) -> str:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"{error.msg}, line {error.lineno}: `{(error.text or '').strip()[:80]}`"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"it cannot be read ({type(error).__name__})"
    return ""
