"""Figures that others published, from ``published.toml``: with their source, and, where a trap lies in them, with the trap undone.

Lessons and reports take published figures from here and from nowhere else. A figure with its trap undone is computed from the printed one;
no such value stands in the file.

>>> str(get("s1.vanilla.psnr"))
'78.56 dB (S1, printed)'
>>> str(get("s1.vanilla.psnr_right"))
'30.43 dB (S1, computed: 78.56 - 20 log10(255))'
"""

from __future__ import annotations

import difflib
import functools
import math
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from inpaintlib._tables import Cell, as_markdown

__all__ = ["PATH", "Figure", "get", "names", "sources", "table"]

PATH = Path(__file__).with_name("published.toml")
KINDS = ("printed", "setting", "recomputed", "computed")
_SILENT = ("none", "intensity")  # units that are not shown behind a number


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Attributes:
        key: its name, such as ``s1.vanilla.psnr``.
        title: what it is, in words.
        value: the number; a whole number as int.
        unit: its unit; "none" where it has none, "intensity" for values in [0, 1].
        source: where it comes from, a phrase.
        cite: the source's short name, such as S1.
        kind: "printed", "setting" (chosen by the authors), "recomputed" (from the source's own rows), or "computed" (a trap undone).
        digits: after the decimal point, as many as were printed.
        spread: the number printed behind a ±, if there is one.
        note: what to know before reading anything into it; may be empty.
        formula: how a computed one was computed.
    """

    key: str
    title: str
    value: float
    unit: str
    source: str
    cite: str
    kind: str
    digits: int
    spread: float | None = None
    note: str = ""
    formula: str = ""

    @property
    def text(self) -> str:
        """The number with its unit, as it was printed: ``78.56 dB``."""
        number = f"{self.value:,.{self.digits}f}"
        if self.spread is not None:
            number += f" ± {self.spread:,.{self.digits}f}"
        unit = self.unit.removesuffix("s") if self.value == 1 and self.spread is None and len(self.unit) > 1 else self.unit
        return number if self.unit in _SILENT else f"{number} {unit}"

    def __str__(self) -> str:
        return f"{self.text} ({self.cite}, {self.kind}{f': {self.formula}' if self.formula else ''})"

    def __float__(self) -> float:
        return float(self.value)


# What undoes a trap: how it reads, with the figures' values for {}, and how it is computed.
UNDO: dict[str, tuple[str, Callable[..., float]]] = {
    "peak_255": ("{} - 20 log10(255)", lambda psnr: psnr - 20 * math.log10(255)),
    "psnr_of_mse": ("-10 log10({})", lambda mse: -10 * math.log10(mse)),
    "difference": ("{} - {}", lambda one, other: one - other),
    "per_second": ("1000 * {} / {}", lambda images, milliseconds: 1000 * images / milliseconds),
    "standard_error": ("{} / sqrt({})", lambda deviation, count: deviation / math.sqrt(count)),
    "example_centre": ("by partial convolution, not {}", lambda printed: _example_centre()),
}


def get(key: str) -> Figure:
    """A published figure.

    Args:
        key: its name, such as ``"s1.vanilla.psnr"``; :func:`names` lists them.

    Raises:
        KeyError: there is none of that name; the message names the nearest.

    >>> get("s4.validation_20").value
    0.0132
    """
    figures = _read()
    if key not in figures:
        near = difflib.get_close_matches(str(key), figures, n=3)
        hint = f"Did you mean {', '.join(near)}?" if near else "See published.names()."
        raise KeyError(f"there is no published figure {key!r}. {hint}")
    return figures[key]


def names(within: str = "") -> list[str]:
    """The names of all figures, in the order of the file.

    Args:
        within: a section, such as ``"s1"`` or ``"s1.vanilla"``; everything, if empty.

    >>> names("s1.copy")
    ['s1.copy.psnr', 's1.copy.epochs']
    """
    return [key for key in _read() if not within or key == within or key.startswith(f"{within}.")]


def sources() -> dict[str, str]:
    """What the short names of sources stand for.

    >>> sources()["liu"].endswith("ECCV 2018")
    True
    """
    return dict(_load()["sources"])


def table(within: str = "", *, kinds: tuple[str, ...] = ("printed", "recomputed", "computed")) -> str:
    """Figures of a section as a Markdown table: what, value, how it was come by, note.

    Args:
        within: as in :func:`names`.
        kinds: which kinds of figures; settings are left out unless asked for.

    Raises:
        KeyError: no such figures.
    """
    chosen = [figure for key in names(within) if (figure := get(key)).kind in kinds]
    if not chosen:
        raise KeyError(f"there are no published figures of the kinds {', '.join(kinds)} in {within!r}; see published.names().")
    rows = [[Cell(f.title), Cell(f.text), Cell(f.formula or f.kind), Cell(f.note)] for f in chosen]
    head, rule, *body = as_markdown(["figure", "value", "how", "note"], rows).splitlines()
    return "\n".join([head, rule.replace("--:|--:|--:|", "--:|---|---|"), *body])  # words stand to the left


@functools.cache
def _load() -> dict[str, Any]:
    # Decimal keeps the digits as they were printed: 0.610 is not 0.61.
    return tomllib.loads(PATH.read_text("utf-8"), parse_float=Decimal)


@functools.cache
def _read() -> dict[str, Figure]:
    content = {key: value for key, value in _load().items() if key != "sources"}
    entries = dict(_leaves(content))
    figures: dict[str, Figure] = {}
    for key, entry in entries.items():
        _figure(key, entry, entries, figures)
    return {key: figures[key] for key in entries}


def _leaves(part: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in part.items():
        if not isinstance(value, dict):
            raise ValueError(f"{PATH.name}: {above}{name} is {value!r}; expected a section, or a figure {{ title, value, unit, source }}.")
        if "title" in value:
            yield above + name, value
        else:
            yield from _leaves(value, f"{above}{name}.")


def _figure(key: str, entry: dict[str, Any], entries: dict[str, dict[str, Any]], done: dict[str, Figure]) -> Figure:
    """The figure of an entry; those that it is computed from first."""
    if key in done:
        return done[key]
    lacks = {"title", "unit", "source"} - entry.keys()
    if lacks or ("value" in entry) == ("undo" in entry):
        raise ValueError(f"{PATH.name}: {key} lacks {', '.join(sorted(lacks)) or 'a value (or, instead of one, undo and from)'}.")
    if entry["source"] not in _load()["sources"]:
        raise ValueError(f"{PATH.name}: {key} has the source {entry['source']!r}; expected one of {', '.join(_load()['sources'])}.")
    if "undo" in entry:
        words, compute = UNDO[entry["undo"]]
        printed = [_figure(name, entries[name], entries, done) for name in entry["from"]]
        value = compute(*(p.value for p in printed))
        digits = int(entry.get("digits", printed[0].digits))
        kind, formula = "computed", words.format(*(f"{p.value:.{p.digits}f}" for p in printed))
    else:
        value, digits = _number(entry["value"])
        kind, formula = entry.get("kind", "printed"), ""
    if kind not in KINDS:
        raise ValueError(f"{PATH.name}: {key} has the kind {kind!r}; expected one of {', '.join(KINDS)}.")
    spread = _number(entry["spread"])[0] if "spread" in entry else None
    source = _load()["sources"][entry["source"]]
    done[key] = Figure(
        key, entry["title"], value, entry["unit"], source, entry["source"], kind, digits, spread, entry.get("note", ""), formula
    )
    return done[key]


def _number(value: Decimal | int) -> tuple[float, int]:
    """A number, and how many digits behind the point it was printed with."""
    if isinstance(value, int):
        return value, 0
    return float(value), max(0, -int(value.as_tuple().exponent))


def _example_centre() -> float:
    from inpaintlib import example
    from inpaintlib.layers import partial_conv2d

    result, _ = partial_conv2d(example.image[None, None].double(), example.mask[None, None], example.kernel[None, None].double())
    return float(result[0, 0, 1, 1])
