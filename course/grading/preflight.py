"""``python -m course check-submission FILE``: what the grader will find in a notebook, before it is handed in.

The notebook runs once from its top in a fresh process, as it will at the grader's; only the visible checks are asked. It runs on your own
machine with your own rights, like the notebook itself.
"""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path

from course import CourseError, Tree
from course.checks.task import OpenTask, get, names
from course.grading.exercise import load
from course.grading.grade import grade_one
from course.grading.limits import Limits
from course.grading.plan import CHECK
from course.grading.result import SubmissionResult, TaskResult
from course.grading.sandbox import Sandbox
from course.grading.submission import Submission, Unreadable, read

__all__ = ["configure", "find", "main", "topic_of"]

MARKS = {"passed": "✓", "open": "-", "stub": "…"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the notebook, or the name of a unit: the exercise in your workspace")
    parser.add_argument("--details", action="store_true", help="the whole message of each check")


def main(args: argparse.Namespace, tree: Tree) -> int:
    if os.name != "posix":
        raise CourseError("This check needs Linux or macOS (on Windows: WSL). Restart Kernel and Run All Cells does nearly the same.")
    path = find(tree, args.file)
    try:
        topic = topic_of(read(path))
    except Unreadable as problem:
        raise CourseError(f"{path.name} cannot be handed in like this. {problem}") from None
    saved = datetime.fromtimestamp(path.stat().st_mtime).strftime("%H:%M on %d %B")
    print(f"{path.name}, as saved at {saved}, run from its top in a fresh process ...", flush=True)
    exercise = load(topic, None, tree=tree)
    there = [path.with_name(task.file) for task in exercise.networks if path.with_name(task.file).is_file()]
    result = grade_one(path, exercise, Sandbox(Limits(), unsafe=True), shrink=True, weights=there[0] if there else None)
    print(report(result, details=args.details))
    print("\n  ".join([f"\nThe file{'s' * bool(there)} to hand in:", *(str(file.resolve()) for file in (path, *there))]))
    return 0 if all(task.status in ("passed", "open") for task in result.tasks) else 1


def find(tree: Tree, what: str) -> Path:
    """The notebook that is meant: a path, or the exercise of a unit in the workspace.

    Raises:
        CourseError: there is none.
    """
    if Path(what).expanduser().is_file():
        return Path(what).expanduser()
    found = sorted((tree.workspace / "exercises").glob(f"[0-9][0-9]_{what}.ipynb")) if what.isidentifier() else []
    if found:
        return found[0]
    there = [tree.shown(path) for path in sorted((tree.workspace / "exercises").glob("*.ipynb"))]
    hint = f"Your workspace has {', '.join(there)}." if there else "It has no exercises yet; python -m course lab brings them."
    raise CourseError(f"There is no file {what}. {hint}")


def topic_of(submission: Submission) -> str:
    """The unit that a notebook belongs to: what it says, or what its checks ask.

    Raises:
        CourseError: it belongs to none.
    """
    asked = [task_id.partition("/")[0] for task_id, _ in CHECK.findall(submission.source)]
    for topic in (submission.unit, *asked):
        if topic and names(topic):
            return topic
    raise CourseError(f"{submission.name} is no exercise of this course: it calls no check(...) of one.")


def report(result: SubmissionResult, *, details: bool = False) -> str:
    """A line for each task, what is wrong below it, then notes and the sum."""
    lines = [line for task in result.tasks for line in _lines(task, details)]
    reader = sum(get(task.id).points for task in result.tasks if isinstance(get(task.id), OpenTask))
    lines += ["", *(f"Note: {note}" for note in result.notes)] if result.notes else []
    lines.append(f"\n{result.points} of {result.out_of} points by the visible checks, and up to {reader} from a reader.")
    lines.append("The grader also asks cases that are not shown: larger ones, with real numbers.")
    if not details and result.points < result.out_of:
        lines.append("With --details you see the smallest input that fails.")
    return "\n".join(lines)


def _lines(task: TaskResult, details: bool) -> list[str]:
    name = task.id.partition("/")[2]
    points = "a reader" if task.points is None else f"{task.points} of {task.out_of}"
    short = {"passed": "passed", "open": "marked by a reader", "stub": "not written yet"}
    said = short.get(task.status, task.message.removeprefix(f"{task.id}: "))
    lines = [f"  {MARKS.get(task.status, '✗')} {name:24} {points:>8}   {said}"]
    if task.visible and task.status not in ("passed", "stub"):
        text = task.visible.text.splitlines()[1:]
        hint = [f"Hint: {task.visible.hint}"] if task.visible.hint else []
        lines += [f"      {line}" for line in (text if details else text[:1] + hint) if line]
    return lines
