"""Random numbers from an instructor's key: the same on every machine and with every version of Python, torch and Hypothesis."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from course.checks.task import Case

__all__ = ["KeyedRandom", "cases_from"]


class KeyedRandom:
    """A stream of numbers that only the holder of the key can foresee: HMAC-SHA256 of a label and a counter.

    Args:
        key: the instructor's, at least 16 bytes.
        label: what the numbers are for, such as the id of a task; other labels give unrelated streams.

    Raises:
        ValueError: the key is too short to be a secret.

    >>> KeyedRandom(b"a key for the doctest", "x").integer(0, 9) in range(10)
    True
    """

    def __init__(self, key: bytes, label: str) -> None:
        if not isinstance(key, bytes) or len(key) < 16:
            raise ValueError("The key must be at least 16 bytes; make one with secrets.token_bytes(32).")
        self._key, self._label, self._count = key, label.encode(), 0

    def _word(self) -> int:
        """53 random bits, as many as a float holds."""
        digest = hmac.digest(self._key, self._label + b"\0" + self._count.to_bytes(8, "big"), hashlib.sha256)
        self._count += 1
        return int.from_bytes(digest[:8], "big") >> 11

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._word() / 2**53

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + math.floor(self.uniform() * (high - low + 1))

    def tensor(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A float32 tensor of numbers in [low, high)."""
        numbers = [self.uniform(low, high) for _ in range(torch.Size(shape).numel())]
        return torch.tensor(numbers, dtype=torch.float32).reshape(shape)

    def mask(self, *shape: int, hole: float = 0.4) -> Tensor:
        """A float32 mask: each place is a hole (0) with that probability, known (1) otherwise."""
        return (self.tensor(*shape) >= hole).float()


def cases_from(draw: Mapping[str, Callable[[KeyedRandom], Case]]) -> Callable[..., Iterator[Case]]:
    """The ``cases(task_id, key, count=20)`` of a unit's ``hidden.py``, from its ways to draw a case of each task.

    Args:
        draw: the id of a task to the function that draws one case of it.

    Returns:
        a function of the id, the instructor's key (bytes, at least 16) and how many cases: the same ones for the same key, and the first
        ones the same for any count.

    >>> cases = cases_from({"unit/task": lambda random: random.integer(0, 9)})
    >>> key = b"a key for the doctest"
    >>> list(cases("unit/task", key, 5))[:3] == list(cases("unit/task", key, 3))
    True
    """

    def cases(task_id: str, key: bytes, count: int = 20) -> Iterator[Case]:
        random = KeyedRandom(key, task_id)
        return (draw[task_id](random) for _ in range(count))

    return cases
