"""Named wrong solutions of the unit ``capstone``, two for each misconception, and right ones that are written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in loops and in another
manner, to see whether the mistake is recognised (``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- moved ------------------------------------------------------------------------------------------------------------------------------


def _padded(mask, down, right, *, mistake=""):
    """A sheet with a rim, and a window in it."""
    if mistake == "swapped":
        down, right = right, down
    if mistake == "backwards":
        down, right = -down, -right
    if mistake == "wraps":
        return torch.roll(mask, (down, right), (0, 1))
    reach = max(abs(down), abs(right))
    how = {"mode": "replicate"} if mistake == "repeats" else {"value": 0.0 if mistake == "hole_outside" else 1.0}
    sheet = F.pad(mask[None, None], [reach] * 4, **how)[0, 0]
    rows, columns = mask.shape
    return sheet[reach - down : reach - down + rows, reach - right : reach - right + columns]


def _pixel_by_pixel(mask, down, right, *, mistake=""):
    """Each hole pixel is carried to its new place."""
    given = mask.numpy()
    rows, columns = given.shape
    if mistake == "swapped":
        down, right = right, down
    sign = -1 if mistake == "backwards" else 1
    out = np.zeros((rows, columns)) if mistake == "hole_outside" else np.ones((rows, columns))
    if mistake == "repeats":
        for y, x in np.ndindex(rows, columns):
            out[y, x] = given[min(max(y - down, 0), rows - 1), min(max(x - right, 0), columns - 1)]
        return out
    for y, x in np.ndindex(rows, columns):
        v, u = y + sign * down, x + sign * right
        if mistake == "wraps":
            v, u = v % rows, u % columns
        if 0 <= v < rows and 0 <= u < columns:
            out[v, u] = given[y, x]
    return out


# --- join -------------------------------------------------------------------------------------------------------------------------------


def _with_weights(left, right, overlap, *, mistake=""):
    if mistake == "side_by_side":
        return torch.cat([left, right], 2)
    cut = left.shape[2] - overlap
    weight = torch.linspace(0, 1, overlap + 2)[1:-1]
    if mistake == "reversed":
        weight = weight.flip(0)
    elif mistake == "half":
        weight = torch.full((overlap,), 0.5)
    elif mistake == "hard":
        weight = torch.zeros(overlap)
    elif mistake == "to_the_ends":
        weight = torch.linspace(0, 1, overlap)
    other = torch.ones(overlap) if mistake == "summed" else 1 - weight
    if mistake == "summed":
        weight = torch.ones(overlap)
    return torch.cat([left[..., :cut], left[..., cut:] * other + right[..., :overlap] * weight, right[..., overlap:]], 2)


def _on_canvas(left, right, overlap, *, mistake=""):
    """Both are added to a canvas with their weights, in NumPy."""
    a, b = left.double().numpy(), right.double().numpy()
    if mistake == "side_by_side":
        overlap = 0
    cut = a.shape[2] - overlap
    canvas = np.zeros((*a.shape[:2], cut + b.shape[2]))
    for x in range(canvas.shape[2]):
        if x < cut:
            canvas[..., x] = a[..., x]
        elif x >= a.shape[2]:
            canvas[..., x] = b[..., x - cut]
        else:
            k = x - cut + 1
            share = k / (overlap + 1)
            share = {"reversed": 1 - share, "half": 1 / 2, "hard": 1.0, "to_the_ends": k / overlap}.get(mistake, share)
            if mistake == "summed":
                canvas[..., x] = a[..., x] + b[..., x - cut]
            else:
                canvas[..., x] = a[..., x] * (1 - share) + b[..., x - cut] * share
    return canvas


# --- choose -----------------------------------------------------------------------------------------------------------------------------


def _sliced(errors, *, mistake=""):
    even, odd = errors[:, ::2], errors[:, 1::2]
    if mistake == "halves_swapped":
        even, odd = odd, even
    if mistake == "blocks":
        even, odd = errors[:, : (errors.shape[1] + 1) // 2], errors[:, (errors.shape[1] + 1) // 2 :]
    if mistake == "all_choose":
        even = errors
    scores = even.min(1).values if mistake == "luckiest" else even.mean(1)
    best = scores.argmax() if mistake == "largest" else scores.argmin()
    return best, (even if mistake == "same_places" else odd)[best].mean()


def _method_by_method(errors, *, mistake=""):
    best, smallest = 0, None
    for index, row in enumerate(errors.double().tolist()):
        chose = [value for place, value in enumerate(row) if place % 2 == (mistake == "halves_swapped")]
        if mistake in ("all_choose", "same_places"):
            chose = row
        if mistake == "blocks":
            chose = row[: -(-len(row) // 2)]
        mean = min(chose) if mistake == "luckiest" else sum(chose) / len(chose)
        mean = -mean if mistake == "largest" else mean
        if smallest is None or mean < smallest:
            best, smallest = index, mean
    row = errors[best].double().tolist()
    judged = row[0::2] if mistake == "halves_swapped" else row[1::2]
    judged = row if mistake == "same_places" else row[-(-len(row) // 2) :] if mistake == "blocks" else judged
    return [best, sum(judged) / len(judged)]


MUTANTS = {
    "capstone/moved": _pairs(["wraps", "hole_outside", "repeats", "swapped", "backwards"], _padded, _pixel_by_pixel),
    "capstone/join": _pairs(["side_by_side", "summed", "reversed", "half", "hard", "to_the_ends"], _with_weights, _on_canvas),
    "capstone/choose": _pairs(["same_places", "all_choose", "halves_swapped", "blocks", "largest", "luckiest"], _sliced, _method_by_method),
}

EQUIVALENT = {
    "capstone/moved": [_padded, _pixel_by_pixel, lambda *a: _padded(*a).bool(), lambda *a: _padded(*a).double()],
    "capstone/join": [_with_weights, _on_canvas, lambda *a: torch.from_numpy(_on_canvas(*a)).float(), lambda *a: _with_weights(*a).transpose(1, 2).contiguous().transpose(1, 2)],
    "capstone/choose": [_sliced, _method_by_method, lambda errors: (np.int64(_sliced(errors)[0]), float(_sliced(errors)[1])), lambda errors: torch.tensor(_method_by_method(errors))],
}
