"""The attention field as a picture: every place is coloured by where the patch lies that it attends to most.

White is a place that attends to itself, pink one that looks to the bottom left, green one that looks to the top right; the stronger the
colour, the farther the patch. A wheel beside it says so. Readers with a red-green weakness tell pink from green by their lightness, and
arrows or numbers can be laid over both.

Source: the colouring is that of J. Yu et al., Generative Image Inpainting with Contextual Attention, CVPR 2018, figure 4, which took it
from pictures of optical flow (S. Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011). Here the hues lie on a
circle in CIELAB, where equal steps look equally large, and lightness falls from pink to green.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import describe
from inpaintlib.viz import pictures, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["attention_alt", "attention_colours", "attention_field"]

# in steps of 45 degrees, counter-clockwise from the right
_DIRECTIONS = ("to the right", "to the top right", "upwards", "to the top left", "to the left", "to the bottom left", "downwards",
               "to the bottom right")  # fmt: skip


def attention_field(
    field: Tensor,
    *,
    image: Tensor | None = None,
    mask: Tensor | None = None,
    marks: str | None = None,
    reach: float | None = None,
    width: float = theme.PICTURES,
) -> Figure:
    """The attention field in colours, and the wheel that explains them.

    Args:
        field: whole numbers (2, h, w) or (1, 2, h, w), as :func:`inpaintlib.layers.contextual_attention` and
            ``CoarseToFine.stages(...).field`` return it: from each place, rows down and columns to the right to the most attended patch.
        image: the picture it belongs to, as in :func:`inpaintlib.viz.image_row`; shown at the left, with its holes.
        mask: (H, W) to (1, 1, H, W), 1 = known, 0 = hole, H and W the same multiple of h and w; the hole is outlined on the field.
        marks: over the colours, "arrows", "numbers" (steps down or up, steps right or left; for up to 256 places), or None.
        reach: distance in steps at which a colour is full; by default the longest in the field. Give it to compare fields.
        width: of the whole figure, inches.

    Returns:
        a matplotlib Figure, for :func:`inpaintlib.viz.show`; :func:`attention_alt` writes its text alternative.

    Raises:
        TypeError: the field holds no whole numbers.
        ValueError: a field, mask or image of another shape, unknown marks, too many places for numbers, or a reach that is not positive.
    """
    steps, holes = _steps(field), None if mask is None else _holes(mask, field)
    if marks not in (None, "arrows", "numbers"):
        raise ValueError(f"marks is {marks!r}; expected None, 'arrows' or 'numbers'.")
    if marks == "numbers" and steps[0].size > 256:
        raise ValueError(f"field has {steps.shape[1]} by {steps.shape[2]} places; numbers are for 256 at most. Crop it, or use arrows.")
    reach = _reach(steps, reach)
    shares = [1.0] * (1 if image is None else 2) + [0.62]
    height = width * steps.shape[1] / steps.shape[2] / sum(shares) + 0.3
    drawing, axes = theme.figure(width, height, 1, len(shares), width_ratios=shares)
    *left, ax, legend = axes[0]
    with theme.style():
        if image is not None:
            pictures.draw_picture(left[0], image, mask)
            left[0].set(title="the picture and its hole" if holes is not None else "the picture")
            left[0].axis("off")
        ax.imshow(_colours(steps, reach))
        ax.set(title="where each place looks")
        ax.axis("off")
        _frame(ax, *steps.shape[1:])
        if holes is not None:
            _outline(ax, holes, holes.shape[0] // steps.shape[1])
        if marks == "arrows":
            _arrows(ax, steps, reach)
        elif marks == "numbers":
            _write(ax, steps, width / sum(shares) / steps.shape[2])
        _wheel(legend, reach)
    return drawing


def attention_colours(field: Tensor, reach: float | None = None) -> Tensor:
    """The colours alone, float (3, h, w) in [0, 1]: to lay over a picture, or to write to a file.

    Args:
        field: as in :func:`attention_field`.
        reach: distance in steps at which a colour is full; by default the longest in the field.

    >>> field = torch.tensor([[[0, 3], [-3, 0]], [[0, -3], [3, 0]]])  # itself, bottom left; top right, itself
    >>> red, green, blue = attention_colours(field)
    >>> red[0, 0].item(), bool(red[0, 1] > green[0, 1]), bool(green[1, 0] > red[1, 0])  # white, pink, green
    (1.0, True, True)
    """
    steps = _steps(field)
    return torch.from_numpy(_colours(steps, _reach(steps, reach))).permute(2, 0, 1).float()


def attention_alt(field: Tensor) -> str:
    """One sentence for readers who do not see the field: how many places look where, and how far on average.

    >>> attention_alt(torch.tensor([[[0, 0, 0, 0]], [[0, 0, -2, -2]]]))
    'Attention field of 1 by 4 places: 2 attend to themselves, 2 to the left; those that look elsewhere look 2.0 steps far on average.'
    """
    down, right = _steps(field).reshape(2, -1)
    away = (down != 0) | (right != 0)
    turns = np.round(np.arctan2(-down[away], right[away]) / (np.pi / 4)).astype(int) % 8
    parts = [f"{(~away).sum()} attend to themselves"] + [f"{count} {_DIRECTIONS[turn]}" for turn, count in Counter(turns).most_common()]
    far = f"; those that look elsewhere look {np.hypot(down, right)[away].mean():.1f} steps far on average" if away.any() else ""
    return f"Attention field of {field.shape[-2]} by {field.shape[-1]} places: {', '.join(parts)}{far}."


def _steps(field: Tensor) -> np.ndarray:
    """(2, h, w) of the field: down, right."""
    if not isinstance(field, Tensor) or field.is_floating_point() or field.is_complex() or field.dtype == torch.bool:
        raise TypeError(f"field is {describe(field)}; expected whole numbers (2, h, w), as contextual_attention returns them.")
    if field.dim() == 4 and len(field) == 1:
        field = field[0]
    if field.dim() != 3 or len(field) != 2 or field.numel() == 0:
        hint = " Choose one of the batch: field[0]." if field.dim() == 4 else ""
        raise ValueError(f"field is {describe(field)}; expected (2, h, w): rows down, columns to the right.{hint}")
    return field.cpu().numpy()


def _holes(mask: Tensor, field: Tensor) -> np.ndarray:
    holes, (h, w) = pictures.plane(mask) == 0, field.shape[-2:]
    if holes.shape[0] % h or holes.shape[1] % w or holes.shape[0] // h != holes.shape[1] // w:
        raise ValueError(f"mask is {describe(mask)} for a field of {h} by {w} places; expected the same multiple of both.")
    return holes


def _reach(steps: np.ndarray, reach: float | None) -> float:
    if reach is None:
        return max(1.0, float(np.hypot(*steps).max()))
    if not reach > 0:
        raise ValueError(f"reach is {reach}; expected a positive distance, in steps of the field.")
    return float(reach)


def _colours(steps: np.ndarray, reach: float) -> np.ndarray:
    """(h, w, 3) in [0, 1]. Nothing but a place that attends to itself is white: one step away the colour is a quarter full at least."""
    from skimage.color import lab2rgb

    down, right = steps.astype(float)
    angle, distance = np.arctan2(-down, right), np.hypot(down, right)
    full = np.where(distance > 0, 0.25 + 0.75 * np.minimum(distance / reach, 1), 0)
    hue = angle + np.radians(120)  # top right: green; bottom left: pink; top left: blue; bottom right: yellow
    light = 68 - 14 * np.cos(angle - np.pi / 4)  # from the light pink to the dark green
    lab = np.stack([100 + full * (light - 100), full * 45 * np.cos(hue), full * 45 * np.sin(hue)], axis=-1)
    return np.where(full[..., None] > 0, lab2rgb(lab).clip(0, 1), 1.0)


def _frame(ax: Axes, height: int, width: int) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor=theme.GREY, linewidth=0.8, clip_on=False))


def _outline(ax: Axes, holes: np.ndarray, cell: int) -> None:
    """A line around the holes: between each hole pixel and each known neighbour, and along the picture's edge."""
    from matplotlib.collections import LineCollection

    padded = np.pad(holes, 1)
    lines = [((x, y), (x, y + 1)) for y, x in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])]
    lines += [((x, y), (x + 1, y)) for y, x in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])]
    for colour, thick in (("white", 4.0), (theme.INK, 2.0)):  # the white rim keeps the line apart from dark colours
        ax.add_collection(LineCollection(list(np.array(lines) / cell - 0.5), colors=colour, linewidths=thick, gid="hole"), autolim=False)


