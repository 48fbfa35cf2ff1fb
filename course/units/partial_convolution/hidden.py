"""Hidden cases of the unit ``partial_convolution``, drawn from an instructor's key: no secret stands in this file.

They are larger than the visible ones and have real numbers in place of whole ones. The grader sends their arguments to the student's
process and compares what comes back outside of it, with the oracle and the tolerance of ``checks.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _holes(random: KeyedRandom, *shape: int) -> Tensor:
    """Single holes all over, and in half of the masks a block of holes besides, so that some windows are all hole."""
    mask = random.mask(*shape, hole=random.uniform(0.0, 0.6))
    rows, columns = shape[-2:]
    high, wide = random.integer(0, rows), random.integer(0, columns)
    if random.integer(0, 1):
        top, left = random.integer(0, rows - high), random.integer(0, columns - wide)
        mask[..., top : top + high, left : left + wide] = 0.0
    return mask


def _window_factor(random: KeyedRandom) -> Case:
    return Case({"mask": _holes(random, random.integer(1, 7), random.integer(1, 7))})


def _one_channel(random: KeyedRandom) -> Case:
    high, wide = random.integer(1, 4), random.integer(1, 4)
    shape = (high + random.integer(1, 6), wide + random.integer(1, 6))
    arguments = {"image": random.tensor(*shape), "mask": _holes(random, *shape), "kernel": random.tensor(high, wide, low=-1.0)}
    return Case({**arguments, "bias": random.uniform(-1.0, 1.0)})


def _update_mask(random: KeyedRandom) -> Case:
    size, stride, padding = random.integer(1, 5), random.integer(1, 3), random.integer(0, 3)
    shape = [max(1, size - 2 * padding) + random.integer(1, 8) for _ in range(2)]
    return Case({"mask": _holes(random, *shape), "size": size, "stride": stride, "padding": padding})


def _partial_layer(random: KeyedRandom) -> Case:
    batch, cin, cout, size = random.integer(1, 3), random.integer(1, 4), random.integer(1, 3), random.integer(1, 4)
    stride, padding = random.integer(1, 2), random.integer(0, 2)
    shape = [max(1, size - 2 * padding) + random.integer(1, 6) for _ in range(2)]
    arguments = {
        "image": random.tensor(batch, cin, *shape),
        "mask": torch.cat([_holes(random, 1, 1, *shape) for _ in range(batch)]),
        "weight": random.tensor(cout, cin, size, size, low=-1.0),
        "bias": random.tensor(cout, low=-1.0),
    }
    return Case({**arguments, "stride": stride, "padding": padding})


def _layers_until_full(random: KeyedRandom) -> Case:
    rows, columns = random.integer(2, 16), random.integer(2, 16)
    mask = random.mask(rows, columns, hole=random.uniform(0.7, 1.0))
    return Case({"mask": mask, "size": 2 * random.integer(1, 3) + 1})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "partial_convolution/window_factor": _window_factor,
    "partial_convolution/one_channel": _one_channel,
    "partial_convolution/update_mask": _update_mask,
    "partial_convolution/partial_layer": _partial_layer,
    "partial_convolution/layers_until_full": _layers_until_full,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
