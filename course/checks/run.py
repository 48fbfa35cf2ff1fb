"""A check: all cases, the diagnosis, and the smallest input that shows the mistake."""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import torch

from course.checks.call import try_case
from course.checks.judge import ENDING, Outcome, Status, diagnose, explains
from course.checks.result import CheckResult
from course.checks.task import Case, Misconception, Task

__all__ = ["draw_cases", "run", "run_cases"]

EXAMPLES = 30  # random cases of a check, besides its corner cases
SECONDS = 2.0  # of this thread's computing, for trying them; a slow function is tried on fewer, and the message says on how many
SHRINK_SECONDS = 1.5  # likewise, for making the failing input smaller
SHRINK_WALL = 2.5  # by the clock: on a machine that is busy with other things the picture is larger, but the check is in time
CALL_SECONDS = 2.0  # for one call
#: What is reported when a function fails in several ways: the first of these that occurs ends the check or is most urgent.
URGENCY: tuple[Status, ...] = (*ENDING, "error", "type", "shape", "nan", "wrong", "changed")


def run(task: Task, function: Callable[..., Any], seed: int = 0, examples: int = EXAMPLES, *, shrink: bool = True) -> CheckResult:
    """Try a function on the corner cases and on random ones, and say what was found. The same function gives the same result.

    Args:
        task: what is asked.
        function: the student's.
        seed: of the random cases.
        examples: how many random cases.
        shrink: look for the smallest failing input; without it the smallest of those tried is shown.
    """
    cases = [*task.corners, *draw_cases(task, examples, seed)]
    return run_cases(task, lambda case: try_case(task, function, case, CALL_SECONDS), cases, seed, shrink=shrink)


def run_cases(task: Task, attempt: Callable[[Case], Outcome], cases: Sequence[Case], seed: int = 0, *, shrink: bool = True) -> CheckResult:
    """The same, however an answer is come by: ``attempt`` gives the outcome of a case; the grader asks another process."""
    begin = time.thread_time()
    outcomes: list[Outcome] = []
    for case in cases:
        outcomes.append(attempt(case))
        late = len(outcomes) >= len(task.corners) and time.thread_time() - begin > SECONDS
        if outcomes[-1].status in ENDING or late:
            break
    failures = [outcome for outcome in outcomes if outcome.status != "right"]
    if not failures:
        return CheckResult(task, "passed", cases=len(outcomes), note=_note(task, outcomes))
    misconception = diagnose(task, outcomes)
    status = _commonest(failures)
    shows: Callable[[Outcome], bool] = functools.partial(_alike, task, status=status, misconception=misconception)
    alike = [failure for failure in failures if shows(failure)]
    if misconception is not None and (rivals := _rivals(task, misconception, alike)):
        alone = [failure for failure in alike if _alone(task, failure, rivals)]
        if alone:
            alike, shows = alone, lambda outcome: _alike(task, outcome, status, misconception) and _alone(task, outcome, rivals)
    shown = min(alike or failures, key=lambda failure: failure.case.size)
    if shrink and status not in ENDING:
        shown = _smallest(task, attempt, shown, shows, seed)
    return CheckResult(task, shown.status, len(outcomes), len(failures), misconception, shown)


def _note(task: Task, outcomes: list[Outcome]) -> str:
    """What a right answer may cost later: a bool mask is right, and no input for a convolution."""
    for i, output in enumerate(task.returns):
        if output.kind == "mask" and any(outcome.dtypes[i] == "bool" for outcome in outcomes):
            return f"Note: {output.name} is bool. Right here, but `F.conv2d` takes floats only: write `.float()` for the next layer."
    return ""


def _commonest(failures: list[Outcome]) -> Status:
    """The status of most failures; of equally many the more urgent."""
    if failures[-1].status in ENDING:  # the check ended there
        return failures[-1].status
    counts = Counter(failure.status for failure in failures)
    return min(counts, key=lambda status: (-counts[status], URGENCY.index(status)))


def _alike(task: Task, outcome: Outcome, status: Status, misconception: Misconception | None) -> bool:
    """Whether an outcome shows what is going to be reported: that mistake, or else that kind of failure."""
    if misconception is not None:
        return outcome.status not in ("right", "changed") and explains(task, misconception, outcome) == "yes"
    return outcome.status == status


