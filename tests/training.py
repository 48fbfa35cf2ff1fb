"""What the tests of training share: a network small enough to train in a second, and images and masks to go with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from inpaintlib import data, losses, masks, train


class TinyNet(nn.Module):
    """Convolution, batch norm, dropout, convolution: everything that has a state of its own or draws from chance."""

    name = "tiny"

    def __init__(self, width: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.options = {"width": width}
        self.first = nn.Conv2d(4, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(dropout)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        x = torch.cat([image, mask], dim=1)
        return torch.sigmoid(self.last(self.drop(torch.relu(self.norm(self.first(x))))))


class TinyCritic(nn.Module):
    """Two convolutions on image and mask, with any normalisation between them; one score for each of 4 x 4 places of a 16 x 16 picture."""

    name = "tiny_critic"

    def __init__(self, norm: str = "none", width: int = 6) -> None:
        super().__init__()
        self.options = {"norm": norm, "width": width}
        first: nn.Module = nn.Conv2d(4, width, 4, 2, 1)
        last: nn.Module = nn.Conv2d(width, 1, 4, 2, 1)
        if norm == "spectral":
            first, last = spectral_norm(first), spectral_norm(last)
        self.first, self.norm, self.last = first, nn.BatchNorm2d(width) if norm == "batch" else nn.Identity(), last

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        x = self.norm(self.first(torch.cat([image, mask], dim=1)))
        return self.last(nn.functional.leaky_relu(x, 0.2))


class StopAfter(train.Callback):
    """Ends a run after a given step, as an interrupt would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, run: train.Run) -> None:
        if run.step >= self.step:
            run.end("the test said so")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in several threads may be added up in another order: equal to the bit means with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny(seed: int = 0, **options: Any) -> TinyNet:
    torch.manual_seed(seed)
    return TinyNet(**options)


def noise(count: int = 50, size: int = 16, seed: int = 0) -> data.ImageSet:
    """Images of noise: for everything that is not about learning."""
    images = torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return data.ImageSet(images, torch.zeros(count, dtype=torch.int64), ("noise",), "noise, for tests")


def short(model: nn.Module, images: data.ImageSet | None = None, **changes: Any) -> train.History:
    """Three epochs of six steps, unless ``changes`` say otherwise."""
    settings: dict[str, Any] = {
        "epochs": 3, "batch_size": 8, "precision": "fp32", "device": "cpu", "progress": False, "log_every": 4,
    }
    settings |= changes
    family = settings.pop("masks", masks.boxes)
    loss = settings.pop("loss", losses.hole_l1)
    return train.fit(model, images if images is not None else noise(), family, loss, **settings)


def judge(norm: str = "none", seed: int = 9) -> TinyCritic:
    torch.manual_seed(seed)
    return TinyCritic(norm)


def play(model: nn.Module, critic: Any, images: Any = None, **changes: Any) -> train.History:
    """Three epochs of six steps, unless ``changes`` say otherwise."""
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 8, "precision": "fp32", "device": "cpu", "progress": False, "log_every": 4}
    settings |= changes
    family, loss = settings.pop("masks", masks.boxes), settings.pop("loss", losses.hole_l1)
    return train.fit_adversarial(model, images if images is not None else noise(), family, loss, critic, **settings)


def same(one: nn.Module | dict[str, Tensor], two: nn.Module | dict[str, Tensor]) -> bool:
    """Whether two models, or two sets of tensors, are equal to the bit."""
    first = one.state_dict() if isinstance(one, nn.Module) else one
    second = two.state_dict() if isinstance(two, nn.Module) else two
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def checkpoint(folder: Path, name: str = "last") -> tuple[dict[str, Tensor], dict[str, Any]]:
    from inpaintlib.train.checkpoint import load_checkpoint

    return load_checkpoint(folder / f"{name}.safetensors")
