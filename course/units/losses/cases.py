"""What the tasks of the unit ``losses`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import masks, pixels, ramp, tensors, weights
from course.checks.task import Case

_real = torch.Generator().manual_seed(4)  # for the few cases with numbers that are not whole


def _randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_real)


# --- best_answer ------------------------------------------------------------------------------------------------------------------------


def searched(truths: Tensor, squared: bool = True) -> np.ndarray:
    """Squared: the sum over the number. Absolute: each truth's value is tried for each pixel, and the cheapest one taken."""
    values = truths.double().numpy()
    if squared:
        return values.sum(0) / len(values)
    cost = np.abs(values[:, None] - values[None]).sum(1)  # (K, ...): what each value would cost
    return np.take_along_axis(values, cost.argmin(0)[None], axis=0)[0]


@st.composite
def crowds(draw: st.DrawFn) -> Case:
    count, size = 2 * draw(st.integers(0, 3)) + 1, draw(st.integers(1, 3))
    return Case({"truths": draw(pixels(count, size)), "squared": draw(st.booleans())})


def _crowd(*rows: list[float], squared: bool, note: str) -> Case:
    return Case({"truths": torch.tensor(rows), "squared": squared}, note)


CROWDS = [
    _crowd([0.0], [4.0], [0.0], [1.0], [0.0], squared=False, note="one pixel, five truths"),
    _crowd([0.0], [4.0], [0.0], [1.0], [0.0], squared=True, note="the same, squared"),
    _crowd([5.0], [1.0], [9.0], [2.0], [9.0], squared=False, note="in no order"),
    _crowd([0.0, 9.0], [8.0, 1.0], [1.0, 2.0], squared=False, note="two pixels: each has its own median"),
    _crowd([3.0, 7.0], squared=False, note="one truth: nothing is in doubt"),
    Case({"truths": _randn(7, 2, 3), "squared": False}, "real numbers, pictures of 2 x 3"),
    Case({"truths": _randn(7, 2, 3), "squared": True}, "real numbers, squared"),
]

# --- gram -------------------------------------------------------------------------------------------------------------------------------


def paired(maps: Tensor) -> np.ndarray:
    """Pair by pair of maps: products, added up."""
    values = maps.double().numpy()
    batch, channels = values.shape[:2]
    result = np.zeros((batch, channels, channels))
    for b, i, j in np.ndindex(*result.shape):
        result[b, i, j] = (values[b, i] * values[b, j]).sum() / values[b].size
    return result


def paired_scale(maps: Tensor) -> np.ndarray:
    return paired(maps.abs())


@st.composite
def feature_maps(draw: st.DrawFn) -> Case:
    shape = draw(st.integers(1, 2)), draw(st.integers(2, 3)), draw(st.integers(1, 3)), draw(st.integers(2, 3))
    return Case({"maps": draw(weights(*shape))})


MAPS = [
    Case({"maps": torch.tensor([[[[1.0, 1.0]], [[2.0, 0.0]]]])}, "the example of the lesson"),
    Case({"maps": torch.tensor([[[[3.0]], [[-1.0]]]])}, "one place"),
    Case({"maps": ramp(2, 1, 1, 3)}, "two pictures, one map each"),
    Case({"maps": ramp(1, 3, 2, 2)}, "three maps of 2 x 2"),
    Case({"maps": _randn(2, 3, 4, 5)}, "real numbers"),
]

# --- variation --------------------------------------------------------------------------------------------------------------------------


def walked(prediction: Tensor, target: Tensor, mask: Tensor) -> float:
    """From pixel to pixel, the dilated hole by SciPy."""
    known = mask.double().numpy()[:, 0] > 0
    filled = np.where(known[:, None], target.double().numpy(), prediction.double().numpy())
    total = 0.0
    for picture, hole in zip(filled, ~known, strict=True):
        near = scipy.ndimage.binary_dilation(hole, np.ones((3, 3)))
        for row, column in zip(*near.nonzero(), strict=True):
            for other in ((row + 1, column), (row, column + 1)):
                if other[0] < near.shape[0] and other[1] < near.shape[1] and near[other]:
                    total += float(np.abs(picture[:, row, column] - picture[:, other[0], other[1]]).sum())
    return total / filled.size


def walked_scale(prediction: Tensor, target: Tensor, mask: Tensor) -> float:
    """Differences of values as large as these, a mean over all of them."""
    return float(prediction.double().abs().mean() + target.double().abs().mean()) / 2


def _filling(prediction: Tensor, target: Tensor, mask: Tensor, note: str) -> Case:
    return Case({"prediction": prediction, "target": target, "mask": mask}, note)


@st.composite
def fillings(draw: st.DrawFn) -> Case:
    batch, colours, rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(3, 5)), draw(st.integers(3, 5))
    shape = batch, colours, rows, columns
    mask = draw(tensors((batch, 1, rows, columns), (1, 1, 0))) if draw(st.booleans()) else draw(masks(batch, 1, rows, columns))
    if (mask > 0).all():
        mask = mask.clone()
        mask[..., 0, 0] = 0
    return _filling(draw(pixels(*shape)), draw(pixels(*shape)), mask, "")


