"""What the tasks of the unit ``masks_and_baselines`` are asked, and the right answers: random cases, corner cases, oracles.

The oracles compute in another way than the exercise teaches: in exact whole numbers, or as a matrix.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import masks, pixels, ramp, tensors
from course.checks.picture import Panel
from course.checks.task import Case
from inpaintlib import example

_real = torch.Generator().manual_seed(1)  # for the few cases with numbers that are not whole

# --- hole_ratio -------------------------------------------------------------------------------------------------------------------------


def ratios(mask: Tensor) -> Tensor:
    """Counted in NumPy, mask by mask."""
    return torch.tensor([np.count_nonzero(one.numpy() == 0) / one.numel() for one in mask], dtype=torch.float64)


@st.composite
def batches(draw: st.DrawFn) -> Case:
    shape = (draw(st.integers(2, 3)), 1, draw(st.integers(2, 4)), draw(st.integers(2, 4)))
    mask = draw(masks(*shape))
    return Case({"mask": mask.to(draw(st.sampled_from([torch.float32, torch.uint8])))})


_quarter = torch.ones(1, 1, 4, 4)
_quarter[..., :2, :2] = 0

BATCHES = [
    Case({"mask": torch.cat([_quarter, torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)])}, "a quarter, nothing and everything is hole"),
    Case({"mask": _quarter.to(torch.uint8)}, "a mask of bytes"),
    Case({"mask": torch.tensor([[[[1.0, 0, 1]]], [[[0.0, 0, 1]]]])}, "two masks that are not square"),
    Case({"mask": (torch.arange(2 * 24 * 25).reshape(2, 1, 24, 25) % 7 > 2).to(torch.uint8)}, "masks of bytes with more than 255 pixels"),
]

# --- line_mask --------------------------------------------------------------------------------------------------------------------------


def drawn_line(size: tuple[int, int], start: tuple[int, int], end: tuple[int, int], thickness: int = 1) -> Tensor:
    """In whole numbers: 4 d^2 <= t^2, without a root or a quotient. For an odd thickness no pixel lies on the very edge."""
    mask = torch.ones(size, dtype=torch.float64)
    down, right = end[0] - start[0], end[1] - start[1]
    length = down * down + right * right
    for row, column in itertools.product(range(size[0]), range(size[1])):
        y, x = row - start[0], column - start[1]
        along = y * down + x * right
        if along <= 0 or length == 0:
            hit = 4 * (y * y + x * x) <= thickness**2
        elif along >= length:
            hit = 4 * ((row - end[0]) ** 2 + (column - end[1]) ** 2) <= thickness**2
        else:
            hit = 4 * (y * right - x * down) ** 2 <= thickness**2 * length
        if hit:
            mask[row, column] = 0
    return mask


@st.composite
def segments(draw: st.DrawFn) -> Case:
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    ends = [tuple(draw(st.integers(0, side - 1)) for side in size) for _ in range(2)]
    return Case({"size": size, "start": ends[0], "end": ends[1], "thickness": draw(st.sampled_from([1, 3, 5]))})


SEGMENTS = [
    Case({"size": (7, 10), "start": (1, 1), "end": (4, 7), "thickness": 3}, "a slanted line, 3 pixels thick"),
    Case({"size": (5, 7), "start": (2, 1), "end": (2, 5)}, "a horizontal line, 1 pixel thick"),
    Case({"size": (6, 4), "start": (5, 0), "end": (1, 2), "thickness": 1}, "upwards, in a picture that is not square"),
    Case({"size": (5, 5), "start": (2, 2), "end": (2, 2), "thickness": 3}, "start and end are the same pixel: a dot"),
    Case({"size": (9, 9), "start": (0, 0), "end": (6, 8), "thickness": 3}, "the line of the question above"),
    Case({"size": (24, 32), "start": (20, 3), "end": (4, 28), "thickness": 5}, "a larger picture"),
]

# --- prepare ----------------------------------------------------------------------------------------------------------------------------


def prepared(image: Tensor, painted: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel by pixel, in NumPy."""
    picture, stencil = image.numpy().astype(np.float64) / 255, painted.numpy().astype(int)
    known = stencil <= 127
    return torch.from_numpy(np.where(known, picture, 0.0)), torch.from_numpy(known[None].astype(np.float64))


