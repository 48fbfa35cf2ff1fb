"""Texture synthesis by sampling: a pixel depends on its neighbours, and the picture itself shows how.

Efros and Leung (1999) take a texture for a Markov random field: what a pixel may be follows from a window around it. Instead of modelling
that, they look it up. All windows of the picture that nearly match what is known around a hole pixel are found, and the centre of one of
them is taken **by chance**: at most 10 % worse than the best one is good enough (and half a grey level, which is ours). So the same hole
can be filled in many ways, one for each seed, and random textures stay random where the single best match would repeat itself.

The hole is filled from the rim inwards, in each layer the pixels with most known neighbours first, one at a time as in the paper. Pixels
whose windows do not see each other may as well be filled together, and are: the result is the same, many times faster.

Left out: the paper's threshold that puts off a pixel whose best match is poor. Beside a hole every pixel must be filled in the end.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from inpaintlib.baselines._door import check_number, check_patch, check_seed, check_whole, copy_each
from inpaintlib.baselines.patches import Sources, Windows, falloff
from inpaintlib.baselines.pyramid import extent, grow

__all__ = ["texture_synthesis"]

_SAME = (0.5 / 255) ** 2  # half a grey level, squared: windows that differ by less on average match exactly


def texture_synthesis(
    image: Tensor, mask: Tensor, *, window: int = 11, tolerance: float = 0.1, reach: int | None = 64, seed: int = 0
) -> Tensor:
    """Fill pixel by pixel, each with the centre of a random one of the windows that nearly match its own.

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        window: side of the windows, in pixels, odd, at least 3. It has to hold the largest element of the texture.
        tolerance: how much worse than the best match a match may be: 0.1 = 10 %. 0 takes those only that are as good as the best one, to
            half a grey level.
        reach: how far from the hole's bounding box windows are looked for, in pixels; None for the whole picture (slower).
        seed: of the choices; every image of a batch starts from it afresh, so none depends on its neighbours in the batch.

    Returns:
        (B, C, H, W), known pixels unchanged, every other one equal to a known pixel of its image.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, an image without a known pixel, or an option out of range.

    Source: A. A. Efros, T. K. Leung, Texture synthesis by non-parametric sampling, ICCV (1999); their Gaussian weights too.

    >>> board = (torch.arange(16)[:, None] // 2 + torch.arange(16) // 2).remainder(2).float()[None, None]
    >>> hole = torch.ones(1, 1, 16, 16)
    >>> hole[..., 5:11, 5:11] = 0
    >>> bool((texture_synthesis(board * hole, hole, window=5) == board).all())
    True
    """
    radius = check_patch(window, "window")
    check_number(tolerance, "tolerance", 0, 1e6, "0 (the best match only) or more, 0.1 for 10 %")
    if reach is not None:
        check_whole(reach, "reach", "a whole number of pixels, at least 1, or None for the whole picture")
    check_seed(seed)

    def find(picture: Tensor, hole: Tensor, index: int) -> Tensor:
        near = _surroundings(hole, reach)
        found = _synthesise(picture[:, *near], hole[near], radius, tolerance, torch.Generator().manual_seed(seed))
        source = torch.arange(hole.numel()).view(hole.shape)
        source[near] = source[near].flatten()[found]
        return source

    return copy_each(image, mask, find)


def _synthesise(picture: Tensor, hole: Tensor, radius: int, tolerance: float, generator: torch.Generator) -> Tensor:
    """Which pixel (y * W + x) each pixel is a copy of, (H, W). Each pixel has its own two chance numbers, whatever the order."""
    order, choice = torch.rand((2, *hole.shape), generator=generator, dtype=torch.float32)
    weight = falloff(radius, 6.4)
    sources, windows = Sources(picture, hole, radius), Windows(picture, hole, radius)
    source = torch.arange(hole.numel()).view(hole.shape)
    rest = hole.clone()
    while rest.any():
        rows, columns = (rest & grow(~rest, 1)).nonzero(as_tuple=True)
        _, there = windows.at(rows, columns, falloff(radius, 0))
        first = (there.flatten(1).sum(1) + order[rows, columns]).argsort(descending=True, stable=True)  # ties by chance
        groups = _independent(rows[first], columns[first], radius)
        for some in (part for group in groups for part in first[group].split(sources.at_once)):
            row, column = rows[some], columns[some]
            distance = sources.distances(*windows.at(row, column, weight)).clamp_min(0)  # (n, H * W)
            limit = distance.amin(1, keepdim=True) * (1 + tolerance) + _SAME * weight.sum()
            chosen = _draw(distance <= limit, choice[row, column])
            source[row, column] = chosen
            windows.fill(row, column, chosen)
        rest[rows, columns] = False
    return source


def _independent(rows: Tensor, columns: Tensor, radius: int) -> Iterator[Tensor]:
    """Split a queue into groups to be filled together, with the result of one at a time: no pixel sees one ahead of it in its group."""
    queue = list(enumerate(zip(rows.tolist(), columns.tolist(), strict=True)))
    while queue:
        ahead: set[tuple[int, int]] = set()  # pixels seen by those ahead in the queue
        now: list[int] = []
        later: list[tuple[int, tuple[int, int]]] = []
        for number, (row, column) in queue:
            if (row, column) in ahead:
                later.append((number, (row, column)))
            else:
                now.append(number)
            ahead.update((row + y, column + x) for y in range(-radius, radius + 1) for x in range(-radius, radius + 1))
        yield torch.tensor(now)
        queue = later


def _draw(good: Tensor, chance: Tensor) -> Tensor:
    """One of the good ones in each row of (n, K), by a chance number in [0, 1) each: long (n,)."""
    count = good.sum(1)
    places = good.nonzero()[:, 1]  # row after row
    return places[count.cumsum(0) - count + (chance * count).long().clamp(max=count - 1)]


def _surroundings(hole: Tensor, reach: int | None) -> tuple[slice, slice]:
    """The bounding box of the hole, grown by ``reach``. It holds a known pixel if the picture does."""
    if reach is None:
        reach = max(hole.shape)
    rows, columns = (slice(max(0, first - reach), last + reach + 1) for first, last in extent(hole))
    return rows, columns
