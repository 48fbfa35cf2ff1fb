"""Callbacks that look at the model on held-out images: what it reaches, when it stops getting better, how its fillings look."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import Tensor

from inpaintlib._files import write_atomically
from inpaintlib.models.base import composite
from inpaintlib.train.callbacks import Callback
from inpaintlib.train.drawing import draw
from inpaintlib.train.run import Run
from inpaintlib.train.settings import plain

__all__ = ["EarlyStopping", "Evaluate", "HeldOut", "Samples"]


class HeldOut(Callback):
    """The base of what looks at held-out images under masks that never change, every so many epochs and at the end; see :meth:`look`.

    Attributes:
        target: the images, float (N, 3, H, W); ``mask``: float (N, 1, H, W), 1 = known.
    """

    def __init__(self, images: Any, masks: Any, count: int, every: float, seed: int) -> None:
        count, every, seed = plain(count, every, seed)
        if len(images) == 0:
            raise ValueError("the set of held-out images is empty; expected at least one.")
        if not every > 0:
            raise ValueError(f"every is {every}; expected a number of epochs above 0.")
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"count is {count!r}; expected a number of images, at least 1.")
        count = min(count, len(images))
        # Evenly spread over the set: the first ones of a folder may all be of one class.
        self.target: Tensor = images.float(torch.arange(count) * len(images) // count)
        generator = torch.Generator().manual_seed(seed)
        self.mask: Tensor = draw(masks, count, self.target.shape[-2:], generator).to(self.target.dtype)
        self.every = every
        self.at = -1  # the step of the last look

    def look(self, run: Run) -> None:
        """Look at the model as it is now."""
        raise NotImplementedError

    def on_step(self, run: Run) -> None:
        if run.step % max(1, round(self.every * run.steps_per_epoch)) == 0:
            self.look(run)
            self.at = run.step

    def on_end(self, run: Run) -> None:
        if self.at != run.step and run.step:
            self.look(run)
            self.at = run.step

    def state(self) -> dict[str, Any]:
        return {"at": self.at}

    def load(self, state: dict[str, Any]) -> None:
        self.at = state.get("at", -1)


class Evaluate(HeldOut):
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
        super().__init__(images, masks, count, every, seed)
        self.batch_size = batch_size

    def look(self, run: Run) -> None:
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
                for kind, picture in (("raw", raw), ("composited", composite(raw, target, mask))):
                    psnr, mae = metrics.psnr(picture, target, data_range=1.0), metrics.mae(picture, target)
                    sums[f"psnr_{kind}"] = sums.get(f"psnr_{kind}", 0.0) + float(psnr.cpu().double().sum())
                    sums[f"mae_{kind}"] = sums.get(f"mae_{kind}", 0.0) + float(mae.cpu().double().sum())
        run.record({name: total / len(self.target) for name, total in sums.items()})


class Samples(HeldOut):
    """Keep pictures of how the same held-out images are filled as the training goes on.

    In the run's folder, if it has one, each look becomes ``samples/step_000123.png`` with three rows: with holes, filled, undamaged.

    Args:
        images: an ImageSet that is not trained on.
        masks: a family or bank as for ``fit``, from which one mask for each image is drawn once.
        count: how many images, evenly spread over the set.
        every: epochs between two looks, decimals allowed; there is always one at the end.
        seed: of the masks.

    Attributes:
        target, mask: the images, float (N, 3, H, W), and their masks, float (N, 1, H, W), 1 = known.
        filled: what was seen since the callback was made, as pairs of the step and the composited pictures, uint8 (N, 3, H, W).
    """

    def __init__(self, images: Any, masks: Any, *, count: int = 8, every: float = 1.0, seed: int = 1234) -> None:
        super().__init__(images, masks, count, every, seed)
        self.filled: list[tuple[int, Tensor]] = []

    def look(self, run: Run) -> None:
        """Fill the images, keep the pictures, and write them down; a disk that is full is warned about and does not end the run."""
        target, mask = self.target.to(run.device), self.mask.to(run.device)
        with run.evaluating() as model, run.autocast():
            raw = model(target * mask, mask)
        pictures = composite(raw.to(target.dtype).clamp(0, 1), target, mask)
        self.filled.append((run.step, _bytes(pictures)))
        if run.out is None:
            return
        path = run.out / "samples" / f"step_{run.step:06d}.png"
        try:
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, self.png())
        except OSError as error:
            warnings.warn(f"the samples {path} could not be written ({error}); the run goes on. Make room on the disk.", stacklevel=2)

    def png(self, index: int = -1) -> bytes:
        """A picture of one look (the last, unless ``index`` says another), in the PNG format: rows with holes, filled, undamaged."""
        from PIL import Image

        if not self.filled:
            raise ValueError("nothing has been seen yet; expected a run to have looked, at the latest at its end.")
        enlarge, gap = max(1, 96 // self.target.shape[-1]), 4
        target, mask = (_enlarged(x, enlarge) for x in (_bytes(self.target), self.mask))
        rows, columns = torch.meshgrid(*(torch.arange(side) for side in target.shape[-2:]), indexing="ij")
        stripes = ((rows + columns) // 3 % 2).bool()[None, None]  # holes are never shown by colour alone
        holes = torch.where(stripes, _colour(230, 159, 0), _colour(26, 26, 46))
        damaged = torch.where(mask > 0, target, holes)
        tiles = torch.stack([damaged, _enlarged(self.filled[index][1], enlarge), target])  # (3, N, 3, H, W)
        tiles = torch.nn.functional.pad(tiles, [0, gap, 0, gap], value=255)
        sheet = tiles.permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)  # (3 H, N W, 3)
        file = io.BytesIO()
        Image.fromarray(sheet[:-gap, :-gap].contiguous().numpy()).save(file, "PNG")
        return file.getvalue()


def _bytes(pictures: Tensor) -> Tensor:
    """uint8 from floats in [0, 1]."""
    return (pictures * 255).round().to("cpu", torch.uint8)


def _enlarged(pictures: Tensor, times: int) -> Tensor:
    return pictures.repeat_interleave(times, -1).repeat_interleave(times, -2)


def _colour(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8).view(1, 3, 1, 1)


class EarlyStopping(Callback):
    """End the run when a figure has not improved for a while; warn where no such figure comes.

    Args:
        monitor: a column of the history, such as ``"psnr_composited"``; put the ``Evaluate`` that makes it before this callback.
        patience: how many values in a row may fail to improve.
        mode: "max" where more is better, "min" where less is.
        least: an improvement smaller than this does not count.
    """

    def __init__(self, monitor: str = "psnr_composited", *, patience: int = 5, mode: str = "max", least: float = 0.0) -> None:
        patience, least = plain(patience, least)
        if mode not in ("max", "min"):
            raise ValueError(f'mode is {mode!r}; expected "max" or "min".')
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience is {patience!r}; expected a number of evaluations, at least 1.")
        self.monitor, self.patience, self.mode, self.least = monitor, patience, mode, least
        self.best: float | None = None
        self.failed = self.seen = 0
        self.warned = False

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

    def on_epoch(self, run: Run) -> None:
        if any("lr" not in row for row in run.history.rows):  # others than the loop's own: something has been evaluated
            self._miss(run, "so far")

    def on_end(self, run: Run) -> None:
        self._miss(run, "at the end")

    def _miss(self, run: Run, when: str) -> None:
        if self.monitor in run.history or self.warned:
            return
        self.warned = True
        columns = ", ".join(run.history.columns()) or "none"
        warnings.warn(
            f"EarlyStopping waits for {self.monitor!r}, and {when} the history has no such column; expected one of those that it has: "
            f"{columns}. Is an Evaluate missing, or does it come after?",
            stacklevel=2,
        )

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "failed": self.failed, "seen": self.seen}

    def load(self, state: dict[str, Any]) -> None:
        self.best, self.failed, self.seen = state["best"], state["failed"], state["seen"]
