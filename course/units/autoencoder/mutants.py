"""Named wrong solutions of the unit ``autoencoder``, two for each misconception, and right ones that are written unlike the solution.

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


# --- conv_parameters --------------------------------------------------------------------------------------------------------------------


def _formula(cin, cout, kernel, bias=True, *, mistake=""):
    weights = (cout if mistake == "one_channel" else cin * cout) * (kernel if mistake == "not_square" else kernel**2)
    if mistake == "no_bias" or not (bias or mistake == "always_bias"):
        return weights
    return weights + (cin if mistake == "bias_wrong" else cout)


def _one_channel_at_a_time(cin, cout, kernel, bias=True, *, mistake=""):
    total = 0
    for _ in range(cin if mistake == "one_channel" else cout):
        total += kernel * (1 if mistake == "not_square" else kernel) * (1 if mistake == "one_channel" else cin)
        if (bias or mistake == "always_bias") and mistake not in ("no_bias", "bias_wrong"):
            total += 1
    return total + 1 if mistake == "bias_wrong" and bias else total


# --- unet_parameters --------------------------------------------------------------------------------------------------------------------


def _stages(width, depth, *, mistake=""):
    def c(cin, cout, kernel):
        return cout * (cin * kernel**2 + (mistake != "no_bias"))

    depth += mistake == "one_level_more"
    widths, total, before = [width * 2**n for n in range(depth)], 0, 3
    for cout in widths:
        total += c(before, cout, 3) + (0 if mistake == "single_convolutions" else c(cout, cout, 3))
        before = cout
    for cout in widths[-2::-1]:
        total += c(2 * cout, cout, 3 if mistake == "up_kernel" else 2)
        total += c(cout if mistake == "skips_forgotten" else 2 * cout, cout, 3) + (0 if mistake == "single_convolutions" else c(cout, cout, 3))
    return total if mistake == "head_forgotten" else total + c(width, 3, 3)


def _table(width, depth, *, mistake=""):
    """A list of rows (in, out, kernel), counted at the end."""
    top = depth + 1 if mistake == "one_level_more" else depth
    rows, seconds = [(3, width, 3)], []
    for level in range(top):
        now = width << level
        if level:
            rows.append((now // 2, now, 3))
        seconds.append((now, now, 3))
    for level in range(top - 1, 0, -1):
        fine = width << (level - 1)
        if mistake != "up_kernel":
            rows.append((2 * fine, fine, 2))
        rows.append((fine if mistake == "skips_forgotten" else 2 * fine, fine, 3))
        seconds.append((fine, fine, 3))
    if mistake != "single_convolutions":
        rows += seconds
    if mistake != "head_forgotten":
        rows.append((width, 3, 3))
    biases = 0 if mistake == "no_bias" else sum(out for _, out, _ in rows)
    return sum(a * b * k * k for a, b, k in rows) + biases


# --- adam_step --------------------------------------------------------------------------------------------------------------------------


def found(weight, gradient, m, v, t, lr):
    """A step of Adam, as it was found: three bugs."""
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient.abs()
    weight = weight - lr * m / (v + 1e-8)
    return weight, m, v


def _vectors(weight, gradient, m, v, t, lr, *, mistake=""):
    a, b = (0.999, 0.9) if mistake == "betas" else (0.9, 0.999)
    weight, gradient, m0, v0 = (x.double() for x in (weight, gradient, m, v))
    m = a * m0 + (1 - a) * gradient
    v = b * v0 + (1 - b) * (gradient.abs() if mistake == "not_squared" else gradient**2)
    t = t + 1 if mistake == "count_off" else t
    low, high = (m, v) if mistake == "not_corrected" else (m / (1 - a**t), v / (1 - b**t))
    step = lr * low / ((high if mistake == "no_root" else high.sqrt()) + 1e-8)
    weight = weight + step if mistake == "uphill" else weight - step
    return (weight, m0, v0) if mistake == "wrong_state" else (weight, m, v)


def _number_by_number(weight, gradient, m, v, t, lr, *, mistake=""):
    moved, means, squares = [], [], []
    keep, keep2 = (0.9, 0.99) if mistake == "betas" else (0.9, 0.999)
    for w, g, a, b in zip(weight.tolist(), gradient.tolist(), m.tolist(), v.tolist(), strict=True):
        a += (1 - keep) * (g - a)
        b += (1 - keep2) * ((abs(g) if mistake == "not_squared" else g * g) - b)
        n = t + 1 if mistake == "count_off" else t
        up = a if mistake == "not_corrected" else a / (1 - math.pow(keep, n))
        down = b / (1 - math.pow(keep2, n))
        down = down if mistake == "no_root" else math.sqrt(down)
        sign = 1 if mistake == "uphill" else -1
        moved.append(w + sign * lr * up / (down + 1e-8))
        means.append(up if mistake == "wrong_state" else a)
        squares.append(b / (1 - math.pow(keep2, n)) if mistake == "wrong_state" else b)
    return np.array(moved), np.array(means), np.array(squares)


# --- best_epoch -------------------------------------------------------------------------------------------------------------------------


def _waiting(losses, patience, *, mistake=""):
    best, end = 0, len(losses) - 1
    limit = {"impatient": 1, "off_by_one": patience + 1, "sees_the_future": len(losses) + 1}.get(mistake, patience)
    waited = 0
    for epoch in range(1, len(losses)):
        better = losses[epoch] < losses[best]
        nothing_new = losses[epoch] > losses[epoch - 1] if mistake == "counts_rises" else not better
        waited = waited + 1 if nothing_new else 0
        if better:
            best = epoch
        if waited >= limit:
            end = epoch
            break
    if mistake == "last_weights":
        best = end
    return (end, best) if mistake == "swapped" else (best, end)


def _looking_back(losses, patience, *, mistake=""):
    """At each epoch: is the minimum so far among the last ``patience``?"""
    values = losses.tolist()
    if mistake == "impatient":
        patience = 1
    for now in range(len(values)):
        best = min(range(now + 1), key=values.__getitem__)
        since = now - best
        if mistake == "counts_rises":
            since = 0
            while since < now and values[now - since] > values[now - since - 1]:
                since += 1
        over = since >= patience - 1 and now > 0 if mistake == "off_by_one" else since >= patience
        if over or now == len(values) - 1:
            break
    if mistake == "sees_the_future":
        best = min(range(len(values)), key=values.__getitem__)
    if mistake == "last_weights":
        best = now
    return (now, best) if mistake == "swapped" else (best, now)


MUTANTS = {
    "autoencoder/conv_parameters": _pairs(["no_bias", "always_bias", "bias_wrong", "not_square", "one_channel"], _formula, _one_channel_at_a_time),
    "autoencoder/unet_parameters": _pairs(
        ["skips_forgotten", "no_bias", "up_kernel", "single_convolutions", "head_forgotten", "one_level_more"], _stages, _table
    ),
    "autoencoder/adam_step": _pairs(["no_root", "not_squared", "uphill", "count_off", "betas", "wrong_state"], _vectors, _number_by_number)
    | {"not_corrected": Pair(found, partial(_number_by_number, mistake="not_corrected"))},
    "autoencoder/best_epoch": _pairs(
        ["sees_the_future", "impatient", "off_by_one", "last_weights", "swapped", "counts_rises"], _waiting, _looking_back
    ),
}

EQUIVALENT = {
    "autoencoder/conv_parameters": [_formula, _one_channel_at_a_time, lambda *a, **k: torch.tensor(_formula(*a, **k)), lambda *a, **k: float(_formula(*a, **k))],
    "autoencoder/unet_parameters": [_stages, _table, lambda *a: np.int64(_table(*a))],
    "autoencoder/adam_step": [
        _vectors,
        _number_by_number,
        lambda *a: [x.float() for x in _vectors(*a)],
        lambda *a: tuple(x.tolist() for x in _number_by_number(*a)),
    ],
    "autoencoder/best_epoch": [_waiting, _looking_back, lambda *a: [torch.tensor(x) for x in _waiting(*a)], lambda *a: tuple(float(x) for x in _looking_back(*a))],
}
