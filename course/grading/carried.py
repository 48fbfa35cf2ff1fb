"""Mistakes that are carried on: a wrong answer that calls another one which is not right either may be right by itself.

That is said, to the student and to who marks; whether there are points for it is the instructor's decision.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from course.checks.result import inline
from course.grading.result import TaskResult
from course.grading.scope import reached

__all__ = ["carried_on", "sentence"]

RIGHT = ("passed", "forbidden")  # the values are
QUIET = (*RIGHT, "stub", "missing", "unread", "time")  # nothing was computed that an earlier answer could have spoilt


def carried_on(tasks: Sequence[TaskResult], names: Mapping[str, str], sources: Sequence[str]) -> tuple[TaskResult, ...]:
    """The same results; those of wrong answers that call a wrong answer say so.

    Args:
        tasks: of one submission, in order.
        names: id of a task that was run -> the name under which its answer is found.
        sources: of the cells that were run.
    """
    wrong = [names[task.id] for task in tasks if task.id in names and task.status not in RIGHT]
    found = []
    for task in tasks:
        needed = reached(sources, names[task.id]) if len(wrong) > 1 and task.id in names and task.status not in QUIET else set()
        found.append(_with_calls(task, [name for name in wrong if name in needed]))
    return tuple(found)


def sentence(calls: Sequence[str]) -> str:
    """What a student reads.

    >>> sentence(["output_size"])
    'This answer calls `output_size`, which is not right yet; it may be right by itself: mend that first.'
    """
    listed = " and ".join(f"`{name}`" for name in calls)
    verb, that = ("is", "that") if len(calls) == 1 else ("are", "those")
    return f"This answer calls {listed}, which {verb} not right yet; it may be right by itself: mend {that} first."


def _with_calls(task: TaskResult, calls: Sequence[str]) -> TaskResult:
    if not calls:
        return task
    said, visible = sentence(calls), task.visible
    if visible is not None and visible.failed:  # below the headline, above what went wrong
        visible = dataclasses.replace(visible, html=visible.html.replace("</p>", f"</p>\n<p><strong>{inline(said)}</strong></p>", 1))
    end = "" if task.message.endswith((".", "?", "!")) else "."
    return dataclasses.replace(task, calls=tuple(calls), message=f"{task.message}{end} {said}", visible=visible)
