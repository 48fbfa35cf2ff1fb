"""Reading what was handed in: whatever the file is like, the cells that can be run, and sentences about what was wrong with it.

Nothing here runs the student's code.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.grading.repair import as_python

__all__ = ["Cell", "Submission", "Unreadable", "read"]

LARGEST = 256 << 20  # bytes of a file
PIECES = 3_000_000  # values in the file: each takes about a hundred bytes of memory
CELLS, CELL = 2000, 1 << 20  # cells of a notebook, characters of a cell
PERCENT = re.compile(r"^# (?:%%|In\[[\d ]*\]:?)(.*)$", re.MULTILINE)
MARKDOWN = re.compile(r"\[(?:markdown|md)\]")


class Unreadable(Exception):
    """The file holds no cells; the message is for the student."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its id (the number of the cell where it has none), its Python, its tags."""

    name: str
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """What was handed in.

    Args:
        name: what the grader calls it.
        cells: its code cells in order, magics taken out.
        notes: what the student should know about the file.
        texts: what was written in markdown cells and the open tasks' code, by cell id: for a reader.
        unit: the unit that the notebook says it belongs to, or an empty string.
        digest: SHA-256 of the file.
    """

    name: str
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    unit: str = ""
    digest: str = ""

    @property
    def source(self) -> str:
        """All code."""
        return "\n".join(cell.source for cell in self.cells)


def read(path: Path, name: str = "") -> Submission:
    """Read a notebook, or a Python script that was exported from one.

    Raises:
        Unreadable: it is neither, or far too large.
    """
    if not path.is_file():
        raise Unreadable(f"There is no file {path.name}.")
    if path.stat().st_size > LARGEST:
        size = path.stat().st_size >> 20
        raise Unreadable(f"The file has {size} MB; at most {LARGEST >> 20} can be read. Clear its outputs and hand it in again.")
    data = path.read_bytes()
    text, notes = _decoded(data)
    if path.suffix == ".py":
        cells, texts, unit = _script(text)
    else:
        cells, texts, unit = _notebook(text, notes)
    readable = [_readable(cell, notes) for cell in cells[:CELLS]]
    if len(cells) > CELLS:
        notes.append(f"The notebook has {len(cells)} cells; only the first {CELLS} are run.")
    digest = hashlib.sha256(data).hexdigest()
    return Submission(name or path.stem, tuple(c for c in readable if c), tuple(dict.fromkeys(notes)), texts, unit, digest)


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """The text of a file in whatever encoding it is, and a note where it is not UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), ["The file was UTF-16, not UTF-8; it was read all the same."]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), ["The file is not UTF-8; it was read as Windows text. Letters with accents may be wrong."]


def _script(text: str) -> tuple[list[Cell], dict[str, str], str]:
    """The cells of a script, and its texts: of one in percent format, of one that nbconvert wrote; of any other, one cell."""
    marks = list(PERCENT.finditer(text))
    if not marks:
        return [Cell("1", text)], {str(i): _words(piece) for i, piece in enumerate(_pieces(text), 1)}, ""
    starts = [0, *(mark.end() for mark in marks)]
    ends = [*(mark.start() for mark in marks), len(text)]
    heads = ["", *(mark[0] for mark in marks)]
    cells, texts = [], {}
    for i, (head, a, b) in enumerate(zip(heads, starts, ends, strict=True)):
        source = text[a:b].strip("\n")
        if MARKDOWN.search(head):
            texts[str(i)] = _words(source, markdown=True)
            continue
        cells.append(Cell(str(i), source, _tags_of(head)))
        pieces = [source] if head.startswith("# %%") else _behind(source)
        texts.update({f"{i}.{n}" if n else str(i): _words(piece) for n, piece in enumerate(pieces)})
    return cells, texts, ""


def _pieces(source: str) -> list[str]:
    """Code, and the paragraphs of comments in it, as which nbconvert writes the cells that hold words.

    >>> _pieces("x = 1\\n\\ny = 2\\n\\n# more\\n# words\\n\\n# others")
    ['x = 1\\n\\ny = 2', '# more\\n# words', '# others']
    """
    found: list[str] = []
    gap = ""
    for part in re.split(r"(\n(?:[ \t]*\n)+)", source.strip("\n")):
        if not part.strip():
            gap = part
        elif found and not _is_comment(part) and not _is_comment(found[-1]):
            found[-1] += gap + part
        else:
            found.append(part)
    return found


def _behind(source: str) -> list[str]:
    """Code, and the paragraphs of comments behind it; those within it are the student's own."""
    pieces = _pieces(source)
    words = len(pieces)
    while words and _is_comment(pieces[words - 1]):
        words -= 1
    behind = pieces[words:]
    code = source.strip("\n")
    for piece in reversed(behind):
        code = code[: code.rindex(piece)].rstrip()
    return [code] * bool(code) + behind


