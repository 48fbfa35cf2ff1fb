"""The leaderboard: every inpainter on the same frozen masks, with ranks that claim no more than the images show.

    python -m inpaintlib.leaderboard --help                       how to make one
    python -m inpaintlib.leaderboard --add mine.py:fill           ... with an inpainter of one's own in it
    leaderboard.load().table("lines")                             the one that comes with the course

The parts, in the order in which they are used:

    entries      who takes part                      contract     does it keep an inpainter's promise?
    measures     what is measured, on which masks    measure      the run, which can be stopped and taken up again
    ranking      paired bootstrap, ranks             board        averages and ranks; tables, JSON
    captions     the words around them               figures      quality against time and hole size
"""

from __future__ import annotations

from pathlib import Path

from inpaintlib.leaderboard.board import Group, Leaderboard, Line, Table

__all__ = ["STORED", "Group", "Leaderboard", "Line", "Table", "load"]

STORED = Path(__file__).parents[2] / "docs" / "results" / "leaderboard.json"


def load(path: str | Path | None = None) -> Leaderboard:
    """A leaderboard that was measured before; nothing is measured now.

    Args:
        path: the ``leaderboard.json`` of a run of one's own; None for the one that comes with the course.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is damaged, or something else.
    """
    chosen = Path(path) if path is not None else STORED
    if not chosen.is_file():
        place = f"in {chosen}" if path is not None else "with this installation; it is in docs/results of the course"
        raise FileNotFoundError(f"there is no leaderboard {place}. Make one with python -m inpaintlib.leaderboard.")
    return Leaderboard.load(chosen)
