"""A process of the grader that grades one submission after another: settings and jobs come in as lines of JSON, results go out as such.

It is a process of its own so that several can work at once, and so that whatever a submission does to the memory of the one that reads it
costs one result and not the run.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO

from course import CourseError
from course.grading.result import SubmissionResult
from course.grading.settings import Settings

__all__ = ["main"]


def main() -> None:
    """Serve until the other end closes."""
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # a print by accident is no reply
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    settings = Settings.from_json(sys.stdin.readline())
    for line in sys.stdin:
        job = json.loads(line)
        try:
            _say(replies, {"result": _graded(settings, job).as_dict()})
        except CourseError as error:  # the machine's fault, not the student's
            _say(replies, {"failed": str(error)})


def _graded(settings: Settings, job: dict[str, str]) -> SubmissionResult:
    extra = {kind: Path(job[kind]) for kind in ("weights", "pictures") if kind in job}
    return settings.grade(Path(job["path"]), job["name"], **extra)


def _say(replies: IO[str], message: dict[str, object]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _end_with_parent(parent: int) -> None:
    """Whoever kills the grader wants no more of it; bubblewrap ends with this process in turn."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    main()
