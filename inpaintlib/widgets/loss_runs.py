"""One loss, weighed in many ways: the stored runs that :class:`~inpaintlib.widgets.LossMixer` shows."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["LossRuns"]

_STORED = Path(__file__).with_name("loss_mixer.npz")
Stops = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LossRuns:
    """What networks fill that were trained with the same terms at different weights, and how well.

    A mixture goes by its stops: for each term, which of its weights. ``(0, 1, 0)`` is the first weight of the first term, the second
    of the second, the first of the third.

    Attributes:
        terms: the names of the terms.
        levels: for each term its weights, from none to much.
        truth: uint8 (P, 3, H, W), the pictures that are shown.
        known: uint8 (P, 1, H, W), 1 = known, 0 = hole.
        holes: uint8 (runs, K): what each run fills in, the values of all hole pixels picture by picture, channel by channel.
        metrics: name -> a value for each run.
        again: the figures of some mixtures with another seed, by ``"p | s | t | seed"``.
        before: the figures of the network from which all runs start.
        how: one sentence on how the figures were computed.
    """

    terms: tuple[str, ...]
    levels: tuple[tuple[float, ...], ...]
    truth: np.ndarray
    known: np.ndarray
    holes: np.ndarray
    metrics: dict[str, list[float]]
    again: dict[str, dict[str, float]]
    before: dict[str, float]
    how: str

    @classmethod
    def load(cls, path: str | Path = _STORED) -> LossRuns:
        """Those that ``docs/loss_mixer.py`` wrote.

        >>> runs = LossRuns.load()
        >>> runs.terms, len(runs.mixtures)
        (('perceptual', 'style', 'tv'), 27)
        """
        with np.load(path, allow_pickle=False) as stored:
            about: dict[str, Any] = json.loads(stored["about"].tobytes())
            arrays = {name: stored[name] for name in ("truth", "known", "holes")}
        levels = tuple(tuple(row) for row in about["levels"])
        others = {name: about[name] for name in ("metrics", "again", "before", "how")}
        return cls(tuple(about["terms"]), levels, **arrays, **others)

    @cached_property
    def mixtures(self) -> list[Stops]:
        """The stops of all runs, in the order in which they are stored."""
        return list(itertools.product(*(range(len(row)) for row in self.levels)))

    def weights(self, stops: Stops) -> dict[str, float]:
        """The weight of each term.

        >>> LossRuns.load().weights((1, 1, 1))
        {'perceptual': 0.05, 'style': 120.0, 'tv': 0.1}
        """
        self.index(stops)
        return {name: row[stop] for name, row, stop in zip(self.terms, self.levels, stops, strict=True)}

    def index(self, stops: Stops) -> int:
        """Which run it is.

        Raises:
            ValueError: there is no such mixture.
        """
        if tuple(stops) not in self.mixtures:
            most = ", ".join(f"0 to {len(row) - 1} for {name}" for name, row in zip(self.terms, self.levels, strict=True))
            raise ValueError(f"stops is {stops!r}; expected {len(self.terms)} whole numbers, {most}.")
        return self.mixtures.index(tuple(stops))

    def figures(self, stops: Stops) -> dict[str, float]:
        """Its figures by name."""
        return {name: values[self.index(stops)] for name, values in self.metrics.items()}

    def filled(self, stops: Stops) -> Tensor:
        """Its pictures, float (P, 3, H, W) in [0, 1], composited."""
        pictures = self.truth.copy()
        pictures[np.broadcast_to(self.known == 0, pictures.shape)] = self.holes[self.index(stops)]
        return torch.from_numpy(pictures).float() / 255
