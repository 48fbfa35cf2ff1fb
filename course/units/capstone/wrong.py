"""The known mistakes of the unit ``capstone``, computed: "what you got is what I expect when the hole comes in again on the other side"."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

# --- moved ------------------------------------------------------------------------------------------------------------------------------


def _moved(mask: Tensor, down: int, right: int, *, outside: str = "known", swapped: bool = False, back: bool = False) -> Tensor:
    if swapped:
        down, right = right, down
    if back:
        down, right = -down, -right
    rows, columns = mask.shape
    y, x = torch.arange(rows) - down, torch.arange(columns) - right
    inside = ((y >= 0) & (y < rows))[:, None] & ((x >= 0) & (x < columns))
    if outside == "wraps":
        return mask.double()[y % rows][:, x % columns]
    found = mask.double()[y.clamp(0, rows - 1)][:, x.clamp(0, columns - 1)]
    if outside == "repeats":
        return found
    return torch.where(inside, found, torch.full_like(found, 1.0 if outside == "known" else 0.0))


WRAPS = [partial(_moved, outside="wraps"), partial(_moved, outside="wraps", swapped=True)]
HOLE_OUTSIDE = [partial(_moved, outside="hole"), partial(_moved, outside="hole", swapped=True)]
REPEATS = [partial(_moved, outside="repeats")]
SWAPPED = [partial(_moved, swapped=True)]
BACKWARDS = [partial(_moved, back=True)]

# --- join -------------------------------------------------------------------------------------------------------------------------------


def _join(left: Tensor, right: Tensor, overlap: int, *, weights: str) -> Tensor:
    k = torch.arange(overlap, dtype=torch.float64)
    right_weight = {
        "reversed": (overlap - k) / (overlap + 1),
        "half": torch.full_like(k, 0.5),
        "left wins": 0 * k,
        "right wins": 0 * k + 1,
        "ends": k / max(overlap - 1, 1),
        "late": k / max(overlap, 1),
        "early": (k + 1) / max(overlap, 1),
        "sum": 0 * k + 1,
    }[weights]
    left_weight = torch.ones_like(k) if weights == "sum" else 1 - right_weight
    cut = left.shape[2] - overlap
    mixed = left_weight * left[:, :, cut:].double() + right_weight * right[:, :, :overlap].double()
    return torch.cat([left[:, :, :cut].double(), mixed, right[:, :, overlap:].double()], 2)


SUMMED = [partial(_join, weights="sum")]
REVERSED = [partial(_join, weights="reversed")]
HALF = [partial(_join, weights="half")]
HARD = [partial(_join, weights="left wins"), partial(_join, weights="right wins")]
TO_THE_ENDS = [partial(_join, weights=kind) for kind in ("ends", "late", "early")]


def _not_overlapped(left: Tensor, right: Tensor, overlap: int) -> Tensor:
    return torch.cat([left, right], 2).double()


SIDE_BY_SIDE = [_not_overlapped]

# --- choose -----------------------------------------------------------------------------------------------------------------------------


def _choose(errors: Tensor, *, by: str = "even", judge: str = "odd", best: str = "mean") -> tuple[int, float]:
    errors = errors.double()
    half = -(-errors.shape[1] // 2)
    parts = {"even": errors[:, 0::2], "odd": errors[:, 1::2], "all": errors, "first": errors[:, :half], "second": errors[:, half:]}
    chose = parts[by]
    if best == "largest":
        index = int(chose.mean(1).argmax())
    elif best == "single":
        index = int(chose.min(1).values.argmin())
    else:
        index = int(chose.mean(1).argmin())
    return index, float(parts[judge][index].mean())


SAME_PLACES = [partial(_choose, judge="even"), partial(_choose, by="all", judge="all"), partial(_choose, judge="all")]
ALL_CHOOSE = [partial(_choose, by="all")]
HALVES_SWAPPED = [partial(_choose, by="odd", judge="even")]
BLOCKS = [partial(_choose, by="first", judge="second")]
LARGEST = [partial(_choose, best="largest")]
LUCKIEST = [partial(_choose, best="single")]
