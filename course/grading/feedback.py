"""What a student gets back: a page with points, the visible cases that failed, hints, and of hidden cases only counts."""

from __future__ import annotations

from course.checks.result import HEADLINES
from course.checks.task import OpenTask, Task, get
from course.grading.gradebook import FAILED, MISSING, Gradebook, Mark, Row, answer
from course.grading.page import page, safe, table, words
from course.grading.result import Hidden, TaskResult
from course.grading.rules import rounded

__all__ = ["comment", "feedback_page", "reading_page"]

SAID = {
    "passed": "right",
    "stub": "not written yet",
    "missing": "not found in your notebook",
    "unread": "the file could not be read",
    "time": "not reached in time",
    "open": "marked by a reader",
    "hidden": "right on the visible cases, not on all others",
    "forbidden": "right values, by a call that is the answer",
    "partly": "above some of the thresholds",
    "below": "below the first threshold",
    "refused": "the file cannot be used",
}


def comment(row: Row) -> str:
    """One line for a gradebook: what is wrong with the file, the tasks that are not right, and what being late cost."""
    wrong = [mark.task for mark in row.marks if mark.points is not None and mark.points < mark.out_of]
    tasks = f"Not everything yet: {', '.join(wrong)}." if wrong else "Everything is right."
    if row.trouble and not row.earned:
        tasks = ""
    return " ".join(part for part in (row.trouble, tasks, row.late.said) if part)


def feedback_page(book: Gradebook, row: Row, title: str) -> str:
    """The page of one student.

    Args:
        book: what the tasks are worth.
        row: the student.
        title: the title of the unit.
    """
    out_of = rounded(book.out_of)
    head = f"<p><strong>{rounded(row.total)} of {out_of} points</strong> for {safe(row.student.name or row.student.id)}</p>"
    if row.state == MISSING:
        return page(title, f"<p>Nothing was handed in by {safe(row.student.shown)}.</p>")
    if row.state == FAILED:
        return page(title, "<p>Your work was not graded yet. That is no fault of yours; your instructor knows.</p>")
    parts = [head]
    if row.late.said:
        parts.append(f"<p>{safe(row.late.said)} You earned {rounded(row.earned)}.</p>")
    if any(mark.points is None for mark in row.marks):
        parts.append("<p>A reader has not marked everything yet, so this is not the final mark.</p>")
    if row.trouble and row.trouble not in row.notes:
        parts.append(f"<p>Note: {words(row.trouble)}</p>")
    parts += [f"<p>Note: {words(note)}</p>" for note in row.notes]
    parts.append(table(["task", "points", ""], [[m.task, _points(m), _said(m)] for m in row.marks]))
    parts += [_task(mark, row) + _place(book, mark, row) for mark in row.marks]
    shown = "Cases that are not shown are asked too: larger ones, and real numbers where the task has them. Of them you learn how many."
    parts.append(f'<p class="small">{shown}</p>')
    return page(title, "\n".join(parts))


def _points(mark: Mark) -> str:
    return f"{'-' if mark.points is None else rounded(mark.points)} of {rounded(mark.out_of)}"


def _said(mark: Mark) -> str:
    status = mark.result.status if mark.result else ""
    if mark.overruled:
        return "decided by a reader"
    return SAID.get(status, HEADLINES.get(status, status).lower())


def _task(mark: Mark, row: Row) -> str:
    result = mark.result
    if result is None or (result.status in ("passed", "stub") and not mark.remark and not mark.overruled):
        return ""
    parts = [f'<section class="task"><h2>{safe(mark.task)}: {safe(_points(mark))}</h2>']
    said = f"<p><strong>Your reader says:</strong> {safe(mark.remark)}</p>" if mark.remark else ""
    if mark.overruled:
        return "\n".join([*parts, _overruled(mark, result), said, "</section>"])
    parts.append(said)
    if result.status == "open":
        parts.append(_rubric(result.id))
        if row.result is not None and (text := answer(row.result, mark.task)):
            parts.append(f"<details><summary>What you wrote</summary><pre>{safe(text)}</pre></details>")
    elif result.status != "passed":
        if result.visible and result.visible.failed:
            parts.append(result.visible.html)  # made by the check, which escapes what the student wrote
        else:
            parts.append(f"<p>{words(result.message)}</p>" if result.message else "")
        if hint := _hint(mark):
            parts.append(f"<p><strong>Hint.</strong> {words(hint)}</p>")
        parts.append(_counts(result.hidden))
    return "\n".join([*parts, "</section>"])


def _overruled(mark: Mark, result: TaskResult) -> str:
    """That a reader decided; and, where points are missing, what the check had found, which may still help."""
    decided = f"<p>A reader looked at your work and gave {safe(_points(mark))} points. That counts, in place of what the check said.</p>"
    if mark.points == mark.out_of or result.visible is None or not result.visible.failed:
        return decided
    return f"<details><summary>What the check had said before</summary>{result.visible.html}</details>{decided}"


def _place(book: Gradebook, mark: Mark, row: Row) -> str:
    """What a network reached, and its place among those of the class."""
    result = mark.result
    if result is None or not result.measured:
        return ""
    places = book.places(mark.task)
    said = f"Place {places[row.student.id]} of {len(places)} in the class" if row.student.id in places else ""
    passed = f"<p>{words(result.message)}</p>" if result.status == "passed" else ""
    return f"{passed}<p><strong>{safe(mark.task)}: {safe(said)}.</strong></p>"


def _hint(mark: Mark) -> str:
    """The hint of a known mistake, where the visible check did not give it already."""
    result = mark.result
    if result is None or result.misconception is None or (result.visible and result.visible.failed):
        return ""
    task = get(result.id)
    return next((m.hint for m in task.misconceptions if m.id == result.misconception), "") if isinstance(task, Task) else ""


def _counts(hidden: Hidden | None) -> str:
    if hidden is None or not hidden.cases:
        return ""
    return f'<p class="small">Cases that are not shown: {hidden.cases - hidden.failed} of {hidden.cases} right.</p>'


def _rubric(task_id: str) -> str:
    task = get(task_id)
    if not isinstance(task, OpenTask):
        return ""
    return table(["points", "for"], [[points, text] for points, text in task.rubric], task.question)


def reading_page(book: Gradebook, title: str) -> str:
    """For a reader: all answers to the open tasks below their rubric, in the order of the sheet."""
    parts = []
    for task in dict.fromkeys(ask.task for ask in book.asked):
        parts.append(f"<h2>{safe(task)}</h2>{_rubric(f'{book.unit}/{task}')}")
        for row in book.graded:
            if row.result is not None and any(ask.student == row.student.id and ask.task == task for ask in book.asked):
                text = answer(row.result, task)
                empty = f"Nothing was written. {row.trouble}" if row.trouble else "Nothing was written."
                shown = f"<pre>{safe(text)}</pre>" if text.strip() else f"<p>{words(empty)}</p>"
                parts.append(f"<section><h3>{safe(row.student.shown)}</h3>{shown}</section>")
    note = "<p>Points and remarks go into manual.csv; the next run merges them. Code is text here; its pictures are in the notebooks.</p>"
    return page(f"{title}: to be read", note + "\n".join(parts))
