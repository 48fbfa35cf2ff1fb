"""The questions of a unit, from its ``questions.toml``: a cell that showed its own answer would ask nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

__all__ = ["UNITS", "question"]

#: What a question is called, by its ``kind``: asked before the answer is taught, or after.
LABELS = {"predict": "Predict.", "check": "Check yourself."}
UNITS = Path(__file__).parents[1] / "units"


def question(name: str, units: Path = UNITS) -> dict[str, Any]:
    """The arguments of :func:`course.checks.predict` for a question that is known by name.

    Args:
        name: "unit/question", such as "convolution/first_window".
        units: the folder of the units.

    Raises:
        ValueError: there is no such unit or question, or its entry is incomplete; says which there are.

    >>> question("convolution/first_window")["answer"]
    '6'
    """
    unit, _, key = name.partition("/")
    path = units / unit / "questions.toml"
    if not path.is_file():
        raise ValueError(f"predict({name!r}): the unit {unit!r} has no questions.toml. Write unit/question, or give answer= and explain=.")
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    if key not in entries:
        raise ValueError(f"predict({name!r}): {unit} has no question {key!r}; it has {', '.join(entries)}.")
    entry = {field: _paragraph(value) for field, value in entries[key].items()}
    missing = {"question", "answer", "explain"} - entry.keys()
    if missing:
        raise ValueError(f"predict({name!r}): its entry lacks {', '.join(sorted(missing))}.")
    kind = entry.pop("kind", "predict")
    if kind not in LABELS:
        raise ValueError(f"predict({name!r}): its kind is {kind!r}; expected one of {', '.join(LABELS)}.")
    entry["label"] = LABELS[kind]
    return entry


def _paragraph(value: Any) -> Any:
    """Text that the file breaks over several lines is one paragraph."""
    if isinstance(value, dict):  # the remarks
        return {key: _paragraph(text) for key, text in value.items()}
    return " ".join(value.split()) if isinstance(value, str) else value
