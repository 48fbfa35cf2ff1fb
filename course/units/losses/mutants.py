"""Named wrong solutions of the unit ``losses``, two for each misconception, and right ones written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in another manner
(``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- best_answer ------------------------------------------------------------------------------------------------------------------------


def _tensors(truths, squared=True, *, mistake=""):
    squared = {"always_mean": True, "always_median": False, "swapped": not squared}.get(mistake, squared)
    if squared:
        return truths.mean().expand_as(truths[0]) if mistake == "all_pixels" else truths.mean(0)
    if mistake == "all_pixels":
        return truths.median().expand_as(truths[0])
    if mistake == "midrange":
        return (truths.amin(0) + truths.amax(0)) / 2
    if mistake == "unsorted":
        return truths[len(truths) // 2]
    return truths.mode(0).values if mistake == "most_frequent" else truths.median(0).values


def _one_by_one(truths, squared=True, *, mistake=""):
    """Pixel by pixel, in plain Python."""
    columns = truths.flatten(1).T.tolist()
    if mistake == "all_pixels":
        columns = [[v for column in columns for v in column]] * len(columns)
    result = []
    for column in columns:
        middle = sorted(column)[len(column) // 2]
        if mistake == "all_pixels":
            middle = statistics.median(column)
        if mistake == "unsorted":
            middle = column[len(column) // 2]
        if mistake == "midrange":
            middle = min(column) + (max(column) - min(column)) / 2
        if mistake == "most_frequent":
            middle = Counter(column).most_common(1)[0][0]
        wants_mean = squared != (mistake == "swapped")
        result.append(sum(column) / len(column) if (wants_mean and mistake != "always_median") or mistake == "always_mean" else middle)
    return torch.tensor(result).reshape(truths.shape[1:])


_ANSWER = ["always_mean", "always_median", "swapped", "all_pixels", "midrange", "unsorted", "most_frequent"]

# --- gram -------------------------------------------------------------------------------------------------------------------------------


def _product(maps, *, mistake=""):
    b, c, h, w = maps.shape
    flat = maps.reshape(b, h * w, c).transpose(1, 2) if mistake == "laid_out_anew" else maps.flatten(2)
    if mistake == "centred":
        flat = flat - flat.mean(2, keepdim=True)
    if mistake == "cosines":
        flat = F.normalize(flat, dim=2)
        return flat @ flat.transpose(1, 2)
    size = c * h * w
    divisor = {"not_divided": 1, "inverse": 1 / size, "places_only": h * w, "batch_counted": maps.numel(), "channels_squared": c**2}
    return flat @ flat.transpose(1, 2) / divisor.get(mistake, size)


def _pairs_of_maps(maps, *, mistake=""):
    """Two loops over the maps, in NumPy."""
    x = maps.numpy().astype(float)
    b, c, h, w = x.shape
    if mistake == "centred":
        x = x - x.mean((2, 3), keepdims=True)
    if mistake == "laid_out_anew":
        x = np.moveaxis(x.reshape(b, h, w, c), 3, 1)
    result = np.empty((b, c, c))
    for i in range(c):
        for j in range(c):
            together = (x[:, i] * x[:, j]).sum((1, 2))
            if mistake == "cosines":
                lengths = np.sqrt((x[:, i] ** 2).sum((1, 2)) * (x[:, j] ** 2).sum((1, 2)))
                together = np.divide(together, lengths, out=np.zeros(b), where=lengths > 0)
            elif mistake == "inverse":
                together = together * c * h * w
            elif mistake != "not_divided":
                together = together / (h * w)
                together = together if mistake == "places_only" else together / c ** (3 if mistake == "channels_squared" else 1)
                together = together / b if mistake == "batch_counted" else together
            result[:, i, j] = together
    return torch.from_numpy(result)


_GRAM = ["not_divided", "inverse", "places_only", "batch_counted", "channels_squared", "centred", "laid_out_anew", "cosines"]

# --- variation --------------------------------------------------------------------------------------------------------------------------


def found(prediction, target, mask):
    """The sum of the exercise, as it was found: four bugs."""
    region = 1 - mask
    across = (prediction[..., 1:] - prediction[..., :-1]).abs() * region[..., 1:]
    down = (prediction[..., 1:, :] - prediction[..., :-1, :]).abs() * region[..., 1:, :]
    return (across.sum() + down.sum()) / region.sum()


def _slices(prediction, target, mask, *, mistake=""):
    filled = torch.where(mask > 0, target, prediction)
    region = F.max_pool2d(1 - mask, 3, stride=1, padding=1)
    if mistake == "not_dilated":
        region = 1 - mask
    if mistake == "whole_picture":
        region = torch.ones_like(mask)
    if mistake == "cross":
        hole = F.pad(1 - mask, [1] * 4)
        parts = [hole[..., 1:-1, 1:-1], hole[..., 2:, 1:-1], hole[..., :-2, 1:-1], hole[..., 1:-1, 2:], hole[..., 1:-1, :-2]]
        region = torch.stack(parts).amax(0)
    total = 0
    for dim in (2, 3):
        n = filled.shape[dim]
        a, b = filled.narrow(dim, 1, n - 1), filled.narrow(dim, 0, n - 1)
        ra, rb = region.narrow(dim, 1, n - 1), region.narrow(dim, 0, n - 1)
        if mistake == "wraps":
            a, b, ra, rb = filled, filled.roll(1, dim), region, region.roll(1, dim)
        difference = (a - b) ** 2 if mistake == "squared" else (a - b).abs()
        total = total + (difference * (ra if mistake == "one_end" else ra * rb)).sum()
    return total / (region.sum() if mistake == "divided_by_other" else filled.numel())


def _pixel_by_pixel(prediction, target, mask, *, mistake=""):
    """Loops, a set of places for the region of each picture."""
    batch, colours, rows, columns = prediction.shape
    total, places = 0.0, 0
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if mistake != "cross" or i * j == 0]
    around = [(0, 0)] if mistake == "not_dilated" else around
    for n in range(batch):
        hole = {(r, c) for r in range(rows) for c in range(columns) if mask[n, 0, r, c] == 0}
        near = {(r + i, c + j) for r, c in hole for i, j in around if 0 <= r + i < rows and 0 <= c + j < columns}
        if mistake == "whole_picture":
            near = {(r, c) for r in range(rows) for c in range(columns)}
        places += len(near)
        for r in range(rows):
            for c in range(columns):
                for down, right in ((1, 0), (0, 1)):
                    other = ((r + down) % rows, (c + right) % columns) if mistake == "wraps" else (r + down, c + right)
                    if other[0] >= rows or other[1] >= columns:
                        continue
                    if other not in near or ((r, c) not in near and mistake != "one_end"):
                        continue
                    for colour in range(colours):
                        values = [
                            float(prediction[n, colour, i, j] if (i, j) in hole or mistake == "not_composited" else target[n, colour, i, j])
                            for i, j in ((r, c), other)
                        ]
                        step = abs(values[0] - values[1])
                        total += step**2 if mistake == "squared" else step
    return total / (places * colours if mistake == "divided_by_other" else prediction.numel())


_VARIATION = ["not_dilated", "one_end", "divided_by_other", "whole_picture", "cross", "squared", "wraps"]

# --- normalise --------------------------------------------------------------------------------------------------------------------------


def _vectors(x, gain, shift, mean, variance, frozen=False, *, mistake=""):
    column = (slice(None), None, None)
    dims = (2, 3) if mistake == "wrong_values" else (0, 2, 3)
    centre, spread = x.mean(dims, keepdim=True), x.var(dims, keepdim=True, unbiased=mistake == "wrong_variance")
    running = frozen or mistake == "running_in_training"
    if running and mistake != "batch_when_frozen":
        centre, spread = mean[column], variance[column]
    y = (x - centre) / (spread.sqrt() + 1e-5 if mistake == "wrong_root" else (spread + 1e-5).sqrt())
    y = y if mistake == "affine" and frozen else gain[column] * y + shift[column]
    if (not frozen or mistake == "still_follows") and mistake != "never_follows":
        share = 0.9 if mistake == "other_momentum" else 0.1
        mean = (1 - share) * mean + share * x.mean((0, 2, 3))
        variance = (1 - share) * variance + share * x.var((0, 2, 3))
    return y, mean, variance


def _channel_by_channel(x, gain, shift, mean, variance, frozen=False, *, mistake=""):
    """One channel after the other, in NumPy."""
    values, out = x.numpy().astype(float), np.zeros(x.shape)
    mean, variance = mean.numpy().astype(float), variance.numpy().astype(float)
    means, variances = mean.copy(), variance.copy()
    for c in range(values.shape[1]):
        channel = values[:, c]
        mu, var = channel.mean(), ((channel - channel.mean()) ** 2).mean()
        unbiased = var * channel.size / (channel.size - 1)
        use_mu, use_var = mu, unbiased if mistake == "wrong_variance" else var
        if mistake == "wrong_values":
            use_mu = channel.mean((1, 2), keepdims=True)
            use_var = channel.var((1, 2), keepdims=True)
        if (frozen and mistake != "batch_when_frozen") or mistake == "running_in_training":
            use_mu, use_var = mean[c], variance[c]
        scaled = (channel - use_mu) / (np.sqrt(use_var) + 1e-5 if mistake == "wrong_root" else np.sqrt(use_var + 1e-5))
        out[:, c] = scaled if mistake == "affine" and frozen else scaled * float(gain[c]) + float(shift[c])
        if mistake != "never_follows" and not (frozen and mistake != "still_follows"):
            old, new = (0.1, 0.9) if mistake == "other_momentum" else (0.9, 0.1)
            means[c], variances[c] = old * mean[c] + new * mu, old * variance[c] + new * unbiased
    return torch.from_numpy(out), torch.from_numpy(means), torch.from_numpy(variances)


_NORM = [
    "batch_when_frozen", "still_follows", "never_follows", "running_in_training", "wrong_variance", "wrong_values", "wrong_root", "other_momentum", "affine",
]  # fmt: skip


def _torch_norm(x, gain, shift, mean, variance, frozen=False):
    layer = torch.nn.BatchNorm2d(x.shape[1])
    layer.load_state_dict({"weight": gain, "bias": shift, "running_mean": mean, "running_var": variance, "num_batches_tracked": torch.tensor(0)})
    layer.train(not frozen)
    return layer(x).detach(), layer.running_mean, layer.running_var


MUTANTS = {
    "losses/best_answer": _pairs(_ANSWER, _tensors, _one_by_one),
    "losses/gram": _pairs(_GRAM, _product, _pairs_of_maps),
    "losses/variation": _pairs(_VARIATION, _slices, _pixel_by_pixel) | {"not_composited": Pair(found, partial(_pixel_by_pixel, mistake="not_composited"))},
    "losses/normalise": _pairs(_NORM, _vectors, _channel_by_channel),
}

EQUIVALENT = {
    "losses/best_answer": [
        _tensors,
        _one_by_one,
        lambda truths, squared=True: _tensors(truths.double(), squared).numpy(),
        lambda truths, squared=True: (truths.sum(0) / len(truths) if squared else truths.quantile(0.5, dim=0)).bfloat16(),
        lambda truths, squared=True: _one_by_one(truths, squared).tolist(),
    ],
    "losses/gram": [
        _product,
        _pairs_of_maps,
        lambda maps: torch.einsum("bihw,bjhw->bij", maps, maps) / maps[0].numel(),
        lambda maps: _product(maps.double()).transpose(1, 2),
        lambda maps: _product(maps.to(memory_format=torch.channels_last)).bfloat16(),
    ],
    "losses/variation": [
        _slices,
        _pixel_by_pixel,
        lambda prediction, target, mask: float(_slices(prediction.double(), target.double(), mask.double())),
        lambda prediction, target, mask: _slices(prediction, target, mask).reshape(1)[0].numpy(),
    ],
    "losses/normalise": [
        _vectors,
        _channel_by_channel,
        _torch_norm,
        lambda *a, **k: tuple(part.numpy() for part in _vectors(*a, **k)),
        lambda x, *a, **k: list(_vectors(x.double(), *(v.double() if isinstance(v, torch.Tensor) else v for v in a), **k)),
    ],
}
