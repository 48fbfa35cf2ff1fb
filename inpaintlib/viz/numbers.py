"""Grids of numbers: what a convolution does, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from inpaintlib.viz import theme
from inpaintlib.viz.pictures import plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["convolution_picture", "number_grid", "number_row", "number_text", "window_sum"]

Grid = Any  # whatever torch.as_tensor takes: a tensor, an array, nested lists
Highlight = Any  # a bool array (H, W), or a box (row, column) or (row, column, height, width), or several of them

_CELL = 0.52  # inches


def number_text(value: float, digits: int = 4) -> str:
    """A number as one writes it: whole ones in full, others with ``digits`` significant digits at most, and a real minus sign.

    >>> number_text(16.5), number_text(-1.125), number_text(3.0), number_text(72 / 7)
    ('16.5', '−1.125', '3', '10.29')
    """
    if not np.isfinite(value):
        return str(float(value)).replace("-", "−")
    whole = value == int(value) and abs(value) < 1e6
    text = str(int(value)) if whole else f"{value:.{digits}g}"
    return text.replace("-", "−")


def number_grid(
    array: Grid,
    *,
    mask: Grid | None = None,
    faded: Grid | None = None,
    highlight: Highlight = (),
    title: str = "",
    hole: str | None = "?",
    colour: str = theme.BLUE,
    ax: Axes | None = None,
) -> Figure:
    """A matrix as a grid of numbers; holes are orange, hatched and say "?".

    Args:
        array: numbers (H, W); NaN is written as nan.
        mask: (H, W), 1 = known, 0 = hole.
        faded: bool (H, W), cells to draw grey and dashed, such as padding.
        highlight: cells to frame: a bool array (H, W), a box (row, column) or (row, column, height, width), or a list of boxes.
        title: above the grid.
        hole: what to write into holes; None writes the number that is there.
        colour: of the frames.
        ax: axes to draw in; a new figure by default.

    Returns:
        the matplotlib Figure, for :func:`show`.
    """
    values = _numbers(array, "array")
    height, width = values.shape
    if ax is None:
        _, axes = theme.figure(width * _CELL + 0.2, height * _CELL + (0.4 if title else 0.1))
        ax = axes[0, 0]
    known = np.ones_like(values) if mask is None else plane(mask)
    if known.shape != values.shape:
        raise ValueError(f"mask is {known.shape} high and wide, array {values.shape}; expected the same.")
    pale = np.zeros(values.shape, dtype=bool) if faded is None else plane(faded) != 0
    with theme.style():
        _draw(ax, values, known, pale, hole)
        for box in _boxes(highlight, values.shape):
            _frame(ax, *box, colour)
        ax.set_title(title, fontsize=12)
    return ax.get_figure()  # type: ignore[return-value]


def number_row(
    grids: Mapping[str, Grid],
    *,
    masks: Mapping[str, Grid] | None = None,
    faded: Mapping[str, Grid] | None = None,
    highlights: Mapping[str, Highlight] | None = None,
    signs: Sequence[str] | None = None,
    note: str = "",
    hole: str | None = "?",
) -> Figure:
    """Several number grids side by side, for example expected and got.

    Args:
        grids: title -> numbers (H, W).
        masks: title -> mask, for the grids that have one.
        faded: title -> cells to draw grey, see :func:`number_grid`.
        highlights: title -> cells to frame, see :func:`number_grid`.
        signs: what stands between the grids, one fewer than there are grids, for example ``("*", "=")``.
        note: text below.
        hole: what to write into holes.

    Returns:
        a matplotlib Figure, for :func:`show`.
    """
    if not grids:
        raise ValueError("grids is empty; expected at least one title with its numbers.")
    signs = [""] * (len(grids) - 1) if signs is None else list(signs)
    if len(signs) != len(grids) - 1:
        raise ValueError(f"signs holds {len(signs)} entries; expected {len(grids) - 1}, one between each two grids.")
    arrays = {title: _numbers(grid, title) for title, grid in grids.items()}
    cells = [max(1.4, a.shape[1]) for a in arrays.values()]  # room for the title above a single cell
    gap = 0.9 if any(signs) else 0.5  # cells
    widths = [w for cell in cells for w in (cell, gap)][:-1]
    tall = max(a.shape[0] for a in arrays.values())
    lines = note.count("\n") + 1 if note else 0
    size = (sum(widths) * _CELL + 0.2, tall * _CELL + 0.45 + 0.21 * lines)
    drawing, axes = theme.figure(*size, 1, len(widths), width_ratios=widths)
    drawing.set_layout_engine("compressed", w_pad=0.01, wspace=0, h_pad=0.03, hspace=0)
    for index, (title, values) in enumerate(arrays.items()):
        ax = axes[0, 2 * index]
        mask, pale, marks = (masks or {}).get(title), (faded or {}).get(title), (highlights or {}).get(title, ())
        number_grid(values, mask=mask, faded=pale, highlight=marks, title=title, hole=hole, ax=ax)
        ax.set(xlim=(-0.06, cells[index] + 0.06), ylim=(tall + 0.06, -0.06))  # one scale for all: cells of the same size
    for sign, ax in zip(signs, axes[0, 1::2], strict=True):
        ax.axis("off")
        ax.text(0.5, 0.5, sign, ha="center", va="center", fontsize=20, transform=ax.transAxes)
    if note:
        with theme.style():
            drawing.supxlabel(note, fontsize=12, multialignment="left", family="monospace")
    return drawing


def convolution_picture(
    image: Grid,
    kernel: Grid,
    output: Grid,
    *,
    window: tuple[int, int] = (0, 0),
    mask: Grid | None = None,
    new_mask: Grid | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Figure:
    """One step of a convolution: the image with its window, the kernel, the output with its cell, and the sum spelled out.

    Args:
        image: (H, W); kernel: (h, w); output: (H', W') as the convolution gives it.
        window: row and column of the output cell whose window is framed.
        mask: (H, W), 1 = known, 0 = hole: makes it a partial convolution; padding then counts as hole.
        new_mask: (H', W'), the mask after the layer.
        stride, padding, dilation: as in ``torch.nn.functional.conv2d``.

    Returns:
        a matplotlib Figure, for :func:`show`.

    Raises:
        ValueError: grids that do not fit each other, or a window outside the output.

    Source of the partial convolution: G. Liu et al., ECCV 2018, equations 1 and 2.
    """
    values, weights, result = _numbers(image, "image"), _numbers(kernel, "kernel"), _numbers(output, "output")
    row, column = window
    if not (0 <= row < result.shape[0] and 0 <= column < result.shape[1]):
        raise ValueError(f"window is {window}; expected a cell of the output, which is {result.shape[0]} by {result.shape[1]}.")
    sides = zip(values.shape, weights.shape, strict=True)
    shape = tuple((side + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for side, k in sides)
    if result.shape != shape:
        raise ValueError(
            f"output is {result.shape} high and wide; an image of {values.shape} and a kernel of {weights.shape} with stride {stride}, "
            f"padding {padding} and dilation {dilation} give {shape}."
        )
    beside = np.pad(np.zeros(values.shape), padding, constant_values=1)  # the padding
    partial = mask is not None
    known = plane(mask) if mask is not None else np.ones_like(values)
    values = np.pad(values, padding)
    known = np.pad(known, padding, constant_values=0 if partial else 1)
    cells = np.zeros(values.shape, dtype=bool)
    rows = row * stride + dilation * np.arange(weights.shape[0])
    columns = column * stride + dilation * np.arange(weights.shape[1])
    cells[np.ix_(rows, columns)] = True
    inside = values[np.ix_(rows, columns)], known[np.ix_(rows, columns)]

    grids: dict[str, Grid] = {"image": values, "kernel": weights, "output": result}
    masks, marks = {"image": known}, {"image": _outline(cells), "output": (row, column)}
    signs = ["∗", "="]
    if new_mask is not None:
        grids["new mask"], masks["new mask"], marks["new mask"] = plane(new_mask), plane(new_mask), (row, column)
        signs.append("")
    note = window_sum(inside[0], weights, inside[1] if partial else None)
    return number_row(grids, masks=masks, faded={"image": beside}, highlights=marks, signs=signs, note=note)


def window_sum(values: Grid, kernel: Grid, known: Grid | None = None) -> str:
    """The sum over one window, spelled out a kernel row a line, with the factor of a partial convolution if ``known`` is given.

    >>> print(window_sum([[7, 2], [3, 4]], [[1, 0], [1, 0]], [[1, 0], [1, 1]]))
      7·1 + ▨
    + 3·1 + 4·0 = 10
      10 × 4/3 = 13.33   (4 in the window, 3 known)
    """
    v, w = _numbers(values, "values"), _numbers(kernel, "kernel")
    m = np.ones_like(v) if known is None else plane(known)
    if not v.shape == w.shape == m.shape:
        raise ValueError(f"values are {v.shape} high and wide, the kernel {w.shape}, what is known {m.shape}; expected the same.")
    bracket = [[f"({t})" if (t := number_text(x)).startswith("−") else t for x in line] for line in w]
    terms = [[f"{number_text(v[i, j])}·{bracket[i][j]}" if m[i, j] else "▨" for j in range(v.shape[1])] for i in range(v.shape[0])]
    widest = max(len(term) for line in terms for term in line)
    lines = [" + ".join(term.ljust(widest) for term in line).rstrip() for line in terms]
    total, count = float((v * w * m).sum()), int(m.sum())
    text = "\n".join(("+ " if i else "  ") + line for i, line in enumerate(lines)) + f" = {number_text(total)}"
    if known is None:
        return text
    if count == 0:
        return text + "\n  no pixel of the window is known: the output is 0, and it stays a hole"
    scaled = number_text(total * v.size / count)
    return text + f"\n  {number_text(total)} × {v.size}/{count} = {scaled}   ({v.size} in the window, {count} known)"


def _numbers(grid: Grid, name: str) -> np.ndarray:
    array = torch.as_tensor(grid).detach().cpu().double()
    while array.dim() > 2 and array.shape[0] == 1:
        array = array[0]
    if array.dim() != 2 or array.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; expected a matrix (H, W) with at least one number.")
    if array.numel() > 1024:
        raise ValueError(f"{name} has {array.shape[0]} by {array.shape[1]} cells; number grids are for 1024 cells at most. Show a crop.")
    return array.numpy()


def _draw(ax: Axes, values: np.ndarray, known: np.ndarray, faded: np.ndarray, hole: str | None) -> None:
    from matplotlib.patches import Rectangle

    height, width = values.shape
    missing = known == 0
    texts = [[hole if missing[i, j] and hole is not None else number_text(values[i, j]) for j in range(width)] for i in range(height)]
    longest = max(len(text) for line in texts for text in line)
    size = 13 if longest <= 4 else 11 if longest <= 5 else 9
    for i, j in np.ndindex(height, width):
        colour = theme.ORANGE if missing[i, j] else "#ececf2" if faded[i, j] else "white"
        look: dict[str, Any] = {"hatch": "////", "edgecolor": "#a06f00"} if missing[i, j] else {"edgecolor": theme.GREY}
        dashes = ":" if faded[i, j] else "-"
        name = "hole" if missing[i, j] else "cell"
        ax.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, linewidth=0.8, linestyle=dashes, gid=name, **look))
        label = ax.text(j + 0.5, i + 0.5, texts[i][j], ha="center", va="center", fontsize=size)
        if missing[i, j]:
            label.set_bbox({"facecolor": theme.ORANGE, "edgecolor": "none", "pad": 1.0})  # the hatching would blur the sign
    ax.set(xlim=(-0.06, width + 0.06), ylim=(height + 0.06, -0.06), aspect="equal")
    ax.axis("off")


def _boxes(highlight: Highlight, shape: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """(row, column, height, width) of every frame to draw."""
    if isinstance(highlight, (np.ndarray, torch.Tensor)) and tuple(highlight.shape) == shape:
        return [(int(i), int(j), 1, 1) for i, j in np.argwhere(np.asarray(highlight))]
    boxes = [highlight] if len(highlight) and np.isscalar(highlight[0]) else list(highlight)
    full = [(*box, 1, 1) if len(box) == 2 else tuple(box) for box in boxes]
    for box in full:
        if len(box) != 4 or box[0] < 0 or box[1] < 0 or box[0] + box[2] > shape[0] or box[1] + box[3] > shape[1]:
            raise ValueError(f"highlight has {box}; expected (row, column[, height, width]) inside a grid of {shape[0]} by {shape[1]}.")
    return full


def _outline(cells: np.ndarray) -> list[tuple[int, int, int, int]]:
    """One box for a window without gaps, one for each cell of a dilated one."""
    rows, columns = np.nonzero(cells.any(1))[0], np.nonzero(cells.any(0))[0]
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    if height * width == cells.sum():
        return [(int(rows[0]), int(columns[0]), int(height), int(width))]
    return [(int(i), int(j), 1, 1) for i, j in np.argwhere(cells)]


def _frame(ax: Axes, row: float, column: float, height: float, width: float, colour: str) -> None:
    from matplotlib.patches import Rectangle

    look: dict[str, Any] = {"fill": False, "edgecolor": colour, "linewidth": 3.5, "zorder": 3, "gid": "highlight", "clip_on": False}
    ax.add_patch(Rectangle((column, row), width, height, **look))
