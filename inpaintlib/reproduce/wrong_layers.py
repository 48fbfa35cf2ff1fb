"""Three mistakes in a partial convolution, to be put back one by one, so that one sees what each of them costs (S1).

    factor    the window factor is k*k, while the mask is summed over all Cin channels: everything comes out 1/Cin as large
    bias      the bias is added inside holes too, so that they are not 0
    kernels   the ones that count known places are trained like weights: one for each weight, so masks have channels, and drift

Here, and not among the layers, since nobody else should use them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.layers import PartialConv2d
from inpaintlib.layers.partial_conv import Groups, partial_conv2d

__all__ = ["MISTAKES", "WrongPartialConv2d", "put_back"]

MISTAKES = ("factor", "bias", "kernels")


class WrongPartialConv2d(nn.Module):
    """A partial convolution with some of the mistakes; weight and bias are those of the right layer that it takes the place of.

    Args:
        layer: the right layer.
        mistakes: some of :data:`MISTAKES`; none gives what the right layer gives.
    """

    def __init__(self, layer: PartialConv2d, mistakes: tuple[str, ...]) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.stride, self.padding, self.dilation = layer.stride, layer.padding, layer.dilation
        self.mistakes = frozenset(mistakes)
        self.counting = nn.Parameter(torch.ones_like(layer.weight)) if "kernels" in mistakes else None

    def forward(self, x: Tensor, mask: Tensor | Groups | None = None) -> tuple[Tensor, Tensor]:
        """See :func:`inpaintlib.layers.partial_conv2d`; with trained kernels the new mask has as many channels as ``y``."""
        if self.counting is not None:
            return self._with_channels(x, mask, self.counting)
        weight = self.weight / x.shape[1] if "factor" in self.mistakes else self.weight  # the sum is linear: scaled there, scaled here
        if "bias" not in self.mistakes:
            return partial_conv2d(x, mask, weight, self.bias, self.stride, self.padding, self.dilation)
        y, new_mask = partial_conv2d(x, mask, weight, None, self.stride, self.padding, self.dilation)
        return y if self.bias is None else y + self.bias[:, None, None], new_mask

    def _with_channels(self, x: Tensor, mask: Tensor | Groups | None, counting: Tensor) -> tuple[Tensor, Tensor]:
        known = _channels(x, mask)  # (B, Cin, H, W)
        y = F.conv2d(x * known, self.weight, None, self.stride, self.padding, self.dilation)
        count = F.conv2d(known, counting, None, self.stride, self.padding, self.dilation).float()
        places = self.weight[0, 0].numel() * (1 if "factor" in self.mistakes else x.shape[1])
        new_mask = count.clamp(0, 1)
        y = y * (new_mask * places / (count + 1e-8)).to(y.dtype)  # where nothing is known: 0 times something finite
        if self.bias is not None:
            bias = self.bias[:, None, None].to(y.dtype)
            y = y + (bias if "bias" in self.mistakes else bias * new_mask.to(y.dtype))
        return y, new_mask.to(y.dtype)


def _channels(x: Tensor, mask: Tensor | Groups | None) -> Tensor:
    """A mask for each channel of ``x``."""
    if mask is None:
        return torch.ones_like(x)
    groups = [(mask, x.shape[1])] if isinstance(mask, Tensor) else mask
    return torch.cat([part.to(x.dtype).expand(-1, channels, -1, -1) for part, channels in groups], dim=1)


def put_back(*mistakes: str) -> Callable[[nn.Module], nn.Module]:
    """A function that gives a network's partial convolutions these mistakes.

    Raises:
        ValueError: an unknown one.
    """
    if unknown := set(mistakes) - set(MISTAKES):
        raise ValueError(f"mistakes are {', '.join(mistakes)}; {', '.join(sorted(unknown))} is none of {', '.join(MISTAKES)}.")

    def change(model: nn.Module) -> nn.Module:
        for parent in list(model.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, PartialConv2d):
                    setattr(parent, name, WrongPartialConv2d(child, mistakes))
        return model

    return change
