"""A time line of works, one row a family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inpaintlib.viz import theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["timeline"]


def timeline(families: Mapping[str, Mapping[int, str]], *, width: float = 9.0) -> Figure:
    """Works by year of publication; each family has its row, its colour and its marker.

    Args:
        families: name of the family -> {year: name of the work}, the first family on top.
        width: inches.

    Raises:
        ValueError: no family, more families than there are markers, or one without works.
    """
    if not families or not all(families.values()):
        raise ValueError("expected at least one family, each with at least one {year: work}.")
    if len(families) > len(theme.MARKERS):
        raise ValueError(f"got {len(families)} families; the style has {len(theme.MARKERS)} markers that can be told apart. Merge some.")
    drawing, axes = theme.figure(width, 0.4 + 0.64 * len(families))
    ax = axes[0, 0]
    with theme.style():
        for row, works in enumerate(families.values()):
            ax.axhline(-row, color="0.85", zorder=0)
            for number, (year, name) in enumerate(sorted(works.items())):
                ax.plot(year, -row, theme.MARKERS[row], color=theme.CYCLE[row])
                side, va = (7, "bottom") if number % 2 == 0 else (-7, "top")  # names above and below in turn, so that they do not touch
                ax.annotate(name, (year, -row), (0, side), textcoords="offset points", ha="center", va=va, fontsize=9)
        ax.set(yticks=[-row for row in range(len(families))], yticklabels=list(families), xlabel="year of publication")
        ax.set_ylim(-len(families) + 0.4, 0.6)
        ax.margins(x=0.08)
    return drawing
