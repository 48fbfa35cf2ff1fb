"""What the tasks of the unit ``metrics`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import masks, pixels, ramp, tensors
from course.checks.task import Case
from inpaintlib import metrics

_real = torch.Generator().manual_seed(3)  # for the few cases with numbers that are not whole
QUARTERS = (0.0, 1.0, 0.5, 0.25, 0.75)


def _batch(*pictures: Tensor) -> Tensor:
    return torch.stack(pictures)


# --- hole_mse ---------------------------------------------------------------------------------------------------------------------------


def library_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Chosen by the mask, channel by channel, and averaged: no division is written down."""
    hole = (mask == 0).expand_as(target)
    return torch.stack([(p[h].double() - t[h].double()).square().mean() for p, t, h in zip(prediction, target, hole, strict=True)])


def mse_scale(prediction: Tensor, target: Tensor, mask: Tensor) -> np.ndarray:
    """Squared values: what the rounding of a difference is measured against."""
    return library_mse(prediction, torch.zeros_like(target), mask).numpy() + library_mse(torch.zeros_like(target), target, mask).numpy()


@st.composite
def fillings(draw: st.DrawFn) -> Case:
    batch, channels, rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    mask = draw(masks(batch, 1, rows, columns))
    for one in mask:
        if one.all():
            one[0, 0, 0] = 0.0  # an error over no pixel has no value
    shape = (batch, channels, rows, columns)
    return Case({"prediction": draw(pixels(*shape)), "target": draw(pixels(*shape)), "mask": mask})


_one_hole = torch.tensor([[[1.0, 1, 1], [1, 0, 1], [1, 1, 1]]])
_two_holes = torch.tensor([[[0.0, 1, 1], [1, 1, 1], [1, 1, 0]]])

FILLINGS = [
    Case({"prediction": ramp(1, 1, 3, 3), "target": 4 * torch.ones(1, 1, 3, 3), "mask": _two_holes[None]}, "two holes in one channel"),
    Case({"prediction": ramp(1, 3, 1, 2), "target": torch.ones(1, 3, 1, 2), "mask": torch.tensor([[[[1.0, 0]]]])}, "three channels, one mask"),
    Case(
        {"prediction": ramp(2, 1, 3, 3), "target": torch.ones(2, 1, 3, 3), "mask": _batch(_one_hole, _two_holes)},
        "two images: one value for each",
    ),
    Case({"prediction": ramp(1, 1, 2, 2), "target": torch.zeros(1, 1, 2, 2), "mask": torch.zeros(1, 1, 2, 2)}, "all hole"),
    Case(
        {
            "prediction": torch.rand(2, 3, 4, 4, generator=_real),
            "target": torch.rand(2, 3, 4, 4, generator=_real),
            "mask": (torch.rand(2, 1, 4, 4, generator=_real) > 0.4).float(),
        },
        "real numbers",
    ),
]

# --- psnr ---------------------------------------------------------------------------------------------------------------------------------


def library_psnr(prediction: Tensor, target: Tensor, data_range: float) -> Tensor:
    """From the length of the difference vector: 20 log10(range sqrt(N) / length)."""
    difference = (prediction.double() - target.double()).flatten(1)
    return 20 * torch.log10(data_range * difference.shape[1] ** 0.5 / torch.linalg.vector_norm(difference, dim=1))


def psnr_scale(prediction: Tensor, target: Tensor, data_range: float) -> np.ndarray:
    return 10 + library_psnr(prediction, target, data_range).abs().numpy()


@st.composite
def pairs(draw: st.DrawFn) -> Case:
    batch, channels, rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    data_range = draw(st.sampled_from([255.0, 10.0, 1.0, 2.0]))
    values = QUARTERS if data_range < 10 else tuple(float(v) for v in range(10))
    shape = (batch, channels, rows, columns)
    prediction, target = draw(tensors(shape, values)), draw(tensors(shape, values))
    for p, t in zip(prediction, target, strict=True):
        if torch.equal(p, t):
            p[0, 0, 0] = 1.0 - t[0, 0, 0] if t[0, 0, 0] != 0.5 else 0.0  # equal images have no finite PSNR
    return Case({"prediction": prediction, "target": target, "data_range": data_range})


_grey = torch.full((1, 3, 2, 2), 0.5)
PAIRS = [
    Case({"prediction": _grey + 0.25, "target": _grey, "data_range": 1.0}, "a quarter too bright everywhere, range 1"),
    Case({"prediction": 10 * ramp(1, 1, 2, 2), "target": torch.zeros(1, 1, 2, 2), "data_range": 255.0}, "bytes, range 255"),
    Case({"prediction": ramp(1, 1, 2, 2) / 2 - 1.25, "target": torch.zeros(1, 1, 2, 2), "data_range": 2.0}, "values from -1 to 1, range 2"),
    Case(
        {"prediction": torch.cat([_grey + 0.25, _grey + 0.0625]), "target": torch.cat([_grey, _grey]), "data_range": 1.0},
        "two images: one value for each",
    ),
    Case(
        {"prediction": torch.rand(2, 3, 4, 4, generator=_real), "target": torch.rand(2, 3, 4, 4, generator=_real), "data_range": 1.0},
        "real numbers",
    ),
]

