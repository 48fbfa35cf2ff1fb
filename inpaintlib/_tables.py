"""Tables of strings as plain text, Markdown and HTML; the form only, nothing about what is in them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Cell", "as_html", "as_markdown", "as_text"]


class Cell(NamedTuple):
    """One entry; ``strong`` ones stand out (by weight or by a sign, never by colour)."""

    text: str
    strong: bool = False


def as_text(head: Sequence[str], body: Sequence[Sequence[Cell]]) -> str:
    """Aligned columns; strong cells carry a star.

    >>> print(as_text(["method", "dB"], [[Cell("mean"), Cell("23.8")], [Cell("telea"), Cell("30.1", True)]]))
    method  dB
    ------  ------
    mean    23.8
    telea   30.1 *
    """
    rows = [list(head), *([cell.text + (" *" if cell.strong else "") for cell in row] for row in body)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def as_markdown(head: Sequence[str], body: Sequence[Sequence[Cell]]) -> str:
    """A Markdown table; the first column is text, the others are numbers and stand to the right.

    >>> print(as_markdown(["method", "dB"], [[Cell("mean"), Cell("23.8", True)]]))
    | method | dB |
    |---|--:|
    | mean | **23.8** |
    """

    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")

    lines = ["| " + " | ".join(escaped(text) for text in head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for row in body:
        lines.append("| " + " | ".join(f"**{escaped(c.text)}**" if c.strong else escaped(c.text) for c in row) + " |")  # noqa: PERF401
    return "\n".join(lines)


def as_html(head: Sequence[str], body: Sequence[Sequence[Cell]], caption: str) -> str:
    """An HTML table with scopes, so that a screen reader can tell which row and column a number belongs to, and its caption below.

    The caption stands outside the table: inside, it would be squeezed to the table's width.
    """
    columns = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in head)
    rows = []
    for first, *others in body:
        cells = [f"<strong>{html.escape(c.text)}</strong>" if c.strong else html.escape(c.text) for c in others]
        tail = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{html.escape(first.text)}</th>{tail}</tr>')
    return (
        f"<table><thead><tr>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<p style='text-align: left; word-break: normal'>{html.escape(caption)}</p>"
    )
