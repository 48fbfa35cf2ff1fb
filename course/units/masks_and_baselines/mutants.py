"""Named wrong solutions of the unit ``masks_and_baselines``, two for each misconception, and right ones that are written unlike the solution.

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
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- hole_ratio -------------------------------------------------------------------------------------------------------------------------


def _means(mask, *, mistake=""):
    if mistake == "eight_bits":
        return 1 - mask.flatten(1).sum(1, dtype=mask.dtype) / mask[0].numel()
    hole = (mask == (1 if mistake == "polarity" else 0)).float()
    if mistake == "counts":
        return hole.sum((1, 2, 3))
    if mistake == "over_batch":
        return hole.mean()
    if mistake == "by_known":
        return hole.sum((1, 2, 3)) / mask.sum((1, 2, 3))
    if mistake == "by_row":
        return hole.mean(3)
    return hole.mean((1, 2, 3))


def _tallied(mask, *, mistake=""):
    """Mask by mask, pixel by pixel, in plain numbers."""
    ratios = []
    for one in mask[:, 0]:
        rows = one.int().tolist()
        holes = sum(pixel == 0 for row in rows for pixel in row)
        places = len(rows) * len(rows[0])
        if mistake == "polarity":
            holes = places - holes
        if mistake == "eight_bits" and mask.dtype == torch.uint8:
            holes = holes & 255
        below = {"counts": 1, "over_batch": places * len(mask), "by_known": max(1, places - holes), "by_row": len(rows[0])}.get(mistake, places)
        ratios.append(holes / below)
    return ratios


# --- line_mask --------------------------------------------------------------------------------------------------------------------------


def _distances(size, start, end, thickness=1, *, mistake=""):
    """All pixels at once, in PyTorch."""
    if mistake == "rows_and_columns":
        start, end = start[::-1], end[::-1]
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    dy, dx = end[0] - start[0], end[1] - start[1]
    length = torch.tensor(float(dy**2 + dx**2))
    t = ((y - start[0]) * dy + (x - start[1]) * dx) / (length if mistake == "no_dot" else length.clamp(min=1))
    t = t if mistake == "endless" else t.clamp(0, 1)
    down, right = y - start[0] - t * dy, x - start[1] - t * dx
    if mistake == "bounding_box":
        m = thickness // 2
        low, high = [min(a, b) - m for a, b in zip(start, end, strict=True)], [max(a, b) + m for a, b in zip(start, end, strict=True)]
        return (~((y >= low[0]) & (y <= high[0]) & (x >= low[1]) & (x <= high[1]))).float()
    distance = torch.maximum(down.abs(), right.abs()) if mistake == "square_brush" else torch.hypot(down, right)
    hole = distance <= (thickness if mistake == "thickness" else thickness / 2)
    return (hole if mistake == "polarity" else ~hole).float()


def _triangles(size, start, end, thickness=1, *, mistake=""):
    """Pixel by pixel: by the law of cosines, and the height of a triangle by Heron's area."""
    if mistake == "rows_and_columns":
        size = (size[1], size[0])
    reach = thickness if mistake == "thickness" else thickness / 2
    length = math.dist(start, end)
    mask = np.zeros(size, dtype=bool)
    for place in np.ndindex(*size):
        a, b = math.dist(place, start), math.dist(place, end)
        if mistake == "bounding_box":
            inside = all(min(s, e) <= p <= max(s, e) for p, s, e in zip(place, start, end, strict=True))
            mask[place] = not inside
            continue
        if length == 0:
            distance = math.inf if mistake == "no_dot" else a
        elif mistake != "endless" and (a * a + length * length < b * b or b * b + length * length < a * a):
            distance = min(a, b)
        else:
            cross = (place[0] - start[0]) * (end[1] - start[1]) - (place[1] - start[1]) * (end[0] - start[0])
            distance = abs(cross) / length
        if mistake == "square_brush" and length > 0:
            t = min(1, max(0, sum((p - s) * (e - s) for p, s, e in zip(place, start, end, strict=True)) / length**2))
            distance = max(abs(p - s - t * (e - s)) for p, s, e in zip(place, start, end, strict=True))
        elif mistake == "square_brush":
            distance = max(abs(p - s) for p, s in zip(place, start, strict=True))
        mask[place] = (distance > reach) != (mistake == "polarity")
    return mask


