"""Named wrong solutions of the unit ``metrics``, two for each misconception, and right ones that are written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in loops and in another
manner, to see whether the mistake is recognised (``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- hole_mse ---------------------------------------------------------------------------------------------------------------------------


def _tensors(prediction, target, mask, *, mistake=""):
    hole = mask if mistake == "known_region" else 1 - mask
    error = (prediction - target).abs() if mistake == "not_squared" else (prediction - target) ** 2
    if mistake == "one_number":
        return (error * hole).sum() / (hole.sum() * prediction.shape[1])
    if mistake == "whole_image":
        return (error * hole).mean((1, 2, 3))
    total = (error * hole).sum((1, 2, 3))
    if mistake == "not_divided":
        return total
    return total / (hole.sum((1, 2, 3)) * (1 if mistake == "channels_forgotten" else prediction.shape[1]))


def _lists(prediction, target, mask, *, mistake=""):
    """Pixel by pixel, in plain numbers."""
    answers, everything = [], []
    batch, channels, rows, columns = prediction.shape
    for n in range(batch):
        squares, pixels = [], 0
        for i in range(rows):
            for j in range(columns):
                counts = mask[n, 0, i, j] == (1 if mistake == "known_region" else 0)
                if not counts and mistake != "whole_image":
                    continue
                pixels += 1
                for c in range(channels):
                    error = float(prediction[n, c, i, j]) - float(target[n, c, i, j])
                    squares.append(abs(error) if mistake == "not_squared" else error * error)
        everything += squares
        count = {"channels_forgotten": pixels, "not_divided": 1}.get(mistake, len(squares))
        answers.append(sum(squares) / count if count else float("nan"))
    return sum(everything) / len(everything) if mistake == "one_number" else np.array(answers)


# --- psnr ---------------------------------------------------------------------------------------------------------------------------------


def _formula(prediction, target, data_range, *, mistake=""):
    error = ((prediction - target) ** 2).mean((1, 2, 3))
    if mistake == "batch_first":
        error = error.mean()
    peak = {"peak_fixed": 255.0, "peak_of_image": target.amax((1, 2, 3))}.get(mistake, data_range)
    ratio = (peak if mistake == "range_not_squared" else peak**2) / error
    if mistake == "upside_down":
        ratio = 1 / ratio
    logarithm = torch.log(ratio) if mistake == "natural_log" else torch.log10(ratio)
    return (20 if mistake == "twenty" else 10) * logarithm


def _one_by_one(prediction, target, data_range, *, mistake=""):
    """Image by image, from the root of the error: 20 log10(range / root)."""
    answers = []
    top = float(target.max())
    for p, t in zip(prediction.double().numpy(), target.double().numpy(), strict=True):
        root = math.sqrt(((p - t) ** 2).mean())
        peak = {"peak_fixed": 1.0, "peak_of_image": top}.get(mistake, data_range)
        if mistake == "range_not_squared":
            answers.append(10 * math.log10(peak) - 20 * math.log10(root))
        elif mistake == "natural_log":
            answers.append(20 * math.log(peak / root))
        elif mistake == "twenty":
            answers.append(40 * math.log10(peak / root))
        elif mistake == "upside_down":
            answers.append(20 * math.log10(root / peak))
        else:
            answers.append(20 * math.log10(peak / root) if peak > 0 else -math.inf)
    return sum(answers) / len(answers) if mistake == "batch_first" else answers


# --- ssim_window --------------------------------------------------------------------------------------------------------------------------


def found(x, y, data_range):
    """SSIM of one window, as it was found: three bugs."""
    c1, c2 = 0.01 * data_range, 0.03 * data_range
    spread_x, spread_y = x.std(correction=0), y.std(correction=0)
    together = (x * y).mean()
    brightness = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
    return brightness * (2 * together + c2) / (spread_x + spread_y + c2)


def _structure(x, y, data_range, *, mistake=""):
    reach = 1.0 if mistake == "range_ignored" else data_range
    c1, c2 = 0.01 * reach, 0.03 * reach
    if mistake != "constants_not_squared":
        c1, c2 = c1**2, c2**2
    x, y = x.double(), y.double()
    n = x.numel() - (mistake == "sample_variance")
    a, b = x - x.mean(), y - y.mean()
    spread_x, spread_y = (a * a).sum() / n, (b * b).sum() / n
    if mistake == "deviations":
        spread_x, spread_y = spread_x.sqrt(), spread_y.sqrt()
    together = (x * y).mean() if mistake == "not_centred" else (a * b).sum() / n
    contrast = (2 * together + c2) / (spread_x + spread_y + c2)
    if mistake == "no_brightness":
        return contrast
    return contrast * (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)


def _three_factors(x, y, data_range, *, mistake=""):
    """By the statistics of plain lists."""
    p, q = [float(v) for v in x.flatten()], [float(v) for v in y.flatten()]
    n = len(p)
    mu, nu = sum(p) / n, sum(q) / n
    below = n - 1 if mistake == "sample_variance" else n
    var_p = sum((v - mu) ** 2 for v in p) / below
    var_q = sum((v - nu) ** 2 for v in q) / below
    cov = sum(v * w for v, w in zip(p, q, strict=True)) / n - (0 if mistake == "not_centred" else mu * nu)
    if mistake == "sample_variance":
        cov *= n / below
    if mistake == "deviations":
        var_p, var_q = var_p**0.5, var_q**0.5
    k1, k2 = 0.01 * data_range, 0.03 * data_range
    power = 1 if mistake == "constants_not_squared" else 2
    k1, k2 = k1**power, k2**power
    if mistake == "range_ignored":
        k1, k2 = 0.0001, 0.0009
    score = (2 * cov + k2) / (var_p + var_q + k2)
    return score if mistake == "no_brightness" else score * (2 * mu * nu + k1) / (mu * mu + nu * nu + k1)


# --- precision_recall -----------------------------------------------------------------------------------------------------------------------


def _sums(probability, mask, threshold, *, mistake=""):
    called = (probability >= threshold if mistake == "at_threshold" else probability > threshold).float()
    hole = 1 - mask
    if mistake == "not_thresholded":
        called = probability
    if mistake == "polarity":
        hole = mask
    both, named, there = (called * hole).sum(), called.sum(), hole.sum()
    if mistake == "accuracy":
        share = (called == hole).float().mean()
        return share, both / there if there else 1.0
    if mistake == "division_by_zero":
        return both / named, both / there
    nothing = 0.0 if mistake == "nothing_is_zero" else 1.0
    answer = (both / named if named else nothing, both / there if there else nothing)
    return answer[::-1] if mistake == "swapped" else answer


def _counts(probability, mask, threshold, *, mistake=""):
    """Pixel by pixel: true and false positives, and what was missed."""
    hit = false = missed = right = 0.0
    for p, m in zip(probability.flatten().tolist(), mask.flatten().tolist(), strict=True):
        called, hole = p > threshold or (mistake == "at_threshold" and p == threshold), m == 0
        if mistake == "polarity":
            called, hole = not called, not hole
        weight = p if mistake == "not_thresholded" else float(called)
        hit += weight * hole
        false += weight * (not hole)
        missed += (1 - weight) * hole
        right += called == hole
    if mistake == "division_by_zero":
        return hit / (hit + false), hit / (hit + missed)
    nothing = 0.0 if mistake == "nothing_is_zero" else 1.0
    precision = hit / (hit + false) if hit + false else nothing
    recall = hit / (hit + missed) if hit + missed else nothing
    if mistake == "accuracy":
        return precision, right / mask.numel()
    return [recall, precision] if mistake == "swapped" else [precision, recall]


MUTANTS = {
    "metrics/hole_mse": _pairs(["one_number", "whole_image", "channels_forgotten", "known_region", "not_squared", "not_divided"], _tensors, _lists),
    "metrics/psnr": _pairs(["peak_fixed", "peak_of_image", "range_not_squared", "natural_log", "twenty", "upside_down", "batch_first"], _formula, _one_by_one),
    "metrics/ssim_window": _pairs(["deviations", "not_centred", "range_ignored", "no_brightness", "sample_variance"], _structure, _three_factors)
    | {"constants_not_squared": Pair(found, partial(_three_factors, mistake="constants_not_squared"))},
    "metrics/precision_recall": _pairs(
        ["swapped", "polarity", "at_threshold", "not_thresholded", "nothing_is_zero", "division_by_zero", "accuracy"], _sums, _counts
    ),
}

EQUIVALENT = {
    "metrics/hole_mse": [
        _tensors,
        _lists,
        lambda *a: _tensors(*(t.double() for t in a)).tolist(),
        lambda p, t, m: torch.stack([((p[n] - t[n])[m[n].expand_as(p[n]) == 0] ** 2).mean() for n in range(len(p))]),
        lambda *a: _lists(*a).astype(np.float32),
    ],
    "metrics/psnr": [_formula, _one_by_one, lambda *a: np.array(_one_by_one(*a)), lambda *a: _formula(*a).bfloat16(), lambda p, t, r: -10 * torch.log10(((p - t) / r).square().mean((1, 2, 3)))],
    "metrics/ssim_window": [_structure, _three_factors, lambda *a: float(_structure(*a)), lambda *a: np.float64(_three_factors(*a))],
    "metrics/precision_recall": [_sums, _counts, lambda *a: tuple(torch.as_tensor(v) for v in _sums(*a)), lambda *a: np.array(_counts(*a))],
}
