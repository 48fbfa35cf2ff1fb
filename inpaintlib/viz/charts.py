"""Charts of measurements: how inpainters compare, and how a training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inpaintlib.viz import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from inpaintlib.train.history import History

__all__ = ["axis_label", "comparison", "curves"]

_LABELS = {
    "psnr": "PSNR (dB), higher is better",
    "ssim": "SSIM, higher is better",
    "dice": "Dice (no score out of 1)",
    "mae": "MAE (of a range of 1), lower is better",
    "mse": "MSE (of a range of 1), lower is better",
    "accuracy": "accuracy (share of 1)",
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


def comparison(table: Any, *, metric: str = "psnr", by: str = "bucket", width: float = theme.WIDTH) -> Figure:
    """How inpainters compare on one metric; replaced below as soon as the table's form is fixed."""
    raise NotImplementedError
