"""Files that could not be graded as the work of this exercise: empty, cut off, of another kind, of another exercise, never touched."""

from __future__ import annotations

from course.grading.result import SubmissionResult

__all__ = ["OTHER_UNIT", "trouble"]

OTHER_UNIT = "This is the notebook of "  # how the grader's note about another exercise begins


def trouble(result: SubmissionResult | None) -> str:
    """What is wrong with the file as a whole, in a sentence for student and instructor; an empty string if nothing is.

    Args:
        result: what grading it found; None if there is none.
    """
    if result is None:
        return ""
    coded = [task for task in result.tasks if task.points is not None and task.measured is None and task.status not in ("refused", "below")]
    statuses = {task.status for task in coded}
    if "unread" in statuses:
        return result.notes[0] if result.notes else "The file could not be read."
    if other := next((note for note in result.notes if note.startswith(OTHER_UNIT)), ""):
        return other
    if statuses == {"missing"} and len(coded) > 1:
        return "None of the functions of this exercise is in the file. Is it the file in which you worked?"
    if statuses and statuses <= {"missing", "stub"} and not any(text.strip() for text in result.answers.values()):
        return "Nothing was written into the notebook yet. Is it the file in which you worked?"
    return ""
