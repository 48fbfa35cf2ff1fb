"""Grading many submissions at once. Each result is on disk before the next one is looked at; what is there already is not done again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course import ROOT, CourseError
from course.files import write_atomically
from course.grading.result import SubmissionResult

if TYPE_CHECKING:  # it brings PyTorch, which a worker of Dask does without
    from course.grading.settings import Settings

__all__ = ["Done", "Helper", "Job", "Store", "file_name", "run", "stored"]

TRIES = 2  # a helper that is gone, or a sandbox that did not start, gets another chance


@dataclass(frozen=True)
class Job:
    """What one student handed in, and the name of its result: unique, any text.

    Args:
        name: of the result.
        path: the notebook.
        weights: a network's, for a task that asks for one; None if there are none.
        pictures: packed ones that networks are judged on; None for test pictures chosen by the key.
    """

    name: str
    path: Path
    weights: Path | None = None
    pictures: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files by field."""
        found = {"path": self.path, "weights": self.weights, "pictures": self.pictures}
        return {kind: path for kind, path in found.items() if path is not None}


@dataclass(frozen=True)
class Done:
    """A job that is over: its result; or why there is none, which is never the student's fault, and will be tried again in the next run."""

    job: Job
    result: SubmissionResult | None = None
    problem: str = ""
    stored: bool = False  # it was there from an earlier run


class Store:
    """Results in a folder, a file each, written as a whole or not at all.

    Args:
        folder: made when it is first needed.
        settings: a result from other settings counts as none.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self._settings = folder, settings

    def path(self, job: Job) -> Path:
        """Where the result of a job lies."""
        return self.folder / file_name(job.name)

    def get(self, job: Job) -> SubmissionResult | None:
        """The stored result, if it is still good; a damaged one counts as none."""
        try:
            stored = json.loads(self.path(job).read_text("utf-8"))
            if stored["fingerprint"] != self._fingerprint(job):
                return None
            return SubmissionResult.from_dict(stored["result"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, job: Job, result: SubmissionResult) -> None:
        """Store a result.

        Raises:
            CourseError: the disk is full or protected.
        """
        stored = {"fingerprint": self._fingerprint(job), "result": result.as_dict()}
        write_atomically(self.path(job), json.dumps(stored, indent=1, ensure_ascii=False) + "\n")

    def _fingerprint(self, job: Job) -> str:
        return self._settings.fingerprint(" ".join(_digest(path) for path in job.files.values()))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"


def file_name(name: str) -> str:
    """A file name for any text: what is harmless in it, and a hash, so that no two meet.

    >>> file_name("../Ada Lovelace").startswith("Ada_Lovelace-")
    True
    """
    harmless = re.sub(r"[^\w-]+", "_", name, flags=re.ASCII).strip("_")[:60]
    return f"{harmless or 'result'}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}.json"


def run(jobs: Sequence[Job], settings: Settings, folder: Path, workers: int | None = None) -> Iterator[Done]:
    """Grade all jobs, in any order, several at a time; yields each as soon as its result is stored.

    Args:
        jobs: names must differ.
        settings: how.
        folder: where results are kept; those that are there and still good are yielded first.
        workers: how many at a time; by default one for each core.

    Raises:
        CourseError: two jobs have one name, there is no sandbox, the results cannot be written.
    """
    _ = settings.sandbox  # refuses here, once, rather than in each helper
    store, fresh = Store(folder, settings), list[Job]()
    yield from stored(jobs, store, fresh)
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in fresh:
        waiting.put(job)
    left = len(fresh)
    done: queue.Queue[Done] = queue.Queue(maxsize=4)  # nobody runs ahead: memory stays flat
    stop = threading.Event()
    count = min(left, workers or _cores())
    threads = [threading.Thread(target=_work, args=(settings, waiting, done, stop), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(left):
            finished = done.get()
            if finished.result is not None:
                store.put(finished.job, finished.result)
            yield finished
    finally:
        stop.set()
        while any(thread.is_alive() for thread in threads):  # they may wait for room to hand over a result
            _drain(done)
            for thread in threads:
                thread.join(0.05)


def stored(jobs: Sequence[Job], store: Store, left: list[Job]) -> Iterator[Done]:
    """The jobs whose results are there and still good; the others are put into ``left``.

    Raises:
        CourseError: two jobs have one name.
    """
    if len({job.name for job in jobs}) < len(jobs):
        raise CourseError("Two submissions have the same name; names must differ.")
    for job in jobs:
        if (result := store.get(job)) is not None:
            yield Done(job, result, stored=True)
        else:
            left.append(job)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _drain(done: queue.Queue[Done]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            done.get_nowait()


def _work(settings: Settings, waiting: queue.SimpleQueue[Job], done: queue.Queue[Done], stop: threading.Event) -> None:
    """Feed one helper; make a new one where it is gone."""
    helper: Helper | None = None
    while not stop.is_set():
        try:
            job = waiting.get_nowait()
        except queue.Empty:
            break
        finished = Done(job)
        for _ in range(TRIES):
            helper = helper or Helper(settings.to_json())
            finished = helper.grade(job, stop)
            if finished.result is not None or stop.is_set():
                break
            helper.close()
            helper = None
        done.put(finished)
    if helper is not None:
        helper.close()


class Helper:
    """The other end of :mod:`course.grading.helper`: a process that grades one submission after another.

    Args:
        settings: as :meth:`~course.grading.settings.Settings.to_json` writes them.
    """

    def __init__(self, settings: str) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "course.grading.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            cwd=ROOT,
            text=True,
            encoding="ascii",
        )
        self._write(settings)

    def grade(self, job: Job, stop: threading.Event) -> Done:
        """The result of a job; without one if the helper is gone."""
        self._write(json.dumps({"name": job.name, **{kind: str(path.absolute()) for kind, path in job.files.items()}}))
        ending = threading.Thread(target=self._end_when, args=(stop,), daemon=True)
        self._busy = True
        ending.start()
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        self._busy = False
        try:
            reply = json.loads(line)
            if "result" in reply:
                return Done(job, SubmissionResult.from_dict(reply["result"]))
            return Done(job, problem=str(reply["failed"]))
        except (ValueError, KeyError):
            return Done(job, problem="a process of the grader ended in the middle; is there enough memory?")

    def _end_when(self, stop: threading.Event) -> None:
        while self._busy:
            if stop.wait(0.2):
                self._popen.kill()
                return

    def _write(self, line: str) -> None:
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError):  # it is gone, and the reply will be missing
            self._popen.stdin.write(line + "\n")
            self._popen.stdin.flush()

    def close(self) -> None:
        """End it."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
