"""The adversarial training loop: a critic learns to tell filled pictures from real ones, and the network learns to be taken for real.

A reconstruction loss alone is smallest at the mean of all fillings that fit, and a mean is blurred. A critic sees that nothing real is
blurred like that, and what it sees flows back to the network as a gradient.

Sources: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014; D. Pathak et al., Context Encoders, CVPR 2016 (the joint loss).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib import losses
from inpaintlib._check import describe
from inpaintlib.train import schedules
from inpaintlib.train.callbacks import Callback
from inpaintlib.train.history import History
from inpaintlib.train.loop import begin_step, carry_out, compare, descend, predict
from inpaintlib.train.optimizers import MakeOptimizer, make_optimizer
from inpaintlib.train.players import AdversarialRun, Critics, by_name, check_penalty, frozen, right, seen, variety
from inpaintlib.train.ranks import join
from inpaintlib.train.settings import plain
from inpaintlib.train.setup import in_words, memory_format, prepare

__all__ = ["adversarial_step", "fit_adversarial"]

Pair = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]


def fit_adversarial(
    model: nn.Module,
    images: Any,
    masks: Any,
    loss: losses.Loss,
    critic: nn.Module | Mapping[str, nn.Module],
    *,
    adversarial: str | Pair = "bce",
    adversarial_weight: float = 1e-3,
    penalty: float | None = None,
    penalty_in_hole: bool = False,
    critic_lr: float = 1e-4,
    critic_optimizer: str | MakeOptimizer = "adam_dcgan",
    critic_steps: int = 1,
    epochs: float | None = None,
    minutes: float | None = None,
    batch_size: int = 64,
    lr: float = 1e-3,
    schedule: str | schedules.Schedule = "constant",
    optimizer: str | MakeOptimizer = "adam_dcgan",
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
    """Train a model to fill holes such that a critic, trained beside it, takes what it fills in for real.

    At each step the network fills a batch. First the critic sees the batch as it was and as it was filled, and moves to tell the two apart;
    then the network moves to lessen ``loss + adversarial_weight * (what the critic, as it now is, makes of the filled batch)``.
    The first defaults are those of the course's Context Encoder project.

    The history has, besides what :func:`~inpaintlib.train.fit` writes there: ``critic`` (its loss; at 2 log 2 = 1.386 a "bce" critic knows
    nothing, at 2 a "hinge" one), ``penalty``, ``adversarial`` (weighted, as it enters the loss), ``accuracy_real`` and ``accuracy_fake``
    (the shares of real and of filled pictures that the critic judges rightly) and ``variety`` (of what is filled in, see
    :class:`~inpaintlib.train.CollapseWatch`); with several critics, ``critic.NAME`` and so on.

    Args:
        model, images, masks, loss: as for :func:`~inpaintlib.train.fit`. A model that answers in stages is compared at each of them; the
            critic sees the last.
        critic: called as ``critic(image, mask)``, returns scores (B, ...), higher = more real; see ``models.critic``. Or several,
            ``{name: critic}``, whose losses are summed. Each sees the filled picture; the Context Encoder's the raw patch, as its source.
        adversarial: "bce", "hinge", "wgan_gp", or a pair ``(critic_loss(real, fake), generator_loss(fake))`` of functions of scores.
        adversarial_weight: of the generator's part; 0 lets the critic watch without a say.
        penalty: weight of the critic's gradient penalty; None: 10 for "wgan_gp", else 0.
        penalty_in_hole: take the penalty's gradient inside the holes only, as Yu et al. (2018) do.
        critic_lr: the critic's highest learning rate; it follows the same schedule.
        critic_optimizer: as ``optimizer``, for the critic.
        critic_steps: steps of the critic for each one of the model. Each takes a new batch: the model moves at every so many-th.
        optimizer: "adam_dcgan" is Adam with beta1 = 0.5, a shorter memory for a goal that moves; else as for ``fit``.
        clip: the largest length of the gradient, of either player.
        ema: decay of the average of the model's weights. (The critic has none.)
        epochs, minutes, batch_size, lr, schedule, flip, seed, device, precision, channels_last, compile, callbacks, out, resume, log_every,
            checkpoint_seconds, progress, stop: as for :func:`~inpaintlib.train.fit`.

    Returns:
        The history, as from ``fit``. The model carries the averaged weights; model and critic are in eval mode.

    Raises:
        TypeError, ValueError, CheckpointError, Diverged, KeyboardInterrupt: as ``fit`` does; Diverged names the player too.
    """
    adversarial_weight, penalty, critic_lr, critic_steps = plain(adversarial_weight, penalty, critic_lr, critic_steps)
    game = by_name(adversarial, penalty)
    _check_settings(adversarial_weight, game.penalty, penalty_in_hole, critic_lr, critic_steps)
    critics = Critics(critic)
    check_penalty(game, critics)
    _, place = join(device)
    critics.to(place, memory_format=memory_format(channels_last, place)).train()  # type: ignore[call-overload]
    run = prepare(
        AdversarialRun, model, images, masks, loss,
        epochs=epochs, minutes=minutes, batch_size=batch_size, lr=lr, schedule=schedule, optimizer=optimizer, clip=clip, ema=ema,
        flip=flip, seed=seed, device=device, precision=precision, channels_last=channels_last, compile=compile, callbacks=callbacks,
        out=out, log_every=log_every, checkpoint_seconds=checkpoint_seconds, progress=progress, stop=stop,
        critics=critics, critic_optimizer=make_optimizer(critic_optimizer, critics, critic_lr, place), critic_lr=critic_lr,
        critic_steps=critic_steps, game=game, weight=adversarial_weight, penalty_in_hole=penalty_in_hole,
        must_match={
            "adversarial": adversarial if isinstance(adversarial, str) else [in_words(part) for part in adversarial],
            "critic_steps": critic_steps, "critic_optimizer": in_words(critic_optimizer),
        },
        should_match={
            "adversarial_weight": adversarial_weight, "penalty": game.penalty, "penalty_in_hole": penalty_in_hole, "critic_lr": critic_lr,
        },
    )
    return carry_out(run, adversarial_step, resume)


def adversarial_step(run: AdversarialRun, image: Tensor, mask: Tensor) -> None:
    """One step: fill, teach the critic, and, in one of ``critic_steps``, teach the generator.

    Args:
        run: the run; its networks, average and counters change.
        image: float (B, 3, H, W) in [0, 1], undamaged.
        mask: float (B, 1, H, W), 1 = known, 0 = hole.

    Raises:
        Diverged: a loss or its gradient is not finite; on a CPU before that player's weights are touched.
    """
    begin_step(run, image, mask)
    with torch.set_grad_enabled(run.generator_moves):
        predictions = predict(run, image, mask)
    teach_critics(run, predictions[""].detach(), image, mask)  # detached: the critic's loss must not train the generator
    if run.generator_moves:
        teach_generator(run, predictions, image, mask)
    run.end_step()


def teach_critics(run: AdversarialRun, prediction: Tensor, image: Tensor, mask: Tensor) -> None:
    """The critic's move: real pictures up, filled ones down. It sees each kind in a batch of its own, which matters to batch norm."""
    terms: dict[str, Tensor] = {}
    also: dict[str, Tensor] = {}
    for tail, critic in run.critics.tails():
        fake = seen(critic, prediction, image, mask)
        on_real, on_fake = score(run, critic, image, mask), score(run, critic, fake, mask)
        terms["critic" + tail] = run.game.critic(on_real, on_fake)
        if run.game.penalty:  # a gradient of a gradient: in 32 bits
            steepness = losses.gradient_penalty(critic, image, fake, mask, hole_only=run.penalty_in_hole)
            terms["penalty" + tail] = run.game.penalty * steepness
        also["accuracy_real" + tail], also["accuracy_fake" + tail] = right(on_real, on_fake, run.game.relative)
    descend(run, "critic", terms, image, mask, **also)
    run.critics.zero_grad(set_to_none=True)


