"""How a task asks for more than one call: a module is made, given parameters, asked for its answer or derivatives, or trained for steps.

A task with a ``probe`` is asked through it, in a notebook (:class:`Here`) and by the grader, which has the same methods over its
protocol. For a layer::

    Task(
        signature="Layer(width)",
        probe=lambda ask, width, weight, x: ask.made(width).load({"weight": weight}).forward(x),
        oracle=lambda width, weight, x: F.linear(x.double(), weight.double()),
        ...
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course.checks import modules
from course.checks.answer import NotAnAnswer

__all__ = ["Here", "Made"]


class Made:
    """A module of the student's, in this process."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def load(self, arrays: dict[str, Any]) -> Made:
        """Give it these parameters and buffers, in float64.

        Raises:
            NotAnAnswer: their names or shapes do not fit; a task's stub fixes them.
        """
        if problem := modules.load(self.module, arrays):
            raise NotAnAnswer(problem)
        return self

    def forward(self, *args: Any) -> Any:
        """What it answers."""
        return modules.forward(self.module, args)

    def gradient(self, args: Sequence[Any], upstream: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Derivatives by inputs and by named parameters; see :func:`course.checks.modules.gradient`."""
        return modules.gradient(self.module, args, upstream)

    def state(self) -> dict[str, Any]:
        """Its named arrays."""
        return modules.state(self.module)


class Here:
    """The student's function or class, in this process.

    Args:
        function: what the task asks for.
        given: classes that the notebook gives along with the task, for a function that was written elsewhere.
    """

    def __init__(self, function: Callable[..., Any], given: Mapping[str, Any] | None = None) -> None:
        self._function, self._given = function, given or {}

    def call(self, *args: Any, **named: Any) -> Any:
        """Call it."""
        return self._function(*args, **named)

    def made(self, *args: Any, **named: Any) -> Made:
        """An object of the class that the task asks for."""
        return Made(self._function(*args, **named))

    def made_by(self, name: str, *args: Any, **named: Any) -> Made:
        """An object of another class of the notebook: the network that a training step is given."""
        space = getattr(self._function, "__globals__", {})
        return Made((space.get(name) or self._given[name])(*args, **named))

    def steps(self, made: Sequence[Made], batches: Sequence[Sequence[Any]]) -> tuple[list[Any], list[dict[str, Any]]]:
        """Train: what each call of the step returned, and the states of the modules afterwards."""
        return modules.steps(self._function, [m.module for m in made], batches)
