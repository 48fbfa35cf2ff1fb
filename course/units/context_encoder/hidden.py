"""Hidden cases of the unit ``context_encoder``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _slopes(random: KeyedRandom) -> Case:
    scale = (4.0, 4.0, 300.0)[random.integer(0, 2)]
    return Case({"scores": random.tensor(random.integer(2, 8), low=-scale, high=scale)})


def _joint_loss(random: KeyedRandom) -> Case:
    batch, side = random.integer(1, 3), 2 * random.integer(1, 6)
    scale = (4.0, 4.0, 300.0)[random.integer(0, 2)]
    arguments = {"patch": random.tensor(batch, 3, side, side), "truth": random.tensor(batch, 3, side, side)}
    arguments |= {"scores": random.tensor(batch, 1, low=-scale, high=scale)}
    return Case({**arguments, "band": random.integer(0, side // 2)})


def _train_step(random: KeyedRandom) -> Case:
    count = random.integer(1, 6)
    arguments = {
        "known": random.tensor(2, count, 2, low=-1.0),
        "real": random.tensor(2, count, 2, low=-1.0),
        "lr": float(random.integer(1, 20)) / 10,
        "generator": random.tensor(2, 3, low=-1.5, high=1.5),
        "critic": random.tensor(1, 3, low=-1.5, high=1.5),
    }
    return Case(arguments)


def _critic_has_won(random: KeyedRandom) -> Case:
    count = random.integer(1, 30)
    shares = (1.0, 1.0, 1.0, 1.0, 127 / 128, 127 / 128, 126 / 128)
    both = [[shares[random.integer(0, 6)] if random.uniform() < 0.9 else random.integer(0, 4) / 4 for _ in range(count)] for _ in range(2)]
    return Case({"real": torch.tensor(both[0]), "filled": torch.tensor(both[1]), "patience": random.integer(1, 4)})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "context_encoder/slopes": _slopes,
    "context_encoder/joint_loss": _joint_loss,
    "context_encoder/train_step": _train_step,
    "context_encoder/critic_has_won": _critic_has_won,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
