"""What a run has measured so far, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from inpaintlib._check import describe

__all__ = ["History", "Noted", "number"]


class History:
    """The rows that a run has recorded: the losses every few steps, and what callbacks measured in between.

    Attributes:
        rows: one ``dict`` each with at least ``step``, ``epoch`` (with decimals) and ``seconds``; the rows of the loop hold ``loss``, each
            term of it, ``lr`` and ``images_per_second``; those of :class:`~inpaintlib.train.Evaluate` its metrics.
        stopped_by: why the run ended, in words; empty while it is running.

    >>> history = History([{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}, {"step": 2, "psnr": 20.0}])
    >>> history["loss"]
    ([1, 2], [0.5, 0.25])
    >>> history.last("psnr")
    20.0
    """

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows = rows if rows is not None else []
        self.stopped_by = ""

    def __getitem__(self, name: str) -> tuple[list[int], list[float]]:
        """The steps and the values of one column, as a plot wants them."""
        found = [(row["step"], row[name]) for row in self.rows if name in row]
        if not found:
            raise KeyError(f"the history has no column {name!r}; it has {', '.join(self.columns()) or 'no rows yet'}.")
        return [step for step, _ in found], [value for _, value in found]

    def __contains__(self, name: str) -> bool:
        return any(name in row for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"History({len(self.rows)} rows: {', '.join(self.columns())})"

    def columns(self) -> list[str]:
        """The names of all columns, in the order in which they first came."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def last(self, name: str) -> float:
        """The newest value of one column."""
        return self[name][1][-1]

    @classmethod
    def read(cls, path: str | Path) -> History:
        """The history in a ``log.jsonl``; lines that are no rows are skipped, such as a last one that a killed run left unfinished."""
        rows = []
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(row, dict) and "step" in row:
                rows.append(row)
        return cls(rows)


class Noted(NamedTuple):
    """What was noted of a step and not looked at yet: the values of the terms, and last the length of the gradient, on the device."""

    step: int
    epochs: float
    lr: float
    player: str
    last: bool  # whether nobody moves after the player in this step
    names: list[str]
    values: Tensor


def number(name: str, value: Any) -> float:
    """A number as Python and JSON know it, from one of NumPy's or from a tensor with a single value."""
    try:
        plain = value if isinstance(value, int | float) else value.item()
    except (AttributeError, ValueError, RuntimeError):
        plain = None
    if isinstance(plain, int | float):
        return plain
    raise TypeError(f"the value recorded as {name!r} is {describe(value)}; expected a number.")
