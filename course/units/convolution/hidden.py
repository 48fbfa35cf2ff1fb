"""Hidden cases of the unit ``convolution``, drawn from an instructor's key: no secret stands in this file.

They are larger than the visible ones, and their pixels and kernels are real numbers in place of whole ones. The grader sends their
arguments to the student's process and compares what comes back outside of it, with the oracle and the tolerance of ``checks.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from course.checks.keyed import KeyedRandom, cases_from
from course.checks.task import Case


def _output_size(random: KeyedRandom) -> Case:
    kernel, dilation, padding = random.integer(1, 9), random.integer(1, 4), random.integer(0, 5)
    smallest = max(1, dilation * (kernel - 1) + 1 - 2 * padding)
    size, stride = smallest + random.integer(0, 200), random.integer(1, 5)
    return Case({"size": size, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation})


def _correlate(random: KeyedRandom) -> Case:
    cin, cout, high, wide = (random.integer(1, 3) for _ in range(4))
    padding, stride, dilation = random.integer(0, 2), random.integer(1, 3), random.integer(1, 2)
    rows, columns = (max(1, dilation * (k - 1) + 1 - 2 * padding) + random.integer(1, 5) for k in (high, wide))
    image, kernel = random.tensor(cin, rows, columns), random.tensor(cout, cin, high, wide, low=-1.0)
    return Case({"image": image, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation})


def _convolve(random: KeyedRandom) -> Case:
    image = random.tensor(random.integer(2, 8), random.integer(2, 8))
    return Case({"image": image, "kernel": random.tensor(random.integer(1, 4), random.integer(1, 4), low=-1.0)})


def _seen(random: KeyedRandom) -> Case:
    limits = ((1, 7), (1, 3), (0, 3), (1, 4))
    layers = [tuple(random.integer(*limit) for limit in limits) for _ in range(random.integer(2, 6))]
    return Case({"layers": layers, "index": random.integer(0, 40)})


def _mean_filter(random: KeyedRandom) -> Case:
    image = random.tensor(random.integer(2, 10), random.integer(2, 10))
    return Case({"image": image, "size": 2 * random.integer(1, 3) + 1, "times": random.integer(1, 4)})


DRAW: dict[str, Callable[[KeyedRandom], Case]] = {
    "convolution/output_size": _output_size,
    "convolution/correlate": _correlate,
    "convolution/convolve": _convolve,
    "convolution/seen": _seen,
    "convolution/mean_filter": _mean_filter,
}

#: cases(task_id, key, count=20): the hidden cases of a task.
cases = cases_from(DRAW)
