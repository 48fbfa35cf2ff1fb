"""Which notebooks the course is made of, and what can be wrong with one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from course import CourseError, Tree
from course.syllabus import Syllabus, Unit

__all__ = ["Stale", "Target", "missing", "targets"]


@dataclass(frozen=True)
class Target:
    """One notebook that the course is made of; ``kind`` is lesson, exercise (the student's) or solution."""

    unit: Unit
    kind: str
    path: Path
    source: Path

    @property
    def executed(self) -> bool:
        return self.kind != "exercise"


@dataclass(frozen=True)
class Stale:
    """A file that is not what its sources say, why, and the command that mends it."""

    path: str
    why: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}\n    mend with: {self.mend}"


def targets(tree: Tree, syllabus: Syllabus, topics: Iterable[str] = ()) -> list[Target]:
    """The notebooks of the ready units whose sources exist, solutions before the exercises that show their outputs.

    Raises:
        CourseError: a topic is unknown or planned.
    """
    wanted = [syllabus[topic] for topic in topics]
    if planned := [unit.slug for unit in wanted if not unit.ready]:
        raise CourseError(f"The unit {planned[0]!r} is planned; once it has a lesson, set its status in {tree.shown(tree.syllabus)}.")
    found: list[Target] = []
    for unit in wanted or syllabus.ready():
        lesson, exercise = tree.lesson(unit.slug), tree.exercise(unit.slug)
        if lesson.exists():
            found.append(Target(unit, "lesson", tree.notebooks / unit.file_name, lesson))
        if exercise.exists():
            found.append(Target(unit, "solution", tree.solutions / unit.file_name, exercise))
            found.append(Target(unit, "exercise", tree.exercises / unit.file_name, exercise))
    return found


def missing(tree: Tree, syllabus: Syllabus) -> Iterator[Stale]:
    """Sources that the syllabus promises and that are not there."""
    for unit in syllabus.ready():
        lesson, exercise = tree.shown(tree.lesson(unit.slug)), tree.shown(tree.exercise(unit.slug))
        if not tree.lesson(unit.slug).exists():
            yield Stale(lesson, f"it is missing, but the syllabus calls {unit.slug!r} ready", "writing it, or the status 'planned'")
        if not tree.exercise(unit.slug).exists() and unit.exercise_minutes:
            yield Stale(exercise, "it is missing, but the syllabus gives it exercise_minutes", "writing it, or leaving them out")
        if tree.exercise(unit.slug).exists() and not unit.exercise_minutes:
            yield Stale(exercise, "the syllabus does not say how long it takes", f"exercise_minutes in {tree.shown(tree.syllabus)}")
