"""What ``check`` finds about a file of weights, in the notebook and before handing in."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from course.checks.result import FRAME, _SelfShowing, inline
from course.checks.task import BeatTask
from course.networks.judge import Score, fill, handed_in, score, signed, visible
from course.networks.weights import BadWeights

__all__ = ["BeatResult", "look_at"]

HEADLINES = {
    "passed": "all points on these pictures",
    "partly": "some of the points on these pictures",
    "below": "not above the first threshold yet",
    "refused": "the file cannot be used",
    "stub": "Not written yet",
}


@dataclass(frozen=True)
class BeatResult(_SelfShowing):
    """The result of a check of weights.

    Args:
        task: what was asked.
        found: how the network did on the visible pictures.
        source: which pictures these are.
    """

    task: BeatTask
    found: Score
    source: str = ""

    @property
    def status(self) -> str:
        """As :class:`course.networks.judge.Score` has it."""
        return self.found.status

    @property
    def passed(self) -> bool:
        """Whether it has all points here."""
        return self.found.status == "passed"

    @property
    def points(self) -> int:
        """Earned on these pictures; hidden ones decide."""
        return self.found.points

    @property
    def got(self) -> object:
        """What stands for an answer that is not there yet."""
        return NotImplementedError(self.task.id.partition("/")[2]) if self.status == "stub" else None

    def _lines(self) -> list[str]:
        steps = ", ".join(f"{points} from {signed(least)} dB on" for least, points in self.task.thresholds)
        lines = [self.found.message]
        if self.status == "stub":
            lines.append(f"Points, by how far it is above {self.task.baseline}: {steps}.")
        if self.found.model:
            lines.append(f"`{self.found.model}`, {self.found.parameters:,} numbers. Points: {steps}.")
            lines.append(f"{self.source} Hidden pictures decide.")
        if self.status not in ("passed", "stub"):
            lines.append(f"Hint: {self.task.hints[0]}" if self.status != "refused" else f'`hint("{self.task.id}", 2)` says more.')
        return lines

    def __str__(self) -> str:
        return "\n".join([f"{'[passed]' if self.passed else '[not yet]'} {self.task.id}: {HEADLINES[self.status]}", *self._lines()])

    def __repr__(self) -> str:
        return f"<check of {self.task.id}: {self.status}>"

    def _repr_html_(self) -> str:
        colour, sign = ("#009E73", "✓") if self.passed else ("#0072B2", "…") if self.status == "stub" else ("#D55E00", "✗")
        head = html.escape(f"{self.task.id}: {HEADLINES[self.status]}")
        title = f'<p style="margin:.2em 0"><strong><span aria-hidden="true">{sign}</span> {head}</strong></p>'
        body = "".join(f'<p style="margin:.3em 0">{inline(line)}</p>' for line in self._lines())
        return f'<div role="status" style="{FRAME.format(colour=colour)}">{title}{body}</div>'


def look_at(task: BeatTask, path: Path) -> BeatResult:
    """Judge a file of weights on the pictures that everybody may see."""
    if not path.exists():
        message = (
            f"There is no file `{path.name}` yet. Train a network, save it beside this notebook under that name, and run this again."
        )
        return BeatResult(task, Score("stub", message=message))
    try:
        weights = handed_in(task, path)
        trial = visible(task)
        return BeatResult(task, score(task, trial, weights, fill(weights)), trial.source)
    except BadWeights as problem:
        return BeatResult(task, Score("refused", message=str(problem)))