def _arrows(ax: Axes, steps: np.ndarray, reach: float) -> None:
    """From the middle of each place towards its patch, half a place to a whole one long; a dot where it is the place itself."""
    down, right = steps.astype(float)
    distance = np.hypot(down, right)
    rows, columns = np.nonzero(distance)
    if len(rows):
        far = distance[rows, columns]
        long = (0.5 + 0.45 * np.minimum(far / reach, 1)) / far
        ax.quiver(
            columns, rows, right[rows, columns] * long, down[rows, columns] * long,
            angles="xy", scale_units="xy", scale=1, pivot="mid", color=theme.INK, units="xy", width=0.08, gid="arrows",
        )  # fmt: skip
    rows, columns = np.nonzero(distance == 0)
    ax.plot(columns, rows, "o", color=theme.GREY, markersize=1.5, linestyle="none", gid="itself")


def _write(ax: Axes, steps: np.ndarray, inches: float) -> None:
    """Steps down (or up) over steps to the right (or left), in letters that fit into a place of so many inches."""
    size = min(11.0, inches * 72 / 3.0)
    for y, x in np.ndindex(*steps.shape[1:]):
        down, right = steps[:, y, x]
        words = [f"{'↓' if down > 0 else '↑'}{abs(down)}"] * bool(down) + [f"{'→' if right > 0 else '←'}{abs(right)}"] * bool(right)
        ax.text(x, y, "\n".join(words) or "·", ha="center", va="center", fontsize=size, linespacing=1.0)


def _wheel(ax: Axes, reach: float) -> None:
    """The colours of all directions and distances, as if seen from the middle."""
    side = np.linspace(-1.08, 1.08, 240)
    offsets = np.stack(np.meshgrid(side, side, indexing="ij"))  # down, right
    colours = _colours(offsets, 1.0)
    colours[np.hypot(*offsets) > 1] = 1
    colours[np.hypot(*offsets) < 0.09] = 1
    ax.imshow(colours, extent=(-1.08, 1.08, 1.08, -1.08))
    names = {(0, -1.12): ("up", "center", "bottom"), (0, 1.12): ("down", "center", "top"),
             (-1.1, 0): ("left ", "right", "center"), (1.1, 0): (" right", "left", "center")}  # fmt: skip
    for (x, y), (word, ha, va) in names.items():
        ax.text(x, y, word, ha=ha, va=va, fontsize=11)
    ax.annotate("itself", (0, 0), (0, 0.34), ha="center", va="center", fontsize=11, arrowprops={"arrowstyle": "-", "color": theme.INK})
    ax.text(0, 1.5, f"rim: {reach:.3g} step{'' if reach == 1 else 's'} away", ha="center", va="top", fontsize=11)
    ax.set(xlim=(-1.75, 1.75), ylim=(1.8, -1.5), aspect="equal")
    ax.axis("off")
