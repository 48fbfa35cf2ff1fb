"""The known mistakes of the unit ``masks_and_baselines``, as functions that make them: what a diagnosis compares an answer with.

Each list of :class:`~course.checks.task.Misconception` in ``checks.py`` holds the same mistake in the ways in which it can be made. Pure
arithmetic; how a student writes it is the business of ``mutants.py``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.units.masks_and_baselines.cases import drawn_line, prepared

# --- hole_ratio -------------------------------------------------------------------------------------------------------------------------


def _holes(mask: Tensor) -> Tensor:
    """How many hole pixels each mask has, (B,)."""
    return (mask == 0).flatten(1).sum(1).double()


def _known(mask: Tensor) -> Tensor:
    return (mask != 0).flatten(1).sum(1).double()


RATIO_OF_KNOWN = [lambda mask: _known(mask) / mask[0].numel()]
RATIO_COUNTS = [_holes, _known]
RATIO_OF_BATCH = [
    lambda mask: _holes(mask).sum() / mask.numel(),
    lambda mask: _known(mask).sum() / mask.numel(),
    lambda mask: _holes(mask) / mask.numel(),
    lambda mask: (_holes(mask).sum() / mask.numel()).expand(len(mask)),
]
RATIO_BY_KNOWN = [lambda mask: _holes(mask) / _known(mask), lambda mask: _holes(mask) / _known(mask).clamp(min=1)]
RATIO_BY_ROW = [
    lambda mask: (mask == 0).double().mean(3)[:, 0],
    lambda mask: (mask == 0).double().mean(2)[:, 0],
    lambda mask: (mask == 0).double().mean(3),
    lambda mask: (mask == 0).double().mean(2),
    lambda mask: _holes(mask) / mask.shape[-1],
    lambda mask: _holes(mask) / mask.shape[-1] ** 2,
    lambda mask: _holes(mask) / mask.shape[-2] ** 2,
]


def _wrapped(mask: Tensor) -> Tensor:
    """A sum that is kept in eight bits."""
    known = _known(mask)
    return 1 - (known % 256 if mask.dtype == torch.uint8 else known) / mask[0].numel()


RATIO_WRAPS = [
    _wrapped,
    lambda mask: (_holes(mask) % 256 if mask.dtype == torch.uint8 else _holes(mask)) / mask[0].numel(),
]

# --- line_mask --------------------------------------------------------------------------------------------------------------------------

Point = tuple[int, int]


def _near(
    size: Point, start: Point, end: Point, radius: float, *, clamp: tuple[bool, bool] = (True, True), dot: str = "dot"
) -> Tensor:
    """1 = known; the distance to the segment, or with an end that is not stopped at."""
    y, x = torch.meshgrid(torch.arange(float(size[0])), torch.arange(float(size[1])), indexing="ij")
    down, right = float(end[0] - start[0]), float(end[1] - start[1])
    length = down * down + right * right
    if length == 0 and dot != "dot":
        return torch.full(size, 1.0 if dot == "nothing" else 0.0)
    along = ((y - start[0]) * down + (x - start[1]) * right) / max(length, 1.0)
    along = along.clamp(min=0.0 if clamp[0] else None, max=1.0 if clamp[1] else None) if any(clamp) else along
    distance = torch.hypot(y - start[0] - along * down, x - start[1] - along * right)
    return (distance > radius + 1e-4).double()


def _ways(rule: Callable[..., Tensor]) -> list[Callable[..., Tensor]]:
    """A line as somebody draws it who has not thought of the dot, or has."""
    return [partial(rule, dot=dot) for dot in ("dot", "nothing", "everything")]


def _endless(size: Point, start: Point, end: Point, thickness: int = 1, *, dot: str, clamp: tuple[bool, bool] = (False, False)) -> Tensor:
    return _near(size, start, end, thickness / 2, clamp=clamp, dot=dot)


def _too_thick(size: Point, start: Point, end: Point, thickness: int = 1, *, dot: str, more: float) -> Tensor:
    return _near(size, start, end, more * thickness, dot=dot)


def _thin(size: Point, start: Point, end: Point, thickness: int = 1) -> Tensor:
    return drawn_line(size, start, end, 1)


def _swapped(size: Point, start: Point, end: Point, thickness: int = 1) -> Tensor:
    return drawn_line(size, start[::-1], end[::-1], thickness)


def _around(size: Point, start: Point, end: Point, thickness: int = 1, *, margin: str) -> Tensor:
    """The rectangle that start and end span, with the thickness around it or without."""
    m = thickness // 2 if margin == "half" else 0
    mask = torch.ones(size, dtype=torch.float64)
    (top, bottom), (left, right) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    mask[max(0, top - m) : bottom + m + 1, max(0, left - m) : right + m + 1] = 0
    return mask


def square_brush(case: Any, got: Any, expected: Any) -> bool:
    """The larger of the distances in rows and in columns; where that is thickness / 2 exactly, rounding decides."""
    if not isinstance(got, np.ndarray) or got.shape != expected.shape:
        return False
    (height, width), (y0, x0), (y1, x1) = (case.arguments[name] for name in ("size", "start", "end"))
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    down, right = y1 - y0, x1 - x0
    t = np.clip(((y - y0) * down + (x - x0) * right) / max(down**2 + right**2, 1), 0, 1)
    distance = np.maximum(abs(y - y0 - t * down), abs(x - x0 - t * right)) - case.arguments.get("thickness", 1) / 2
    return bool((got[distance < -1e-4] == 0).all() and (got[distance > 1e-4] == 1).all())


def _line(size: Point, start: Point, end: Point, thickness: int = 1, *, dot: str) -> Tensor:
    return _near(size, start, end, thickness / 2, dot=dot)


def _inverted(size: Point, start: Point, end: Point, thickness: int = 1, *, dot: str) -> Tensor:
    return 1 - _line(size, start, end, thickness, dot=dot)


LINE_POLARITY = _ways(_inverted)
LINE_ENDLESS = [*_ways(_endless), *_ways(partial(_endless, clamp=(True, False))), *_ways(partial(_endless, clamp=(False, True)))]
LINE_THICKNESS = [*_ways(partial(_too_thick, more=1.0)), _thin, *_ways(partial(_too_thick, more=0.25))]
LINE_SWAPPED = [_swapped, lambda size, *a, **k: drawn_line(size[::-1], *a, **k)]
LINE_BOX = [partial(_around, margin="half"), partial(_around, margin="none")]


def no_dot(case: Any, got: Any, expected: Any) -> bool:
    """Start and end are the same pixel: nothing is drawn, everything is, or there is a division by zero."""
    if case.arguments["start"] != case.arguments["end"]:
        return False
    if got is None or isinstance(got, BaseException):
        return isinstance(got, ZeroDivisionError)
    return got.shape == expected.shape and (not np.isfinite(got).all() or bool((got == got.flat[0]).all()))


# --- prepare ----------------------------------------------------------------------------------------------------------------------------


def _faulty(
    image: Tensor, painted: Tensor, *, leak: int = 0, polarity: str = "right", limit: int = 127, scale: bool = True
) -> tuple[Tensor, Tensor]:
    """The right preparation, or one with any of the known mistakes."""
    hole = painted > limit
    inside = (image & leak).double() if leak else torch.zeros_like(image, dtype=torch.float64)
    damaged = torch.where(~hole if polarity == "both" else hole, inside, image.double())
    mask = (~hole)[None].double()
    return damaged / 255 if scale else damaged, mask if polarity == "right" else 1 - mask


def _mistakes(*, mask_too: bool = True, **options: Any) -> list[Callable[..., Any]]:
    """The preparation with each combination of these; without the mask where the mistake says nothing about it."""

    def one(image: Tensor, painted: Tensor, *, chosen: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        damaged, mask = _faulty(image, painted, **chosen)
        return damaged, mask if mask_too else None

    return [partial(one, chosen=dict(zip(options, values, strict=True))) for values in itertools.product(*options.values())]


_LIMITS = (127, 0, 254)
LEAKS = _mistakes(mask_too=False, leak=(1,), polarity=("right", "both"), limit=_LIMITS, scale=(True, False))
POLARITY = _mistakes(polarity=("mask", "both"), limit=_LIMITS, scale=(True, False))
THRESHOLD = _mistakes(limit=(0, 254), scale=(True, False))
UNSCALED = _mistakes(scale=(False,))


def grey_mask(case: Any, got: Any, expected: Any) -> bool:
    """The mask is the stencil's brightness, one way round or the other, and that has values between 0 and 1."""
    if not isinstance(got, tuple) or got[1].shape != expected[1].shape:
        return False
    grey = case.arguments["painted"].double().numpy()[None] / 255
    is_grey = np.allclose(got[1], grey, atol=0.01) or np.allclose(got[1], 1 - grey, atol=0.01)
    return is_grey and bool(((got[1] > 0) & (got[1] < 1)).any())


