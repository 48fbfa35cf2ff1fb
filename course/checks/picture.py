"""The picture of a case: its input, what was expected and what came back, as grids of numbers or, where they are large, as images.

Grids are HTML tables: they have their numbers for a screen reader too. A hole is in brackets and hatched, a wrong number is marked
with a cross and framed: never by colour alone.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from course.checks.judge import Outcome, number
from course.checks.task import Case, Task

__all__ = ["Panel", "as_html", "as_text", "call_line", "case_panels", "cell_text", "panels"]

LARGEST_GRID = 12  # rows or columns; larger planes are drawn as images
PLANES = 4  # of an array with channels, so many are shown
HATCH = "repeating-linear-gradient(45deg,#fff,#fff 4px,#E69F00 4px,#E69F00 6px)"


@dataclass(frozen=True)
class Panel:
    """One plane of numbers with a title; where it is unknown (holes) and where it is wrong."""

    title: str
    values: np.ndarray  # (H, W)
    holes: np.ndarray | None = None
    wrong: np.ndarray | None = None
    row: int = 0  # panels of the same row stand side by side
    crossed: bool = False  # wrong places are marked with a cross, not only framed
    shape: tuple[int, ...] = ()  # of the whole tensor, of which this may be one plane

    @property
    def size(self) -> str:
        """The shape in words, for the line below the title: "(2, 5, 5)"; nothing for one number."""
        return ("of " if self.title.endswith("]") else "") + str(self.shape) if self.shape else ""

    @property
    def caption(self) -> str:
        """Title and shape in one line."""
        return f"{self.title} {self.size}".strip()


def panels(task: Task, outcome: Outcome) -> list[Panel]:
    """The input above; expected and got side by side below."""
    drawn = case_panels(outcome.case)
    if task.sketch is not None:
        drawn += [panel for panel in task.call(task.sketch, outcome.case) if max(panel.values.shape) <= LARGEST_GRID]
    got = outcome.got if isinstance(outcome.got, tuple) else ()
    for i, output in enumerate(task.returns):
        title = f"{output.name}, " if len(task.returns) > 1 else ""
        right = outcome.expected[i]
        wrong = outcome.wrong[i] if i < len(outcome.wrong) else None
        drawn += _planes(f"{title}expected", right, None, wrong, i + 1)
        if i < len(got):
            drawn += _planes(f"{title}got", got[i], None, wrong, i + 1, crossed=True)
    return drawn


def case_panels(case: Case) -> list[Panel]:
    """The tensors of a case; holes are marked in the image that the mask belongs to."""
    mask = case.arguments.get("mask")
    known = None if mask is None or not isinstance(mask, torch.Tensor) else mask.double().numpy()
    drawn: list[Panel] = []
    for name, value in case.arguments.items():
        if not isinstance(value, torch.Tensor):
            continue
        array = value.detach().double().numpy()
        if name == "mask":
            image = case.arguments.get("image")
            if isinstance(image, torch.Tensor) and image.shape[-2:] == value.shape[-2:]:
                continue  # drawn into the image
        fits = name in ("image", "mask") and known is not None and array.shape[-2:] == known.shape[-2:]
        drawn += _planes(name, array, known == 0 if fits and known is not None else None, None, 0)
    return drawn


def call_line(task: Task, case: Case) -> str:
    """The call in one line, small arguments written out: ``correlate(image, kernel, stride=2)``."""
    if task.probe is not None:  # what is asked is not one call with these arguments
        plain = [f"{name} = {value!r}" for name, value in case.arguments.items() if not isinstance(value, torch.Tensor)]
        return f"{task.signature}{' with ' if plain else ''}{', '.join(plain)}"
    shown = []
    for i, (name, value) in enumerate(case.arguments.items()):
        text = name if isinstance(value, torch.Tensor) else repr(value)
        shown.append(text if i < task.positional else f"{name}={text}")
    return f"{task.function}({', '.join(shown)})"


def _planes(
    title: str, array: np.ndarray, holes: np.ndarray | None, wrong: np.ndarray | None, row: int, crossed: bool = False
) -> Iterator[Panel]:
    """The planes (H, W) of an array of any dimension; of many, those that are wrong."""
    planes = _as_planes(array)
    count = len(planes)
    bad = _as_planes(wrong) if wrong is not None and wrong.shape == array.shape else [None] * count
    hidden = _as_planes(np.broadcast_to(holes, array.shape)) if holes is not None else [None] * count
    places = list(np.ndindex(array.shape[:-2])) if array.ndim > 2 and count > 1 else [()] * count
    marked = [i for i, plane in enumerate(bad) if plane is not None and plane.any()]
    for i in (marked or range(count))[:PLANES]:
        place = f"[{', '.join(map(str, places[i]))}]" if places[i] else ""
        yield Panel(f"{title}{place}", planes[i], hidden[i], bad[i], row, crossed, array.shape)


def _as_planes(array: np.ndarray) -> list[np.ndarray]:
    if array.ndim < 2:
        return [array.reshape(1, -1)]
    return list(array.reshape(-1, *array.shape[-2:])) if array.size else [np.zeros((0, 0), array.dtype)]


def cell_text(panel: Panel, row: int, column: int) -> str:
    """A number of a panel; a hole in brackets."""
    text = number(panel.values[row, column])
    if panel.holes is not None and panel.holes[row, column]:
        text = f"({text})"
    return text


def _rows(drawn: list[Panel]) -> list[list[Panel]]:
    return [[p for p in drawn if p.row == row] for row in sorted({p.row for p in drawn})]


def as_text(drawn: list[Panel]) -> str:
    """The panels for a terminal: (7) is a hole, 7* is wrong.

    >>> got = Panel("got", np.array([[1.0, 3]]), wrong=np.array([[0, 1]]), crossed=True)
    >>> print(as_text([Panel("expected", np.array([[1.0, 2]])), got]))
    expected    got
      1  2        1  3*
    """
    return "\n".join(_side_by_side([_block(panel) for panel in row]) for row in _rows(drawn))


def _block(panel: Panel) -> list[str]:
    height, width = panel.values.shape
    if max(height, width) > LARGEST_GRID:
        return [panel.caption, f"{height} x {width}, {number(panel.values.min())} to {number(panel.values.max())}"]
    if panel.values.size == 0:
        return [panel.caption, "(empty)"]
    star = [["*" if panel.crossed and _is_wrong(panel, r, c) else "" for c in range(width)] for r in range(height)]
    cells = [[cell_text(panel, r, c) + star[r][c] for c in range(width)] for r in range(height)]
    widths = [max(len(row[c].rstrip("*)")) for row in cells) for c in range(width)]
    tails = [max(len(row[c]) - len(row[c].rstrip("*)")) for row in cells) for c in range(width)]

    def align(text: str, c: int) -> str:
        core = text.rstrip("*)")
        return core.rjust(widths[c]) + text[len(core) :].ljust(tails[c])

    return [panel.caption, *("  " + "  ".join(align(row[c], c) for c in range(width)).rstrip() for row in cells)]


def _side_by_side(blocks: list[list[str]]) -> str:
    height = max(len(block) for block in blocks)
    widths = [max(len(line) for line in block) for block in blocks]
    padded = [[line.ljust(w) for line in block] + [" " * w] * (height - len(block)) for block, w in zip(blocks, widths, strict=True)]
    return "\n".join("    ".join(lines).rstrip() for lines in zip(*padded, strict=True))


def _is_wrong(panel: Panel, row: int, column: int) -> bool:
    return panel.wrong is not None and bool(panel.wrong[row, column])


def as_html(drawn: list[Panel]) -> str:
    """The panels as rows of captioned tables; large planes as images."""
    rows = []
    for row in _rows(drawn):
        cells = "".join(_table(p) if max(p.values.shape) <= LARGEST_GRID else _image(p, row) for p in row)
        rows.append(f'<div style="display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start;margin:.5em 0">{cells}</div>')
    return "\n".join(rows)


def _table(panel: Panel) -> str:
    style = "caption-side:top;text-align:left;white-space:nowrap;color:#1a1a2e;padding:.1em 0"
    caption = f'<caption style="{style}">{html.escape(panel.caption)}</caption>'
    if panel.values.size == 0:
        return f"<table>{caption}<tr><td>empty</td></tr></table>"
    body = ""
    for r in range(panel.values.shape[0]):
        body += "<tr>" + "".join(_cell(panel, r, c) for c in range(panel.values.shape[1])) + "</tr>"
    return f'<table style="border-collapse:collapse;margin:0;font-variant-numeric:tabular-nums">{caption}{body}</table>'


def _cell(panel: Panel, row: int, column: int) -> str:
    style = "border:1px solid #8a8a8a;padding:.2em .5em;text-align:right;background:#fff;color:#1a1a2e"
    text = f"{cell_text(panel, row, column)}"
    if panel.holes is not None and panel.holes[row, column]:
        style += f";background:{HATCH}"
        text = f'<span style="background:#fff;padding:0 .15em">{text}</span>'
    if _is_wrong(panel, row, column):
        style += ";outline:2px solid #D55E00;outline-offset:-3px;font-weight:bold"
        text = f'<span role="img" aria-label="wrong:">✗</span> {text}' if panel.crossed else text
    return f'<td style="{style}">{text}</td>'


def _image(panel: Panel, row: list[Panel]) -> str:
    """A large plane as a grey image, on one scale with the others of its row; wrong places framed."""
    from course.checks.draw import png

    finite = np.concatenate([p.values[np.isfinite(p.values)].ravel() for p in row])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    alt = f"{panel.caption}: {panel.values.shape[0]} by {panel.values.shape[1]} values from {number(low)} (black) to {number(high)} (white)"
    if panel.wrong is not None and panel.wrong.any():
        alt += f", {int(panel.wrong.sum())} of them wrong"
    source = png(panel.values, low, high, panel.holes, panel.wrong)
    caption = f"<figcaption>{html.escape(panel.caption)}</figcaption>"
    picture = f'<img alt="{html.escape(alt)}" src="{source}" style="width:16em;image-rendering:pixelated">'
    return f'<figure style="margin:0">{caption}{picture}</figure>'