def _rivals(task: Task, misconception: Misconception, alike: list[Outcome]) -> list[Misconception]:
    """The other mistakes that would have given some of the same answers: an all-hole window shows a bias there, not a missing factor."""
    others = [m for m in task.misconceptions if m is not misconception and m.id not in misconception.covers]
    return [m for m in others if any(explains(task, m, outcome) == "yes" for outcome in alike)]


def _alone(task: Task, outcome: Outcome, rivals: list[Misconception]) -> bool:
    """Whether none of these explains the answer too."""
    return all(explains(task, rival, outcome) != "yes" for rival in rivals)


def _smallest(task: Task, attempt: Callable[[Case], Outcome], best: Outcome, shows: Callable[[Outcome], bool], seed: int) -> Outcome:
    """The smallest failing input that shows the same mistake, by Hypothesis's shrinking, as far as the time reaches; at worst ``best``."""
    end, clock_end = time.thread_time() + SHRINK_SECONDS, time.monotonic() + SHRINK_WALL

    def still_fails(case: Case) -> bool:
        nonlocal best
        if time.thread_time() > end or time.monotonic() > clock_end:
            raise _OutOfTime
        outcome = attempt(case)
        same = shows(outcome)
        if same and case.size < best.case.size:
            best = outcome
        return same

    import hypothesis

    with _quiet_hypothesis(), contextlib.suppress(_OutOfTime, hypothesis.errors.NoSuchExample):
        phases = [hypothesis.Phase.generate, hypothesis.Phase.shrink]
        hypothesis.find(task.cases(), still_fails, settings=_settings(100, phases), random=Random(seed))
    return best


class _OutOfTime(BaseException):
    """Ends a run of Hypothesis, which would take an Exception for a failure to be shrunk."""


class _Enough(_OutOfTime):
    """The same, for the drawing of cases."""


@functools.lru_cache(64)
def draw_cases(task: Task, count: int, seed: int) -> tuple[Case, ...]:
    """Random cases from the strategy of a task, the same ones for the same seed.

    >>> from course.checks.task import get
    >>> task = get("convolution/output_size")
    >>> [c.arguments for c in draw_cases(task, 5, 1)] == [c.arguments for c in draw_cases(task, 5, 1)]
    True
    """
    if not count:
        return ()
    import hypothesis

    telling: list[Case] = []
    others: list[Case] = []

    @hypothesis.seed(seed)
    @_settings(4 * count, [hypothesis.Phase.generate])
    @hypothesis.given(task.cases())
    def collect(case: Case) -> None:
        (telling if _is_telling(case) else others).append(case)
        if len(telling) >= count:
            raise _Enough

    with _quiet_hypothesis(), contextlib.suppress(_Enough):
        collect()
    return tuple((telling + others)[:count])


def _is_telling(case: Case) -> bool:
    """Whether no tensor is the same everywhere. Hypothesis likes zeros, since they are often a corner case; sums of zeros tell little."""
    tensors = [value for value in case.arguments.values() if isinstance(value, torch.Tensor) and value.numel() > 1]
    return all(bool((tensor != tensor.flatten()[0]).any()) for tensor in tensors)


def _settings(count: int, phases: list[Any]) -> Any:
    import hypothesis

    everything = list(hypothesis.HealthCheck)
    return hypothesis.settings(max_examples=count, phases=phases, database=None, deadline=None, suppress_health_check=everything)


@contextlib.contextmanager
def _quiet_hypothesis() -> Iterator[None]:
    """Keep Hypothesis from reading the constants out of every local module that is imported.

    It would take seconds, and leave a folder ``.hypothesis`` beside the notebook. There is no setting against it; should the
    name go away in a later version, only that comes back.
    """
    from hypothesis.internal.conjecture import providers

    before = getattr(providers, "_get_local_constants", None)
    if before is None or not hasattr(providers, "Constants"):
        yield
        return
    providers._get_local_constants = providers.Constants
    try:
        yield
    finally:
        providers._get_local_constants = before
