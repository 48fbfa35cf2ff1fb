"""A running average of the weights: smoother than the weights themselves, and most often better.

Source: B. T. Polyak, A. B. Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control and Optimization 30 (1992);
with exponential weights in place of equal ones, as is usual for networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential moving average of parameters and buffers.

    Buffers are averaged too: the running statistics of batch norm belong to the weights that made them, and averaged weights with the
    statistics of the last step would not fit together. Whole numbers (batch norm's counter) are copied.

    Args:
        model: whose weights to follow.
        decay: the part that is kept at each step, in (0, 1). It starts lower, at (1 + step) / (10 + step), so that the
            random weights of the beginning are forgotten soon.

    Source: B. T. Polyak, A. B. Juditsky, SIAM J. Control and Optimization 30 (1992); the exponential form as in common practice.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"ema is {decay}; expected a decay between 0 and 1, such as 0.999, or None for no averaging.")
        self.decay = decay
        # Tied weights, one tensor under two names, are followed once: swapped twice, they would be swapped back.
        once = {tensor.data_ptr() or name: name for name, tensor in reversed(model.state_dict().items())}  # 0: an empty tensor
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items() if name in set(once.values())}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move a little towards the weights after training step ``step`` (counted from 0)."""
        keep = min(self.decay, (1 + step) / (10 + step))
        averages, weights, state = [], [], model.state_dict()
        for name, average in self.tensors.items():
            weight = state[name]
            if average.is_floating_point():
                averages.append(average)
                weights.append(weight)
            else:
                average.copy_(weight)
        torch._foreach_lerp_(averages, weights, 1 - keep)  # one call for all tensors

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange the model's weights and the averaged ones, in place and to the bit; a second swap restores both."""
        state = model.state_dict()
        for name, average in self.tensors.items():
            weight = state[name]
            held: Tensor = weight.clone()
            weight.copy_(average)
            average.copy_(held)

    @contextmanager
    def swapped(self, model: nn.Module) -> Iterator[None]:
        """Within the block the model carries the averaged weights."""
        self.swap(model)
        try:
            yield
        finally:
            self.swap(model)