NOT_BLACK = [
    lambda image, painted: (image.double() / 255, (painted <= 127)[None].double()),
    lambda image, painted: (torch.where(painted > 127, 1.0, image.double() / 255), (painted <= 127)[None].double()),
]


def _wraps(image: Tensor, painted: Tensor) -> tuple[Tensor, Tensor]:
    """A product in eight bits, with a stencil of 255 for known: 255 x is -x there."""
    known = (painted <= 127).to(torch.uint8)
    return (image * (known * 255)).double() / 255, known[None].double()


WRAPS = [_wraps, lambda image, painted: (_wraps(image, painted)[0] / 255, prepared(image, painted)[1])]

# --- diffuse ----------------------------------------------------------------------------------------------------------------------------

_CROSS: tuple[tuple[int, int], ...] = ((-1, 0), (1, 0), (0, -1), (0, 1))
_SQUARE: tuple[tuple[int, int], ...] = tuple((a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b)


def _heat(
    image: Tensor,
    mask: Tensor,
    steps: int,
    *,
    around: tuple[tuple[int, int], ...] = _CROSS,
    border: str = "there",
    start: str = "mean",
    keep: bool = True,
    in_place: bool = False,
    only_known: bool = False,
) -> Tensor:
    """The right diffusion, or one that takes other neighbours, another border, another beginning, or forgets to put known pixels back."""
    image, known, (rows, columns) = image.double(), mask > 0, image.shape
    begin = {"mean": image[known].mean(), "black": 0.0, "whole": image.mean(), "damaged": (image * mask).mean(), "half": 0.5}.get(start, 0.0)
    x = image.clone() if start == "under" else torch.where(known, image, torch.as_tensor(begin, dtype=image.dtype))
    there = known.clone()
    for _ in range(steps):
        new, new_there = (x, there) if in_place else (x.clone(), there.clone())
        for i, j in itertools.product(range(rows), range(columns)):
            if keep and known[i, j]:
                continue
            values, missing = [], 0
            for a, b in around:
                r, c = i + a, j + b
                if border == "wraps":
                    r, c = r % rows, c % columns
                elif border == "repeated":
                    r, c = min(max(r, 0), rows - 1), min(max(c, 0), columns - 1)
                if not (0 <= r < rows and 0 <= c < columns):
                    missing += border == "black"
                elif not only_known or there[r, c]:
                    values.append(float(x[r, c]))
            if values:
                new[i, j], new_there[i, j] = sum(values) / (len(values) + missing), True
        x, there = new, new_there
    return x


_STARTS, _BORDERS = ("mean", "black", "under", "whole", "damaged"), ("there", "black", "repeated", "wraps")
CHANGED = [partial(_heat, keep=False, border=b, start=s) for b in _BORDERS for s in _STARTS[:3]]
IN_PLACE = [partial(_heat, in_place=True, border=b) for b in ("there", "black")]
DIAGONALS = [partial(_heat, around=_SQUARE, border=b) for b in _BORDERS]
ITSELF = [partial(_heat, around=(*p, (0, 0)), border=b) for p in (_CROSS, _SQUARE) for b in _BORDERS]
BLACK_BORDER = [partial(_heat, border="black", start=s) for s in _STARTS]
REPEATED_BORDER = [partial(_heat, border="repeated", start=s) for s in _STARTS]
WRAPS_AROUND = [partial(_heat, border="wraps", start=s) for s in _STARTS]
WRONG_START = [partial(_heat, start=s) for s in ("black", "half")]
HOLE_READ = [partial(_heat, start="under"), partial(_heat, start="whole")]
MEAN_OF_DAMAGED = [partial(_heat, start="damaged")]
ONLY_KNOWN = [
    lambda image, mask, steps: torch.where(_reached(mask, steps), _heat(image, mask, steps, only_known=True), _heat(image, mask, 0)),
    lambda image, mask, steps: _heat(image, mask, steps, only_known=True, start="black"),
    lambda image, mask, steps: _heat(image, mask, steps, only_known=True, start="under"),
]


def _reached(mask: Tensor, steps: int) -> Tensor:
    """The pixels to which something known has come after these steps."""
    known = mask > 0
    for _ in range(steps):
        framed = F.pad(known[None].float(), (1, 1, 1, 1))[0]
        known = known | (framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:] > 0)
    return known


