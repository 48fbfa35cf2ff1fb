"""Hidden cases of the unit ``masks_and_baselines``, drawn from an instructor's key: no secret stands in this file.

They are larger than the visible ones and have real numbers in place of whole ones. The grader sends their arguments to the student's
process and compares what comes back outside of it, with the oracle and the tolerance of ``checks.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _hole_ratio(random: KeyedRandom) -> Case:
    shape = (random.integer(1, 4), 1, random.integer(1, 24), random.integer(1, 24))
    mask = random.mask(*shape, hole=random.uniform(0.0, 1.0))
    return Case({"mask": mask.to(torch.uint8) if random.integer(0, 1) else mask})


def _line_mask(random: KeyedRandom) -> Case:
    size = (random.integer(2, 32), random.integer(2, 32))
    start, end = (tuple(random.integer(0, side - 1) for side in size) for _ in range(2))
    if random.integer(0, 7) == 0:
        end = start  # a dot
    return Case({"size": size, "start": start, "end": end, "thickness": 2 * random.integer(0, 3) + 1})


def _bytes(random: KeyedRandom, *shape: int) -> Tensor:
    return (256 * random.tensor(*shape)).floor().to(torch.uint8)


def _prepare(random: KeyedRandom) -> Case:
    rows, columns = random.integer(2, 8), random.integer(2, 8)
    painted = torch.where(random.tensor(rows, columns) < 0.5, random.tensor(rows, columns, high=120.0), random.tensor(rows, columns, low=136.0, high=256.0))
    return Case({"image": _bytes(random, 2 * random.integer(0, 1) + 1, rows, columns), "painted": painted.floor().to(torch.uint8)})


def _box(random: KeyedRandom, rows: int, columns: int) -> Tensor:
    """Single holes all over and a block of holes; one pixel at least is known."""
    mask = random.mask(rows, columns, hole=random.uniform(0.0, 0.4))
    high, wide = random.integer(1, rows - 1), random.integer(1, columns - 1)
    top, left = random.integer(0, rows - high), random.integer(0, columns - wide)
    mask[top : top + high, left : left + wide] = 0.0
    mask[(top + high) % rows, (left + wide) % columns] = 1.0
    return mask


def _diffuse(random: KeyedRandom) -> Case:
    rows, columns = random.integer(2, 9), random.integer(2, 9)
    return Case({"image": random.tensor(rows, columns), "mask": _box(random, rows, columns), "steps": random.integer(0, 12)})


def _best_match(random: KeyedRandom) -> Case:
    size = 2 * random.integer(1, 2) + 1
    rows, columns = size + random.integer(1, 7), 2 * size + random.integer(0, 6)
    mask, row, column = torch.ones(rows, columns), random.integer(0, rows - 1), random.integer(size, columns - 1)
    mask[row : row + random.integer(1, 3), column : column + random.integer(1, 3)] = 0.0
    image = random.tensor(rows, columns)
    if random.integer(0, 1):  # few levels, so that several windows fit equally well
        image = (3 * image).floor()
    return Case({"image": image, "mask": mask, "row": row, "column": column, "size": size})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "masks_and_baselines/hole_ratio": _hole_ratio,
    "masks_and_baselines/line_mask": _line_mask,
    "masks_and_baselines/prepare": _prepare,
    "masks_and_baselines/diffuse": _diffuse,
    "masks_and_baselines/best_match": _best_match,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
