"""Hidden cases of the unit ``patch_gan``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case
from course.units.patch_gan.cases import steady, steep


def _hinge(random: KeyedRandom) -> Case:
    places = (random.integer(1, 3), random.integer(1, 4))
    real, fake = (random.tensor(random.integer(1, 5), random.integer(1, 3), *places, low=-3.0, high=3.0) for _ in range(2))
    return Case({"real": real, "fake": fake})


def _normalised(random: KeyedRandom) -> Case:
    while True:
        shape = (random.integer(1, 5), random.integer(1, 4), *[random.integer(1, 3)] * 2)
        case = Case({"weight": random.tensor(*shape, low=-1.5, high=1.5), "u": random.tensor(shape[0], low=-1.0), "rounds": random.integer(1, 4)})
        if steady(**case.fresh()):
            return case


def _gradient_penalty(random: KeyedRandom) -> Case:
    while True:
        shape = (random.integer(1, 5), random.integer(1, 3), random.integer(1, 4), random.integer(1, 4))
        real, fake = (random.tensor(*shape, low=-1.0) for _ in range(2))
        arguments = {"weight": random.tensor(2, *shape[1:], low=-1.0), "real": real, "fake": fake, "share": random.tensor(shape[0])}
        if steep(**arguments):
            return Case(arguments)


def _sees_hole(random: KeyedRandom) -> Case:
    shape = (random.integer(5, 50), random.integer(5, 50))
    mask = random.mask(*shape, hole=0.003)
    if not random.integer(0, 3):
        mask[: random.integer(1, shape[0]), : random.integer(1, shape[1])] = 0
    return Case({"mask": mask.to(torch.float32), "layers": random.integer(1, 4)})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "patch_gan/hinge": _hinge,
    "patch_gan/normalised": _normalised,
    "patch_gan/gradient_penalty": _gradient_penalty,
    "patch_gan/sees_hole": _sees_hole,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