def _hole(rows: int, columns: int, *places: tuple[int, int]) -> Tensor:
    mask = torch.ones(1, 1, rows, columns)
    for row, column in places:
        mask[..., row, column] = 0
    return mask


_flat, _wall = torch.full((1, 1, 5, 5), 2.0), torch.full((1, 1, 5, 5), 8.0)
VARIATIONS = [
    _filling(_flat, _wall, _hole(5, 5, (2, 2)), "a wrong colour: only the rim tells"),
    _filling(ramp(1, 1, 5, 5), ramp(1, 1, 5, 5), _hole(5, 5, (2, 2)), "the truth itself: what the rim is like counts"),
    _filling(ramp(1, 1, 3, 6), _wall[..., :3, :1].expand(1, 1, 3, 6).contiguous(), _hole(3, 6, (1, 0)), "at the left border"),
    _filling(ramp(1, 1, 6, 3), torch.zeros(1, 1, 6, 3), _hole(6, 3, (5, 1)), "at the lower border"),
    _filling(ramp(1, 2, 4, 4), torch.ones(1, 2, 4, 4), _hole(4, 4, (0, 0), (3, 3)), "two colours, two holes"),
    _filling(_randn(2, 3, 6, 7), _randn(2, 3, 6, 7), (_randn(2, 1, 6, 7) > -0.5).float(), "real numbers"),
]

# --- normalise --------------------------------------------------------------------------------------------------------------------------


def torch_norm(x: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, frozen: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """PyTorch's own, in double precision."""
    mean, variance = mean.double().clone(), variance.double().clone()
    y = F.batch_norm(x.double(), mean, variance, gain.double(), shift.double(), training=not frozen, momentum=0.1, eps=1e-5)
    return y, mean, variance


def norm_scale(x: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, frozen: bool = False) -> float:
    """How large the numbers are that are subtracted, divided and added: x minus its mean comes out divided by the spread."""
    spread = variance.double() if frozen else x.double().var((0, 2, 3), unbiased=False)
    largest = float(x.double().abs().max() + mean.double().abs().max())
    steep = float((gain.double().abs() / (spread + 1e-5).sqrt()).max())
    return max(largest * steep + float(shift.double().abs().max()), largest, float(variance.double().max()) + 0.1 * largest**2)


@st.composite
def batches(draw: st.DrawFn) -> Case:
    batch, channels, rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(2, 3))
    x = draw(weights(batch, channels, rows, columns)).clone()
    x[0, :, 0, 0], x[-1, :, -1, -1] = 3, -3  # never all alike: their spread would be 0
    vectors = {
        "gain": draw(tensors((channels,), (1, 2, -1, 0.5))),
        "shift": draw(weights(channels)),
        "mean": draw(weights(channels)),
        "variance": draw(tensors((channels,), (1, 4, 2, 0.5))),
    }
    return Case({"x": x, **vectors, "frozen": draw(st.booleans())})


def _norm(x: Tensor, gain: list[float], shift: list[float], mean: list[float], variance: list[float], frozen: bool, note: str) -> Case:
    vectors = {"gain": gain, "shift": shift, "mean": mean, "variance": variance}
    return Case({"x": x, **{name: torch.tensor(values) for name, values in vectors.items()}, "frozen": frozen}, note)


_four = torch.tensor([[[[1.0, 3.0, 5.0, 7.0]]]])
NORMS = [
    _norm(_four, [1.0], [0.0], [0.0], [1.0], False, "four values, fresh statistics"),
    _norm(_four, [1.0], [0.0], [3.0], [4.0], True, "the same, frozen"),
    _norm(_four, [2.0], [1.0], [3.0], [4.0], True, "frozen, with a gain and a shift"),
    _norm(torch.tensor([[[[0.0, 8.0]]]]), [1.0], [0.0], [0.0], [1.0], False, "two values"),
    _norm(torch.tensor([[[[0.0, 1.0]]], [[[4.0, 7.0]]]]), [1.0], [0.0], [0.0], [1.0], False, "two pictures: both count"),
    _norm(_four / 100, [1.0], [0.0], [0.0], [1e-4], True, "a variance as small as the 1e-5 beside it"),
    _norm(_randn(2, 3, 3, 2), [1.0, -2.0, 0.5], [0.0, 1.0, -1.0], [0.1, 0.2, 0.3], [1.0, 2.0, 0.5], False, "real numbers, three channels"),
    _norm(_randn(2, 3, 3, 2), [1.0, -2.0, 0.5], [0.0, 1.0, -1.0], [0.1, 0.2, 0.3], [1.0, 2.0, 0.5], True, "real numbers, frozen"),
]
NORM_SHOWN = _norm(
    torch.tensor([[[[1.0, 5.0, 7.0]], [[4.0, 8.0, 10.0]]]]), [1.0, 2.0], [0.0, 1.0], [3.0, 6.0], [4.0, 4.0], True, "two channels, frozen"
)
