"""How the learning rate changes over a run.

A schedule is a pure function ``(fraction, epoch) -> factor``: from the part of the run that is done, in [0, 1], and the epochs that
are done (with decimals), the factor on the learning rate. Pure, so that a resumed run needs no memory of it, and so that one can plot it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Schedule", "by_name", "constant", "cosine", "names", "one_cycle", "step"]

Schedule = Callable[[float, float], float]


def constant() -> Schedule:
    """Always the full learning rate."""
    return lambda fraction, epoch: 1.0


def cosine(*, warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """A linear rise over the first ``warmup`` of the run, then half a cosine down to ``floor``.

    Source: I. Loshchilov, F. Hutter, SGDR, ICLR 2017 (without restarts).

    >>> [round(cosine()(fraction, 0), 2) for fraction in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    _in_unit(warmup=warmup, floor=floor)

    def factor(fraction: float, epoch: float) -> float:
        if fraction < warmup:
            return max(fraction / warmup, 1e-3)  # a first step of size 0 would be a wasted one
        done = (fraction - warmup) / (1 - warmup) if warmup < 1 else 1.0
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


def one_cycle(*, warmup: float = 0.15, start: float = 0.05, floor: float = 1e-3) -> Schedule:
    """Up from ``start`` along a cosine for the first ``warmup`` of the run, then down to ``floor``: the fastest for a fixed, short budget.

    Source: L. N. Smith, N. Topin, Super-convergence, 2019.

    >>> rate = one_cycle(warmup=0.25, start=0.1, floor=0.0)
    >>> [round(rate(fraction, 0), 2) for fraction in (0, 0.25, 1)]
    [0.1, 1.0, 0.0]
    """
    _in_unit(warmup=warmup, start=start, floor=floor)

    def factor(fraction: float, epoch: float) -> float:
        if fraction < warmup:
            return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * fraction / warmup))
        done = (fraction - warmup) / (1 - warmup) if warmup < 1 else 1.0
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


def step(*, every: float = 10, factor: float = 0.1) -> Schedule:
    """Times ``factor`` after every ``every`` epochs: the first system of the course trains with 0.1 every 10 epochs.

    >>> rate = step()
    >>> [round(rate(0, epoch), 3) for epoch in (0, 9.99, 10, 25)]
    [1.0, 1.0, 0.1, 0.01]
    """
    if every <= 0 or factor <= 0:
        raise ValueError(f"step has every={every} and factor={factor}; expected both above 0.")
    return lambda fraction, epoch: factor ** math.floor(epoch / every)


_BY_NAME: dict[str, Callable[[], Schedule]] = {"constant": constant, "cosine": cosine, "one_cycle": one_cycle, "step": step}


def names() -> list[str]:
    """The schedules that :func:`by_name` knows."""
    return sorted(_BY_NAME)


def by_name(schedule: str | Schedule) -> Schedule:
    """A schedule from its name (with its default settings), or the one that was passed."""
    if callable(schedule):
        return schedule
    if schedule not in _BY_NAME:
        raise ValueError(f"schedule is {schedule!r}; expected {', '.join(names())}, or a function (fraction, epoch) -> factor.")
    return _BY_NAME[schedule]()


def _in_unit(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; expected a part of the run or of the learning rate, from 0 to 1.")
