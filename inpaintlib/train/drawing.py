"""The masks of a run, from whatever draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from inpaintlib._check import describe

__all__ = ["draw"]


def draw(masks: Any, count: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """Masks (count, 1, height, width) of that size from a family or a bank, which takes a square's size as one number.

    Raises:
        TypeError: it drew something else than a tensor, such as an array of NumPy's.
    """
    height, width = size
    drawn = masks(count, height if height == width else (height, width), generator=generator)
    if not isinstance(drawn, Tensor):
        hint = " Convert it with torch.as_tensor." if hasattr(drawn, "dtype") else ""
        raise TypeError(f"masks drew {describe(drawn)}; expected a tensor ({count}, 1, {height}, {width}), 1 = known.{hint}")
    return drawn
