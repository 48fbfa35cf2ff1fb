"""The known mistakes of the unit ``partial_unet``, computed: "what you got is what I expect with one mask for both halves"."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# --- parameters -------------------------------------------------------------------------------------------------------------------------


def _count(width: int, *, biases: bool = True, norm: int = 2, joined: bool = True, squeeze: bool = True, head: bool = True, kernels: str = "none") -> int:
    """The count, with any part of it done wrongly."""

    def conv(cin: int, cout: int) -> int:
        counting = {"none": 0, "each weight": cout * cin * 9, "each channel": cin * 9, "each layer": 9}[kernels]
        return cout * cin * 9 + (cout if biases else 0) + counting

    down = [3, width, 2 * width, 4 * width, 8 * width]
    up = [8 * width, 4 * width, 2 * width, width, 3 if squeeze else width]
    total = sum(conv(cin, cout) + conv(cout, cout) + norm * cout for cin, cout in itertools.pairwise(down))
    total += sum(conv(2 * cin if joined else cin, cin) + conv(cin, cout) + norm * cout for cin, cout in itertools.pairwise(up))
    return total + (conv(up[-1], 3) if head else 0)


NO_BIAS = [partial(_count, biases=False)]
NO_NORM = [partial(_count, norm=0)]
NORM_COUNT = [partial(_count, norm=4), partial(_count, norm=1), partial(_count, norm=3)]
SKIPS_FORGOTTEN = [partial(_count, joined=False)]
MASK_KERNELS = [partial(_count, kernels=kind) for kind in ("each weight", "each channel", "each layer")]
NO_SQUEEZE = [partial(_count, squeeze=False)]
HEAD_FORGOTTEN = [partial(_count, head=False)]

# --- merge ------------------------------------------------------------------------------------------------------------------------------


def _merge(
    x: Tensor,
    mask: Tensor,
    skip: Tensor,
    skip_mask: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    use: str = "both",
    values: str = "own",
    weighted: bool = True,
    places: str = "all",
    after: str = "same",
    bias_everywhere: bool = False,
    skip_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """The layer after a concatenation, with any part of it done wrongly. ``use``: which mask counts for which half."""
    x, mask, skip, skip_mask, weight, bias = (t.double() for t in (x, mask, skip, skip_mask, weight, bias))
    x, mask = (F.interpolate(t, scale_factor=2) for t in (x, mask))
    first, second = {
        "both": (mask, skip_mask),
        "up": (mask, mask),
        "skip": (skip_mask, skip_mask),
        "any": (torch.maximum(mask, skip_mask),) * 2,
        "all": (mask * skip_mask,) * 2,
    }[use]
    parts = [(x, first, mask), (skip, second, skip_mask)]
    if skip_first:
        parts.reverse()
    masked = torch.cat([part * {"own": own, "same": counted, "none": 1}[values] for part, counted, own in parts], 1)
    ones = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    count = sum(F.conv2d(counted, ones, padding=1) * (part.shape[1] if weighted else 1) for part, counted, _ in parts)
    size = {"all": 9 * (masked.shape[1] if weighted else 2), "kernel": 9}[places]
    y = F.conv2d(masked, weight, padding=1) * size / count.clamp(min=1)
    shift = bias[:, None, None]
    y = torch.where(count > 0, y, torch.zeros_like(y)) + shift if bias_everywhere else torch.where(count > 0, y + shift, torch.zeros_like(y))
    known = F.conv2d(torch.maximum(mask, skip_mask), ones, padding=1) if after == "right" else count
    return y, (known > 0).double()


def _merges(**parts: Any) -> list[Callable[..., Any]]:
    return [partial(_merge, **dict(zip(parts, chosen, strict=True))) for chosen in itertools.product(*parts.values())]


HALVES = {"values": ["own", "same", "none"], "after": ["same", "right"]}
SKIP_MASK_ONLY = _merges(use=["skip"], **HALVES)
UP_MASK_ONLY = _merges(use=["up"], **HALVES)
ANY_KNOWN = _merges(use=["any"], **HALVES)
ALL_KNOWN = _merges(use=["all"], **HALVES)
UNWEIGHTED = _merges(weighted=[False])
BY_KERNEL = _merges(places=["kernel"])
BIAS_IN_HOLES = _merges(bias_everywhere=[True])
SKIP_FIRST = _merges(skip_first=[True])
NOT_MASKED = _merges(values=["none"])

# --- fair_errors ------------------------------------------------------------------------------------------------------------------------


def _errors(
    prediction: Tensor, image: Tensor, mask: Tensor, *, scale: str = "[0, 1]", mean: str = "known", colours: bool = True, composited: bool = True, over: str = "all"
) -> tuple[Tensor, Tensor]:
    """The two errors, with any part done wrongly. ``scale``: the range in which the mean fill stays."""
    prediction, image, mask = prediction.double(), image.double(), mask.double()
    target = (image + 1) / 2
    seen = image if scale != "[0, 1]" else target
    dims = (1, 2) if colours else (0, 1, 2)
    weight = mask.expand_as(seen)
    if mean == "known":
        fill = (seen * weight).sum(dims, keepdim=True) / weight.sum(dims, keepdim=True)
    elif mean == "grey holes":  # the holes of the scaled image are 0, that is grey
        fill = (((image * mask).mean(dims, keepdim=True)) + 1) / 2 if scale == "[0, 1]" else (image * mask).mean(dims, keepdim=True)
    else:
        fill = (seen * (mask if mean == "all" else 1)).mean(dims, keepdim=True)
    filled = seen * mask + fill * (1 - mask)
    if scale == "holes only":  # the known pixels are put back in the right range, the mean is not
        filled = target * mask + fill * (1 - mask)
    shown = prediction * (1 - mask) + target * mask if composited else prediction
    against = image if scale == "target" else target
    if scale == "target":
        shown = prediction * (1 - mask) + image * mask if composited else prediction
    errors = [(picture - against).square() for picture in (shown, filled)]
    if over == "hole":
        holes = (1 - mask).expand_as(image)
        share = holes.sum().clamp(min=1)
        return (errors[0] * holes).sum() / share, (errors[1] * holes).sum() / share
    return errors[0].mean(), errors[1].mean()


def _comparisons(**parts: Any) -> list[Callable[..., Any]]:
    return [partial(_errors, **dict(zip(parts, chosen, strict=True))) for chosen in itertools.product(*parts.values())]


MEANS, KEPT = ["known", "all", "grey holes"], [True, False]
WRONG_RANGE = _comparisons(scale=["left", "holes only", "target"], mean=MEANS, composited=KEPT)
MEAN_WITH_HOLES = _comparisons(mean=["all", "grey holes"], composited=KEPT)
NOT_COMPOSITED = _comparisons(composited=[False])
SEES_THE_HOLE = _comparisons(mean=["truth"], composited=KEPT)
ONE_MEAN = _comparisons(colours=[False], composited=KEPT)
OVER_HOLE = _comparisons(over=["hole"])

# --- lowest_mse -------------------------------------------------------------------------------------------------------------------------


def _floor(target: Tensor, low: float, high: float, *, below: bool = True, above: bool = True, power: int = 2, divide: str = "all") -> float:
    t = target.double()
    short, beyond = (low - t).clamp(min=0) * below, (t - high).clamp(min=0) * above
    error = (short + beyond) ** power
    outside = ((t < low) | (t > high)).sum().clamp(min=1)
    return float(error.sum() / {"all": t.numel(), "outside": outside, "nothing": 1}[divide])


def _stretched(target: Tensor, low: float, high: float) -> float:
    """The target brought into the range from [-1, 1], and the error against the target as it was."""
    t = target.double()
    return float((low + (t + 1) / 2 * (high - low) - t).square().mean())


BELOW_ONLY = [partial(_floor, above=False)]
ABOVE_ONLY = [partial(_floor, below=False)]
NOT_SQUARED = [partial(_floor, power=1)]
OUTSIDE_ONLY = [partial(_floor, divide="outside")]
NOT_DIVIDED = [partial(_floor, divide="nothing")]
STRETCHED = [_stretched]
