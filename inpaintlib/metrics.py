"""How good is a filling? Every measure of quality that the course uses, one value an image, over a chosen region.

The regions of a picture with a hole:

    all        every pixel
    hole       the pixels that had to be filled
    known      the pixels that were given; a composited result is exact there
    boundary   the band along the rim: pixels of the hole at most ``width`` steps (a diagonal one counts as one) from a known
               pixel, and known pixels at most ``width`` steps from the hole. Seams show here.

Errors (MSE, MAE) are small when good; PSNR, SSIM and the measures of hole detection are large when good. Soft Dice is neither:
read its docstring. Everything runs on any device; float16 and bfloat16 images are measured in float32; gradients flow through
mse, mae, psnr, ssim and dice, so that ``1 - ssim(...)`` can be a loss.

Each function names its source; the measures of a hole map are those of C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import as_mask, describe
from inpaintlib._perceptual import perceptual
from inpaintlib._regions import Region, average, probably_in_range, region_pixels, select
from inpaintlib._ssim import WINDOW, similarity

__all__ = [
    "HoleDetection",
    "Region",
    "dice",
    "dice_of_truth",
    "hole_detection",
    "mae",
    "mse",
    "perceptual",
    "psnr",
    "region_pixels",
    "ssim",
    "ssim_map",
]


def mse(prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, region: Region | None = None, width: int = 2) -> Tensor:
    """Mean squared error over the pixels and channels of a region.

    Args:
        prediction: float (B, C, H, W) in [0, 1].
        target: the same shape and range.
        mask: (B, 1, H, W), 1 = known, 0 = hole; needed unless every pixel counts.
        region: the pixels that count: "hole", "known", "boundary" or "all"; None, without a mask, is "all".
        width: of the boundary band on either side of the rim, in pixels.

    Returns:
        (B,), in squared intensities; 0 is perfect.

    Raises:
        TypeError: not float tensors.
        ValueError: shapes differ, the mask or the region is missing, the region is empty in some image, a value is not finite, or one
            leaves [0, 1] (where there are more than 100,000, some 2,000 of them are looked at for that, spread over all images).

    >>> black, grey = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
    >>> mse(grey, black)
    tensor([0.2500])
    """
    return _error(_squared, prediction, target, mask, region, width)


def mae(prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, region: Region | None = None, width: int = 2) -> Tensor:
    """Mean absolute error (L1) over the pixels and channels of a region; arguments and errors as in :func:`mse`.

    Over a composited whole image it is the error over the hole times the hole's share of the pixels: a small hole flatters.

    Returns:
        (B,), in intensities; 0 is perfect, 1/255 is one grey level.

    >>> mae(torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2))
    tensor([0.5000])
    """
    return _error(_absolute, prediction, target, mask, region, width)


def _error(
    each: Callable[[Tensor, Tensor], Tensor],
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None,
    region: Region | None,
    width: int,
    data_range: float = 1.0,
) -> Tensor:
    """The mean of an error over a region.

    Of many values only some are looked at to see whether they leave [0, 1], since a wrong scale has many of them wrong, and a look at all
    would take half as long as the error itself. A NaN or an infinity shows in the result, wherever it is.
    """
    prediction, target, chosen = select(prediction, target, mask, region, width, data_range, look=False)
    value = average(each(prediction, target), chosen)
    if data_range == 1 and not (math.isfinite(value.detach().sum()) and probably_in_range(prediction, target)):
        select(prediction, target, None, None, width)  # looks at every value, and says what is wrong
    return value


def _squared(prediction: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(prediction, target, reduction="none")


def _absolute(prediction: Tensor, target: Tensor) -> Tensor:
    if torch.is_grad_enabled() and (prediction.requires_grad or target.requires_grad):
        return (prediction - target).abs()
    # One pass over memory in place of two: a smooth L1 whose bend is too narrow to be met. (Its second derivative at 0 would be huge.)
    return F.smooth_l1_loss(prediction, target, reduction="none", beta=4 * torch.finfo(prediction.dtype).tiny)


def psnr(
    prediction: Tensor, target: Tensor, *, data_range: float, mask: Tensor | None = None, region: Region | None = None, width: int = 2
) -> Tensor:
    """Peak signal-to-noise ratio, 10 log10(data_range^2 / MSE).

    ``data_range`` has no default, because a wrong one goes unnoticed: with the peak of 8-bit images, 255, on images in [0, 1] every
    result is 20 log10(255) = 48.13 dB too high. A published "78.56 dB" was 30.43 dB. This function warns when it looks like that.

    The mean of PSNRs is not the PSNR of the mean error (it is never smaller): tables must say which they print. Ours print the
    mean over images.

    Args:
        prediction: float (B, C, H, W) in [0, ``data_range``].
        target: the same shape and range.
        data_range: the distance between the smallest and the largest possible value: 1 for images in [0, 1], 255 for 8-bit values.
        mask, region, width: as in :func:`mse`.

    Returns:
        (B,), in dB; infinite where prediction and target are identical.

    Raises:
        TypeError: not float tensors.
        ValueError: as :func:`mse` (where ``data_range`` is not 1, every value is looked at), or ``data_range`` is not positive.

    Source: the usual definition; S. Winkler and P. Mohandas, IEEE Trans. Broadcasting 54 (2008), on what it can and cannot tell.

    >>> psnr(torch.full((1, 3, 2, 2), 0.1), torch.zeros(1, 3, 2, 2), data_range=1)
    tensor([20.])
    """
    error = _error(_squared, prediction, target, mask, region, width, data_range)
    _warn_of_a_wide_range("psnr", prediction, target, data_range, f"each result is {20 * math.log10(data_range):.2f} dB too high")
    return 10 * torch.log10(data_range**2 / error)


def _warn_of_a_wide_range(name: str, prediction: Tensor, target: Tensor, data_range: float, consequence: str) -> None:
    if data_range > 1 and float(prediction.detach().amax()) <= 1 and float(target.detach().amax()) <= 1:
        said = f"{name} got data_range={data_range:g}, but no value exceeds 1. If these images are in [0, 1], {consequence}: "
        warnings.warn(said + "pass data_range=1.", stacklevel=3)


def ssim(
    prediction: Tensor, target: Tensor, *, data_range: float, mask: Tensor | None = None, region: Region | None = None, width: int = 2
) -> Tensor:
    """Structural similarity, the mean of :func:`ssim_map` over a region and the channels.

    With ``region="all"`` only windows that lie wholly inside the image count, as in the paper (a rim of 5 pixels is left out); this
    equals scikit-image with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``. The other regions count all of
    their pixels, and windows that reach over the edge of the image see it mirrored; over all pixels this is what torchmetrics
    returns. A window that is centred in the hole sees known pixels too, so the SSIM of a hole rises with a smaller hole.

    Args:
        prediction: float (B, C, H, W) in [0, ``data_range``], both sides at least 11 pixels.
        target: the same shape and range.
        data_range: 1 for images in [0, 1], 255 for 8-bit values; no default, as a wrong one goes unnoticed.
        mask, region, width: as in :func:`mse`.

    Returns:
        (B,), between -1 and 1; 1 where prediction and target are identical.

    Raises:
        TypeError: not float tensors.
        ValueError: as :func:`psnr`, but every value is looked at, or a side is shorter than the window.

    Source: Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, IEEE Trans. Image Processing 13 (2004), eq. 13 with k1 = 0.01, k2 = 0.03.

    >>> picture = torch.rand(1, 3, 16, 16)
    >>> ssim(picture, picture, data_range=1)
    tensor([1.])
    """
    prediction, target, chosen = select(prediction, target, mask, region, width, data_range)
    _warn_of_a_wide_range("ssim", prediction, target, data_range, "each result is much too near 1")
    index = similarity(prediction, target, data_range)
    rim = WINDOW // 2
    return average(index[..., rim:-rim, rim:-rim] if chosen is None else index, chosen)


def ssim_map(prediction: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """The structural similarity around each pixel; arguments and errors as in :func:`ssim`.

    Returns:
        (B, C, H, W), between -1 and 1. Within 5 pixels of the edge the window sees the image mirrored.
    """
    prediction, target, _ = select(prediction, target, None, "all", 1, data_range)
    _warn_of_a_wide_range("ssim_map", prediction, target, data_range, "each result is much too near 1")
    return similarity(prediction, target, data_range)


def dice(prediction: Tensor, target: Tensor, *, mask: Tensor | None = None, region: Region | None = None, width: int = 2) -> Tensor:
    """Soft Dice overlap of two intensity images, 2 sum(AB) / (sum A + sum B).

    On intensities a perfect prediction does not score 1 but E[x^2] / E[x], 0.58 on average over CIFAR-10's images (0.61 over all of their
    pixels together), and other pictures score more, plain white among them: compare with :func:`dice_of_truth` before reading anything
    into a value.

    Args:
        prediction: float (B, C, H, W) in [0, 1].
        target: the same shape and range.
        mask, region, width: as in :func:`mse`.

    Returns:
        (B,), one value an image, without unit; 0 where both are black.

    Raises:
        TypeError: not float tensors.
        ValueError: shapes differ, values leave [0, 1], the mask or the region is missing, or the region is empty in some image.

    Source: L. R. Dice, Ecology 26 (1945), for sets.

    >>> dice(torch.ones(1, 3, 2, 2), torch.ones(1, 3, 2, 2))
    tensor([1.])
    """
    prediction, target, chosen = select(prediction, target, mask, region, width)
    overlap = average(prediction * target, chosen)
    size = average(prediction + target, chosen)
    # Two images of one constant c score c, so two black ones score 0, the limit; the clamp keeps 0 / 0 out.
    return 2 * overlap / size.clamp_min(torch.finfo(size.dtype).tiny)


def dice_of_truth(target: Tensor, *, mask: Tensor | None = None, region: Region | None = None, width: int = 2) -> Tensor:
    """What :func:`dice` gives a perfect prediction, E[x^2] / E[x]: the yardstick for reading a soft Dice. (B,).

    >>> dice_of_truth(torch.full((1, 3, 2, 2), 0.25))  # a flat grey image, predicted perfectly
    tensor([0.2500])
    """
    return dice(target, target, mask=mask, region=region, width=width)


class HoleDetection(NamedTuple):
    """How well a hole map was found; each (B,), between 0 and 1."""

    precision: Tensor
    recall: Tensor
    accuracy: Tensor
    dice: Tensor


def hole_detection(predicted_mask: Tensor, mask: Tensor) -> HoleDetection:
    """Compare two binary hole maps; "positive" is a hole pixel.

        precision = TP / (TP + FP)    of the pixels called hole, the share that is
        recall    = TP / (TP + FN)    of the hole's pixels, the share that was found
        accuracy  = (TP + TN) / all   flattering where holes are small: calling nothing a hole scores 0.85 on holes of 15 %
        dice      = 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall, also called F1

    A ratio of nothing to nothing counts as 1: who calls no pixel a hole has made no false claim (precision 1) but found nothing (recall 0).

    Args:
        predicted_mask: (B, 1, H, W), 1 = held for known, 0 = held for hole; threshold a detector's output first.
        mask: the true one, the same shape.

    Raises:
        TypeError: not tensors.
        ValueError: shapes differ, or values other than 0 and 1.

    >>> truth, guess = torch.tensor([[[[0, 0, 1, 1]]]]), torch.tensor([[[[0, 1, 1, 0]]]])
    >>> [float(value) for value in hole_detection(guess, truth)]
    [0.5, 0.5, 0.5, 0.5]
    """
    claimed, hole = as_mask(predicted_mask, name="predicted_mask") == 0, as_mask(mask) == 0
    if claimed.shape != hole.shape:
        raise ValueError(f"predicted_mask is {describe(predicted_mask)}, mask is {describe(mask)}; expected the same shape.")
    if claimed.device != hole.device:
        raise ValueError(f"predicted_mask is on {claimed.device}, mask on {hole.device}; move one with .to(...).")
    claimed, hole = claimed.flatten(1), hole.flatten(1)  # (B, H * W)
    both, right = (claimed & hole).sum(1), (claimed == hole).sum(1)
    return HoleDetection(
        precision=_ratio(both, claimed.sum(1)),
        recall=_ratio(both, hole.sum(1)),
        accuracy=right / hole.shape[1],
        dice=_ratio(2 * both, claimed.sum(1) + hole.sum(1)),
    )


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole == 0, torch.ones_like(part / 1), part / whole.clamp_min(1))
