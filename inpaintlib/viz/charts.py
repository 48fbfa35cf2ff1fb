"""Charts of measurements: how inpainters compare, and how a training went."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from inpaintlib.viz import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from inpaintlib.evaluation import Comparison, Interval, Metric
    from inpaintlib.train.history import History

__all__ = ["axis_label", "comparison", "curves"]

_LABELS = {
    "psnr": "PSNR (dB), higher is better",
    "ssim": "SSIM, higher is better",
    "dice": "Dice (no score out of 1)",
    "mae": "MAE (of a range of 1), lower is better",
    "mse": "MSE (of a range of 1), lower is better",
    "accuracy": "accuracy (share of 1)",
    "variety": "variety (share of the truth's)",
    "critic": "the critic's own loss",
    "lr": "learning rate",
    "images_per_second": "images a second",
    "seconds": "seconds",
    "milliseconds": "time an image (ms), lower is better",
}
_NOT_DRAWN = ("step", "epoch", "seconds", "lr", "images_per_second")


def axis_label(name: str) -> str:
    """What stands at an axis for a metric or a column of a history: its name with its unit, and which way is better.

    >>> axis_label("psnr"), axis_label("hole_l1")
    ('PSNR (dB), higher is better', 'loss, lower is better')
    """
    found = [label for key, label in _LABELS.items() if key in name.lower().replace("-", "_").split("_") or key == name.lower()]
    return found[0] if found else "loss, lower is better"


def curves(
    history: History | Mapping[str, History],
    columns: Sequence[str] | None = None,
    *,
    x: str = "step",
    log: bool = False,
    width: float = theme.WIDTH,
) -> Figure:
    """What a training run (or several) measured, over its steps: one panel for each unit.

    Args:
        history: a History of ``train.fit``, or a mapping run name -> History to compare runs.
        columns: which of its columns; by default all but the learning rate and the speed.
        x: "step", "epoch" or "seconds".
        log: logarithmic losses.
        width: inches.

    Returns:
        a matplotlib Figure, for :func:`show`.

    Raises:
        ValueError: nothing to draw.
        KeyError: a column that no run has.
    """
    runs = dict(history) if isinstance(history, Mapping) else {"": history}
    if x not in ("step", "epoch", "seconds"):
        raise ValueError(f"x is {x!r}; expected 'step', 'epoch' or 'seconds'.")
    have = list(dict.fromkeys(name for run in runs.values() for name in run.columns() if _drawable(run, name)))
    unknown = [name for name in columns or () if name not in have]
    if unknown:
        raise KeyError(f"no run has a column {unknown[0]!r}; there are {', '.join(have) or 'none'}.")
    panels: dict[str, list[str]] = {}
    for name in columns or have:
        panels.setdefault(axis_label(name), []).append(name)
    if not panels:
        raise ValueError("the history holds no measurements yet; expected at least one row with a loss or a metric.")
    drawing, axes = theme.figure(width, 2.7 if len(panels) == 1 else 2.3 * len(panels), len(panels), 1, sharex=True)
    with theme.style():
        for ax, (label, names) in zip(axes[:, 0], panels.items(), strict=True):
            lines = [(run, name, runs[run]) for run in runs for name in names if name in runs[run]]
            for index, (run, name, source) in enumerate(lines):
                title = name if not run else run if len(names) == 1 else f"{run}: {name}"
                _line(ax, source, name, x, title, index)
            ax.set_ylabel(_two_lines(label))
            if log and label.startswith("loss"):
                ax.set_yscale("log")
            if len(lines) > 1 or names[0] != "loss":
                ax.legend(loc="best")
        axes[-1, 0].set_xlabel({"step": "training step", "epoch": "epoch", "seconds": "time (s)"}[x])
    return drawing


def _drawable(run: History, name: str) -> bool:
    values = [row[name] for row in run.rows if name in row]
    return name not in _NOT_DRAWN and all(isinstance(value, (int, float)) for value in values)


def _line(ax: Axes, history: History, name: str, x: str, title: str, index: int) -> None:
    rows = [row for row in history.rows if name in row and x in row]
    across, up = [row[x] for row in rows], [row[name] for row in rows]
    marker = theme.MARKERS[index % len(theme.MARKERS)]
    ax.plot(across, up, label=title, marker=marker, markevery=max(1, len(rows) // 8))


def _two_lines(label: str) -> str:
    return label.replace(", ", "\n", 1)


def comparison(
    table: Comparison,
    metric: str | Sequence[str] | None = None,
    *,
    by: Literal["inpainter", "hole", "time"] = "inpainter",
    width: float = theme.WIDTH,
) -> Figure:
    """What inpainters reached, with 95 % confidence intervals over the images.

    Args:
        table: what ``evaluation.compare`` returned.
        metric: the name of one of its metrics, or several (a panel each); its first one by default.
        by: "inpainter" (one line each, the best on top), "hole" (against the size of the hole) or "time" (against the time an image takes).
        width: inches.

    Returns:
        a matplotlib Figure, for :func:`show`.

    Raises:
        KeyError: a metric that the table does not hold.
        ValueError: fewer than two buckets for ``by="hole"``, no times for ``by="time"``, or another ``by``.
    """
    there = {m.name: m for m in table.metrics}
    names = [table.metrics[0].name] if metric is None else [metric] if isinstance(metric, str) else list(metric)
    for name in names:
        if name not in there:
            raise KeyError(f"the comparison holds no metric {name!r}; it has {', '.join(there)}.")
    if by not in _DRAW:
        raise ValueError(f"by is {by!r}; expected {', '.join(map(repr, _DRAW))}.")
    if by == "hole" and len(table.buckets) < 2:
        raise ValueError(f"the comparison has {len(table.buckets)} buckets of hole sizes; expected at least two to draw a line between.")
    if by == "time" and any(row.milliseconds is None for row in table.rows):
        raise ValueError("the comparison holds no times; expected one made with timing=True.")
    count = len(table.rows)
    height = 0.75 + 0.36 * count if by == "inpainter" else 3.0 + 0.26 * -(-count // 2)
    drawing, axes = theme.figure(width, height, 1, len(names), sharey=by == "inpainter")
    with theme.style():
        for ax, name in zip(axes[0], names, strict=True):
            _DRAW[by](ax, table, there[name])
        if by != "inpainter":
            handles, labels = axes[0, 0].get_legend_handles_labels()
            drawing.legend(handles, labels, loc="outside lower center", ncols=2)
    return drawing


def _better(metric: Metric) -> str:
    return f"{metric.title}\n({metric.better} is better)"


def _look(index: int) -> dict[str, Any]:
    """Colour, marker and dashes of the n-th inpainter; no pair of colour and marker comes twice."""
    colour = theme.CYCLE[(index + index // 6) % 6]
    return {"color": colour, "marker": theme.MARKERS[index % 6], "linestyle": theme.DASHES[index % 6], "capsize": 4}


def _by_inpainter(ax: Axes, table: Comparison, metric: Metric) -> None:
    first = table.metrics[0]  # panels side by side keep one order
    sign = 1 if first.better == "higher" else -1
    order = sorted(range(len(table.rows)), key=lambda i: sign * table.rows[i].values[first.name].mean)
    for place, index in enumerate(order):
        value = table.rows[index].values[metric.name]
        ax.errorbar(value.mean, place, xerr=_half(value), **_look(index) | {"linestyle": "none"})
        text = f"{value.mean:.{metric.digits}f}"
        ax.annotate(text, (value.mean, place), (0, 5), textcoords="offset points", ha="center", va="bottom", fontsize=10)
    ax.set_yticks(range(len(order)), [table.rows[index].inpainter for index in order])
    ax.set_ylim(-0.5, len(order) - 0.25)
    ax.margins(x=0.12)
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel(_better(metric))


def _by_hole(ax: Axes, table: Comparison, metric: Metric) -> None:
    places = range(len(table.buckets))
    for index, row in enumerate(table.rows):
        values = [bucket.rows[index].values[metric.name] for bucket in table.buckets]
        shift = min(0.06, 0.7 / len(table.rows)) * (index - (len(table.rows) - 1) / 2)  # so that the bars do not hide each other
        across, up, bars = [p + shift for p in places], [v.mean for v in values], [_half(v) for v in values]
        ax.errorbar(across, up, yerr=bars, label=row.inpainter, **_look(index))
    ax.set_xticks(places, [f"{100 * b.low:g}-{100 * b.high:g}" for b in table.buckets])
    ax.set_xlabel("hole (% of the pixels)")
    ax.set_ylabel(_better(metric))


def _by_time(ax: Axes, table: Comparison, metric: Metric) -> None:
    for index, row in enumerate(table.rows):
        value = row.values[metric.name]
        ax.errorbar(row.milliseconds or 0.0, value.mean, yerr=_half(value), label=row.inpainter, **_look(index) | {"linestyle": "none"})
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    low, high = ax.get_xlim()
    ax.xaxis.set_minor_formatter("{x:g}" if high < 30 * low else "")  # over more decades the numbers between would run into each other
    ax.set_xlabel("time an image (ms)")
    ax.set_ylabel(_better(metric))


def _half(value: Interval) -> float:
    return 0.0 if math.isnan(value.half) else value.half


_DRAW = {"inpainter": _by_inpainter, "hole": _by_hole, "time": _by_time}
