"""What is trained: an arm of a comparison is a network, a recipe, and perhaps an adversary; each is trained once for each seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from inpaintlib import losses, masks, models
from inpaintlib.train.presets import Preset

__all__ = ["Adversary", "Arm", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. All arms that are compared have the same number of images, and see the same ones under the same masks.

    Attributes:
        masks: a family, or a mixture, as ``masks.parse`` reads it; or a name for the arm's own ``draw``.
        loss: as ``losses.parse`` reads it; or a name for the arm's own ``measure_by``.
        images: how many images are seen, in whole batches.
        batch_size, lr, schedule, optimizer, clip, ema: as ``train.fit`` takes them; 0 for no clipping, no average.
    """

    masks: str
    loss: str
    images: int
    batch_size: int = 64
    lr: float = 2e-3
    schedule: str = "one_cycle"
    optimizer: str = "adam"
    clip: float = 1.0
    ema: float = 0.999

    @classmethod
    def of(cls, preset: Preset, count: int) -> Recipe:
        """A preset's recipe, for a set of ``count`` images."""
        names = ("masks", "loss", "batch_size", "lr", "schedule", "optimizer", "clip", "ema")
        return cls(images=round(preset.epochs * count), **{name: getattr(preset, name) for name in names})

    def steps(self, count: int) -> int:
        """Training steps on a set of ``count`` images, of which a batch holds no more than there are."""
        return max(1, math.ceil(self.images / min(self.batch_size, count)))

    def seen(self, count: int) -> int:
        """Images seen, as they come out in whole batches."""
        return self.steps(count) * min(self.batch_size, count)


@dataclass(frozen=True)
class Adversary:
    """The other player: its critics by name, each with its options, the game they play, and how much their word counts."""

    kind: str
    critics: Mapping[str, Mapping[str, Any]]
    weight: float
    lr: float = 1e-4

    def build(self) -> dict[str, nn.Module]:
        return {name: models.critic(name, **options) for name, options in self.critics.items()}


@dataclass(frozen=True)
class Arm:
    """One arm of a comparison.

    Attributes:
        name: short, for folders.
        title: for tables.
        model, options: of the network.
        recipe: how it is trained.
        adversary: who else plays; None for reconstruction alone.
        draw: draws the masks, where ``recipe.masks`` is only their name.
        measure_by: the loss, where ``recipe.loss`` is only its name.
        change: what is done to the network before it is trained (a mistake put back in); ``name`` says which.
        only_class: train on the images of this class alone; None: on all.
        seeds: no more than that many seeds; None: as many as are asked for.
    """

    name: str
    title: str
    model: str
    recipe: Recipe
    options: dict[str, Any] = field(default_factory=dict)
    adversary: Adversary | None = None
    draw: Callable[..., torch.Tensor] | None = None
    measure_by: losses.Loss | None = None
    change: Callable[[nn.Module], nn.Module] | None = None
    only_class: int | None = None
    seeds: int | None = None

    def build(self, seed: int) -> tuple[nn.Module, dict[str, nn.Module]]:
        """The network and its critics, with the first weights of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: nn.Module = models.create(self.model, **self.options)
            if self.change is not None:
                model = self.change(model)
            return model, self.adversary.build() if self.adversary is not None else {}

    def family(self) -> Callable[..., torch.Tensor]:
        return self.draw or masks.parse(self.recipe.masks)

    def loss(self) -> losses.Loss:
        return self.measure_by or losses.parse(self.recipe.loss)

    def identity(self, seed: int) -> dict[str, Any]:
        """All that decides what the training gives, as plain values."""
        return {
            "arm": self.name, "model": self.model, "options": self.options, "seed": seed, "recipe": asdict(self.recipe),
            "adversary": _plain(self.adversary), "only_class": self.only_class,
        }  # fmt: skip


def _plain(adversary: Adversary | None) -> dict[str, Any] | None:
    if adversary is None:
        return None
    critics = {name: dict(options) for name, options in adversary.critics.items()}
    return {"kind": adversary.kind, "critics": critics, "weight": adversary.weight, "lr": adversary.lr}
