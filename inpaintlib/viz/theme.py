"""The one style, and :func:`show`, which puts a figure into a notebook together with its text alternative.

JupyterLab gives plain PNG outputs no text alternative, whatever their metadata say; an HTML ``<figure>`` has one.
"""

from __future__ import annotations

import base64
import html
import io
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from inpaintlib._check import describe

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "CYCLE",
    "GREEN",
    "GREY",
    "INK",
    "MARKERS",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILLION",
    "Still",
    "figure",
    "figure_html",
    "show",
    "style",
]

# Okabe and Ito's palette, told apart by colour-blind readers too. Source: M. Okabe, K. Ito, Color Universal Design (2008).
INK, GREY = "#1a1a2e", "#6b6b7b"
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, SKY, INK)  # orange is kept for holes
MARKERS = ("o", "s", "^", "D", "v", "P")  # a second sign beside each colour: nothing is said by colour alone
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))

WIDTH = 6.4  # inches: 614 CSS pixels, and still readable at half of it with the font sizes below
PICTURES = 9.4  # of rows and grids of pictures: 902 CSS pixels fill a notebook's column, and a narrower page shrinks them
_DPI = (150, 120, 96, 72)  # tried in this order until the picture is small enough
_BYTES = 150_000  # for one picture: six of them leave a notebook below 1 MB after base64


def style() -> AbstractContextManager[None]:
    """The course's matplotlib settings, as a context: ``with viz.style(): ...``; afterwards the old ones are back."""
    import matplotlib
    from cycler import cycler

    settings: Any = {
        "font.size": 12,
        "axes.titlesize": 12,
        "axes.labelsize": 12,
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "legend.fontsize": 11,
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "figure.facecolor": "white",  # not transparent: the figures are read in dark themes too
        "savefig.facecolor": "white",
        "axes.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dcdce4",
        "grid.linewidth": 0.8,
        "lines.linewidth": 2.0,
        "lines.markersize": 6,
        "legend.frameon": False,
        "hatch.linewidth": 1.0,
        "axes.prop_cycle": cycler(color=CYCLE) + cycler(linestyle=DASHES),
    }
    return matplotlib.rc_context(settings)


def figure(width: float = WIDTH, height: float = 3.2, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, np.ndarray]:
    """A new figure in the course's style and its axes.

    Args:
        width: inches.
        height: inches.
        rows: rows of axes.
        columns: columns of axes.
        **options: passed on to ``Figure.subplots``, for example ``sharey=True``.

    Returns:
        the figure, which pyplot does not know of, and its axes as an array (rows, columns).
    """
    from matplotlib.figure import Figure

    with style():
        drawing = Figure(figsize=(width, height), layout="constrained")
        axes = drawing.subplots(rows, columns, squeeze=False, **options)
    return drawing, axes


class Still:
    """A picture with its text alternative: HTML in a notebook, the text alternative anywhere else."""

    def __init__(self, markup: str, text: str) -> None:
        self.markup, self.text = markup, text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def figure_html(drawing: Figure, *, alt: str, caption: str = "", max_bytes: int = _BYTES) -> str:
    """The figure as an HTML ``<figure>`` that holds a PNG, its text alternative and its caption.

    Args:
        drawing: a matplotlib figure.
        alt: what a reader who does not see the picture must know.
        caption: one or two sentences below the picture; plain text.
        max_bytes: the resolution is lowered (150 to 72 dots an inch) until the PNG is no larger than this; if none is, the smallest.

    Raises:
        TypeError: no matplotlib figure.
        ValueError: an empty text alternative.
    """
    from matplotlib.figure import Figure

    if not isinstance(drawing, Figure):
        raise TypeError(f"figure is {describe(drawing)}; expected a matplotlib Figure, as viz.image_row and its kin return.")
    alt = _alternative(alt)
    tried: list[bytes] = []
    for dpi in _DPI:
        tried.append(_png(drawing, dpi))
        if len(tried[-1]) <= max_bytes:
            break
    png = min(tried, key=len)  # fewer dots an inch are more bytes where pixels no longer fall on dots
    width = round(drawing.get_figwidth() * 96)  # CSS pixels; the page narrows the picture where it has less room
    return picture_html(png, alt=alt, caption=caption, width=width)


def picture_html(png: bytes, *, alt: str, caption: str = "", width: int | None = None) -> str:
    """PNG bytes as an HTML ``<figure>``; ``width`` in CSS pixels."""
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    size = f' width="{width}"' if width else ""
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    size += ' style="max-width: 100%; height: auto"'
    return f'<figure><img src="{source}" alt="{html.escape(_alternative(alt), quote=True)}"{size}>{below}</figure>'


def show(drawing: Figure, *, alt: str, caption: str = "", max_bytes: int = _BYTES) -> None:
    """Put a figure into the notebook with its text alternative and a caption, and close it.

    Args:
        drawing: a matplotlib figure, from this module or any other.
        alt: what a reader who does not see the picture must know; not the caption again.
        caption: one or two sentences below the picture.
        max_bytes: see :func:`figure_html`; less where a notebook holds many pictures.

    Raises:
        TypeError: no matplotlib figure.
        ValueError: an empty text alternative.
    """
    from IPython.display import display

    still = Still(figure_html(drawing, alt=alt, caption=caption, max_bytes=max_bytes), f"[figure] {_alternative(alt)}")
    _close(drawing)
    display(still)


def _alternative(alt: str) -> str:
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt is {alt!r}; expected a sentence that says what the picture shows to a reader who cannot see it.")
    return " ".join(alt.split())


def _png(drawing: Figure, dpi: int) -> bytes:
    from PIL import Image

    raw, buffer = io.BytesIO(), io.BytesIO()
    with style():
        drawing.savefig(raw, format="png", dpi=dpi)
    picture = Image.open(raw).convert("RGB")
    if not any(ax.images for ax in drawing.axes):  # lines and letters need few colours; photographs keep all of theirs
        picture = picture.quantize(128, dither=Image.Dither.NONE)
    picture.save(buffer, format="png", optimize=True)  # without a date or a version: the same figure gives the same bytes
    return buffer.getvalue()


def _close(drawing: Figure) -> None:
    """Take a figure made by pyplot from its list, so that the notebook does not show it a second time; then empty it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(drawing)
    drawing.clear()
