"""A pytest plugin that measures notebooks while nbval runs them: seconds and peak memory of each kernel with all its children.

Loaded with ``-p course.meter``; writes one JSON line for each notebook into the folder that ``COURSE_METER`` names. nbval's items are
known by their ``cell_num``; their parent holds the kernel.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

EVERY = 0.1  # seconds between two looks at the memory


class Meter:
    """Watches one process tree until it is stopped."""

    def __init__(self) -> None:
        self.begin = time.perf_counter()
        self.peak = 0
        self.passed = self.failed = 0
        self._pid: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def follow(self, pid: int | None) -> None:
        if pid and self._pid is None:
            self.peak = memory_of_tree(pid)  # a first look at once: a short notebook is over before the next
        self._pid = pid

    def stop(self) -> float:
        """End the watch; returns the seconds since its beginning."""
        self._stop.set()
        self._thread.join()
        return time.perf_counter() - self.begin

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            if self._pid:
                self.peak = max(self.peak, memory_of_tree(self._pid))


def memory_of_tree(pid: int) -> int:
    """Bytes of memory that a process and all its children hold.

    What forked children share with their parent is counted once where the system tells (Linux), else for each of them.
    """
    import psutil

    try:
        root = psutil.Process(pid)
        children = root.children(recursive=True)
        total = root.memory_info().rss
    except psutil.Error:
        return 0
    for child in children:
        try:
            total += child.memory_full_info().uss
        except psutil.Error:
            continue  # it ended meanwhile
    return total


_METERS: dict[str, Meter] = {}


def _key(item: Any) -> str:
    return str(item.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: Any) -> Generator[None, None, None]:
    if hasattr(item, "cell_num") and _key(item) not in _METERS:
        _METERS[_key(item)] = Meter()  # before nbval starts the kernel, whose start counts
    yield
    if hasattr(item, "cell_num"):
        manager = getattr(item.parent.kernel, "km", None)  # gone, once nbval has stopped a kernel that did not answer
        provisioner = getattr(manager, "provisioner", None)
        _METERS[_key(item)].follow(getattr(provisioner, "pid", None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    report = yield
    if hasattr(item, "cell_num") and (meter := _METERS.get(_key(item))):
        meter.passed += report.when == "call" and report.passed
        meter.failed += report.failed
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: Any, nextitem: Any) -> None:
    if hasattr(item, "cell_num") and (nextitem is None or _key(nextitem) != _key(item)):
        _write(item, _METERS.pop(_key(item)))


def _write(item: Any, meter: Meter) -> None:
    seconds = meter.stop()
    row = {"path": _key(item), "seconds": seconds, "peak_bytes": meter.peak, "passed": meter.passed, "failed": meter.failed}
    name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.jsonl"
    with (Path(os.environ["COURSE_METER"]) / name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
