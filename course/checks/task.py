"""What a task is: cases, oracle, tolerance, misconceptions, hints; everything that a check needs to know, and nothing that it does.

A unit lists its tasks in ``course/units/<topic>/checks.py`` as ``TASKS``; :func:`get` finds one by its id, ``"topic/name"``.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch

from course.checks.tolerance import Tolerance

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["AnyTask", "BeatTask", "Case", "Misconception", "OpenTask", "Output", "Task", "UnknownTask", "WrongCall", "get", "names"]

Kind = Literal["write", "find the bug", "predict", "experiment"]
Answer = tuple[Any, ...]  # one float64 array for each output of the task


@dataclass(frozen=True)
class Case:
    """One input of a task: the arguments by name, and what is special about it.

    Arguments are tensors, numbers, strings, None, or tuples and lists of these: things that a grader can send to another
    process as plain bytes.
    """

    arguments: Mapping[str, Any]
    note: str = ""

    def fresh(self) -> dict[str, Any]:
        """The arguments once more, sharing no memory with these: what a function is given, which may write into it."""
        return {name: _copy(value) for name, value in self.arguments.items()}

    @property
    def size(self) -> tuple[int, float]:
        """How much there is to read: the numbers it holds, then how large they are. Smaller is the better example."""
        flat = [number for value in self.arguments.values() for number in _numbers(value)]
        return len(flat), sum(abs(number) for number in flat)

    @property
    def has_fractions(self) -> bool:
        """Whether it holds a number that is not whole.

        >>> Case({"size": 7}).has_fractions, Case({"image": torch.tensor([0.5])}).has_fractions
        (False, True)
        """
        return any(not number.is_integer() for value in self.arguments.values() for number in _numbers(value))


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return type(value)(_copy(v) for v in value) if isinstance(value, tuple | list) else value


def _numbers(value: Any) -> list[float]:
    if isinstance(value, torch.Tensor):
        return value.double().flatten().tolist()
    if isinstance(value, tuple | list):
        return [number for v in value for number in _numbers(v)]
    return [float(value)] if isinstance(value, int | float) else []


@dataclass(frozen=True)
class Output:
    """One thing that the function returns: its name in messages, and whether it is an array, a mask of 0 and 1, or one number."""

    name: str
    kind: Literal["array", "mask", "number"] = "array"


@dataclass(frozen=True)
class Misconception:
    """A mistake that is known, its hint, and how it is recognised from (case, got, expected) alone.

    Args:
        id: a name, the one that mutants and the class page use.
        hint: what a student reads: a question or a place to look at, not the solution.
        wrong: functions that make the mistake, called as the oracle is; an answer equal to one of them wherever it fails has it.
            Where a task returns several things, None stands for those of which the mistake says nothing.
        explains: a question asked of (case, got, expected), for what no single wrong function says (a NaN in a certain place).
            ``got`` and ``expected`` are float64 arrays (a tuple of them if the task returns several), or ``got`` the exception that was
            raised (a TimeoutError for a call that did not come back).
        covers: ids of mistakes that this one includes: an input that shows one of them is a fair example of this one.
    """

    id: str
    hint: str
    wrong: Sequence[Callable[..., Any]] = ()
    explains: Callable[[Case, Any, Any], bool] | None = None
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)  # a task equals itself only, so that its cases can be kept
class Task:
    """A task that a check can judge.

    Args:
        id: ``"topic/name"``.
        points: what it is worth.
        signature: the first line of the function asked for, ``"correlate(image, kernel, stride=1)"``.
        goal: one sentence, what the function must do.
        cases: makes the Hypothesis strategy of random cases, which shrinks to small ones.
        corners: cases chosen by hand, each with a note; they are always tried.
        oracle: the right answer, called as the student's function is; another way of computing it than the one taught.
        tolerance: how far an answer may be off, and why.
        misconceptions: known mistakes; the first that explains every failure is reported.
        hints: three, each saying more; the first for wrong answers unlike any known one.
        tested: what the cases cover, in words, for the message after a pass.
        returns: what the function returns.
        example: the case that :func:`course.checks.look` draws; the first corner otherwise.
        positional: how many arguments are passed by position; the others by name.
        sketch: more to draw of an input, where its numbers alone are no picture: called as the oracle, returns
            :class:`~course.checks.picture.Panel` objects.
        probe: how to ask for an answer where one call is not all of it, called as ``probe(ask, **arguments)``; see
            :mod:`course.checks.probe`.
        given: classes that the notebook gives and the probe makes, by name; for functions that come from elsewhere than a notebook.
        forbids: names that a solution may not use, since they are the answer (a course policy that the grader reports).
    """

    id: str
    points: int
    signature: str
    goal: str
    cases: Callable[[], SearchStrategy[Case]]
    corners: Sequence[Case]
    oracle: Callable[..., Any]
    tolerance: Tolerance
    misconceptions: Sequence[Misconception]
    hints: tuple[str, str, str]
    tested: str
    returns: tuple[Output, ...] = (Output("result"),)
    example: Case | None = None
    positional: int = 1
    kind: Kind = "write"
    sketch: Callable[..., Sequence[Any]] | None = None
    forbids: tuple[str, ...] = ()
    probe: Callable[..., Any] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def function(self) -> str:
        """The name of the function asked for."""
        return self.signature.partition("(")[0]

    def arguments(self, case: Case) -> tuple[list[Any], dict[str, Any]]:
        """Fresh copies of the case's arguments, as (by position, by name)."""
        items = list(case.fresh().items())
        return [value for _, value in items[: self.positional]], dict(items[self.positional :])

    def call(self, function: Callable[..., Any], case: Case) -> Any:
        """Call a function on a copy of the case."""
        positional, named = self.arguments(case)
        return function(*positional, **named)


