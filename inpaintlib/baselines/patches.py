"""Copying from elsewhere in the same picture: the idea behind half of the field, in its plainest form, and searched exactly.

From the rim inwards, layer after layer, each pixel of the hole asks: which known pixel has surroundings most like mine? and becomes a copy
of it. That is Efros and Leung's texture synthesis (ICCV 1999) without its chance, and the patch-based branch of inpainting
grew from it: Criminisi et al. changed the order, Barnes et al. replaced the exact search by a fast one.

How alike are two patches, when pixels may be unknown on both sides? A query q (the surroundings of a hole pixel) is compared where it is
known or already filled, with a weight w that falls off from its centre. A source s (the surroundings of a known pixel) may have
unknown pixels too, in the hole or beyond the picture's edge: each counts with what it would cost on average, were it any known pixel of the
picture. With E[.] the plain value where s is known and the mean over the picture where it is not,

    distance(q, s) = sum w E[(q - s)^2] = sum w q^2  -  2 sum w q E[s]  +  sum w E[s^2]

So a gap costs what it would on average: fully known sources win unless a partly known one is clearly more alike, partly known ones help
out where there are no others (many thin lines), and no threshold is needed. The first sum is the same for all sources; the others are a
cross-correlation of the pictures E[s] and E[s^2] with the kernels -2 w q and w. **Comparing a patch with every patch of a picture is a
convolution**, and PyTorch does that fast: there is no other trick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib.baselines._door import check_number, check_patch, copy_each
from inpaintlib.baselines.pyramid import grow

__all__ = ["Layer", "Sources", "Windows", "falloff", "nearest_patch"]

_CHUNK = 1 << 22  # distances held at a time: 16 MB, about what a processor's cache takes


class Layer(NamedTuple):
    """One layer of the hole, as :func:`nearest_patch` fills it: pixel ``pixels[i]`` becomes a copy of pixel ``sources[i]``."""

    image: int  # which image of the batch
    pixels: Tensor  # long (n, 2): row, column
    sources: Tensor  # long (n, 2): row, column


def nearest_patch(
    image: Tensor, mask: Tensor, *, patch: int = 7, sharpness: float = 5.0, watch: Callable[[Layer], object] | None = None
) -> Tensor:
    """Fill from the rim inwards; each pixel becomes a copy of the known pixel whose surroundings are most like its own.

    The search is exact: every known pixel of the same image is compared. Nothing is ever blended, so the filling is as sharp as the
    picture. It is good at texture and straight edges, and has no idea of anything that the picture does not show elsewhere. Time grows with
    the hole's pixels times the picture's: for large holes in large photographs take :func:`patch_match`, or tiles (``inpaintlib.tiling``).

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        patch: side of the surroundings that are compared, in pixels, odd, at least 3.
        sharpness: how fast the weights fall off: they are a Gaussian whose standard deviation is patch / sharpness. 0 weighs all alike.
        watch: called with each :class:`Layer` once it is filled, for drawing where pixels come from.

    Returns:
        (B, C, H, W), known pixels unchanged, every other one equal to a known pixel of its image.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, an image without a known pixel, or an option out of range.

    Source: A. A. Efros, T. K. Leung, Texture synthesis by non-parametric sampling, ICCV (1999); here with the best match
    instead of a random good one, and a layer at a time.

    >>> stripes = (torch.arange(12) % 3 / 2).expand(1, 1, 12, 12)
    >>> hole = torch.ones(1, 1, 12, 12)
    >>> hole[..., 4:8, 4:8] = 0
    >>> bool((nearest_patch(stripes * hole, hole) == stripes).all())
    True
    """
    radius = check_patch(patch)
    weight = falloff(radius, sharpness)

    def find(picture: Tensor, hole: Tensor, index: int) -> Tensor:
        source = torch.arange(hole.numel()).view(hole.shape)
        sources, windows = Sources(picture, hole, radius), Windows(picture, hole, radius)
        for rows, columns in _layers(hole):
            nearest = sources.nearest(*windows.at(rows, columns, weight))
            source[rows, columns] = nearest
            windows.fill(rows, columns, nearest)
            if watch is not None:
                places = torch.stack((nearest // hole.shape[1], nearest % hole.shape[1]), 1)
                watch(Layer(index, torch.stack((rows, columns), 1), places))
        return source

    return copy_each(image, mask, find)


def falloff(radius: int, sharpness: float) -> Tensor:
    """Weights of a window's pixels, (side, side): a Gaussian of standard deviation side / sharpness, largest at the centre.

    >>> falloff(1, 0)
    tensor([[1., 1., 1.],
            [1., 1., 1.],
            [1., 1., 1.]])
    """
    check_number(sharpness, "sharpness", 0, 20, "0 (all pixels weigh alike) to 20 (next to nothing but the centre)")
    side = 2 * radius + 1
    bell = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float32) * sharpness / side) ** 2)
    return bell[:, None] * bell


class Sources:
    """All patches that a picture can lend: one around each known pixel.

    Args:
        picture: float (C, H, W), zero in the hole.
        hole: bool (H, W).
        radius: of the patches, in pixels.
    """

    def __init__(self, picture: Tensor, hole: Tensor, radius: int) -> None:
        known = picture[:, ~hole]  # (C, n)
        mean = known.mean(1)  # (C,)
        square = known.square().sum(0).mean()
        frame = (radius,) * 4
        hidden = F.pad(hole, frame, value=True)
        value = torch.where(hidden, mean[:, None, None], F.pad(picture, frame))  # E[s]: (C, H + 2r, W + 2r)
        squared = torch.where(hidden, square, F.pad(picture.square().sum(0), frame))  # E[s^2]
        expected = torch.cat((value, squared[None]))[None]  # (1, C + 1, H + 2r, W + 2r)
        # With the channels of a pixel side by side in memory, this convolution of few channels is two to three times as fast.
        self.expected = expected.contiguous(memory_format=torch.channels_last)
        self.gaps = hidden[None, None].to(picture.dtype)  # (1, 1, H + 2r, W + 2r)
        self._chance = 2 * (square - mean.square().sum()).clamp_min(0)  # E[(s - t)^2] of two random pixels s and t
        self.at_once = max(1, _CHUNK // hole.numel())  # how many patches to compare at a time
        self._barred = torch.where(hole, torch.inf, 0.0).flatten()  # (H * W,)

    def distances(self, patches: Tensor, weights: Tensor, wanted: Tensor | None = None) -> Tensor:
        """From each patch to every source: (n, H * W).

        Args:
            patches: (n, C, side, side).
            weights: (n, 1, side, side), zero where a patch is unknown.
            wanted: (n, 1, side, side), 1 where the source is to lend a pixel: one that it lacks costs what a random one would.
        """
        kernels = torch.cat((-2 * weights * patches, weights), 1)  # (n, C + 1, side, side)
        kernels = kernels.contiguous(memory_format=torch.channels_last)
        own = (weights * patches.square()).flatten(1).sum(1, keepdim=True)
        with torch.autocast("cpu", enabled=False):  # it would compare in 16 bits
            found = F.conv2d(self.expected, kernels)
            if wanted is not None:
                found += F.conv2d(self.gaps, wanted * self._chance)
        return found[0].flatten(1).add_(own).add_(self._barred)  # in place: these are large

    def nearest(self, *query: Tensor) -> Tensor:
        """The nearest source of each patch, given as to :meth:`distances`: long (n,), y * W + x; the first one of equals."""
        chunks = zip(*(part.split(self.at_once) for part in query), strict=True)
        return torch.cat([self.distances(*chunk).argmin(1) for chunk in chunks])


class Windows:
    """The picture while it is being filled, and the window around each of its pixels."""

    def __init__(self, picture: Tensor, hole: Tensor, radius: int) -> None:
        self._radius, self._original, frame = radius, picture.flatten(1), (radius,) * 4
        self.picture = F.pad(picture, frame)  # (C, H + 2r, W + 2r)
        self.there = F.pad((~hole).to(picture.dtype), frame)[None]  # (1, H + 2r, W + 2r), 1 = known or filled

    def at(self, rows: Tensor, columns: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The windows around these n pixels (n, C, side, side), and their weights (n, 1, side, side), zero where nothing is there."""
        side = len(weight)
        cut = [grid.unfold(1, side, 1).unfold(2, side, 1)[:, rows, columns].transpose(0, 1) for grid in (self.picture, self.there)]
        return cut[0], cut[1] * weight

    def fill(self, rows: Tensor, columns: Tensor, source: Tensor) -> None:
        """Put copies of the known pixels ``source`` (y * W + x) there."""
        rows, columns = rows + self._radius, columns + self._radius
        self.picture[:, rows, columns] = self._original[:, source]
        self.there[:, rows, columns] = 1


def _layers(hole: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Peel the hole like an onion: rows and columns of all its pixels that touch what is there, also by a corner."""
    rest = hole.clone()
    while rest.any():
        layer = rest & grow(~rest, 1)
        rows, columns = layer.nonzero(as_tuple=True)
        yield rows, columns
        rest &= ~layer
