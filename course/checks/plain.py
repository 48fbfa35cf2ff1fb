"""Plain answers: nothing but zeros or ones, an argument handed back, the right answer without its decimal places.

Many mistakes lead to them. That a known mistake would give one too does not prove it: truncated products of small numbers are all 0, and
so is the only row of an output whose last row somebody forgot.
"""

from __future__ import annotations

import numpy as np
import torch

from course.checks.task import Case

__all__ = ["is_plain"]

ROUNDINGS = (np.trunc, np.rint, np.floor, np.ceil)


def is_plain(case: Case, mine: np.ndarray, right: np.ndarray, allowed: float = 0.0) -> bool:
    """Whether an answer is one that many mistakes give. Of single numbers only 0 is; whole numbers are too few to say more.

    Args:
        case: the question; an argument that is a tensor or a number counts as handed back.
        mine, right: the answer, and the right one; float64 arrays.
        allowed: how near is equal.

    >>> case = Case({"image": torch.tensor([0.5, 2.5])})
    >>> right = np.array([1.5, 3.5])
    >>> [is_plain(case, np.array(mine), right) for mine in ([0, 0], [7, 7], [0.5, 2.5], [1, 3], [3.5, 1.5])]
    [True, True, True, True, False]
    """

    def equal(other: np.ndarray) -> bool:
        return other.shape == mine.shape and bool((np.abs(mine - other) <= allowed).all())

    if not np.isfinite(mine).all():
        return False
    one_number = mine.size == 0 or (not np.ptp(mine) > allowed and (2 * mine.flat[0]).is_integer() and (mine.size > 1 or not mine.any()))
    if one_number or equal(np.zeros(mine.shape)) or any(equal(rounding(right)) for rounding in ROUNDINGS):
        return True
    return any(equal(_array(value)) for value in case.arguments.values() if isinstance(value, torch.Tensor | int | float))


def _array(value: torch.Tensor | float) -> np.ndarray:
    return value.detach().double().numpy() if isinstance(value, torch.Tensor) else np.array(float(value))
