"""Named wrong solutions of the unit ``partial_unet``, two for each misconception, and right ones that are written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in loops and in another
manner, to see whether the mistake is recognised (``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- parameters -------------------------------------------------------------------------------------------------------------------------


def _rows(width, *, mistake=""):
    """A list of (in, out, batch norm behind it?), counted row by row."""
    last = width if mistake == "no_squeeze" else 3
    down, up = [3, width, 2 * width, 4 * width, 8 * width], [8 * width, 4 * width, 2 * width, width, last]
    rows = [row for cin, cout in pairwise(down) for row in ((cin, cout, False), (cout, cout, True))]
    double = 1 if mistake == "skips_forgotten" else 2
    rows += [row for cin, cout in pairwise(up) for row in ((double * cin, cin, False), (cin, cout, True))]
    rows += [] if mistake == "head_forgotten" else [(last, 3, False)]
    learned = {"no_norm": 0, "norm_count": 4}.get(mistake, 2)
    kernels = 2 if mistake == "mask_kernels" else 1
    return sum(kernels * 9 * cin * cout + (mistake != "no_bias") * cout + norm * learned * cout for cin, cout, norm in rows)


def _polynomial(width, *, mistake=""):
    """Multiplied out by hand: weights grow with the square of the width, biases and norms in proportion."""
    w = width
    squares = (1 + 4 + 16 + 64) + (2 + 8 + 32)  # down: the second of each stage, the first of the last three
    first, second = (64 + 16 + 4 + 1) * (1 if mistake == "skips_forgotten" else 2), 32 + 8 + 2
    colours = w if mistake == "no_squeeze" else 3
    weights = 9 * (squares + first + second) * w * w + 9 * 3 * w + 9 * w * colours
    biases = 2 * 15 * w + 15 * w + 7 * w + colours
    norms = (15 * w + 7 * w + colours) * {"no_norm": 0, "norm_count": 1}.get(mistake, 2)
    head = (0, 0) if mistake == "head_forgotten" else (9 * colours * 3, 3)
    total = weights + norms + head[0] + (0 if mistake == "no_bias" else biases + head[1])
    return total + (9 * 17 if mistake == "mask_kernels" else 0)


# --- merge ------------------------------------------------------------------------------------------------------------------------------


def _channelwise(x, mask, skip, skip_mask, weight, bias, *, mistake=""):
    """A mask for every channel."""
    x, mask = F.interpolate(x, scale_factor=2), F.interpolate(mask, scale_factor=2)
    own = torch.cat([mask.expand_as(x), skip_mask.expand_as(skip)], 1)
    if mistake == "skip_mask_only":
        mask = skip_mask
    if mistake == "up_mask_only":
        skip_mask = mask
    if mistake == "any_known":
        mask = skip_mask = ((mask + skip_mask) > 0).float()
    if mistake == "all_known":
        mask = skip_mask = mask * skip_mask
    known, values = torch.cat([mask.expand_as(x), skip_mask.expand_as(skip)], 1), torch.cat([x, skip], 1)
    if mistake == "skip_first":
        known, own = torch.cat([skip_mask.expand_as(skip), mask.expand_as(x)], 1), torch.cat([skip_mask.expand_as(skip), mask.expand_as(x)], 1)
        values = torch.cat([skip, x], 1)
    channels = known.shape[1]
    count = F.conv2d(known, torch.ones(1, channels, 3, 3), padding=1)
    if mistake == "unweighted":
        count = F.conv2d(mask + skip_mask, torch.ones(1, 1, 3, 3), padding=1)
    places = {"by_kernel": 9, "unweighted": 18}.get(mistake, 9 * channels)
    y = F.conv2d(values if mistake == "not_masked" else values * own, weight, padding=1) * places / count.clamp(min=1)
    shift = bias[None, :, None, None]
    y = y * (count > 0) + shift if mistake == "bias_in_holes" else (y + shift) * (count > 0)
    return y, (count > 0).float()


def _place_by_place(x, mask, skip, skip_mask, weight, bias, *, mistake=""):
    """One window after another, in NumPy."""
    x, mask, skip, skip_mask, weight, bias = (t.double().numpy() for t in (x, mask, skip, skip_mask, weight, bias))
    x, mask = (t.repeat(2, axis=2).repeat(2, axis=3) for t in (x, mask))
    a, b = mask, skip_mask
    if mistake == "skip_mask_only":
        a = b
    elif mistake == "up_mask_only":
        b = a
    elif mistake == "any_known":
        a = b = np.maximum(a, b)
    elif mistake == "all_known":
        a = b = np.minimum(a, b)
    first, second = (skip, x) if mistake == "skip_first" else (x, skip)
    own_first, own_second = (b, a) if mistake == "skip_first" else (a, b)
    if mistake != "not_masked":
        first, second = first * own_first, second * own_second
    shown = np.concatenate([first, second], 1)
    shown = np.pad(shown, ((0, 0), (0, 0), (1, 1), (1, 1)))
    a, b = (np.pad(m, ((0, 0), (0, 0), (1, 1), (1, 1))) for m in (a, b))
    batch, _, rows, columns = skip.shape
    y, known = np.zeros((batch, len(weight), rows, columns)), np.zeros((batch, 1, rows, columns))
    for n, i, j in np.ndindex(batch, rows, columns):
        one, two = a[n, 0, i : i + 3, j : j + 3].sum(), b[n, 0, i : i + 3, j : j + 3].sum()
        there, places = one * x.shape[1] + two * skip.shape[1], 9 * (x.shape[1] + skip.shape[1])
        if mistake == "unweighted":
            there, places = one + two, 18
        if mistake == "by_kernel":
            places = 9
        if there > 0:
            window = shown[n, :, i : i + 3, j : j + 3]
            y[n, :, i, j] = (weight * window).sum((1, 2, 3)) * places / there + bias
            known[n, 0, i, j] = 1
        elif mistake == "bias_in_holes":
            y[n, :, i, j] = bias
    return torch.from_numpy(y), torch.from_numpy(known)


# --- fair_errors ------------------------------------------------------------------------------------------------------------------------


def found(prediction, image, mask):
    """The two errors, as they were found: three bugs."""
    target = (image + 1) / 2
    damaged = image * mask
    mean = damaged.mean((1, 2), keepdim=True)
    filled = damaged + mean * (1 - mask)
    return ((prediction - target) ** 2).mean(), ((filled - target) ** 2).mean()


def _tensors(prediction, image, mask, *, mistake=""):
    target = (image + 1) / 2
    seen = image if mistake == "wrong_range" else target
    dims = (0, 1, 2) if mistake == "one_mean" else (1, 2)
    mean = (seen * mask).sum(dims, keepdim=True) / mask.expand_as(seen).sum(dims, keepdim=True)
    if mistake == "mean_with_holes":
        mean = (seen * mask).mean(dims, keepdim=True)
    if mistake == "sees_the_hole":
        mean = seen.mean(dims, keepdim=True)
    filled = torch.where(mask > 0, seen, mean)
    picture = prediction if mistake == "not_composited" else torch.where(mask > 0, target, prediction)
    errors = [((p - target) ** 2) for p in (picture, filled)]
    if mistake == "over_hole":
        return tuple((e * (1 - mask)).sum() / max(3 * float((1 - mask).sum()), 1.0) for e in errors)
    return errors[0].mean(), errors[1].mean()


def _colour_by_colour(prediction, image, mask, *, mistake=""):
    known = mask[0].flatten().tolist()
    right = [[(v + 1) / 2 for v in channel.flatten().tolist()] for channel in image]
    everything = [v for channel in right for v, k in zip(channel, known, strict=True) if k]
    network = mean_fill = 0.0
    for channel, raw in zip(right, prediction, strict=True):
        here = [v for v, k in zip(channel, known, strict=True) if k]
        mean = sum(here) / len(here)
        if mistake == "one_mean":
            mean = sum(everything) / len(everything)
        if mistake == "mean_with_holes":  # the holes of the scaled image are 0: grey
            mean = sum(v if k else 0.5 for v, k in zip(channel, known, strict=True)) / len(channel)
        if mistake == "sees_the_hole":
            mean = sum(channel) / len(channel)
        if mistake == "wrong_range":  # known pixels are put back in the right range, the mean is not
            mean = 2 * mean - 1
        for v, p, k in zip(channel, raw.flatten().tolist(), known, strict=True):
            if not k:
                mean_fill += (mean - v) ** 2
            if not k or mistake == "not_composited":
                network += (p - v) ** 2
    numbers = 3 * len(known)
    if mistake == "over_hole":
        numbers = max(3 * known.count(0.0), 1)
    return network / numbers, mean_fill / numbers


# --- lowest_mse -------------------------------------------------------------------------------------------------------------------------


def _distances(target, low, high, *, mistake=""):
    t = target.double()
    if mistake == "stretched":
        return (((t + 1) / 2 * (high - low) + low - t) ** 2).mean()
    below, above = torch.relu(low - t), torch.relu(t - high)
    distance = {"below_only": below, "above_only": above}.get(mistake, below + above)
    error = distance if mistake == "not_squared" else distance**2
    if mistake == "outside_only":
        return error.sum() / max(int((distance > 0).sum()), 1)
    return error.sum() if mistake == "not_divided" else error.mean()


def _number_by_number(target, low, high, *, mistake=""):
    total, count = 0.0, 0
    for value in target.flatten().tolist():
        nearest = min(max(value, low), high)
        if mistake == "below_only":
            nearest = max(value, low)
        elif mistake == "above_only":
            nearest = min(value, high)
        elif mistake == "stretched":
            nearest = low + 0.5 * (value + 1) * (high - low)
        gap = abs(value - nearest)
        total += gap if mistake == "not_squared" else gap * gap
        count += gap > 0 if mistake == "outside_only" else 1
    return total if mistake == "not_divided" else total / max(count, 1)


MUTANTS = {
    "partial_unet/parameters": _pairs(["skips_forgotten", "no_bias", "no_norm", "norm_count", "mask_kernels", "no_squeeze", "head_forgotten"], _rows, _polynomial),
    "partial_unet/merge": _pairs(
        ["by_kernel", "unweighted", "skip_mask_only", "up_mask_only", "any_known", "all_known", "bias_in_holes", "skip_first", "not_masked"],
        _channelwise,
        _place_by_place,
    ),
    "partial_unet/fair_errors": _pairs(["mean_with_holes", "sees_the_hole", "not_composited", "one_mean", "over_hole"], _tensors, _colour_by_colour)
    | {"wrong_range": Pair(found, partial(_colour_by_colour, mistake="wrong_range"))},
    "partial_unet/lowest_mse": _pairs(["below_only", "above_only", "not_squared", "outside_only", "not_divided", "stretched"], _distances, _number_by_number),
}

EQUIVALENT = {
    "partial_unet/parameters": [_rows, _polynomial, lambda width: np.int64(_rows(width)), lambda width: torch.tensor(_polynomial(width))],
    "partial_unet/merge": [_channelwise, _place_by_place, lambda *a: [t.double() for t in _channelwise(*a)], lambda *a: tuple(t.float() for t in _place_by_place(*a))],
    "partial_unet/fair_errors": [_tensors, _colour_by_colour, lambda *a: torch.stack(_tensors(*a)), lambda *a: list(_colour_by_colour(*a))],
    "partial_unet/lowest_mse": [_distances, _number_by_number, lambda *a: float(_distances(*a)), lambda target, low, high: F.mse_loss(target.clip(low, high), target)],
}
