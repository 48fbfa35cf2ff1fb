"""A training run while it is running: everything that the loop, the callbacks and the checkpoint share."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from inpaintlib._ranks import together
from inpaintlib._turns import turns_of
from inpaintlib.losses import Loss
from inpaintlib.models.base import evaluating
from inpaintlib.train.average import WeightAverage
from inpaintlib.train.chance import Chance, GlobalChance
from inpaintlib.train.diagnose import Diverged, explain
from inpaintlib.train.distributed import fresh_chance
from inpaintlib.train.drawing import draw
from inpaintlib.train.history import History, Noted, number
from inpaintlib.train.precision import autocast, loss_scaler
from inpaintlib.train.ranks import ALONE, Ranks
from inpaintlib.train.schedules import Schedule

if TYPE_CHECKING:
    from inpaintlib.train.callbacks import Callback

__all__ = ["Player", "Run"]


class Player(NamedTuple):
    """A network that learns, what moves it, and its highest learning rate."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    lr: float


@dataclass
class Run:
    """The state of a run. Callbacks read it, and call :meth:`end` to end it after the current step.

    ``step`` counts finished steps, ``epoch`` finished epochs, ``position`` the finished steps of the current epoch.
    ``seconds`` is the time of the whole run, earlier parts of a resumed one included; ``train_seconds`` that of its training steps alone.
    """

    model: nn.Module
    forward: Any  # the model, or its compiled form, or that in DistributedDataParallel
    images: Any
    masks: Any
    loss: Loss
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    average: WeightAverage | None
    device: torch.device
    precision: str
    batch_size: int  # of all processes together
    steps_per_epoch: int
    total_steps: int | None  # None: only the minutes bound the run
    budget_seconds: float | None
    lr: float
    clip: float | None
    flip: bool
    seed: int
    log_every: int
    out: Path | None
    stop: threading.Event  # set it from another thread
    callbacks: list[Callback]
    must_match: dict[str, Any]  # settings without which a resumed run cannot go on
    should_match: dict[str, Any]  # settings that may be changed on the way, but hardly by accident
    ranks: Ranks = ALONE
    history: History = field(default_factory=History)

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    train_seconds: float = 0.0
    reason: str = ""  # why the run ended
    over: bool = False  # all processes have agreed to end
    terms: dict[str, float] = field(default_factory=dict)  # the newest value of each loss that was looked at
    tallies: dict[str, tuple[float, int]] = field(default_factory=dict)  # the losses since the last row: sum, and number of steps

    def __post_init__(self) -> None:
        # Two streams of chance, so that another family of masks does not change the order of the images.
        self.image_rng = torch.Generator().manual_seed(self.seed)
        self.mask_rng = torch.Generator().manual_seed(self.seed + 1)
        self.epoch_rng = self.image_rng.get_state()
        # Reading a number back from a GPU makes the processor wait for it: there the losses are looked at every few steps only.
        self.look_every = 1 if self.device.type == "cpu" else 16
        self.chance: Chance = GlobalChance(self.device)
        self.scaler = loss_scaler(self.precision, self.device)
        self.turns = turns_of(self.model)  # who holds them has the model to itself: a training step, a look from another thread
        self._clock = time.perf_counter()
        self._rate_from = (0, 0.0)
        self._pending: list[Noted] = []

    @property
    def players(self) -> dict[str, Player]:
        """The networks that learn, by the name under which checkpoints keep them."""
        return {"model": Player(self.model, self.optimizer, self.lr)}

    @property
    def last_player(self) -> str:
        """Who moves last in this step."""
        return "model"

    def passes(self, image: Tensor, mask: Tensor) -> Iterator[tuple[str, nn.Module, tuple[Tensor, Tensor]]]:
        """The forward passes of a step, as (player, network, what it is called with): for finding out where a number went wrong."""
        yield "model", self.model, (image * mask, mask)

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
        self.look_for_end()
        return self.over or (self.ranks.alone and bool(self.reason))

    def look_for_end(self) -> None:
        """Note the reason if there is one to end; where there are several processes, they have to agree on it first."""
        if not self.reason:
            if self.stop.is_set():
                self.reason = "stopped"
            elif self.total_steps is not None and self.step >= self.total_steps:
                self.reason = "all epochs done"
            elif self.budget_seconds is not None and self.seconds >= self.budget_seconds:
                self.reason = "time is up"

    def end(self, reason: str) -> None:
        """End the run after this step; the reason is shown, and kept in the history."""
        self.reason = self.reason or reason

    @property
    def images_per_second(self) -> float:
        """Images a second over all training steps, without evaluations and checkpoints."""
        return self.step * self.batch_size / self.train_seconds if self.train_seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """A guess at the rest of the run, in seconds; infinite at the very start."""
        return self.seconds * (1 / self.fraction - 1) if self.seconds and self.fraction else math.inf

    def tick(self) -> float:
        """Move the clock on; returns the seconds since the last tick."""
        now = time.perf_counter()
        passed, self._clock = now - self._clock, now
        self.seconds += passed
        return passed

    # -- what the loop draws from

    def rest_of_epoch(self) -> Iterator[Tensor]:
        """The batches (B, 3, H, W) of this epoch that are still to come; of each, this process's share.

        The order is drawn anew from the state that the generator had at the epoch's start, and what was seen is skipped: so a run that
        was killed in the middle of an epoch goes on with the very batch that would have come next.
        """
        self.image_rng.set_state(self.epoch_rng)
        whole = len(self.images) >= self.batch_size  # an incomplete last batch is left out, unless it is the only one
        share = {} if self.ranks.alone else {"share": (self.ranks.rank, self.ranks.size)}
        batches = self.images.batches(
            self.batch_size, generator=self.image_rng, flip=self.flip, shuffle=True, device=self.device, drop_last=whole, **share
        )
        for batch in islice(batches, self.position, None):
            fresh_chance(self)
            yield batch

    def next_epoch(self) -> None:
        """Close the epoch: the generator's state is now that of the next one."""
        self.epoch, self.position = self.epoch + 1, 0
        self.epoch_rng = self.image_rng.get_state()

    def draw_masks(self, image: Tensor) -> Tensor:
        """A fresh mask for each image of the batch, float (B, 1, H, W), 1 = known."""
        drawn = draw(self.masks, image.shape[0], image.shape[-2:], self.mask_rng)
        return drawn.to(self.device, non_blocking=True).to(image.dtype)

    def autocast(self) -> AbstractContextManager:
        """The context of the forward pass."""
        return autocast(self.precision, self.device)

    @contextmanager
    def evaluating(self) -> Iterator[nn.Module]:
        """The model as it would be shipped: averaged weights, eval mode, no gradients; everything is put back afterwards."""
        self.flush()
        swapped = self.average.swapped(self.model) if self.average else nullcontext()
        with self.turns, swapped, torch.no_grad(), evaluating(self.model):
            yield self.model

    # -- the losses, and the history

    def note(self, terms: dict[str, Tensor], norm: Tensor, image: Tensor, mask: Tensor, player: str = "model") -> None:
        """Take note of the losses and the length of the gradient of the step that a player is about to take.

        Raises:
            Diverged: one of them is NaN or infinite.
        """
        values = self.ranks.mean(torch.stack([value.detach().float() for value in (*terms.values(), norm)]))
        epochs = self.epoch + (self.position + 1) / self.steps_per_epoch
        self._pending.append(Noted(self.step + 1, epochs, self._lr(), player, player == self.last_player, list(terms), values))
        if len(self._pending) >= self.look_every:
            self.flush(image, mask)

    def flush(self, image: Tensor | None = None, mask: Tensor | None = None) -> None:
        """Look at the losses that are still on the device."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        values = iter(torch.cat([noted.values for noted in pending]).tolist())  # one word from the device for all of them
        for noted in pending:
            terms, norm = dict(zip(noted.names, islice(values, len(noted.names)), strict=True)), next(values)
            if not all(math.isfinite(value) for value in (*terms.values(), norm)):
                with together(1):  # each process looks at its own share
                    cause = explain(self, noted.step, noted.epochs, terms, norm, image, mask, noted.player)
                raise Diverged(cause if self.ranks.alone else f"{cause} So it looks to {self.ranks}; another may see more of it.")
            self._count(noted, terms)

    def _count(self, noted: Noted, terms: dict[str, float]) -> None:
        self.terms |= terms
        for name, value in terms.items():
            total, steps = self.tallies.get(name, (0.0, 0))
            self.tallies[name] = total + value, steps + 1
        if noted.last and noted.step % self.log_every == 0:
            self._write_means(noted.step, noted.epochs, noted.lr)

    def _write_means(self, step: int, epochs: float, lr: float) -> None:
        means = {name: total / steps for name, (total, steps) in self.tallies.items()}
        row = {**means, "lr": lr, "images_per_second": self._rate()}
        self.record(row, step, epochs)
        self.tallies = {}

    def end_step(self) -> None:
        """The step is done: count it."""
        self.step += 1
        self.position += 1

    def close_rows(self) -> None:
        """At the end: what was counted since the last row becomes a row too."""
        self.flush()
        if self.tallies:
            self._write_means(self.step, self.epochs, self._lr())

    def record(self, values: Mapping[str, float], step: int | None = None, epochs: float | None = None) -> None:
        """Add a row to the history, at the current step unless another is given.

        Raises:
            ValueError: a name that each row has already.
            TypeError: a value that is no number.
        """
        step = self.step if step is None else step
        epochs = self.epochs if epochs is None else epochs
        where = {"step": step, "epoch": round(epochs, 4), "seconds": round(self.seconds, 2)}
        if taken := where.keys() & values.keys():
            raise ValueError(f"a row of the history has a {sorted(taken)[0]!r} already; expected another name for what was measured.")
        self.history.rows.append({**where, **{name: number(name, value) for name, value in values.items()}})

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def _rate(self) -> float:
        """Images a second since the last row."""
        step, seconds = self._rate_from
        self._rate_from = self.step, self.train_seconds
        passed = self.train_seconds - seconds
        return round((self.step - step) * self.batch_size / passed, 1) if passed > 0 and self.step > step else 0.0

    @contextmanager
    def off_the_clock(self) -> Iterator[None]:
        """Within the block the run's time stands still: what happens there is no training, and takes nothing from the minutes."""
        self.tick()
        try:
            yield
        finally:
            self._clock = time.perf_counter()

    def start_clock(self) -> None:
        """Time runs from here: nothing that was done before counts."""
        self._clock = time.perf_counter()
        self._rate_from = self.step, self.train_seconds
