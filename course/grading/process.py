"""One student's process as the grader sees it: a request goes in, a reply comes out, or it has died and one knows of what."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import time
from typing import Any

from course import CourseError
from course.grading.inside.codec import HEADER, ProtocolError, decode, encode, pack, unpack_header
from course.grading.limits import Limits
from course.grading.sandbox import Sandbox
from course.grading.watch import Watch, usage

__all__ = ["Died", "NotStarted", "Process"]


class Died(Exception):
    """The process is gone; ``reason`` is "slow", "filling", "memory", "processes", "ended" (by itself) or "protocol" (no reply of ours)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotStarted(CourseError):
    """The sandbox could not be used, though it is there: no fault of the student's, and no mark."""


class Process:
    """A student's process in its sandbox, up and ready.

    Args:
        sandbox: where it runs.
        optimiser: whether a training step will be asked for. PyTorch loads its compiler with the first optimiser; that is done before any
            cell of the student's runs, so it costs them no time, and nothing of theirs can make it long.

    Raises:
        NotStarted: it was not ready in time, or could not give up its rights.
    """

    def __init__(self, sandbox: Sandbox, optimiser: bool = False) -> None:
        self._limits: Limits = sandbox.limits
        number = secrets.token_bytes(16)
        self._popen, self._folder = sandbox.start(number, optimiser)
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._requests, self._replies = self._popen.stdin.fileno(), self._popen.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        self._watch = Watch(self._popen.pid, self.kill, self._limits)
        self._watch.start()
        begin = time.monotonic()
        try:
            ready = self._exchange(b"", number, self._limits.start_seconds, 3 * self._limits.start_seconds)
        except Died as died:
            raise NotStarted(f"A process in the sandbox did not start ({died.reason}). Is memory short, or the machine busy?") from None
        if not ready.get("ready"):
            self.close()
            raise NotStarted(f"The sandbox does not work here: {ready.get('why')}.")
        #: By the clock, what went into the start.
        self.start_seconds = time.monotonic() - begin

    def request(self, verb: str, seconds: float, **values: Any) -> dict[str, Any]:
        """Ask for one thing and wait for the reply.

        Args:
            verb: see :mod:`course.grading.inside.verbs`.
            seconds: of computing that it may take.
            values: its arguments.

        Raises:
            Died: it did not reply; it is gone for good.
        """
        number = secrets.token_bytes(16)
        return self._exchange(pack(encode({"verb": verb, **values}), number), number, seconds, self._limits.clock(seconds))

    @property
    def seconds(self) -> float:
        """The computing time of the process so far."""
        return self._watch.seconds

    def kill(self) -> None:
        """End everything that it started. Inside of bubblewrap that is all that its first process can see."""
        if self._folder is not None:  # no sandbox: one by one
            for pid in usage(self._popen.pid).pids:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._popen.kill()

    def close(self) -> None:
        """End it and clean up."""
        self._watch.end()
        self.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _exchange(self, frame: bytes, number: bytes, seconds: float, clock: float) -> dict[str, Any]:
        try:
            with self._watch.step(seconds, clock):
                self._send(frame)
                length, answered = unpack_header(self._receive(HEADER.size), self._limits.reply)
                if answered != number:
                    raise ProtocolError("the reply to another request")
                body = self._receive(length)
            reply = decode(body)
            if not isinstance(reply, dict):
                raise ProtocolError("no reply")
            return reply
        except ProtocolError:
            self.close()
            raise Died("protocol") from None
        except (OSError, EOFError):
            self.close()
            raise Died(self._watch.reason or "ended") from None

    def _send(self, data: bytes) -> None:
        """Both pipes may be full: then nobody reads inside, and the watch ends it when its time is up."""
        rest = memoryview(data)
        while rest:
            select.select([], [self._requests], [], 1.0)
            self._alive()
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self._requests, rest) :]

    def _receive(self, length: int) -> bytes:
        parts = []
        while length:
            if select.select([self._replies], [], [], 1.0)[0]:
                part = os.read(self._replies, min(length, 1 << 20))
                if not part:
                    raise EOFError
                parts.append(part)
                length -= len(part)
            else:
                self._alive()
        return b"".join(parts)

    def _alive(self) -> None:
        """A process that is gone may have left a child which keeps the pipe open; without this, one would wait for it."""
        if self._watch.reason or self._popen.poll() is not None:
            raise EOFError
