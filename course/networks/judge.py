"""Beat a baseline: a network that a student trained at home, judged by what it fills holes with.

Nothing of the student's runs here but numbers: the weights of a model of the course. Whoever judges sends pictures whose holes are
blank, gets predictions, and compares. Points come by thresholds in dB over a baseline on the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from course.checks.task import BeatTask
from course.networks.weights import BadWeights, Weights, build, read, same_as

__all__ = ["Score", "Trial", "fill", "handed_in", "score", "signed", "solution", "visible"]

ENOUGH = 50.0  # dB above which nobody sees a difference; else flat pictures, which anything fills nearly exactly, would decide
CERTAIN = 1.96  # half a 95 % interval of a mean, in standard errors
ROOT = Path(__file__).resolve().parents[2]
Status = Literal["passed", "partly", "below", "refused", "stub"]
Fill = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Trial:
    """Pictures with holes, and what the baseline reaches on them.

    Args:
        images: float (N, 3, 32, 32) in [0, 1].
        masks: float (N, 1, 32, 32), 1 = known, 0 = hole.
        baseline: (N,) PSNR of the whole composited picture in dB, at most :data:`ENOUGH`.
        source: which pictures these are.
    """

    images: Tensor
    masks: Tensor
    baseline: Tensor
    source: str

    @classmethod
    def of(cls, task: BeatTask, images: Tensor, masks: Tensor, source: str) -> Trial:
        """With the baseline computed."""
        from inpaintlib import baselines

        masks = masks.float()
        filled = baselines.get(task.baseline)(images * masks, masks)
        return cls(images, masks, _psnr(filled, images, masks), source)


@dataclass(frozen=True)
class Score:
    """How a network did.

    Args:
        status: "passed" (all points), "partly", "below" (the first threshold), "refused" (the file), "stub" (nothing handed in).
        points: earned.
        message: for the student, of one or two sentences.
        gain, half: dB over the baseline, the mean over pictures, and half a 95 % interval of it.
        psnr, baseline: mean dB of the network and of the baseline.
        model: name and options.
        parameters: how many numbers were learned.
    """

    status: Status
    points: int = 0
    message: str = ""
    gain: float = math.nan
    half: float = math.nan
    psnr: float = math.nan
    baseline: float = math.nan
    model: str = ""
    parameters: int = 0


def visible(task: BeatTask) -> Trial:
    """The pictures that everybody may see: test pictures of the data on this machine, and the first of the frozen masks."""
    from inpaintlib import data, masks

    images = data.load_images("auto", split="test", limit=task.images)
    holes = masks.benchmark(task.masks, len(images))
    return Trial.of(task, images.float(), holes, images.source)


def handed_in(task: BeatTask, path: Path) -> Weights:
    """The weights, if they may be handed in.

    Raises:
        BadWeights: the file cannot be used, or holds weights that come with the course.
    """
    weights = read(path, task.largest)
    if name := same_as(weights, sorted((ROOT / "inpaintlib" / "weights").glob("*.safetensors"))):
        raise BadWeights(f"These are the weights of {name}, which come with the course. Hand in a network that you trained.")
    return weights


def solution(task_id: str) -> Path:
    """Where a network lies that earns all points; only a clone has it."""
    topic, name = task_id.split("/")
    return ROOT / "course" / "units" / topic / f"{name}.safetensors"


def fill(weights: Weights) -> Fill:
    """The network as a function (image, mask) -> prediction, in this process."""
    model = build(weights)

    @torch.no_grad()
    def call(image: Tensor, mask: Tensor) -> Tensor:
        return model(image, mask)

    return call


def score(task: BeatTask, trial: Trial, weights: Weights, call: Fill, batch: int = 50) -> Score:
    """Let a network fill the holes of a trial, and compare. It is given pictures in which the holes are blank.

    Raises:
        BadWeights: it gave something that is no picture.
    """
    found = []
    for start in range(0, len(trial.images), batch):
        image, mask = trial.images[start : start + batch], trial.masks[start : start + batch]
        prediction = call(image * mask, mask.clone())
        if not isinstance(prediction, Tensor) or prediction.shape != image.shape or not prediction.is_floating_point():
            raise BadWeights(f"The network did not give pictures of the shape {tuple(image.shape)}.")
        if not bool(prediction[mask.expand_as(image) == 0].isfinite().all()):
            raise BadWeights("The network gives NaN or infinity on some pictures: the training broke. Take weights from before that.")
        found.append(_psnr(prediction.to(image).clamp(0, 1), image, mask))
    own = torch.cat(found)
    gains = own - trial.baseline
    gain, half = float(gains.mean()), CERTAIN * float(gains.std()) / math.sqrt(len(gains))
    points = task.earned(gain)
    status: Status = "passed" if points == task.points else "partly" if points else "below"
    chosen = ", ".join(f"{key}={value}" for key, value in weights.options.items())
    numbers = {"gain": gain, "half": half, "psnr": float(own.mean()), "baseline": float(trial.baseline.mean())}
    message = _words(task, gain, half, len(own), points)
    return Score(status, points, message, **numbers, model=f"{weights.name}({chosen})", parameters=weights.parameters)


def _psnr(prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """dB of the whole composited picture, (B,), at most :data:`ENOUGH`."""
    from inpaintlib import metrics
    from inpaintlib.models import composite

    return metrics.psnr(composite(prediction.to(image), image, mask), image, data_range=1.0).clamp(max=ENOUGH)


def signed(decibels: float) -> str:
    """A difference as one writes it.

    >>> signed(2.0), signed(0.0), signed(-3.0)
    ('+2', '0', '-3')
    """
    return f"{decibels:+g}" if decibels else "0"


def _words(task: BeatTask, gain: float, half: float, count: int, points: int) -> str:
    side = "above" if gain >= 0 else "below"
    said = (
        f"Your network is {abs(gain):.2f} dB {side} {task.baseline}, give or take {half:.2f}, on {count} pictures with {task.masks} masks"
    )
    more = next(((least, worth) for least, worth in task.thresholds if worth > points), None)
    rest = f" {more[1]} from {signed(more[0])} dB on." if more else ""
    return f"{said}: {points} of {task.points} points.{rest}"
