"""What the tasks of the unit ``attention`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import tensors, weights
from course.checks.task import Case
from inpaintlib.layers import attention_weights

_real = torch.Generator().manual_seed(5)  # for the few cases with numbers that are not whole


def _randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_real)


# --- likeness ---------------------------------------------------------------------------------------------------------------------------


def cosines(queries: Tensor, keys: Tensor) -> np.ndarray:
    """In double precision, pair by pair."""
    q, k = queries.double().numpy(), keys.double().numpy()
    answer = np.zeros((len(q), len(k)))
    for i, j in np.ndindex(*answer.shape):
        lengths = np.linalg.norm(q[i]) * np.linalg.norm(k[j])
        answer[i, j] = np.dot(q[i], k[j]) / lengths if lengths > 0 else 0.0
    return answer


@st.composite
def vectors(draw: st.DrawFn) -> Case:
    n, m, c = (draw(st.integers(1, 3)) for _ in range(3))
    return Case({"queries": draw(weights(n, c)), "keys": draw(weights(m, c))})


def _rows(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


VECTORS = [
    Case({"queries": _rows((6, 8)), "keys": _rows((3, 4), (12, 9), (4, -3))}, "the example of the lesson"),
    Case({"queries": _rows((3, 4), (1, 0)), "keys": _rows((3, 4), (-3, -4))}, "itself and its opposite"),
    Case({"queries": _rows((0, 0), (1, 2)), "keys": _rows((1, 2), (0, 0))}, "a query and a key of zeros"),
    Case({"queries": _rows((1, 2, 3)), "keys": _rows((2, 4, 6), (3, 2, 1), (1, 0, 0), (0, 0, 5))}, "three features"),
    Case({"queries": _randn(3, 5), "keys": _randn(2, 5)}, "real numbers"),
]

# --- softmax_over_known -----------------------------------------------------------------------------------------------------------------


def weighed(score: Tensor, known: Tensor, scale: float = 10.0) -> np.ndarray:
    """Row by row, the known patches alone."""
    s, k = score.double().numpy(), known.numpy() > 0
    answer = np.zeros(s.shape)
    for b, i in np.ndindex(*s.shape[:2]):
        if k[b].any():
            logits = scale * s[b, i, k[b]]
            powers = np.exp(logits - logits.max())
            answer[b, i, k[b]] = powers / powers.sum()
    return answer


_SCORES = (0.0, 0.25, -0.25, 0.5, -0.5, 1.0, -1.0)


@st.composite
def scores(draw: st.DrawFn) -> Case:
    batch, n, m = draw(st.integers(1, 2)), draw(st.integers(2, 3)), draw(st.integers(2, 4))  # with one place or patch many mistakes look alike
    known = draw(tensors((batch, m), (1, 1, 0)))
    return Case({"score": draw(tensors((batch, n, m), _SCORES)), "known": known, "scale": draw(st.sampled_from([1.0, 2.0, 10.0]))})


def _score(rows: list, known: list, note: str, **options: float) -> Case:
    return Case({"score": torch.tensor(rows, dtype=torch.float32), "known": torch.tensor(known, dtype=torch.float32), **options}, note)


SCORES = [
    _score([[[2, 1, 3]]], [[1, 1, 0]], "the example of the lesson: two known patches, one in the hole", scale=1.0),
    _score([[[0, 0, 0, 0]]], [[1, 1, 0, 0]], "all alike", scale=1.0),
    _score([[[1, 0.5], [0.25, 0]]], [[1, 1]], "two places ask, everything is known", scale=2.0),
    _score([[[1, 0.5, 0.5]], [[1, 0.5, 0.5]]], [[1, 1, 0], [0, 1, 1]], "two samples with different masks", scale=1.0),
    _score([[[1, 0.5], [0, 1]], [[1, 0.5], [0, 1]]], [[0, 0], [1, 1]], "nothing is known of the first sample", scale=1.0),
    _score([[[0.9, 0.5, -0.2]]], [[1, 1, 1]], "the scale of 10 by default"),
    Case({"score": _randn(2, 3, 5), "known": torch.tensor([[1.0, 0, 1, 1, 0], [0, 1, 1, 1, 1]]), "scale": 3.0}, "real numbers"),
]

# --- attend -----------------------------------------------------------------------------------------------------------------------------


def looked(image: Tensor, known: Tensor, scale: float = 10.0) -> Tensor:
    """The library's weights, times the pixels."""
    x, mask = image.double()[None], known.double()[None, None]
    w = attention_weights(x, x, mask, patch=3, scale=scale, propagate=False)[0].flatten(2).flatten(0, 1)  # (places, patches)
    seen = (w @ image.double().flatten(1).T).T.view_as(image)
    somewhere = w.sum(1).view(known.shape) > 0
    return torch.where((known == 0) & somewhere, seen, image.double())


