"""What a check is: cases, an oracle, a tolerance, a diagnosis, hints, and the smallest counterexample as a picture.

A notebook needs five names::

    from course.checks import check, hint, look, predict, score

    predict("How many places does a 3x3 window have on a 5x5 image?", choices=["3x3", "5x5"], answer=0, explain="...")
    look("convolution/correlate")              # the example and its right answer, drawn
    check("convolution/correlate", correlate)  # is yours right? if not, on which smallest input, and why
    hint("convolution/correlate", 2)
    score("convolution")                       # the points so far

A unit needs :class:`Task`, :class:`Case`, :class:`Misconception`, :class:`Output`, :class:`OpenTask`, :class:`BeatTask` and a
:class:`Tolerance`; see ``course/units/convolution/checks.py``, and for the last but one ``course/units/partial_unet/checks.py``.
"""

from __future__ import annotations

from course.checks.notebook import CheckFailed, check, hint, look, score
from course.checks.predict import predict
from course.checks.result import CheckResult
from course.checks.run import draw_cases, run
from course.checks.task import BeatTask, Case, Misconception, OpenTask, Output, Task, get, names
from course.checks.tolerance import EXACT, Tolerance

__all__ = [
    "EXACT",
    "BeatTask",
    "Case",
    "CheckFailed",
    "CheckResult",
    "Misconception",
    "OpenTask",
    "Output",
    "Task",
    "Tolerance",
    "check",
    "draw_cases",
    "get",
    "hint",
    "look",
    "names",
    "predict",
    "run",
    "score",
]