def teach_generator(run: AdversarialRun, predictions: dict[str, Tensor], image: Tensor, mask: Tensor) -> None:
    """The generator's move: nearer to the undamaged picture, and up in the critic's eyes, which holds still and lets gradients pass."""
    kinds = ("critic", "penalty", "adversarial", "accuracy_real", "accuracy_fake")
    taken = {"variety", *(kind + tail for kind in kinds for tail, _ in run.critics.tails())}
    terms = {_reconstruction(name): term for name, term in compare(run, predictions, image, mask, taken).items()}
    with frozen(run.critics):
        for tail, critic in run.critics.tails():
            verdict = run.game.generator(score(run, critic, seen(critic, predictions[""], image, mask), mask))
            terms["adversarial" + tail] = run.weight * verdict
        descend(run, "model", terms, image, mask, variety=variety(predictions[""], image, mask))


def _reconstruction(name: str) -> str:
    """The name of a term: a loss without one is called "loss", which is the sum here."""
    return name.removesuffix("loss") + "reconstruction" if name in ("loss", "coarse.loss") else name


def score(run: AdversarialRun, critic: nn.Module, picture: Tensor, mask: Tensor) -> Tensor:
    """A critic's scores (B, ...) of pictures (B, 3, H, W)."""
    with run.autocast():
        scores: Tensor = critic(picture, mask)
    if not isinstance(scores, Tensor) or not scores.dim() or len(scores) != len(picture):
        raise ValueError(
            f"the critic returned {describe(scores)} for {len(picture)} pictures; expected raw scores, one or more for each: (B, ...)."
        )
    return scores.to(picture.dtype)


def _check_settings(weight: float, penalty: float, in_hole: bool, critic_lr: float, critic_steps: int) -> None:
    for name, value, least in (("adversarial_weight", weight, 0), ("penalty", penalty, 0), ("critic_lr", critic_lr, None)):
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or (value <= 0 if least is None else value < 0):
            raise ValueError(f"{name} is {value!r}; expected a finite number {'above 0' if least is None else 'from 0'}.")
    if not isinstance(in_hole, bool):
        raise TypeError(f"penalty_in_hole is {in_hole!r}; expected True or False.")
    if not isinstance(critic_steps, int) or isinstance(critic_steps, bool) or critic_steps < 1:
        raise ValueError(f"critic_steps is {critic_steps!r}; expected a whole number, at least 1.")
