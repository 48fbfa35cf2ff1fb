"""A large photograph with any inpainter, however small the pictures that it was made for.

    around the holes   holes that are far apart are filled apart, each within its own part of the photograph, so that a hole of up
                       to half a tile is filled in one piece
    tiles              that part is cut into overlapping tiles of one size; those without a hole are skipped
    blend              where tiles overlap, their fillings are mixed with weights that fall smoothly to almost nothing at a tile's edge
    composite          the known pixels come from the photograph itself, bit for bit

A hole may be so large that a tile in its middle sees nothing known, and no inpainter can do anything with that. So in holes larger than
half a tile, pixels that are farther from everything known than a quarter of a tile are taken from the same photograph at half the size,
filled in the same way (there the hole is half as wide, or half of that, ...), and count as known when the rest is filled at full size.
Every tile then knows something. The price: the middle of a very large hole is as soft as an enlarged picture is; larger tiles make it
sharper.

A side that is shorter than a tile and no multiple of what the inpainter needs is continued by its mirror image, holes included.

Source: overlapping tiles with mirrored edges after O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, fig. 2; smooth weights where
they overlap after P. J. Burt, E. H. Adelson, A Multiresolution Spline with Application to Image Mosaics, ACM Trans. Graphics 2 (1983).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import as_fillable, as_image, describe
from inpaintlib.baselines.pyramid import double, extent, halve

__all__ = ["inpaint_large"]

Inpainter = Callable[[Tensor, Tensor], Tensor]


def inpaint_large(
    inpainter: Inpainter,
    image: Tensor,
    mask: Tensor,
    *,
    tile: int | None = None,
    overlap: int | None = None,
    multiple: int | None = None,
    batch_size: int = 8,
) -> Tensor:
    """Fill the holes of photographs of any size and shape, tile by tile.

    Where the whole image fits into one tile, the result is the inpainter's own.

    Args:
        inpainter: any callable (image, mask) -> image; pixels under the hole are 0 in what it gets.
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        tile: side of a tile, in pixels, at least 4. As large as the inpainter works well at: by default the size that a model was made
            for, where it was made for one, else 256.
        overlap: of neighbouring tiles, in pixels, at most half a tile; a quarter of a tile by default.
        multiple: what the sides of a tile must be multiples of; by default what the model asks for (its ``size_multiple``), otherwise 1.
        batch_size: tiles a call. More are faster on a GPU and take more memory.

    Returns:
        (B, C, H, W), known pixels unchanged.

    Raises:
        TypeError: not a float image, or an inpainter that cannot be called.
        ValueError: wrong shape or range, an image without a known pixel, an option out of range, or an inpainter that answers
            with another shape or dtype, or with values outside [0, 1].

    >>> from inpaintlib import baselines
    >>> image, mask = torch.rand(1, 3, 90, 200), torch.ones(1, 1, 90, 200)
    >>> mask[..., 20:30, 10:190] = 0
    >>> inpaint_large(baselines.biharmonic, image, mask, tile=64).shape
    torch.Size([1, 3, 90, 200])
    """
    if not callable(inpainter):
        raise TypeError(f"inpainter is {inpainter!r}; expected a callable (image, mask) -> image, such as baselines.biharmonic.")
    image, mask = as_fillable(image, mask)
    run = _Run(inpainter, *_options(inpainter, tile, overlap, multiple, batch_size))
    work = image.detach().float() if image.dtype in (torch.float16, torch.bfloat16) else image.detach()
    holes = mask[:, 0] == 0
    filled = torch.stack([run.fill(picture.masked_fill(hole, 0), hole) for picture, hole in zip(work, holes, strict=True)])
    return torch.where(mask.bool(), image, filled.to(image.dtype))


def _options(
    inpainter: Inpainter, tile: int | None, overlap: int | None, multiple: int | None, batch_size: int
) -> tuple[int, int, int, int]:
    model = getattr(inpainter, "__self__", inpainter)  # model.inpaint is a method of its model
    if tile is None:
        tile = int(getattr(model, "options", {}).get("size", 256))
    if not isinstance(tile, int) or tile < 4:
        raise ValueError(f"tile is {tile!r}; expected a whole number of pixels, at least 4.")
    overlap = tile // 4 if overlap is None else overlap
    if not isinstance(overlap, int) or not 0 <= overlap <= tile // 2:
        raise ValueError(f"overlap is {overlap!r}; expected 0 to {tile // 2} pixels, at most half a tile.")
    if multiple is None:
        multiple = int(getattr(model, "size_multiple", 1))
    if not isinstance(multiple, int) or multiple < 1:
        raise ValueError(f"multiple is {multiple!r}; expected a whole number of pixels, at least 1.")
    if tile % multiple:
        raise ValueError(f"tile is {tile}; this inpainter needs a multiple of {multiple}: take {-(-tile // multiple) * multiple}.")
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; expected a whole number of tiles, at least 1.")
    return tile, overlap, multiple, batch_size


Box = tuple[int, int, int, int]  # top, bottom, left, right


@dataclass(frozen=True)
class _Run:
    """The inpainter with its options. Pictures are (C, H, W), zero in the hole; holes are bool (H, W)."""

    inpainter: Inpainter
    tile: int
    overlap: int
    multiple: int
    batch_size: int

    def fill(self, picture: Tensor, hole: Tensor) -> Tensor:
        """All holes of one photograph."""
        if max(hole.shape) > self.tile:
            far = ~_grow(~hole, self.tile // 4)
            if far.any():  # not in a hole that one tile takes in whole: in the photograph's corner its far end is half a tile away
                far = far & self._wide(hole)
            if far.any():
                coarse = double(self.fill(*halve(picture, hole, least=0.25)), hole.shape)
                picture, hole = torch.where(far, coarse, picture), hole & ~far
        result = picture.clone()
        for (top, bottom, left, right), cells in self._parts(hole).items():
            part = self._fill_part(picture[:, top:bottom, left:right], hole[top:bottom, left:right])
            mine = cells.repeat_interleave(self._cell, 0).repeat_interleave(self._cell, 1)[top:bottom, left:right]
            here = result[:, top:bottom, left:right]
            here.copy_(torch.where(mine & hole[top:bottom, left:right], part, here))
        return result

    @property
    def _cell(self) -> int:
        """Holes that are in the same cell of this side, or in cells that touch, are filled together."""
        return max(1, self.tile // 8)

    def _parts(self, hole: Tensor) -> dict[Box, Tensor]:
        """The boxes to be filled apart, and the cells (bool, one for each square of pixels) whose pixels each one answers for."""
        parts: dict[Box, Tensor] = {}
        for chosen, mine in self._apart(hole):
            rows, columns = extent(mine)
            box = (*self._span(*rows, hole.shape[0]), *self._span(*columns, hole.shape[1]))
            parts[box] = parts[box] | chosen if box in parts else chosen
        return parts

    def _apart(self, hole: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Holes that are far from each other: their cells, and their pixels (bool (H, W))."""
        cells = F.max_pool2d(hole[None].float(), self._cell, ceil_mode=True)[0] > 0
        for component in _components(cells):
            chosen = torch.zeros_like(cells)
            chosen[tuple(torch.tensor(component, device=cells.device).T)] = True
            pixels = chosen.repeat_interleave(self._cell, 0).repeat_interleave(self._cell, 1)
            yield chosen, pixels[: hole.shape[0], : hole.shape[1]] & hole

    def _wide(self, hole: Tensor) -> Tensor:
        """The holes that are larger than half a tile."""
        wide = torch.zeros_like(hole)
        for _, mine in self._apart(hole):
            if max(last + 1 - first for first, last in extent(mine)) > self.tile // 2:
                wide |= mine
        return wide

    def _span(self, first: int, last: int, size: int) -> tuple[int, int]:
        """With a quarter of a tile of surroundings on either side, and a whole tile at least."""
        length = min(size, max(self.tile, last + 1 - first + 2 * (self.tile // 4)))
        start = min(max(0, (first + last + 1 - length) // 2), size - length)
        return start, start + length

    def _fill_part(self, picture: Tensor, hole: Tensor) -> Tensor:
        """One part, by tiles that overlap."""
        height, width = (min(self.tile, -(-side // self.multiple) * self.multiple) for side in hole.shape)
        padded, padded_hole = _mirror(picture, height, width), _mirror(hole[None], height, width)[0]
        rows, columns = (_starts(side, size, self.overlap) for side, size in zip(padded_hole.shape, (height, width), strict=True))
        areas = [(slice(y, y + height), slice(x, x + width)) for y in rows for x in columns]
        areas = [area for area in areas if padded_hole[area].any()]
        weight = _weight(height, self.overlap)[:, None] * _weight(width, self.overlap) if len(areas) > 1 else torch.ones(height, width)
        weight = weight.to(padded)
        total, sum_of_weights = torch.zeros_like(padded), torch.zeros_like(padded[:1])
        for first in range(0, len(areas), self.batch_size):
            some = areas[first : first + self.batch_size]
            tiles = torch.stack([padded[:, y, x] for y, x in some])  # (n, C, height, width)
            holes = torch.stack([padded_hole[area] for area in some])[:, None]
            for (y, x), tile in zip(some, self._call(tiles, holes), strict=True):
                total[:, y, x] += weight * tile
                sum_of_weights[:, y, x] += weight
        blended = total / torch.where(sum_of_weights > 0, sum_of_weights, 1)
        return blended[:, : hole.shape[0], : hole.shape[1]]

    def _call(self, tiles: Tensor, holes: Tensor) -> Tensor:
        with torch.no_grad():
            filled = self.inpainter(tiles, (~holes).to(tiles.dtype))
        if not isinstance(filled, Tensor) or not filled.is_floating_point() or filled.shape != tiles.shape:
            got = f"the inpainter got tiles {tuple(tiles.shape)} and answered {describe(filled)}"
            raise ValueError(f"{got}; expected floats of the same shape.")
        return as_image(filled.to(tiles), "the inpainter's answer")


def _components(cells: Tensor) -> Iterator[list[tuple[int, int]]]:
    """Groups of cells that touch, also by a corner."""
    rest = {(row, column) for row, column in cells.nonzero().tolist()}
    while rest:
        component = [rest.pop()]
        for row, column in component:  # grows while it is walked through
            near = {(row + y, column + x) for y in (-1, 0, 1) for x in (-1, 0, 1)} & rest
            rest -= near
            component += near
        yield component


def _starts(side: int, size: int, overlap: int) -> list[int]:
    """Where tiles of this size begin, so that they cover the side, evenly spaced, and overlap by this much at least.

    >>> _starts(100, 40, 10)
    [0, 30, 60]
    >>> _starts(40, 40, 10)
    [0]
    """
    if side <= size:
        return [0]
    steps = -(-(side - size) // (size - overlap))
    return [step * (side - size) // steps for step in range(steps + 1)]


def _weight(size: int, overlap: int) -> Tensor:
    """A tile's weight along one side: 1 in the middle, falling smoothly over the overlap, positive up to the edge.

    >>> _weight(6, 2)
    tensor([0.1562, 0.8438, 1.0000, 1.0000, 0.8438, 0.1562])
    """
    place = torch.arange(size) + 0.5
    ramp = (torch.minimum(place, size - place) / max(overlap, 0.5)).clamp(max=1)
    return ramp * ramp * (3 - 2 * ramp)


def _mirror(picture: Tensor, height: int, width: int) -> Tensor:
    """Continue (C, h, w) by its mirror image, and the mirror image of that, until it has this size at least."""
    for dim, size in ((1, height), (2, width)):
        side = picture.shape[dim]
        if side < size:
            place = torch.arange(size, device=picture.device) % (2 * side)
            picture = picture.index_select(dim, torch.minimum(place, 2 * side - 1 - place))
    return picture


def _grow(pixels: Tensor, radius: int) -> Tensor:
    """The pixels at most ``radius`` rows and columns away from these (bool, (H, W)); rows first, then columns, for speed."""
    grown = F.max_pool2d(pixels[None].float(), (2 * radius + 1, 1), stride=1, padding=(radius, 0))
    return F.max_pool2d(grown, (1, 2 * radius + 1), stride=1, padding=(0, radius))[0] > 0
