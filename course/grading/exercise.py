"""What an exercise asks, ready for many submissions: its tasks, the visible and the hidden cases, and their right answers."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course import CourseError, Tree
from course.checks.judge import expected_answer
from course.checks.run import EXAMPLES, draw_cases
from course.checks.task import AnyTask, BeatTask, Case, OpenTask, Task, get, names
from course.grading.answers import Section, sections
from course.grading.plan import set_up_cells
from course.grading.submission import Cell

__all__ = ["Exercise", "load"]

HIDDEN = 20  # hidden cases of a task


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise and its right answers; every process of the grader makes it once, with :func:`load`.

    Args:
        topic: its unit.
        tasks: all of its tasks, in order.
        set_up: what the notebook brings along as it was handed out, imports and given functions.
        visible: task id -> the cases of its visible check.
        hidden: task id -> cases drawn from the instructor's key; empty without one.
        key: the instructor's, or None.
        sections: of the notebook as it was handed out.
    """

    topic: str
    tasks: tuple[AnyTask, ...]
    set_up: tuple[Cell, ...]
    visible: dict[str, list[Case]]
    hidden: dict[str, list[Case]]
    key: bytes | None = None
    sections: tuple[Section, ...] = ()

    @property
    def coded(self) -> list[Task]:
        """The tasks that are marked by running them."""
        return [task for task in self.tasks if isinstance(task, Task)]

    @property
    def open(self) -> list[OpenTask]:
        """The tasks that a reader marks."""
        return [task for task in self.tasks if isinstance(task, OpenTask)]

    @property
    def networks(self) -> list[BeatTask]:
        """The tasks that are marked by what a network fills holes with."""
        return [task for task in self.tasks if isinstance(task, BeatTask)]

    @property
    def trains(self) -> bool:
        """Whether a training step is asked for, of networks that the notebook gives."""
        return any(task.given for task in self.coded)

    @functools.cached_property
    def _answers(self) -> dict[int, tuple[np.ndarray, ...]]:
        return {}

    def expected(self, task: Task, case: Case) -> tuple[np.ndarray, ...]:
        """The right answer, computed once for each case of the visible and hidden ones."""
        found = self._answers.get(id(case))
        if found is None:
            found = expected_answer(task, case)
            if any(case is own for own in (*self.visible[task.id], *self.hidden[task.id])):  # they live as long as this; shrunk ones do not
                self._answers[id(case)] = found
        return found


@functools.lru_cache(32)
def load(topic: str, key: bytes | None, hidden: int = HIDDEN, tree: Tree | None = None) -> Exercise:
    """The exercise of a unit.

    Args:
        topic: the unit.
        key: the instructor's, at least 16 bytes; None for no hidden cases at all.
        hidden: how many hidden cases a task has.
        tree: where the notebook that was handed out lies.

    Raises:
        CourseError: the unit has no exercise.
    """
    tasks = tuple(get(name) for name in names(topic)) if topic else ()
    if not tasks:
        known = ", ".join(dict.fromkeys(name.partition("/")[0] for name in names()))
        raise CourseError(f"There is no exercise of a unit {topic!r}. There is one for {known}.")
    coded = [task for task in tasks if isinstance(task, Task)]
    tree = tree or Tree()
    handed_out = sorted(tree.exercises.glob(f"[0-9][0-9]_{topic}.ipynb"))
    return Exercise(
        topic,
        tasks,
        tuple(set_up_cells(handed_out[0], [task.function for task in coded])) if handed_out else (),
        {task.id: [*task.corners, *draw_cases(task, EXAMPLES, 0)] for task in coded},
        _drawn(topic, coded, key, hidden) if key is not None else {task.id: [] for task in coded},
        key,
        sections(handed_out[0], [task.id for task in tasks if isinstance(task, OpenTask)]) if handed_out else (),
    )


def _drawn(topic: str, tasks: Sequence[Task], key: bytes, count: int) -> dict[str, list[Case]]:
    try:
        module = importlib.import_module(f"course.units.{topic}.hidden")
    except ModuleNotFoundError:
        raise CourseError(f"course/units/{topic}/hidden.py is missing. To grade, use a clone of the repository.") from None
    return {task.id: list(module.cases(task.id, key, count)) for task in tasks}
