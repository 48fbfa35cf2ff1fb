"""Hidden cases of the unit ``capstone``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _moved(random: KeyedRandom) -> Case:
    rows, columns = random.integer(2, 6), random.integer(2, 6)
    return Case({"mask": random.mask(rows, columns), "down": random.integer(-4, 4), "right": random.integer(-4, 4)})


def _join(random: KeyedRandom) -> Case:
    channels, rows, overlap = random.integer(1, 3), random.integer(1, 3), random.integer(0, 5)
    a, b = overlap + random.integer(1, 3), overlap + random.integer(1, 3)
    return Case({"left": random.tensor(channels, rows, a), "right": random.tensor(channels, rows, b), "overlap": overlap})


def _choose(random: KeyedRandom) -> Case:
    return Case({"errors": random.tensor(random.integer(2, 5), random.integer(2, 9))})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {"capstone/moved": _moved, "capstone/join": _join, "capstone/choose": _choose}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
