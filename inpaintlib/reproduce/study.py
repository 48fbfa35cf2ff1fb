"""A study in progress: its images, its trained arms, and what they reach."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib import baselines, data, masks, models
from inpaintlib._device import device as choose_device
from inpaintlib.evaluation import Metric
from inpaintlib.reproduce.arms import Arm
from inpaintlib.reproduce.measure import Measured, measure, perceptual_metric
from inpaintlib.reproduce.parts import Trained, train_part

__all__ = ["BUDGETS", "TEST_IMAGES", "Study", "frozen_masks"]

BUDGETS = ("small", "full", "test")
_TITLES = {"navier_stokes": "Navier-Stokes"}
TEST_IMAGES = {"small": 1000, "full": 10_000, "test": 12}


@dataclass
class Study:
    """One seed's reproduction, at one budget.

    Attributes:
        name: "s0" ... "s4".
        budget: "small", "full", or "test" (a few images: it shows that the code runs, and nothing else).
        seeds: how many training seeds an arm has.
        images, test: the images to learn from and to measure on.
        folder: of the parts.
        command: the command that repeats it.
        say: called with a line of progress now and then.
    """

    name: str
    budget: str
    seeds: int
    images: data.ImageSet
    test: data.ImageSet
    folder: Path
    command: str
    device: str = "auto"
    precision: str = "auto"
    say: Callable[[str], None] = print
    trained: dict[str, list[Trained]] = field(default_factory=dict)

    @functools.cached_property
    def target(self) -> Tensor:
        """The test images, float (N, 3, H, W) in [0, 1]."""
        return self.test.float()

    @property
    def side(self) -> Any:
        height, width = self.target.shape[-2:]
        return height if height == width else (height, width)

    @functools.cached_property
    def perceptual(self) -> list[Metric]:
        """The perceptual distance, in a list that is empty where its network is not there."""
        metric = perceptual_metric()
        return [] if metric is None else [metric]

    def train(self, arms: Sequence[Arm]) -> None:
        """Train every arm with every seed, the first seed of all arms first: a study that is cut short has compared all of them."""
        todo = [(arm, seed) for seed in range(self.seeds) for arm in arms if arm.seeds is None or seed < arm.seeds]
        for number, (arm, seed) in enumerate(todo, 1):
            self.say(f"{self.name}: part {number} of {len(todo)}, {arm.title}, seed {seed}")
            folder = self.folder / f"{arm.name}-{seed}"
            part = train_part(arm, seed, self.images, folder, device=self.device, precision=self.precision, say=self.say)
            self.trained.setdefault(arm.name, []).append(part)

    def reached(self, arm: Arm, mask: Tensor, metrics: Sequence[str | Metric]) -> Measured:
        """What the networks of a trained arm reach under these masks (N, 1, H, W)."""
        parts = self.trained[arm.name]
        return measure(arm.title, [part.model for part in parts], self.target, mask, metrics, facts=[part.facts for part in parts])

    def method(self, name: str, mask: Tensor, metrics: Sequence[str | Metric]) -> Measured:
        """What a method that learns nothing reaches."""
        return measure(_TITLES.get(name, name.replace("_", " ")), [baselines.get(name)], self.target, mask, metrics)

    def shipped(self, name: str, mask: Tensor, metrics: Sequence[str | Metric]) -> list[Measured]:
        """What the weights that ship with the course reach, in a list that is empty where this version has none for that network."""
        if self.budget == "test":  # the tests must not depend on which weights there are
            return []
        try:
            model: nn.Module = models.create(name, pretrained=True)
        except ValueError:
            return []
        card: dict[str, Any] = getattr(model, "card", None) or {}
        facts = [{"images": card.get("images seen", 0)}]
        return [measure(f"{name}, the course's weights", [model.to(choose_device(self.device))], self.target, mask, metrics, facts=facts)]

    def seconds(self) -> float:
        """Time that all trainings took together."""
        return sum(part.facts["seconds"] for parts in self.trained.values() for part in parts)

    def some(self, tensor: Tensor, count: int) -> Tensor:
        """The first ``count`` rows; all, if there are fewer."""
        return tensor[: min(count, len(tensor))]


def frozen_masks(kinds: Sequence[str], count: int, size: Any) -> Tensor:
    """The benchmark's frozen masks, (count, 1, H, W): an equal share of each kind, one after the other; from the first again if too few."""
    shares = [count // len(kinds) + (i < count % len(kinds)) for i in range(len(kinds))]
    parts = []
    for kind, share in zip(kinds, shares, strict=True):
        if share:
            drawn = masks.benchmark(kind, count=min(share, 10_000), size=size)
            parts.append(drawn[torch.arange(share) % len(drawn)])
    return torch.cat(parts)
