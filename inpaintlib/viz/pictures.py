"""Rows and grids of pictures; holes are drawn orange and hatched."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import describe
from inpaintlib.viz import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["image_grid", "image_row", "mark_holes"]

_SMALL = 128  # pixels a side: larger pictures are shrunk more often than enlarged, and need the smoothing
Images = Mapping[str, Tensor] | Sequence[Tensor] | Tensor


def image_row(
    images: Images,
    titles: Sequence[str] | None = None,
    *,
    masks: Tensor | Sequence[Tensor | None] | None = None,
    notes: Sequence[str] | None = None,
    width: float = theme.PICTURES,
) -> Figure:
    """Pictures side by side.

    Args:
        images: a mapping title -> image, a sequence of images, or a batch (N, 3, H, W); an image is float (3, H, W), (1, 3, H, W) or
            (H, W) in [0, 1], or uint8 up to 255. Grey images (1, H, W) are fine, and sizes may differ.
        titles: one above each picture.
        masks: the holes to mark, 1 = known, 0 = hole: one mask for all pictures, or one (or None) for each.
        notes: one line below each picture, for example its PSNR.
        width: of the whole row, inches.

    Returns:
        a matplotlib Figure, for :func:`show`.
    """
    return image_grid(images, columns=max(1, len(images)), titles=titles, masks=masks, notes=notes, width=width)


def image_grid(
    images: Images,
    *,
    columns: int,
    titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    column_titles: Sequence[str] | None = None,
    masks: Tensor | Sequence[Tensor | None] | None = None,
    notes: Sequence[str] | None = None,
    width: float = theme.PICTURES,
) -> Figure:
    """Pictures in reading order, ``columns`` of them in a row.

    Args:
        images: as in :func:`image_row`.
        columns: pictures in a row.
        titles: one above each picture.
        row_titles: one at the left of each row.
        column_titles: one above each column (instead of ``titles``).
        masks: as in :func:`image_row`.
        notes: one line below each picture.
        width: of the whole grid, inches.

    Returns:
        a matplotlib Figure, for :func:`show`.
    """
    pictures, names = _unpack(images, titles)
    if columns < 1:
        raise ValueError(f"columns is {columns}; expected at least 1.")
    rows = -(-len(pictures) // columns)
    holes = _unpack_masks(masks, len(pictures))
    _expect_length("notes", notes, len(pictures))
    _expect_length("row_titles", row_titles, rows)
    _expect_length("column_titles", column_titles, columns)
    if column_titles is not None:
        names = [*column_titles, *[""] * (len(pictures) - columns)]

    cell = (width - (0.4 if row_titles else 0)) / columns  # inches
    letters = max(4, int(cell * 72 / 6.6))  # that fit above one picture in 12 pt
    wrapped = [textwrap.fill(name, letters) for name in names] if names else [""] * len(pictures)
    extra = [0.24 * max((t.count("\n") + 1 if t else 0) for t in wrapped[r * columns : (r + 1) * columns]) for r in range(rows)]
    tallest = max(p.shape[0] / p.shape[1] for p in pictures)
    below = max((note.count("\n") + 1 for note in notes if note), default=0) if notes else 0
    height = rows * cell * tallest + sum(extra) + rows * (0.04 + 0.2 * below)
    drawing, axes = theme.figure(width, height, rows, columns)
    drawing.set_layout_engine("compressed")  # keeps pictures of a fixed shape together
    with theme.style():
        for index, ax in enumerate(axes.flat):
            ax.axis("off")
            if index >= len(pictures):
                continue
            _picture(ax, pictures[index], holes[index])
            ax.set_title(wrapped[index], fontsize=12)
            if notes:
                ax.text(0.5, -0.03, notes[index], transform=ax.transAxes, ha="center", va="top", fontsize=11)
        for ax, name in zip(axes[:, 0], row_titles or (), strict=False):
            ax.text(-0.06, 0.5, name, transform=ax.transAxes, ha="right", va="center", rotation=90, fontsize=12)
    return drawing


def mark_holes(ax: Axes, mask: Tensor | np.ndarray) -> None:
    """Cover the holes of the picture in ``ax`` with orange and hatching.

    Args:
        ax: axes that show a picture of the mask's size by ``imshow``.
        mask: (H, W), (1, H, W) or (1, 1, H, W); 1 = known, 0 = hole.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    hole = plane(mask) == 0
    corners: list[tuple[float, float]] = []
    for y, x0, x1 in _runs(hole):
        corners += [(x0 - 0.5, y - 0.5), (x1 - 0.5, y - 0.5), (x1 - 0.5, y + 0.5), (x0 - 0.5, y + 0.5), (x0 - 0.5, y - 0.5)]
    if not corners:
        return
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
    # One path for all runs: the hatching goes on undisturbed from one pixel to the next.
    outline = Path(corners, codes)
    ax.add_patch(PathPatch(outline, facecolor=theme.ORANGE, edgecolor=theme.INK, linewidth=0, hatch="////", gid="holes"))


