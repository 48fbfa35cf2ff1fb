"""The known mistakes of the unit ``metrics``, computed: "what you got is what I expect with the range of bytes".

Each entry is a list of functions, called as the oracle is, that make the same mistake in the ways in which it can be made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course.checks.task import Case
from course.units.metrics.cases import library_mse, library_psnr

# --- hole_mse ---------------------------------------------------------------------------------------------------------------------------


def _error(
    prediction: Tensor, target: Tensor, mask: Tensor, *, over: str = "hole", divide: str = "numbers", power: int = 2, batch: bool = False
) -> Tensor:
    """The error summed over a region, divided by one thing or another."""
    chosen = {"hole": 1 - mask, "known": mask, "all": torch.ones_like(mask)}[over].double()
    error = (prediction.double() - target.double()).abs() ** power * chosen
    dims = tuple(range(4)) if batch else (1, 2, 3)
    channels = prediction.shape[1]
    pixels = {"numbers": chosen * channels, "mask": chosen, "image": torch.ones_like(chosen) * channels, "nothing": chosen}[divide].sum(dims)
    return error.sum(dims) / (1 if divide == "nothing" else pixels)


ONE_NUMBER = [
    partial(_error, batch=True),
    lambda prediction, target, mask: library_mse(prediction, target, mask).mean(),
    lambda prediction, target, mask: library_mse(prediction, target, mask).mean()[None],
    lambda prediction, target, mask: _error(prediction, target, mask, batch=True)[None],
    lambda prediction, target, mask: library_mse(prediction, target, mask).sum(),
]
WHOLE_IMAGE = [partial(_error, divide="image"), partial(_error, over="all"), partial(_error, divide="image", batch=True), partial(_error, over="all", batch=True)]
CHANNELS_FORGOTTEN = [partial(_error, divide="mask"), partial(_error, divide="mask", batch=True)]
KNOWN_REGION = [partial(_error, over="known"), partial(_error, over="known", divide="mask"), partial(_error, over="known", batch=True)]
NOT_SQUARED = [partial(_error, power=1), partial(_error, power=1, divide="mask"), partial(_error, power=1, divide="image")]
NOT_DIVIDED = [partial(_error, divide="nothing"), partial(_error, divide="nothing", batch=True)]

# --- psnr ---------------------------------------------------------------------------------------------------------------------------------


def _decibels(
    prediction: Tensor, target: Tensor, data_range: float, *, peak: float | None = None, power: int = 2, factor: float = 10.0, natural: bool = False
) -> Tensor:
    mse = (prediction.double() - target.double()).square().flatten(1).mean(1)
    ratio = torch.as_tensor(data_range if peak is None else peak, dtype=torch.float64) ** power / mse
    return factor * (ratio.log() if natural else ratio.log10())


def _of_mean(prediction: Tensor, target: Tensor, data_range: float) -> Tensor:
    return 10 * torch.log10(data_range**2 / (prediction.double() - target.double()).square().mean())


def _largest(prediction: Tensor, target: Tensor, data_range: float, *, each: bool) -> Tensor:
    top = target.double().flatten(1).amax(1) if each else target.double().max()
    return library_psnr(prediction, target, 1.0) + 20 * torch.log10(top)


PEAK_FIXED = [partial(_decibels, peak=255.0), partial(_decibels, peak=1.0)]
PEAK_OF_IMAGE = [partial(_largest, each=True), partial(_largest, each=False)]
RANGE_NOT_SQUARED = [partial(_decibels, power=1)]
NATURAL = [partial(_decibels, natural=True)]
TWENTY = [partial(_decibels, factor=20.0)]
UPSIDE_DOWN = [lambda prediction, target, data_range: -library_psnr(prediction, target, data_range)]
BATCH_FIRST = [
    _of_mean,
    lambda prediction, target, data_range: _of_mean(prediction, target, data_range)[None],
    lambda prediction, target, data_range: _of_mean(prediction, target, data_range).expand(len(target)),
    lambda prediction, target, data_range: library_psnr(prediction, target, data_range).mean(),
    lambda prediction, target, data_range: library_psnr(prediction, target, data_range).mean()[None],
]

# --- ssim_window --------------------------------------------------------------------------------------------------------------------------


def ssim_with(
    x: Tensor,
    y: Tensor,
    data_range: float,
    *,
    constants: str = "right",
    spread: str = "variance",
    centred: bool = True,
    brightness: bool = True,
    correction: int = 0,
) -> float:
    """SSIM of one window with any of its parts done wrongly."""
    a, b = x.double(), y.double()
    c1, c2 = 0.01 * (1 if constants == "no range" else data_range), 0.03 * (1 if constants == "no range" else data_range)
    if constants != "not squared":
        c1, c2 = c1**2, c2**2
    if constants == "none":
        c1 = c2 = 0.0
    mean_a, mean_b = a.mean(), b.mean()
    var_a, var_b = a.var(correction=correction), b.var(correction=correction)
    if spread == "deviation":
        var_a, var_b = var_a.sqrt(), var_b.sqrt()
    n = a.numel()
    together = ((a - mean_a) * (b - mean_b)).sum() / (n - correction) if centred else (a * b).mean()
    value = (2 * together + c2) / (var_a + var_b + c2)
    if brightness:
        value = value * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float(value)


def _ssim_mistakes(**parts: Sequence[Any]) -> list[Callable[..., float]]:
    """Every combination of the given parts; what is not given is right."""
    return [partial(ssim_with, **dict(zip(parts, chosen, strict=True))) for chosen in itertools.product(*parts.values())]


SPREADS, CENTRED, CORRECTIONS = ("variance", "deviation"), (True, False), (0, 1)
CONSTANTS_NOT_SQUARED = _ssim_mistakes(constants=["not squared"], spread=SPREADS, centred=CENTRED, correction=CORRECTIONS)
DEVIATIONS = _ssim_mistakes(spread=["deviation"], centred=CENTRED, correction=CORRECTIONS)
NOT_CENTRED = _ssim_mistakes(centred=[False], correction=CORRECTIONS)
RANGE_IGNORED = _ssim_mistakes(constants=["no range", "none"])
NO_BRIGHTNESS = _ssim_mistakes(brightness=[False])
SAMPLE_VARIANCE = _ssim_mistakes(correction=[1])

# --- precision_recall -----------------------------------------------------------------------------------------------------------------------


def _ratios(probability: Tensor, mask: Tensor, threshold: float, *, positive: str = "hole", at: bool = False, soft: bool = False, nothing: float = 1.0) -> tuple[float, float]:
    hole = (mask == 0).double()
    claimed = (probability >= threshold if at else probability > threshold).double()
    if soft:
        claimed = probability.double()
    if positive == "known":
        hole, claimed = 1 - hole, 1 - claimed
    if positive == "mask":  # the mask is read the other way round
        hole = 1 - hole
    both = float((claimed * hole).sum())

    def ratio(whole: float) -> float:
        return both / whole if whole else nothing

    return ratio(float(claimed.sum())), ratio(float(hole.sum()))


SWAPPED = [lambda probability, mask, threshold: _ratios(probability, mask, threshold)[::-1]]
POLARITY = [partial(_ratios, positive="known"), partial(_ratios, positive="mask"), partial(_ratios, positive="mask", nothing=0.0), partial(_ratios, positive="known", nothing=0.0)]
AT_THRESHOLD = [partial(_ratios, at=True)]
NOT_THRESHOLDED = [partial(_ratios, soft=True), partial(_ratios, soft=True, nothing=0.0)]
NOTHING_IS_ZERO = [partial(_ratios, nothing=0.0)]


def _accuracy(probability: Tensor, mask: Tensor, threshold: float) -> tuple[float, None]:
    """The share of pixels that were judged right, in place of the precision; of the recall this says nothing."""
    return float(((probability > threshold) == (mask == 0)).double().mean()), None


ACCURACY = [_accuracy, lambda probability, mask, threshold: (None, _accuracy(probability, mask, threshold)[0])]


def divides_by_zero(case: Case, got: Any, expected: Any) -> bool:
    """NaN, infinity or a ZeroDivisionError, where nothing was called a hole or there is none."""
    claimed, hole = (case.arguments["probability"] > case.arguments["threshold"]).any(), (case.arguments["mask"] == 0).any()
    if bool(claimed) and bool(hole):
        return False
    if isinstance(got, BaseException):
        return isinstance(got, ZeroDivisionError)
    return isinstance(got, tuple) and any(not np.isfinite(value).all() for value in got)
