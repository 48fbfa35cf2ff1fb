"""What the tasks of the unit ``patch_gan`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import ramp, tensors, weights
from course.checks.task import Case

_real = torch.Generator().manual_seed(4)  # for the few cases with numbers that are not whole


def _randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_real)


# --- hinge ------------------------------------------------------------------------------------------------------------------------------


def hinged(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """Score by score, with the absolute value in place of a maximum."""
    r, f = real.double().numpy().ravel(), fake.double().numpy().ravel()
    critic = np.mean((1 - r + np.abs(1 - r)) / 2) + np.mean((1 + f + np.abs(1 + f)) / 2)
    return float(critic), float(-np.mean(f))


def hinged_scale(real: Tensor, fake: Tensor) -> float:
    return 1 + float(real.abs().mean() + fake.abs().mean())


HALVES = (0.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.0, -3.0)


@st.composite
def verdicts(draw: st.DrawFn) -> Case:
    places = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    shapes = [(draw(st.integers(1, 3)), 1, *places) for _ in range(2)]
    return Case({"real": draw(tensors(shapes[0], HALVES)), "fake": draw(tensors(shapes[1], HALVES))})


def _scores(*values: float) -> Tensor:
    return torch.tensor(values).reshape(len(values), 1, 1, 1)


VERDICTS = [
    Case({"real": _scores(2.0, 0.5), "fake": _scores(-1.0, 0.0)}, "the example of the lesson"),
    Case({"real": torch.tensor([[[[4.0, -2.0]]]]), "fake": torch.tensor([[[[-4.0, 2.0]]]])}, "one picture, two patches: one convincing, one not"),
    Case({"real": _scores(3.0, 2.0), "fake": _scores(-2.0, -5.0)}, "a critic that is right by a margin"),
    Case({"real": _scores(0.0), "fake": _scores(0.0)}, "a critic that knows nothing"),
    Case({"real": _scores(0.5, -1.5, 3.0), "fake": _scores(1.5)}, "three real pictures, one filled"),
    Case({"real": _randn(2, 3, 2, 2), "fake": _randn(2, 3, 2, 2)}, "real numbers"),
]

# --- normalised -------------------------------------------------------------------------------------------------------------------------


def rounds_of(weight: Tensor, u: Tensor, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """By powers of the matrix W W', in double precision; the stretch by a scalar product."""
    w = weight.double().numpy()
    rows = np.stack([kernel.ravel() for kernel in w])
    square = rows @ rows.T
    before, after = (np.linalg.matrix_power(square, n) @ u.double().numpy() for n in (rounds - 1, rounds))
    last = after / np.sqrt(after @ after)
    v = rows.T @ before
    sigma = last @ rows @ (v / np.sqrt(v @ v))
    return w / sigma, last


def steady(weight: Tensor, u: Tensor, rounds: int) -> bool:
    """Whether rounding cannot grow: nothing is divided by (nearly) 0, and a slightly other u gives nearly the same."""
    with np.errstate(all="ignore"):
        here = rounds_of(weight, u, rounds)
        there = rounds_of(weight, u + 1e-4 * u.abs().max() * torch.linspace(-1, 1, len(u)).cos(), rounds)
    far = [float(np.abs(a - b).max()) / max(1.0, float(np.abs(a).max())) for a, b in zip(here, there, strict=True)]
    return bool((weight.flatten(1).T @ u).norm() > 0.3) and all(np.isfinite(f) and f < 1e-3 for f in far)


@st.composite
def kernels(draw: st.DrawFn) -> Case:
    cout, cin, k = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return Case({"weight": draw(weights(cout, cin, k, k)), "u": draw(tensors((cout,), (1.0, 2.0, -1.0, 3.0))), "rounds": draw(st.integers(1, 3))})


def tables() -> st.SearchStrategy[Case]:
    return kernels().filter(lambda case: steady(**case.fresh()))


def _table(rows: list[list[float]], u: list[float], rounds: int, note: str) -> Case:
    return Case({"weight": torch.tensor(rows)[:, :, None, None], "u": torch.tensor(u), "rounds": rounds}, note)


TABLES = [
    _table([[3.0, 0.0], [4.0, 5.0]], [1.0, 0.0], 1, "the matrix of the lesson, one round"),
    _table([[3.0, 0.0], [4.0, 5.0]], [1.0, 0.0], 3, "three rounds"),
    _table([[3.0, 0.0], [0.0, 2.0]], [1.0, 1.0], 2, "a diagonal matrix"),
    _table([[2.0, 1.0, 2.0]], [1.0], 1, "one row: its length is the norm"),
    Case({"weight": ramp(2, 1, 2, 2), "u": torch.tensor([1.0, -1.0]), "rounds": 1}, "two kernels of 2 x 2"),
    Case({"weight": _randn(3, 2, 2, 2), "u": torch.tensor([0.6, 0.0, 0.8]), "rounds": 2}, "real numbers"),
]

# --- gradient_penalty -------------------------------------------------------------------------------------------------------------------


