"""One call of a student's function, guarded: on a copy of the input, within a time limit, its prints caught, its exceptions named."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import linecache
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from course.checks.answer import NotAnAnswer
from course.checks.errors import explain, unwritten
from course.checks.judge import Outcome, expected_answer, judge
from course.checks.probe import Here
from course.checks.task import Case, Task

__all__ = ["changed_message", "slow_message", "stub_message", "try_case"]

PRINTED = 400  # characters of the student's prints that are shown


class _TooSlow(BaseException):
    """Raised inside the student's function by the alarm; no ``except Exception`` of theirs catches it."""


def try_case(task: Task, function: Callable[..., Any], case: Case, seconds: float) -> Outcome:
    """Call ``function`` on the case and judge what it does.

    Args:
        task, function, case: what to ask of whom.
        seconds: a call that takes longer counts as one that does not end (needs a Unix main thread; elsewhere it is not interrupted).

    Returns:
        an Outcome of any status; ``function`` sees copies only, and the oracle has answered before it is called.
    """
    expected = expected_answer(task, case)
    positional, named = task.arguments(case)
    if task.probe is None and (problem := _signature_problem(task, function, positional, named)):
        return Outcome("signature", case, expected, message=problem)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), _without_numpys_warning(), time_limit(seconds):
            value = function(*positional, **named) if task.probe is None else task.probe(Here(function, task.given), **case.fresh())
            outcome = judge(task, case, value, expected)
    except _TooSlow:
        return Outcome("slow", case, expected, TimeoutError(), message=slow_message(seconds))
    except NotAnAnswer as problem:  # parameters of a module that do not fit
        return Outcome("type", case, expected, message=str(problem))
    except (Exception, SystemExit) as error:
        if (name := unwritten(error)) is not None:
            return Outcome("stub", case, expected, error, message=stub_message(task, name))
        message = "\n".join(part for part in (_describe_error(error, function), explain(task, case, error)) if part)
        return Outcome("error", case, expected, error, message=message, printed=_shorten(printed.getvalue()))
    changed = _changed(case, positional, named)
    if outcome.status == "right" and changed:
        return dataclasses.replace(outcome, status="changed", message=changed_message(changed))
    also = f" It also wrote into its argument `{changed}`; work on a copy." if changed and outcome.status != "right" else ""
    return dataclasses.replace(outcome, message=outcome.message + also, printed=_shorten(printed.getvalue()))


def slow_message(seconds: float) -> str:
    """What is said about a call that took longer than that."""
    return f"Your function did not come back within {seconds:g} seconds. Is there a loop that never ends?"


def changed_message(name: str) -> str:
    """What is said about a right answer whose function wrote into that argument."""
    return (
        f"The values are right, but your function wrote into its argument `{name}`: whoever calls it finds other data there "
        f"afterwards. Work on a copy: `{name} = {name}.clone()`, or a plain product instead of `*=`."
    )


def stub_message(task: Task, name: str) -> str:
    """Which function is still the stub: this one, or an earlier one that it calls."""
    name = name.rpartition("/")[2]
    if name in ("", task.function, task.id.rpartition("/")[2]):
        return f"{task.function} is not written yet."
    return f"`{task.function}` calls `{name}`, and that is not written yet."


@contextlib.contextmanager
def _without_numpys_warning() -> Iterator[None]:
    """``np.array(tensor)`` is a fair thing to write; that PyTorch does not know the newest keyword of NumPy is nobody's business here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after that many seconds, where the system can: in the main thread of a Unix process."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, interrupt)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, remaining, interval)  # somebody else's alarm, or none
        signal.signal(signal.SIGALRM, before)


def _signature_problem(task: Task, function: Callable[..., Any], positional: list[Any], named: dict[str, Any]) -> str:
    """A sentence if the function cannot be called that way at all; it is not called to find out."""
    try:
        inspect.signature(function).bind(*positional, **named)
    except TypeError as error:
        return f"Your function must be callable as {task.signature}: {error}."
    except ValueError:  # a built-in without a signature
        pass
    return ""


def _describe_error(error: BaseException, function: Callable[..., Any]) -> str:
    """The exception and the line of the student's code that it came out of."""
    text = " ".join(str(error).split())[:300]
    sentence = f"Your function stopped with {type(error).__name__}" + (f": {text}" if text else "")
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    if not theirs:
        return sentence + "."
    frame = theirs[-1]
    line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
    return f"{sentence}\nin {frame.name}, line {frame.lineno}: `{line}`"


def _changed(case: Case, positional: list[Any], named: dict[str, Any]) -> str:
    """The name of the first argument that no longer holds what it held, or an empty string."""
    after = dict(zip(case.arguments, [*positional, *named.values()], strict=True))
    return next((name for name, before in case.arguments.items() if not _same(before, after[name])), "")


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, torch.Tensor):
        return before.shape == after.shape and np.array_equal(before.numpy(), after.detach().numpy(), equal_nan=True)
    if isinstance(before, tuple | list):
        return len(before) == len(after) and all(_same(b, a) for b, a in zip(before, after, strict=True))
    return before == after


def _shorten(text: str) -> str:
    return text if len(text) <= PRINTED else text[:PRINTED] + " ..."
