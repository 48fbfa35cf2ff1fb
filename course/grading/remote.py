"""A task's probe on the other side of the wall: the methods of ``course.checks.probe``, as requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course.checks.answer import NotAnAnswer
from course.grading.inside.codec import Handle, ProtocolError, decode
from course.grading.session import Session

__all__ = ["Failed", "Made", "There"]


class Failed(Exception):
    """The student's code raised something, or could not be called so; ``reply`` is what came back."""

    def __init__(self, reply: dict[str, Any]) -> None:
        super().__init__()
        self.reply = reply


def _asked(session: Session, verb: str, **values: Any) -> dict[str, Any]:
    reply = session.request(verb, **values)
    if "error" in reply or "signature" in reply:
        raise Failed(reply)
    if isinstance(reply.get("misfit"), str):
        raise NotAnAnswer(reply["misfit"][:500])
    return reply


def _value(reply: dict[str, Any]) -> Any:
    value = reply.get("value")
    if not isinstance(value, bytes):
        raise ProtocolError("no value")
    return decode(value)


def _pair(reply: dict[str, Any]) -> tuple[Any, Any]:
    value = _value(reply)
    if not isinstance(value, tuple) or len(value) != 2:
        raise ProtocolError("no pair")
    return value


class Made:
    """A module of the student's, in the sandbox."""

    def __init__(self, session: Session, reply: dict[str, Any]) -> None:
        handle = reply.get("handle")
        if not isinstance(handle, Handle):
            raise ProtocolError("no object")
        self._session, self.handle = session, handle

    def load(self, arrays: dict[str, Any]) -> Made:
        """Give it these parameters and buffers."""
        _asked(self._session, "load", handle=self.handle, arrays=arrays)
        return self

    def forward(self, *args: Any) -> Any:
        """What it answers."""
        return _value(_asked(self._session, "forward", handle=self.handle, args=list(args)))

    def gradient(self, args: Sequence[Any], upstream: Sequence[Any]) -> tuple[Any, Any]:
        """Derivatives by inputs and by named parameters."""
        return _pair(_asked(self._session, "gradient", handle=self.handle, args=list(args), upstream=list(upstream)))

    def state(self) -> Any:
        """Its named arrays."""
        return _value(_asked(self._session, "state", handle=self.handle))


class There:
    """The student's function or class, in the sandbox; objects of earlier cases are forgotten.

    Args:
        session: the submission.
        name: of the function or class.
    """

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name = session, name
        _asked(session, "forget")

    def call(self, *args: Any, **named: Any) -> Any:
        """Call it."""
        return _value(_asked(self._session, "call", name=self._name, args=list(args), named=named))

    def made(self, *args: Any, **named: Any) -> Made:
        """An object of the class that the task asks for."""
        return self.made_by(self._name, *args, **named)

    def made_by(self, name: str, *args: Any, **named: Any) -> Made:
        """An object of another class of the notebook."""
        return Made(self._session, _asked(self._session, "make", name=name, args=list(args), named=named))

    def steps(self, made: Sequence[Made], batches: Sequence[Sequence[Any]]) -> tuple[Any, Any]:
        """Train: what each call of the step returned, and the states of the modules afterwards."""
        batched = [list(batch) for batch in batches]
        return _pair(_asked(self._session, "steps", name=self._name, handles=[m.handle for m in made], batches=batched))
