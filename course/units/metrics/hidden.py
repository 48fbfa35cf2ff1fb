"""Hidden cases of the unit ``metrics``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _hole_mse(random: KeyedRandom) -> Case:
    batch, channels, shape = random.integer(1, 3), random.integer(1, 4), (random.integer(1, 6), random.integer(1, 6))
    mask = random.mask(batch, 1, *shape, hole=random.uniform(0.1, 0.9))
    for one in mask:
        one[0, random.integer(0, shape[0] - 1), random.integer(0, shape[1] - 1)] = 0.0  # an error over no pixel has no value
    return Case({"prediction": random.tensor(batch, channels, *shape), "target": random.tensor(batch, channels, *shape), "mask": mask})


def _psnr(random: KeyedRandom) -> Case:
    shape = (random.integer(1, 4), random.integer(1, 3), random.integer(1, 6), random.integer(1, 6))
    bottom, top = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))[random.integer(0, 2)]
    return Case(
        {
            "prediction": random.tensor(*shape, low=bottom, high=top),
            "target": random.tensor(*shape, low=bottom, high=top),
            "data_range": top - bottom,
        }
    )


def _ssim_window(random: KeyedRandom) -> Case:
    shape, data_range = (random.integer(2, 8), random.integer(2, 8)), (1.0, 10.0, 255.0)[random.integer(0, 2)]
    x = random.tensor(*shape, high=data_range)
    part = random.uniform(0.0, 1.0)  # from unrelated to equal
    y = part * x + (1 - part) * random.tensor(*shape, high=data_range)
    if random.integer(0, 4) == 0:
        y = torch.full_like(x, data_range * random.uniform(0.0, 1.0))
    return Case({"x": x, "y": y, "data_range": data_range})


def _precision_recall(random: KeyedRandom) -> Case:
    shape, threshold = (random.integer(1, 8), random.integer(1, 8)), random.integer(1, 7) / 8
    probability = (random.tensor(*shape) * 9).floor() / 8  # eighths, so that some are exactly at the threshold
    mask = random.mask(*shape, hole=random.uniform(0.0, 1.0))
    if random.integer(0, 5) == 0:
        mask = torch.ones(shape)
    if random.integer(0, 5) == 0:
        probability = probability.clamp(max=threshold)
    return Case({"probability": probability, "mask": mask, "threshold": threshold})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "metrics/hole_mse": _hole_mse,
    "metrics/psnr": _psnr,
    "metrics/ssim_window": _ssim_window,
    "metrics/precision_recall": _precision_recall,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
