"""The training loop: show the network damaged images, compare with the undamaged ones, follow the gradient."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib._device import device as choose_device
from inpaintlib.losses import Loss
from inpaintlib.train import schedules
from inpaintlib.train.average import WeightAverage
from inpaintlib.train.callbacks import Callback
from inpaintlib.train.checkpoint import open_folder
from inpaintlib.train.history import History
from inpaintlib.train.precision import choose as choose_precision
from inpaintlib.train.run import Run
from inpaintlib.train.setup import (
    MakeOptimizer,
    as_terms,
    check_inputs,
    check_settings,
    finishing,
    identity,
    in_words,
    interruptible,
    look_at_first_batch,
    make_optimizer,
    memory_format,
    seeded,
    translated,
    with_standard,
)

__all__ = ["fit", "train_step"]


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
        clip: the largest length of the gradient; longer ones are scaled down to it. None: as long as it comes.
        ema: decay of the average of the weights; None: no average.
        flip: mirror half of the images, left to right.
        seed: of the order of the images, their flips and the masks. (The model's first weights were drawn when it was made.)
        device: "auto", "cpu", "cuda", "mps".
        precision: "auto", "bf16", "fp32"; see :mod:`inpaintlib.train.precision`.
        channels_last: keep the channels of a pixel side by side in memory; None: on GPUs only.
        compile: let torch.compile translate the model first: a minute or more at the start, often faster steps after it.
        callbacks: whatever else is to happen; see :class:`~inpaintlib.train.Callback`.
        out: a folder for ``log.jsonl`` and the checkpoints.
        resume: go on from the last checkpoint in ``out``, to the bit, if there is one.
        log_every: steps between two rows of the history.
        checkpoint_seconds: seconds between two checkpoints.
        progress: print a line now and then.
        stop: set this event from another thread to end the run after the current step.

    Returns:
        The history of losses and of whatever the callbacks measured; its ``stopped_by`` says why the run ended.

    Raises:
        TypeError, ValueError: images, masks or settings that cannot work, each with what to do instead.
        CheckpointError: the folder holds a run already, or its checkpoint cannot be used.
        Diverged: a loss or a gradient that is no number any more.
        KeyboardInterrupt: after Ctrl-C, once the step is finished and saved; a second Ctrl-C does not wait.
    """
    check_inputs(images, masks, loss)
    check_settings(len(images), batch_size, epochs, minutes, lr=lr, clip=clip, log_every=log_every)
    place = choose_device(device)
    arithmetic = choose_precision(precision, place)
    model.to(place, memory_format=memory_format(channels_last, place)).train()  # type: ignore[call-overload]
    steps_per_epoch = max(1, len(images) // batch_size)
    run = Run(
        model=model,
        forward=translated(model) if compile else model,
        images=images.to(place) if place.type == "cuda" else images,
        masks=masks,
        loss=loss,
        optimizer=make_optimizer(optimizer, model, lr, place),
        schedule=schedules.by_name(schedule),
        average=WeightAverage(model, ema) if ema is not None else None,
        device=place,
        precision=arithmetic,
        batch_size=min(batch_size, len(images)),
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
        callbacks=with_standard(callbacks, out is not None, progress, checkpoint_seconds),
        must_match={
            "batch_size": batch_size, "seed": seed, "flip": flip, "optimizer": in_words(optimizer),
            "images": identity(images) if out is not None else "",
        },
        should_match={
            "lr": lr, "schedule": in_words(schedule), "clip": clip, "ema": ema, "precision": arithmetic,
            "masks": in_words(masks), "loss": in_words(loss), "epochs": epochs, "minutes": minutes,
        },
    )
    with seeded(run), open_folder(run, resume), interruptible(run), finishing(run):
        train(run)
    return run.history


def train(run: Run) -> None:
    """The loop itself: epochs, batches, steps, and a word to the callbacks after each."""
    for callback in run.callbacks:
        callback.on_start(run)
    run.start_clock()
    while not run.done:
        for image in run.rest_of_epoch():
            train_step(run, image, run.draw_masks(image))
            run.train_seconds += run.tick()
            for callback in run.callbacks:
                callback.on_step(run)
            run.tick()
            if run.done:
                break
        if run.position == run.steps_per_epoch:
            run.next_epoch()
            for callback in run.callbacks:
                callback.on_epoch(run)
    run.close_rows()
    for callback in run.callbacks:
        callback.on_end(run)


def train_step(run: Run, image: Tensor, mask: Tensor) -> None:
    """One step: predict, compare, differentiate, move.

    Args:
        run: the run; its model, average and counters change.
        image: float (B, 3, H, W) in [0, 1], undamaged.
        mask: float (B, 1, H, W), 1 = known, 0 = hole.

    Raises:
        Diverged: the loss or its gradient is not finite; on a CPU before the weights are touched.
    """
    if run.step == 0:
        look_at_first_batch(image, mask)
    for group in run.optimizer.param_groups:
        group["lr"] = run.lr * run.schedule(run.fraction, run.epochs)
    with run.autocast():
        prediction = run.forward(image * mask, mask)  # the network never sees what it has to guess
    terms = as_terms(run.loss(prediction.float(), image, mask))
    total = torch.stack(list(terms.values())).sum()

    run.optimizer.zero_grad(set_to_none=True)
    total.backward()
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), run.clip or math.inf)
    run.note({**terms, "loss": total}, norm, image, mask)

    run.optimizer.step()
    if run.average:
        run.average.update(run.model, run.step)
    run.step += 1
    run.position += 1
