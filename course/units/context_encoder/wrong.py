"""The known mistakes of the unit ``context_encoder``, computed; how a student writes them is the business of ``mutants.py``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from course.units.context_encoder.cases import sigmoid

# --- slopes -----------------------------------------------------------------------------------------------------------------------------


def _scores(function: Callable[[np.ndarray], Any], summed: bool = False) -> Callable[[Tensor], Any]:
    """Of the mean over the scores, or of their sum."""

    def wrong(scores: Tensor) -> Any:
        with np.errstate(all="ignore"):
            first, second = function(scores.double().numpy())
        return (first, second) if summed else (first / len(scores), second / len(scores))

    return wrong


def _both(function: Callable[[np.ndarray], Any]) -> list[Callable[[Tensor], Any]]:
    return [_scores(function), _scores(function, summed=True)]


SLOPES_SUMMED = [_scores(lambda s: (-sigmoid(s), sigmoid(s) - 1), summed=True)]
SLOPES_SWAPPED = [_scores(lambda s: (sigmoid(s) - 1, -sigmoid(s)))]
SLOPES_SIGN = [
    *_both(lambda s: (sigmoid(s), 1 - sigmoid(s))),
    *_both(lambda s: (sigmoid(s), sigmoid(s) - 1)),
    *_both(lambda s: (-sigmoid(s), 1 - sigmoid(s))),
]
SLOPES_BY_PROBABILITY = _both(lambda s: (-1 / (1 - sigmoid(s)), -1 / sigmoid(s)))
SLOPES_LOSSES = _both(lambda s: (-np.logaddexp(0, s), np.logaddexp(0, -s)))
SLOPES_SAME = [*_both(lambda s: (-sigmoid(s), -sigmoid(s))), *_both(lambda s: (sigmoid(s) - 1, sigmoid(s) - 1))]

# --- joint_loss -------------------------------------------------------------------------------------------------------------------------


def _joint(
    patch: Tensor, truth: Tensor, scores: Tensor, band: int = 4, *, map_: str = "right", total: str = "mean", adversarial: str | None = None
) -> tuple[Any, Any]:
    """One of the two terms with its mistakes; None for the other, of which they say nothing."""
    error, s = (patch.double() - truth.double()).numpy(), scores.double().numpy()
    if adversarial is not None:
        with np.errstate(all="ignore"):
            terms = {
                "game": -np.logaddexp(0, s),
                "critics": np.logaddexp(0, s),
                "score": -s,
                "overflow": -np.log(1 / (1 + np.exp(-s))),
                "minus": -np.logaddexp(0, -s),
            }
        return None, 0.001 * terms[adversarial].mean()
    rows, columns = error.shape[-2:]
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    down, across = np.minimum(i, rows - 1 - i) < band, np.minimum(j, columns - 1 - j) < band
    w = np.where(down | across, 10.0, 1.0)
    if map_ == "corners":
        w = 1 + 9.0 * down + 9.0 * across
    elif map_ == "corners times":
        w = np.where(down, 10.0, 1.0) * np.where(across, 10.0, 1.0)
    elif map_ == "inverted":
        w = np.where(down | across, 1.0, 10.0)
    elif map_ == "rows":
        w = np.where(down, 10.0, 1.0)
    elif map_ == "columns":
        w = np.where(across, 10.0, 1.0)
    elif map_ == "none":
        w = np.ones_like(w)
    elif map_ == "squared":
        w = w**2
    value = (w * error**2).sum()
    shares = {"mean": error.size, "sum": 1, "a patch": len(error), "weights": (w * np.ones_like(error)).sum(), "pixels": error.size / 3}
    return 0.999 * value / shares[total], None


def _mistakes(**choices: Sequence[Any]) -> list[Callable[..., Any]]:
    return [partial(_joint, **dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


JOINT_CORNERS = _mistakes(map_=("corners", "corners times"), total=("mean", "sum", "a patch"))
JOINT_SUMMED = _mistakes(total=("sum", "a patch", "pixels"))
JOINT_INVERTED = _mistakes(map_=("inverted",), total=("mean", "sum"))
JOINT_ONE_WAY = _mistakes(map_=("rows", "columns"), total=("mean", "sum"))
JOINT_SQUARED = _mistakes(map_=("squared",), total=("mean", "sum"))
JOINT_BY_WEIGHTS = _mistakes(total=("weights",))
JOINT_GAME = _mistakes(adversarial=("game",))
JOINT_CRITICS = _mistakes(adversarial=("critics", "minus"))

# --- train_step -------------------------------------------------------------------------------------------------------------------------


def _game(
    known: Tensor,
    real: Tensor,
    lr: float,
    generator: Tensor,
    critic: Tensor,
    *,
    detach: bool = True,
    clear: str = "both",
    swapped: bool = False,
    saturating: bool = False,
    stale: bool = False,
    half: float = 1.0,
    helps: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two steps by hand, gradients kept as PyTorch keeps them: added to what was not cleared."""
    g, c, losses = generator.double().numpy().copy(), critic.double().numpy().copy(), []
    grad_g, grad_c = np.zeros_like(g), np.zeros_like(c)
    side = -1 if swapped else 1
    for k, r in zip(known.double().numpy(), real.double().numpy(), strict=True):
        n, ones = len(k), np.ones((len(k), 1))
        k1, r1 = np.hstack([k, ones]), np.hstack([r, ones])
        f = np.tanh(k1 @ g.T)
        f1 = np.hstack([f, ones])
        on_real, on_filled = r1 @ c.T, f1 @ c.T
        loss_critic = half * (np.logaddexp(0, -side * on_real).mean() + np.logaddexp(0, side * on_filled).mean())
        by_real, by_filled = -side * half * sigmoid(-side * on_real) / n, side * half * sigmoid(side * on_filled) / n
        if clear in ("both", "critic", "start"):
            grad_c = np.zeros_like(c)
        if clear == "start":
            grad_g = np.zeros_like(g)
        grad_c = grad_c + by_real.T @ r1 + by_filled.T @ f1
        if not detach:
            grad_g = grad_g + (by_filled @ c[:, :2] * (1 - f**2)).T @ k1
        old = c
        c = c - lr * grad_c
        seen_by = old if stale else c
        score = f1 @ seen_by.T
        by_score = (-sigmoid(score) if saturating else -sigmoid(-score)) / n
        if clear in ("both", "generator"):
            grad_g = np.zeros_like(g)
        grad_g = grad_g + (by_score @ seen_by[:, :2] * (1 - f**2)).T @ k1
        grad_c = grad_c + by_score.T @ f1
        g = g - lr * grad_g
        if helps:
            c = c - lr * by_score.T @ f1
        losses.append([loss_critic, (-np.logaddexp(0, score) if saturating else np.logaddexp(0, -score)).mean()])
    return np.array(losses), c, g


