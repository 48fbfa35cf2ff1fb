"""A question before the answer: the explanation opens only after a guess.

In a live notebook :func:`predict` shows a small form (radio buttons, or a field for a number). Where nothing is live, the same question
stands there with its choices and a closed "Answer".
"""

from __future__ import annotations

import functools
import html
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course.checks.questions import question as find_question
from course.checks.result import FRAME, inline

__all__ = ["Prediction", "as_number", "predict"]

HERE = Path(__file__).parent


def predict(
    question: str,
    *,
    choices: Sequence[str] | None = None,
    answer: float | str | None = None,
    explain: str = "",
    tolerance: float = 0.0,
    unit: str = "",
    remarks: Mapping[Any, str] | None = None,
    label: str = "Predict.",
) -> Prediction:
    """Ask for a guess; the explanation opens after it.

    Args:
        question: plain text, `backticks` for code; or, alone, the name of a question in a unit's ``questions.toml``, "unit/question",
            which keeps the answer out of the cell.
        choices: the answers to choose from; without them the answer is a number.
        answer: the index of the right choice (from 0), or the choice itself; or the number.
        explain: why, shown whatever was guessed.
        tolerance: how far a number may be off and still count as right.
        unit: of the number, shown behind the field.
        remarks: what to say to a particular wrong guess, by index, choice or number: ``{2: "That is the sum without the factor."}``.
        label: the first words, in bold: ``"Check yourself."`` where the answer has been taught before. In ``questions.toml``,
            ``kind = "check"`` says so.

    Returns:
        an object that shows itself; its ``guess`` is what the student committed to, or None.

    Raises:
        ValueError: fewer than two choices, or an answer that is none of them.

    >>> print(predict("What is 3/2 of 11?", answer=16.5, explain="11 * 9 / 6."))
    What is 3/2 of 11?
    (commit to a guess, then look at .answer and .explain)
    """
    if answer is None:
        stored = find_question(question)
        return predict(**stored) if label == "Predict." else predict(**{**stored, "label": label})
    return Prediction(question, choices, answer, explain, tolerance, unit, remarks or {}, label)


class Prediction:
    """What :func:`predict` returns."""

    def __init__(
        self,
        question: str,
        choices: Sequence[str] | None,
        answer: float | str,
        explain: str,
        tolerance: float,
        unit: str,
        remarks: Mapping[Any, str],
        label: str = "Predict.",
    ) -> None:
        self.label = label
        self.question, self.explain, self.unit, self.tolerance = question, explain, unit, tolerance
        self.choices = None if choices is None else [str(choice) for choice in choices]
        if self.choices is None:
            self.answer: float = _checked_number(answer, tolerance)
        else:
            self.answer = _checked_index(answer, self.choices)
        self.remarks = {str(_key(guess, self.choices)): text for guess, text in remarks.items()}
        self._live: Any = None

    @property
    def answer_text(self) -> str:
        """The right answer in words."""
        if self.choices is not None:
            return self.choices[int(self.answer)]
        return f"{self.answer:g}" + (f" {self.unit}" if self.unit else "")

    @property
    def guess(self) -> str | None:
        """What the student committed to, as text; None before that, and where nothing is live."""
        return (self._live.guess or None) if self._live is not None else None

    def __str__(self) -> str:
        rows = [f"  {chr(65 + i)}  {choice}" for i, choice in enumerate(self.choices or [])]
        return "\n".join([self.question, *rows, "(commit to a guess, then look at .answer and .explain)"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The still twin."""
        items = "".join(f"<li>{inline(choice)}</li>" for choice in self.choices or [])
        letter = f"{chr(65 + int(self.answer))}: " if self.choices is not None else ""
        return (
            f'<div role="group" aria-label="Prediction" style="{FRAME.format(colour="#0072B2")}">'
            f'<p style="margin:.3em 0"><strong>{inline(self.label)}</strong> {inline(self.question)}</p>'
            + (f'<ol type="A" style="margin:.3em 0">{items}</ol>' if items else "")
            + '<details><summary style="cursor:pointer">Answer (decide first)</summary>'
            + f'<p style="margin:.3em 0"><strong>{letter}{inline(self.answer_text)}.</strong> {inline(self.explain)}</p></details></div>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": str(self), "text/html": self._repr_html_()}
        live = self.live()
        if live is not None:
            view = {"version_major": 2, "version_minor": 0, "model_id": live.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle

    def live(self) -> Any:
        """The widget, or None where anywidget is not installed."""
        if self._live is None:
            try:
                widget = _widget_class()
            except ImportError:
                return None
            self._live = widget(**self.state())
        return self._live

    def state(self) -> dict[str, Any]:
        """What the browser needs: all text as HTML that is already escaped."""
        return {
            "label": inline(self.label),
            "question": inline(self.question),
            "choices": [inline(choice) for choice in self.choices or []],
            "answer": self.answer,
            "answer_text": inline(self.answer_text),
            "tolerance": self.tolerance,
            "unit": html.escape(self.unit),
            "explain": inline(self.explain),
            "remarks": {guess: inline(text) for guess, text in self.remarks.items()},
        }


def _checked_index(answer: float | str, choices: Sequence[str]) -> int:
    if len(choices) < 2:
        raise ValueError(f"A prediction needs at least two choices; got {len(choices)}. Leave choices out to ask for a number.")
    if isinstance(answer, str) and answer in choices:
        return list(choices).index(answer)
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    raise ValueError(f"answer is {answer!r}; expected an index from 0 to {len(choices) - 1}, or one of {list(choices)}.")


def _checked_number(answer: float | str, tolerance: float) -> float:
    if isinstance(answer, str) or not math.isfinite(answer):
        raise ValueError(f"answer is {answer!r}; without choices it must be a finite number.")
    if tolerance < 0:
        raise ValueError(f"tolerance is {tolerance}; expected 0 or more.")
    return float(answer)


def _key(guess: Any, choices: Sequence[str] | None) -> Any:
    """A remark's guess as the browser names it: an index, or a number."""
    if choices is not None:
        return _checked_index(guess, choices)
    return float(guess)


def as_number(text: str) -> float | None:
    """The number that a student typed: ``16.5``, ``16,5`` or ``33/2``; None if it is none. The browser reads it in the same way.

    >>> as_number("33/2"), as_number(" 16,5 "), as_number("a lot")
    (16.5, 16.5, None)
    """
    clean = text.strip().replace(",", ".").replace(" ", "").replace("−", "-")
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", clean, re.IGNORECASE | re.ASCII):
        return float(clean)
    quotient = re.fullmatch(r"([+-]?\d+)/(\d+)", clean, re.ASCII)
    return int(quotient[1]) / int(quotient[2]) if quotient and int(quotient[2]) else None


@functools.cache
def _widget_class() -> Any:
    """The widget's class; made late, since anywidget is slow to import."""
    import anywidget
    import traitlets as t

    class PredictionWidget(anywidget.AnyWidget):
        _esm = HERE / "predict.js"
        _css = HERE / "predict.css"
        label = t.Unicode().tag(sync=True)
        question = t.Unicode().tag(sync=True)
        choices = t.List(t.Unicode()).tag(sync=True)
        answer = t.Float().tag(sync=True)
        answer_text = t.Unicode().tag(sync=True)
        tolerance = t.Float().tag(sync=True)
        unit = t.Unicode().tag(sync=True)
        explain = t.Unicode().tag(sync=True)
        remarks = t.Dict().tag(sync=True)
        guess = t.Unicode("").tag(sync=True)  # what was committed to; empty before

    return PredictionWidget
