"""The page that a study writes, and the same numbers as JSON: tables made by code, each with a line that says how it was computed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inpaintlib import evaluation, masks, published
from inpaintlib._device import device as choose_device
from inpaintlib._files import write_atomically
from inpaintlib._tables import Cell, as_markdown
from inpaintlib.reproduce.measure import DICE, DICE_HOLE, Measured
from inpaintlib.reproduce.study import Study
from inpaintlib.train.precision import choose
from inpaintlib.train.report import hardware

__all__ = ["Page", "difference_in_words", "number"]

_TITLES = {m.name: (m.title, m.digits) for m in (*evaluation.METRICS.values(), DICE, DICE_HOLE)}
_TITLES["perceptual"] = ("perceptual distance", 4)


class Page:
    """A page under construction.

    Attributes:
        parts: its Markdown so far.
        numbers: what its tables of results hold, unrounded: table -> row -> column.
    """

    def __init__(self, study: Study, title: str) -> None:
        self.study = study
        self.parts: list[str] = [f"# {title}"]
        self.numbers: dict[str, Any] = {}
        self.explained = False  # what an interval over images does not tell
        if study.budget == "test":
            self.text("Budget `test`: a few images, to show that the code runs. The numbers mean nothing.")

    def heading(self, words: str) -> None:
        self.parts.append(f"## {words}")

    def text(self, *sentences: str) -> None:
        self.parts.append(" ".join(sentences))

    def published(self, within: str, **kinds: Any) -> None:
        """The published figures of a section, with what undoes their traps."""
        self.parts += [published.table(within, **kinds), f"From `published.toml`: {published.sources()[within.split('.')[0].upper()]}."]

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], how: str) -> None:
        """Any table; its first column holds words."""
        self.parts += [as_markdown(head, [[Cell(text) for text in row] for row in rows]), f"How this was computed: {how}"]

    def results(self, name: str, measured: Sequence[Measured], columns: Sequence[str], mask: Tensor, how: str = "", each: str = "") -> None:
        """What arms and methods reached.

        Args:
            name: of the table, among the numbers.
            measured: its rows.
            columns: such as "raw psnr"; one that a row has not is left empty there.
            mask: the masks that were filled.
            how: what else is to be said about it.
            each: the column of which each seed's mean is shown too; the first one, if empty.
        """
        each = each or columns[0]
        columns = [key for key in columns if any(key in m.values for m in measured)]
        head = ["", "parameters", "images seen", *(_heading(key) for key in columns), f"seed by seed: {_heading(each)}"]
        rows = []
        for m in measured:
            cells = [_cell(m, key) for key in columns]
            seeds = ", ".join(f"{v:.{_digits(each)}f}" for v in m.seeds(each)) if each in m.values and m.images is not None else ""
            rows.append([m.title, _whole(m.parameters), _whole(m.images), *cells, seeds])
        words = f"mean over {len(mask):,} test images (each the mean over its seeds), ± half a 95 % confidence interval over images; "
        words += f"masks of {float(masks.hole_ratio(mask).mean()):.1%} hole, SHA-256 {masks.sha256(mask)[:16]}. {how}"
        self.table(head, rows, words.rstrip())
        self.numbers[name] = {m.title: _unrounded(m) for m in measured}

    def differences(self, name: str, pairs: Sequence[tuple[Measured, Measured]], key: str) -> None:
        """By how much the first of each pair exceeds the second."""
        rows, found = [], {}
        for one, other in pairs:
            gap, each = one.above(other, key)
            label = f"{one.title} minus {other.title}"
            digits = _digits(key)
            certain = "no" if gap.low <= 0 <= gap.high else "yes"
            agree = "" if len(each) < 2 else "yes" if min(each) * max(each) > 0 else "no"
            seeds = ", ".join(f"{v:+.{digits}f}" for v in each)
            rows.append([label, f"{gap.mean:+.{digits}f} ± {gap.half:.{digits}f}", certain, seeds, agree])
            found[label] = {"mean": gap.mean, "half": gap.half, "seeds": each}
        head = ["", _heading(key), "interval leaves out 0", "seed by seed", "one sign in all seeds"]
        words = "image by image on the same images and masks, then the mean, ± half a 95 % confidence interval over images."
        if not self.explained:
            words += " That interval speaks of other images; what another training would give, the seeds show."
        self.table(head, rows, words)
        self.explained = True
        self.numbers[name] = found

    def close(self, budget: str) -> None:
        """What holds for the whole page.

        Args:
            budget: what was trained, in sentences.
        """
        s = self.study
        place = choose_device(s.device)
        self.heading("How this page was made")
        self.parts.append(f"    {s.command}")
        self.text(budget)
        self.parts.append(
            "\n".join([
                f"- images to learn from: {s.images.source}",
                f"- images to measure on: {s.test.source}",
                "- raw: the network's own picture, known pixels too; composited: known pixels kept. PSNR with peak 1, mean over images.",
                f"- trained on {hardware(place)}, {choose(s.precision, place)}, torch {torch.__version__}: {s.seconds() / 60:.1f} "
                "minutes in all (other work may have run beside it: no measure of speed)",
                "- the numbers once more, unrounded: the JSON file beside this page",
            ])
        )  # fmt: skip
        self.parts.append(f"Written by `python -m inpaintlib.reproduce {s.name}`; published figures from `inpaintlib/published.toml`.")

    def write(self, path: Path) -> None:
        """Write the page, and the numbers beside it, each atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        s = self.study
        record = {
            "command": s.command, "budget": s.budget, "seeds": s.seeds, "train": s.images.source, "test": s.test.source,
            "test_images": len(s.test), "results": self.numbers,
        }  # fmt: skip
        write_atomically(path, ("\n\n".join(self.parts) + "\n").encode())
        write_atomically(path.with_suffix(".json"), (json.dumps(_finite(record), indent=1) + "\n").encode())


def difference_in_words(one: Measured, other: Measured, key: str) -> str:
    """A difference as part of a sentence: ``1.23 ± 0.10 dB higher than``, or that none can be told."""
    gap, each = one.above(other, key)
    title, digits = _TITLES[key.split()[1]]
    unit = " dB" if "dB" in title else ""
    if gap.low <= 0 <= gap.high or (len(each) > 1 and min(each) * max(each) <= 0):
        return f"not to be told from ({gap.mean:+.{digits}f} ± {gap.half:.{digits}f}{unit}, and the seeds do not settle it) that of"
    return f"{abs(gap.mean):.{digits}f} ± {gap.half:.{digits}f}{unit} {'higher' if gap.mean > 0 else 'lower'} than that of"


def number(value: float, digits: int) -> str:
    """A number for a table."""
    return f"{value:.{digits}f}"


def _heading(key: str) -> str:
    kind, name = key.split()
    return f"{kind} {_TITLES[name][0]}"


def _digits(key: str) -> int:
    return _TITLES[key.split()[1]][1]


def _cell(m: Measured, key: str) -> str:
    return m.interval(key).text(_digits(key)) if key in m.values else ""


def _whole(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _unrounded(m: Measured) -> dict[str, Any]:
    columns = {}
    for key in m.values:
        interval = m.interval(key)
        columns[key] = {"mean": interval.mean, "half": interval.half, "deviation": m.deviation(key), "seeds": m.seeds(key)}
    return {"parameters": m.parameters, "images": m.images, "columns": columns}


def _finite(value: Any) -> Any:
    """The same for JSON, which knows no NaN and no infinity."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
