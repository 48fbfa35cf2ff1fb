"""How fast holes are drawn: a whole batch at once beside one ``cv2.line`` after another, as S4 drew them."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from inpaintlib import masks

pytestmark = pytest.mark.bench
COUNT = 512


def one_call_after_another() -> torch.Tensor:
    """S4's masks the way a data loader draws them: one mask, one line, one number at a time."""
    known = np.ones((COUNT, 1, 32, 32), np.uint8)
    for mask in known:
        for _ in range(np.random.randint(1, 10)):
            x1, x2 = np.random.randint(1, 32), np.random.randint(1, 32)
            y1, y2 = np.random.randint(1, 32), np.random.randint(1, 32)
            cv2.line(mask[0], (x1, y1), (x2, y2), 0, np.random.randint(1, 3))
    return torch.from_numpy(known)


def numbers_drawn_at_once() -> torch.Tensor:
    """The same with all random numbers drawn beforehand: nothing but the calls of ``cv2.line`` is left in the loop."""
    known = np.ones((COUNT, 1, 32, 32), np.uint8)
    owner = np.repeat(np.arange(COUNT), np.random.randint(1, 10, COUNT)).tolist()
    ends = np.random.randint(1, 32, (len(owner), 4)).tolist()
    for mask, (x1, y1, x2, y2), thickness in zip(owner, ends, np.random.randint(1, 3, len(owner)).tolist(), strict=True):
        cv2.line(known[mask, 0], (x1, y1), (x2, y2), 0, thickness)
    return torch.from_numpy(known)


def best(benchmark: Any, *functions: Callable[[], object]) -> list[float]:
    """The shortest time of each, run in turn. Whatever else the machine does can only add time, and most to what runs on two threads."""
    benchmark.pedantic(functions[0], rounds=1, warmup_rounds=1)
    times = [[timeit.timeit(f, number=1) for f in functions] for _ in range(1 if benchmark.disabled else 40)]
    return [min(column) for column in zip(*times, strict=True)]


def test_fresh_lines(benchmark, report):
    ours, theirs, bare = best(benchmark, lambda: masks.lines(COUNT, 32), one_call_after_another, numbers_drawn_at_once)
    how = f"{COUNT} fresh masks of 32 x 32, two threads: {1e3 * ours:.2f} against {1e3 * theirs:.1f} ms ({1e3 * bare:.1f} in bare calls)"
    report("S4's masks / one cv2 call after another", theirs / ours, bar=2.5, at_least=True, how=how)


def test_bank(benchmark, report):
    bank = masks.bank("lines")
    ours, theirs = best(benchmark, lambda: bank(COUNT), one_call_after_another)
    how = f"{COUNT} of 20,000, flipped at random: {1e3 * ours:.2f} ms"
    report("masks from a bank / one cv2 call after another", theirs / ours, bar=5, at_least=True, how=how)
