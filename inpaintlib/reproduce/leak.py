"""A hole that is none: AND with 1 leaves the lowest bit of every hidden value in the picture (a trap of S4).

Holes were cut with a bitwise AND of the 8-bit image and a mask of 255 (known) and 1 (hole). 1 is nearly black, so nobody sees it; but
``value & 1`` is the value's lowest bit.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from inpaintlib import metrics
from inpaintlib.evaluation import Interval, mean_interval

__all__ = ["Leak", "cut_by_and", "decode", "look", "with_parity"]


def cut_by_and(image: Tensor, mask: Tensor) -> Tensor:
    """Cut holes as S4 did: AND with 255 where known, with 1 in the hole.

    Args:
        image: uint8 (N, 3, H, W).
        mask: (N, 1, H, W), 1 = known, 0 = hole.

    >>> cut_by_and(torch.tensor([[[[200, 201]]]], dtype=torch.uint8), torch.zeros(1, 1, 1, 2)).tolist()
    [[[[0, 1]]]]
    """
    return image & torch.where(mask > 0, 255, 1).to(torch.uint8)


def decode(damaged: Tensor, mask: Tensor) -> Tensor:
    """The lowest bits of the hidden values, read off a picture that was cut so: uint8, the same shape, 0 outside the holes."""
    return torch.where(mask > 0, 0, damaged).to(torch.uint8)


def with_parity(filled: Tensor, bits: Tensor, mask: Tensor) -> Tensor:
    """Move each filled value to the nearest 8-bit one with the lowest bit that leaked.

    Args:
        filled: float (N, 3, H, W) in [0, 1].
        bits: what :func:`decode` found.
        mask: 1 = known.
    """
    exact = filled.double() * 255
    nearest = exact.round()
    wrong = (nearest.long() % 2 != bits.long()) & (mask == 0)
    step = torch.where(exact >= nearest, 1.0, -1.0).double()  # the nearer neighbour; at the ends of the range the only one
    step = torch.where(nearest == 0, 1.0, torch.where(nearest == 255, -1.0, step)).double()
    return (torch.where(wrong, nearest + step, nearest) / 255).to(filled.dtype)


class Leak(NamedTuple):
    """What leaked, and what it is worth."""

    hidden: float  # values in the holes of an image
    entropy: float  # bits that one lowest bit holds: 1 where 0 and 1 come equally often
    recovered: float  # share of the lowest bits that the decoder gets right
    exact_before: float  # share of hidden values that a filling hits exactly
    exact_after: float
    psnr_before: Interval
    psnr_after: Interval
    gain: Interval  # of the PSNR, image by image


def look(image: Tensor, mask: Tensor, filled: Tensor) -> Leak:
    """Cut, decode, and use the bits to better a filling.

    Args:
        image: uint8 (N, 3, H, W), undamaged.
        mask: (N, 1, H, W), 1 = known.
        filled: float, what some method filled in without the bits.
    """
    bits = decode(cut_by_and(image, mask), mask)
    hole = (mask == 0).expand_as(image)
    truth = image[hole].long()
    ones = float((truth % 2).double().mean())
    share = torch.tensor([ones, 1 - ones], dtype=torch.float64)
    target = image.float() / 255
    rounded = torch.where(hole, (filled * 255).round() / 255, target)
    better = torch.where(hole, with_parity(filled, bits, mask), target)
    before, after = (metrics.psnr(x, target, data_range=1).clamp(max=100) for x in (rounded, better))
    return Leak(
        hidden=float(hole.flatten(1).sum(1).double().mean()),
        entropy=float(torch.special.entr(share).sum() / torch.tensor(2.0).log()),
        recovered=float((bits[hole].long() == truth % 2).double().mean()),
        exact_before=_hits(rounded, image, hole),
        exact_after=_hits(better, image, hole),
        psnr_before=mean_interval(before),
        psnr_after=mean_interval(after),
        gain=mean_interval(after.double() - before.double()),
    )


def _hits(picture: Tensor, image: Tensor, hole: Tensor) -> float:
    return float(((picture * 255).round().long() == image.long())[hole].double().mean())
