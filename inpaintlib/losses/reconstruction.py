"""Reconstruction: how far is the prediction from the one undamaged image that there is?

The norms divide by the number of values they sum over, so that 0.05 reads "off by 5 % of the range". Liu et al. divide by the number of
values of the whole image instead, which makes large holes weigh more: that is ``over="image"``.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._ssim import WINDOW, similarity
from inpaintlib.losses._common import checked, counted, wide

__all__ = ["border_weighted", "hole_l1", "hole_log_mse", "hole_mse", "l1", "mse", "ssim_loss", "valid_l1", "valid_mse"]

Over = Literal["region", "image"]


def hole_l1(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    r"""Mean absolute error inside the holes, ||(1 - M) (x_out - x)||_1 / N.

    Args:
        prediction: float (B, C, H, W), what the network says for every pixel.
        target: the undamaged image, same shape.
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        over: N counts the values in the ``"region"`` (of the whole batch) or in the ``"image"`` (as Liu et al. do).

    Returns:
        A scalar, at most 1 where both are in [0, 1]; 0 where there is no hole.

    Raises:
        TypeError: no float images, or no mask.
        ValueError: shapes that do not fit each other, mask values other than 0 and 1, or another ``over``.

    Source: G. Liu et al., Image inpainting for irregular holes using partial convolutions, ECCV 2018, section 3.3.

    >>> import torch
    >>> mask = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    >>> hole_l1(torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25), mask)
    tensor(0.5000)
    >>> hole_l1(torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25), mask, over="image")
    tensor(0.1250)
    """
    mask = checked(prediction, target, mask)
    return _region_mean((prediction - target).abs(), 1 - mask, over)


def valid_l1(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    r"""Mean absolute error on the known pixels, ||M (x_out - x)||_1 / N; arguments and errors as in :func:`hole_l1`.

    It teaches the network to copy what it was given; without it the raw prediction may be anything outside the holes.

    Source: G. Liu et al., ECCV 2018, section 3.3.
    """
    mask = checked(prediction, target, mask)
    return _region_mean((prediction - target).abs(), mask, over)


def hole_mse(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    r"""Mean squared error inside the holes, ||(1 - M) (x_out - x)||_2^2 / N; arguments and errors as in :func:`hole_l1`.

    A squared error is smallest at the mean of all answers that fit, which is why it blurs where several fit.
    """
    mask = checked(prediction, target, mask)
    return _region_mean((prediction - target).square(), 1 - mask, over)


def hole_log_mse(prediction: Tensor, target: Tensor, mask: Tensor, *, floor: float = 1e-5) -> Tensor:
    r"""Mean over the images of log10(1 + MSE / floor), the MSE being that of one image's hole: for whoever wants a high mean PSNR.

    It falls by 1 for every 10 dB, so an easy picture and a hard one weigh the same, as they do in a mean of PSNRs; under
    :func:`hole_mse` the hard ones decide nearly everything.

    Args:
        prediction, target, mask: as in :func:`hole_l1`.
        floor: errors below it are good enough to hardly matter; 1e-5 is a PSNR of 50 dB.

    Returns:
        A scalar, 0 for a perfect filling; an image without a hole counts as one.

    Raises:
        TypeError, ValueError: as :func:`hole_l1`; or a floor that is not positive.

    Source: L. Chen et al., HINet, CVPRW 2021 (the PSNR as a loss); the floor is ours.

    >>> import torch
    >>> mask = torch.tensor([[[[1.0, 0.0]]]])
    >>> hole_log_mse(torch.full((1, 3, 1, 2), 0.3), torch.zeros(1, 3, 1, 2), mask, floor=0.01)  # log10(1 + 0.09 / 0.01)
    tensor(1.)
    """
    if not floor > 0:
        raise ValueError(f"floor is {floor}; expected a positive squared error, such as 1e-5.")
    hole = 1 - checked(prediction, target, mask)
    error = ((prediction - target).square() * hole).flatten(1).sum(1, dtype=wide(prediction))  # (B,)
    values = hole.flatten(1).sum(1, dtype=wide(prediction)) * prediction.shape[1]
    return torch.log10(1 + error / values.clamp(min=1) / floor).mean()


def valid_mse(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    """Mean squared error on the known pixels; arguments and errors as in :func:`hole_l1`."""
    mask = checked(prediction, target, mask)
    return _region_mean((prediction - target).square(), mask, over)


def l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error over the whole image, holes and known pixels alike; the mask must fit, but plays no part.

    Arguments and errors as in :func:`hole_l1`.
    """
    checked(prediction, target, mask)
    return (prediction - target).abs().mean()


def mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the whole image, holes and known pixels alike; the mask must fit, but plays no part.

    Arguments and errors as in :func:`hole_l1`.
    """
    checked(prediction, target, mask)
    return (prediction - target).square().mean()


def border_weighted(prediction: Tensor, target: Tensor, mask: Tensor, *, weight: float = 10.0, width: int = 4) -> Tensor:
    r"""Mean squared error over the hole and the known band around it, where an error counts tenfold: seams are what the eye finds first.

    For the Context Encoder the hole and its band are exactly the patch: 64 = 56 + 2 * 4. Use ``width=model.overlap`` with its twins.

    Args:
        prediction: float (B, C, H, W); it must predict the known band too.
        target: the undamaged image, same shape.
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        weight: of the squared errors in the band; inside the hole it is 1.
        width: of the band in pixels; a diagonal step counts as one.

    Returns:
        A scalar: the weighted sum over the number of values in hole and band (not over the sum of weights, as in the authors' code).

    Raises:
        TypeError, ValueError: as :func:`hole_l1`; a width that is no whole number from 0 on, or a weight that is not positive.

    Source: D. Pathak et al., Context Encoders, CVPR 2016, section 4, "region".

    >>> import torch
    >>> mask = torch.ones(1, 1, 3, 3)
    >>> mask[..., 1, 1] = 0  # one hole pixel, eight around it
    >>> border_weighted(torch.full((1, 3, 3, 3), 0.5), torch.zeros(1, 3, 3, 3), mask, width=1)  # (1 + 8 * 10) / 9 * 0.25
    tensor(2.2500)
    """
    if not isinstance(width, int) or width < 0:
        raise ValueError(f"width is {width!r}; expected a whole number of pixels, 0 for no band at all.")
    if not 0 < weight < math.inf:
        raise ValueError(f"weight is {weight!r}; expected a positive number, such as 10.")
    hole = 1 - checked(prediction, target, mask)
    near = F.max_pool2d(hole, 2 * width + 1, stride=1, padding=width)  # the hole, grown by the width
    weights = hole + weight * (near - hole)
    total = ((prediction - target).square() * weights).sum(dtype=wide(prediction))
    return total / counted(near.sum(dtype=wide(near)) * (prediction.numel() / near.numel()))


def ssim_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """1 - SSIM over the whole image: structure instead of single pixels; 0 where both are the same, at most 2.

    Arguments and errors as in :func:`hole_l1`, both sides at least 11 pixels; the mask must fit, but plays no part. As in
    :func:`inpaintlib.metrics.ssim` only windows wholly inside the image count: pair it with an L1 loss that holds the outermost pixels.

    Source: Z. Wang et al., IEEE Trans. Image Processing 13 (2004); as a loss, H. Zhao et al., IEEE Trans. Computational Imaging 3 (2017).
    """
    checked(prediction, target, mask)
    rim = WINDOW // 2
    x, y = prediction.to(wide(prediction)), target.to(wide(target))  # in 16 bits nothing would be left of the variances
    return 1 - similarity(x, y, 1.0)[..., rim:-rim, rim:-rim].mean()


def _region_mean(error: Tensor, region: Tensor, over: Over) -> Tensor:
    if over not in ("region", "image"):
        raise ValueError(f'over is {over!r}; expected "region" or "image".')
    total = (error * region).sum(dtype=wide(error))  # (B, C, H, W) * (B, 1, H, W): the mask serves all channels
    if over == "image":
        return total / error.numel()
    return total / counted(region.sum(dtype=wide(region)) * (error.numel() / region.numel()))  # exactly 0 for an empty region
