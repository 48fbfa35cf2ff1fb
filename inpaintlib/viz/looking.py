"""Where one place of a hole looks: its weights over the picture, and the coloured map of all places beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import describe
from inpaintlib.viz import pictures, theme
from inpaintlib.viz.attention import attention_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

__all__ = ["attention_place"]


def attention_place(
    image: Tensor,
    mask: Tensor,
    weights: Tensor,
    place: tuple[int, int],
    *,
    field: Tensor | None = None,
    width: float = theme.PICTURES,
) -> Figure:
    """One place of a hole, and where it looks: the picture, brighter where there is more weight, with a line to the heaviest patch.

    Args:
        image: float (3, H, W) or (1, 3, H, W) in [0, 1].
        mask: (H, W) to (1, 1, H, W), 1 = known, 0 = hole.
        weights: (h, w), none negative, of that place; H and W the same multiple of h and w.
        place: its row and column, among the h by w.
        field: where all places look, (2, h, w), to draw the coloured map of :func:`inpaintlib.viz.attention_field` beside it.
        width: of the whole figure, inches.

    Returns:
        a matplotlib Figure, for :func:`inpaintlib.viz.show`.

    Raises:
        ValueError: weights that are no matrix or do not fit the picture, or a place outside of it.
    """
    picture = pictures._array(image)  # (H, W, 3)
    height, wide = picture.shape[:2]
    if weights.dim() != 2 or height % weights.shape[0] or height // weights.shape[0] != wide / weights.shape[1]:
        raise ValueError(f"weights is {describe(weights)} for a picture of {height} by {wide}; expected the same part of both sides.")
    if not all(0 <= at < side for at, side in zip(place, weights.shape, strict=True)):
        raise ValueError(f"place is {place}; expected a row and a column among {tuple(weights.shape)}.")
    cell = height // weights.shape[0]
    strong = torch.sqrt(weights.double() / weights.max().clamp(min=1e-12)).numpy()
    shown = picture * (0.15 + 0.85 * np.kron(strong, np.ones((cell, cell))))[..., None]
    count = 2 if field is None else 3
    drawing, axes = theme.figure(width, width / count * height / wide + 0.35, 1, count)
    with theme.style():
        for ax, title in zip(axes[0], ("the place", "where it looks", "the coloured map"), strict=False):
            ax.set_title(title)
            ax.axis("off")
        pictures.draw_picture(axes[0, 0], image, mask)
        axes[0, 1].imshow(shown)
        if field is not None:
            axes[0, 2].imshow(np.kron(attention_colours(field).permute(1, 2, 0).numpy(), np.ones((cell, cell, 1))))
            axes[0, 2].add_patch(_rectangle((0, 0), height, wide, theme.GREY, 0.8))
        if weights.sum() > 0:
            best = divmod(int(weights.argmax()), weights.shape[1])
            _line(axes[0, 1], place, best, cell)
            _frame(axes[0, 1], best, cell)
        for ax in axes[0]:
            _frame(ax, place, cell, dashes=(0, (2, 1)))
    return drawing


def _rectangle(corner: tuple[float, float], height: float, wide: float, colour: str, thickness: float, dashes: Any = "-") -> Rectangle:
    """A frame from a corner (row, column), in pixels."""
    from matplotlib.patches import Rectangle

    look = {"edgecolor": colour, "linewidth": thickness, "linestyle": dashes}
    return Rectangle((corner[1] - 0.5, corner[0] - 0.5), wide, height, fill=False, clip_on=False, **look)


def _frame(ax: Axes, place: tuple[int, int], cell: int, *, dashes: Any = "-") -> None:
    """Around one place, on a white rim that keeps it apart from dark pictures."""
    grow = max(0.0, 1.5 - cell) / 2 + 0.25
    corner, side = (place[0] * cell - grow, place[1] * cell - grow), cell + 2 * grow
    for colour, thickness, line in (("white", 3.6, "-"), (theme.INK, 1.6, dashes)):
        ax.add_patch(_rectangle(corner, side, side, colour, thickness, line))


def _line(ax: Axes, start: tuple[int, int], stop: tuple[int, int], cell: int) -> None:
    (y0, x0), (y1, x1) = (((k + 0.5) * cell - 0.5 for k in end) for end in (start, stop))
    for colour, thickness in ((theme.INK, 3.5), (theme.SKY, 1.6)):
        ax.plot([x0, x1], [y0, y1], "-", color=colour, linewidth=thickness, marker="none", gid="look")
