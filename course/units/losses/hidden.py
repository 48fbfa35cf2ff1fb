"""Hidden cases of the unit ``losses``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _best_answer(random: KeyedRandom) -> Case:
    count = 2 * random.integer(1, 5) + 1
    truths = random.tensor(count, random.integer(1, 3), random.integer(1, 4), high=9.0).round()  # whole numbers, so that some come twice
    return Case({"truths": truths, "squared": bool(random.integer(0, 1))})


def _gram(random: KeyedRandom) -> Case:
    return Case({"maps": random.tensor(random.integer(1, 3), random.integer(2, 5), random.integer(2, 5), random.integer(1, 6), low=-1.0)})


def _variation(random: KeyedRandom) -> Case:
    batch, colours, rows, columns = random.integer(1, 2), random.integer(1, 3), random.integer(5, 9), random.integer(5, 9)
    mask = random.mask(batch, 1, rows, columns, hole=0.12)
    mask[..., 2, 2] = 0  # at least one
    shape = batch, colours, rows, columns
    return Case({"prediction": random.tensor(*shape), "target": random.tensor(*shape), "mask": mask})


def _normalise(random: KeyedRandom) -> Case:
    channels = random.integer(1, 4)
    x = random.tensor(random.integer(2, 3), channels, random.integer(1, 4), random.integer(2, 4), low=-2.0, high=3.0)
    vectors = {
        "gain": random.tensor(channels, low=0.5, high=2.0),
        "shift": random.tensor(channels, low=-1.0),
        "mean": random.tensor(channels, low=-1.0),
        "variance": random.tensor(channels, low=0.2, high=3.0),
    }
    if random.integer(0, 2) == 0:  # so quiet that the 1e-5 beside the variance counts
        x, vectors["mean"], vectors["variance"] = x / 100, vectors["mean"] / 100, vectors["variance"] / 10_000
    return Case({"x": x, **vectors, "frozen": bool(random.integer(0, 1))})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "losses/best_answer": _best_answer,
    "losses/gram": _gram,
    "losses/variation": _variation,
    "losses/normalise": _normalise,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
