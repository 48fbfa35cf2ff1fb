"""The terms of a loss on sliders, and what networks trained with that mixture fill."""

from __future__ import annotations

from typing import Any

import torch
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.loss_runs import LossRuns, Stops

__all__ = ["LossMixer"]

_LONG = {"perceptual": "perceptual", "style": "style", "tv": "total variation"}


class LossMixer(CourseWidget):
    """The weights of the perceptual, the style and the smoothness term on sliders; pictures and figures from stored runs.

    Each stop of the sliders is a run of its own, made beforehand (``docs/loss_mixer.py``): nothing is interpolated and nothing is trained
    while one drags. The terms on the pixels, valid + 6 hole, are always there.

    Args:
        position: for each term, which of its weights: 0 = none, 1 = as Liu et al., 2 = thirty times as much.
        kept: another mixture, to compare with.
        runs: the stored runs; by default those of the course.

    Attributes:
        weights: the weight of each term.
        figures: PSNR over the hole in dB, perceptual distance, and the share of detail, of the present mixture.
        filled: float (P, 3, H, W) in [0, 1], what it fills.

    Raises:
        ValueError: no such mixture.

    >>> mixer = LossMixer((1, 1, 1))
    >>> mixer.weights
    {'perceptual': 0.05, 'style': 120.0, 'tv': 0.1}
    """

    _esm = module("loss_mixer.js")

    position = traitlets.Tuple().tag(sync=True)
    kept = traitlets.Tuple().tag(sync=True)
    _terms: Any = traitlets.List().tag(sync=True)
    _levels: Any = traitlets.List().tag(sync=True)
    _metrics = traitlets.Dict().tag(sync=True)
    _shape: Any = traitlets.List().tag(sync=True)  # P, H, W
    _truth = traitlets.Bytes().tag(sync=True)  # RGB, P * H * W * 3
    _known = traitlets.Bytes().tag(sync=True)  # P * H * W
    _holes = traitlets.Bytes().tag(sync=True)  # runs * K

    def __init__(self, position: Stops = (0, 0, 0), kept: Stops = (0, 0, 0), *, runs: LossRuns | None = None, **traits: Any) -> None:
        self.runs = runs or LossRuns.load()
        for stops in (position, kept):
            self.runs.index(stops)
        count, _, height, width = self.runs.truth.shape
        super().__init__(
            position=tuple(position),
            kept=tuple(kept),
            _terms=[_LONG.get(name, name) for name in self.runs.terms],
            _levels=[list(row) for row in self.runs.levels],
            _metrics=self.runs.metrics,
            _shape=[count, height, width],
            _truth=self.runs.truth.transpose(0, 2, 3, 1).tobytes(),
            _known=self.runs.known.tobytes(),
            _holes=self.runs.holes.tobytes(),
            **traits,
        )

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term."""
        return self.runs.weights(self.position)

    @property
    def figures(self) -> dict[str, float]:
        """The figures of the present mixture, by name."""
        return self.runs.figures(self.position)

    @property
    def filled(self) -> Tensor:
        """float (P, 3, H, W) in [0, 1]: what the present mixture fills."""
        return self.runs.filled(self.position)

    @traitlets.validate("position", "kept")
    def _must_be_a_run(self, proposal: Any) -> Stops:
        stops = tuple(proposal["value"])
        try:
            self.runs.index(stops)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from None
        return stops

    def describe(self) -> str:
        rows = [f"{self._formula(stops)}: {self._words(stops)}" for stops in dict.fromkeys((self.position, self.kept))]
        return f"{self.runs.truth.shape[0]} pictures with a box cut out, as filled after training with {'; and with '.join(rows)}."

    def still(self) -> str:
        known = torch.from_numpy(self.runs.known)
        truth = torch.from_numpy(self.runs.truth).float() / 255
        rows = {"damaged": truth * known, "mixture": self.filled}
        if self.kept != self.position:
            rows["kept"] = self.runs.filled(self.kept)
        rows["photograph"] = truth
        count = len(truth)
        masks = [*known, *[None] * (count * (len(rows) - 1))]
        drawing = viz.image_grid([x for row in rows.values() for x in row], columns=count, row_titles=list(rows), masks=masks, width=7)
        kept = "" if self.kept == self.position else f" Kept: {self._formula(self.kept)}."
        caption = f"Mixture: {self._formula(self.position)}.{kept} Interactive in a running notebook: move the sliders."
        return viz.figure_html(drawing, alt=self.describe(), caption=caption)

    def _formula(self, stops: Stops) -> str:
        terms = zip(self._terms, self.runs.weights(stops).values(), strict=True)
        return " + ".join(["valid + 6 hole", *(f"{weight:g} {name}" for name, weight in terms if weight)])

    def _words(self, stops: Stops) -> str:
        figures = self.runs.figures(stops)
        psnr, distance, detail = (figures[name] for name in ("psnr_hole", "perceptual", "detail"))
        return f"PSNR in the hole {psnr:.2f} dB, perceptual distance {distance:.3f}, detail {detail:.0%}"