# --- prepare ----------------------------------------------------------------------------------------------------------------------------


def found(image, painted):
    """The function of the exercise, as it was found."""
    hole = painted > 0
    stencil = torch.where(hole, 1, 255).to(torch.uint8)
    damaged = (image & stencil) / 255
    mask = painted / 255
    return damaged, mask[None]


def _tensors(image, painted, *, mistake=""):
    hole = painted > (0 if mistake == "threshold" else 127)
    mask = (hole if mistake == "polarity" else ~hole).float()[None]
    if mistake == "grey_mask":
        mask = 1 - painted[None] / 255
    if mistake == "not_black":
        return image / 255, mask
    if mistake == "wraps_around":
        return (image * ((~hole).to(torch.uint8) * 255)) / 255, mask
    damaged = image * (~hole)
    return damaged if mistake == "not_scaled" else damaged / 255, mask


def _by_pixel(image, painted, *, mistake=""):
    """Nested lists, a pixel at a time."""
    limit = 254 if mistake == "threshold" else 127
    damaged, mask = [], []
    for channel in image.tolist():
        rows = []
        for line, strokes in zip(channel, painted.tolist(), strict=True):
            row = []
            for value, stroke in zip(line, strokes, strict=True):
                if stroke > limit:
                    value = {"lowest_bit": value % 2, "not_black": 255}.get(mistake, 0)
                elif mistake == "wraps_around":
                    value = value * 255 % 256
                row.append(value if mistake == "not_scaled" else value / 255)
            rows.append(row)
        damaged.append(rows)
    for strokes in painted.tolist():
        known = [float(stroke <= limit) for stroke in strokes]
        known = [1 - k for k in known] if mistake == "polarity" else known
        mask.append([1 - stroke / 255 for stroke in strokes] if mistake == "grey_mask" else known)
    return np.array(damaged), np.array([mask])


# --- diffuse ----------------------------------------------------------------------------------------------------------------------------


def _shifted(image, mask, steps, *, mistake=""):
    """Four shifted pictures, added up."""
    known = mask > 0
    begin = {"mean_of_damaged": (image * mask).mean(), "other_start": torch.tensor(0.0)}.get(mistake, image[known].mean())
    x = image.clone() if mistake == "hole_read" else torch.where(known, image, begin)
    if mistake == "only_known":
        return _growing(image, known, x, steps)
    shifts = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    if mistake == "diagonals":
        shifts += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    if mistake == "counts_itself":
        shifts += [(0, 0)]
    for _ in range(steps):
        if mistake == "reads_its_own_output":
            x = _sweep(x, known)
            continue
        if mistake == "wraps_around":
            mean = sum(torch.roll(x, shift, (0, 1)) for shift in shifts) / len(shifts)
        else:
            framed = F.pad(x[None, None], (1, 1, 1, 1), mode="replicate")[0, 0] if mistake == "border_repeated" else F.pad(x, (1, 1, 1, 1))
            there = F.pad(torch.ones_like(x), (1, 1, 1, 1), value=float(mistake in ("border_repeated", "black_border")))
            cut = [(slice(1 + a, 1 + a + x.shape[0]), slice(1 + b, 1 + b + x.shape[1])) for a, b in shifts]
            mean = sum(framed[c] for c in cut) / sum(there[c] for c in cut)
        x = mean if mistake == "known_changed" else torch.where(known, image, mean)
    return x


