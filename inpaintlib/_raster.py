"""From shapes to pixels: a convex shape covers one run of pixels in each row.

Lines, discs, boxes and the segments of a brush stroke have that in common. So a set of shapes is a list of runs, each with the shape
that it belongs to, its row, and its first and last column; and :func:`paint` turns all runs of all masks into pixels at once.

Everything is computed in whole numbers, or in float64 operations that IEEE 754 rounds exactly (product, quotient, square root): the same
pixels on every machine and device.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["SUBPIXELS", "Runs", "box_runs", "capsule_runs", "disc_runs", "line_runs", "paint"]

SUBPIXELS = 16  # discs and strokes are placed on a grid of 1/16 pixel
_FAR = 1 << 30  # a row without a run: start = _FAR, end = -_FAR
_BITS = 16  # OpenCV computes its lines in 1/65536 pixel
_ONE, _HALF = 1 << _BITS, 1 << (_BITS - 1)
_TABLES = (32, 64)  # the shapes of lines up to this reach are looked up, longer ones computed


class Runs(NamedTuple):
    """Runs of pixels, all (M,): which shape, which row, the first column and the last one. Columns may lie outside the image."""

    shape: Tensor
    row: Tensor
    start: Tensor
    end: Tensor


def paint(owner: Tensor, runs: Runs, count: int, height: int, width: int) -> Tensor:
    """All runs of all masks at once: +1 where a run starts, -1 behind its end, and a running sum along the row.

    Args:
        owner: (N,), the mask that each shape belongs to.
        runs: of the N shapes.
        count, height, width: the number of masks and their size.

    Returns:
        bool (count, height, width), True where at least one shape covers the pixel.
    """
    stride = width + 1  # a row has one place more than pixels, for the -1 behind a run that touches the border
    row = (owner[runs.shape] * height + runs.row) * stride  # where the run's row begins
    start = runs.start.clamp(0, width)
    behind = torch.maximum(runs.end.clamp(-1, width - 1) + 1, start)
    steps = torch.zeros(count * height * stride, dtype=torch.int16, device=row.device)
    one = torch.ones((), dtype=torch.int16, device=row.device).expand(len(row))
    steps.index_add_(0, row + start, one)
    steps.index_add_(0, row + behind, -one)
    return steps.view(count, height, stride).cumsum(2, dtype=torch.int16)[..., :width].bool()


def _gather(start: Tensor, end: Tensor) -> Runs:
    """The runs in two tables (N, H) of first and last columns, without the rows that a shape misses."""
    shape, row = torch.nonzero(start <= end, as_tuple=True)
    return Runs(shape, row, start[shape, row], end[shape, row])


def box_runs(left: Tensor, top: Tensor, width: Tensor, height: Tensor, rows: int) -> Runs:
    """The runs of boxes, all arguments (N,) in pixels."""
    y = torch.arange(rows, device=left.device)
    inside = (y >= top[:, None]) & (y < (top + height)[:, None])  # (N, H)
    return _gather(torch.where(inside, left[:, None], _FAR), torch.where(inside, (left + width - 1)[:, None], -_FAR))


def disc_runs(x: Tensor, y: Tensor, radius: Tensor, rows: int) -> Runs:
    """The runs of discs; centres and radii (N,) in sub-pixels, pixel centres at multiples of ``SUBPIXELS``."""
    return _gather(*_to_pixels(*_chord(x, y, radius, rows)))


def capsule_runs(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor, radius: Tensor, rows: int) -> Runs:
    """The runs of segments drawn with a round brush: two discs and the strip between them; all arguments (N,) in sub-pixels."""
    start, end = _chord(x1, y1, radius, rows)
    for bounds in (_chord(x2, y2, radius, rows), *_strip(x1, y1, x2, y2, radius, rows)):
        start, end = torch.minimum(start, bounds[0]), torch.maximum(end, bounds[1])
    return _gather(*_to_pixels(start, end))


def _chord(x: Tensor, y: Tensor, radius: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Where discs cut the rows, in sub-pixels: x -+ sqrt(r^2 - d^2), rounded inwards."""
    distance = torch.arange(rows, device=x.device) * SUBPIXELS - y[:, None]  # (N, H)
    square = (radius * radius)[:, None] - distance * distance
    half = square.clamp(min=0).double().sqrt().long()
    return torch.where(square >= 0, x[:, None] - half, _FAR), torch.where(square >= 0, x[:, None] + half, -_FAR)