@dataclass(frozen=True)
class OpenTask:
    """A task with more than one good answer, marked by a reader: the question and the rubric, [(points, what earns them), ...]."""

    id: str
    question: str
    rubric: Sequence[tuple[int, str]]
    hints: tuple[str, str, str]
    kind: Literal["open"] = field(default="open", init=False)

    @property
    def points(self) -> int:
        """The sum of the rubric."""
        return sum(points for points, _ in self.rubric)


@dataclass(frozen=True, eq=False)
class BeatTask:
    """A task whose answer is a file of weights.

    Args:
        id: ``"topic/name"``.
        goal: one sentence.
        baseline: the inpainter to beat, by its name in ``inpaintlib.baselines``.
        masks: the kind of holes, a name of ``inpaintlib.masks.KINDS``.
        thresholds: (dB over the baseline, points from there on), rising.
        hints: three, each saying more.
        images: how many pictures are filled.
        largest: bytes of the file at most.
        file: what it is called.
    """

    id: str
    goal: str
    baseline: str
    masks: str
    thresholds: tuple[tuple[float, int], ...]
    hints: tuple[str, str, str]
    images: int = 200
    largest: int = 5_000_000
    file: str = "weights.safetensors"
    kind: Literal["beat a baseline"] = field(default="beat a baseline", init=False)

    @property
    def points(self) -> int:
        """What the highest threshold gives."""
        return self.thresholds[-1][1]

    def earned(self, gain: float) -> int:
        """The points of a network that is so many dB above the baseline.

        >>> BeatTask("a/b", "", "mean_fill", "lines", ((0.0, 1), (1.5, 3)), ("", "", "")).earned(1.49)
        1
        """
        return max((points for least, points in self.thresholds if gain >= least), default=0)


AnyTask = Task | BeatTask | OpenTask


def get(task_id: str) -> AnyTask:
    """The task of that id.

    Raises:
        UnknownTask: there is none; the message names the nearest. WrongCall: that is no id at all.

    >>> get("convolution/output_size").points
    1
    """
    if not isinstance(task_id, str):
        raise WrongCall(f"The first argument is the id of a task, such as 'convolution/correlate'; got {task_id!r}.")
    tasks = _tasks(task_id.partition("/")[0])
    if task_id in tasks:
        return tasks[task_id]
    near = difflib.get_close_matches(task_id, names(), n=3, cutoff=0.3) or list(tasks) or names()
    raise UnknownTask(f"There is no task {task_id!r}. Did you mean {' or '.join(map(repr, near))}?")


class WrongCall(TypeError):
    """``check``, ``hint`` or ``look`` was called in a way that cannot be meant."""


class UnknownTask(KeyError):
    """No task of that id. (A KeyError would print its message in quotation marks.)"""

    __str__ = Exception.__str__


def names(topic: str | None = None) -> list[str]:
    """The ids of all tasks, or of one topic's, in their order.

    >>> names("convolution")[0]
    'convolution/output_size'
    """
    topics = [topic] if topic else _topics()
    return [task_id for t in topics for task_id in _tasks(t)]


def _topics() -> list[str]:
    import course.units

    return sorted(module.name for module in pkgutil.iter_modules(course.units.__path__) if module.ispkg)


@functools.cache
def _tasks(topic: str) -> dict[str, AnyTask]:
    if topic not in _topics():
        return {}
    try:
        module = importlib.import_module(f"course.units.{topic}.checks")
    except ModuleNotFoundError as error:
        if error.name == f"course.units.{topic}.checks":  # a unit without an exercise
            return {}
        raise
    return {task.id: task for task in module.TASKS}