def known_part(image: Tensor, painted: Tensor) -> Tensor:
    """1 where a pixel is kept, 0 in the hole."""
    return (painted <= 127).double().expand(image.shape)


_LEVELS = (200, 0, 255, 1, 128, 77, 254, 3)
_PAINT = (0, 255, 0, 250, 4, 0, 135, 120)  # black and white, as a JPEG keeps them: not quite


@st.composite
def scans(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(2, 3)), draw(st.integers(2, 4))
    image = draw(tensors((draw(st.sampled_from([1, 3])), rows, columns), _LEVELS)).to(torch.uint8)
    return Case({"image": image, "painted": draw(tensors((rows, columns), _PAINT)).to(torch.uint8)})


_grey = torch.tensor([[[200, 201, 255], [0, 1, 128]]], dtype=torch.uint8)

SCANS = [
    Case({"image": _grey, "painted": torch.tensor([[0, 255, 255], [255, 255, 0]], dtype=torch.uint8)}, "black and white, four pixels to remove"),
    Case({"image": _grey, "painted": torch.tensor([[4, 250, 135], [120, 255, 0]], dtype=torch.uint8)}, "a stencil that was saved as JPEG"),
    Case({"image": _grey.expand(3, 2, 3).contiguous(), "painted": torch.zeros(2, 3, dtype=torch.uint8)}, "nothing to remove, three colours"),
    Case({"image": _grey, "painted": torch.full((2, 3), 255, dtype=torch.uint8)}, "everything to remove"),
]

# --- diffuse ----------------------------------------------------------------------------------------------------------------------------


def diffused(image: Tensor, mask: Tensor, steps: int) -> Tensor:
    """One step as a matrix: a row of it holds the weights of a pixel's neighbours, or a single 1 where the pixel is known."""
    (rows, columns), known = image.shape, mask.flatten() > 0
    step = torch.zeros(rows * columns, rows * columns, dtype=torch.float64)
    for i, j in itertools.product(range(rows), range(columns)):
        here = i * columns + j
        around = [(i + a, j + b) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1)) if 0 <= i + a < rows and 0 <= j + b < columns]
        if known[here] or not around:
            step[here, here] = 1.0
        else:
            for r, c in around:
                step[here, r * columns + c] = 1.0 / len(around)
    values = image.flatten().double()
    values = torch.where(known, values, values[known].mean())
    return (torch.linalg.matrix_power(step, steps) @ values).reshape(rows, columns)


def with_a_known_pixel(mask: Tensor, row: int, column: int) -> Tensor:
    mask[row, column] = 1.0
    return mask


