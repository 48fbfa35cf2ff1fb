"""The training loop: show the network damaged images, compare with the undamaged ones, follow the gradient."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib._check import describe
from inpaintlib._ranks import together
from inpaintlib._turns import shared_turns
from inpaintlib.losses import Loss
from inpaintlib.train import distributed, schedules
from inpaintlib.train.callbacks import Callback
from inpaintlib.train.checkpoint import open_folder
from inpaintlib.train.history import History
from inpaintlib.train.optimizers import MakeOptimizer
from inpaintlib.train.precision import move, scaled, shown, unscale
from inpaintlib.train.run import Run
from inpaintlib.train.settings import check_factor
from inpaintlib.train.setup import as_terms, finishing, interruptible, look_at_first_batch, prepare, seeded

__all__ = ["begin_step", "carry_out", "compare", "descend", "fit", "predict", "train", "train_step"]


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

    In a script that ``torchrun`` started, all processes train the one model: each takes its share of every batch, and rank 0 alone calls
    the callbacks and writes (see docs/distributed.md).

    It may run in a background thread, as a widget starts it. Then its chance is its own, Ctrl-C stays with the main thread (use ``stop``),
    and ``model.inpaint`` may be called meanwhile: it waits for the end of a step. (Calling the model itself, or its ``eval()``, may not.)

    Args:
        model: called as ``model(image, mask)``, returns the raw prediction (B, 3, H, W) in [0, 1]. One with a method ``stages``, such as
            "coarse_to_fine", is compared at both stages: the terms of the first are called ``coarse.NAME``.
        images: an :class:`~inpaintlib.data.ImageSet`.
        masks: a family of :mod:`inpaintlib.masks` or a bank: ``masks(count, size, generator=...)`` -> (count, 1, H, W), 1 = known.
        loss: ``(prediction, target, mask)`` -> a scalar, or ``{name: scalar}`` whose sum is minimised.
        epochs: passes over the images; 0.5 is half a pass.
        minutes: a budget of time instead, or besides: whichever ends first.
        batch_size: images in a step, of all processes together under ``torchrun``; a smaller set of images is one batch.
        lr: the highest learning rate.
        schedule: "one_cycle", "cosine", "step" (x0.1 every 10 epochs), "constant", or any of :mod:`inpaintlib.train.schedules`.
        optimizer: "adam", "adamw", "sgd", or a function ``(parameters, lr)`` -> optimizer.
        clip: the largest length of the gradient; longer ones are scaled down to it. None: as long as it comes.
        ema: decay of the average of the weights; None: no average.
        flip: mirror half of the images, left to right.
        seed: of the order of the images, their flips and the masks. (The model's first weights were drawn when it was made.)
        device: "auto", "cpu", "cuda", "mps".
        precision: "auto", "bf16", "fp16" (GPUs only), "fp32"; see :mod:`inpaintlib.train.precision`.
        channels_last: keep the channels of a pixel side by side in memory (True), or each channel's pixels (False); None: True on GPUs,
            elsewhere as the model was made.
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
        PeerLost: another process of the run has died.
        KeyboardInterrupt: after Ctrl-C, once the step is finished and saved; a second Ctrl-C does not wait.
    """
    run = prepare(
        Run, model, images, masks, loss,
        epochs=epochs, minutes=minutes, batch_size=batch_size, lr=lr, schedule=schedule, optimizer=optimizer, clip=clip, ema=ema,
        flip=flip, seed=seed, device=device, precision=precision, channels_last=channels_last, compile=compile, callbacks=callbacks,
        out=out, log_every=log_every, checkpoint_seconds=checkpoint_seconds, progress=progress, stop=stop,
    )
    return carry_out(run, train_step, resume)


def train_step(run: Run, image: Tensor, mask: Tensor) -> None:
    """One step: predict, compare, differentiate, move.

    Args:
        run: the run; its model, average and counters change.
        image: float (B, 3, H, W) in [0, 1], undamaged.
        mask: float (B, 1, H, W), 1 = known, 0 = hole.

    Raises:
        Diverged: the loss or its gradient is not finite; on a CPU before the weights are touched.
    """
    begin_step(run, image, mask)
    predictions = predict(run, image, mask)
    descend(run, "model", compare(run, predictions, image, mask), image, mask)
    run.end_step()


