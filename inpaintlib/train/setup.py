"""What happens before the first step and after the last: settings checked, the run put together, the caller's things given back."""

from __future__ import annotations

import math
import re
import signal
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from inpaintlib._check import as_pair, describe
from inpaintlib._turns import turns_of
from inpaintlib.losses import Loss
from inpaintlib.train import schedules
from inpaintlib.train.average import WeightAverage
from inpaintlib.train.callbacks import Callback, Checkpoint, JsonLog, Progress
from inpaintlib.train.chance import chance
from inpaintlib.train.optimizers import MakeOptimizer, make_optimizer
from inpaintlib.train.precision import choose as choose_precision
from inpaintlib.train.ranks import join
from inpaintlib.train.run import Run
from inpaintlib.train.settings import check_callbacks, check_inputs, check_numbers, check_others, checked_schedule, plain

__all__ = [
    "as_terms",
    "finishing",
    "identity",
    "in_words",
    "interruptible",
    "look_at_first_batch",
    "memory_format",
    "prepare",
    "seeded",
    "translated",
    "with_standard",
]

R = TypeVar("R", bound=Run)


def prepare(
    kind: type[R],
    model: nn.Module,
    images: Any,
    masks: Any,
    loss: Loss,
    *,
    epochs: float | None,
    minutes: float | None,
    batch_size: int,
    lr: float,
    schedule: str | schedules.Schedule,
    optimizer: str | MakeOptimizer,
    clip: float | None,
    ema: float | None,
    flip: bool,
    seed: int,
    device: str,
    precision: str,
    channels_last: bool | None,
    compile: bool,
    callbacks: Sequence[Callback],
    out: str | Path | None,
    log_every: int,
    checkpoint_seconds: float,
    progress: bool,
    stop: threading.Event | None,
    must_match: dict[str, Any] | None = None,
    should_match: dict[str, Any] | None = None,
    **more: Any,
) -> R:
    """A run, ready to start, from the settings of :func:`~inpaintlib.train.fit`.

    Args:
        kind: the class of the run.
        must_match, should_match: what else a resumed run has to keep, or had better keep.
        more: what the class has besides.
    """
    batch_size, epochs, minutes, lr, clip, ema, seed, log_every, checkpoint_seconds = plain(
        batch_size, epochs, minutes, lr, clip, ema, seed, log_every, checkpoint_seconds
    )
    check_inputs(model, images, masks, loss)
    check_callbacks(callbacks)
    check_numbers(
        len(images), batch_size, epochs, minutes, lr=lr, clip=clip, log_every=log_every, checkpoint_seconds=checkpoint_seconds
    )
    check_others(ema=ema, seed=seed, out=out, stop=stop, flip=flip, compile=compile, progress=progress, channels_last=channels_last)
    rate = checked_schedule(schedule)
    ranks, place = join(device)
    whole_batch = ranks.share_of(batch_size, len(images))
    arithmetic = choose_precision(precision, place)
    with turns_of(model):
        model.to(place, memory_format=memory_format(channels_last, place)).train()  # type: ignore[call-overload]
    whole = AllStages(model) if hasattr(model, "stages") else model
    steps_per_epoch = max(1, len(images) // batch_size)
    return kind(
        model=model,
        forward=translated(whole) if compile else whole,
        images=images.to(place) if place.type == "cuda" else images,
        masks=masks,
        loss=loss,
        optimizer=make_optimizer(optimizer, model, lr, place),
        schedule=rate,
        average=WeightAverage(model, ema) if ema is not None else None,
        device=place,
        precision=arithmetic,
        batch_size=whole_batch,
        steps_per_epoch=steps_per_epoch,
        total_steps=None if epochs is None else max(1, math.ceil(epochs * steps_per_epoch)),
        budget_seconds=None if minutes is None else 60 * minutes,
        lr=lr,
        clip=clip,
        flip=flip,
        seed=seed,
        log_every=log_every,
        out=None if out is None else Path(out),
        stop=stop or threading.Event(),
        callbacks=with_standard(callbacks, out is not None, progress, checkpoint_seconds)[: None if ranks.first else 0],
        ranks=ranks,
        must_match={
            "batch_size": batch_size, "seed": seed, "flip": flip, "optimizer": in_words(optimizer),
            "images": identity(images) if out is not None else "", **(must_match or {}),
        },
        should_match={
            "lr": lr, "schedule": in_words(schedule), "clip": clip, "ema": ema, "precision": arithmetic,
            "masks": in_words(masks), "loss": in_words(loss), "epochs": epochs, "minutes": minutes,
            "processes": ranks.size, **(should_match or {}),
        },
        **more,
    )


class AllStages(nn.Module):
    """A model that answers in stages, called for all of them: torch.compile and DDP, which wrap what is called, so see them too."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, mask: Tensor) -> Any:
        return self.model.stages(image, mask)


def memory_format(channels_last: bool | None, place: torch.device) -> torch.memory_format:
    """The order of values in memory: pixel by pixel is what GPUs convolve fastest; on a CPU it slows partial convolutions by a third."""
    if channels_last is None:
        return torch.channels_last if place.type == "cuda" else torch.preserve_format  # as the model was made
    return torch.channels_last if channels_last else torch.contiguous_format


def identity(images: Any) -> str:
    """What tells these images from others: their checksum, or at least their number."""
    return getattr(images, "sha256", "")[:16] or f"{len(images)} images"


def in_words(thing: Any) -> Any:
    """How a setting is noted down: words and numbers as they are, functions by their name."""
    if isinstance(thing, str):
        return thing
    name = getattr(thing, "__name__", None) or repr(thing)
    return re.sub(r" at 0x[0-9a-f]+", "", name)  # where it lies in memory says nothing


def with_standard(given: Sequence[Callback], has_folder: bool, progress: bool, seconds: float) -> list[Callback]:
    """The callbacks of a run: the caller's, then log, progress line and checkpoint, which so see what those did."""
    callbacks = [callback for callback in given if not isinstance(callback, Checkpoint)]
    checkpoints: list[Callback] = [callback for callback in given if isinstance(callback, Checkpoint)]
    if has_folder:
        callbacks.append(JsonLog())
        checkpoints = checkpoints or [Checkpoint(seconds=seconds)]
    elif checkpoints:
        raise ValueError("a Checkpoint was passed, but no folder for it; expected out=, such as out='runs/first'.")
    if progress and not any(isinstance(callback, Progress) for callback in given):
        callbacks.append(Progress())
    return callbacks + checkpoints


def look_at_first_batch(image: Tensor, mask: Tensor) -> None:
    """Once at the start of a run: are these images and masks, and is the polarity plausible?"""
    as_pair(image, mask)
    known = float(mask.mean())
    if known < 0.5:
        warnings.warn(
            f"the masks leave {known:.0%} of the pixels known. Here 1 means known and 0 means hole: "
            "if yours are the other way round, train with 1 - mask.",
            stacklevel=6,
        )


def as_terms(losses: Any, taken: Collection[str] = ()) -> dict[str, Tensor]:
    """What a loss returned, by name; each must be one number that gradients can flow from.

    Args:
        losses: a scalar, or ``{name: scalar}``.
        taken: names of the history's columns that no term may have, besides those that every row has.
    """
    terms = losses if isinstance(losses, dict) else {"loss": losses}
    if not terms:
        raise ValueError("the loss returned no terms at all; expected a scalar, or {name: scalar}.")
    for name, value in terms.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"the loss returned {describe(value)} as {name!r}; expected a scalar tensor. Is its return missing?")
        if value.dim():
            raise ValueError(f"the loss returned {describe(value)} as {name!r}; expected one number for the batch: .mean()?")
        if name in taken or name in _IN_EVERY_ROW or (name == "loss" and len(terms) > 1):
            raise ValueError(f"the loss returned a term {name!r}, but a row of the history has a {name!r} already; expected another name.")
    if not any(value.requires_grad for value in terms.values()):
        raise ValueError("no gradient flows from the loss to the network; is there a detach(), item() or no_grad() on the way?")
    return terms


