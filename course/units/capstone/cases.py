"""What the tasks of the unit ``capstone`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import masks, pixels, ramp
from course.checks.task import Case

_real = torch.Generator().manual_seed(15)  # for the few cases with numbers that are not whole


def _mask(*rows: str) -> Tensor:
    """A mask drawn in text: ``#`` is a hole."""
    return torch.tensor([[0.0 if place == "#" else 1.0 for place in row] for row in rows])


# --- moved ------------------------------------------------------------------------------------------------------------------------------


def each_place(mask: Tensor, down: int, right: int) -> Tensor:
    """Place by place: where did it come from?"""
    rows, columns = mask.shape
    out = torch.ones(rows, columns, dtype=torch.float64)
    for y in range(rows):
        for x in range(columns):
            if 0 <= y - down < rows and 0 <= x - right < columns:
                out[y, x] = mask[y - down, x - right]
    return out


@st.composite
def moves(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return Case({"mask": draw(masks(rows, columns)), "down": draw(st.integers(-5, 5)), "right": draw(st.integers(-5, 5))})


_ell = _mask("....", ".#..", ".##.", "....")
MOVES = [
    Case({"mask": _ell, "down": 1, "right": 1}, "inwards: nothing is lost"),
    Case({"mask": _ell, "down": 0, "right": 0}, "not at all"),
    Case({"mask": _ell, "down": -2, "right": 0}, "up, over the edge"),
    Case({"mask": _ell, "down": 0, "right": 3}, "to the right, over the edge"),
    Case({"mask": _mask("###", "..."), "down": 1, "right": 0}, "a hole at the edge, away from it"),
    Case({"mask": _ell, "down": 7, "right": -9}, "farther than the picture is large"),
    Case({"mask": _mask("#..", "..."), "down": 0, "right": 2}, "wider than high"),
]

# --- join -------------------------------------------------------------------------------------------------------------------------------


def by_columns(left: Tensor, right: Tensor, overlap: int) -> Tensor:
    """Column by column, in double precision."""
    left, right = left.double(), right.double()
    start, total = left.shape[2] - overlap, left.shape[2] + right.shape[2] - overlap
    columns = []
    for x in range(total):
        if x < start:
            columns.append(left[:, :, x])
        elif x >= left.shape[2]:
            columns.append(right[:, :, x - start])
        else:
            share = (x - start + 1) / (overlap + 1)
            columns.append(left[:, :, x] + share * (right[:, :, x - start] - left[:, :, x]))
    return torch.stack(columns, dim=2)


def largest(left: Tensor, right: Tensor, overlap: int) -> float:
    """The largest number of both."""
    return max(float(left.abs().max()), float(right.abs().max()), 1.0)


@st.composite
def tiles(draw: st.DrawFn) -> Case:
    channels, rows, overlap = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(0, 4))
    a, b = overlap + draw(st.integers(1, 2)), overlap + draw(st.integers(1, 2))
    return Case({"left": draw(pixels(channels, rows, a)), "right": draw(pixels(channels, rows, b)), "overlap": overlap})


def _flat(value: float, columns: int) -> Tensor:
    return torch.full((1, 1, columns), value)


TILES = [
    Case({"left": _flat(0.0, 5), "right": _flat(8.0, 5), "overlap": 3}, "black meets white, three columns overlap"),
    Case({"left": _flat(8.0, 4), "right": _flat(8.0, 4), "overlap": 2}, "both say the same"),
    Case({"left": _flat(0.0, 2), "right": _flat(8.0, 3), "overlap": 1}, "a single column: half and half"),
    Case({"left": ramp(1, 1, 2), "right": ramp(1, 1, 3), "overlap": 0}, "no overlap"),
    Case({"left": _flat(2.0, 5), "right": _flat(6.0, 4), "overlap": 4}, "the right one begins within the left one"),
    Case({"left": torch.rand(3, 2, 5, generator=_real), "right": torch.rand(3, 2, 6, generator=_real), "overlap": 3}, "real numbers, three channels"),
]

# --- choose -----------------------------------------------------------------------------------------------------------------------------


def by_lists(errors: Tensor) -> tuple[int, float]:
    """With lists of numbers."""
    rows = errors.double().tolist()
    chose = [sum(row[::2]) / len(row[::2]) for row in rows]
    best = chose.index(min(chose))
    return best, sum(rows[best][1::2]) / len(rows[best][1::2])


@st.composite
def tables(draw: st.DrawFn) -> Case:
    return Case({"errors": draw(pixels(draw(st.integers(2, 4)), draw(st.integers(2, 6))))})


TABLES = [
    Case({"errors": torch.tensor([[5.0, 1.0, 5.0, 1.0], [2.0, 6.0, 2.0, 6.0]])}, "the one that is chosen was lucky"),
    Case({"errors": torch.tensor([[3.0, 4.0, 3.0, 4.0], [3.0, 2.0, 3.0, 2.0]])}, "equal on the places that choose: the first"),
    Case({"errors": torch.tensor([[1.0, 9.0, 7.0, 9.0, 7.0], [4.0, 2.0, 4.0, 2.0, 4.0], [6.0, 0.0, 6.0, 0.0, 6.0]])}, "five places: three choose, two judge"),
    Case({"errors": torch.tensor([[4.0, 7.0], [5.0, 1.0]])}, "two places"),
    Case({"errors": torch.rand(4, 9, generator=_real)}, "real numbers"),
]
