"""What a student wrote for the open tasks: the changed and the added cells of their sections, for a reader.

A section goes from one heading ``## ...`` of the handed-out notebook to the next. Cells are known by their ids, and, since some editors
give new ones, by their texts; a cell that is new belongs where it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Section", "answers", "sections"]

CELL, ALL = 20_000, 100_000  # characters that are kept of one cell, and of one answer
HEADING = re.compile(r"^## ", re.MULTILINE)


class Section(NamedTuple):
    """A part of the handed-out notebook: its cells by id, and the open task that it asks, or an empty string."""

    cells: dict[str, str]
    task: str


def sections(notebook: Path, tasks: Sequence[str]) -> tuple[Section, ...]:
    """The sections of a notebook as it was handed out; none where it is missing.

    Args:
        notebook: the file.
        tasks: ids of the open tasks.
    """
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    parts: list[dict[str, str]] = [{}]
    for number, cell in enumerate(cells, 1):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and HEADING.search(text):
            parts.append({})
        parts[-1][str(cell.get("id", number))] = text
    return tuple(Section(part, next((task for task in tasks if f'check("{task}"' in "\n".join(part.values())), "")) for part in parts)


def answers(texts: Mapping[str, str], handed_out: Sequence[Section], tasks: Sequence[str]) -> dict[str, str]:
    """Open task, without its unit -> what was written for it; nothing for a task whose cells are as they were handed out.

    Args:
        texts: the texts of a submission's cells by id, in order.
        handed_out: see :func:`sections`.
        tasks: ids of the open tasks.
    """
    by_id = {name: section for section in handed_out for name in section.cells}
    by_text = {_plain(text): section for section in reversed(handed_out) for text in section.cells.values()}
    names = [task.rpartition("/")[2] for task in tasks]
    found: dict[str, list[str]] = {name: [] for name in names}
    here = ""
    for cell, text in texts.items():
        name = cell.partition(" ")[0]  # a second cell of that id has its number behind it
        if (same := by_text.get(_plain(text))) is not None:
            here = same.task
        elif text.strip():
            section = by_id.get(name)
            task = (section.task if section else here).rpartition("/")[2]
            named = name.rpartition("-")[2]
            if (own := named if named in names else task) in found:
                found[own].append(text[:CELL])
    return {name: "\n\n".join(parts)[:ALL] for name, parts in found.items() if parts}


def _plain(text: str) -> str:
    """A text without what editors change: ends of lines, and spaces before them."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
