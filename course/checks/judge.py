"""Whether an answer is right, and if not, which known mistake it is: pure functions of (task, case, answer)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from course.checks.answer import Answer, NotAnAnswer, as_answer
from course.checks.plain import is_plain
from course.checks.task import Case, Misconception, Task
from course.checks.tolerance import BY_DTYPE, SINGLE

__all__ = ["ENDING", "Outcome", "Status", "diagnose", "expected_answer", "judge"]

Status = Literal["right", "stub", "slow", "ended", "signature", "error", "type", "shape", "nan", "wrong", "changed", "forbidden"]
Verdict = Literal["yes", "perhaps", "no"]
ENDING: tuple[Status, ...] = ("stub", "signature", "slow", "ended")  # after one of these no other case is asked
SOME, MANY = 3, 4  # a mistake that explains three failures, and a fourth of all, is no coincidence


@dataclass(frozen=True)
class Outcome:
    """What one case gave.

    Args:
        status: ``right``; or what was wrong about it: ``stub`` (NotImplementedError), ``slow``, ``ended`` (its process is gone: in the
            grader only), ``signature``, ``error`` (an exception), ``type`` (nothing to compare), ``shape``, ``nan`` (or infinity where a
            number was due), ``wrong`` (values), ``changed`` (the function wrote into its input), ``forbidden`` (right, by a call that the
            task rules out).
        case: the input, as it was before the call.
        expected: the right answer, float64 arrays.
        got: the answer, float64 arrays, or the exception (a TimeoutError if it was ``slow``); None if there is neither.
        wrong: where the answer is off, a bool array for each output; empty unless the shapes agree.
        message: one or two sentences for the student.
        printed: what the function printed.
        dtypes: in which the answer came.
    """

    status: Status
    case: Case
    expected: tuple[np.ndarray, ...] = ()
    got: tuple[np.ndarray, ...] | BaseException | None = None
    wrong: tuple[np.ndarray, ...] = ()
    message: str = ""
    printed: str = ""
    dtypes: tuple[str, ...] = ()


def expected_answer(task: Task, case: Case) -> tuple[np.ndarray, ...]:
    """What the oracle says, as float64 arrays."""
    return as_answer(task.call(task.oracle, case), task.returns).arrays


def judge(task: Task, case: Case, value: Any, expected: tuple[np.ndarray, ...] | None = None) -> Outcome:
    """Compare a returned value with the oracle's.

    Args:
        task, case: the question.
        value: what the student's function returned; see :mod:`course.checks.answer` for what is accepted.
        expected: the oracle's answer, if it is already known.
    """
    expected = expected_answer(task, case) if expected is None else expected
    try:
        answer = as_answer(value, task.returns)
    except NotAnAnswer as problem:
        return Outcome("type", case, expected, None, message=str(problem))
    got = answer.arrays
    for output, mine, right in zip(task.returns, got, expected, strict=True):
        if mine.shape != right.shape:
            message = f"{output.name} has shape {mine.shape}; expected {right.shape}."
            return Outcome("shape", case, expected, got, message=message, dtypes=answer.dtypes)
    wrong = _differences(task, case, answer, expected)
    if not any(w.any() for w in wrong):
        return Outcome("right", case, expected, got, wrong, dtypes=answer.dtypes)
    message = _describe_difference(task, got, expected, wrong)
    broken = any((~np.isfinite(mine) & np.isfinite(right)).any() for mine, right in zip(got, expected, strict=True))
    return Outcome("nan" if broken else "wrong", case, expected, got, wrong, message, dtypes=answer.dtypes)


def _differences(task: Task, case: Case, answer: Answer, expected: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    return tuple(
        ~_close(mine, right, _allowed(task, i, case, right, dtype))
        for i, (mine, right, dtype) in enumerate(zip(answer.arrays, expected, answer.dtypes, strict=True))
    )


def _allowed(task: Task, output: int, case: Case, right: np.ndarray, dtype: str) -> np.ndarray:
    """The tolerance is one of values: masks are compared exactly."""
    if task.returns[output].kind == "mask":
        return np.zeros(right.shape)
    return task.tolerance.allowed(case.fresh(), right, dtype)


def _close(a: np.ndarray, b: np.ndarray, allowed: np.ndarray | float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (np.abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b))


def _describe_difference(task: Task, got: Sequence[np.ndarray], expected: Sequence[np.ndarray], wrong: Sequence[np.ndarray]) -> str:
    """The first difference in words, and how many there are."""
    sentences = []
    for output, mine, right, bad in zip(task.returns, got, expected, wrong, strict=True):
        if not bad.any():
            continue
        if bad.ndim == 0:
            sentences.append(f"{output.name} is {number(mine)}; expected {number(right)}.")
            continue
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        at = ", ".join(map(str, place))
        share = "the only value" if bad.size == 1 else f"{int(bad.sum())} of {bad.size} values"
        sentences.append(f"{output.name}[{at}] is {number(mine[place])}; expected {number(right[place])} ({share} wrong).")
    return " ".join(sentences)


def number(value: Any) -> str:
    """A number as a person would write it.

    >>> number(3.0), number(16.5), number(72 / 7)
    ('3', '16.5', '10.29')
    """
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def diagnose(task: Task, outcomes: Sequence[Outcome]) -> Misconception | None:
    """The known mistake that explains the outcomes of a check, or None.

    The first that is found of: one way of making a mistake gives these very answers, the right ones among them too; a mistake explains
    every failure; it explains many of them, in cases where it shows on its own. Somebody who made two mistakes is told of one, and of the
    other after that. An answer that is all zeros or plain in another way, and one that is always the same, come of too many mistakes to
    speak for one of them: where some failures remain unexplained only other answers count, and a few such do not suffice by themselves.
    """
    failures = [o for o in outcomes if o.got is not None and o.status in ("wrong", "shape", "nan", "error", "slow")]
    if not failures:
        return None
    passes = [o for o in outcomes if o.status == "right"]
    for misconception in task.misconceptions:
        if any(_is_this_mistake(task, wrong, [*failures, *passes]) for wrong in misconception.wrong):
            return misconception
    possible = [m for m in task.misconceptions if not m.wrong or all(explains(task, m, passed) != "no" for passed in passes)]
    telling = [_is_telling(task, failure) for failure in failures]
    if len(failures) >= SOME and _always_the_same(failures):
        telling = [False] * len(failures)
    counts: list[tuple[Misconception, int]] = []
    for misconception in possible:
        said = [explains(task, misconception, failure) for failure in failures]
        proofs = sum(verdict == "yes" and tells for verdict, tells in zip(said, telling, strict=True))
        if "no" not in said and (proofs or said.count("yes") >= SOME):
            return misconception
        counts.append((misconception, proofs))
    if task.tolerance.exact:  # small whole numbers agree by chance too often
        return None
    best, most = max(counts, key=lambda pair: pair[1], default=(None, 0))
    return best if most >= max(SOME, len(failures) / MANY) else None


def _is_telling(task: Task, outcome: Outcome) -> bool:
    """Whether something in a wrong answer is more than plain; an exception always is."""
    got = outcome.got
    if not isinstance(got, tuple):
        return True
    for i, (mine, right, dtype) in enumerate(zip(got, outcome.expected, outcome.dtypes, strict=True)):
        allowed = _allowed(task, i, outcome.case, right, dtype)
        as_it_should = mine.shape == right.shape and _close(mine, right, allowed).all()
        if not as_it_should and not is_plain(outcome.case, mine, right, float(np.max(allowed, initial=0.0))):
            return True
    return False


def _always_the_same(failures: Sequence[Outcome]) -> bool:
    """Whether the same values came every time, whatever was asked."""
    answers = [failure.got for failure in failures]
    first = answers[0]
    return isinstance(first, tuple) and all(
        isinstance(answer, tuple) and all(map(np.array_equal, answer, first)) for answer in answers[1:]
    )


def _is_this_mistake(task: Task, wrong: Callable[..., Any], outcomes: Sequence[Outcome]) -> bool:
    """Whether one wrong function gives all of these answers, and at least one of them is wrong."""
    said = set()
    for outcome in outcomes:
        said.add(_compared(task, outcome, wrong))
        if "no" in said:
            return False
    return "yes" in said


def explains(task: Task, misconception: Misconception, outcome: Outcome) -> Verdict:
    """Whether that mistake would have given this answer, judged from (case, got, expected) alone."""
    if misconception.explains is not None and outcome.status != "right":
        case, got, single = outcome.case, outcome.got, len(task.returns) == 1
        seen = got[0] if isinstance(got, tuple) and single else got
        if misconception.explains(Case(case.fresh(), case.note), seen, outcome.expected[0] if single else outcome.expected):
            return "yes"
    said = {_compared(task, outcome, wrong) for wrong in misconception.wrong}
    return "yes" if "yes" in said else "perhaps" if "perhaps" in said else "no"


def _compared(task: Task, outcome: Outcome, wrong: Callable[..., Any]) -> Verdict:
    """Whether a wrong function gives what was got here: no; yes; perhaps, where it tells nothing, since it is right here or fails too."""
    got = outcome.got
    try:
        value = task.call(wrong, outcome.case)
    except Exception:  # say, a window larger than the image: then no answer is what this mistake leads to
        nothing = isinstance(got, BaseException) or (got is not None and all(array.size == 0 for array in got))
        return "perhaps" if nothing else "no"
    if got is None or isinstance(got, BaseException):
        return "no"
    predicted = value if len(task.returns) > 1 else (value,)
    verdict: Verdict = "perhaps"
    for i, (output, mine, right, guess) in enumerate(zip(task.returns, got, outcome.expected, predicted, strict=True)):
        if guess is None:
            continue
        theirs = as_answer(guess, (output,)).arrays[0]
        if theirs.shape != mine.shape or not _close(mine, theirs, _near(task, i, outcome, theirs)).all():
            return "no"
        if theirs.shape != right.shape or not _close(theirs, right, _allowed(task, i, outcome.case, right, "float32")).all():
            verdict = "yes"
    return verdict


def _near(task: Task, output: int, outcome: Outcome, theirs: np.ndarray) -> float:
    """How near is equal, when an answer is compared with a wrong one: its shape, and so its scale, need not be the right one's."""
    dtype = outcome.dtypes[output]
    allowed = float(_allowed(task, output, outcome.case, outcome.expected[output], dtype).max(initial=0.0))
    if task.tolerance.exact or task.returns[output].kind == "mask":
        return allowed
    finite = theirs[np.isfinite(theirs)]
    return max(allowed, BY_DTYPE.get(dtype, SINGLE) * float(np.abs(finite).max(initial=0.0)))
