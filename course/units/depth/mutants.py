"""Named wrong solutions of the unit ``depth``, two for each misconception, and right ones that are written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in loops and in another
manner, to see whether the mistake is recognised (``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- interval ---------------------------------------------------------------------------------------------------------------------------


def _tensors(values, t, *, mistake=""):
    spread = values.var() if mistake == "variance" else values.std(correction=0 if mistake == "population" else 1)
    count = {"no_root": 1.0, "over_n": float(len(values))}.get(mistake, len(values) ** 0.5)
    half = (1.0 if mistake == "no_factor" else t) * spread / count
    return values.mean(), 2 * half if mistake == "whole_width" else half


def _sums(values, t, *, mistake=""):
    """Adding up, value by value."""
    total = square = 0.0
    numbers = values.tolist()
    for value in numbers:
        total += value
    n = len(numbers)
    mean = total / n
    for value in numbers:
        square += (value - mean) * (value - mean)
    variance = square / n if mistake == "population" else square / (n - 1)
    if mistake == "variance":
        error = variance / math.sqrt(n)
    elif mistake == "no_root":
        error = math.sqrt(variance)
    elif mistake == "over_n":
        error = math.sqrt(variance) / n
    else:
        error = math.sqrt(variance / n)
    low, high = mean - t * error, mean + t * error
    if mistake == "no_factor":
        return mean, error
    return mean, high - low if mistake == "whole_width" else (high - low) / 2


# --- compare_pairs ----------------------------------------------------------------------------------------------------------------------


def found(one, other, t):
    """Whether two networks differ, as it was found: three bugs."""
    difference = (one - other).abs()
    half = t * (one.std() + other.std()) / len(one) ** 0.5
    decided = difference.mean() > half
    return difference.mean(), half, float(decided)


def _difference(one, other, t, *, mistake=""):
    d = other - one if mistake == "sign" else one - other
    d = d.abs() if mistake == "absolute" else d
    n = 1 if mistake == "no_root" else len(d)
    half = t * d.std(correction=0 if mistake == "population" else 1) / n**0.5
    if mistake == "unpaired":
        half = t * (one.var() / n + other.var() / n).sqrt()
    outside = d.mean() > half if mistake == "one_sided" else d.mean().abs() > half
    return d.mean(), half, float(not outside if mistake == "inverted" else outside)


def _ends(one, other, t, *, mistake=""):
    """By the two ends of the interval, in NumPy."""
    a, b = one.double().numpy(), other.double().numpy()
    d = b - a if mistake == "sign" else a - b
    if mistake == "absolute":
        d = np.abs(d)
    error = np.std(d, ddof=0 if mistake == "population" else 1)
    if mistake == "unpaired":
        error = np.std(a, ddof=1) + np.std(b, ddof=1)
    if mistake != "no_root":
        error = error / np.sqrt(a.size)
    middle = float(np.mean(d))
    low, high = middle - t * error, middle + t * error
    inside = low <= 0 <= high
    if mistake == "one_sided":
        inside = low <= 0
    return middle, (high - low) / 2, int(inside) if mistake == "inverted" else int(not inside)


# --- two_bars ---------------------------------------------------------------------------------------------------------------------------


def _bar(values, t, mistake=""):
    n = 1 if mistake == "no_root" else values.numel()
    return t * values.std(correction=0 if mistake == "population" else 1) / n**0.5


def _along(errors, t_images, t_seeds, *, mistake=""):
    images, seeds = errors.mean(0), errors.mean(1)
    if mistake == "pot":
        images = seeds = errors.flatten()
    if mistake == "first_only":
        images, seeds = errors[0], errors[:, 0]
    if mistake == "mean_of_bars":
        bars = torch.stack([_bar(row, t_images) for row in errors])
        return errors.mean(), bars.mean(), _bar(seeds, t_seeds)
    first, second = _bar(images, t_images, mistake), _bar(seeds, t_seeds, mistake)
    if mistake == "swapped":
        first, second = second, first
    return errors.mean(), first, second


def _lists(errors, t_images, t_seeds, *, mistake=""):
    rows = errors.tolist()
    columns = [list(column) for column in zip(*rows, strict=True)]

    def mean(values):
        return sum(values) / len(values)

    def bar(values, t):
        m = mean(values)
        below = len(values) if mistake == "population" else len(values) - 1
        spread = math.sqrt(sum((v - m) ** 2 for v in values) / below)
        return t * spread if mistake == "no_root" else t * spread / math.sqrt(len(values))

    middle = mean([mean(row) for row in rows])
    if mistake == "pot":
        everything = [value for row in rows for value in row]
        return middle, bar(everything, t_images), bar([mean(row) for row in rows], t_seeds)
    if mistake == "first_only":
        return middle, bar(rows[0], t_images), bar([mean(row) for row in rows], t_seeds)
    if mistake == "mean_of_bars":
        return middle, mean([bar(row, t_images) for row in rows]), mean([bar(column, t_seeds) for column in columns])
    if mistake == "swapped":
        rows, columns = columns, rows
    return middle, bar([mean(column) for column in columns], t_images), bar([mean(row) for row in rows], t_seeds)


# --- repeated ---------------------------------------------------------------------------------------------------------------------------


def _counter(one, other, digits, *, mistake=""):
    differences = [b - a for a, b in zip(one, other, strict=True)]
    if mistake == "sign":
        differences = [-d for d in differences]
    if mistake == "truncated":
        differences = [int(d * 10**digits) / 10**digits for d in differences]
    elif mistake != "unrounded":
        differences = [round(d, 3 if mistake == "digits_ignored" else digits) for d in differences]
    if mistake == "absolute":
        differences = [abs(d) for d in differences]
    (most, times), kinds = Counter(differences).most_common(1)[0], len(set(differences))
    return most, {"distinct": kinds, "share": times / len(differences)}.get(mistake, times)


def _sorted_runs(one, other, digits, *, mistake=""):
    """Sorting puts equal differences side by side."""
    a, b = np.array(one), np.array(other)
    d = a - b if mistake == "sign" else b - a
    if mistake == "absolute":
        d = np.abs(d)
    if mistake == "truncated":
        d = np.trunc(d * 10**digits) / 10**digits
    elif mistake != "unrounded":
        d = np.round(d, 2 if mistake == "digits_ignored" else digits)
    values = np.sort(d)
    best, times, start, kinds = values[0], 0, 0, 0
    for end in range(1, len(values) + 1):
        if end == len(values) or values[end] != values[start]:
            kinds += 1
            if end - start > times:
                best, times = values[start], end - start
            start = end
    if mistake == "distinct":
        return best, kinds
    return best, 100 * times / len(values) if mistake == "share" else times


MUTANTS = {
    "depth/interval": _pairs(["no_root", "over_n", "population", "variance", "whole_width", "no_factor"], _tensors, _sums),
    "depth/compare_pairs": _pairs(["unpaired", "one_sided", "sign", "inverted", "no_root", "population"], _difference, _ends)
    | {"absolute": Pair(found, partial(_ends, mistake="absolute"))},
    "depth/two_bars": _pairs(["pot", "swapped", "first_only", "mean_of_bars", "no_root", "population"], _along, _lists),
    "depth/repeated": _pairs(["unrounded", "sign", "absolute", "truncated", "digits_ignored", "distinct", "share"], _counter, _sorted_runs),
}

EQUIVALENT = {
    "depth/interval": [_tensors, _sums, lambda v, t: _tensors(v.double(), t), lambda v, t: [np.float32(x) for x in _sums(v, t)]],
    "depth/compare_pairs": [_difference, _ends, lambda *a: torch.tensor(_ends(*a)), lambda *a: (*_difference(*a)[:2], bool(_ends(*a)[2]))],
    "depth/two_bars": [_along, _lists, lambda e, *a: _along(e.T.contiguous().T, *a), lambda *a: np.array(_lists(*a))],
    "depth/repeated": [_counter, _sorted_runs, lambda *a: [torch.tensor(x) for x in _counter(*a)], lambda *a: tuple(map(float, _sorted_runs(*a)))],
}
