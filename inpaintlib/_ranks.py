"""What losses and batch norm need to know when several processes share one batch: whether they do, and a mean over all of them.

A mean of means is the mean of the whole only where each part counts the same number of values. Images are dealt out evenly; hole pixels
are not, and the statistics of batch norm are no plain means. Such things ask :func:`mean_over_ranks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

__all__ = ["mean_over_ranks", "sharing", "together"]

_SHARING: ContextVar[int] = ContextVar("sharing", default=1)


def sharing() -> int:
    """How many processes share the batch that is being computed right now; 1 outside of a training step of several processes."""
    return _SHARING.get()


@contextmanager
def together(size: int) -> Iterator[None]:
    """Within the block ``size`` processes share each batch. All of them must then ask for the same means, in the same order."""
    token = _SHARING.set(size)
    try:
        yield
    finally:
        _SHARING.reset(token)


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """The mean of a tensor over the processes that share the batch, the same in all of them; alone, the tensor itself.

    Gradients flow back to all: what one process makes of the mean depends on every other one's part.
    """
    return tensor if sharing() == 1 else _Mean.apply(tensor, sharing())


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, size: int) -> Tensor:
        ctx.size = size
        return _mean(tensor, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # Each process holds the gradient of its own loss; the sum of these losses depends on this part through every process's mean.
        return _mean(gradient, ctx.size), None


def _mean(tensor: Tensor, size: int) -> Tensor:
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    torch.distributed.all_reduce(total)
    return total / size
