"""What all widgets share: their source files, and the still twin beside the live view."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anywidget

__all__ = ["CourseWidget", "module"]

_FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)


def module(name: str, _seen: set[str] | None = None) -> str:
    """The text of a widget's ES module, with the modules beside it that it imports put in place of the import lines.

    A notebook loads a widget as one text, which cannot import its neighbours by their path.

    Args:
        name: a file in this folder.

    Raises:
        FileNotFoundError: there is no such file.
    """
    seen = _seen if _seen is not None else set()

    def inline(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""  # already there: names of a module are declared once
        seen.add(match[1])
        return module(match[1], seen)

    return _IMPORT.sub(inline, (_FOLDER / name).read_text(encoding="utf-8"))


class CourseWidget(anywidget.AnyWidget):
    """A widget whose output holds a live view and a still twin of it.

    Where a kernel runs, the notebook shows the live view. ``course build`` takes the live view out of the notebooks that are committed,
    so that the picture is seen where nothing runs: in a fresh clone, on a web page.
    """

    _css = (_FOLDER / "widgets.css").read_text(encoding="utf-8")

    def still(self) -> str:
        """The widget as it stands, as an HTML ``<figure>`` with a text alternative."""
        raise NotImplementedError

    def describe(self) -> str:
        """The widget as it stands, in one sentence: the text alternative of the still."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "text/html": self.still(), "text/plain": f"[{type(self).__name__}] {self.describe()}"}, metadata
