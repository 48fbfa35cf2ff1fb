"""Hidden cases of the unit ``attention``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case
from course.units.attention.cases import weights_to


def _likeness(random: KeyedRandom) -> Case:
    n, m, c = random.integer(1, 5), random.integer(1, 6), random.integer(1, 6)
    queries, keys = random.tensor(n, c, low=-1.0), random.tensor(m, c, low=-1.0)
    if random.integer(0, 2) == 0:
        (queries if random.integer(0, 1) else keys)[0] = 0
    return Case({"queries": queries, "keys": keys})


def _softmax_over_known(random: KeyedRandom) -> Case:
    batch, n, m = random.integer(1, 3), random.integer(1, 4), random.integer(1, 7)
    known = (random.tensor(batch, m) < 0.7).float()
    if random.integer(0, 3) == 0:
        known[random.integer(0, batch - 1)] = 0
    return Case({"score": random.tensor(batch, n, m, low=-1.0), "known": known, "scale": float(random.integer(1, 10))})


def _attend(random: KeyedRandom) -> Case:
    channels, rows, columns = random.integer(1, 3), random.integer(3, 6), random.integer(3, 6)
    known = torch.ones(rows, columns)
    for _ in range(random.integer(1, 2)):
        r, c = random.integer(0, rows - 1), random.integer(0, columns - 1)
        known[r : r + random.integer(1, 2), c : c + random.integer(1, 2)] = 0
    return Case({"image": random.tensor(channels, rows, columns, low=-1.0), "known": known, "scale": float(random.integer(1, 8))})


def _steps_to(random: KeyedRandom) -> Case:
    rows, columns = random.integer(1, 5), random.integer(1, 5)
    best = [random.integer(-1, rows * columns - 1) for _ in range(rows * columns)]
    return Case({"weights": weights_to(best), "columns": columns})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "attention/likeness": _likeness,
    "attention/softmax_over_known": _softmax_over_known,
    "attention/attend": _attend,
    "attention/steps_to": _steps_to,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
