"""The known mistakes of the unit ``depth``, computed: "what you got is what I expect without the root of the number"."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor


def _product(function: Callable[..., Any], **parts: Sequence[Any]) -> list[Callable[..., Any]]:
    return [partial(function, **dict(zip(parts, chosen, strict=True))) for chosen in itertools.product(*parts.values())]


def _half(values: Tensor, t: float, *, root: str = "sqrt", ddof: int = 1, power: float = 0.5, factor: bool = True, wide: int = 1) -> float:
    """Half an interval, with any part of it done wrongly."""
    n = len(values)
    spread = float(values.double().var(correction=ddof)) ** power
    return wide * (t if factor else 1) * spread / {"sqrt": math.sqrt(n), "none": 1, "n": n, "n-1": math.sqrt(n - 1)}[root]


# --- interval ---------------------------------------------------------------------------------------------------------------------------


def _interval(values: Tensor, t: float, **parts: Any) -> tuple[float, float]:
    return float(values.double().mean()), _half(values, t, **parts)


NO_ROOT = [*_product(_interval, root=["none"], ddof=[1, 0]), partial(_interval, root="none", factor=False)]
OVER_N = [partial(_interval, root="n")]
POPULATION = [partial(_interval, ddof=0), partial(_interval, root="n-1")]
VARIANCE = [partial(_interval, power=1.0)]
WHOLE_WIDTH = [partial(_interval, wide=2)]
NO_FACTOR = [partial(_interval, factor=False)]

# --- compare_pairs ----------------------------------------------------------------------------------------------------------------------


def pairs_with(
    one: Tensor, other: Tensor, t: float, *, absolute: bool = False, spread: str = "paired", test: str = "both", sign: int = 1, root: str = "sqrt", ddof: int = 1
) -> tuple[float, float, float]:
    """A comparison with any part of it done wrongly."""
    difference = sign * (one.double() - other.double())
    difference = difference.abs() if absolute else difference
    mean, apart = float(difference.mean()), [_half(x, t, root=root, ddof=ddof) for x in (one, other)]
    half = {"paired": _half(difference, t, root=root, ddof=ddof), "sum": sum(apart), "hypot": math.hypot(*apart), "one": apart[0]}[spread]
    decided = {"both": abs(mean) > half, "above": mean > half, "below": mean < -half, "holds": abs(mean) <= half}[test]
    return mean, half, float(decided)


ABSOLUTE = _product(pairs_with, absolute=[True], spread=["paired", "sum", "hypot"], test=["both", "above"])
UNPAIRED = _product(pairs_with, spread=["sum", "hypot", "one"], test=["both", "above"])
ONE_SIDED = _product(pairs_with, test=["above", "below"])
SIGN = [partial(pairs_with, sign=-1)]
INVERTED = [partial(pairs_with, test="holds")]
PAIRS_NO_ROOT = [partial(pairs_with, root="none")]
PAIRS_POPULATION = [partial(pairs_with, ddof=0)]

# --- two_bars ---------------------------------------------------------------------------------------------------------------------------


def bars_with(errors: Tensor, t_images: float, t_seeds: float, *, way: str, part: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """Two bars, confused in one way or another."""
    errors = errors.double()
    mean, images, seeds = float(errors.mean()), errors.mean(0), errors.mean(1)
    half = partial(_half, **(part or {}))
    if way == "pot":
        pot = errors.flatten()
        return mean, half(pot, t_images), half(pot, t_seeds)
    if way == "pot_images":
        return mean, half(errors.flatten(), t_images), half(seeds, t_seeds)
    if way == "swapped":
        return mean, half(seeds, t_seeds), half(images, t_images)
    if way == "axes":
        return mean, half(seeds, t_images), half(images, t_seeds)
    if way == "first":
        return mean, half(errors[0], t_images), half(errors[:, 0], t_seeds)
    if way == "first_seed":
        return mean, half(errors[0], t_images), half(seeds, t_seeds)
    if way == "mean_of_bars":
        rows = [half(row, t_images) for row in errors]
        return mean, sum(rows) / len(rows), half(seeds, t_seeds)
    if way == "mean_of_both":
        rows, cols = [half(row, t_images) for row in errors], [half(column, t_seeds) for column in errors.T]
        return mean, sum(rows) / len(rows), sum(cols) / len(cols)
    return mean, half(images, t_images), half(seeds, t_seeds)


POT = [partial(bars_with, way="pot"), partial(bars_with, way="pot_images")]
SWAPPED = [partial(bars_with, way="swapped"), partial(bars_with, way="axes")]
FIRST_ONLY = [partial(bars_with, way="first"), partial(bars_with, way="first_seed")]
MEAN_OF_BARS = [partial(bars_with, way="mean_of_bars"), partial(bars_with, way="mean_of_both")]
BARS_NO_ROOT = [partial(bars_with, way="right", part={"root": "none"})]
BARS_POPULATION = [partial(bars_with, way="right", part={"ddof": 0})]

# --- repeated ---------------------------------------------------------------------------------------------------------------------------


def repeated_with(one: Sequence[float], other: Sequence[float], digits: int, *, way: str, tie: str = "first") -> tuple[float, float]:
    """The most frequent difference, counted wrongly in one way or another; of several equally frequent ones the first, or the smallest."""
    plain = [b - a for a, b in zip(one, other, strict=True)]
    if way == "single":  # unrounded, in float32
        plain = (torch.tensor(other) - torch.tensor(one)).tolist()
    places = {"two": 2, "three": 3}.get(way, digits)
    counted: dict[str, Callable[[float], float]] = {
        "unrounded": lambda d: d,
        "single": lambda d: d,
        "sign": lambda d: -round(d, digits),
        "absolute": lambda d: abs(round(d, digits)),
        "truncated": lambda d: int(d * 10**digits) / 10**digits,
    }
    differences = Counter(counted.get(way, lambda d: round(d, places))(d) for d in plain)
    times = max(differences.values())
    equal = [d for d, count in differences.items() if count == times]
    most = equal[0] if tie == "first" else min(equal)
    result = {"distinct": len(differences), "share": times / len(plain), "percent": 100 * times / len(plain)}
    return most, result.get(way, times)


def _repeated(*ways: str) -> list[Callable[..., Any]]:
    return _product(repeated_with, way=ways, tie=["first", "smallest"])


UNROUNDED = _repeated("unrounded", "single")
REPEATED_SIGN = _repeated("sign")
REPEATED_ABSOLUTE = _repeated("absolute")
TRUNCATED = _repeated("truncated")
DIGITS_IGNORED = _repeated("two", "three")
DISTINCT = _repeated("distinct")
SHARE = _repeated("share", "percent")
