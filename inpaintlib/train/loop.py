"""The training loop: show the network damaged images, compare with the undamaged ones, follow the gradient."""

from __future__ import annotations

import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib._device import device as choose_device
from inpaintlib.losses import Loss
from inpaintlib.train import precision as precisions
from inpaintlib.train import schedules
from inpaintlib.train.average import WeightAverage
from inpaintlib.train.callbacks import Callback, Checkpoint, JsonLog, Progress
from inpaintlib.train.checkpoint import open_folder
from inpaintlib.train.diagnose import Diverged, explain_gradient, explain_loss
from inpaintlib.train.history import History
from inpaintlib.train.run import Run

__all__ = ["fit"]

MakeOptimizer = Callable[[list[nn.Parameter], float], torch.optim.Optimizer]


def fit(
    model: nn.Module,
    images: Any,
    masks: Any,
    loss: Loss,
    *,
    epochs: float | None = None,
    minutes: float | None = None,
    batch_size: int = 128,
    lr: float = 2e-3,
    schedule: str | schedules.Schedule = "one_cycle",
    optimizer: str | MakeOptimizer = "adam",
    clip: float | None = 1.0,
    ema: float | None = 0.999,
    flip: bool = True,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    channels_last: bool | None = None,
    compile: bool = False,
    callbacks: Sequence[Callback] = (),
    out: str | Path | None = None,
    resume: bool = False,
    log_every: int = 10,
    checkpoint_seconds: float = 60.0,
    progress: bool = True,
    stop: threading.Event | None = None,
) -> History:
    """Train a model to fill holes.

    Each step takes a batch of images, draws a fresh mask for each, shows the network the image with its holes blacked out, and lets the
    loss compare the raw prediction with the undamaged image. Afterwards the model carries the averaged weights (``ema``), in eval mode.

    Args:
        model: called as ``model(image, mask)``, returns the raw prediction (B, 3, H, W) in [0, 1].
        images: an :class:`~inpaintlib.data.ImageSet`.
        masks: a family of :mod:`inpaintlib.masks` or a bank: ``masks(count, size, generator=...)`` -> (count, 1, H, W), 1 = known.
        loss: ``(prediction, target, mask)`` -> a scalar, or ``{name: scalar}`` whose sum is minimised.
        epochs: passes over the images; 0.5 is half a pass.
        minutes: a budget of time instead, or besides: whichever ends first.
        batch_size: images in a step; a smaller set of images is one batch.
        lr: the highest learning rate.
        schedule: "one_cycle", "cosine", "step" (x0.1 every 10 epochs), "constant", or any of :mod:`inpaintlib.train.schedules`.
        optimizer: "adam", "adamw", "sgd", or a function ``(parameters, lr)`` -> optimizer.
        clip: the largest norm of the gradient; longer ones are scaled down to it. None: as long as it comes.
        ema: decay of the average of the weights; None: no average.
        flip: mirror half of the images, left to right.
        seed: of the order of the images, their flips and the masks. (The model's first weights were drawn when it was made.)
        device: "auto", "cpu", "cuda", "mps".
        precision: "auto", "bf16", "fp32"; see :mod:`inpaintlib.train.precision`.
        channels_last: keep the channels of a pixel side by side in memory; None: on GPUs only.
        compile: let torch.compile translate the model first: a minute or more at the start, faster steps after it.
        callbacks: whatever else is to happen; see :class:`~inpaintlib.train.Callback`.
        out: a folder for ``log.jsonl`` and the checkpoints.
        resume: go on from the last checkpoint in ``out``, if there is one.
        log_every: steps between two rows of the history.
        checkpoint_seconds: seconds between two checkpoints.
        progress: print a line now and then.
        stop: set this event from another thread to end the run after the current step.

    Returns:
        The history of losses and of whatever the callbacks measured.

    Raises:
        ValueError: settings that cannot work, each with what to do instead.
        Diverged: a loss or a gradient that is no number any more.
        KeyboardInterrupt: after Ctrl-C, once the step is finished and saved; a second Ctrl-C does not wait.
    """
    _check_settings(images, epochs, minutes, batch_size, lr)
    place = choose_device(device)
    # Pixel by pixel is the order that GPUs convolve fastest; partial convolutions on a CPU are a third slower in it.
    channels_last = place.type == "cuda" if channels_last is None else channels_last
    model.to(place, memory_format=torch.channels_last if channels_last else torch.preserve_format)  # type: ignore[call-overload]
    run = Run(
        model=model,
        forward=torch.compile(model) if compile else model,
        images=images,
        masks=masks,
        loss=loss,
        optimizer=_make_optimizer(optimizer, model, lr, place),
        schedule=schedules.by_name(schedule),
        average=WeightAverage(model, ema) if ema else None,
        device=place,
        precision=precisions.choose(precision, place),
        batch_size=min(batch_size, len(images)),
        steps_per_epoch=max(1, len(images) // batch_size),
        total_steps=None if epochs is None else max(1, math.ceil(epochs * max(1, len(images) // batch_size))),
        budget_seconds=None if minutes is None else 60 * minutes,
        lr=lr,
        clip=clip,
        flip=flip,
        seed=seed,
        log_every=log_every,
        out=None if out is None else Path(out),
        stop=stop or threading.Event(),
        settings={"batch_size": batch_size, "seed": seed, "images": len(images), "flip": flip},
        callbacks=_callbacks(callbacks, out, progress, checkpoint_seconds),
    )
    model.train()
    with _seeded(run), _interruptible(run):
        if run.out is not None:
            open_folder(run, resume)
        _train(run, run.callbacks)
    if run.average:
        run.average.swap(model)
    model.eval()
    run.history.stopped_by = run.reason
    if run.reason == "interrupted":
        raise KeyboardInterrupt(f"stopped after step {run.step}")
    return run.history


def _train(run: Run, callbacks: Sequence[Callback]) -> None:
    """The loop itself: epochs, batches, steps, and a word to the callbacks after each."""
    for callback in callbacks:
        callback.on_start(run)
    run.tick()
    while not run.done:
        for image in run.rest_of_epoch():
            run.count(train_step(run, image, run.draw_masks(image)))
            run.train_seconds += run.tick()
            for callback in callbacks:
                callback.on_step(run)
            run.tick()
            if run.done:
                break
        if run.position == run.steps_per_epoch:
            run.next_epoch()
            for callback in callbacks:
                callback.on_epoch(run)
            run.tick()
    run.write_means()
    for callback in callbacks:
        callback.on_end(run)


def train_step(run: Run, image: Tensor, mask: Tensor) -> dict[str, float]:
    """One step: predict, compare, differentiate, move.

    Args:
        image: float (B, 3, H, W) in [0, 1], undamaged.
        mask: float (B, 1, H, W), 1 = known, 0 = hole.

    Returns:
        The terms of the loss, and their sum as ``"loss"``.
    """
    for group in run.optimizer.param_groups:
        group["lr"] = run.lr * run.schedule(run.fraction, run.epochs)

    if run.step == 0:
        _look_at_masks(mask)
    with run.autocast():
        prediction = run.forward(image * mask, mask)  # the network never sees what it has to guess
    terms = run.loss(prediction.float(), image, mask)
    terms = terms if isinstance(terms, dict) else {"loss": terms}
    total = torch.stack(list(terms.values())).sum()
    values = {name: float(term.detach()) for name, term in terms.items()}
    values["loss"] = float(total.detach())
    if not math.isfinite(values["loss"]):
        raise Diverged(explain_loss(run, values, image, mask))

    run.optimizer.zero_grad(set_to_none=True)
    total.backward()
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), run.clip if run.clip else math.inf)
    if not math.isfinite(float(norm)):
        raise Diverged(explain_gradient(run, values))
    run.optimizer.step()

    if run.average:
        run.average.update(run.model, run.step)
    run.step += 1
    run.position += 1
    return values


def _callbacks(given: Sequence[Callback], out: Any, progress: bool, seconds: float) -> list[Callback]:
    """The caller's callbacks first, so that the checkpoint, last, holds what they did."""
    log = [JsonLog()] if out is not None else []
    line = [Progress()] if progress else []
    mine = any(isinstance(callback, Checkpoint) for callback in given)
    checkpoint = [Checkpoint(seconds=seconds)] if out is not None and not mine else []
    return [*given, *log, *line, *checkpoint]


def _make_optimizer(optimizer: str | MakeOptimizer, model: nn.Module, lr: float, place: torch.device) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model has no parameter that could be trained; expected at least one with requires_grad=True.")
    if callable(optimizer):
        return optimizer(parameters, lr)
    fused = place.type in ("cpu", "cuda")  # one kernel for all parameters
    if optimizer == "adam":
        return torch.optim.Adam(parameters, lr, fused=fused)
    if optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr, weight_decay=1e-2, fused=fused)
    if optimizer == "sgd":
        return torch.optim.SGD(parameters, lr, momentum=0.9, nesterov=True, fused=fused)
    raise ValueError(f"optimizer is {optimizer!r}; expected adam, adamw, sgd, or a function (parameters, lr) -> optimizer.")


def _check_settings(images: Any, epochs: float | None, minutes: float | None, batch_size: int, lr: float) -> None:
    if len(images) == 0:
        raise ValueError("the set of images is empty; expected at least one image to train on.")
    if epochs is None and minutes is None:
        raise ValueError("neither epochs nor minutes is given; expected one of them, such as epochs=10 or minutes=5.")
    for name, value in (("epochs", epochs), ("minutes", minutes), ("lr", lr), ("batch_size", batch_size)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}; expected a number above 0.")
    if len(images) < batch_size:
        warnings.warn(f"{len(images)} images are fewer than a batch of {batch_size}: each step sees all of them.", stacklevel=3)


def _look_at_masks(mask: Tensor) -> None:
    known = float(mask.mean())
    if known < 0.5:
        warnings.warn(
            f"the masks leave {known:.0%} of the pixels known. In this library 1 means known and 0 means hole: "
            "if yours are the other way round, pass 1 - mask.",
            stacklevel=4,
        )


@contextmanager
def _seeded(run: Run) -> Iterator[None]:
    """torch's own stream of chance (dropout draws from it) starts at the seed, and is given back to the caller as it was."""
    with torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        torch.manual_seed(run.seed)
        yield


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C ends the run after the current step, so that what is saved is whole; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number: int, frame: Any) -> None:
        if run.stop.is_set():
            raise KeyboardInterrupt
        run.end("interrupted")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
