"""Pictures on their way into the browser."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintlib._check import as_image, describe

__all__ = ["one_picture", "rgb_bytes"]


def one_picture(image: Tensor, name: str, largest: int = 1024) -> Tensor:
    """float (1, 3, H, W) in [0, 1] from a picture (3, H, W) or (1, 3, H, W).

    Raises:
        TypeError, ValueError: no picture, several of them, or one with a side of more than ``largest`` pixels.
    """
    if isinstance(image, Tensor) and image.dim() == 3:
        image = image[None]
    image = as_image(image, name, channels=3).detach().float()
    if image.shape[0] != 1:
        raise ValueError(f"{name} is {describe(image)}; expected a single picture. Pick one: {name}[:1].")
    if max(image.shape[-2:]) > largest:
        raise ValueError(f"{name} is {describe(image)}; expected at most {largest} pixels a side. Scale it down first.")
    return image


def rgb_bytes(image: Tensor) -> bytes:
    """(1, 3, H, W) in [0, 1] as RGB bytes, row by row."""
    return (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous().cpu().numpy().tobytes()
