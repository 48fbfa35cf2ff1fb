"""The structural similarity index around each pixel, the part of :func:`inpaintlib.metrics.ssim` that is not averaging.

Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, IEEE Trans. Image Processing 13 (2004): compare two pictures through a Gaussian window, by
mean, variance and covariance.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import describe

WINDOW, _SIGMA = 11, 1.5  # side and standard deviation of the Gaussian window, in pixels
_MATRIX_SIDE = 1024  # up to this side a blur is quicker as a product of matrices than as a convolution


def similarity(x: Tensor, y: Tensor, data_range: float) -> Tensor:
    """The SSIM index (Wang et al. 2004, eq. 13) around each pixel, (B, C, H, W)."""
    if min(x.shape[-2:]) < WINDOW:
        raise ValueError(
            f"prediction is {describe(x)}; SSIM looks through a window of {WINDOW} x {WINDOW} pixels, so both sides must be at least "
            f"{WINDOW}. Measure smaller images by their errors alone."
        )
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    # Variances are differences of nearly equal numbers: 16-bit autocast would ruin them, and so would a bright picture of little contrast;
    # they stay the same when one number is taken from all values.
    with torch.autocast(x.device.type, enabled=False):
        level = y.detach().mean((-2, -1), keepdim=True)
        x, y = x - level, y - level
        mean_x, mean_y, xx, yy, xy = _blur(torch.stack((x, y, x * x, y * y, x * y)))
        variances = xx - mean_x**2 + yy - mean_y**2
        covariance = xy - mean_x * mean_y
        mean_x, mean_y = mean_x + level, mean_y + level
        return (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))


def _blur(planes: Tensor) -> Tensor:
    """Blur (..., H, W) with SSIM's Gaussian window, mirrored at the edges."""
    *_, height, width = planes.shape
    steps = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    window = torch.exp(-0.5 * (steps / _SIGMA) ** 2)
    window = window / window.sum()
    if max(height, width) <= _MATRIX_SIDE:
        return _blur_matrix(window, height).mT @ planes @ _blur_matrix(window, width)
    padded = F.pad(planes.reshape(-1, 1, height, width), [WINDOW // 2] * 4, mode="reflect")
    blurred = F.conv2d(F.conv2d(padded, window[None, None, :, None]), window[None, None, None, :])
    return blurred.reshape(planes.shape)


def _blur_matrix(window: Tensor, length: int) -> Tensor:
    """A blur is linear, hence a matrix (length, length): its rows are blurred unit vectors."""
    unit = torch.eye(length, dtype=window.dtype, device=window.device)
    mirrored = F.pad(unit[None], [WINDOW // 2] * 2, mode="reflect")[0]  # (length, length + 10)
    return mirrored.unfold(1, WINDOW, 1) @ window
