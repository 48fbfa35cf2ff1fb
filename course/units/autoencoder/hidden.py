"""Hidden cases of the unit ``autoencoder``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _conv_parameters(random: KeyedRandom) -> Case:
    sizes = {"cin": random.integer(1, 300), "cout": random.integer(1, 300), "kernel": random.integer(1, 9)}
    return Case({**sizes, "bias": bool(random.integer(0, 1))})


def _unet_parameters(random: KeyedRandom) -> Case:
    return Case({"width": random.integer(1, 70), "depth": random.integer(2, 5)})


def _adam_step(random: KeyedRandom) -> Case:
    count, t = random.integer(1, 9), random.integer(1, 30)
    m = torch.zeros(count) if t == 1 else random.tensor(count, low=-1.0)
    v = torch.zeros(count) if t == 1 else random.tensor(count, low=0.1, high=2.0)
    vectors = {"weight": random.tensor(count, low=-2.0, high=2.0), "gradient": random.tensor(count, low=0.2, high=1.5), "m": m, "v": v}
    vectors["gradient"] *= random.mask(count, hole=0.5) * 2 - 1  # of either sign
    return Case({**vectors, "t": t, "lr": random.uniform(0.1, 1.0)})


def _best_epoch(random: KeyedRandom) -> Case:
    falling = torch.arange(random.integer(2, 30), 0, -1).float()
    return Case({"losses": falling / 4 + random.tensor(len(falling), high=5.0), "patience": random.integer(1, 6)})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "autoencoder/conv_parameters": _conv_parameters,
    "autoencoder/unet_parameters": _unet_parameters,
    "autoencoder/adam_step": _adam_step,
    "autoencoder/best_epoch": _best_epoch,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
