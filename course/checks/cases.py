"""Strategies for the cases of image tasks: small whole numbers in small tensors, so that a person can check a failing one by hand.

They shrink towards fewer numbers, then towards 0 in images and kernels and towards 1 (known) in masks.
"""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

__all__ = ["masks", "pixels", "ramp", "tensors", "weights"]

BYTES = 128


def tensors(shape: tuple[int, ...], values: tuple[int, ...]) -> st.SearchStrategy[Tensor]:
    """A float32 tensor of that shape, each number one of ``values``; it shrinks towards the first.

    All its numbers come from one draw of bytes, since a draw for each would make shrinking ten times as slow; and always as many
    bytes, so that Hypothesis can make a shape smaller and keep the numbers.
    """
    count = torch.Size(shape).numel()

    def decode(code: bytes) -> Tensor:
        return torch.tensor([values[byte * len(values) >> 8] for byte in code[:count]], dtype=torch.float32).reshape(shape)

    length = max(count, BYTES)
    return st.binary(min_size=length, max_size=length).map(decode)


def pixels(*shape: int) -> st.SearchStrategy[Tensor]:
    """Whole numbers from 0 to 9."""
    return tensors(shape, tuple(range(10)))


def weights(*shape: int) -> st.SearchStrategy[Tensor]:
    """Whole numbers from -3 to 3."""
    return tensors(shape, (0, 1, -1, 2, -2, 3, -3))


def masks(*shape: int) -> st.SearchStrategy[Tensor]:
    """1 = known, 0 = hole, half of each."""
    return tensors(shape, (1, 0))


def ramp(*shape: int) -> Tensor:
    """1, 2, 3, ...: an input for a corner case in which no two places look alike.

    >>> ramp(2, 2)
    tensor([[1., 2.],
            [3., 4.]])
    """
    return torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape)
