"""Named wrong solutions of the unit ``attention``, two for each misconception, and right ones written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in another manner
(``fresh``). EQUIVALENT must pass.
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


# --- likeness ---------------------------------------------------------------------------------------------------------------------------


def _unit_vectors(queries, keys, *, mistake=""):
    """Both divided by their lengths, then one product."""
    axis = 0 if mistake == "axis" else 1
    power = {"no_norm": 0, "squared": 2}.get(mistake, 1)
    least = 0.0 if mistake == "zero_is_nan" else 1e-12
    q = queries / queries.norm(dim=axis, keepdim=True).pow(0 if mistake == "one_norm" else power).clamp(min=least)
    k = keys / keys.norm(dim=axis, keepdim=True).pow(power).clamp(min=least)
    cosines = q @ k.T
    return cosines.abs() if mistake == "absolute" else cosines.T if mistake == "transposed" else cosines


def _pair_by_pair(queries, keys, *, mistake=""):
    """Plain Python, one pair of vectors after the other."""
    table = torch.zeros(len(keys), len(queries)) if mistake == "transposed" else torch.zeros(len(queries), len(keys))
    wide = [math.sqrt(sum(v**2 for v in column)) or 1.0 for column in queries.T.tolist()], [math.sqrt(sum(v**2 for v in column)) or 1.0 for column in keys.T.tolist()]
    for i, q in enumerate(queries.tolist()):
        for j, k in enumerate(keys.tolist()):
            if mistake == "axis":
                value = sum((a / x) * (b / y) for a, b, x, y in zip(q, k, *wide, strict=True))
            else:
                product = sum(a * b for a, b in zip(q, k, strict=True))
                squares = sum(a * a for a in q), sum(b * b for b in k)
                lengths = {
                    "no_norm": 1.0,
                    "one_norm": math.sqrt(squares[0]),  # by the query's length alone
                    "squared": squares[0] * squares[1],
                }.get(mistake, math.sqrt(squares[0] * squares[1]))
                value = product / lengths if lengths > 0 else math.nan if mistake == "zero_is_nan" else 0.0
            if mistake == "absolute":
                value = abs(value)
            table[(j, i) if mistake == "transposed" else (i, j)] = value
    return table


_LIKENESS = ["no_norm", "one_norm", "squared", "axis", "zero_is_nan", "absolute", "transposed"]

# --- softmax_over_known -----------------------------------------------------------------------------------------------------------------


def found(score, known, scale=10.0):
    """The weights of the exercise, as they were found: three bugs, and a fourth that shows when the others are mended."""
    logits = scale * score * known[:1, None]
    return torch.softmax(logits, dim=1)


def _filled(score, known, scale=10.0, *, mistake=""):
    """Minus infinity, softmax, and zeros where nothing is known."""
    usable = (known[:1].expand_as(known) if mistake == "one_mask" else known)[:, None]
    logits = score if mistake == "scale_ignored" else scale * score
    if mistake in ("leak", "struck_out"):
        logits = logits * usable
    elif mistake != "unmasked":
        logits = logits.masked_fill(usable == 0, -torch.inf)
    weight = torch.softmax(logits, dim=1 if mistake == "wrong_axis" else 2)
    if mistake == "struck_out":
        weight = weight * usable
    if mistake in ("nan_row", "leak", "unmasked"):
        return weight
    return torch.where(usable.any(2, keepdim=True), weight, torch.zeros_like(weight))


def _by_powers(score, known, scale=10.0, *, mistake=""):
    """Powers and sums, sample by sample."""
    answers = []
    for b in range(len(score)):
        mine = known[0 if mistake == "one_mask" else b].double()
        logits = (1.0 if mistake == "scale_ignored" else scale) * score[b].double()
        powers = torch.exp(logits * mine if mistake == "leak" else logits)
        if mistake in ("leak", "unmasked"):
            answers.append(powers / powers.sum(1, keepdim=True))
        elif mistake == "struck_out":
            answers.append(powers / powers.sum(1, keepdim=True) * mine)
        elif mistake == "wrong_axis":
            answers.append(powers / powers.sum(0, keepdim=True) * mine if not mine.any() else (powers * mine) / (powers * mine).sum(0, keepdim=True))
        elif mine.any() or mistake == "nan_row":
            answers.append(powers * mine / (powers * mine).sum(1, keepdim=True))
        else:
            answers.append(torch.zeros_like(powers))
    return torch.stack(answers)


_SOFTMAX = ["one_mask", "leak", "struck_out", "unmasked", "nan_row", "scale_ignored"]

# --- attend -----------------------------------------------------------------------------------------------------------------------------


def _loops(image, known, scale=10.0, *, mistake=""):
    """Place by place, as the task says."""
    _, rows, columns = image.shape
    mode = "replicate" if mistake == "border_repeated" else "constant"
    wide = F.pad(image[None], (1, 1, 1, 1), mode=mode)[0]
    around = F.pad(known, (1, 1, 1, 1), value=0.0 if mistake == "inside_only" else 1.0)

    def patch(r, c):
        return image[:, r, c] if mistake == "single_pixels" else wide[:, r : r + 3, c : c + 3].flatten()

    def usable(r, c):
        if mistake == "no_mask":
            return True
        return bool(known[r, c]) if mistake == "middle_known" else bool((around[r : r + 3, c : c + 3] == 1).all())

    def likeness(a, b):
        lengths = 1.0 if mistake == "no_norm" else max(float(a.norm() * b.norm()), 1e-12)
        return float(a @ b) / lengths

    places = [(r, c) for r in range(rows) for c in range(columns)]
    sources = [place for place in places if usable(*place)]
    filled = image.clone()
    for r, c in places:
        if known[r, c] and mistake != "known_changed":
            continue
        if not sources:
            if mistake == "nothing_usable":
                filled[:, r, c] = 0
            continue
        scores = torch.tensor([likeness(patch(r, c), patch(*s)) for s in sources])
        weight = torch.softmax((1.0 if mistake == "scale_ignored" else scale) * scores, 0)
        if mistake == "leak":
            powers = torch.exp(scale * scores)
            weight = powers / (powers.sum() + len(places) - len(sources))
        if mistake == "best_only":
            weight = F.one_hot(scores.argmax(), len(sources)).float()
        filled[:, r, c] = sum(w * image[:, s[0], s[1]] for w, s in zip(weight, sources, strict=True))
    return filled


def _products(image, known, scale=10.0, *, mistake=""):
    """All patches as columns, NumPy, one product of matrices."""
    x, channels = image.double().numpy(), len(image)
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge" if mistake == "border_repeated" else "constant")
    seen = np.pad(known.numpy(), 1, constant_values=0 if mistake == "inside_only" else 1)
    places = list(np.ndindex(*known.shape))
    patches = np.stack([x[:, r, c] if mistake == "single_pixels" else wide[:, r : r + 3, c : c + 3].reshape(-1) for r, c in places])
    good = np.array([seen[r : r + 3, c : c + 3].min() > 0 for r, c in places])
    if mistake == "middle_known":
        good = known.numpy().reshape(-1) > 0
    if mistake == "no_mask":
        good[:] = True
    if mistake != "no_norm":
        patches = patches / np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-12)
    logits = patches @ patches.T * (1 if mistake == "scale_ignored" else scale)
    if mistake == "leak":
        logits = np.where(good, logits, 0.0)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    if mistake == "best_only":
        powers = np.where(logits == np.where(good, logits, -np.inf).max(1, keepdims=True), 1.0, 0.0)
        powers[np.arange(len(powers)), :] *= np.cumsum(powers * good, axis=1) == 1
    kept = powers * good
    total = powers.sum(1, keepdims=True) if mistake == "leak" else kept.sum(1, keepdims=True)
    if not good.any() and mistake != "nothing_usable":
        return torch.from_numpy(x)
    with np.errstate(invalid="ignore"):
        mixed = ((kept / total) @ x.reshape(channels, -1).T).T.reshape(x.shape)
    change = np.ones(known.shape) if mistake == "known_changed" else known.numpy() == 0
    return torch.from_numpy(np.where(change > 0, mixed, x))


_ATTEND = [
    "known_changed", "middle_known", "no_mask", "leak", "no_norm", "single_pixels", "inside_only", "border_repeated", "scale_ignored",
    "nothing_usable", "best_only",
]  # fmt: skip

# --- steps_to ---------------------------------------------------------------------------------------------------------------------------


def _vectors(weights, columns, *, mistake=""):
    """Whole rows of numbers at once."""
    axis = 0 if mistake == "wrong_axis" else 1
    best, own = weights.argmax(axis), torch.arange(len(weights))
    side = len(weights) // columns if mistake == "by_rows" else columns
    down, right = best // side, best % side
    if mistake != "absolute":
        down, right = down - own // side, right - own % side
    if mistake == "backwards":
        down, right = -down, -right
    pair = torch.stack([right, down] if mistake == "swapped" else [down, right])
    if mistake != "looks_nowhere":
        pair = pair * (weights.sum(axis) > 0)
    return pair.view(2, -1, columns)


def _place_by_place(weights, columns, *, mistake=""):
    """Lists and divmod."""
    table = (weights.T if mistake == "wrong_axis" else weights).tolist()
    rows = len(table) // columns
    by = rows if mistake == "by_rows" else columns
    numbers = [[], []]
    for place, row in enumerate(table):
        to, own = divmod(row.index(max(row)), by), divmod(place, by)
        if mistake == "absolute":
            own = (0, 0)
        step = [(a - b) * (-1 if mistake == "backwards" else 1) for a, b in zip(to, own, strict=True)]
        if sum(row) == 0 and mistake != "looks_nowhere":
            step = [0, 0]
        for axis in (0, 1):
            numbers[axis].append(step[1 - axis] if mistake == "swapped" else step[axis])
    return np.array(numbers).reshape(2, rows, columns)


_STEPS = ["wrong_axis", "by_rows", "absolute", "backwards", "swapped", "looks_nowhere"]

MUTANTS = {
    "attention/likeness": _pairs(_LIKENESS, _unit_vectors, _pair_by_pair),
    "attention/softmax_over_known": _pairs(_SOFTMAX, _filled, _by_powers) | {"wrong_axis": Pair(found, partial(_filled, mistake="wrong_axis"))},
    "attention/attend": _pairs(_ATTEND, _loops, _products),
    "attention/steps_to": _pairs(_STEPS, _vectors, _place_by_place),
}

EQUIVALENT = {
    "attention/likeness": [
        _unit_vectors,
        _pair_by_pair,
        lambda queries, keys: _unit_vectors(queries.double(), keys.double()),
        lambda queries, keys: _pair_by_pair(queries, keys).tolist(),
        lambda queries, keys: _unit_vectors(queries, keys).T.contiguous().T.bfloat16(),
    ],
    "attention/softmax_over_known": [
        _filled,
        _by_powers,
        lambda *a, **k: _by_powers(*a, **k).numpy(),
        lambda score, known, **k: _filled(score.double(), known.bool(), **k),
        lambda score, known, scale=10.0: torch.stack([_filled(s[None], m[None], scale)[0] for s, m in zip(score, known, strict=True)]),
    ],
    "attention/attend": [
        _loops,
        _products,
        lambda *a, **k: _products(*a, **k).float().numpy(),
        lambda image, known, **k: _loops(image.double(), known.double(), **k),
        lambda *a, **k: _loops(*a, **k)[None].contiguous(memory_format=torch.channels_last)[0],
    ],
    "attention/steps_to": [
        _vectors,
        _place_by_place,
        lambda *a, **k: _vectors(*a, **k).float(),
        lambda *a, **k: _place_by_place(*a, **k).tolist(),
    ],
}