_IN_EVERY_ROW = ("step", "epoch", "seconds", "lr", "images_per_second")


def translated(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """The model through torch.compile; where that does not work here (it wants a C++ compiler), a warning, and the model as it is."""
    compiled: Any = torch.compile(model)
    chosen: list[Any] = []

    def forward(image: Tensor, mask: Tensor) -> Tensor:
        if chosen:
            return chosen[0](image, mask)
        try:
            prediction = compiled(image, mask)
            chosen.append(compiled)
        except Exception as error:  # whatever a compiler may stumble over
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            warnings.warn(f"torch.compile does not work here ({reason}); training goes on without it.", stacklevel=2)
            prediction = model(image, mask)
            chosen.append(model)
        return prediction

    return forward


@contextmanager
def seeded(run: Run) -> Iterator[None]:
    """What draws without a generator (dropout does) starts at the seed, and the caller's stream is left as it was."""
    with chance(run.seed, run.device) as run.chance:
        yield


@contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C ends the run after the current step, so that what is saved is whole; a second one ends it at once.

    One that comes while the run is ending anyway, such as during its last evaluation, is a first one too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears Ctrl-C
        return

    heard = 0

    def on_interrupt(number: int, frame: Any) -> None:
        nonlocal heard
        heard += 1
        if heard > 1:
            raise KeyboardInterrupt("stopped at once; what was saved before stays")
        run.end("interrupted")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    # Of several processes none may leave on its own once they have agreed on why they end.
    if run.reason == "interrupted" or (heard and run.ranks.alone):
        saved = f"saved in {run.out}" if run.out is not None else "not saved, since no folder was given (out=)"
        raise KeyboardInterrupt(f"stopped after step {run.step}; {saved}")


@contextmanager
def finishing(run: Run) -> Iterator[None]:
    """Leave the model as it would be shipped, however the run ended: averaged weights, eval mode."""
    try:
        yield
    finally:
        with run.turns:
            if run.average and run.step:
                run.average.swap(run.model)
            for player in run.players.values():
                player.network.eval()
        run.history.stopped_by = run.reason