@st.composite
def heats(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    mask = with_a_known_pixel(draw(masks(rows, columns)), draw(st.integers(0, rows - 1)), draw(st.integers(0, columns - 1)))
    return Case({"image": draw(pixels(rows, columns)), "mask": mask, "steps": draw(st.integers(0, 4))})


def _holes(rows: int, columns: int, *places: tuple[int, int]) -> Tensor:
    mask = torch.ones(rows, columns)
    for row, column in places:
        mask[row, column] = 0
    return mask


HEATS = [
    Case({"image": ramp(4, 4), "mask": _holes(4, 4, (1, 1), (1, 2), (2, 1)), "steps": 1}, "one step, a hole of three pixels"),
    Case({"image": ramp(3, 4), "mask": _holes(3, 4, (0, 0), (0, 1)), "steps": 2}, "a hole in the corner"),
    Case({"image": torch.tensor([[2.0, 0, 0, 8]]), "mask": _holes(1, 4, (0, 1), (0, 2)), "steps": 1}, "the question above: one row"),
    Case({"image": ramp(3, 3), "mask": _holes(3, 3, (1, 1)), "steps": 0}, "no step at all"),
    Case({"image": example.image, "mask": example.mask, "steps": 3}, "the worked example with its holes"),
    Case({"image": torch.rand(6, 7, generator=_real), "mask": _holes(6, 7, *itertools.product(range(1, 5), range(3, 7))), "steps": 20}, "real numbers, a box at the border, 20 steps"),
]

# --- best_match -------------------------------------------------------------------------------------------------------------------------


def matched(image: Tensor, mask: Tensor, row: int, column: int, size: int = 3) -> tuple[int, int]:
    """All windows at once, as strided views in NumPy."""
    radius = size // 2
    pixels_, known = image.double().numpy(), mask.numpy() > 0
    frame = [(radius, radius)] * 2
    query, there = (np.pad(a, frame)[row : row + size, column : column + size] for a in (pixels_, known))
    windows = np.lib.stride_tricks.sliding_window_view(pixels_, (size, size))
    usable = np.lib.stride_tricks.sliding_window_view(known, (size, size)).all((2, 3))
    distance = (np.square(windows - query) * there).sum((2, 3))
    best = np.where(usable, distance, np.inf).argmin()  # the first of equals, in reading order
    return int(best // distance.shape[1]) + radius, int(best % distance.shape[1]) + radius


def candidates(image: Tensor, mask: Tensor, row: int, column: int, size: int = 3) -> list[Panel]:
    """The window that is asked about and the one that is most like it."""
    radius = size // 2
    r, c = matched(image, mask, row, column, size)

    def window(grid: Tensor, at: tuple[int, int], fill: float) -> np.ndarray:
        framed = np.pad(grid.double().numpy(), radius, constant_values=fill)
        return framed[at[0] : at[0] + size, at[1] : at[1] + size]

    hole = window(mask, (row, column), 0) == 0
    return [Panel(f"around ({row}, {column})", window(image, (row, column), 0), hole), Panel(f"around ({r}, {c})", window(image, (r, c), 0))]


@st.composite
def puzzles(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(4, 6)), draw(st.integers(5, 7))
    image, mask = draw(tensors((rows, columns), (1, 2, 3, 7, 9))), torch.ones(rows, columns)
    row, column = draw(st.integers(0, rows - 1)), draw(st.integers(4, columns - 1))
    mask[row, column] = 0.0
    if draw(st.booleans()):  # a hole of more than one pixel; columns 0 to 2 stay known, so that there is a window to copy from
        mask[min(row + 1, rows - 1), max(column - draw(st.integers(0, 1)), 3) :] = 0.0
    return Case({"image": image, "mask": mask, "row": row, "column": column, "size": 3})


_steps = torch.tensor([[1.0, 1, 9, 9, 1, 1, 9, 9], [1, 1, 9, 9, 1, 1, 9, 9], [1, 1, 9, 9, 1, 1, 5, 5], [1, 1, 9, 9, 1, 1, 9, 9]])
_three = torch.tensor([[1.0, 2, 3, 7, 7, 7], [4, 5, 6, 7, 1, 2], [7, 8, 9, 7, 4, 0], [7, 7, 7, 7, 7, 8]])

PUZZLES = [
    Case({"image": _three, "mask": _holes(4, 6, (2, 5)), "row": 2, "column": 5}, "at the right border: the window hangs over it"),
    Case({"image": _steps, "mask": _holes(4, 8, (2, 6), (2, 7)), "row": 2, "column": 6}, "stripes: two places fit equally well, the first one counts"),
    Case({"image": ramp(5, 5), "mask": _holes(5, 5, (4, 4)), "row": 4, "column": 4}, "a corner of a ramp: the nearest window that is known throughout"),
    Case({"image": torch.rand(7, 8, generator=_real), "mask": _holes(7, 8, (3, 5), (3, 6), (4, 5)), "row": 3, "column": 5}, "real numbers, a hole of three pixels"),
    Case({"image": torch.rand(9, 10, generator=_real), "mask": _holes(9, 10, (4, 8), (4, 9)), "row": 4, "column": 8, "size": 5}, "real numbers, windows of 5"),
]

