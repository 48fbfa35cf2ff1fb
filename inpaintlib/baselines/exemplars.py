"""Exemplar-based inpainting: copy whole patches, and begin where an edge runs into the hole.

Criminisi, Perez and Toyama (2004) saw that the order decides. Peeled like an onion, a hole loses every line that crosses it: the rim closes
around it from both sides. So they fill, patch by patch, where the product of two terms is largest:

    confidence   how much of the patch is known, or was filled early: the share of what can be relied on
    data         how strong an edge runs into the front here, and how squarely: |isophote . normal of the front|

The patch there looks for the source patch that is most like what is known of it (in the sense of patches.py) and takes the missing
pixels from it, all at once. New pixels get the confidence of the patch's centre, so that it falls on the way inwards.

Two things are ours. The data term is at least one grey level, so that in flat regions, where it would be 0 everywhere, confidence alone
decides. And a source may have gaps, since holes may leave no patch that is fully known (many thin lines): each wanted pixel that it
lacks costs what a random one would, so that a source with gaps is taken only where it is clearly more alike, and the rest is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib.baselines._door import check_patch, copy_each
from inpaintlib.baselines.patches import Sources, Windows, falloff
from inpaintlib.baselines.pyramid import extent, grow

__all__ = ["Step", "exemplar"]

_GREY_LEVEL = 1 / 255


class Step(NamedTuple):
    """One patch, as :func:`exemplar` fills them one after another."""

    image: int  # which image of the batch
    row: int  # the patch's centre
    column: int
    source_row: int  # the centre of the patch that the missing pixels came from
    source_column: int
    confidence: float
    data: float

    @property
    def priority(self) -> float:
        return self.confidence * self.data


def exemplar(image: Tensor, mask: Tensor, *, patch: int = 9, watch: Callable[[Step], object] | None = None) -> Tensor:
    """Fill patch by patch with copies of the most similar known patches, strong edges first.

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        patch: side of the patches, in pixels, odd, at least 3; a little larger than the largest detail that repeats.
        watch: called with each :class:`Step`, for drawing the order.

    Returns:
        (B, C, H, W), known pixels unchanged, every other one equal to a known pixel of its image.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, an image without a known pixel, or an option out of range.

    Source: A. Criminisi, P. Perez, K. Toyama, IEEE Trans. Image Processing 13 (2004), section III.

    >>> stripes = (torch.arange(16) % 4 / 3).expand(1, 1, 16, 16)
    >>> hole = torch.ones(1, 1, 16, 16)
    >>> hole[..., 5:11, 5:11] = 0
    >>> bool((exemplar(stripes * hole, hole, patch=5) == stripes).all())
    True
    """
    radius = check_patch(patch)

    def find(picture: Tensor, hole: Tensor, index: int) -> Tensor:
        filling = _Filling(picture, hole, radius)
        while filling.missing.any():
            step = filling.next()
            if watch is not None:
                watch(Step(index, *step))
        return filling.source

    return copy_each(image, mask, find)


class _Filling:
    """A picture while it is being filled."""

    def __init__(self, picture: Tensor, hole: Tensor, radius: int) -> None:
        self._radius, self._width, self._hole = radius, hole.shape[1], hole
        self._sources, self._windows = Sources(picture, hole, radius), Windows(picture, hole, radius)
        self.source = torch.arange(hole.numel()).view(hole.shape)  # which pixel each one is a copy of
        self.missing = hole.clone()
        self._confidence = (~hole).float()
        # Priorities are computed around the hole only, with room for a patch and its gradients.
        self._near = tuple(slice(max(0, first - 2 * radius - 2), last + 2 * radius + 3) for first, last in extent(hole))

    def next(self) -> tuple[int, int, int, int, float, float]:
        """Fill the patch of highest priority; its centre, that of its source, its confidence and data term."""
        confidence, data = self._terms()
        at = int((confidence * data).argmax())
        row, column = at // confidence.shape[1] + self._near[0].start, at % confidence.shape[1] + self._near[1].start
        reliable = float(confidence.flatten()[at])

        weight = falloff(self._radius, 0)
        patch, there = self._windows.at(torch.tensor([row]), torch.tensor([column]), weight)
        rows, columns = self._missing_around(row, column)
        wanted = torch.zeros_like(there)
        wanted[0, 0, rows - row + self._radius, columns - column + self._radius] = 1
        nearest = int(self._sources.nearest(patch, there, wanted))
        source_row, source_column = nearest // self._width, nearest % self._width

        from_rows, from_columns = rows - row + source_row, columns - column + source_column
        inside = (from_rows >= 0) & (from_rows < self._hole.shape[0]) & (from_columns >= 0) & (from_columns < self._width)
        lent = inside.clone()  # what the source knows: its centre at least, so that no step is in vain
        lent[inside] = ~self._hole[from_rows[inside], from_columns[inside]]
        rows, columns, origin = rows[lent], columns[lent], (from_rows * self._width + from_columns)[lent]
        self._windows.fill(rows, columns, origin)
        self.source[rows, columns] = origin
        self._confidence[rows, columns] = reliable
        self.missing[rows, columns] = False
        return row, column, source_row, source_column, reliable, float(data.flatten()[at])

    def _missing_around(self, row: int, column: int) -> tuple[Tensor, Tensor]:
        top, left = max(0, row - self._radius), max(0, column - self._radius)
        rows, columns = self.missing[top : row + self._radius + 1, left : column + self._radius + 1].nonzero(as_tuple=True)
        return rows + top, columns + left

    def _terms(self) -> tuple[Tensor, Tensor]:
        """Confidence and data term around the hole, (h, w) each; confidence is 0 off the front."""
        missing = self.missing[self._near]
        front = missing & grow(~missing, 1)
        confidence = _box_mean(self._confidence[self._near], self._radius).clamp_min(1e-30) * front
        inner = slice(self._radius, -self._radius)
        grey = self._windows.picture[:, inner, inner].mean(0)[self._near]
        return confidence, data_term(grey, missing, self._radius).clamp_min(_GREY_LEVEL)


def data_term(grey: Tensor, missing: Tensor, radius: int) -> Tensor:
    """|isophote . normal| at each pixel, as if the front ran through it: float (h, w).

    The isophote is the strongest gradient within the patch, turned by a right angle; gradients are taken between known pixels only.

    Args:
        grey: float (h, w).
        missing: bool (h, w); neither known nor filled yet.
        radius: of the patch.
    """
    known = (~missing).float()
    down, right = _slope(grey, known), _slope(grey.T, known.T).T
    _, strongest = F.max_pool2d((down**2 + right**2)[None], 2 * radius + 1, 1, radius, return_indices=True)
    down, right = down.flatten()[strongest[0]], right.flatten()[strongest[0]]
    smooth = _box_mean(known, 1)
    normal_down, normal_right = _difference(smooth), _difference(smooth.T).T
    length = (normal_down**2 + normal_right**2).sqrt().clamp_min(1e-6)
    return (right * normal_down - down * normal_right).abs() / length


def _slope(grey: Tensor, known: Tensor) -> Tensor:
    """Central differences along the rows' index, 0 where one of the three pixels is unknown."""
    trusted = torch.zeros_like(known)
    trusted[1:-1] = known[2:] * known[1:-1] * known[:-2]
    return _difference(grey) * trusted


def _difference(values: Tensor) -> Tensor:
    """Half the difference of the rows below and above; the edges repeated."""
    framed = F.pad(values[None], (0, 0, 1, 1), mode="replicate")[0]
    return (framed[2:] - framed[:-2]) / 2


def _box_mean(values: Tensor, radius: int) -> Tensor:
    return F.avg_pool2d(values[None], 2 * radius + 1, 1, radius, count_include_pad=False)[0]