def begin_step(run: Run, image: Tensor, mask: Tensor) -> None:
    """Before each step: look at the very first batch, and set the learning rates."""
    if run.step == 0:
        look_at_first_batch(image, mask)
    factor = run.schedule(run.fraction, run.epochs)
    check_factor(factor, run.should_match["schedule"], f"at step {run.step + 1}, with {run.fraction:.0%} of the run done")
    for player in run.players.values():
        for group in player.optimizer.param_groups:
            group["lr"] = player.lr * factor


def predict(run: Run, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The network's raw predictions (B, 3, H, W): under ``""`` the one that counts, before it those of earlier stages, if it has any."""
    with run.autocast():
        answer = run.forward(image * mask, mask)  # the network never sees what it has to guess
    if not isinstance(answer, Tensor) and not hasattr(answer, "refined"):
        raise TypeError(f"the model returned {describe(answer)}; expected its prediction, a tensor (B, 3, H, W).")
    found = {"": answer} if isinstance(answer, Tensor) else {"coarse.": answer.coarse, "": answer.refined}
    return {stage: prediction.to(image.dtype) for stage, prediction in found.items()}


def compare(
    run: Run, predictions: dict[str, Tensor], image: Tensor, mask: Tensor, taken: Collection[str] = ()
) -> dict[str, Tensor]:
    """The terms of the loss, of each stage; none may have a name that is taken."""
    terms: dict[str, Tensor] = {}
    for stage, prediction in predictions.items():
        terms |= {stage + name: value for name, value in as_terms(run.loss(prediction, image, mask), taken).items()}
    return terms


def descend(run: Run, name: str, terms: dict[str, Tensor], image: Tensor, mask: Tensor, **also: Tensor) -> None:
    """Follow the gradient of the sum of the terms one step down.

    Args:
        run: the run; the network ``name`` of its players moves.
        terms: the terms of its loss, ``{name: scalar}``.
        image, mask: the batch, for finding the cause if a number is none.
        also: what else is to be noted of this step.
    """
    network, optimizer, _ = run.players[name]
    total = torch.stack(list(terms.values())).sum()
    optimizer.zero_grad(set_to_none=True)
    scaled(run.scaler, total).backward()
    distributed.finish_gradient(run, name)
    unscale(run.scaler, optimizer)
    norm = shown(run.scaler, nn.utils.clip_grad_norm_(network.parameters(), run.clip or math.inf))
    if name == "model":
        also["loss"] = total
    run.note({**terms, **also}, norm, image, mask, name)
    move(run.scaler, optimizer)
    if run.average and name == "model":
        run.average.update(run.model, run.step)


def carry_out(run: Run, take_step: Callable[[Any, Tensor, Tensor], None], resume: bool) -> History:
    """Train from the first step, or with ``resume`` from the last checkpoint, to the last; whatever happens, leave things in order."""
    with distributed.in_step(run), shared_turns(run.model), seeded(run), open_folder(run, resume), interruptible(run), finishing(run):
        train(run, take_step)
    return run.history


def train(run: Run, take_step: Callable[[Any, Tensor, Tensor], None]) -> None:
    """The loop itself: epochs, batches, steps, and a word to the callbacks after each.

    Args:
        run: the run, ready to start or restored.
        take_step: ``take_step(run, image, mask)``: what is done with a batch.
    """
    for callback in run.callbacks:
        callback.on_start(run)
    run.start_clock()
    distributed.agree(run)
    while not run.done:
        for image in run.rest_of_epoch():
            mask = run.draw_masks(image)
            with run.turns, together(run.ranks.size):
                take_step(run, image, mask)
            run.train_seconds += run.tick()
            for callback in run.callbacks:
                callback.on_step(run)
            run.tick()
            distributed.agree(run)
            if run.done:
                break
        if run.position == run.steps_per_epoch:
            run.next_epoch()
            for callback in run.callbacks:
                callback.on_epoch(run)
    run.close_rows()
    for callback in run.callbacks:
        callback.on_end(run)
