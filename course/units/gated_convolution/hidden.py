"""Hidden cases of the unit ``gated_convolution``, drawn from an instructor's key: no secret stands in this file."""

from __future__ import annotations

from collections.abc import Callable

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _let_through(random: KeyedRandom) -> Case:
    shape = (random.integer(1, 5), random.integer(1, 6))
    return Case({"feature": random.tensor(*shape, low=-4.0, high=4.0), "gate": random.tensor(*shape, low=-4.0, high=4.0)})


def _gated_layer(random: KeyedRandom) -> Case:
    batch, cin, cout, size = random.integer(1, 3), random.integer(1, 4), random.integer(1, 4), random.integer(1, 4)
    padding, dilation = random.integer(0, 3), random.integer(1, 3)
    shape = [max(1, dilation * (size - 1) + 1 - 2 * padding) + random.integer(0, 5) for _ in range(2)]
    arguments = {
        "x": random.tensor(batch, cin, *shape, low=-1.0),
        "weight": random.tensor(2 * cout, cin, size, size, low=-1.0),
        "bias": random.tensor(2 * cout, low=-1.0),
    }
    return Case({**arguments, "padding": padding, "dilation": dilation})


def _atrous(random: KeyedRandom) -> Case:
    signal, kernel = random.tensor(random.integer(1, 20), low=-1.0), random.tensor(2 * random.integer(0, 3) + 1, low=-1.0)
    return Case({"signal": signal, "kernel": kernel, "rate": random.integer(1, 6)})


def _layers_needed(random: KeyedRandom) -> Case:
    return Case({"width": random.integer(0, 200), "size": 2 * random.integer(1, 4) + 1, "doubled": bool(random.integer(0, 1))})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "gated_convolution/let_through": _let_through,
    "gated_convolution/gated_layer": _gated_layer,
    "gated_convolution/atrous": _atrous,
    "gated_convolution/layers_needed": _layers_needed,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
