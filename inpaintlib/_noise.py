"""Smooth random fields, the stuff that irregular holes are cut from."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintlib._numbers import Numbers

__all__ = ["cut", "smooth_noise"]


def smooth_noise(numbers: Numbers, count: int, height: int, width: int, cell: int) -> Tensor:
    """Random fields with features about ``cell`` pixels wide: float64 (count, height, width), whole numbers.

    Random values on a coarse grid, joined by cubic B-splines. Each field has its grid somewhere else, so that no pixel is special.
    Weights and values are whole numbers small enough for float64 to add them up without rounding, in whatever order.
    """
    rows, columns = (_splines(numbers, count, length, cell) for length in (height, width))  # (B, H, gh), (B, W, gw)
    grid = numbers.integers(0, 255, count, rows.shape[2], columns.shape[2]).double()
    return rows @ grid @ columns.mT


def _splines(numbers: Numbers, count: int, length: int, cell: int) -> Tensor:
    """How much each grid value contributes to each pixel: float64 (count, length, grid), in 1/256."""
    grid = length // cell + 5
    place = torch.arange(length + cell, device=numbers.device, dtype=torch.float64) / cell  # in cells
    distance = (place[:, None] - torch.arange(grid, device=numbers.device) + 1).abs()  # (length + cell, grid)
    near, far = (2 - distance).clamp(min=0), (1 - distance).clamp(min=0)
    weights = ((near * near * near - 4 * far * far * far) * (256 / 6)).round()
    shift = numbers.integers(0, cell - 1, count)
    return weights[shift[:, None] + torch.arange(length, device=numbers.device)]


def cut(field: Tensor, pixels: Tensor) -> Tensor:
    """The ``pixels`` highest pixels of each field: bool (B, H, W) with exactly ``pixels`` (B,) times True."""
    height, width = field.shape[1:]
    # Multiplying and adding the pixel's index makes all values of a field different, so that the number comes out exactly.
    key = field.flatten(1) * (height * width) + torch.arange(height * width, device=field.device)
    threshold = key.sort(1, descending=True).values.gather(1, pixels[:, None] - 1)
    return (key >= threshold).view(-1, height, width)
