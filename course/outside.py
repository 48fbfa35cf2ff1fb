"""Run by a Python that the course was not set up in: which one that is, and which one is meant."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from course import ROOT, CourseError

__all__ = ["named_absence"]


@contextlib.contextmanager
def named_absence() -> Iterator[None]:
    """A package that is missing becomes a sentence that says what to do.

    Raises:
        CourseError: in place of a ModuleNotFoundError for anything that is not the course's own.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "course", "inpaintlib"):
            raise
        raise CourseError(f"this Python, {sys.executable}, has no {error.name}. {_remedy()}") from None


def _remedy() -> str:
    place = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin")
    if not (ROOT / ".venv").is_dir():
        return "Run `make setup` first, or `conda activate inpaint` where the course was set up with conda."
    activate = os.path.join(place, "activate")
    command = activate if os.name == "nt" else f"source {activate}"
    return f"In {ROOT}, run `{command}` first, or write {os.path.join(place, 'python')} in place of python."