STEP_NOT_CLEARED = [partial(_game, clear=clear, detach=detach) for clear in ("none", "critic", "generator") for detach in (True, False)]
STEP_NOT_DETACHED = [partial(_game, clear="start", detach=False)]
STEP_SWAPPED = [partial(_game, swapped=True)]
STEP_SATURATING = [partial(_game, saturating=True)]
STEP_STALE = [partial(_game, stale=True)]
STEP_HALF = [partial(_game, half=0.5)]
STEP_HELPS = [partial(_game, helps=True)]

# --- critic_has_won ---------------------------------------------------------------------------------------------------------------------


def _won(
    real: Tensor, filled: Tensor, patience: int = 3, *, both: str = "min", reset: bool = True, shift: str = "end", more: int = 0, line: float = 0.99
) -> int:
    count = 0
    for row, (a, b) in enumerate(zip(real.tolist(), filled.tolist(), strict=True)):
        value = {"min": min(a, b), "max": max(a, b), "mean": (a + b) / 2, "real": a, "filled": b}[both]
        count = count + 1 if value >= line - 1e-9 else 0 if reset else count
        if count >= patience + more and count > 0:
            return {"end": row, "start": row - patience + 1, "counted from 1": row + 1}[shift]
    return -1


WON_EITHER = [partial(_won, both="max")]
WON_ONE_OF_THEM = [partial(_won, both="real"), partial(_won, both="filled")]
WON_MEAN = [partial(_won, both="mean")]
WON_NOT_IN_A_ROW = [partial(_won, reset=False)]
WON_START = [partial(_won, shift="start")]
WON_COUNTED = [partial(_won, shift="counted from 1")]
WON_LATE = [partial(_won, more=1), partial(_won, more=-1)]
WON_PERFECT = [partial(_won, line=1.0)]
