"""Hidden cases of the unit ``partial_unet``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _parameters(random: KeyedRandom) -> Case:
    return Case({"width": random.integer(1, 90)})


def _merge(random: KeyedRandom) -> Case:
    batch, coarse, fine, cout = random.integer(1, 2), random.integer(1, 4), random.integer(1, 4), random.integer(1, 3)
    rows, columns = random.integer(1, 3), random.integer(1, 3)
    arguments = {
        "x": random.tensor(batch, coarse, rows, columns),
        "mask": random.mask(batch, 1, rows, columns),
        "skip": random.tensor(batch, fine, 2 * rows, 2 * columns),
        "skip_mask": random.mask(batch, 1, 2 * rows, 2 * columns, hole=0.6),
        "weight": random.tensor(cout, coarse + fine, 3, 3, low=-1.0),
        "bias": random.tensor(cout, low=-1.0),
    }
    return Case(arguments)


def _fair_errors(random: KeyedRandom) -> Case:
    rows, columns = random.integer(2, 5), random.integer(2, 5)
    mask = random.mask(1, rows, columns)
    mask[0, 0, 0] = 1.0  # a mean of nothing has no value
    mask[0, -1, -1] = 0.0
    return Case({"prediction": random.tensor(3, rows, columns), "image": random.tensor(3, rows, columns, low=-1.0), "mask": mask})


def _lowest_mse(random: KeyedRandom) -> Case:
    target = random.tensor(random.integer(1, 4), random.integer(1, 4), low=-2.0, high=2.0)
    low = random.uniform(-1.0, 0.0)
    return Case({"target": target, "low": low, "high": low + random.uniform(0.5, 1.5)})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "partial_unet/parameters": _parameters,
    "partial_unet/merge": _merge,
    "partial_unet/fair_errors": _fair_errors,
    "partial_unet/lowest_mse": _lowest_mse,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
