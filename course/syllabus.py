"""The syllabus: which units there are, in which order, and what each of them promises.

``syllabus.toml`` is the one place that numbers units. Everything else knows a unit by its slug and asks here for the rest.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course import CourseError, Tree

__all__ = ["Syllabus", "Unit", "load"]

STATUSES = ("ready", "planned")


@dataclass(frozen=True)
class Unit:
    """One unit of the course; ``number`` is its place in the file, counted from 1."""

    number: int
    slug: str
    title: str
    goals: tuple[str, ...]
    minutes: int
    needs: tuple[str, ...]
    status: str
    exercise_minutes: int | None = None

    @property
    def ready(self) -> bool:
        return self.status == "ready"

    @property
    def file_name(self) -> str:
        """The name of its notebook, the same in notebooks/, exercises/ and solutions/."""
        return f"{self.number:02d}_{self.slug}.ipynb"


@dataclass(frozen=True)
class Syllabus:
    """All units in order."""

    units: tuple[Unit, ...]
    background: str

    def __getitem__(self, slug: str) -> Unit:
        """The unit of that slug.

        Raises:
            CourseError: there is none; the nearest slug is proposed.
        """
        for unit in self.units:
            if unit.slug == slug:
                return unit
        slugs = [unit.slug for unit in self.units]
        near = difflib.get_close_matches(slug, slugs, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise CourseError(f"There is no unit {slug!r}.{meant} The syllabus has: {', '.join(slugs)}.")

    def ready(self) -> tuple[Unit, ...]:
        return tuple(unit for unit in self.units if unit.ready)

    def map(self) -> str:
        """The map of the course as a markdown table, for README: ready units link to their notebook, planned ones are marked."""
        rows = ["| | unit | you will be able to | minutes |", "|---|---|---|---|"]
        for unit in self.units:
            title = f"[{unit.title}](notebooks/{unit.file_name})" if unit.ready else f"{unit.title} *(to come)*"
            goals = "; ".join(goal[0].lower() + goal[1:] for goal in unit.goals)
            minutes = str(unit.minutes) + (f" + {unit.exercise_minutes}" if unit.exercise_minutes else "")
            rows.append(f"| {unit.number} | {title} | {goals} | {minutes} |")
        return "\n".join(rows)


def load(tree: Tree | Path | None = None) -> Syllabus:
    """Read and check a syllabus.

    Args:
        tree: the course, or the path of a syllabus file; the course of this package by default.

    Raises:
        CourseError: the file is missing or not TOML, or a unit lacks something, comes twice, or needs a later unit.
    """
    path = tree if isinstance(tree, Path) else (tree or Tree()).syllabus
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{path} is missing. The course runs from a clone of its repository: change into it first.") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}.") from None
    syllabus = Syllabus(
        tuple(_unit(number, entry, path) for number, entry in enumerate(table.get("unit", []), 1)),
        str(table.get("background", "")),
    )
    _check(syllabus, path)
    return syllabus


def _unit(number: int, entry: Mapping[str, Any], path: Path) -> Unit:
    expected = {"slug": str, "title": str, "goals": list, "minutes": int, "needs": list, "status": str}
    where = f"{path}: unit {number} ({entry.get('slug', 'without a slug')})"
    for key, kind in expected.items():
        if not isinstance(entry.get(key), kind):
            raise CourseError(f"{where}: {key!r} is {entry.get(key)!r}; expected {kind.__name__}.")
    if unknown := set(entry) - set(expected) - {"exercise_minutes"}:
        raise CourseError(f"{where}: unknown keys {', '.join(sorted(unknown))}.")
    if entry["status"] not in STATUSES:
        raise CourseError(f"{where}: status is {entry['status']!r}; expected {' or '.join(STATUSES)}.")
    if not entry["slug"].isidentifier():
        raise CourseError(f"{where}: a slug is a folder and a Python package: letters, digits and underscores only.")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Unit(number=number, **values)


def _check(syllabus: Syllabus, path: Path) -> None:
    seen: dict[str, int] = {}
    for unit in syllabus.units:
        if unit.slug in seen:
            raise CourseError(f"{path}: the slug {unit.slug!r} stands at {seen[unit.slug]} and again at {unit.number}.")
        for need in unit.needs:
            if need not in seen:
                there = any(other.slug == need for other in syllabus.units)
                why = "which comes later; move one of them" if there else "which is no unit"
                raise CourseError(f"{path}: {unit.slug!r} needs {need!r}, {why}.")
        seen[unit.slug] = unit.number
