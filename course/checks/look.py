"""``look``: one example of a task as a figure, its input and the right answer, and a student's answer beside them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from course.checks import picture
from course.checks.call import try_case
from course.checks.judge import Outcome
from course.checks.result import inline
from course.checks.task import Task

__all__ = ["draw_example"]

SECONDS = 10.0  # for the one call


def draw_example(task: Task, function: Callable[..., Any] | None) -> tuple[Outcome, str, str]:
    """The example of a task as (outcome, text, HTML); without a function the right answer alone.

    Args:
        task: what is asked.
        function: the student's, or None.
    """
    case = task.example or task.corners[0]
    outcome = try_case(task, function or task.oracle, case, SECONDS)
    drawn = picture.panels(task, outcome)
    if outcome.status in ("right", "stub"):
        drawn = [panel for panel in drawn if not panel.crossed]  # what was got would only repeat what was expected
    sentence = _sentence(outcome, given=function is not None)
    call = picture.call_line(task, case)
    text = "\n".join(part for part in (call, picture.as_text(drawn), sentence) if part)
    below = f'<p style="margin:.2em 0">{inline(sentence)}</p>' if sentence else ""
    return outcome, text, _figure(drawn, call) + below


def _sentence(outcome: Outcome, *, given: bool) -> str:
    if not given:
        return ""
    if outcome.status == "right":
        return "Your function gives these values."
    return f"Your function: {outcome.message}"


def _figure(drawn: list[picture.Panel], call: str) -> str:
    """Small grids in one row as a figure; HTML tables and images where a plane is too large or too much for one row."""
    width = sum(panel.values.shape[1] + 1 for panel in drawn)
    titles = [panel.title for panel in drawn]
    fits = all(panel.values.size and max(panel.values.shape) <= picture.LARGEST_GRID for panel in drawn)
    if not fits or width > 30 or len(set(titles)) < len(titles):
        return f"<p>{call}</p>{picture.as_html(drawn)}"
    from inpaintlib import viz

    # "new_mask, expected (1, 1, 3, 3)" is too long for one line above a grid
    titles = [re.sub(r", (expected|got)$", r",\n\1", panel.title) for panel in drawn]
    named = {f"{title}\n{panel.size}".strip(): panel for title, panel in zip(titles, drawn, strict=True)}
    figure = viz.number_row(
        {title: panel.values for title, panel in named.items()},
        masks={title: 1.0 - panel.holes for title, panel in named.items() if panel.holes is not None},
        highlights={title: panel.wrong for title, panel in named.items() if panel.crossed and panel.wrong is not None},
        hole=None,
    )
    return viz.figure_html(figure, alt=_alternative(drawn), caption=call)


def _alternative(drawn: list[picture.Panel]) -> str:
    """The numbers in words, row by row: they are few."""
    return " ".join(f"{panel.caption}: {_rows(panel)}." for panel in drawn)


def _rows(panel: picture.Panel) -> str:
    rows, columns = panel.values.shape
    cells = np.array([[picture.cell_text(panel, r, c) for c in range(columns)] for r in range(rows)])
    return " / ".join(" ".join(row) for row in cells)