def _growing(image, known, x, steps):
    """A mean over known pixels, and the known part grows."""
    there = known.float()
    for _ in range(steps):
        total, count = (F.conv2d(t[None, None], torch.tensor([[[[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]]]), padding=1)[0, 0] for t in (x * there, there))
        new = torch.where(count > 0, total / count.clamp(min=1), x)
        x, there = torch.where(known, image, new), ((there + count) > 0).float()
    return x


def _sweep(x, known):
    x = x.clone()
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if not known[i, j]:
                around = [x[r, c] for r, c in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)) if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]]
                x[i, j] = sum(around) / len(around)
    return x


def _hot_plate(image, mask, steps, *, mistake=""):
    """Dictionaries of places, one pixel after the other, in plain numbers."""
    rows, columns = image.shape
    places = [(i, j) for i in range(rows) for j in range(columns)]
    known = {p: float(image[p]) for p in places if mask[p]}
    start = sum(known.values()) / (len(places) if mistake == "mean_of_damaged" else len(known))
    if mistake == "other_start":
        start = 0.5
    heat = {p: known.get(p, float(image[p]) if mistake == "hole_read" else start) for p in places}
    reached = set(known)

    def around(p):
        steps_ = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a or b or mistake == "counts_itself") and (a * b == 0 or mistake == "diagonals")]
        for a, b in steps_:
            r, c = p[0] + a, p[1] + b
            if mistake == "wraps_around":
                yield r % rows, c % columns
            elif mistake == "border_repeated":
                yield min(max(r, 0), rows - 1), min(max(c, 0), columns - 1)
            else:
                yield r, c

    for _ in range(steps):
        new = heat if mistake == "reads_its_own_output" else dict(heat)
        touched = set()
        for p in places:
            if p in known and mistake != "known_changed":
                continue
            near = [q for q in around(p) if mistake == "black_border" or q in heat]
            if mistake == "only_known":
                near = [q for q in near if q in reached]
            if near:
                new[p] = sum(heat.get(q, 0.0) for q in near) / len(near)
                touched.add(p)
        heat, reached = new, reached | touched
    return torch.tensor([[heat[i, j] for j in range(columns)] for i in range(rows)])


_DIFFUSE = ["known_changed", "reads_its_own_output", "wraps_around", "hole_read", "mean_of_damaged", "other_start"]
_DIFFUSE += ["black_border", "border_repeated", "counts_itself", "diagonals", "only_known"]

# --- best_match -------------------------------------------------------------------------------------------------------------------------


def _looked_up(image, mask, row, column, size=3, *, mistake=""):
    """Two loops over the windows that lie in the picture."""
    r = size // 2
    padded, there = F.pad(image, (r, r, r, r)), F.pad(mask, (r, r, r, r))
    window, weight = padded[row : row + size, column : column + size], there[row : row + size, column : column + size]
    if mistake == "unknown_compared":
        window, weight = window * weight, torch.ones_like(weight)
    best, answer = None, (-1, -1)
    for i in range(r, image.shape[0] - r):
        for j in range(r, image.shape[1] - r):
            place = slice(i - r, i + r + 1), slice(j - r, j + r + 1)
            if not (mask[i, j] if mistake == "holes_lent" else mask[place].all()):
                continue
            difference = (image[place] - window) * weight
            cost = {
                "signed": difference.sum(),
                "products": -(image[place] * window * weight).sum(),
                "least_alike": -(difference**2).sum(),
                "nearest_place": torch.tensor(float((i - row) ** 2 + (j - column) ** 2)),
            }.get(mistake, (difference**2).sum())
            if best is None or cost < best or (mistake == "last_of_equals" and cost == best):
                best, answer = cost, (i, j)
    i, j = answer
    return {"corner": (i - r, j - r), "swapped": (j, i)}.get(mistake, answer)


