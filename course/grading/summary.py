"""What a class as a whole shows: which tasks are hard, which mistakes are common, which tasks tell students apart."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from course.checks.task import Task, UnknownTask, get
from course.grading.gradebook import Gradebook

__all__ = ["Item", "Mistake", "correlation", "items", "mistakes", "totals"]

FEWEST = 5  # students below which a correlation says nothing


@dataclass(frozen=True)
class Item:
    """One task of a class.

    Args:
        task: its name.
        students: who were marked in it.
        mean: the mean part of its points, 0 to 1.
        discrimination: correlation of its points with those of all other tasks; None where nobody, everybody, or too few have it right.
        statuses: status -> how many.
    """

    task: str
    students: int
    mean: float
    discrimination: float | None
    statuses: dict[str, int]


@dataclass(frozen=True)
class Mistake:
    """A known mistake, how many made it, and its hint."""

    task: str
    id: str
    count: int
    hint: str


def totals(book: Gradebook) -> list[float]:
    """Each graded student's part of all points, before anything is taken off for being late, 0 to 1."""
    out_of = float(book.out_of) or 1.0
    return [float(row.earned) / out_of for row in book.graded]


def items(book: Gradebook) -> list[Item]:
    """The tasks, the hardest first."""
    found = []
    for task, out_of in book.tasks.items():
        pairs = [(mark, row) for row in book.graded for mark in row.marks if mark.task == task and mark.points is not None]
        if not out_of or not pairs:
            continue
        own = [float(mark.points or 0) for mark, _ in pairs]
        rest = [float(row.earned) - points for points, (_, row) in zip(own, pairs, strict=True)]
        statuses = Counter(mark.result.status for mark, _ in pairs if mark.result)
        mean = sum(own) / len(own) / float(out_of)
        found.append(Item(task, len(own), mean, correlation(own, rest), dict(statuses.most_common())))
    return sorted(found, key=lambda item: (item.mean, item.task))


def correlation(a: list[float], b: list[float]) -> float | None:
    """Pearson's, or None where it says nothing.

    >>> correlation([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    1.0
    >>> correlation([1, 1, 1, 1, 1], [0, 1, 2, 3, 4]) is None
    True
    """
    if len(a) < FEWEST:
        return None
    x, y = [v - sum(a) / len(a) for v in a], [v - sum(b) / len(b) for v in b]
    spread = math.sqrt(sum(v * v for v in x) * sum(v * v for v in y))
    return sum(u * v for u, v in zip(x, y, strict=True)) / spread if spread > 1e-9 else None


def mistakes(book: Gradebook) -> list[Mistake]:
    """Known mistakes, the most frequent first."""
    marks = [mark for row in book.graded for mark in row.marks if mark.result and mark.result.misconception]
    counts = Counter((mark.task, str(mark.result.misconception)) for mark in marks if mark.result)
    found = [Mistake(task, name, count, _hint(f"{book.unit}/{task}", name)) for (task, name), count in counts.items()]
    return sorted(found, key=lambda mistake: (-mistake.count, mistake.task, mistake.id))


def _hint(task_id: str, name: str) -> str:
    try:
        task = get(task_id)
    except UnknownTask:
        return ""
    return next((m.hint for m in task.misconceptions if m.id == name), "") if isinstance(task, Task) else ""
