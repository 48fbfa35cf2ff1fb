"""The two figures of the leaderboard, each with its text alternative: quality against time, and against hole size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from inpaintlib._comparison import Bucket, Comparison, Row
from inpaintlib._files import write_atomically
from inpaintlib.leaderboard.measures import INFO, column

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from inpaintlib.leaderboard.board import Group, Leaderboard

__all__ = ["Picture", "quality_against_hole_size", "quality_against_time"]


@dataclass(frozen=True, repr=False)
class Picture:
    """A figure, what it shows to a reader who cannot see it, and its caption. As the last thing in a cell it shows itself."""

    figure: Figure
    alt: str
    caption: str

    def save(self, path: str | Path) -> None:
        """Write it as PNG; the text alternative goes where the picture is shown."""
        from inpaintlib.viz import style

        buffer = io.BytesIO()
        with style():
            self.figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
        write_atomically(Path(path), buffer.getvalue())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from inpaintlib.viz import figure_html

        return {"text/html": figure_html(self.figure, alt=self.alt, caption=self.caption), "text/plain": f"[figure] {self.alt}"}

    def __repr__(self) -> str:
        return f"[figure] {self.alt}"


def quality_against_time(board: Leaderboard, kind: str | None, images: int | None) -> Picture:
    """PSNR against milliseconds an image, everybody on the same images: by default as many as the slowest were given."""
    from inpaintlib.viz import comparison

    group = _group(board, kind, images)
    order = group.rankings["psnr"].order
    rows = [Row(n, group.images, group.line(n).values, max(group.line(n).milliseconds, 1e-3)) for n in order]
    drawing = comparison(_comparison(group, rows, ()), "psnr", by="time")
    psnr = {row.inpainter: row.values["psnr"].mean for row in rows}
    ms = {row.inpainter: row.milliseconds or 0.0 for row in rows}
    front = [n for n in sorted(order, key=lambda n: (ms[n], -psnr[n])) if all(psnr[n] > psnr[o] for o in order if ms[o] < ms[n])]
    told = ", ".join(f"{n} ({psnr[n]:.1f} dB in {_time(ms[n])} ms)" for n in front)
    alt = (
        f"A chart of {len(rows)} inpainters on {group.kind} masks: PSNR from {min(psnr.values()):.1f} to {max(psnr.values()):.1f} dB "
        f"against time from {_time(min(ms.values()))} to {_time(max(ms.values()))} ms an image, on a logarithmic axis. Nobody faster "
        f"reaches as much as {told}."
    )
    caption = (
        f"Quality against time on {group.kind} masks, composited, {_which(board, group)}, with 95 % confidence intervals; what two "
        f"differ by on the same images is surer than these. Up and to the left is better. Time: {board.made.get('clock', 'as measured')}."
    )
    return Picture(drawing, alt, caption)


def quality_against_hole_size(board: Leaderboard, metric: str, images: int | None) -> Picture:
    """A metric against the share of hole pixels, over the buckets of irregular holes.

    Raises:
        KeyError: no such metric.
        ValueError: fewer than two buckets were measured.
    """
    from inpaintlib.viz import comparison

    kinds = [kind for kind in board.kinds if kind.startswith("irregular-")]
    info = column(metric)
    if len(kinds) < 2:
        raise ValueError(f"this leaderboard holds {len(kinds)} buckets of irregular holes, expected at least two: --masks irregular.")
    groups = [board.group(kind, images) for kind in kinds]
    names = [n for n in groups[-1].rankings[metric].order if all(n in g.names() for g in groups)]
    buckets = []
    for kind, group in zip(kinds, groups, strict=True):
        low, high = (int(part) / 100 for part in kind.split("-")[1:])
        buckets.append(Bucket(low, high, group.images, tuple(Row(n, group.images, group.line(n).values) for n in names)))
    drawing = comparison(_comparison(groups[0], list(buckets[0].rows), tuple(buckets)), metric, by="hole")
    small, large = ({row.inpainter: row.values[metric].mean for row in bucket.rows} for bucket in (buckets[0], buckets[-1]))
    best = [(max if info.better == "higher" else min)(means, key=means.__getitem__) for means in (small, large)]
    told = [f"{n} from {small[n]:.{info.digits}f} to {large[n]:.{info.digits}f}" for n in dict.fromkeys([*best, names[-1]])]
    alt = (
        f"Lines of {len(names)} inpainters: {info.title} against the size of irregular holes, from {buckets[0].label} to "
        f"{buckets[-1].label} of the image. The best are {best[0]} on the smallest and {best[1]} on the largest holes: {'; '.join(told)}."
    )
    which = _which(board, groups[0])
    caption = f"{info.title} by hole size ({info.better} is better), composited, {which}, with 95 % confidence intervals."
    return Picture(drawing, alt, caption)


def _group(board: Leaderboard, kind: str | None, images: int | None) -> Group:
    """By default the first kind, and of its groups the one with everybody in it: that of the fewest images."""
    kind = board.kinds[0] if kind is None else kind
    there = [group.images for group in board.groups if group.kind == kind]
    return board.group(kind, images if images is not None or not there else min(there))


def _comparison(group: Group, rows: list[Row], buckets: tuple[Bucket, ...]) -> Comparison:
    """What ``viz.comparison`` draws."""
    metrics = tuple(INFO[name] for name in group.rankings)
    return Comparison(tuple(rows), buckets, {}, torch.empty(0), metrics, "composited", "", group.kind)


def _which(board: Leaderboard, group: Group) -> str:
    most = max(each.images for each in board.groups)
    return f"the first {group.images:,} images, which everybody was given" if group.images < most else f"{group.images:,} images"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.2g}" if milliseconds < 10 else f"{milliseconds:.0f}"
