"""The same work on many machines: ``python -m course grade ... --scheduler ADDRESS`` hands submissions to the workers of Dask.

A worker does what a process of one's own machine does, in a sandbox of its own. One that is lost costs time and no mark: its submissions go
to others. Results are stored here, each before the next one is looked at, so a run that ends in the middle goes on from there.

What travels are files without the names of students, the settings with the key, and results. Whoever reaches a scheduler without TLS can
run programs on its workers: use ``tls://``, or a network of your own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import queue
import secrets
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from course import CourseError
from course.grading.result import SubmissionResult
from course.grading.runner import TRIES, Done, Job, Store, stored
from course.grading.settings import Settings
from course.grading.there import grade_there, unfit, version

__all__ = ["exposed", "run"]

CONNECT = 15.0  # seconds for the first word with the scheduler, and for finding it again
PATIENCE = 60.0  # seconds without any worker, before the run ends
START = "dask worker {} --nthreads 1 --nworkers N"
AHEAD = 2  # submissions that wait at each place of a worker: nobody idles, and memory stays flat


def run(jobs: Sequence[Job], settings: Settings, folder: Path, address: str) -> Iterator[Done]:
    """Grade all jobs on the workers of a scheduler; otherwise as :func:`course.grading.runner.run`.

    Args:
        jobs: names must differ.
        settings: how; ``hide`` is of this machine and stays here.
        folder: where results are kept.
        address: of the scheduler, ``tls://host:8786`` or ``tcp://host:8786``.

    Raises:
        CourseError: Dask is not installed, nobody answers at that address, no worker is there or one has another course, or the
            scheduler is lost. What was graded until then is stored.
    """
    store, waiting = Store(folder, settings), list[Job]()
    yield from stored(jobs, store, waiting)
    if not waiting:
        return
    with _connected(address) as client:
        work = _Work(client, address, version(settings.topic), dataclasses.replace(settings, hide=()).to_json())
        work.check_workers()
        for finished in work.all(waiting):
            if finished.result is not None:
                store.put(finished.job, finished.result)
            yield finished


def exposed(address: str) -> str:
    """A warning where the connection is neither encrypted nor on this machine, or an empty string.

    >>> exposed("tls://10.0.0.7:8786"), exposed("tcp://127.0.0.1:8786"), exposed("tcp://10.0.0.7:8786")[:26]
    ('', '', 'The connection to tcp://10')
    """
    if address.startswith(("tls://", "inproc://")):
        return ""
    host = address.partition("://")[2].rpartition(":")[0].strip("[]") or address
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return ""
    if host == "localhost":
        return ""
    return (
        f"The connection to {address} is not encrypted: submissions and your key can be read on the way, and whoever reaches the scheduler "
        "can run programs on its workers. On a network that others use, start scheduler and workers with TLS and give tls://."
    )


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise CourseError('--scheduler needs Dask, which is not installed: pip install -c constraints.txt -e ".[cluster]"') from None
    with dask.config.set({"distributed.comm.timeouts.connect": CONNECT, "distributed.admin.large-graph-warning-threshold": "1GiB"}):
        try:
            client = Client(address, timeout=CONNECT, set_as_default=False, name="course-grade")
        except (OSError, ValueError, TypeError, RuntimeError) as error:  # no answer; no address; TLS without certificates
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise CourseError(
                f"No scheduler of Dask could be reached at {address} ({reason}). In the environment of the course, start one with  "
                f"dask scheduler  and on each machine  {START.format('ADDRESS')}"
            ) from None
        try:
            yield client
        finally:
            client.close(timeout=2)


class _Work:
    """What is under way: a few submissions for each place of a worker, and never more."""

    def __init__(self, client: Any, address: str, wanted: str, settings: str) -> None:
        self._client, self._address, self._version, self._settings = client, address, wanted, settings
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._jobs: dict[str, tuple[Job, int, Any]] = {}  # key -> the job, which try it is, its future

    def check_workers(self) -> None:
        """Refuse before anything is graded where a worker would grade by other rules, or not at all.

        Raises:
            CourseError: it names the worker.
        """
        end = time.monotonic() + min(PATIENCE, CONNECT)
        while not self._places():
            if time.monotonic() > end:
                raise CourseError(f"The scheduler {self._address} has no workers. Start some:  {START.format(self._address)}")
            time.sleep(0.2)
        for worker, said in self._client.run(unfit, self._settings, self._version, on_error="return").items():
            if isinstance(said, Exception):
                said = f"it could not be asked; is the course installed there? ({type(said).__name__}: {str(said)[:120]})"
            if said:
                raise CourseError(_unfit(worker, said))

    def all(self, waiting: Sequence[Job]) -> Iterator[Done]:
        """Each job as soon as it is over. What failed on one worker gets another chance; what took several workers with it does not."""
        left = deque((job, 1) for job in waiting)
        try:
            while left or self._jobs:
                while left and len(self._jobs) < max(1, AHEAD * self._places()):
                    self._send(*left.popleft())
                future = self._next()
                job, nth, _ = self._jobs.pop(future.key)
                finished = self._finished(job, future)
                again = finished.result is None and future.status == "finished" and nth < TRIES
                future.release()
                if again:
                    left.append((job, nth + 1))
                else:
                    yield finished
        finally:
            with contextlib.suppress(Exception):
                self._client.cancel([future for *_, future in self._jobs.values()], force=True)

    def _places(self) -> int:
        """How many submissions the workers can grade at a time.

        Raises:
            CourseError: the scheduler is gone.
        """
        end = time.monotonic() + CONNECT
        while True:
            try:
                if self._client.status == "running":
                    return sum(self._client.nthreads().values())
            except (OSError, TimeoutError):
                pass  # one lost connection, on a busy machine, is no lost scheduler: the client looks for it
            if self._client.status in ("closing", "closed") or time.monotonic() > end:
                raise CourseError(self._lost("The scheduler was lost"))
            time.sleep(0.2)

    def _send(self, job: Job, nth: int) -> None:
        files = {kind: (path.suffix, zlib.compress(path.read_bytes(), 1)) for kind, path in job.files.items() if path.is_file()}
        key = f"grade-{secrets.token_hex(8)}"  # shown on the scheduler's pages: no name in it
        future = self._client.submit(grade_there, self._settings, self._version, files, key=key, pure=False)
        self._jobs[key] = (job, nth, future)
        future.add_done_callback(self._done.put)

    def _next(self) -> Any:
        """The next future that is over.

        Raises:
            CourseError: the scheduler is gone, or has had no worker for a while.
        """
        alone = time.monotonic()
        while True:
            with contextlib.suppress(queue.Empty):
                future = self._done.get(timeout=1.0)
                if future.status in ("finished", "error"):
                    return future
                if future.status in ("lost", "pending"):  # its worker was lost after it had finished: another one computes it again
                    future.add_done_callback(self._done.put)
                    continue
                raise CourseError(self._lost("The scheduler was lost"))
            if self._places():
                alone = time.monotonic()
            if time.monotonic() - alone > PATIENCE:
                raise CourseError(self._lost(f"The scheduler has had no worker for {PATIENCE:.0f} seconds"))

    def _lost(self, what: str) -> str:
        return f"{what} ({self._address}). What was graded is kept; the same command goes on from there, with or without --scheduler."

    def _finished(self, job: Job, future: Any) -> Done:
        from distributed import KilledWorker

        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                return Done(job, problem="every worker that graded it was lost; is there enough memory?")
            return Done(job, problem=f"a worker failed on it ({type(error).__name__}: {str(error)[:200]})")
        reply = future.result()
        if "unfit" in reply:
            raise CourseError(_unfit(reply["worker"], reply["unfit"]))
        try:
            if "result" in reply:
                return Done(job, dataclasses.replace(SubmissionResult.from_dict(reply["result"]), submission=job.name))
        except ValueError as error:
            return Done(job, problem=f"a worker sent {error}")
        return Done(job, problem=f"{str(reply.get('failed'))[:300]} (on {reply.get('worker')})")


def _unfit(worker: str, why: str) -> str:
    return f"The worker {worker} cannot be used: {why}. Mend it or stop it, then run this again."
