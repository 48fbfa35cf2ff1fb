"""What a check found, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from course.checks import picture
from course.checks.errors import first_look
from course.checks.judge import ENDING, Outcome, Status
from course.checks.task import Misconception, OpenTask, Task

__all__ = ["CheckResult", "Misuse", "Note", "OpenResult", "inline"]

HEADLINES = {
    "stub": "Not written yet",
    "signature": "Your function cannot be called as the task says",
    "slow": "Your function does not come back",
    "ended": "No answer: the process of your function ended",
    "error": "Stopped by an error",
    "type": "Your function returned something that cannot be compared",
    "shape": "The shape is not right yet",
    "nan": "NaN or infinity where a number is due",
    "wrong": "Not right yet",
    "changed": "Right values, but your function changes its input",
    "forbidden": "Right values, by a call that is the answer",
}
FRAME = "border:1px solid #8a8a8a;border-left:6px solid {colour};background:#fff;color:#1a1a2e;padding:.6em 1em;margin:.4em 0"


class _SelfShowing:
    """A result that ``check`` has shown already; as the last line of that cell it would be shown a second time."""

    def _ipython_display_(self) -> None:
        from IPython import get_ipython
        from IPython.display import display

        shell = get_ipython()
        if shell is not None and getattr(self, "_shown_in", None) == shell.execution_count:
            return
        # The first line of the text is for programs: `course validate` looks for it in untouched exercises.
        text = str(self) if repr(self) == str(self) else f"{self!r}\n{self}"
        display({"text/plain": text, "text/html": self._repr_html_()}, raw=True)

    def _repr_html_(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class CheckResult(_SelfShowing):
    """The result of a check.

    Args:
        task: what was asked.
        status: ``passed``, or how it failed; see :class:`course.checks.judge.Outcome`.
        cases: how many cases were tried.
        failed: in how many of them the answer was not right.
        known: the mistake that explains the failures, if it is a known one.
        shown: the smallest failing case, with what was got and expected.
        note: something else worth saying about a right answer, or which call the task rules out.
    """

    task: Task
    status: Literal["passed"] | Status
    cases: int = 0
    failed: int = 0
    known: Misconception | None = None
    shown: Outcome | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every case was right."""
        return self.status == "passed"

    @property
    def misconception(self) -> str | None:
        """The id of the mistake, if it is a known one."""
        return self.known.id if self.known else None

    @property
    def points(self) -> int:
        """All or none: hidden cases decide in the end."""
        return self.task.points if self.passed else 0

    @property
    def case(self) -> Any:
        """The smallest failing case, or None."""
        return self.shown.case if self.shown else None

    @property
    def got(self) -> Any:
        """The answer to :attr:`case`: float64 arrays, or the exception."""
        return self.shown.got if self.shown else None

    @property
    def expected(self) -> Any:
        """The right answer to :attr:`case`: float64 arrays."""
        return self.shown.expected if self.shown else None

    @property
    def headline(self) -> str:
        """The first line."""
        if self.passed:
            unit = "point" if self.task.points == 1 else "points"
            return f"{self.task.id}: passed, {self.task.points} {unit}"
        return f"{self.task.id}: {HEADLINES[self.status]}"

    @property
    def summary(self) -> str:
        """The second: what was tried, or what went wrong."""
        if self.passed:
            return f"{self.cases} cases agree: {self.task.tested}." + (f"\n{self.note}" if self.note else "")
        if self.status == "forbidden":
            return self.note
        assert self.shown is not None
        if self.status == "stub":
            own = f"Replace the line `raise NotImplementedError` in `{self.task.function}` by your code, run that cell, then this one."
            return own if self.shown is None or "calls" not in self.shown.message else self.shown.message
        return self.shown.message

    @property
    def hint(self) -> str:
        """The hint of the mistake; the general one where wrong values are not known; of an exception where to look first; else nothing."""
        if self.known:
            return self.known.hint
        if self.status == "error" and isinstance(self.got, BaseException):
            return first_look(self.got)
        return self.task.hints[0] if self.status in ("wrong", "shape", "nan") else ""

    @property
    def more(self) -> str:
        """Where more help is."""
        if self.status not in ("wrong", "shape", "nan", "error", "type", "slow", "ended"):
            return ""
        return f'`hint("{self.task.id}", 2)` and `hint("{self.task.id}", 3)` say more.'

    def _count(self) -> str:
        if self.cases <= 1 or self.status in ENDING:
            return ""
        return f"{self.failed} of {self.cases} cases failed. The smallest input that shows it:"

    def _panels(self) -> list[picture.Panel]:
        if self.passed or self.status == "stub" or self.shown is None:
            return []
        return picture.panels(self.task, self.shown)

    def __str__(self) -> str:
        lines = [("[passed] " if self.passed else "[not yet] ") + self.headline, self.summary]
        if self.shown is not None and self.status != "stub":
            note = f" ({self.shown.case.note})" if self.shown.case.note else ""
            call = f"{picture.call_line(self.task, self.shown.case)}{note}"
            lines += [self._count(), call, picture.as_text(self._panels())]
            if self.shown.printed:
                lines.append(f"printed: {self.shown.printed}")
        lines += [f"Hint: {self.hint}" if self.hint else "", self.more]
        return "\n".join(line for line in lines if line)

    def __repr__(self) -> str:
        known = f", {self.misconception}" if self.known else ""
        return f"<check of {self.task.id}: {self.status}{known}>"

    def _repr_html_(self) -> str:
        colour, sign = ("#009E73", "✓") if self.passed else ("#D55E00", "✗") if self.status != "stub" else ("#0072B2", "…")
        parts = [
            f'<div role="status" style="{FRAME.format(colour=colour)}">',
            f'<p style="margin:.2em 0"><strong><span aria-hidden="true">{sign}</span> {html.escape(self.headline)}</strong></p>',
            _paragraph(self.summary),
        ]
        if self.shown is not None and self.status != "stub":
            note = f" ({html.escape(self.shown.case.note)})" if self.shown.case.note else ""
            call = f"<code>{html.escape(picture.call_line(self.task, self.shown.case))}</code>{note}"
            parts += [_paragraph(self._count()), f'<p style="margin:.3em 0">{call}</p>', picture.as_html(self._panels())]
            if self.shown.printed:
                parts.append(f"<p style='margin:.3em 0'>It printed:</p><pre>{html.escape(self.shown.printed)}</pre>")
        if self.hint:
            parts.append(f'<p style="margin:.5em 0"><strong>Hint.</strong> {inline(self.hint)}</p>')
        return "\n".join([*parts, _paragraph(self.more), "</div>"])


