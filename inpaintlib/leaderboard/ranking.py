"""Who is better than whom: paired bootstrap differences, and ranks that claim no more than these show.

The rule, in four sentences. Inpainters are put in order of their mean. Two neighbours in that order get different ranks only if the
95 % interval of their paired difference lies beyond what the table rounds to 0, on one side; else they share a rank. So a rank may hold a
chain, A like B and B like C, although A and C can be told apart: they share it all the same, since no place in between is the one to cut
at; where that is so of the first and the last of a rank, the table says it. After a shared rank the counting goes on with the number of
those ahead: 1, 2, 2, 4.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from inpaintlib._numbers import FrozenStream

__all__ = ["LEAST", "Chain", "Difference", "Ranking", "paired_differences", "rank"]

RESAMPLES = 4000
LEAST = 10  # images: fewer cannot stand for all the others that might have been drawn


class Difference(NamedTuple):
    """By how much one is better than the other, the mean over images, and its 95 % interval."""

    mean: float
    low: float
    high: float


class Chain(NamedTuple):
    """The ends of a shared rank that can be told apart, though no neighbours between them can."""

    first: str
    last: str
    difference: Difference


@dataclass(frozen=True)
class Ranking:
    """Inpainters from best to worst.

    Attributes:
        order: their names.
        ranks: the rank of each; None where there are too few images to tell.
        gaps: by how much each is better than the next one; one fewer than names.
        leaders: the best, and those who cannot be told apart from the best itself; empty where nothing can be told.
        chains: see :class:`Chain`.
    """

    order: tuple[str, ...]
    ranks: tuple[int | None, ...]
    gaps: tuple[Difference, ...]
    leaders: tuple[str, ...]
    chains: tuple[Chain, ...]

    def rank_of(self, name: str) -> int | None:
        return self.ranks[self.order.index(name)]


def rank(values: Mapping[str, Tensor], better: Literal["higher", "lower"], digits: int, *, seed: int = 0) -> Ranking:
    """Put inpainters in order and give ranks, by the rule at the head of this file.

    Args:
        values: name to values (N,), one for each image, the same images in the same order for all.
        better: whether higher or lower values are better.
        digits: what the table prints after the decimal point. An interval that begins at what rounds to 0 there is not beyond 0.
        seed: of the bootstrap.

    >>> import torch
    >>> base = torch.linspace(20, 30, 50)
    >>> noise = torch.tensor([-1.0, 1.0]).repeat(25)
    >>> ranking = rank({"a": base, "twin": base + noise, "b": base + 2}, "higher", 2)
    >>> dict(zip(ranking.order, ranking.ranks))
    {'b': 1, 'a': 2, 'twin': 2}
    """
    sign = 1 if better == "higher" else -1
    means = {name: sign * float(each.double().mean()) for name, each in values.items()}
    order = sorted(values, key=lambda name: -means[name])  # stable: equals stay as they came
    gaps = paired_differences([(values[a], values[b]) for a, b in pairwise(order)], sign, seed=seed)
    images = len(values[order[0]]) if order else 0
    if images < LEAST:
        return Ranking(tuple(order), (None,) * len(order), tuple(gaps), (), ())
    margin = 0.5 * 10**-digits
    ranks: list[int] = []
    for place in range(len(order)):
        ranks.append(place + 1 if place == 0 or gaps[place - 1].low > margin else ranks[-1])
    groups = [[name for name, r in zip(order, ranks, strict=True) if r == one] for one in sorted(set(ranks))]
    ends = [(group[0], group[-1]) for group in groups if len(group) > 2]
    spans = paired_differences([(values[a], values[b]) for a, b in ends], sign, seed=seed)
    chains = tuple(Chain(a, b, span) for (a, b), span in zip(ends, spans, strict=True) if span.low > margin)
    behind = paired_differences([(values[order[0]], values[name]) for name in order], sign, seed=seed)
    leaders = tuple(name for name, gap in zip(order, behind, strict=True) if gap.low <= margin)
    return Ranking(tuple(order), tuple(ranks), tuple(gaps), leaders, chains)


def paired_differences(pairs: Sequence[tuple[Tensor, Tensor]], sign: int = 1, *, seed: int = 0) -> list[Difference]:
    """The mean of ``sign * (one - other)`` over images for each pair, with the percentile bootstrap's 95 % interval.

    Images are drawn with replacement, as many as there are, 4,000 times; each time the mean difference is taken. The same drawings
    serve all pairs, so that everything is one product of matrices.

    Args:
        pairs: values (N,) of one and the other, image by image; N is the same for all pairs.
        sign: 1, or -1 where lower values are better.
        seed: of the drawings, which are the same on every machine.

    Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    if not pairs:
        return []
    apart = np.stack([sign * (one.double() - other.double()).numpy() for one, other in pairs], axis=1)  # (N, P)
    means = _drawn(len(apart), seed) @ apart  # (RESAMPLES, P)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return [Difference(float(m), float(a), float(b)) for m, a, b in zip(apart.mean(0), low, high, strict=True)]


@functools.lru_cache(maxsize=4)
def _drawn(images: int, seed: int) -> np.ndarray:
    """How often each image is drawn in each resample, as a share of all drawings: (RESAMPLES, N)."""
    chosen = (FrozenStream(*b"bootstrap", seed)(RESAMPLES, images).numpy() * images) >> 32  # 32-bit numbers to 0 ... N - 1
    flat = chosen + images * np.arange(RESAMPLES)[:, None]
    return np.bincount(flat.ravel(), minlength=RESAMPLES * images).reshape(RESAMPLES, images) / images