def looked_scale(image: Tensor, known: Tensor, scale: float = 10.0) -> float:
    """How far a mixed value moves when the exponents move by their rounding."""
    return (1 + scale) * float(image.abs().max())


@st.composite
def damaged(draw: st.DrawFn) -> Case:
    channels, rows, columns = draw(st.integers(1, 2)), draw(st.integers(3, 4)), draw(st.integers(3, 5))
    image, known = draw(weights(channels, rows, columns)), draw(tensors((rows, columns), (1, 1, 1, 1, 1, 1, 1, 0)))
    return Case({"image": image, "known": known, "scale": draw(st.sampled_from([1.0, 5.0]))})


def _pattern(rows: int, columns: int) -> Tensor:
    tile = torch.tensor([[-3.0, -2, 3, -1], [-4, 1, 5, 0], [-2, 4, 2, -3]])
    return tile.repeat(3, 3)[:rows, :columns][None]


def _holes(rows: int, columns: int, *places: tuple[int, int]) -> Tensor:
    known = torch.ones(rows, columns)
    for place in places:
        known[place] = 0
    return known


def _guessed(image: Tensor, known: Tensor) -> Tensor:
    return torch.where(known > 0, image, torch.zeros_like(image))


_single = _holes(4, 5, (1, 1))
_grid = _holes(6, 8, (3, 5))
ATTEND = [
    Case({"image": _guessed(_pattern(4, 5), _single), "known": _single, "scale": 1.0}, "one hole pixel"),
    Case({"image": _guessed(_pattern(6, 8), _grid), "known": _grid}, "the grid of the lesson, minus 4"),
    Case({"image": _guessed(_pattern(4, 4), _holes(4, 4, (0, 0))), "known": _holes(4, 4, (0, 0)), "scale": 2.0}, "a hole in the corner"),
    Case({"image": _pattern(3, 3) + 10, "known": _holes(3, 3, (1, 1)), "scale": 1.0}, "no patch without a hole pixel: the guess stays"),
    Case({"image": _pattern(3, 4), "known": torch.ones(3, 4), "scale": 1.0}, "no hole"),
    Case({"image": torch.ones(1, 4, 5) * torch.tensor([1.0, 2, 4, 8, 16]), "known": _holes(4, 5, (1, 1)), "scale": 1.0}, "one patch is eight times as bright as another"),
    Case({"image": _randn(2, 4, 5), "known": _holes(4, 5, (1, 1), (1, 2)), "scale": 3.0}, "two channels, real numbers"),
]

# --- steps_to ---------------------------------------------------------------------------------------------------------------------------


def compass(weights: Tensor, columns: int) -> np.ndarray:
    """By Python lists."""
    table = weights.tolist()
    rows = len(table) // columns
    answer = np.zeros((2, rows, columns))
    for place, row in enumerate(table):
        if max(row) > 0:
            best = row.index(max(row))
            answer[:, place // columns, place % columns] = best // columns - place // columns, best % columns - place % columns
    return answer


def weights_to(best: Sequence[int]) -> Tensor:
    """Weights whose largest in row i is at ``best[i]``, -1 for a row of zeros; no two of the largest are alike."""
    n = len(best)
    table = torch.tensor([[((7 * i + 3 * j) % n) / (2 * n) + i / (100 * n) for j in range(n)] for i in range(n)])
    for i, j in enumerate(best):
        if j < 0:
            table[i] = 0
        else:
            table[i, j] = 1 + i / (10 * n)
    return table


@st.composite
def tables(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    best = draw(st.lists(st.integers(-1, rows * columns - 1), min_size=rows * columns, max_size=rows * columns))
    return Case({"weights": weights_to(best), "columns": columns})


TABLES = [
    Case({"weights": weights_to([1, 2, 5, 0, 4, 3]), "columns": 3}, "two rows of three places"),
    Case({"weights": weights_to([0, 1, 2, 3]), "columns": 2}, "everybody looks at itself"),
    Case({"weights": weights_to([3, -1, 0, -1]), "columns": 2}, "two places without any weight"),
    Case({"weights": weights_to([5, 5, 5, 5, 5, 5, 5, 5]), "columns": 4}, "everybody looks at the same place"),
    Case({"weights": weights_to([2, 0, 1]), "columns": 1}, "one column"),
    Case({"weights": weights_to([2, 0, 1]), "columns": 3}, "one row"),
]
