"""Filling a hole without learning anything: the methods that every network has to beat.

    mean_fill       the mean colour of the known pixels; the least one can do
    fast_marching   Telea 2004: from the rim inwards, each pixel a weighted mean of what is already there
    navier_stokes   Bertalmio, Bertozzi, Sapiro 2001: lines of equal brightness are carried on into the hole
    biharmonic      Damelin, Hoang 2018: the smoothest surface through the known pixels

All are inpainters: ``(image, mask) -> image`` of the same shape, dtype and device, known pixels bit for bit as they came, and no pixel
under the hole ever read. An image whose mask is known everywhere comes back as it is; one without a known pixel is a
ValueError, since there is nothing to go by. The last three compute one image after another on the CPU.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import as_pair

__all__ = ["biharmonic", "fast_marching", "get", "mean_fill", "names", "navier_stokes"]

Inpainter = Callable[..., Tensor]


def mean_fill(image: Tensor, mask: Tensor) -> Tensor:
    """Fill each hole with the mean of the image's known pixels, channel by channel.

    No constant has a smaller squared error over the known pixels; whatever does not beat it has learned nothing.

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.

    Returns:
        (B, C, H, W), known pixels unchanged.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, or an image without a known pixel.

    >>> image = torch.tensor([[[[0.25, 0.75, 0.0]]]])
    >>> mean_fill(image, torch.tensor([[[[1, 1, 0]]]]))
    tensor([[[[0.2500, 0.7500, 0.5000]]]])
    """
    image, mask = _as_fillable(image, mask)
    work = image.float() if image.dtype in (torch.float16, torch.bfloat16) else image
    known = mask.to(work.dtype)
    mean = (work * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)  # (B, C, 1, 1)
    return torch.where(mask.bool(), image, mean.clamp(0, 1).to(image.dtype))


def fast_marching(image: Tensor, mask: Tensor, *, radius: float = 3) -> Tensor:
    """Fill from the rim inwards, each pixel with a weighted mean of the known and already filled ones around it (OpenCV).

    The order is that of the distance to the rim, found by the fast marching method. In large holes it smears across edges.
    OpenCV is called with 16-bit values, which on line holes gives about 0.2 dB more than the usual call with 8 bits.

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        radius: of the neighbourhood that each mean is taken over, in pixels, 1 to 100. On thin lines 1 or 2 is a little better.

    Returns:
        (B, C, H, W), known pixels unchanged.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, or an image without a known pixel, or the radius is out of range.

    Source: A. Telea, J. Graphics Tools 9 (2004).
    """
    return _opencv(image, mask, radius, "INPAINT_TELEA")


def navier_stokes(image: Tensor, mask: Tensor, *, radius: float = 3) -> Tensor:
    """Carry the lines of equal brightness (isophotes) on into the hole, as a fluid carries its vorticity (OpenCV).

    Arguments, result and errors as in :func:`fast_marching`. OpenCV implements a simplified, one-pass form of the paper's equation.

    Source: M. Bertalmio, A. Bertozzi, G. Sapiro, CVPR (2001).
    """
    return _opencv(image, mask, radius, "INPAINT_NS")


def biharmonic(image: Tensor, mask: Tensor) -> Tensor:
    """Lay the smoothest surface through the known pixels: the solution of the biharmonic equation in the hole (scikit-image).

    Value and slope go over the rim without a step, which is why it leads on thin lines; in a large hole nothing but a smooth
    gradient remains. Filled values stay between the smallest and the largest known value of their channel.

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.

    Returns:
        (B, C, H, W), known pixels unchanged.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, or an image without a known pixel.

    Source: S. B. Damelin, N. S. Hoang, Int. J. Mathematics and Mathematical Sciences (2018).
    """
    from skimage.restoration import inpaint_biharmonic

    return _each(image, mask, lambda picture, hole: inpaint_biharmonic(picture, hole, channel_axis=-1))


_BASELINES: dict[str, Inpainter] = {f.__name__: f for f in (mean_fill, fast_marching, navier_stokes, biharmonic)}


def names() -> list[str]:
    """The baselines' names, simplest first.

    >>> names()
    ['mean_fill', 'fast_marching', 'navier_stokes', 'biharmonic']
    """
    return list(_BASELINES)


def get(name: str) -> Inpainter:
    """The inpainter of that name.

    Raises:
        ValueError: there is none of that name.

    >>> get("mean_fill") is mean_fill
    True
    """
    if name not in _BASELINES:
        near = difflib.get_close_matches(str(name), _BASELINES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no baseline {name!r}; expected one of {', '.join(_BASELINES)}.{hint}")
    return _BASELINES[name]


def _as_fillable(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The door of every baseline: a checked pair with at least one known pixel in each image."""
    image, mask = as_pair(image, mask)
    blank = (mask.flatten(1).amax(1) == 0).nonzero().flatten().tolist()
    if blank:
        raise ValueError(
            f"mask {blank[0]} has no known pixel ({len(blank)} of {len(mask)} masks), so there is nothing to fill from. "
            "1 = known, 0 = hole: if the mask is the other way round, pass 1 - mask."
        )
    return image, mask


def _each(image: Tensor, mask: Tensor, fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Tensor:
    """Fill one image after another. ``fill`` gets (H, W, C) float64 in [0, 1], zero in the hole, and (H, W) bool, True = hole."""
    image, mask = _as_fillable(image, mask)
    pictures = image.detach().to("cpu", torch.float64).permute(0, 2, 3, 1).numpy()  # (B, H, W, C)
    holes = (mask[:, 0] == 0).cpu().numpy()  # (B, H, W)
    results = []
    for picture, hole in zip(pictures, holes, strict=True):
        blanked = np.where(hole[..., None], 0.0, picture)
        results.append(fill(blanked, hole) if hole.any() else picture)
    filled = torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2).to(image.dtype).to(image.device)
    # The known pixels come from the image itself, not from its trip through another dtype.
    return torch.where(mask.bool(), image, filled)


def _opencv(image: Tensor, mask: Tensor, radius: float, method: str) -> Tensor:
    import cv2

    if not 1 <= radius <= 100:
        raise ValueError(f"radius is {radius!r}; expected 1 to 100 pixels.")

    def fill(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
        # A frame of one more pixel of hole: without it OpenCV is off by one along the edges, and reads pixels under the hole while
        # it fills others (most results then depend on what was there). 16 bits: Telea's method adds a slope of up to 1.4 levels,
        # whatever their size, which makes noise of 8-bit flat areas; and half a level for rounding, in floating point too.
        framed = np.pad(np.rint(picture * 65535).astype(np.uint16), ((1, 1), (1, 1), (0, 0)))
        frame_hole = np.pad(hole, 1, constant_values=True).astype(np.uint8)
        channels = [np.ascontiguousarray(framed[..., c]) for c in range(framed.shape[2])]
        filled = np.dstack([cv2.inpaint(channel, frame_hole, radius, getattr(cv2, method)) for channel in channels])
        return filled[1:-1, 1:-1] / 65535

    return _each(image, mask, fill)
