"""Callbacks that look at the model on held-out images: what it reaches, when it stops getting better, how its fillings look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inpaintlib.train.callbacks import Callback
from inpaintlib.train.run import Run

__all__ = ["EarlyStopping", "Evaluate"]


class Evaluate(Callback):
    """Measure the model on held-out images under masks that never change, raw and composited.

    Adds ``psnr_raw``, ``psnr_composited`` (dB, mean over images), ``mae_raw`` and ``mae_composited`` to the history.

    Args:
        images: an ImageSet that is not trained on.
        masks: a family or bank as for ``fit``, from which one mask for each image is drawn once.
        count: how many images, evenly spread over the set.
        every: epochs between two evaluations, decimals allowed; there is always one at the end.
        batch_size: images at a time.
        seed: of the masks.
    """

    def __init__(self, images: Any, masks: Any, *, count: int = 500, every: float = 1.0, batch_size: int = 250, seed: int = 1234) -> None:
        if len(images) == 0:
            raise ValueError("the set of held-out images is empty; expected at least one.")
        if not every > 0:
            raise ValueError(f"every is {every}; expected a number of epochs above 0.")
        count = min(count, len(images))
        # Evenly spread over the set: the first ones of a folder may all be of one class.
        self.target: Tensor = images.float(torch.arange(count) * len(images) // count)
        height, width = self.target.shape[-2:]
        size = height if height == width else (height, width)
        self.mask: Tensor = masks(count, size, generator=torch.Generator().manual_seed(seed)).to(self.target.dtype)
        self.every, self.batch_size = every, batch_size
        self.at = -1  # the step of the last evaluation

    def on_step(self, run: Run) -> None:
        every = max(1, round(self.every * run.steps_per_epoch))
        if run.step % every == 0:
            self.evaluate(run)

    def on_end(self, run: Run) -> None:
        if self.at != run.step and run.step:
            self.evaluate(run)

    def evaluate(self, run: Run) -> None:
        """Measure now, and add a row to the history."""
        from inpaintlib import metrics

        sums: dict[str, float] = {}
        with run.evaluating() as model:
            for start in range(0, len(self.target), self.batch_size):
                target = self.target[start : start + self.batch_size].to(run.device)
                mask = self.mask[start : start + self.batch_size].to(run.device)
                with run.autocast():
                    raw = model(target * mask, mask)
                raw = raw.float().clamp(0, 1)
                for kind, picture in (("raw", raw), ("composited", torch.where(mask > 0, target, raw))):
                    psnr, mae = metrics.psnr(picture, target, data_range=1.0), metrics.mae(picture, target)
                    sums[f"psnr_{kind}"] = sums.get(f"psnr_{kind}", 0.0) + float(psnr.cpu().double().sum())
                    sums[f"mae_{kind}"] = sums.get(f"mae_{kind}", 0.0) + float(mae.cpu().double().sum())
        run.record({name: total / len(self.target) for name, total in sums.items()})
        self.at = run.step

    def state(self) -> dict[str, Any]:
        return {"at": self.at}

    def load(self, state: dict[str, Any]) -> None:
        self.at = state.get("at", -1)


class EarlyStopping(Callback):
    """End the run when a figure has not improved for a while.

    Args:
        monitor: a column of the history, such as ``"psnr_composited"``; put the ``Evaluate`` that makes it before this callback.
        patience: how many values in a row may fail to improve.
        mode: "max" where more is better, "min" where less is.
        least: an improvement smaller than this does not count.
    """

    def __init__(self, monitor: str = "psnr_composited", *, patience: int = 5, mode: str = "max", least: float = 0.0) -> None:
        if mode not in ("max", "min"):
            raise ValueError(f'mode is {mode!r}; expected "max" or "min".')
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience is {patience!r}; expected a number of evaluations, at least 1.")
        self.monitor, self.patience, self.mode, self.least = monitor, patience, mode, least
        self.best: float | None = None
        self.failed = self.seen = 0

    def on_step(self, run: Run) -> None:
        values = [row[self.monitor] for row in run.history.rows if self.monitor in row]
        for value in values[self.seen :]:
            sign = 1 if self.mode == "max" else -1
            if self.best is None or sign * (value - self.best) > self.least:
                self.best, self.failed = value, 0
            else:
                self.failed += 1
        self.seen = len(values)
        if self.failed >= self.patience:
            run.end(f"{self.monitor} has not improved on {self.best:.4g} in {self.failed} evaluations")

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "failed": self.failed, "seen": self.seen}

    def load(self, state: dict[str, Any]) -> None:
        self.best, self.failed, self.seen = state["best"], state["failed"], state["seen"]
