"""What a study wrote down, for the lessons that read it: nothing is measured here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "in_words", "stored"]

FOLDER = Path(__file__).parents[2] / "docs" / "results"


def stored(name: str, folder: str | Path | None = None) -> dict[str, Any] | None:
    """The numbers of ``python -m inpaintlib.reproduce NAME``, as the JSON file beside its page holds them.

    Args:
        name: "s0" ... "s4".
        folder: where the file is; None: ``docs/results`` of the course.

    Returns:
        ``command``, ``budget``, ``seeds``, ``train``, ``test``, ``test_images``, and ``results``: table -> row -> numbers. None if
        there is no such file: the study was not run, or the course was installed without its folder ``docs``.

    Raises:
        ValueError: the file is damaged, or something else.
    """
    path = Path(folder or FOLDER) / f"{name}.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON ({error}). Write it anew: python -m inpaintlib.reproduce {name}") from None
    if not isinstance(found, dict) or not isinstance(found.get("results"), dict):
        raise ValueError(f"{path.name} holds no results of a study. Write it anew: python -m inpaintlib.reproduce {name}")
    return found


def in_words(difference: dict[str, Any]) -> str:
    """Whether a stored difference can be told from none: its interval must leave out 0, and all seeds must have its sign.

    Args:
        difference: ``mean``, ``half`` (of a 95 % confidence interval over images) and ``seeds``, as the tables of differences hold them.

    >>> in_words({"mean": -0.03, "half": 0.01, "seeds": [-0.02, -0.03, -0.04]})
    'lower'
    >>> in_words({"mean": -0.03, "half": 0.01, "seeds": [-0.10, -0.01, 0.02]})
    'not to be told'
    """
    mean, half, seeds = difference["mean"], difference["half"], difference["seeds"]
    agree = len(seeds) < 2 or min(seeds) * max(seeds) > 0
    return ("higher" if mean > 0 else "lower") if abs(mean) > half and agree else "not to be told"
