"""The known mistakes of the unit ``patch_gan``, computed; how a student writes them is the business of ``mutants.py``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# --- hinge: None stands for the loss of which a mistake says nothing ---------------------------------------------------------------------


def _hinge(real: Tensor, fake: Tensor, *, critic: str = "right", generator: str = "right") -> tuple[float | None, float | None]:
    r, f = real.double(), fake.double()
    relu = torch.relu
    both = torch.cat([relu(1 - r).flatten(), relu(1 + f).flatten()])
    losses: dict[str, Callable[[], Tensor]] = {
        "right": lambda: relu(1 - r).mean() + relu(1 + f).mean(),
        "mean first": lambda: relu(1 - r.mean()) + relu(1 + f.mean()),
        "mean of a picture first": lambda: relu(1 - r.flatten(1).mean(1)).mean() + relu(1 + f.flatten(1).mean(1)).mean(),
        "signs": lambda: relu(1 + r).mean() + relu(1 - f).mean(),
        "not cut": lambda: (1 - r).mean() + (1 + f).mean(),
        "no margin": lambda: relu(-r).mean() + relu(f).mean(),
        "sum": lambda: both.sum(),
        "joined": lambda: both.mean(),
        "half": lambda: (relu(1 - r).mean() + relu(1 + f).mean()) / 2,
    }
    moves: dict[str, Callable[[], Tensor]] = {
        "right": lambda: -f.mean(),
        "hinged": lambda: relu(1 - f).mean(),
        "sign": lambda: f.mean(),
        "sum": lambda: -f.sum(),
    }
    return losses[critic]().item() if critic else None, moves[generator]().item() if generator else None


def _critic(*mistakes: str) -> list[Callable[..., Any]]:
    return [partial(_hinge, critic=c, generator=g) for c in mistakes for g in ("right", "hinged", "sign")]


HINGE_MEAN_FIRST = _critic("mean first", "mean of a picture first")
HINGE_SIGNS = _critic("signs")
HINGE_NOT_CUT = _critic("not cut")
HINGE_NO_MARGIN = _critic("no margin")
HINGE_SUMMED = [partial(_hinge, critic="sum", generator=g) for g in ("right", "sum")]
HINGE_JOINED = _critic("joined", "half")
HINGE_GENERATOR_HINGED = [partial(_hinge, generator="hinged")]
HINGE_GENERATOR_SIGN = [partial(_hinge, generator="sign")]

# --- normalised -------------------------------------------------------------------------------------------------------------------------


def _normalised(weight: Tensor, u: Tensor, rounds: int, *, layout: str = "rows", by: str = "sigma", count: Callable[[int], int] | None = None, hand: str = "new") -> Any:
    """The right answer, or one with another table, another divisor, another number of rounds, or another u."""
    w = weight.double()
    table = {
        "rows": lambda: w.flatten(1),
        "columns": lambda: w.reshape(-1, len(w)).T,
        "transposed": lambda: w.transpose(0, 1).reshape(len(w), -1),
    }[layout]()
    first = last = u.double()
    for _ in range(count(rounds) if count else rounds):
        before = last
        v = F.normalize(table.T @ before, dim=0)
        last = F.normalize(table @ v, dim=0)
    sigma = last @ table @ v
    divisor = {
        "sigma": sigma, "square": sigma**2, "raw v": (table @ (table.T @ before)).norm(), "frobenius": w.norm(), "largest": w.abs().max(),
        "stale": before @ table @ v / before.norm(),
    }[by]  # fmt: skip
    return w / divisor, last if hand == "new" else first


NORM_FROBENIUS = [partial(_normalised, by="frobenius")]
NORM_LARGEST = [partial(_normalised, by="largest")]
NORM_SCRAMBLED = [partial(_normalised, layout="columns"), partial(_normalised, layout="transposed")]
NORM_ROUNDS = [partial(_normalised, count=lambda rounds: 1)]
NORM_ONE_OFF = [partial(_normalised, count=lambda rounds: rounds + 1)]
NORM_SQUARED = [partial(_normalised, by="square"), partial(_normalised, by="raw v")]
NORM_OLD_U = [partial(_normalised, hand="old"), lambda weight, u, rounds: (_normalised(weight, u, rounds)[0], F.normalize(u.double(), dim=0))]
NORM_STALE = [partial(_normalised, by="stale")]

# --- gradient_penalty -------------------------------------------------------------------------------------------------------------------


def _penalty(
    weight: Tensor, real: Tensor, fake: Tensor, share: Tensor, *, norm: str = "picture", of: str = "sum", at: str = "each", target: str = "one", add: str = "mean"
) -> tuple[Tensor, Tensor]:
    """The right penalty, or one with any of these mistakes; the derivative is that of whatever was computed."""
    w = weight.double().clone().requires_grad_()
    r, f, t = real.double(), fake.double(), share.double()[:, None, None, None]
    where = {"each": t, "first": t[:1], "mean": t.mean(), "swapped": 1 - t, "real": torch.zeros_like(t), "fake": torch.ones_like(t)}[at]
    x = torch.lerp(r, f, where.expand_as(t).expand_as(r))
    slope = w[0] + w[1] * x
    if of == "mean":
        slope = slope / len(real)
    squares = slope.square()
    squares = {
        "picture": lambda: squares.flatten(1).sum(1),
        "batch": lambda: squares.sum(),
        "over pictures": lambda: squares.sum(0),
        "pixel": lambda: squares.sum(1),
        "channel": lambda: squares.sum((2, 3)),
        "row": lambda: squares.sum(-1),
    }[norm]()
    lengths = squares if target == "square" else squares.sqrt()
    off = {"one": lengths - 1, "square": lengths - 1, "zero": lengths, "above": torch.relu(lengths - 1), "abs": lengths - 1}[target]
    off = off.abs() if target == "abs" else off.square()
    penalty = off.mean() if add == "mean" else off.sum()
    (by_weight,) = torch.autograd.grad(penalty, w)
    return penalty.detach(), by_weight


def _mistakes(**choices: Sequence[Any]) -> list[Callable[..., Any]]:
    """The penalty with each combination of these."""
    return [partial(_penalty, **dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


_ELSEWHERE, _REDUCED = ("each", "first"), ("sum", "mean")
PENALTY_PART = _mistakes(norm=("pixel", "channel", "row"), of=_REDUCED, at=_ELSEWHERE)
PENALTY_BATCH = _mistakes(norm=("batch", "over pictures"), of=_REDUCED, at=_ELSEWHERE)
PENALTY_MEAN = _mistakes(of=("mean",), at=_ELSEWHERE)
PENALTY_ONE_SHARE = _mistakes(at=("first", "mean"))
PENALTY_SWAPPED = _mistakes(at=("swapped",))
PENALTY_END = _mistakes(at=("real", "fake"))
PENALTY_SQUARE = _mistakes(target=("square",))
PENALTY_ZERO = _mistakes(target=("zero",))
PENALTY_ABOVE = _mistakes(target=("above",))
PENALTY_SUM = _mistakes(add=("sum",))


def _deaf(weight: Tensor, real: Tensor, fake: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    return _penalty(weight, real, fake, share)[0], torch.zeros(weight.shape)


PENALTY_DEAF = [_deaf]


def no_graph(case: Any, got: Any, expected: Any) -> bool:
    """PyTorch found no way from the penalty to the weights, or to the pictures."""
    return isinstance(got, RuntimeError) and ("does not require grad" in str(got) or "not have been used in the graph" in str(got))


# --- sees_hole --------------------------------------------------------------------------------------------------------------------------


def _sees(
    mask: Tensor, layers: int, *, kernel: int = 5, start: str = "centred", field: str = "grown", rule: str = "any", count: Callable[[int], int] | None = None
) -> np.ndarray:
    """By windows: which rows and columns each score sees, or would see with a mistake."""
    n = count(layers) if count else layers
    jump = 2**n
    size = {"grown": 1 + (kernel - 1) * (jump - 1), "one kernel": kernel, "block": jump, "linear": 1 + (kernel - 1) * n}[field]
    first = {"centred": -(size // 2), "corner": 0}[start]
    missing = mask.numpy() == 0
    shape = [-(-side // jump) for side in mask.shape]
    seen = np.zeros(shape)
    for i, j in np.ndindex(*shape):
        (top, bottom), (left, right) = ((max(0, first + k * jump), max(0, first + k * jump + size)) for k in (i, j))
        window = missing[top:bottom, left:right]
        seen[i, j] = {"any": window.any(), "known": (~window).any(), "all": window.all(), "none": not window.any()}[rule]
    return seen


SEES_INVERTED = [partial(_sees, rule="known"), partial(_sees, rule="none")]
SEES_ALL = [partial(_sees, rule="all")]
SEES_CORNER = [partial(_sees, start="corner")]
SEES_BLOCK = [partial(_sees, field="block", start="corner")]
SEES_THREE = [partial(_sees, kernel=3)]
SEES_FIVE = [partial(_sees, field="one kernel")]
SEES_LINEAR = [partial(_sees, field="linear")]
SEES_ONE_LAYER = [partial(_sees, count=lambda layers: 1)]
