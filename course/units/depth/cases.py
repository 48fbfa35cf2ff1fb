"""What the tasks of the unit ``depth`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import torch
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import pixels
from course.checks.task import Case

FACTORS = (4.3027, 2.7764, 2.2622, 1.9842)  # Student's, for 3, 5, 10 and 100 values
_real = torch.Generator().manual_seed(6)  # for the few cases with numbers that are not whole

# --- interval ---------------------------------------------------------------------------------------------------------------------------


def standard(values: Tensor, t: float) -> tuple[float, float]:
    """By the statistics module, in exact fractions until the root."""
    numbers = values.double().tolist()
    return statistics.fmean(numbers), t * statistics.stdev(numbers) / math.sqrt(len(numbers))


def interval_scale(values: Tensor, t: float) -> float:
    return (1 + t) * float(values.abs().max())


@st.composite
def samples(draw: st.DrawFn) -> Case:
    return Case({"values": draw(pixels(draw(st.integers(2, 7)))), "t": draw(st.sampled_from(FACTORS))})


SAMPLES = [
    Case({"values": torch.tensor([1.0, 2.0, 6.0]), "t": 4.3027}, "three seeds"),
    Case({"values": torch.tensor([0.0, 8.0]), "t": 12.7062}, "two values, and the factor that goes with them"),
    Case({"values": torch.tensor([2.0, 2.0, 2.0, 2.0]), "t": 3.1824}, "all alike"),
    Case({"values": torch.rand(50, generator=_real), "t": 2.0096}, "fifty images"),
]

# --- compare_pairs ----------------------------------------------------------------------------------------------------------------------


def paired(one: Tensor, other: Tensor, t: float) -> tuple[float, float, float]:
    """From sums: the squared deviation is the mean square less the squared mean, times n / (n - 1)."""
    pairs = list(zip(one.double().tolist(), other.double().tolist(), strict=True))
    n = len(pairs)
    mean = math.fsum(a - b for a, b in pairs) / n
    square = math.fsum((a - b - mean) ** 2 for a, b in pairs) / (n - 1)
    half = t * math.sqrt(square / n)
    return mean, half, float(abs(mean) > half)


def paired_scale(one: Tensor, other: Tensor, t: float) -> float:
    return (1 + t) * float(max(one.abs().max(), other.abs().max()))


@st.composite
def pairs(draw: st.DrawFn) -> Case:
    n = draw(st.integers(2, 6))
    return Case({"one": draw(pixels(n)), "other": draw(pixels(n)), "t": draw(st.sampled_from(FACTORS))})


def _pair(one: list[float], other: list[float], t: float, note: str) -> Case:
    return Case({"one": torch.tensor(one), "other": torch.tensor(other), "t": t}, note)


PAIRS = [
    _pair([5.0, 9.0, 2.0, 7.0], [4.0, 7.0, 1.0, 6.0], 3.1824, "the second is a little better on every image"),
    _pair([4.0, 7.0, 1.0, 6.0, 3.0], [7.0, 9.0, 4.0, 9.0, 5.0], 2.7764, "the first is clearly better"),
    _pair([3.0, 5.0, 4.0, 8.0], [5.0, 3.0, 8.0, 4.0], 3.1824, "now one is better, now the other: on the mean they are alike"),
    _pair([1.0, 8.0, 4.0], [2.0, 6.0, 9.0], 4.3027, "three images decide nothing"),
    Case({"one": torch.rand(40, generator=_real), "other": torch.rand(40, generator=_real), "t": 2.0227}, "forty images"),
]

# --- two_bars ---------------------------------------------------------------------------------------------------------------------------


def both(errors: Tensor, t_images: float, t_seeds: float) -> tuple[float, float, float]:
    """Row by row and column by column, as lists."""
    rows = errors.double().tolist()
    over_seeds = [statistics.fmean(row) for row in rows]
    over_images = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    return (
        statistics.fmean(over_seeds),
        t_images * statistics.stdev(over_images) / math.sqrt(len(over_images)),
        t_seeds * statistics.stdev(over_seeds) / math.sqrt(len(over_seeds)),
    )


def both_scale(errors: Tensor, t_images: float, t_seeds: float) -> float:
    return (1 + max(t_images, t_seeds)) * float(errors.abs().max())


@st.composite
def tables(draw: st.DrawFn) -> Case:
    seeds, images = draw(st.integers(2, 4)), draw(st.integers(2, 6))
    factors = {"t_images": draw(st.sampled_from(FACTORS)), "t_seeds": draw(st.sampled_from(FACTORS))}
    return Case({"errors": draw(pixels(seeds, images)), **factors})


def _table(rows: list[list[float]], t_images: float, t_seeds: float, note: str) -> Case:
    return Case({"errors": torch.tensor(rows), "t_images": t_images, "t_seeds": t_seeds}, note)


TABLES = [
    _table([[1.0, 5.0, 9.0, 3.0], [3.0, 6.0, 9.0, 6.0]], 3.1824, 12.7062, "two seeds, four images"),
    _table([[2.0, 4.0, 9.0], [2.0, 4.0, 9.0], [2.0, 4.0, 9.0]], 4.3027, 4.3027, "the seeds agree, the images differ"),
    _table([[1.0, 1.0, 1.0, 1.0], [7.0, 7.0, 7.0, 7.0], [4.0, 4.0, 4.0, 4.0]], 3.1824, 4.3027, "the images agree, the seeds differ"),
    Case({"errors": torch.rand(3, 20, generator=_real), "t_images": 2.0930, "t_seeds": 4.3027}, "three seeds, twenty images"),
]

# --- repeated ---------------------------------------------------------------------------------------------------------------------------


def shifts(one: Sequence[float], other: Sequence[float], digits: int) -> tuple[float, int]:
    """In whole units of the last digit, so that nothing is rounded twice."""
    unit = 10**digits
    whole = [round(b * unit) - round(a * unit) for a, b in zip(one, other, strict=True)]
    most = max(sorted(set(whole)), key=whole.count)
    return most / unit, whole.count(most)


def columns(start: Sequence[int], steps: Sequence[int], digits: int, note: str = "") -> Case:
    """Two printed columns: the first in units of the last digit, and what is added to it. One step is the most frequent."""
    steps = list(steps)
    steps.append(max(sorted(set(steps)), key=steps.count))  # once more, so that no other is as frequent
    unit = 10**digits
    one = [(start[i % len(start)] + 7 * (i // len(start))) / unit for i in range(len(steps))]
    other = [(round(a * unit) + step) / unit for a, step in zip(one, steps, strict=True)]
    return Case({"one": one, "other": other, "digits": digits}, note)


@st.composite
def printed(draw: st.DrawFn) -> Case:
    size = draw(st.integers(1, 6))
    start = draw(st.lists(st.integers(101, 899), min_size=size, max_size=size))
    steps = draw(st.lists(st.sampled_from([50, 70, -50, 49, 51, 3, 20, -3]), min_size=size, max_size=size))
    return columns(start, steps, draw(st.integers(2, 4)))


PRINTED = [
    columns([513, 602, 587, 449, 634], [50, 50, 70, 50, 50], 3, "a copy, moved by 0.05, and one row by 0.07"),
    columns([513, 602, 587, 449, 634], [12, -3, 7, 31, 12], 3, "two networks on the same images"),
    columns([120, 350, 480, 270], [-50, 50, -50, 3], 3, "up and down by the same amount is not the same"),
    columns([210, 333, 471, 158, 640], [49, 50, 50, 51, 51, 50], 4, "four digits are printed, the last one counts"),
    columns([510, 622, 744], [-3, -3, 20], 2, "numbers of two digits"),
]
