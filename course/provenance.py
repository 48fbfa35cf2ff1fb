"""Tables of measured values, and the line under each that says how it was computed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from course import outputs
from course.wording import measured, plain

__all__ = ["LINE", "bare_tables"]

LINE = "How this was computed"
_PUBLISHED = re.compile(r"\([\w-]+, (?:printed|setting|recomputed|computed)")  # says itself where it comes from


def bare_tables(notebook: dict[str, Any]) -> list[str]:
    """Ids of cells that show a table of measured values with no such line under it.

    A table is HTML that has one, a table of markdown, or several printed lines, each with a measured number. Cells tagged ``compare``
    compute, they do not measure: their output is the same everywhere. A comparison of inpainters brings its line along.

    Args:
        notebook: a stored notebook with its outputs.
    """
    cells = notebook["cells"]
    return [cell["id"] for index, cell in enumerate(cells) if _is_bare(cell, _next_prose(cells[index + 1 :]))]


def _is_bare(cell: dict[str, Any], below: str) -> bool:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        tables = list(re.finditer(r"^\|.*\|\s*\n\|[-:| ]+\|\s*\n(?:\|.*\|\s*(?:\n|$))+", text, re.MULTILINE))
        return any(any(measured(plain(table.group()))) and LINE not in text[table.end() :] for table in tables)
    compared = any("Comparison of" in "".join(output.get("data", {}).get("text/plain", [])) for output in cell["outputs"])
    if "compare" in cell["metadata"].get("tags", []) or compared or LINE in below:
        return False
    return any(LINE not in shown for output in cell["outputs"] for shown in _tables(output))


def _tables(output: dict[str, Any]) -> Iterator[str]:
    if output["output_type"] == "stream":
        (text,) = outputs.texts(output)
        if sum(1 for line in text.splitlines() if any(measured(line)) and not _PUBLISHED.search(line)) > 1:
            yield text
    html = "".join(output.get("data", {}).get("text/html", []))
    if "<table" in html:
        words = re.sub(r"<[^>]+>", " ", html)
        if any(measured(words)):
            yield words


def _next_prose(cells: list[dict[str, Any]]) -> str:
    return next(("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"), "")