# --- best_match -------------------------------------------------------------------------------------------------------------------------

_Found = tuple[int, int]


def _search(
    image: Tensor,
    mask: Tensor,
    row: int,
    column: int,
    size: int = 3,
    *,
    compare: str = "known",
    sources: str = "known",
    score: str = "squares",
    last: bool = False,
    answer: str = "centre",
    under: bool = False,
) -> _Found:
    """The right search, or one with another comparison, other sources, another score, another of equals, or another answer."""
    radius, (rows, columns) = size // 2, image.shape
    values, known = image.double().numpy(), mask.numpy() > 0
    if compare == "zeros" and not under:
        values = np.where(known, values, 0.0)
    framed, there = np.pad(values, radius), np.pad(known, radius)
    query, use = framed[row : row + size, column : column + size], there[row : row + size, column : column + size]
    if compare != "known":
        use = np.ones_like(use)
    best, found = np.inf, (-1, -1)
    for r, c in itertools.product(range(radius, rows - radius), range(radius, columns - radius)):
        inside = known[r - radius : r + radius + 1, c - radius : c + radius + 1]
        allowed = {"known": inside.all(), "centre": known[r, c], "any": (r, c) != (row, column), "all": True}[sources]
        if not allowed:
            continue
        difference = (values[r - radius : r + radius + 1, c - radius : c + radius + 1] - query) * use
        product = values[r - radius : r + radius + 1, c - radius : c + radius + 1] * query * use
        cost = {
            "squares": np.square(difference).sum(),
            "signed": difference.sum(),
            "sum": abs(difference.sum()),
            "product": -product.sum(),
            "product, least": product.sum(),
            "largest": -np.square(difference).sum(),
            "distance": (r - row) ** 2 + (c - column) ** 2,
        }[score]
        if cost < best or (last and cost == best):
            best, found = float(cost), (r, c)
    r, c = found
    return {"centre": (r, c), "corner": (r - radius, c - radius), "swapped": (c, r), "framed": (r + radius, c + radius)}[answer]


UNKNOWN_COMPARED = [partial(_search, compare="zeros"), partial(_search, compare="zeros", under=True), partial(_search, compare="zeros", sources="centre")]
HOLES_LENT = [partial(_search, sources=s, compare=c) for s in ("centre", "any", "all") for c in ("known", "zeros")]
SIGNED = [partial(_search, score="signed"), partial(_search, score="sum")]
PRODUCTS = [partial(_search, score="product"), partial(_search, score="product, least")]
LARGEST = [partial(_search, score="largest"), partial(_search, score="largest", last=True)]
LAST_OF_EQUALS = [partial(_search, last=True)]
CORNER = [partial(_search, answer="corner"), partial(_search, answer="framed")]
SWAPPED = [partial(_search, answer="swapped")]
NEAREST_PLACE = [partial(_search, score="distance"), partial(_search, score="distance", sources="centre")]
