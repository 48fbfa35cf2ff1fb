"""What a comparison of inpainters holds and how it reads; :mod:`inpaintlib.evaluation` makes it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from torch import Tensor

from inpaintlib._tables import Cell, as_html, as_markdown, as_text

__all__ = ["Bucket", "Comparison", "Interval", "Metric", "Row", "mean_interval"]


@dataclass(frozen=True)
class Metric:
    """One column of a comparison.

    Attributes:
        name: the key under which its values are found.
        title: the heading, with the unit.
        better: "higher" or "lower".
        digits: after the decimal point.
        function: (prediction, target, mask) to one value an image, (B,).
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    digits: int
    function: Callable[[Tensor, Tensor, Tensor], Tensor]


class Interval(NamedTuple):
    """A mean over images, and half the width of its 95 % confidence interval (NaN for a single image)."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    def text(self, digits: int) -> str:
        return f"{self.mean:.{digits}f}" + ("" if math.isnan(self.half) else f" ± {self.half:.{digits}f}")


def mean_interval(values: Tensor) -> Interval:
    """The mean of some values with Student's 95 % confidence interval, mean ± t s / sqrt(n).

    It tells how far the mean would move with other images of the same kind (other images, not another training run).

    Args:
        values: (N,), one value an image.

    >>> import torch
    >>> mean_interval(torch.tensor([1.0, 2.0, 3.0])).text(2)
    '2.00 ± 2.48'
    """
    count = len(values)
    mean = float(values.double().mean())
    if count < 2:
        return Interval(mean, math.nan)
    from scipy.special import stdtrit

    return Interval(mean, float(stdtrit(count - 1, 0.975)) * float(values.double().std()) / math.sqrt(count))


@dataclass(frozen=True)
class Row:
    """What one inpainter reached: over all images, or over those of a bucket.

    Attributes:
        inpainter: its name.
        images: how many images the means are over.
        values: metric name to :class:`Interval`.
        milliseconds: an image; None if not measured, and in buckets.
    """

    inpainter: str
    images: int
    values: dict[str, Interval]
    milliseconds: float | None = None


@dataclass(frozen=True)
class Bucket:
    """The images whose hole takes more than ``low`` and at most ``high`` of the pixels."""

    low: float
    high: float
    images: int
    rows: tuple[Row, ...]

    @property
    def label(self) -> str:
        return f"{100 * self.low:g}-{100 * self.high:g} %"


@dataclass(frozen=True, repr=False)
class Comparison:
    """Inpainters side by side. Prints as text, shows as a table in a notebook, and :meth:`to_markdown` is for reports.

    Attributes:
        rows: one an inpainter, over all images.
        buckets: the same by hole size; buckets without images are left out.
        per_image: inpainter to metric to values (N,).
        hole_ratio: (N,), the share of hole pixels in each mask.
        metrics: the columns.
        kind: "composited" or "raw".
        images: which images these are.
        masks: which masks.
    """

    rows: tuple[Row, ...]
    buckets: tuple[Bucket, ...]
    per_image: dict[str, dict[str, Tensor]]
    hole_ratio: Tensor
    metrics: tuple[Metric, ...]
    kind: str
    images: str
    masks: str

    @classmethod
    def of(
        cls,
        per_image: dict[str, dict[str, Tensor]],
        milliseconds: dict[str, float | None],
        hole_ratio: Tensor,
        edges: Sequence[float],
        metrics: tuple[Metric, ...],
        kind: str,
        images: str,
        masks: str,
    ) -> Comparison:
        """Average what was measured for each image.

        Raises:
            ValueError: the edges do not rise from bucket to bucket within [0, 1].
        """
        if any(not 0 <= low < high <= 1 for low, high in pairwise(edges)):
            raise ValueError(f"buckets is {tuple(edges)}; expected rising edges between 0 and 1, for example (0, 0.1, 0.3, 1).")
        rows = tuple(Row(name, len(hole_ratio), _means(values), milliseconds[name]) for name, values in per_image.items())
        buckets = []
        for low, high in pairwise(edges):
            inside = (hole_ratio > low) & (hole_ratio <= high)
            count = int(inside.sum())
            if count:
                parts = {name: {key: v[inside] for key, v in values.items()} for name, values in per_image.items()}
                buckets.append(Bucket(low, high, count, tuple(Row(name, count, _means(part)) for name, part in parts.items())))
        return cls(rows, tuple(buckets), per_image, hole_ratio, metrics, kind, images, masks)

    def difference(self, one: str, other: str, metric: str = "psnr") -> Interval:
        """By how much ``one`` exceeds ``other``, image by image, with its 95 % confidence interval.

        Images differ far more than inpainters do. Comparing on each image takes that out: a difference can be certain although
        the two intervals in the table overlap. It can be told from chance where the interval does not hold 0.

        Raises:
            KeyError: no such inpainter or metric in this comparison.
        """
        for name in (one, other):
            if name not in self.per_image:
                raise KeyError(f"there is no inpainter {name!r} in this comparison; expected one of {', '.join(self.per_image)}.")
        if metric not in self.per_image[one]:
            raise KeyError(f"there is no metric {metric!r} in this comparison; expected one of {', '.join(self.per_image[one])}.")
        return mean_interval(self.per_image[one][metric].double() - self.per_image[other][metric].double())

    def leaders(self, metric: str = "psnr") -> set[str]:
        """The best inpainter, and those that a paired comparison cannot tell from it; none where that would be all of them."""
        sign = {m.name: 1 if m.better == "higher" else -1 for m in self.metrics}[metric]
        best = max(self.rows, key=lambda row: sign * row.values[metric].mean).inpainter
        gaps = {row.inpainter: self.difference(best, row.inpainter, metric) for row in self.rows}
        leaders = {name for name, gap in gaps.items() if name == best or gap.low <= 0 <= gap.high}
        return leaders if len(leaders) < len(self.rows) else set()

    def __repr__(self) -> str:
        return f"Comparison of {', '.join(row.inpainter for row in self.rows)} on {len(self.hole_ratio)} images, {self.kind}"

    def __str__(self) -> str:
        parts = [as_text(*self._overall()), textwrap.fill(self._caption("*"), 100)]
        if len(self.buckets) > 1:
            parts.append(f"{self.metrics[0].title}, by hole size\n{as_text(*self._by_hole())}")
        return "\n\n".join(parts)

    def to_markdown(self) -> str:
        """The tables in Markdown, with what they say about their making below."""
        parts = [as_markdown(*self._overall()), self._caption("Bold")]
        if len(self.buckets) > 1:
            parts += [f"{self.metrics[0].title}, by hole size:", as_markdown(*self._by_hole())]
        return "\n\n".join(parts) + "\n"

    def _repr_html_(self) -> str:
        parts = [as_html(*self._overall(), self._caption("Bold"))]
        if len(self.buckets) > 1:
            parts.append(as_html(*self._by_hole(), f"{self.metrics[0].title}, by hole size"))
        return "\n".join(parts)

    def _overall(self) -> tuple[list[str], list[list[Cell]]]:
        timed = any(row.milliseconds is not None for row in self.rows)
        arrows = {"higher": "↑", "lower": "↓"}
        head = ["inpainter", *(f"{metric.title} {arrows[metric.better]}" for metric in self.metrics), *(["ms an image"] if timed else [])]
        leaders = {metric.name: self.leaders(metric.name) for metric in self.metrics}
        body = []
        for row in self.rows:
            cells = [Cell(row.values[m.name].text(m.digits), row.inpainter in leaders[m.name]) for m in self.metrics]
            body.append([Cell(row.inpainter), *cells, *([Cell(f"{row.milliseconds:.2f}")] if row.milliseconds is not None else [])])
        return head, body

    def _by_hole(self) -> tuple[list[str], list[list[Cell]]]:
        metric = self.metrics[0]
        head = ["inpainter", *(f"{b.label} ({b.images})" for b in self.buckets)]
        body = []
        for i, row in enumerate(self.rows):
            body.append([Cell(row.inpainter), *(Cell(b.rows[i].values[metric.name].text(metric.digits)) for b in self.buckets)])
        return head, body

    def _caption(self, sign: str) -> str:
        """How this was computed, in full sentences."""
        count = len(self.hole_ratio)
        kept = "composited (known pixels kept)" if self.kind == "composited" else "raw (known pixels predicted too)"
        text = (
            f"How this was computed: {count} image{'s' if count > 1 else ''}: {self.images.rstrip('.')}. Masks: {self.masks}, "
            f"{float(self.hole_ratio.mean()):.1%} hole. Results are {kept}. Values are means over images"
        )
        text += " with a 95 % confidence interval." if count > 1 else "."
        if any(self.leaders(metric.name) for metric in self.metrics):
            text += f" {sign}: the best, or not to be told from the best on these images."
        exact = [name for name, v in self.per_image.items() if any((v[key] >= 100).any() for key in v if key.startswith("psnr"))]
        if exact:
            text += f" Some fillings are exact ({', '.join(exact)}); their infinite PSNR counts as 100 dB."
        return text


def _means(values: dict[str, Tensor]) -> dict[str, Interval]:
    return {name: mean_interval(v) for name, v in values.items()}
