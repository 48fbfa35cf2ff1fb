"""What a notebook calls: ``check``, ``hint`` and ``look``.

In a student's notebook nothing here raises for a wrong or missing answer, so that "Run all" goes on. Where a notebook must be right,
``INPAINTLIB_CHECKS=strict`` (or any run under pytest, nbval included) makes ``check`` raise: NotImplementedError for an
untouched stub, CheckFailed for a wrong answer.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.checks import points
from course.checks.look import draw_example
from course.checks.policy import ruled_out
from course.checks.result import Misuse, Note, OpenResult, inline
from course.checks.run import run
from course.checks.task import BeatTask, OpenTask, UnknownTask, WrongCall, get

__all__ = ["CheckFailed", "check", "hint", "look", "score", "strict"]


class CheckFailed(AssertionError):
    """A check that had to pass did not; ``result`` says what was found."""

    def __init__(self, result: Any) -> None:
        super().__init__(str(result))
        self.result = result

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback through this package."""
        return [f"CheckFailed: {self}"]


def strict() -> bool:
    """Whether a wrong answer raises.

    >>> strict()  # under pytest
    True
    """
    setting = os.environ.get("INPAINTLIB_CHECKS", "")
    if setting not in ("", "strict", "lenient"):
        raise ValueError(f"INPAINTLIB_CHECKS is {setting!r}; expected 'strict' or 'lenient'.")
    return setting == "strict" or (setting == "" and "PYTEST_CURRENT_TEST" in os.environ)


def _friendly(call: Callable[..., Any]) -> Callable[..., Any]:
    """In a student's notebook a call with a misspelt task gets a note, not a traceback; where answers must be right it raises."""

    @functools.wraps(call)
    def kind(*arguments: Any, **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except (UnknownTask, WrongCall) as problem:
            if strict():
                raise
            text = str(problem)
        return _show(Misuse(text, f'<p style="margin:.3em 0"><strong>{call.__name__}:</strong> {inline(text)}</p>'))

    return kind


@_friendly
def check(task_id: str, function: Callable[..., Any] | str | os.PathLike[str] | None = None) -> Any:
    """Try a function on the cases of a task and show what was found.

    The cases are the same at every call; together they take at most 5 seconds.

    Args:
        task_id: such as ``"convolution/correlate"``.
        function: yours; the name of your file for a task that asks for weights; nothing for one that a reader marks.

    Returns:
        a :class:`~course.checks.result.CheckResult`: ``passed``, ``status``, ``misconception``, ``case``, ``got``, ``expected``; of weights
        a :class:`~course.networks.result.BeatResult`.

    Raises:
        UnknownTask, WrongCall, NotImplementedError, CheckFailed: only where answers must be right, see the head of this file; elsewhere a
            note says what was wrong about the call.
    """
    task = get(task_id)
    if isinstance(task, OpenTask):
        return _show(OpenResult(task))
    if isinstance(task, BeatTask):
        return _check_weights(task, function)
    if not callable(function):
        given = "nothing" if function is None else f"{type(function).__name__} {function!r:.40}"
        raise WrongCall(f'check("{task_id}", ...) needs the function itself, check("{task_id}", {task.function}); got {given}.')
    result = run(task, function)
    if result.passed and (name := ruled_out(function, task.forbids)):
        note = f"The values are right, but `{name}` is the answer here: the task is to write it. No points for it."
        result = dataclasses.replace(result, status="forbidden", note=note)
    points.record(result)
    if strict():
        _raise_if_stub(result.status, result.got)
        if not result.passed:
            raise CheckFailed(result) from None
    return _show(result)


def _check_weights(task: BeatTask, file: object) -> Any:
    """By name, so that the figures of notebooks without such a task do not hang on every model; see course/networks/__init__.py."""
    if not isinstance(file, str | os.PathLike) or not os.fspath(file):
        raise WrongCall(f'check("{task.id}", ...) needs the name of your file, check("{task.id}", "{task.file}"); got {file!r:.40}.')
    result = importlib.import_module("course.networks.result").look_at(task, Path(file))
    points.record(result)
    if strict():
        _raise_if_stub(result.status, result.got)
        if not result.passed:
            raise CheckFailed(result) from None
    return _show(result)


@_friendly
def hint(task_id: str, level: int = 1) -> Note:
    """Say more about a task: level 1 where to look, 2 how to go about it, 3 nearly the answer.

    >>> hint("convolution/output_size", 1)  # doctest: +ELLIPSIS
    Hint 1 of 3: ...
    """
    task = get(task_id)
    if isinstance(level, bool) or level not in (1, 2, 3):
        raise WrongCall(f"There are three hints to each task, 1 to 3; got {level!r}. The third nearly says it all.")
    text = task.hints[level - 1]
    return Note(f"Hint {level} of 3: {text}", f'<p style="margin:.3em 0"><strong>Hint {level} of 3.</strong> {inline(text)}</p>')


@_friendly
def look(task_id: str, function: Callable[..., Any] | None = None) -> Note:
    """Draw one example of a task: the input and the right answer, and beside it yours, if you give a function.

    Args:
        task_id: such as ``"convolution/correlate"``.
        function: yours; wrong places in its answer are marked.
    """
    task = get(task_id)
    if isinstance(task, BeatTask):
        raise WrongCall(f"{task_id} asks for a file; see check({task_id!r}, {task.file!r}).")
    if isinstance(task, OpenTask):
        raise WrongCall(f"{task_id} has no single right answer that could be drawn; see check({task_id!r}).")
    outcome, text, markup = draw_example(task, function)
    if strict():
        _raise_if_stub(outcome.status, outcome.got)
    return Note(text, markup)


@_friendly
def score(topic: str) -> Note:
    """The points of a unit's exercise so far: what the last ``check`` of each task found since this kernel was started.

    Args:
        topic: the unit, ``"convolution"``.
    """
    return points.table(topic)


def _raise_if_stub(status: str, got: object) -> None:
    """The stub's own error once more, and nothing of the way it came."""
    if status == "stub" and isinstance(got, NotImplementedError):
        raise got.with_traceback(None) from None


def _show(result: Any) -> Any:
    """Show a result now, wherever in its cell it stands, and only once."""
    shell = _shell()
    if shell is None:
        print(result)
        return result
    result._ipython_display_()
    object.__setattr__(result, "_shown_in", shell.execution_count)  # results are frozen; this is no part of their value
    return result


def _shell() -> Any:
    """The running IPython, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
