"""Filling a hole with colours that flow in from its rim: from the mean colour to partial differential equations.

    mean_fill       the mean colour of the known pixels; the least one can do
    fast_marching   Telea 2004: from the rim inwards, each pixel a weighted mean of what is already there
    navier_stokes   Bertalmio, Bertozzi, Sapiro 2001: lines of equal brightness are carried on into the hole
    biharmonic      Damelin, Hoang 2018: the smoothest surface through the known pixels

None of them knows what a texture is: what they fill in is smooth. The last three compute one image after another on the CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import as_fillable
from inpaintlib.baselines._door import check_number, fill_each

__all__ = ["biharmonic", "fast_marching", "mean_fill", "navier_stokes"]


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
    image, mask = as_fillable(image, mask)
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
        radius: of the neighbourhood that each mean is taken over, in pixels, 1 to 100. On thin lines 2 is a little better; for
            :func:`navier_stokes` 1 is.

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

    Value and slope go over the rim without a step, which is why it leads the methods that learn nothing on thin lines; in a large hole
    nothing but a smooth gradient remains. Filled values stay between the smallest and the largest known value of their channel.

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

    return fill_each(image, mask, lambda picture, hole: inpaint_biharmonic(picture, hole, channel_axis=-1))


def _opencv(image: Tensor, mask: Tensor, radius: float, method: str) -> Tensor:
    import cv2

    check_number(radius, "radius", 1, 100, "1 to 100 pixels")

    def fill(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
        # A frame of one more pixel of hole: without it OpenCV is off by one along the edges, and reads pixels under the hole while
        # it fills others (most results then depend on what was there). 16 bits: Telea's method adds a slope of up to 1.4 levels,
        # whatever their size, which makes noise of 8-bit flat areas; and half a level for rounding, in floating point too.
        framed = np.pad(np.rint(picture * 65535).astype(np.uint16), ((1, 1), (1, 1), (0, 0)))
        frame_hole = np.pad(hole, 1, constant_values=True).astype(np.uint8)
        channels = [np.ascontiguousarray(framed[..., c]) for c in range(framed.shape[2])]
        filled = np.dstack([cv2.inpaint(channel, frame_hole, radius, getattr(cv2, method)) for channel in channels])
        return filled[1:-1, 1:-1] / 65535

    return fill_each(image, mask, fill)
