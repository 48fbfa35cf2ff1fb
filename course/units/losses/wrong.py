"""The known mistakes of the unit ``losses``, computed; how a student writes them is the business of ``mutants.py``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.ndimage
import torch
from torch import Tensor

# --- best_answer ------------------------------------------------------------------------------------------------------------------------


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(0)


def _median(values: np.ndarray) -> np.ndarray:
    return np.sort(values, 0)[len(values) // 2]


def _answers(squared: Callable[[np.ndarray], Any], absolute: Callable[[np.ndarray], Any]) -> Callable[..., np.ndarray]:
    def answer(truths: Tensor, squared_error: bool = True) -> np.ndarray:
        values = truths.double().numpy()
        return np.broadcast_to((squared if squared_error else absolute)(values), values.shape[1:])

    return lambda truths, squared=True: answer(truths, squared)


def _most_frequent(pick: Callable[[np.ndarray], float]) -> Callable[[np.ndarray], np.ndarray]:
    """Of several values that come equally often, ``pick`` chooses."""

    def mode(values: np.ndarray) -> np.ndarray:
        counts = (values[:, None] == values[None]).sum(1)  # (K, ...): how often each value comes
        best = np.where(counts == counts.max(0), values, np.nan)
        return np.apply_along_axis(lambda column: pick(column[~np.isnan(column)]), 0, best)

    return mode


_MODES = [_most_frequent(np.min), _most_frequent(np.max), _most_frequent(lambda column: column[0])]
ANSWER_MEAN = [_answers(_mean, _mean)]
ANSWER_MEDIAN = [_answers(_median, _median)]
ANSWER_SWAPPED = [_answers(_median, _mean)]
ANSWER_ALL_PIXELS = [
    _answers(np.mean, lambda values: np.sort(values, None)[values.size // 2]),
    _answers(np.mean, lambda values: np.sort(values, None)[(values.size - 1) // 2]),
    _answers(np.mean, np.median),
    _answers(np.mean, _median),
    _answers(_mean, lambda values: np.sort(values, None)[(values.size - 1) // 2]),
    _answers(_mean, np.median),
]
ANSWER_MIDRANGE = [
    _answers(_mean, lambda values: (values.min(0) + values.max(0)) / 2),
    _answers(lambda values: (values.min(0) + values.max(0)) / 2, _median),
    _answers(*[lambda values: (values.min(0) + values.max(0)) / 2] * 2),
]
ANSWER_UNSORTED = [_answers(_mean, lambda values: values[len(values) // 2]), _answers(lambda values: values[len(values) // 2], _mean)]
ANSWER_MODE = [_answers(_mean, mode) for mode in _MODES]

# --- gram -------------------------------------------------------------------------------------------------------------------------------


def _gram(maps: Tensor, divided: Callable[[int, int, int, int], float], centred: bool = False, laid: bool = True) -> np.ndarray:
    """The right matrix, or one with another divisor, from maps minus their means, or from maps whose numbers were laid out anew."""
    values = maps.double().numpy()
    b, c, h, w = values.shape
    flat = values.reshape(b, c, h * w) if laid else values.reshape(b, h * w, c).transpose(0, 2, 1)
    if centred:
        flat = flat - flat.mean(2, keepdims=True)
    return np.einsum("bip,bjp->bij", flat, flat) / divided(b, c, h, w)


def _right(b: int, c: int, h: int, w: int) -> float:
    return c * h * w


GRAM_NOT_DIVIDED = [partial(_gram, divided=lambda b, c, h, w: 1)]
GRAM_INVERSE = [partial(_gram, divided=lambda b, c, h, w: 1 / (c * h * w))]
GRAM_PLACES = [partial(_gram, divided=lambda b, c, h, w: h * w)]
GRAM_BATCH = [partial(_gram, divided=lambda b, c, h, w: b * c * h * w)]
GRAM_SQUARE = [partial(_gram, divided=lambda b, c, h, w: c * c), partial(_gram, divided=lambda b, c, h, w: c * c * h * w), partial(_gram, divided=lambda b, c, h, w: c * c * c * h * w)]
GRAM_CENTRED = [partial(_gram, divided=divide, centred=True) for divide in (_right, lambda b, c, h, w: h * w, lambda b, c, h, w: 1, lambda b, c, h, w: max(h * w - 1, 1))]
GRAM_LAID_OUT = [partial(_gram, divided=divide, laid=False) for divide in (_right, lambda b, c, h, w: h * w, lambda b, c, h, w: 1)]
GRAM_LENGTHS = [lambda maps: _unit(maps)]


def _unit(maps: Tensor) -> np.ndarray:
    """Cosines: each map brought to length 1."""
    raw = _gram(maps, lambda b, c, h, w: 1)
    lengths = np.sqrt(np.einsum("bii->bi", raw))
    return raw / np.maximum(lengths[:, :, None] * lengths[:, None], 1e-12)


# --- variation --------------------------------------------------------------------------------------------------------------------------


def _variation(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    shown: str = "composited",
    grown: str = "square",
    ends: str = "both",
    over: str = "values",
    power: int = 1,
    wraps: bool = False,
) -> float:
    """The right sum, or one with any of these mistakes."""
    known = mask.double().numpy() > 0
    x, y = prediction.double().numpy(), target.double().numpy()
    picture = {"composited": np.where(known, y, x), "raw": x, "inside out": np.where(known, x, y)}[shown]
    shape = {"square": np.ones((3, 3)), "cross": None}.get(grown)
    region = ~known if grown != "everything" else np.ones_like(known)
    if grown in ("square", "cross"):
        region = np.stack([scipy.ndimage.binary_dilation(hole[0], shape)[None] for hole in region])
    if grown == "the known":
        region = known
    total = 0.0
    for axis in (2, 3):
        if wraps:
            a, b, ra, rb = picture, np.roll(picture, 1, axis), region, np.roll(region, 1, axis)
        else:
            first, last = np.arange(picture.shape[axis] - 1), np.arange(1, picture.shape[axis])
            a, b = picture.take(last, axis), picture.take(first, axis)
            ra, rb = region.take(last, axis), region.take(first, axis)
        counts = {"both": ra & rb, "last": ra, "first": rb, "either": ra | rb}[ends]
        total += float((np.abs(a - b) ** power * counts).sum())
    count = {"values": picture.size, "region": region.sum(), "region's values": region.sum() * picture.shape[1], "hole": (~known).sum()}
    count |= {"hole's values": (~known).sum() * picture.shape[1], "nothing": 1, "places": known.size, "pixels": picture[:, 0].size}
    return total / max(float(count[over]), 1.0)


def _mistakes(**choices: Sequence[Any]) -> list[Callable[..., Any]]:
    """The sum with each combination of these."""
    return [partial(_variation, **dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


_ENDS = ("both", "last", "first")
_OVER = ("values", "region", "region's values", "hole", "hole's values")
# Within the undilated hole, both ends inside, the prediction is all there is: not to composite is no mistake then.
VARIATION_RAW = _mistakes(shown=["raw"], ends=_ENDS, over=_OVER[:2]) + _mistakes(shown=["raw"], grown=["none"], ends=_ENDS[1:], over=_OVER[:2])
VARIATION_NOT_GROWN = _mistakes(grown=["none"], ends=_ENDS, over=_OVER)
VARIATION_ONE_END = _mistakes(ends=["last", "first"], over=_OVER) + _mistakes(ends=["either"])
VARIATION_OVER = _mistakes(over=_OVER[1:]) + _mistakes(over=["nothing", "places", "pixels"])
VARIATION_EVERYTHING = _mistakes(grown=["everything", "the known"]) + _mistakes(grown=["everything"], shown=["raw"])
VARIATION_CROSS = _mistakes(grown=["cross"])
VARIATION_SQUARED = _mistakes(power=[2])
VARIATION_WRAPS = _mistakes(wraps=[True], ends=["both", "last"])

# --- normalise --------------------------------------------------------------------------------------------------------------------------


def _norm(
    x: Tensor,
    gain: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    frozen: bool = False,
    *,
    uses: str = "right",
    keeps: str = "right",
    unbiased: tuple[bool, bool] = (False, True),
    dims: tuple[int, ...] = (0, 2, 3),
    dims_kept: tuple[int, ...] = (0, 2, 3),
    root: str = "inside",
    momentum: float = 0.1,
    affine: str = "right",
) -> tuple[Tensor, Tensor, Tensor]:
    """The right layer, or one with any of these mistakes."""
    x, gain, shift, mean, variance = (v.double() for v in (x, gain, shift, mean, variance))
    batch = [x.mean(dims, keepdim=True), _variance(x, dims, unbiased[0])]
    stored = [v[None, :, None, None] for v in (mean, variance)]
    running = {"right": frozen, "always": True, "never": False, "swapped": not frozen}[uses]
    centre, spread = stored if running else batch
    divisor = {"inside": (spread + 1e-5).sqrt(), "outside": spread.sqrt() + 1e-5, "none": spread + 1e-5}[root]
    y = (x - centre) / divisor
    g, s = gain[None, :, None, None], shift[None, :, None, None]
    y = {"right": y * g + s, "left out": y, "shift first": (y + s) * g, "only if not frozen": y if frozen else y * g + s}[affine]
    if {"right": not frozen, "always": True, "never": False}[keeps]:
        flat = [v.mean((0, 2, 3)) for v in (x.mean(dims_kept, keepdim=True), _variance(x, dims_kept, unbiased[1]))]
        mean, variance = (torch.lerp(old, new, momentum) for old, new in zip((mean, variance), flat, strict=True))
    return y, mean, variance


def _variance(x: Tensor, dims: tuple[int, ...], unbiased: bool) -> Tensor:
    with np.errstate(all="ignore"):
        return ((x - x.mean(dims, keepdim=True)) ** 2).sum(dims, keepdim=True) / max(np.prod([x.shape[d] for d in dims]) - unbiased, 1)


NORM_BATCH_WHEN_FROZEN = [partial(_norm, uses="never"), partial(_norm, uses="never", keeps="always")]
NORM_STILL_FOLLOWS = [partial(_norm, keeps="always")]
NORM_NEVER_FOLLOWS = [partial(_norm, keeps="never")]
NORM_RUNNING_IN_TRAINING = [partial(_norm, uses="always"), partial(_norm, uses="swapped")]
NORM_UNBIASED = [partial(_norm, unbiased=(True, True)), partial(_norm, unbiased=(False, False)), partial(_norm, unbiased=(True, False))]
NORM_BATCH_ONLY = [
    partial(_norm, dims=dims, dims_kept=kept, unbiased=flags)
    for dims in ((2, 3), (0,), (1, 2, 3))
    for kept in ((0, 2, 3), dims)
    for flags in ((False, True), (False, False), (True, True))
]
NORM_ROOT = [partial(_norm, root="outside"), partial(_norm, root="none")]
NORM_MOMENTUM = [partial(_norm, momentum=0.9)]
NORM_AFFINE = [partial(_norm, affine=way) for way in ("left out", "shift first", "only if not frozen")]