def _is_comment(text: str) -> bool:
    return all(line.startswith("#") for line in text.splitlines())


def _words(source: str, *, markdown: bool = False) -> str:
    """The text of a markdown cell that a script holds as comments, or as a string; code as it is.

    >>> _words("# # Title\\n#\\n# and words")
    '# Title\\n\\nand words'
    """
    text = source.strip()
    if not markdown and not _is_comment(text):
        return source
    if text[:3] in ('"""', "'''") and text.endswith(text[:3]):
        return text[3:-3].strip()
    return "\n".join(re.sub(r"^#( |$)", "", line) for line in text.splitlines()).strip()


def _tags_of(head: str) -> tuple[str, ...]:
    found = re.search(r"tags=\[([^\]]*)\]", head)
    return tuple(re.findall(r'"([^"]*)"', found[1])) if found else ()


def _notebook(text: str, notes: list[str]) -> tuple[list[Cell], dict[str, str], str]:
    """The code cells, the other texts, and the unit of a notebook of any format."""
    if text.count("{") + text.count("[") + text.count(",") > PIECES:
        raise Unreadable("The file is too large to be read. Choose Edit > Clear Outputs of All Cells, save it, and hand it in again.")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(_what_is(text)) from None
    if not isinstance(notebook, dict):
        raise Unreadable("The file is JSON, but no notebook. Hand in the file with the ending .ipynb that JupyterLab saves.")
    raw = notebook.get("cells")
    if not isinstance(raw, list):  # formats 2 and 3
        sheets = notebook.get("worksheets")
        raw = [cell for sheet in _list(sheets) if isinstance(sheet, dict) for cell in _list(sheet.get("cells"))]
        notes.append("The notebook is of an old format; it was read all the same.")
    if not raw:
        raise Unreadable("The notebook has no cells. Is it the file in which you worked?")
    cells, texts = [], {}
    for number, cell in enumerate(raw, 1):
        if not isinstance(cell, dict):
            continue
        metadata, known = cell.get("metadata"), cell.get("id")
        tags = _list(metadata.get("tags")) if isinstance(metadata, dict) else []
        name = known if isinstance(known, str) else str(number)
        source = _joined(cell.get("source", cell.get("input", "")))
        texts[f"{name} ({number})" if name in texts else name] = source
        if cell.get("cell_type") == "code":
            cells.append(Cell(name, source, tuple(tag for tag in tags if isinstance(tag, str))))
    course = notebook.get("metadata", {}).get("course", {}) if isinstance(notebook.get("metadata"), dict) else {}
    unit = course.get("unit", "") if isinstance(course, dict) else ""
    return cells, texts, unit if isinstance(unit, str) else ""


def _what_is(text: str) -> str:
    """What a file is that is no JSON, and what to do."""
    start = text[:2000].lstrip().lower()
    if start.startswith(("<!doctype html", "<html")):
        return "This is a web page of your notebook, not the notebook. Hand in the file with the ending .ipynb."
    if start.startswith("%pdf"):
        return "This is a PDF of your notebook, not the notebook. Hand in the file with the ending .ipynb."
    if start.startswith("pk"):
        return "This is a zip archive, not a notebook. Hand in the file with the ending .ipynb."
    if re.search(r"^(<<<<<<<|=======$|>>>>>>>)", text, re.MULTILINE):
        return "The notebook holds marks of a git conflict (<<<<<<<), so it cannot be read. Resolve them and hand it in again."
    if not text.strip():
        return "The file is empty."
    return "The file is no notebook, or was cut off. Open it in JupyterLab, save it, and hand in the file with the ending .ipynb."


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(source: Any) -> str:
    """The text of a cell, which may come as lines."""
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _readable(cell: Cell, notes: list[str]) -> Cell | None:
    """The cell as Python, with notes about what was taken out of it; None if nothing is left."""
    if len(cell.source) > CELL:
        notes.append(f"A cell has {len(cell.source)} characters and was left out.")
        return None
    source, removed = as_python(cell.source)
    notes += removed
    return Cell(cell.name, source, cell.tags) if source.strip() else None
