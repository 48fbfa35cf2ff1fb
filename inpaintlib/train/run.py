"""A training run while it is running: everything that the loop, the callbacks and the checkpoint share."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib.losses import Loss
from inpaintlib.train.average import WeightAverage
from inpaintlib.train.history import History
from inpaintlib.train.precision import autocast
from inpaintlib.train.schedules import Schedule

__all__ = ["Run"]


@dataclass
class Run:
    """The state of a run. Callbacks read it, and may set ``stop`` to end it after the current step.

    ``step`` counts finished steps, ``epoch`` finished epochs, ``position`` the finished steps of the current epoch.
    ``seconds`` is the time of the whole run, earlier parts of a resumed one included; ``train_seconds`` that of its training steps alone.
    """

    model: nn.Module
    forward: Any  # the model, or its compiled form
    images: Any
    masks: Any
    loss: Loss
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    average: WeightAverage | None
    device: torch.device
    precision: str
    batch_size: int
    steps_per_epoch: int
    total_steps: int | None  # None: only the minutes bound the run
    budget_seconds: float | None
    lr: float
    clip: float | None
    flip: bool
    seed: int
    log_every: int
    out: Path | None
    stop: threading.Event
    settings: dict[str, Any]
    callbacks: list[Any]
    history: History = field(default_factory=History)

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    train_seconds: float = 0.0
    reason: str = ""
    terms: dict[str, float] = field(default_factory=dict)  # the losses of the last step
    sums: dict[str, float] = field(default_factory=dict)  # since the last row of the history
    counted: int = 0

    def __post_init__(self) -> None:
        # Two streams of chance, so that another family of masks does not change the order of the images.
        self.image_rng = torch.Generator().manual_seed(self.seed)
        self.mask_rng = torch.Generator().manual_seed(self.seed + 1)
        self.epoch_rng = self.image_rng.get_state()
        self._clock = time.perf_counter()

    # -- where the run stands

    @property
    def fraction(self) -> float:
        """The part of the budget that is used up, in [0, 1]."""
        parts = [self.step / self.total_steps] if self.total_steps else []
        parts += [self.seconds / self.budget_seconds] if self.budget_seconds else []
        return min(1.0, max(parts, default=1.0))

    @property
    def epochs(self) -> float:
        """Epochs done, with decimals."""
        return self.epoch + self.position / self.steps_per_epoch

    @property
    def done(self) -> bool:
        """Whether the loop should end, with ``reason`` saying why."""
        if self.stop.is_set():
            self.reason = self.reason or "stopped from outside"
        elif self.total_steps is not None and self.step >= self.total_steps:
            self.reason = "all epochs done"
        elif self.budget_seconds is not None and self.seconds >= self.budget_seconds:
            self.reason = "time is up"
        return bool(self.reason)

    @property
    def images_per_second(self) -> float:
        """Images a second over all training steps, without evaluations and checkpoints."""
        return self.step * self.batch_size / self.train_seconds if self.train_seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """A guess at the rest of the run, in seconds."""
        return self.seconds * (1 / self.fraction - 1) if self.fraction > 0 else math.inf

    def end(self, reason: str) -> None:
        """For callbacks: end the run after this step."""
        self.reason = self.reason or reason
        self.stop.set()

    def tick(self) -> float:
        """Move the clock on; returns the seconds since the last tick."""
        now = time.perf_counter()
        passed, self._clock = now - self._clock, now
        self.seconds += passed
        return passed

    # -- what the loop draws from

    def rest_of_epoch(self) -> Iterator[Tensor]:
        """The batches (B, 3, H, W) of this epoch that are still to come.

        The order is drawn anew from the state that the generator had at the epoch's start, and what was seen is skipped: so a run that was
        killed in the middle of an epoch goes on with the very batch that would have come next.
        """
        self.image_rng.set_state(self.epoch_rng)
        whole = len(self.images) >= self.batch_size  # leave out the incomplete last batch, unless it is the only one
        batches = self.images.batches(
            self.batch_size, generator=self.image_rng, flip=self.flip, shuffle=True, device=self.device, drop_last=whole
        )
        return islice(batches, self.position, None)

    def next_epoch(self) -> None:
        """Close the epoch: the generator's state is now that of the next one."""
        self.epoch, self.position = self.epoch + 1, 0
        self.epoch_rng = self.image_rng.get_state()

    def draw_masks(self, image: Tensor) -> Tensor:
        """A fresh mask (B, 1, H, W) for each image of the batch, float, 1 = known."""
        height, width = image.shape[-2:]
        size = height if height == width else (height, width)
        drawn = self.masks(image.shape[0], size, generator=self.mask_rng)
        return drawn.to(self.device, non_blocking=True).to(image.dtype)

    def autocast(self) -> Any:
        """The context of the forward pass."""
        return autocast(self.precision, self.device)

    @contextmanager
    def evaluating(self) -> Iterator[nn.Module]:
        """The model as it would be shipped: averaged weights, eval mode, no gradients; everything is put back afterwards."""
        training = self.model.training
        swapped = self.average.swapped(self.model) if self.average else nullcontext()
        with swapped, torch.no_grad():
            self.model.eval()
            try:
                yield self.model
            finally:
                self.model.train(training)

    # -- the history

    def record(self, **values: float) -> None:
        """Add a row to the history."""
        self.history.rows.append({"step": self.step, "epoch": round(self.epochs, 4), "seconds": round(self.seconds, 2), **values})

    def count(self, terms: dict[str, float]) -> None:
        """Take note of the losses of one step; every ``log_every`` steps their means become a row."""
        self.terms = terms
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.counted += 1
        if self.counted >= self.log_every:
            self.write_means()

    def write_means(self) -> None:
        """Turn what was counted since the last row into a row."""
        if not self.counted:
            return
        means = {name: total / self.counted for name, total in self.sums.items()}
        self.record(**means, lr=self.optimizer.param_groups[0]["lr"], images_per_second=round(self.images_per_second, 1))
        self.sums, self.counted = {}, 0