def _runs(hole: np.ndarray) -> list[tuple[int, int, int]]:
    """(row, first column, one past the last column) of each horizontal run of True."""
    padded = np.pad(hole.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    starts, stops = np.argwhere(change == 1), np.argwhere(change == -1)
    return [(int(a[0]), int(a[1]), int(b[1])) for a, b in zip(starts, stops, strict=True)]


def _picture(ax: Axes, picture: np.ndarray, mask: Tensor | None) -> None:
    from matplotlib.patches import Rectangle

    # Small pictures keep their pixels; matplotlib would blur them where a pixel takes less than three dots, and triple the file.
    interpolation = "nearest" if max(picture.shape[:2]) <= _SMALL else None
    ax.imshow(picture, vmin=0, vmax=1, cmap="gray" if picture.ndim == 2 else None, interpolation=interpolation)
    height, width = picture.shape[:2]  # a thin frame, so that a white picture has an end on a white page
    ax.add_patch(Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor=theme.GREY, linewidth=0.8, clip_on=False))
    if mask is not None:
        if tuple(mask.shape[-2:]) != picture.shape[:2]:
            raise ValueError(f"mask is {describe(mask)}, its picture {picture.shape[:2]} high and wide; expected the same size.")
        mark_holes(ax, mask)


def draw_picture(ax: Axes, image: Tensor | np.ndarray, mask: Tensor | None = None) -> None:
    """One picture of any form that :func:`image_row` takes, framed, its holes marked."""
    _picture(ax, _array(image), mask)


def _unpack(images: Images, titles: Sequence[str] | None) -> tuple[list[np.ndarray], list[str]]:
    names: list[str] = []
    if isinstance(images, Mapping):
        if titles is not None:
            raise ValueError("titles came beside a mapping, whose keys are the titles; give only one of them.")
        names, images = list(images), list(images.values())
    pictures = [_array(image) for image in images]
    if not pictures:
        raise ValueError("images is empty; expected at least one picture.")
    if titles is not None:
        _expect_length("titles", titles, len(pictures))
        names = list(titles)
    return pictures, names


def _expect_length(name: str, values: Sequence[Any] | None, count: int) -> None:
    if values is not None and len(values) != count:
        raise ValueError(f"{name} holds {len(values)} entries; expected {count}.")


def _array(image: Tensor | np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W), float in [0, 1]."""
    tensor = torch.as_tensor(image).detach().cpu()
    if not tensor.is_floating_point() and tensor.dtype not in (torch.uint8, torch.bool):
        raise TypeError(f"an image is {describe(image)}; expected float in [0, 1] or uint8. Convert whole numbers with .to(torch.uint8).")
    scale = 255.0 if tensor.dtype == torch.uint8 and tensor.max() > 1 else 1.0
    tensor = tensor.float() / scale
    while tensor.dim() > 2 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() not in (2, 3) or (tensor.dim() == 3 and tensor.shape[0] != 3):
        raise ValueError(f"an image is {describe(image)}; expected (3, H, W) or (1, 3, H, W), grey ones (H, W) or (1, H, W).")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"an image holds {int((~torch.isfinite(tensor)).sum())} values that are NaN or infinite; expected [0, 1].")
    array = tensor.clamp(0, 1).numpy()
    return array if array.ndim == 2 else array.transpose(1, 2, 0)


def plane(mask: Tensor | np.ndarray) -> np.ndarray:
    """(H, W) of a mask with leading dimensions of one."""
    plane = torch.as_tensor(mask).detach().cpu()
    while plane.dim() > 2 and plane.shape[0] == 1:
        plane = plane[0]
    if plane.dim() != 2:
        raise ValueError(f"mask is {describe(mask)}; expected (H, W), (1, H, W) or (1, 1, H, W).")
    return plane.float().numpy()


def _unpack_masks(masks: Tensor | Sequence[Tensor | None] | None, count: int) -> list[Tensor | None]:
    if masks is None:
        return [None] * count
    if isinstance(masks, Tensor):
        one = masks.dim() <= 3 or masks.shape[0] == 1
        masks = [masks] * count if one else list(masks)
    _expect_length("masks", masks, count)
    return list(masks)
