"""What may be said about an exception or a print: short plain text, for the visible cases."""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
import traceback
from typing import Any

__all__ = ["Printed", "report", "short"]

PRINTED, SENTENCE = 400, 300


class _Bounded(io.StringIO):
    """Keeps the first few characters; gigabytes may be written."""

    def write(self, text: str) -> int:
        if self.tell() <= PRINTED:
            super().write(str(text)[: PRINTED + 1])
        return len(text)


class Printed(contextlib.AbstractContextManager["Printed"]):
    """Catches what is printed."""

    def __init__(self) -> None:
        self._text = _Bounded()

    def __enter__(self) -> Printed:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._text, _Bounded()
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before

    def __str__(self) -> str:
        text = self._text.getvalue()
        return text if len(text) <= PRINTED else text[:PRINTED] + " ..."


def short(value: object, length: int = SENTENCE) -> str:
    """The text of anything in one line; a text that cannot be had is empty."""
    try:
        return " ".join(str(value)[: 10 * length].split())[:length]
    except BaseException:
        return ""


def report(error: BaseException) -> dict[str, Any]:
    """The type of an exception, the types that it is one of, its text, and the line of the student's code that it came out of."""
    where = ""
    with contextlib.suppress(Exception):
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [frame for frame in frames if frame.filename.startswith("<cell ")]
        if theirs:
            line = linecache.getline(theirs[-1].filename, theirs[-1].lineno or 0).strip()
            where = short(f"in {theirs[-1].name}, line {theirs[-1].lineno}: `{line}`")
    if isinstance(error, SyntaxError):
        where = short(f"line {error.lineno}: `{(error.text or '').strip()}`")
    text = short(error.msg if isinstance(error, SyntaxError) else error)
    kinds = [short(kind.__name__, 60) for kind in type(error).__mro__[:20]]
    return {"type": kinds[0], "mro": kinds, "text": text, "where": where}