def held(weight: Tensor, real: Tensor, fake: Tensor, share: Tensor) -> tuple[float, np.ndarray]:
    """The derivatives of this critic written out, picture by picture, in double precision."""
    (straight, bent), count = weight.double().numpy(), len(real)
    penalty, by_weight = 0.0, np.zeros(weight.shape)
    for r, f, t in zip(real.double().numpy(), fake.double().numpy(), share.tolist(), strict=True):
        at = (1 - t) * r + t * f
        slope = straight + bent * at
        length = np.sqrt((slope * slope).sum())
        penalty += (length - 1) ** 2 / count
        pull = 2 * (1 - 1 / length) * slope / count
        by_weight += np.stack([pull, pull * at])
    return penalty, by_weight


def held_scale(weight: Tensor, real: Tensor, fake: Tensor, share: Tensor) -> float:
    largest = max(1.0, float(real.abs().max()), float(fake.abs().max()))
    return largest * (1 + float(weight.abs().max()) * largest)


def steep(weight: Tensor, real: Tensor, fake: Tensor, share: Tensor) -> bool:
    """Whether the slope of every picture is well away from 0, where its length has no derivative; and of every pixel."""
    at = torch.lerp(real, fake, share[:, None, None, None])
    return bool(((weight[0] + weight[1] * at).norm(dim=1) > 0.2).all())


@st.composite
def between(draw: st.DrawFn) -> Case:
    batch, channels, rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    pictures = (batch, channels, rows, columns)
    arguments = {
        "weight": draw(tensors((2, channels, rows, columns), (0.5, 1.0, -1.0, 2.0, -2.0))),
        "real": draw(tensors(pictures, (0.0, 1.0, 2.0, 3.0))),
        "fake": draw(tensors(pictures, (1.0, 0.0, 2.0, 3.0))),
    }
    return Case({**arguments, "share": draw(tensors((batch,), (0.25, 0.75, 0.0, 0.125, 1.0)))})


def slopes() -> st.SearchStrategy[Case]:
    return between().filter(lambda case: steep(**case.fresh()))


_flat = torch.tensor([[[[0.6, 0.3]], [[0.8, 0.4]]], [[[0.0, 0.0]], [[0.0, 0.0]]]])
SLOPES = [
    Case(
        {"weight": torch.tensor([[[[3.0]]], [[[1.0]]]]), "real": _scores(0.0, 1.0), "fake": _scores(4.0, 3.0), "share": torch.tensor([0.5, 0.0])},
        "two pictures of one pixel: slopes 3 + 2 and 3 + 1",
    ),
    Case(
        {"weight": _flat, "real": torch.zeros(2, 2, 1, 2), "fake": torch.ones(2, 2, 1, 2), "share": torch.tensor([0.25, 0.75])},
        "a critic that is not bent: the same slope for all, pixel by pixel 1 and 0.5",
    ),
    Case(
        {"weight": torch.tensor([[[[0.25]]], [[[0.0]]]]), "real": _scores(1.0), "fake": _scores(2.0), "share": torch.tensor([0.5])},
        "a slope below 1: it is to grow",
    ),
    Case(
        {"weight": _randn(2, 2, 2, 2), "real": _randn(3, 2, 2, 2), "fake": _randn(3, 2, 2, 2), "share": torch.tensor([0.9, 0.2, 0.5])},
        "real numbers",
    ),
]

# --- sees_hole --------------------------------------------------------------------------------------------------------------------------


def looked(mask: Tensor, layers: int) -> Tensor:
    """By the layers themselves: convolutions of ones, in double precision; a score that is not 0 has seen a pixel of the hole."""
    seen = 1 - mask.double()[None, None]
    for _ in range(layers):
        seen = F.conv2d(seen, torch.ones(1, 1, 5, 5, dtype=torch.float64), stride=2, padding=2)
    return (seen[0, 0] > 0).double()


@st.composite
def maps(draw: st.DrawFn) -> Case:
    shape = (draw(st.integers(1, 20)), draw(st.integers(1, 20)))
    known = draw(tensors(shape, (1.0,) * 23 + (0.0,)))
    return Case({"mask": known, "layers": draw(st.integers(1, 3))})


def _spot(side: int, row: int, column: int) -> Tensor:
    mask = torch.ones(side, side)
    mask[row, column] = 0
    return mask


MAPS = [
    Case({"mask": _spot(9, 4, 4), "layers": 1}, "a single missing pixel, one layer"),
    Case({"mask": _spot(20, 0, 19), "layers": 2}, "a missing pixel in a corner, two layers"),
    Case({"mask": _spot(30, 1, 1), "layers": 2}, "another one, near a corner"),
    Case({"mask": torch.ones(8, 6), "layers": 2}, "no hole"),
    Case({"mask": torch.zeros(7, 5), "layers": 2}, "nothing is known"),
    Case({"mask": _spot(40, 39, 3), "layers": 3}, "three layers"),
    Case({"mask": torch.cat([torch.zeros(16, 4), torch.ones(16, 12)], dim=1), "layers": 2}, "the left quarter is missing"),
]
