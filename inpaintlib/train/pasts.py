"""What pictures have been through, so that a detector learns to see fillings and not the set that its pictures came from.

Where all pictures come from one set, they bear one mark: those that were stored as JPEG have its quantisation everywhere but in the filled
holes. A network finds the places without that mark more easily than fillings, and on pictures from elsewhere it then suspects everything.
So each picture gets a past of its own before it is filled, and half of them a new one afterwards; untouched pictures, too.

Source: the marks of JPEG, and what saving twice does to them, after H. Farid, Exposing Digital Forgeries From JPEG Ghosts, IEEE Trans.
Information Forensics and Security 4 (2009).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["afterwards", "before", "jpeg"]


def before(pictures: Tensor, *, generator: torch.Generator) -> Tensor:
    """Give each picture, uint8 (N, 3, H, W), one of five pasts by chance.

    It stays as it came; or is moved by part of a pixel, which wipes out the marks of JPEG; or that, and gets noise of up to 3 of 255
    levels, as a camera's; or is moved and saved as JPEG of quality 50 to 95; or is a quarter of itself, enlarged to the full size: smooth
    all over, as sky is, though nobody has filled it.
    """
    which = torch.randint(5, (len(pictures),), generator=generator)
    levels = pictures.float()
    levels[which == 4] = _enlarged(levels[which == 4], generator)
    moved = (which > 0) & (which < 4)
    levels[moved] = _moved(levels[moved], generator)
    noisy = which == 2
    strength = 3 * torch.rand(int(noisy.sum()), 1, 1, 1, generator=generator)
    levels[noisy] += strength * torch.randn(levels[noisy].shape, generator=generator)
    result = levels.round().clamp(0, 255).to(torch.uint8)
    result[which == 3] = _saved(result[which == 3], 50, 95, generator)
    return result


def afterwards(pictures: Tensor, *, generator: torch.Generator) -> Tensor:
    """Save half of the pictures, uint8 (N, 3, H, W), as JPEG of quality 70 to 98."""
    again = torch.rand(len(pictures), generator=generator) < 0.5
    result = pictures.clone()
    result[again] = _saved(pictures[again], 70, 98, generator)
    return result


def jpeg(picture: Tensor, quality: int) -> Tensor:
    """A picture, uint8 (3, H, W), as it comes back from a JPEG file of this quality, 1 to 100."""
    stored = cv2.imencode(".jpg", _turned(picture.permute(1, 2, 0).numpy()), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return torch.from_numpy(_turned(cv2.imdecode(stored, cv2.IMREAD_COLOR))).permute(2, 0, 1)


def _turned(colours: Any) -> np.ndarray:
    """RGB to BGR, which OpenCV expects, or back."""
    return np.ascontiguousarray(colours[..., ::-1])


def _saved(pictures: Tensor, lowest: int, highest: int, generator: torch.Generator) -> Tensor:
    qualities = torch.randint(lowest, highest + 1, (len(pictures),), generator=generator).tolist()
    return torch.stack([jpeg(*pair) for pair in zip(pictures, qualities, strict=True)]) if qualities else pictures


def _enlarged(levels: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of each picture, from anywhere in it, at twice the size."""
    height, width = levels.shape[2] // 2, levels.shape[3] // 2
    places = torch.rand(len(levels), 2, generator=generator) * torch.tensor([height + 1, width + 1])
    quarters = [picture[:, y : y + height, x : x + width] for picture, (y, x) in zip(levels, places.long().tolist(), strict=True)]
    return F.interpolate(torch.stack(quarters), size=levels.shape[2:], mode="bicubic") if quarters else levels


def _moved(levels: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture moved by 0.2 to 0.8 of a pixel in both directions; the edge stays."""
    for dim in (2, 3):
        size = levels.shape[dim]
        part = 0.2 + 0.6 * torch.rand(len(levels), 1, 1, 1, generator=generator)
        next_one = levels.index_select(dim, torch.arange(1, size + 1).clamp(max=size - 1))
        levels = (1 - part) * levels + part * next_one
    return levels
