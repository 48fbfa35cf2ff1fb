"""What a student wrote for the open tasks: the changed and the added cells of their sections, for a reader.

A section goes from one heading ``## ...`` of the handed-out notebook to the next. Cells are known by their ids, and, since some editors
give new ones and scripts have none, by their texts; a cell that is new belongs where it stands. What was written behind everything that
is asked may belong to any open task, and is shown with each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["AT_END", "WHOLE", "Section", "answers", "sections"]

CELL, ALL = 20_000, 100_000  # characters that are kept of one cell, and of one answer
AT_END = "[Written at the end of the notebook; it may belong to any open task:]"
WHOLE = "[Nothing of the notebook that was handed out was found here, so this is everything; it may belong to any open task:]"
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


def answers(texts: Mapping[str, str], handed_out: Sequence[Section], tasks: Sequence[str], *, whole: bool = True) -> dict[str, str]:
    """Open task, without its unit -> what was written for it; nothing for a task whose cells are as they were handed out.

    Args:
        texts: the texts of a submission's cells by id, in order.
        handed_out: see :func:`sections`.
        tasks: ids of the open tasks.
        whole: where nothing of the handed-out notebook is found, show everything.
    """
    by_id = {name: section for section in handed_out for name in section.cells}
    by_text = {_plain(text): section for section in reversed(handed_out) for text in section.cells.values()}
    names = [task.rpartition("/")[2] for task in tasks]
    found: dict[str, list[str]] = {name: [] for name in names}
    given = [by_text.get(_plain(text)) or by_id.get(_id(cell)) for cell, text in texts.items()]
    last = max((place for place, section in enumerate(given) if section and _asks(section)), default=-1)
    here, end = "", list[str]()
    for place, (cell, text) in enumerate(texts.items()):
        name = _id(cell)
        if (same := by_text.get(_plain(text))) is not None:
            here = same.task
        elif text.strip():
            section = by_id.get(name)
            task = (section.task if section else here).rpartition("/")[2]
            named = name.rpartition("-")[2]
            if (own := named if named in names else task) in found:
                found[own].append(text[:CELL])
            elif place > last and section is None and handed_out:
                end.append(text[:CELL])
    if end and (last >= 0 or whole):
        for parts in found.values():
            parts += [AT_END if last >= 0 else WHOLE, *end]
    return {name: "\n\n".join(parts)[:ALL] for name, parts in found.items() if parts}


def _id(cell: str) -> str:
    return cell.partition(" ")[0]  # a second cell of that id has its number behind it


def _asks(section: Section) -> bool:
    """Whether a section asks for anything; the last one only adds up."""
    return any('check("' in text for text in section.cells.values())


def _plain(text: str) -> str:
    """A text without what editors change, ends of lines and spaces before them; and without the signs of a comment, if it is no more."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(re.sub("^# ?", "", line) for line in lines) if all(line.startswith("#") for line in lines) else "\n".join(lines)