def _sorted_out(image, mask, row, column, size=3, *, mistake=""):
    """A list of (cost, place), sorted."""
    half, values = size // 2, image.double().tolist()
    known = {tuple(p) for p in mask.nonzero().tolist()}
    offsets = [(a, b) for a in range(-half, half + 1) for b in range(-half, half + 1)]
    asked = [(a, b) for a, b in offsets if (row + a, column + b) in known]
    mine = {(a, b): values[row + a][column + b] for a, b in asked}
    if mistake == "unknown_compared":
        asked = offsets
    found_ = []
    for i in range(half, len(values) - half):
        for j in range(half, len(values[0]) - half):
            places = [(i + a, j + b) for a, b in offsets]
            if mistake == "holes_lent":
                if (i, j) == (row, column):
                    continue
            elif not known.issuperset(places):
                continue
            pairs = [(values[i + a][j + b], mine.get((a, b), 0.0)) for a, b in asked]
            if mistake == "signed":
                cost = abs(sum(x - y for x, y in pairs))
            elif mistake == "products":
                cost = -sum(x * y for x, y in pairs)
            elif mistake == "nearest_place":
                cost = (i - row) ** 2 + (j - column) ** 2
            else:
                cost = sum((x - y) ** 2 for x, y in pairs)
            found_.append((-cost if mistake == "least_alike" else cost, i, j))
    _, i, j = min(found_, key=lambda one: (one[0], -one[1], -one[2])) if mistake == "last_of_equals" else sorted(found_)[0]
    if mistake == "corner":
        return i - half, j - half
    return torch.tensor([j, i] if mistake == "swapped" else [i, j])


MUTANTS = {
    "masks_and_baselines/hole_ratio": _pairs(["polarity", "counts", "over_batch", "by_known", "by_row", "eight_bits"], _means, _tallied),
    "masks_and_baselines/line_mask": _pairs(
        ["polarity", "endless", "thickness", "rows_and_columns", "bounding_box", "square_brush", "no_dot"], _distances, _triangles
    ),
    "masks_and_baselines/prepare": _pairs(["wraps_around", "grey_mask", "polarity", "not_black", "threshold", "not_scaled"], _tensors, _by_pixel)
    | {"lowest_bit": Pair(found, partial(_by_pixel, mistake="lowest_bit"))},
    "masks_and_baselines/diffuse": _pairs(
        _DIFFUSE,
        _shifted,
        _hot_plate,
    ),
    "masks_and_baselines/best_match": _pairs(
        ["unknown_compared", "holes_lent", "signed", "products", "least_alike", "nearest_place", "corner", "swapped", "last_of_equals"],
        _looked_up,
        _sorted_out,
    ),
}

EQUIVALENT = {
    "masks_and_baselines/hole_ratio": [
        _means,
        _tallied,
        lambda mask: np.array(_tallied(mask), dtype=np.float16),
        lambda mask: 1 - mask.double().mean((1, 2, 3)),
    ],
    "masks_and_baselines/line_mask": [
        _distances,
        _triangles,
        lambda *a, **k: _distances(*a, **k).to(torch.uint8).T.contiguous().T,
        lambda *a, **k: _triangles(*a, **k).tolist(),
    ],
    "masks_and_baselines/prepare": [
        _tensors,
        _by_pixel,
        lambda *a: tuple(part.bfloat16() for part in _tensors(*a)),
        lambda *a: [part.double().numpy() for part in _tensors(*a)],
        lambda image, painted: (torch.where(painted > 127, torch.zeros_like(image), image).float().div(255), painted[None] <= 127),
    ],
    "masks_and_baselines/diffuse": [
        _shifted,
        _hot_plate,
        lambda *a, **k: _hot_plate(*a, **k).bfloat16(),
        lambda image, mask, steps: _shifted(image.double(), mask.double(), steps).T.contiguous().T.numpy(),
    ],
    "masks_and_baselines/best_match": [
        _looked_up,
        _sorted_out,
        lambda *a, **k: list(_looked_up(*a, **k)),
        lambda image, mask, row, column, size=3: _looked_up(image.double(), mask.bool().double(), row, column, size),
    ],
}
