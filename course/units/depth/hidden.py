"""Hidden cases of the unit ``depth``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case
from course.units.depth.cases import columns


def _interval(random: KeyedRandom) -> Case:
    return Case({"values": random.tensor(random.integer(2, 30), high=9.0), "t": random.uniform(1.9, 6.0)})


def _compare_pairs(random: KeyedRandom) -> Case:
    """Often one of the two is clearly better, now this one, now the other."""
    n, shift = random.integer(3, 30), random.uniform(-4.0, 4.0)
    common, noise = random.tensor(n, high=9.0), random.tensor(n, low=-1.0)
    return Case({"one": common, "other": common + shift + noise, "t": random.uniform(1.9, 4.5)})


def _two_bars(random: KeyedRandom) -> Case:
    seeds, images = random.integer(2, 5), random.integer(2, 12)
    luck = random.tensor(seeds, 1, high=4.0)
    factors = {"t_images": random.uniform(1.9, 4.5), "t_seeds": random.uniform(2.5, 12.0)}
    return Case({"errors": luck + random.tensor(seeds, images, high=5.0), **factors})


def _repeated(random: KeyedRandom) -> Case:
    size, moves = random.integer(3, 14), (50, 70, -50, 49, 51, 20, -20)
    steps = [moves[random.integer(0, len(moves) - 1)] for _ in range(size)]
    return columns([random.integer(101, 899) for _ in range(size)], steps, random.integer(2, 4))


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "depth/interval": _interval,
    "depth/compare_pairs": _compare_pairs,
    "depth/two_bars": _two_bars,
    "depth/repeated": _repeated,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
