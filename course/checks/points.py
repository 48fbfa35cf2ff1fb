"""The points of an exercise so far, as far as this kernel knows: kept in memory, for the student's own eyes, and for nothing else."""

from __future__ import annotations

import html
from typing import Any

from course.checks.result import Note, inline
from course.checks.task import AnyTask, OpenTask, UnknownTask, get, names

__all__ = ["record", "table"]

SAID = {
    "passed": "passed",
    "stub": "not written yet",
    "forbidden": "right values, by a call that is the answer",
    "partly": "some of the thresholds",
}
_found: dict[str, Any] = {}


def record(result: Any) -> None:
    """Remember what a check found, a CheckResult or, of a network, a BeatResult; the latest one counts."""
    _found[result.task.id] = result


def table(topic: str) -> Note:
    """The tasks of a unit, their points, and what is still open.

    Raises:
        UnknownTask: a unit without an exercise; the message names those that have one.
    """
    tasks = [get(name) for name in names(topic)] if isinstance(topic, str) and topic else []
    if not tasks:
        known = " or ".join(repr(t) for t in dict.fromkeys(name.partition("/")[0] for name in names()))
        raise UnknownTask(f"There is no exercise of a unit {topic!r}. Did you mean {known}?")
    rows = [_points(task) for task in tasks]
    coded = sum(task.points for task in tasks if not isinstance(task, OpenTask))
    read = sum(task.points for task in tasks if isinstance(task, OpenTask))
    total = f"{sum(row[1] or 0 for row in rows)} of {coded} points so far, and up to {read} from a reader."
    shown = [(name, f"{'-' if got is None else got} of {points}", remark) for name, got, points, remark in rows]
    style = 'style="text-align:left;background:#fff;color:#1a1a2e;padding:.2em .8em"'
    head = "".join(f'<th scope="col" {style}>{title}</th>' for title in ("task", "points", "so far"))
    body = "".join("<tr>" + "".join(f"<td {style}>{inline(text)}</td>" for text in row) + "</tr>" for row in shown)
    text = "\n".join([total, *(f"  {points}  {name}: {remark}" for name, points, remark in shown)])
    return Note(text, f"<p><strong>{html.escape(total)}</strong></p><table><tr>{head}</tr>{body}</table>")


def _points(task: AnyTask) -> tuple[str, int | None, int, str]:
    """(name, points got or None, points there are, what is to be said)."""
    name, result = task.id.partition("/")[2], _found.get(task.id)
    if isinstance(task, OpenTask):
        return name, None, task.points, "marked by a reader"
    if result is None:
        return name, 0, task.points, "not checked since this notebook was started"
    return name, result.points, task.points, SAID.get(result.status, "not right yet")