def _strip(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor, radius: Tensor, rows: int) -> list[tuple[Tensor, Tensor]]:
    """Where the two long sides of a segment's strip cut the rows, in sub-pixels. (The short sides lie inside the discs.)"""
    dx, dy = x2 - x1, y2 - y1
    length = (dx * dx + dy * dy).clamp(min=1).double().sqrt()
    across_x, across_y = (radius * dy / length).round().long(), (radius * -dx / length).round().long()
    sides = []
    for sign in (1, -1):
        x, y = (x1 + sign * across_x)[:, None], (y1 + sign * across_y)[:, None]
        down = torch.arange(rows, device=x.device) * SUBPIXELS - y  # (N, H), from the side's first end
        inside = (torch.minimum(down, dy[:, None] - down) >= 0) | (torch.maximum(down, dy[:, None] - down) <= 0)
        cut = x + torch.div(down * dx[:, None], torch.where(dy == 0, 1, dy)[:, None], rounding_mode="floor")
        inside &= (dy != 0)[:, None]
        sides.append((torch.where(inside, cut, _FAR), torch.where(inside, cut, -_FAR)))
    return sides


def _to_pixels(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels whose centres lie in [start, end]."""
    return -torch.div(-start, SUBPIXELS, rounding_mode="floor"), torch.div(end, SUBPIXELS, rounding_mode="floor")


def line_runs(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor, thickness: Tensor, rows: int) -> Runs:
    """The runs of lines of thickness 1 or 2, pixel for pixel as ``cv2.line`` draws them.

    A line's pixels depend only on its thickness and on the way from one end to the other. So for small images all shapes are
    computed once, and a line is a look-up and a shift.

    Args:
        x1, y1, x2, y2: (N,), the ends, whole pixels.
        thickness: (N,), 1 or 2. (OpenCV's lines of thickness 2 are 3 pixels wide.)
        rows: the height of the image.
    """
    upward = y2 < y1
    x1, x2 = torch.where(upward, x2, x1), torch.where(upward, x1, x2)
    y1, y2 = torch.where(upward, y2, y1), torch.where(upward, y1, y2)
    dx, dy = x2 - x1, y2 - y1
    reach = int(torch.maximum(dx.abs(), dy).max()) if len(dx) else 0
    if reach <= _TABLES[-1]:
        side = next(t for t in _TABLES if reach <= t)
        start, end = _line_table(side, x1.device)
        shape = ((thickness - 1) * (side + 1) + dy) * (2 * side + 1) + dx + side
    else:
        start, end = _line_shapes(dx, dy, thickness, reach)
        shape = torch.arange(len(dx), device=dx.device)
    top = (y1 - thickness + 1).clamp(min=0)  # a thick line reaches one row further at both ends
    tall = (y2 + thickness - 1).clamp(max=rows - 1) - top + 1
    line = torch.arange(len(dx), device=dx.device).repeat_interleave(tall)  # (M,): each line as often as it has rows
    row = torch.arange(len(line), device=dx.device) + (top - tall.cumsum(0) + tall)[line]
    where = row + (shape * start.shape[1] - y1 + 1)[line]  # in the tables a line's upper end has the row 1
    return Runs(line, row, start.flatten()[where] + x1[line], end.flatten()[where] + x1[line])


@functools.lru_cache(maxsize=8)
def _line_table(reach: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The runs of every line shape up to ``reach`` pixels, in the order thickness, dy, dx."""
    ranges = [torch.arange(low, high + 1, device="cpu") for low, high in ((1, 2), (0, reach), (-reach, reach))]
    thickness, dy, dx = torch.meshgrid(ranges, indexing="ij")
    start, end = _line_shapes(dx.flatten(), dy.flatten(), thickness.flatten(), reach)
    return start.to(device), end.to(device)


def _line_shapes(dx: Tensor, dy: Tensor, thickness: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """First and last columns (N, reach + 3) of lines from (0, 0) down to (dx, dy); the row of the upper end has the index 1."""
    start = torch.full((len(dx), reach + 3), _FAR, device=dx.device)
    end = -start
    for chosen, outline in ((thickness == 1, _thin_outline), (thickness == 2, _thick_outline)):
        x, y = outline(dx[chosen], dy[chosen], reach)  # (n, points): within the outline, each row is one run
        start[chosen] = start[chosen].scatter_reduce(1, y + 1, x, "amin")
        end[chosen] = end[chosen].scatter_reduce(1, y + 1, x, "amax")
    return start, end


def _thin_outline(dx: Tensor, dy: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The pixels of 1-pixel lines (Bresenham 1965): whole steps along the longer side, rounded ones along the shorter.

    At a tie OpenCV rounds as somebody would who walks from the left end to the right one.
    """
    dx, dy = dx[:, None], dy[:, None]
    flat = dx.abs() > dy
    long = torch.where(flat, dx.abs(), dy)
    k = torch.minimum(torch.arange(reach + 1, device=dx.device), long)  # a shorter line repeats its last pixel
    short = torch.where(flat, dy, dx)
    tie = torch.where((flat & (dx < 0)) | (long == 0), 0, 1)
    rounded = torch.div(2 * short * k + long - tie, (2 * long).clamp(min=1), rounding_mode="floor")
    return torch.where(flat, dx.sign() * k, rounded), torch.where(flat, rounded, k)


def _thick_outline(dx: Tensor, dy: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Pixels between which a line of thickness 2 lies: OpenCV fills a rectangle, draws its sides, and puts a plus on both ends."""
    length = (dx * dx + dy * dy).clamp(min=1).double().sqrt()
    across_x, across_y = (dy * (_ONE / length)).round().long(), (-dx * (_ONE / length)).round().long()
    flat = dx.abs() > dy
    from_right = flat & (dx < 0)  # such a side is drawn from its other end
    long, short = torch.where(flat, dx.abs(), dy), torch.where(flat, torch.where(dx < 0, -dy, dy), dx)
    slope = torch.div(short * _ONE * _ONE, long * _ONE | 1, rounding_mode="trunc")
    points = []
    for side in (1, -1):
        x, y = side * across_x, side * across_y
        first_x, first_y = torch.where(from_right, x + dx * _ONE, x), torch.where(from_right, y + dy * _ONE, y)
        along_x, along_y = torch.where(flat, _ONE, slope), torch.where(flat, slope, _ONE)
        points.append((_walk(first_x, along_x, long, reach), _walk(first_y, along_y, long, reach)))
        # The filling rounds the side's ends to whole rows first, which moves it by up to a pixel.
        top = (y + _HALF) >> _BITS
        tall = ((y + dy * _ONE + _HALF) >> _BITS) - top
        per_row = torch.div(2 * dx * _ONE + tall, (2 * tall).clamp(min=1), rounding_mode="trunc")
        last = (tall - 1).clamp(min=0)
        points.append((_walk(x, per_row, last, reach), _walk(top * _ONE, torch.full_like(x, _ONE), last, reach)))
    plus_x, plus_y = torch.tensor([[0, -1, 1, 0, 0], [0, 0, 0, -1, 1]], device=dx.device)
    points += [(plus_x.expand(len(dx), -1), plus_y.expand(len(dx), -1)), (plus_x + dx[:, None], plus_y + dy[:, None])]
    return torch.cat([x for x, _ in points], 1), torch.cat([y for _, y in points], 1)


def _walk(first: Tensor, step: Tensor, last: Tensor, reach: int) -> Tensor:
    """Pixels at first + k * step for k = 0 .. last, in 1/65536 pixel; the last one is repeated up to ``reach``."""
    k = torch.minimum(torch.arange(reach + 1, device=first.device), last[:, None])
    return (first[:, None] + k * step[:, None] + _HALF) >> _BITS