# --- ssim_window --------------------------------------------------------------------------------------------------------------------------


def window_ssim(x: Tensor, y: Tensor, data_range: float) -> float:
    """By NumPy's covariance matrix, which does the centring."""
    a, b = x.double().flatten().numpy(), y.double().flatten().numpy()
    (xx, xy), (_, yy) = np.cov(a, b, bias=True)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    brightness = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
    return float(brightness * (2 * xy + c2) / (xx + yy + c2))


def ssim_scale(x: Tensor, y: Tensor, data_range: float) -> float:
    """In a flat window the variances are small differences of large squares, and all their rounding is seen."""
    a, b = x.double(), y.double()
    squares = float(a.square().mean() + b.square().mean())
    return 1 + squares / float(a.var(correction=0) + b.var(correction=0) + (0.03 * data_range) ** 2)


@st.composite
def windows(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    data_range = draw(st.sampled_from([10.0, 20.0, 1.0]))
    values = QUARTERS if data_range == 1 else tuple(float(v) for v in range(10))
    return Case({"x": draw(tensors((rows, columns), values)), "y": draw(tensors((rows, columns), values)), "data_range": data_range})


WINDOWS = [
    Case({"x": ramp(2, 3), "y": ramp(2, 3).flip(1), "data_range": 10.0}, "the same numbers, mirrored"),
    Case({"x": ramp(3, 3), "y": ramp(3, 3) + 2, "data_range": 20.0}, "lifted by a constant"),
    Case({"x": ramp(2, 2) / 4, "y": torch.full((2, 2), 0.625), "data_range": 1.0}, "structure against a flat window"),
    Case({"x": torch.zeros(2, 2), "y": torch.zeros(2, 2), "data_range": 1.0}, "black against black: equal, so 1"),
    Case({"x": ramp(2, 2), "y": 5 - ramp(2, 2), "data_range": 10.0}, "a negative"),
    Case({"x": torch.eye(2), "y": torch.full((2, 2), 0.5), "data_range": 20.0}, "for this range, both are nearly flat"),
    Case({"x": 2 * torch.eye(2), "y": 2 * torch.eye(2) + 2, "data_range": 10.0}, "lifted to three times the brightness"),
    Case({"x": torch.rand(5, 5, generator=_real), "y": torch.rand(5, 5, generator=_real), "data_range": 1.0}, "real numbers"),
]

# --- precision_recall -----------------------------------------------------------------------------------------------------------------------


def library_precision_recall(probability: Tensor, mask: Tensor, threshold: float) -> tuple[float, float]:
    """The library's, of the thresholded map."""
    claimed = (probability <= threshold).to(torch.uint8)  # 1 = known
    found = metrics.hole_detection(claimed[None, None], mask[None, None])
    return found.precision.item(), found.recall.item()


@st.composite
def detections(draw: st.DrawFn) -> Case:
    shape = (draw(st.integers(2, 4)), draw(st.integers(2, 4)))  # large enough that something is called, mostly
    probability = draw(tensors(shape, QUARTERS))
    return Case({"probability": probability, "mask": draw(masks(*shape)), "threshold": draw(st.sampled_from([0.5, 0.25, 0.75]))})


def _probability(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)


DETECTIONS = [
    Case(
        {"probability": _probability([0.9, 0.8, 0.1], [0.7, 0.2, 0.1]), "mask": torch.tensor([[0.0, 0, 0], [1, 0, 1]]), "threshold": 0.5},
        "four hole pixels, two of them found, one false alarm",
    ),
    Case({"probability": _probability([0.9, 0.1], [0.1, 0.1]), "mask": torch.tensor([[0.0, 0], [0, 0]]), "threshold": 0.5}, "all hole, one found"),
    Case({"probability": _probability([0.9, 0.9], [0.9, 0.1]), "mask": torch.tensor([[0.0, 1], [1, 1]]), "threshold": 0.5}, "all found, and two more"),
    Case(
        {"probability": _probability([0.5, 0.9], [0.5, 0.1]), "mask": torch.tensor([[0.0, 0], [1, 1]]), "threshold": 0.5},
        "exactly at the threshold: not called",
    ),
    Case(
        {"probability": _probability([0.1, 0.2], [0.3, 0.4]), "mask": torch.tensor([[0.0, 0], [1, 1]]), "threshold": 0.5},
        "nothing is called: no false claim, precision 1",
    ),
    Case(
        {"probability": _probability([0.1, 0.9], [0.3, 0.4]), "mask": torch.ones(2, 2), "threshold": 0.5},
        "there is no hole: nothing was missed, recall 1",
    ),
]
