"""Grading on many machines: a scheduler and two workers as processes of their own, one of which is killed in the middle."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from grading import KEY, handed_out, needs_sandbox, solved

from course import ROOT, CourseError
from course.__main__ import main
from course.grading import cluster, there
from course.grading.grade import grade_one
from course.grading.result import SubmissionResult
from course.grading.runner import Job
from course.grading.settings import Settings

pytest.importorskip("distributed")
QUIET = ["--host", "127.0.0.1", "--no-dashboard"]


def start(*words: str) -> subprocess.Popen:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s"}
    command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], *QUIET]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)


def address(place: Path, process: subprocess.Popen) -> str:
    """What the scheduler wrote there; the file exists a moment before its words do."""
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(place.read_text())["address"]
        time.sleep(0.1)
    raise AssertionError(f"no scheduler; its process ended with {process.poll()}")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler that has no workers yet."""
    place = tmp_path_factory.mktemp("dask") / "scheduler.json"
    process = start("scheduler", "--port", "0", "--scheduler-file", str(place))
    try:
        yield address(place, process)
    finally:
        process.kill()
        process.wait()


def write(folder: Path, **notebooks: dict | str) -> list[Job]:
    folder.mkdir(exist_ok=True)
    for name, content in notebooks.items():
        (folder / f"{name}.ipynb").write_text(content if isinstance(content, str) else json.dumps(content))
    return [Job(name, folder / f"{name}.ipynb") for name in notebooks]


def test_nobody_there_no_workers_and_no_dask_are_said(scheduler, tmp_path, monkeypatch):
    jobs, settings = write(tmp_path, ada="{"), Settings("convolution", KEY)
    monkeypatch.setattr(cluster, "CONNECT", 0.6)
    for address, words in (("tcp://127.0.0.1:9", "could be reached"), ("nonsense://x", "could be reached"), (scheduler, "no workers")):
        with pytest.raises(CourseError, match=words):
            list(cluster.run(jobs, settings, tmp_path / "results", address))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CourseError, match=r"\[cluster\]"):
        list(cluster.run(jobs, settings, tmp_path / "results", scheduler))
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out"), "--scheduler", scheduler, "--workers", "2"]) == 2


def test_another_course_or_no_sandbox_there_is_no_worker_for_these_marks(monkeypatch):
    settings = Settings("convolution", KEY)
    have = there.version("convolution")
    assert there.unfit(settings.to_json(), have) == "" or there.shutil.which("bwrap") is None
    assert "expected course 0" in there.unfit(settings.to_json(), "course 0, torch 1, numpy 1") and have != there.version("metrics")
    monkeypatch.setattr(there.shutil, "which", lambda _: None)
    assert "bubblewrap" in there.unfit(settings.to_json(), have)
    assert there.unfit(Settings("convolution", KEY, unsafe=True).to_json(), have) == ""


@needs_sandbox
def test_a_worker_is_killed_in_the_middle_and_no_mark_is_lost(scheduler, tmp_path, capsys):
    """The whole command: what the two of them were grading is graded by the one that is left; then by nobody, since all is stored."""
    notebooks = {f"s{i}": (solved(), handed_out(), "{")[i % 3] for i in range(6)}
    jobs = write(tmp_path / "hand", **notebooks)
    (tmp_path / "key").write_text(KEY.hex())
    results = tmp_path / "out" / "results"
    workers = [start("worker", scheduler, "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path / f"w{i}")) for i in (0, 1)]
    killed = []

    def kill():
        """One of them, when the first real result is there: both have something in hand then."""
        while not [p for p in results.glob("*.json") if '"starts": 1' in p.read_text()]:
            time.sleep(0.02)
        busy = [i for i in (0, 1) if list((tmp_path / f"w{i}").rglob("grading-*/path.ipynb"))]
        killed.extend([busy, len(list(results.glob("*.json")))])
        workers[busy[-1]].send_signal(signal.SIGKILL)

    command = ["grade", str(tmp_path / "hand"), "--out", str(tmp_path / "out"), "--key", str(tmp_path / "key"), "--scheduler", scheduler]
    threading.Thread(target=kill, daemon=True).start()
    try:
        status = main(command)
        said = "".join(capsys.readouterr())
        assert status == 0 and killed[0] and killed[1] < len(jobs), (said, killed)
        assert sum(worker.poll() is None for worker in workers) == 1
        with (tmp_path / "out" / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
            assert {row["student"]: row["points"] for row in csv.DictReader(file)} == {
                name: "10" if i % 3 == 0 else "0" for i, name in enumerate(notebooks)
            }
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert main(command) == 0  # nobody is there to grade, and nothing is left to do
    settings = Settings("convolution", KEY)
    (here,) = (grade_one(job.path, *_parts(settings), job.name) for job in jobs[1:2])
    (path,) = results.glob("s1-*.json")
    assert _without_times(SubmissionResult.from_dict(json.loads(path.read_text())["result"])) == _without_times(here)


def test_a_result_that_was_lost_with_its_worker_is_awaited_again():
    """Finished, on its way, and then the worker dies that holds it: Dask computes it again, and says so in the future's status."""

    class Lost:
        status = "lost"

        def add_done_callback(self, say):
            self.status = "finished"
            say(self)

    client = SimpleNamespace(status="running", nthreads=lambda: {"tcp://a:1": 1})
    work, future = cluster._Work(client, "tcp://a:2", "", ""), Lost()
    work._done.put(future)
    assert work._next() is future
    future.status = "cancelled"
    work._done.put(future)
    with pytest.raises(CourseError, match="The scheduler was lost"):
        work._next()


def _parts(settings: Settings):
    from course.grading.exercise import load

    return load(settings.topic, settings.key, settings.hidden), settings.sandbox


def _without_times(result: SubmissionResult) -> dict:
    return {key: value for key, value in result.as_dict().items() if key != "seconds"}


def test_the_scheduler_may_go_and_what_is_stored_stays(tmp_path):
    """A client whose scheduler is gone: the run ends with a sentence, and does not wait for ever."""

    class Gone:
        status = "closed"

    work = cluster._Work(Gone(), "tcp://127.0.0.1:9", "", "{}")
    with pytest.raises(CourseError, match="What was graded is kept"):
        list(work.all([Job("ada", tmp_path / "ada.ipynb")]))
