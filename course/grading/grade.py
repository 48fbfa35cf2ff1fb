"""Grading one submission: cells run inside, calls go in, answers come out and are compared here."""

from __future__ import annotations

import builtins
import dataclasses
import difflib
import functools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from course.checks.judge import ENDING, Outcome, diagnose
from course.checks.result import HEADLINES, CheckResult
from course.checks.run import run_cases
from course.checks.task import AnyTask, BeatTask, Case, OpenTask, Task
from course.grading.answers import answers
from course.grading.attempt import Subject
from course.grading.carried import carried_on
from course.grading.exercise import Exercise
from course.grading.limits import Limits
from course.grading.network import grade_network
from course.grading.plan import defined, flags, make_plan
from course.grading.process import Died, Process
from course.grading.result import Hidden, SubmissionResult, TaskResult, Visible
from course.grading.sandbox import Sandbox
from course.grading.session import OutOfTime, Session
from course.grading.submission import Submission, Unreadable, read

__all__ = ["grade_one"]

Start = Callable[[], Process]


def grade_one(
    path: Path,
    exercise: Exercise,
    sandbox: Sandbox,
    name: str = "",
    *,
    shrink: bool = False,
    weights: Path | None = None,
    pictures: np.ndarray | None = None,
) -> SubmissionResult:
    """Grade what one student handed in. Whatever that is, a result comes back.

    Args:
        path: the notebook.
        exercise: what was asked, with the cases of the instructor's key; see :func:`course.grading.exercise.load`.
        sandbox: where the student's code runs, and its limits.
        name: what the result calls it; the file's name by default.
        weights: a network's, for a task that asks for one.
        pictures: uint8 (N, 3, 32, 32) that networks are judged on; None for test pictures chosen by the key.
        shrink: look for the smallest failing visible case; without it the smallest of those tried is shown, which is twice as fast.

    Raises:
        NotStarted: the sandbox gave up, which nobody's submission can make it do.
    """
    begin, computing = time.monotonic(), time.process_time()
    start, limits, flags = functools.partial(Process, sandbox), sandbox.limits, list[str]()
    networks: dict[str, TaskResult] = {}
    for task in exercise.networks:  # no code of the notebook runs in that process
        found = grade_network(task, weights, start, limits.cell_seconds, limits.memory, exercise.key, pictures)
        networks[task.id] = found[0]
        flags += found[1]
    try:
        submission = read(path, name)
    except Unreadable as problem:
        tasks = tuple(networks.get(task.id) or _not_run(task, "unread", "") for task in exercise.tasks)
        return SubmissionResult(
            name or path.stem, exercise.topic, tasks=tasks, notes=(str(problem),), flags=tuple(flags), sandbox=sandbox.name
        )
    own_start = functools.partial(start, optimiser=exercise.trains)
    result = _Grading(submission, exercise, limits, own_start, shrink, networks).run()
    result = dataclasses.replace(result, flags=(*result.flags, *flags))
    own = {"total": time.monotonic() - begin, "grader": time.process_time() - computing}
    seconds = {name: round(value, 3) for name, value in {**own, **result.seconds}.items()}
    return SubmissionResult(**{**vars(result), "sandbox": sandbox.name, "seconds": seconds})


class _Seen(NamedTuple):
    """A task whose visible check is over."""

    task: Task
    subject: Subject
    check: CheckResult
    used: str  # a name that the task rules out


