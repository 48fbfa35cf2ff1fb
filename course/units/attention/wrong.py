"""The known mistakes of the unit ``attention``, computed; how a student writes them is the business of ``mutants.py``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.task import Case


def _mistakes(function: Callable[..., Any], **choices: Sequence[Any]) -> list[Callable[..., Any]]:
    """The function with each combination of these."""
    return [partial(function, **dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


# --- likeness ---------------------------------------------------------------------------------------------------------------------------


def _cosine(queries: Tensor, keys: Tensor, *, ours: float = 1, theirs: float = 1, guard: bool = True, axis: int = 1) -> Tensor:
    """q · k / (|q|^ours |k|^theirs), the lengths along an axis, with zeros or NaN for vectors of zeros."""
    q, k = queries.double(), keys.double()
    ours_, theirs_ = q.norm(dim=axis, keepdim=True) ** ours, k.norm(dim=axis, keepdim=True) ** theirs
    least = 1e-12 if guard else 0.0
    return (q / ours_.clamp(min=least)) @ (k / theirs_.clamp(min=least)).T


LIKENESS_NO_NORM = _mistakes(_cosine, ours=[0], theirs=[0])
LIKENESS_ONE_NORM = [*_mistakes(_cosine, ours=[0], guard=[True, False]), *_mistakes(_cosine, theirs=[0], guard=[True, False])]
LIKENESS_SQUARED = _mistakes(_cosine, ours=[2], theirs=[2], guard=[True, False])
LIKENESS_AXIS = _mistakes(_cosine, axis=[0], guard=[True, False])
LIKENESS_NAN = _mistakes(_cosine, guard=[False])
LIKENESS_ABSOLUTE = [lambda queries, keys: _cosine(queries, keys).abs()]
LIKENESS_TRANSPOSED = [lambda queries, keys: _cosine(queries, keys).T]

# --- softmax_over_known -----------------------------------------------------------------------------------------------------------------


def _softmax(
    score: Tensor, known: Tensor, scale: float = 10.0, *, masked: str = "inf", shared: bool = False, axis: int = 2, guard: bool = True, scaled: bool = True
) -> Tensor:
    """The right weights, or those with any of these mistakes."""
    k = (known[:1].expand_as(known) if shared else known)[:, None].double()
    logits = (scale if scaled else 1.0) * score.double()
    if masked in ("times", "struck"):
        logits = logits * k
    elif masked == "inf":
        logits = logits.masked_fill(k == 0, -torch.inf)
    weight = torch.softmax(logits, dim=axis)
    if masked == "struck":
        weight = weight * k
    if masked == "inf" and guard:
        weight = torch.where(k.sum(2, keepdim=True) > 0, weight, torch.zeros_like(weight))
    return weight


_ANYHOW = ("inf", "times", "struck", "none")
SOFTMAX_AXIS = _mistakes(_softmax, axis=[1], masked=_ANYHOW, shared=(False, True), guard=(True, False))
SOFTMAX_SHARED = _mistakes(_softmax, shared=[True], masked=_ANYHOW[:3], guard=(True, False))
SOFTMAX_LEAK = _mistakes(_softmax, masked=["times"])
SOFTMAX_STRUCK = [*_mistakes(_softmax, masked=["struck"]), lambda score, known, scale=10.0: torch.softmax(scale * score.double(), 2) * known[:, None]]
SOFTMAX_UNMASKED = _mistakes(_softmax, masked=["none"])
SOFTMAX_NAN = _mistakes(_softmax, guard=[False])
SOFTMAX_SCALE = _mistakes(_softmax, scaled=[False], masked=_ANYHOW, guard=(True, False))

# --- attend -----------------------------------------------------------------------------------------------------------------------------


def _around(image: Tensor, mode: str = "constant") -> Tensor:
    """The 3 x 3 patch around each place, (places, C * 9)."""
    return F.unfold(F.pad(image.double()[None], (1, 1, 1, 1), mode=mode), 3)[0].T


def _usable(known: Tensor, rule: str) -> Tensor:
    """(places,): the patches that may be copied from."""
    if rule == "all":
        return torch.ones(known.numel(), dtype=torch.bool)
    if rule == "middle":
        return known.flatten() > 0
    outside = 1.0 if rule == "inside only" else 0.0
    missing = F.pad(1 - known.double()[None, None], (1, 1, 1, 1), value=outside)
    return (F.unfold(missing, 3)[0] == 0).all(0)


def _attend(
    image: Tensor,
    known: Tensor,
    scale: float = 10.0,
    *,
    usable: str = "whole",
    normalised: bool = True,
    patch: int = 3,
    border: str = "constant",
    scaled: bool = True,
    everywhere: bool = False,
    nothing: str = "guess",
    leak: bool = False,
) -> Tensor:
    """The right filling, or one with any of these mistakes."""
    patches = _around(image, border) if patch == 3 else image.double().flatten(1).T
    unit = F.normalize(patches, dim=1) if normalised else patches
    logits, good = (scale if scaled else 1.0) * unit @ unit.T, _usable(known, usable)
    logits = logits * good if leak else logits.masked_fill(~good, -torch.inf)
    weight = torch.softmax(logits, dim=1) * good
    pixels = image.double().flatten(1).T
    if not good.any():
        weight = torch.full_like(weight, torch.nan if nothing == "nan" else 0.0)
    mixed = (weight @ pixels).T.view_as(image)
    change = torch.ones_like(known) if everywhere else 1 - known
    if not good.any() and nothing == "guess":
        change = torch.zeros_like(known)
    return torch.where(change > 0, mixed, image.double())


ATTEND_MIDDLE = _mistakes(_attend, usable=["middle"])
ATTEND_ALL = _mistakes(_attend, usable=["all"])
ATTEND_LEAK = _mistakes(_attend, leak=[True], nothing=("guess", "zero"))
ATTEND_NO_NORM = _mistakes(_attend, normalised=[False], nothing=("guess", "zero", "nan"))
ATTEND_PIXELS = _mistakes(_attend, patch=[1], usable=("whole", "middle"))
ATTEND_EVERYWHERE = _mistakes(_attend, everywhere=[True], nothing=("guess", "zero", "nan"))
ATTEND_INSIDE = _mistakes(_attend, usable=["inside only"], nothing=("guess", "zero", "nan"))
ATTEND_REPEATED = _mistakes(_attend, border=["replicate"])
ATTEND_SCALE = _mistakes(_attend, scaled=[False], nothing=("guess", "zero", "nan"))
ATTEND_NOTHING = _mistakes(_attend, nothing=["zero", "nan"])


def takes_the_best(case: Case, got: Any, expected: Any) -> bool:
    """Each hole pixel is exactly the pixel of a usable place that fits best (there may be several)."""
    del expected
    if not isinstance(got, np.ndarray) or got.shape != tuple(case.arguments["image"].shape):
        return False
    image, known = case.arguments["image"], case.arguments["known"]
    unit, good = F.normalize(_around(image), dim=1), _usable(known, "whole")
    if not good.any():
        return False
    cosines = (unit @ unit.T).masked_fill(~good, -2.0)
    best = cosines >= cosines.amax(1, keepdim=True) - 1e-6  # (places, patches)
    pixels, mine = image.double().flatten(1).T, torch.from_numpy(got).flatten(1).T  # (places, C)
    same = (mine[:, None] - pixels[None]).abs().amax(2) < 1e-5
    return bool((same & best).any(1)[known.flatten() == 0].all())


# --- steps_to ---------------------------------------------------------------------------------------------------------------------------


def _steps(
    weights: Tensor, columns: int, *, order: str = "down, right", sign: int = 1, relative: bool = True, axis: int = 1, guard: bool = True, by: str = "columns"
) -> np.ndarray:
    """The right steps, or those with any of these mistakes."""
    table = weights.double().numpy()
    rows = len(table) // columns
    best = table.argmax(axis)
    side = columns if by == "columns" else rows
    down, right = best // side, best % side
    if relative:
        own = np.arange(len(table))
        down, right = down - own // side, right - own % side
    some = table.sum(axis) > 0 if guard else np.ones(len(table), dtype=bool)
    pair = np.stack([down, right] if order == "down, right" else [right, down]) * sign * some
    return pair.reshape(2, rows, columns)


STEPS_SWAPPED = _mistakes(_steps, order=["right, down"], guard=(True, False))
STEPS_SIGN = _mistakes(_steps, sign=[-1], guard=(True, False))
STEPS_ABSOLUTE = _mistakes(_steps, relative=[False], guard=(True, False))
STEPS_AXIS = _mistakes(_steps, axis=[0], guard=(True, False))
STEPS_ROWS = _mistakes(_steps, by=["rows"], guard=(True, False))
STEPS_NOWHERE = _mistakes(_steps, guard=[False])
