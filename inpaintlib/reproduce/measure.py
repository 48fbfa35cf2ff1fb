"""Measuring: every image by itself, raw and composited, with means, intervals over images, and each seed for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib import evaluation, features, metrics
from inpaintlib.evaluation import Interval, Metric, mean_interval
from inpaintlib.models.base import composite, evaluating

__all__ = ["DICE", "DICE_HOLE", "Measured", "measure", "perceptual_metric"]

DICE = Metric("dice", "Dice", "higher", 4, lambda p, t, m: metrics.dice(p, t))
DICE_HOLE = Metric("dice_hole", "Dice hole", "higher", 4, lambda p, t, m: metrics.dice(p, t, mask=m, region="hole"))


@dataclass(frozen=True)
class Measured:
    """What the networks of one arm (one a seed), or one method that learns nothing, reached.

    Attributes:
        title: its name in tables.
        values: "raw psnr", "composited mae", ... -> (S, N), one row a seed, one column an image.
        parameters, images: of the network, and how many images it was shown in training; None for what learns nothing.
        facts: of each seed's training.
    """

    title: str
    values: dict[str, Tensor]
    parameters: int | None = None
    images: int | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)

    def interval(self, key: str) -> Interval:
        """The mean over images, each the mean over seeds, with its 95 % confidence interval."""
        return mean_interval(self.values[key].mean(0))

    def seeds(self, key: str) -> list[float]:
        """The mean over images of each seed."""
        return [float(row.double().mean()) for row in self.values[key]]

    def above(self, other: Measured, key: str) -> tuple[Interval, list[float]]:
        """By how much this exceeds another: paired over images, with the interval; and seed by seed, where both have as many."""
        mine, others = self.values[key].double(), other.values[key].double()
        each = [float(row.mean()) for row in mine - others] if len(mine) == len(others) else []
        return mean_interval(mine.mean(0) - others.mean(0)), each

    def deviation(self, key: str) -> float:
        """The standard deviation over images."""
        return float(self.values[key].mean(0).double().std())


def perceptual_metric() -> Metric | None:
    """Distance on the network that no training has seen; None while this version of the course has no weights for it."""
    try:
        network = features.load("measure")
    except ValueError:
        return None
    return Metric("perceptual", "perceptual distance", "lower", 4, lambda p, t, m: metrics.perceptual(p, t, features=network))


@torch.no_grad()
def measure(
    title: str,
    fillers: Sequence[nn.Module | Callable[[Tensor, Tensor], Tensor]],
    target: Tensor,
    mask: Tensor,
    chosen: Sequence[str | Metric],
    *,
    facts: Sequence[dict[str, Any]] = (),
    batch_size: int = 250,
) -> Measured:
    """Let networks (raw and composited) or inpainters (composited only) fill holes, and measure every image.

    Args:
        title: its name in tables.
        fillers: the networks of the seeds, called as ``model(image, mask)``; or one inpainter that is no module.
        target: float (N, 3, H, W) in [0, 1].
        mask: (N, 1, H, W), 1 = known, each with a hole.
        chosen: metrics, by their name in ``evaluation.METRICS`` or themselves.
        facts: of the trainings.
        batch_size: images at a time.
    """
    wanted = [evaluation.METRICS[metric] if isinstance(metric, str) else metric for metric in chosen]
    mask = mask.to(target.dtype)
    found: dict[str, list[Tensor]] = {}
    for filler in fillers:
        raw = _fill(filler, target, mask, batch_size)
        kinds = {"raw": raw} if isinstance(filler, nn.Module) else {}
        for kind, picture in (kinds | {"composited": composite(raw, target, mask)}).items():
            for metric in wanted:
                pieces = zip(*(x.split(batch_size) for x in (picture, target, mask)), strict=True)
                found.setdefault(f"{kind} {metric.name}", []).append(torch.cat([metric.function(*piece) for piece in pieces]).float())
    first = fillers[0]
    count = sum(p.numel() for p in first.parameters()) if isinstance(first, nn.Module) else None
    seen = int(facts[0]["images"]) if facts else None
    return Measured(title, {key: torch.stack(rows) for key, rows in found.items()}, count, seen, list(facts))


def _fill(filler: nn.Module | Callable[[Tensor, Tensor], Tensor], target: Tensor, mask: Tensor, batch_size: int) -> Tensor:
    filled = []
    for start in range(0, len(target), batch_size):
        image, known = target[start : start + batch_size], mask[start : start + batch_size]
        if isinstance(filler, nn.Module):
            weight = next(filler.parameters())
            with evaluating(filler):
                answer = filler((image * known).to(weight.device), known.to(weight.device))
        else:
            answer = filler(image * known, known)
        filled.append(answer.to(target).clamp(0, 1))
    return torch.cat(filled)
