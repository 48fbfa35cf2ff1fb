"""The door of the baselines: what all of them check, and how one image after another is filled."""

from __future__ import annotations

import numbers
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import as_fillable

__all__ = ["centred", "check_number", "check_patch", "check_seed", "check_whole", "copy_each", "fill_each"]


def fill_each(image: Tensor, mask: Tensor, fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Tensor:
    """Fill one image after another on the CPU.

    ``fill`` gets (H, W, C) float64 in [0, 1], zero in the hole, and (H, W) bool, True = hole; it answers the filled picture.
    """
    image, mask = as_fillable(image, mask)
    pictures = image.detach().to("cpu", torch.float64).permute(0, 2, 3, 1).numpy()  # (B, H, W, C)
    holes = (mask[:, 0] == 0).cpu().numpy()  # (B, H, W)
    results = []
    for picture, hole in zip(pictures, holes, strict=True):
        blanked = np.where(hole[..., None], 0.0, picture)
        results.append(fill(blanked, hole) if hole.any() else picture)
    filled = torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2).to(image.dtype).to(image.device)
    # The known pixels come from the image itself, not from its trip through another dtype.
    return torch.where(mask.bool(), image, filled)


def copy_each(image: Tensor, mask: Tensor, find: Callable[[Tensor, Tensor, int], Tensor]) -> Tensor:
    """Fill one image after another with copies of its own known pixels.

    ``find`` gets a picture (C, H, W), float32 on the CPU and zero in the hole, its hole (H, W) bool, and its place in the batch; it
    answers, (H, W) long, which pixel (y * W + x) each pixel is a copy of, itself where it is known. The picture comes less the mean of its
    known pixels: no difference of patches changes, but their squares, from which it is computed, grow small enough to be exact.
    """
    image, mask = as_fillable(image, mask)
    holes = (mask[:, 0] == 0).cpu()  # (B, H, W)
    pictures = image.detach().to("cpu", torch.float64)
    results = []
    for i, (picture, hole) in enumerate(zip(pictures, holes, strict=True)):
        result = image[i]
        if hole.any():
            source = find(centred(picture, hole).float().masked_fill(hole, 0), hole, i).flatten()
            result = result.flatten(1)[:, source.to(image.device)].view_as(result)  # in the image's own dtype: bit for bit
        results.append(result)
    return torch.stack(results)


def centred(picture: Tensor, hole: Tensor) -> Tensor:
    """A picture (C, H, W) less the mean of its known pixels, channel by channel."""
    return picture - picture[:, ~hole].mean(1)[:, None, None]


def check_number(value: float, name: str, low: float, high: float, meaning: str) -> None:
    """An option that is a number from ``low`` to ``high``; ``meaning`` is how the error says so."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; expected {meaning}.")


def check_whole(value: int, name: str, meaning: str = "a whole number, at least 1", low: int = 1) -> None:
    """An option that counts."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
        raise ValueError(f"{name} is {value!r}; expected {meaning}.")


def check_seed(seed: int) -> None:
    check_whole(seed, "seed", "a whole number, at least 0", low=0)


def check_patch(patch: int, name: str = "patch") -> int:
    """The radius of a patch, which must be square and have a centre."""
    if not isinstance(patch, int) or patch < 3 or patch % 2 == 0:
        raise ValueError(f"{name} is {patch!r}; expected an odd number of pixels, at least 3: the side of a square that has a centre.")
    return patch // 2
