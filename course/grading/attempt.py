"""One call of a student's function on the other side of the wall, judged on this side: what ``course.checks.call`` is in a notebook."""

from __future__ import annotations

import builtins
import dataclasses
from typing import Any

import numpy as np

from course.checks.answer import NotAnAnswer
from course.checks.call import changed_message, slow_message, stub_message
from course.checks.errors import explain, unwritten
from course.checks.judge import Outcome, judge
from course.checks.task import Case, Task
from course.grading.inside.codec import ProtocolError, decode
from course.grading.process import Died
from course.grading.remote import Failed, There
from course.grading.session import Session

__all__ = ["Subject", "as_exception"]

ENDED: dict[str, tuple[type[BaseException], str]] = {
    "memory": (MemoryError, "Your function needed more memory than the grader gives it ({memory:.0f} MB)."),
    "filling": (MemoryError, "Your function filled memory until its time was up. Which list or tensor in it grows, and has it to?"),
    "processes": (RuntimeError, "Your function started more processes than it may."),
    "ended": (SystemExit, "Your function ended Python itself. Nothing after it could be run."),
    "protocol": (RuntimeError, "Your function wrote where only the grader may write. A function returns its answer, no more."),
}


class Subject:
    """A task's function as one submission wrote it.

    Args:
        session: the submission.
        task: what is asked.
        name: under which name the function is found.
    """

    def __init__(self, session: Session, task: Task, name: str) -> None:
        self.session, self.task, self.name = session, task, name
        self._spent = 0.0

    def attempt(self, case: Case, expected: tuple[np.ndarray, ...]) -> Outcome:
        """Call it on a case and judge what it does; an Outcome of any status."""
        limits = self.session.limits
        positional, named = self.task.arguments(case)
        self.session.ready()
        before = self.session.seconds
        if self._spent > limits.task_seconds:
            message = f"All calls of your function together took more than {limits.task_seconds:g} seconds; it is far too slow."
            return Outcome("slow", case, expected, TimeoutError(), message=message)
        try:
            if self.task.probe is not None:
                return self._probed(case, expected)
            reply = self.session.request("call", name=self.name, args=positional, named=named)
            return self._judged(case, expected, reply)
        except Died as died:
            if died.reason == "slow":
                return Outcome("slow", case, expected, TimeoutError(), message=slow_message(limits.call_seconds))
            return self._ended(case, expected, died.reason)
        except ProtocolError:
            self.session.close()
            return self._ended(case, expected, "protocol")
        finally:
            self._spent += max(0.0, self.session.seconds - before)

    def _probed(self, case: Case, expected: tuple[np.ndarray, ...]) -> Outcome:
        """The same for a task that asks for more than one call."""
        assert self.task.probe is not None
        try:
            return judge(self.task, case, self.task.probe(There(self.session, self.name), **case.fresh()), expected)
        except NotAnAnswer as problem:
            return Outcome("type", case, expected, message=str(problem))
        except Failed as failed:
            return self._judged(case, expected, failed.reply)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError):
            raise ProtocolError("a value that the probe cannot use") from None  # it was made for honest replies

    def _ended(self, case: Case, expected: tuple[np.ndarray, ...], reason: str) -> Outcome:
        """Its process is gone, and that ends the check: each further case would cost a fresh process."""
        kind, message = ENDED[reason]
        return Outcome("ended", case, expected, kind(), message=message.format(memory=self.session.limits.memory / 2**20))

    def _judged(self, case: Case, expected: tuple[np.ndarray, ...], reply: dict[str, Any]) -> Outcome:
        printed = reply.get("printed")
        printed = printed[:410] if isinstance(printed, str) else ""
        if "signature" in reply:
            message = f"Your function must be callable as {self.task.signature}: {str(reply['signature'])[:200]}."
            return Outcome("signature", case, expected, message=message)
        if isinstance(reply.get("error"), dict):
            return self._failed(case, expected, reply["error"], printed)
        value = reply.get("value")
        if not isinstance(value, bytes):
            raise ProtocolError("no value")
        outcome = judge(self.task, case, decode(value), expected)
        changed = self._changed(case, reply.get("changed"))
        if changed and outcome.status == "right":
            return dataclasses.replace(outcome, status="changed", message=changed_message(changed))
        also = f" It also wrote into its argument `{changed}`; work on a copy." if changed else ""
        return dataclasses.replace(outcome, message=outcome.message + also, printed=printed)

    def _changed(self, case: Case, key: Any) -> str:
        """The name of the argument that the function wrote into; by position it is known by number."""
        names = list(case.arguments)
        if isinstance(key, str) and key.isdigit() and int(key) < len(names):
            return names[int(key)]
        return key if key in names else ""

    def _failed(self, case: Case, expected: tuple[np.ndarray, ...], error: dict[str, Any], printed: str) -> Outcome:
        exception = as_exception(error)
        if type(exception) is NotImplementedError and (name := unwritten(exception)) is not None:
            return Outcome("stub", case, expected, exception, message=stub_message(self.task, name))
        text, where = str(exception), str(error.get("where", ""))[:300]
        sentence = f"Your function stopped with {str(error.get('type', 'an error'))[:60]}" + (f": {text}" if text else "")
        sentence = f"{sentence}\n{where}" if where else f"{sentence}."
        message = "\n".join(part for part in (sentence, explain(self.task, case, exception)) if part)
        return Outcome("error", case, expected, exception, message=message, printed=printed)


def as_exception(error: dict[str, Any]) -> BaseException:
    """The built-in exception that an error of the student's is, or the nearest one that it is a kind of.

    >>> as_exception({"mro": ["LinAlgError", "ValueError", "Exception"], "text": "singular"})
    ValueError('singular')
    """
    names, text = error.get("mro"), error.get("text")
    text = text[:300] if isinstance(text, str) else ""
    for name in names[:20] if isinstance(names, list) else []:
        kind = getattr(builtins, name, None) if isinstance(name, str) else None
        if isinstance(kind, type) and issubclass(kind, BaseException):
            try:
                return kind(text)
            except TypeError:  # UnicodeDecodeError wants five arguments
                continue
    return Exception(text)
