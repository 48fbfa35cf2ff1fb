"""A picture with a hole at half the size, and back: what coarse-to-fine methods share; and how deep a hole is.

Pictures are (C, H, W), holes bool (H, W).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["depth", "double", "double_offsets", "extent", "grow", "halve"]


def grow(hole: Tensor, radius: int) -> Tensor:
    """The pixels that are at most ``radius`` rows and columns away from the hole, the hole among them."""
    return F.max_pool2d(hole[None].float(), 2 * radius + 1, stride=1, padding=radius)[0] > 0


def depth(hole: Tensor) -> Tensor:
    """How deep in the hole each pixel lies: 0 = known, 1 = touches a known one, ...; long (H, W)."""
    if hole.all():
        raise ValueError("the hole has no known pixel beside it, so there is no rim to count from; expected one False in it at least.")
    layers = torch.zeros(hole.shape, dtype=torch.long)
    while hole.any():
        layers += hole
        hole = ~grow(~hole, 1)
    return layers


def extent(hole: Tensor) -> list[tuple[int, int]]:
    """The first row and the last, the first column and the last, in which there is any of it."""
    return [(int(lines[0]), int(lines[-1])) for lines in (hole.any(1).nonzero(), hole.any(0).nonzero())]


def halve(picture: Tensor, hole: Tensor, *, least: float = 0.5) -> tuple[Tensor, Tensor]:
    """Half the size: each pixel the mean of the known ones of four; a hole where less than this share of them is known."""
    known = (~hole).to(picture.dtype)[None, None]
    share = F.avg_pool2d(known, 2, ceil_mode=True)[0]
    mean = F.avg_pool2d(picture[None] * known, 2, ceil_mode=True)[0] / share.clamp_min(1e-12)
    hole = share[0] < least
    return mean.masked_fill(hole, 0), hole


def double(picture: Tensor, shape: torch.Size) -> Tensor:
    """Twice the size, cut to ``shape``, with values in between."""
    return F.interpolate(picture[None], scale_factor=2, mode="bilinear")[0][:, : shape[0], : shape[1]]


def double_offsets(offsets: Tensor, shape: torch.Size) -> Tensor:
    """Offsets (2, h, w) for the picture of twice the size: twice as long, each for four pixels."""
    return (2 * offsets).repeat_interleave(2, 1).repeat_interleave(2, 2)[:, : shape[0], : shape[1]]