class _Grading:
    """One submission on its way."""

    def __init__(
        self, submission: Submission, exercise: Exercise, limits: Limits, start: Start, shrink: bool, networks: dict[str, TaskResult]
    ) -> None:
        self.submission, self.exercise, self.shrink, self.networks = submission, exercise, shrink, networks
        self.plan = make_plan(submission, exercise.coded, exercise.set_up)
        self.session = Session(start, self.plan, limits)
        self.flags: list[str] = []

    def run(self) -> SubmissionResult:
        """All visible checks first: whatever a process says in them, it has seen no hidden case yet. Then only outcomes are taken."""
        with self.session as session:
            seen = [self._guarded(task, functools.partial(self._look, task)) for task in self.exercise.tasks]
            notes = [*self.submission.notes, *self.plan.notes, *session.errors.values()]
            tasks = tuple(
                self._guarded(found.task, functools.partial(self._finish, found)) if isinstance(found, _Seen) else found for found in seen
            )
            names = {found.task.id: found.subject.name for found in seen if isinstance(found, _Seen)}
            missing = {task.id: task.function for task in self.exercise.coded if task.id not in names}
            tasks = carried_on(tasks, {**names, **missing}, [cell.source for cell in self.plan.cells])
            if self.submission.unit not in ("", self.exercise.topic):
                notes.insert(0, f"This is the notebook of {self.submission.unit}, but it was graded as {self.exercise.topic}.")
            self.flags += [flag for task in self.exercise.coded for flag in flags(task, self.submission, self.flags)]
            return SubmissionResult(
                submission=self.submission.name,
                exercise=self.exercise.topic,
                digest=self.submission.digest,
                tasks=tasks,
                notes=tuple(dict.fromkeys(notes)),
                flags=tuple(dict.fromkeys(self.flags)),
                answers=self._answers(),
                seconds={"start": session.start_seconds, "computing": session.computing + session.seconds},
                starts=session.starts,
            )

    def _answers(self) -> dict[str, str]:
        """What was written for the open tasks; a notebook of another exercise is no answer as a whole."""
        tasks = [task.id for task in self.exercise.open]
        return answers(self.submission.texts, self.exercise.sections, tasks, whole=self.submission.unit in ("", self.exercise.topic))

    def _guarded(self, task: AnyTask, step: Callable[[], Any]) -> Any:
        """The outcome of a step, or the result of a task for which there was no time, or no process, left."""
        try:
            return step()
        except OutOfTime:
            return _not_run(task, "time", "The whole notebook took too long; this task was not reached.")
        except Died as died:
            return _not_run(task, "error", f"The notebook could not be run: its process ended ({died.reason}).")

    def _look(self, task: AnyTask) -> TaskResult | _Seen:
        """The visible check."""
        if isinstance(task, BeatTask):
            return self.networks[task.id]
        if isinstance(task, OpenTask):
            return TaskResult(task.id, "open", None, task.points, "A reader marks this task.")
        name, used = self._find(task)
        if not name:
            return _not_run(task, "missing", self._missing(task))
        subject = Subject(self.session, task, name)

        def attempt(case: Case) -> Outcome:
            return subject.attempt(case, self.exercise.expected(task, case))

        return _Seen(task, subject, run_cases(task, attempt, self.exercise.visible[task.id], shrink=self.shrink), used)

    def _find(self, task: Task) -> tuple[str, str]:
        """The name under which the answer is there, and a name that it uses though the task rules it out."""
        names = self.plan.names[task.id]
        found = self.session.request("find", names=names, forbids=[list(task.forbids)] * len(names))
        there = found.get("found")
        name = next((n for n in names if isinstance(there, list) and n in there), "")
        if name and name != task.function:
            self.plan.notes.append(f"`{task.function}` is called `{name}` in your notebook; your check was given that one, so it counts.")
        used, doubtful = (_one_of(found.get(key), name, task.forbids) for key in ("used", "doubtful"))
        if doubtful and not used and not any(f"`{doubtful}`" in flag for flag in flags(task, self.submission)):
            self.flags.append(f"{task.id}: `{doubtful}` may be the student's own or the library's; have a look")
        return name, used

    def _missing(self, task: Task) -> str:
        if problem := self.plan.broken.get(task.function):
            return f"Python cannot read the cell of `{task.function}`: {problem}."
        near = difflib.get_close_matches(task.function, [name for cell in self.plan.cells for name in defined(cell.source)], n=1)
        meant = f" Is `{near[0]}` meant? Then give it that name." if near and near[0] != task.function else ""
        return f"There is no function `{task.function}` after all cells were run.{meant}"

    def _finish(self, seen: _Seen) -> TaskResult:
        """The hidden cases, and the mark."""
        task, check, visible = seen.task, seen.check, _shown(seen.check)
        hidden, outcomes = None, []
        if check.status not in ENDING and self.exercise.hidden[task.id]:
            outcomes = self._hidden(task, seen.subject)
            hidden = _counted(outcomes)
        known = check.known or (diagnose(task, outcomes) if outcomes else None)
        status = check.status if not check.passed else "hidden" if hidden and hidden.failed else "passed"
        message = visible.text.splitlines()[0].removeprefix("[not yet] ").removeprefix("[passed] ")
        if status == "hidden" and hidden:
            message = _words(hidden, self.exercise.hidden[task.id])
        if status == "passed" and seen.used:
            status = "forbidden"
            message = f"The values are right, but `{seen.used}` is the answer here: the task is to write it. No points for it."
            self.flags.append(f"{task.id}: calls `{seen.used}`")
        points = task.points if status == "passed" else 0
        return TaskResult(task.id, status, points, task.points, message, known.id if known else None, visible, hidden)

    def _hidden(self, task: Task, subject: Subject) -> list[Outcome]:
        """The outcomes of the hidden cases; after one that ends the process the rest would cost a process each, and the mark is lost."""
        outcomes: list[Outcome] = []
        for case in self.exercise.hidden[task.id]:
            outcomes.append(subject.attempt(case, self.exercise.expected(task, case)))
            if outcomes[-1].status in ENDING:
                break
        return outcomes


def _shown(check: CheckResult) -> Visible:
    return Visible(str(check.status), check.cases, check.failed, str(check), check._repr_html_(), check.hint)


def _counted(outcomes: Sequence[Outcome]) -> Hidden:
    """Numbers and the names of built-in exceptions: nothing else of a hidden case leaves this place."""
    statuses = Counter(str(outcome.status) for outcome in outcomes)
    kinds = [type(outcome.got).__name__ for outcome in outcomes if isinstance(outcome.got, BaseException)]
    exceptions = Counter(kind for kind in kinds if hasattr(builtins, kind))
    failed = sum(outcome.status != "right" for outcome in outcomes)
    return Hidden(len(outcomes), failed, dict(sorted(statuses.items())), dict(sorted(exceptions.items())))


def _words(hidden: Hidden, cases: Sequence[Case]) -> str:
    """What a student learns of hidden cases: how many are wrong, in which way, and of which kind they are."""
    ways = [f"{count} {HEADLINES.get(status, status).lower()}" for status, count in hidden.statuses.items() if status != "right"]
    kinds = f" ({', '.join(hidden.exceptions)})" if hidden.exceptions else ""
    larger = "larger, and have real numbers in place of whole ones" if any(case.has_fractions for case in cases) else "larger"
    return (
        f"The visible cases are right, but {hidden.failed} of {hidden.cases} others are not: {'; '.join(ways)}{kinds}. These are "
        f"{larger}. Does your function take every argument into account?"
    )


def _one_of(reply: object, name: str, known: Sequence[str]) -> str:
    """What a reply, which may hold anything, says of a name: one of those texts, or nothing."""
    said = reply.get(name) if isinstance(reply, dict) else ""
    return said if isinstance(said, str) and said in known else ""


def _not_run(task: AnyTask, status: str, message: str) -> TaskResult:
    if isinstance(task, OpenTask):
        return TaskResult(task.id, "open", None, task.points, "A reader marks this task.")
    return TaskResult(task.id, status, 0, task.points, message)
