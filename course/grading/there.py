"""What a worker of Dask does: it grades what it is sent, if it has the same course; see :mod:`course.grading.cluster`.

Nothing heavy is imported here: PyTorch lives in the process that each thread of the worker keeps, as on one's own machine.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import shutil
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any

from course import ROOT
from course.grading.runner import Helper, Job

__all__ = ["grade_there", "unfit", "version"]

DECIDE = ("course/checks", "course/grading", "course/networks", "inpaintlib")  # code that a mark depends on, beside the unit's
LIBRARIES = ("torch", "numpy")

_own = threading.local()


def version(topic: str) -> str:
    """What a mark depends on besides settings and files: this code, the unit's, PyTorch and NumPy. The same on machines that agree."""
    folders = [*(ROOT / name for name in DECIDE), ROOT / "course" / "units" / topic]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    paths += sorted((ROOT / "exercises").glob(f"[0-9][0-9]_{topic}.ipynb"))
    total = hashlib.sha256()
    for path in paths:
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    versions = [f"{name} {importlib.metadata.version(name).partition('+')[0]}" for name in LIBRARIES]
    return f"course {total.hexdigest()[:12]}, {', '.join(versions)}"


_here = functools.cache(version)  # a worker lives long, and its code was read when it started


def unfit(settings: str, wanted: str) -> str:
    """Why this worker cannot grade as the one who asks would, or an empty string."""
    asked = json.loads(settings)
    if (have := _here(asked["topic"])) != wanted:
        return f"it has {have}; expected {wanted}: bring both to the same commit and the same versions, and start it anew"
    if not asked["unsafe"] and shutil.which("bwrap") is None:
        return "bubblewrap is not installed there (on Debian and Ubuntu: sudo apt-get install bubblewrap)"
    return ""


def grade_there(settings: str, wanted: str, files: dict[str, tuple[str, bytes]]) -> dict[str, Any]:
    """Grade one submission.

    Args:
        settings: as :meth:`course.grading.settings.Settings.to_json` writes them.
        wanted: the version of the one who asks.
        files: fields of a :class:`~course.grading.runner.Job` -> the file's ending and its packed bytes.

    Returns:
        {"result": ...}, {"failed": why not, no fault of the student's} or {"unfit": why this worker must not grade}; and its "worker".
    """
    from distributed import get_worker

    worker = get_worker()
    if problem := unfit(settings, wanted):
        return {"unfit": problem, "worker": worker.address}
    # In the worker's own folder, which Dask clears when it starts the next time, should this one be killed.
    with tempfile.TemporaryDirectory(prefix="grading-", dir=worker.local_directory) as folder:
        paths = {}
        for kind, (ending, packed) in files.items():
            paths[kind] = Path(folder) / f"{kind}{ending}"
            paths[kind].write_bytes(zlib.decompress(packed))
        job = Job("submission", **{"path": Path(folder) / "absent", **paths})
        helper = _helper(json.dumps({**json.loads(settings), "hide": [worker.local_directory]}))
        done = helper.grade(job, threading.Event())
    if done.result is None:
        helper.close()
        _own.helper = None  # the next one gets a new process
        return {"failed": done.problem, "worker": worker.address}
    return {"result": done.result.as_dict(), "worker": worker.address}


def _helper(settings: str) -> Helper:
    """The process of this thread, for these settings."""
    helper: Helper | None = getattr(_own, "helper", None)
    if helper is None or _own.settings != settings:
        if helper is not None:
            helper.close()
        helper = Helper(settings)
        _own.helper, _own.settings = helper, settings
    return helper
