"""CSV files that pass through spreadsheets: read whatever those make of them, and written so that no cell can act as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from course import CourseError
from course.files import write_atomically

__all__ = ["harmless", "plain", "read_rows", "table", "write_rows"]

ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
LARGEST = 20 << 20  # bytes of a table
FIELD = 1 << 20  # characters of one cell


def harmless(value: object) -> str:
    """The text of a cell that no spreadsheet takes for a formula; numbers stay numbers.

    >>> harmless("=1+1"), harmless(-3), harmless("-3.5"), harmless("Ada")
    ("'=1+1", '-3', '-3.5', 'Ada')
    """
    text = "" if value is None else str(value).replace("\0", "")
    if not text.lstrip(" \ufeff").startswith(ACTIVE) or _is_number(text) or text == "-":
        return text
    return f"'{text}"


def plain(text: str) -> str:
    """The text again as it was before :func:`harmless`."""
    return text[1:] if text.startswith("'") and text[1:].lstrip(" \ufeff").startswith(ACTIVE) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as the text of a CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([harmless(column) for column in columns])
    writer.writerows([harmless(row.get(column)) for column in columns] for row in rows)
    return out.getvalue()


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV file, as a whole or not at all; with the mark that tells Excel that it is UTF-8.

    Raises:
        CourseError: the disk is full or protected.
    """
    write_atomically(path, "\ufeff" + table(columns, rows))


def read_rows(path: Path, what: str) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a CSV file, with commas, semicolons or tabs, in UTF-8, UTF-16 or Windows' encoding.

    Args:
        path: the file.
        what: what it is, for messages: "the roster".

    Raises:
        CourseError: there is no such file, or it is no table.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise CourseError(f"{path} has more than {LARGEST >> 20} MB; {what} is a small CSV file.")
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise CourseError(f"{what[0].upper()}{what[1:]} {path} cannot be read: {error.strerror}.") from None
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(FIELD)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise CourseError(f"{path} is no CSV file ({error}). Export {what} as CSV once more.") from None
    if not lines:
        raise CourseError(f"{path} is empty; {what} needs a line with the names of its columns.")
    columns = [cell.strip() for cell in lines[0]]
    rows = [dict(zip(columns, [*map(plain, line), *[""] * len(columns)], strict=False)) for line in lines[1:]]
    return columns, rows


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
