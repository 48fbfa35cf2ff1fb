"""PatchMatch: where in the picture is the patch most like this one? Found by guessing, and by asking the neighbours.

Barnes, Shechtman, Finkelstein and Goldman (SIGGRAPH 2009) saw two things. Among very many random guesses a few are good. And neighbours in
a picture have neighbours as their matches: one good guess, passed on, serves a whole region. So instead of comparing every patch with
every other, :func:`offset_field` repeats a **pass**:

    propagation     each patch tries the offsets of its neighbours, 8, 4, 2 and then 1 pixel away in four directions
    random search   each patch tries random places around its own match, in windows that halve from the whole picture down to one pixel

and keeps what is better: no cost ever rises. (The paper scans row by row; passing offsets on in jumps is the paper's variant for
graphics cards, which suits tensors: all patches at the same time.)

:func:`patch_match` fills holes with it, as Wexler, Shechtman and Irani do (PAMI 2007): each patch that touches the hole finds its
match, all matches vote on the colours of the hole, and again; first in a picture so small that the hole is no wider than a patch,
then at twice the size, up to the full one. So large structures come first, and details are put into them. Pixels deep in the hole are
the least certain: they weigh less, in comparing as in voting, so that the known surroundings decide and the middle follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import as_fillable
from inpaintlib.baselines._door import centred, check_patch, check_seed, check_whole
from inpaintlib.baselines.patches import Sources, nearest_patch
from inpaintlib.baselines.pyramid import depth, double, double_offsets, grow, halve

__all__ = ["Match", "Pass", "offset_field", "patch_match"]

_CERTAINTY = 1.6  # by how much it falls with each layer of the hole; Wexler et al. have 1.3 for each pixel of distance
_JUMPS = [(y * jump, x * jump) for jump in (8, 4, 2, 1) for y, x in ((0, 1), (0, -1), (1, 0), (-1, 0))]


class Match(NamedTuple):
    """What a pass has reached. Patches that do not touch the hole have offset 0 and cost 0."""

    offsets: Tensor  # long (2, H, W): rows and columns from each pixel to the centre of its match
    cost: Tensor  # float (H, W): the squared difference of the two patches, pixels deep in the hole weighing less


class Pass(NamedTuple):
    """One pass of :func:`patch_match`, at its level of the pyramid: ``number`` 0 is what it starts from."""

    image: int  # which image of the batch
    level: int  # 0 = full size, 1 = half of it, ...
    round: int  # how often the hole was voted on at this level before
    number: int
    offsets: Tensor
    cost: Tensor
    picture: Tensor  # float (C, H, W) at this level, as it is being matched
    hole: Tensor  # bool (H, W) at this level


def patch_match(
    image: Tensor,
    mask: Tensor,
    *,
    patch: int = 5,
    passes: int = 2,
    rounds: int = 4,
    seed: int = 0,
    watch: Callable[[Pass], object] | None = None,
) -> Tensor:
    """Fill holes so that every patch of the filling looks like some known patch, found by PatchMatch from coarse to fine.

    Args:
        image: float (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        patch: side of the patches, in pixels, odd, at least 3.
        passes: of propagation and random search before each vote.
        rounds: votes at each level of the pyramid.
        seed: of the guesses; every image of a batch starts from it afresh, so none depends on its neighbours in the batch.
        watch: called with the :class:`Pass` before the first and after each pass, for drawing how good offsets spread.

    Returns:
        (B, C, H, W), known pixels unchanged.

    Raises:
        TypeError: not a float image.
        ValueError: wrong shape or range, an image without a known pixel, or an option out of range.

    Source: C. Barnes et al., PatchMatch, SIGGRAPH (2009), and Y. Wexler et al., Space-time completion of video, PAMI 29 (2007).
    """
    image, mask = as_fillable(image, mask)
    radius = check_patch(patch)
    check_whole(passes, "passes")
    check_whole(rounds, "rounds")
    check_seed(seed)
    holes = (mask[:, 0] == 0).cpu()  # (B, H, W)
    filled = image.detach().to("cpu", torch.float32)
    results = []
    for i, (picture, hole) in enumerate(zip(filled, holes, strict=True)):
        if hole.any():
            generator = torch.Generator().manual_seed(seed)

            def report(*what: object, index: int = i) -> None:
                if watch is not None:
                    watch(Pass(index, *what))  # type: ignore[arg-type]

            picture = _coarse_to_fine(picture.masked_fill(hole, 0), hole, radius, passes, rounds, generator, report)
        results.append(picture)
    return torch.where(mask.bool(), image, torch.stack(results).to(image.dtype).to(image.device))


def offset_field(
    picture: Tensor,
    hole: Tensor,
    *,
    radius: int = 2,
    passes: int = 5,
    generator: torch.Generator | None = None,
    start: Tensor | None = None,
) -> Iterator[Match]:
    """The match of every patch that touches the hole, after each pass; the first value is what the search starts from.

    Args:
        picture: float (C, H, W), complete: the hole filled in some way, for this is what is compared.
        hole: bool (H, W); matches are centred on known pixels, and keep clear of the hole altogether where there is room for that.
        radius: of the patches, in pixels.
        passes: how many.
        generator: source of the guesses.
        start: long (2, H, W), offsets to begin with; where they lead to no allowed match, and by default everywhere, random ones.

    Yields:
        :class:`Match`; patch by patch its cost falls or stays.
    """
    search = _Search(picture, hole, radius, generator)
    if start is not None:
        search.move(*search.places(start))
    yield search.match()
    for _ in range(passes):
        for down, right in _JUMPS:
            search.attempt(*search.of_neighbour(down, right))
        reach = max(hole.shape)
        while reach >= 1:
            search.attempt(*search.nearby(reach))
            reach //= 2
        yield search.match()


class _Search:
    """The patches that touch the hole, N of them, and the match of each so far."""

    def __init__(self, picture: Tensor, hole: Tensor, radius: int, generator: torch.Generator | None) -> None:
        self.shape, self._generator = hole.shape, generator
        picture = centred(picture, hole)
        touching = grow(hole, radius)
        self.rows, self.columns = touching.nonzero(as_tuple=True)  # (N,) each
        self._number = torch.full(hole.shape, -1).masked_scatter(touching, torch.arange(len(self.rows)))
        # A match had better be known throughout; where lines leave too little room for that, half-known ones must do.
        self._allowed = ~touching if (~touching).sum() >= len(self.rows) else ~hole

        height, width = hole.shape[0] + 2 * radius, hole.shape[1] + 2 * radius  # with a frame
        side = torch.arange(2 * radius + 1)
        self._taps = (side[:, None] * width + side).flatten()  # (K,) from a patch's first corner, in the framed picture
        self._corner = torch.arange(height * width).view(height, width)[: hole.shape[0], : hole.shape[1]]
        self._lent = Sources(picture.masked_fill(hole, 0), hole, radius).expected[0].flatten(1).T.contiguous()  # (pixels, C + 1)
        own = F.pad(picture, (radius,) * 4).flatten(1).T[self._pixels(self.rows, self.columns)]  # (N, K, C)
        weight = F.pad(_certainty(hole), (radius,) * 4).flatten()[self._pixels(self.rows, self.columns)][..., None]  # (N, K, 1)
        self._kernels = torch.cat((-2 * weight * own, weight), 2)  # the distance of patches.py, for one pair at a time
        self._constant = (weight * own.square()).sum((1, 2))

        anywhere = self._allowed.nonzero()[torch.randint(int(self._allowed.sum()), (len(self.rows),), generator=generator)]
        self.row, self.column = anywhere[:, 0].clone(), anywhere[:, 1].clone()  # the match of each patch
        self.cost = self._distance(torch.arange(len(self.rows)), self.row, self.column)

    def attempt(self, row: Tensor, column: Tensor) -> None:
        """Each patch looks at this place, and moves its match there if that is better."""
        which = self._possible(row, column)
        row, column = row[which], column[which]
        cost = self._distance(which, row, column)
        better = cost < self.cost[which]
        which = which[better]
        self.row[which], self.column[which], self.cost[which] = row[better], column[better], cost[better]

    def move(self, row: Tensor, column: Tensor) -> None:
        """Each patch moves its match to this place, where that is allowed."""
        which = self._possible(row, column)
        self.row[which], self.column[which] = row[which], column[which]
        self.cost = self._distance(torch.arange(len(self.rows)), self.row, self.column)

    def of_neighbour(self, down: int, right: int) -> tuple[Tensor, Tensor]:
        """The place that a neighbour's offset leads to from here; one's own match where there is no neighbour."""
        row = (self.rows + down).clamp(0, self.shape[0] - 1)
        column = (self.columns + right).clamp(0, self.shape[1] - 1)
        number = self._number[row, column]
        number = torch.where(number < 0, torch.arange(len(number)), number)
        return (
            self.row[number] - self.rows[number] + self.rows,
            self.column[number] - self.columns[number] + self.columns,
        )

    def nearby(self, reach: int) -> tuple[Tensor, Tensor]:
        """A random place in the window of this reach around the match."""
        jump = torch.randint(-reach, reach + 1, (2, len(self.rows)), generator=self._generator)
        return self.row + jump[0], self.column + jump[1]

    def places(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        return self.rows + offsets[0, self.rows, self.columns], self.columns + offsets[1, self.rows, self.columns]

    def match(self) -> Match:
        offsets, cost = torch.zeros((2, *self.shape), dtype=torch.long), self.cost.new_zeros(self.shape)
        offsets[:, self.rows, self.columns] = torch.stack((self.row - self.rows, self.column - self.columns))
        cost[self.rows, self.columns] = self.cost
        return Match(offsets, cost)

    def _possible(self, row: Tensor, column: Tensor) -> Tensor:
        inside = (row >= 0) & (row < self.shape[0]) & (column >= 0) & (column < self.shape[1])
        place = (row * self.shape[1] + column).where(inside, 0)
        return (inside & self._allowed.flatten()[place]).nonzero().flatten()

    def _pixels(self, row: Tensor, column: Tensor) -> Tensor:
        """The pixels of these patches in the framed picture, (n, K)."""
        return self._corner[row, column][:, None] + self._taps

    def _distance(self, which: Tensor, row: Tensor, column: Tensor) -> Tensor:
        lent = self._lent[self._pixels(row, column)]  # (n, K, C + 1)
        return ((lent * self._kernels[which]).sum((1, 2)) + self._constant[which]).clamp_min(0)  # rounding may fall below 0


def _coarse_to_fine(
    picture: Tensor, hole: Tensor, radius: int, passes: int, rounds: int, generator: torch.Generator, report: Callable[..., None]
) -> Tensor:
    pyramid = [(picture, hole)]
    while depth(hole).max() > radius and min(hole.shape) >= 4 * radius:
        picture, hole = halve(picture, hole)
        if hole.all():
            break
        pyramid.append((picture, hole))
    picture, hole = pyramid[-1]
    filled, offsets = nearest_patch(picture[None], ~hole[None, None], patch=2 * radius + 1)[0], None
    for level, (picture, hole) in reversed(list(enumerate(pyramid))):
        if offsets is not None:
            filled, offsets = torch.where(hole, double(filled, hole.shape), picture), double_offsets(offsets, hole.shape)
        for round_ in range(rounds):
            for number, match in enumerate(offset_field(filled, hole, radius=radius, passes=passes, generator=generator, start=offsets)):
                report(level, round_, number, match.offsets, match.cost, filled, hole)
            offsets = match.offsets
            filled = _vote(picture, hole, match, radius)
    return filled


def _vote(picture: Tensor, hole: Tensor, match: Match, radius: int) -> Tensor:
    """Each patch that touches the hole proposes its match's colours for the hole pixels in it; good and certain ones weigh more."""
    rows, columns = grow(hole, radius).nonzero(as_tuple=True)
    cost = match.cost[rows, columns]
    likely = torch.exp(-cost / (2 * cost.quantile(0.75).clamp_min(1e-12)))
    trust = likely.clamp_min(1e-4) * _certainty(hole)[rows, columns]  # none is 0: some pixels have bad matches only
    known = F.pad((~hole).float()[None], (radius,) * 4)  # (1, H + 2r, W + 2r)
    framed = torch.cat((F.pad(picture, (radius,) * 4) * known, known))
    total = torch.zeros_like(framed)
    from_rows, from_columns = rows + match.offsets[0, rows, columns], columns + match.offsets[1, rows, columns]
    for y in range(2 * radius + 1):
        for x in range(2 * radius + 1):
            total[:, rows + y, columns + x] += trust * framed[:, from_rows + y, from_columns + x]
    total = total[:, radius : radius + hole.shape[0], radius : radius + hole.shape[1]]
    mean = total[:-1] / total[-1].clamp_min(1e-12)  # in the hole the divisor is positive: each pixel's own patch has a known match
    return torch.where(hole, mean.clamp(0, 1), picture)


def _certainty(hole: Tensor) -> Tensor:
    return _CERTAINTY ** -depth(hole).clamp(max=20).float()  # the deepest pixels still count for a little