@dataclass(frozen=True)
class OpenResult(_SelfShowing):
    """What ``check`` says about a task that a reader marks: the question and what earns points."""

    task: OpenTask
    passed: None = None

    def __str__(self) -> str:
        rows = [f"  {points}  {text}" for points, text in self.task.rubric]
        return "\n".join([f"{self.task.id}: {self.task.points} points, marked by a reader. What counts:", *rows])

    def __repr__(self) -> str:
        return f"<check of {self.task.id}: open>"

    def _repr_html_(self) -> str:
        cell = 'style="text-align:left;background:#fff;color:#1a1a2e;padding:.2em .8em"'
        rows = "".join(f"<tr><td {cell}>{points}</td><td {cell}>{inline(text)}</td></tr>" for points, text in self.task.rubric)
        head = f'<tr><th scope="col" {cell}>points</th><th scope="col" {cell}>for</th></tr>'
        title = f"<p><strong>{html.escape(self.task.id)}: {self.task.points} points, marked by a reader.</strong></p>"
        return f'<div style="{FRAME.format(colour="#0072B2")}">{title}<table>{head}{rows}</table></div>'


@dataclass(frozen=True)
class Note:
    """A few words or a picture that show themselves, in a terminal and in a notebook."""

    text: str
    markup: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<div style="{FRAME.format(colour="#0072B2")}">{self.markup}</div>'


@dataclass(frozen=True, repr=False)
class Misuse(_SelfShowing, Note):
    """What is said about a call that cannot be meant, in place of a traceback."""

    passed: None = None  # `result.passed` may be asked of whatever `check` returns

    def _repr_html_(self) -> str:
        return Note._repr_html_(self)


def _paragraph(text: str) -> str:
    return f'<p style="margin:.3em 0">{inline(text)}</p>' if text else ""


def inline(text: str) -> str:
    """Escape text for HTML; `backticks` become code, a line break stays one.

    >>> inline("a < b in `x[0]`")
    'a &lt; b in <code>x[0]</code>'
    """
    pieces: Sequence[str] = html.escape(text, quote=False).split("`")
    if len(pieces) % 2 == 0:  # a backtick that is not closed
        return "`".join(pieces)
    return "".join(f"<code>{p}</code>" if i % 2 else p.replace("\n", "<br>") for i, p in enumerate(pieces))
