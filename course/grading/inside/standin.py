"""What ``from course.checks import check, ...`` finds inside the sandbox: the same names, which do nothing.

The real checks know the right answers, so they stay outside.
"""

from __future__ import annotations

import sys
import types
from typing import Any

__all__ = ["install"]

NAMES = ("check", "hint", "look", "predict", "score")


class _Nothing:
    """What a check returns here: not passed, nothing to show; any other attribute is empty too."""

    passed = False
    points = 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        return ""


def _quiet(*_: Any, **__: Any) -> _Nothing:
    return _Nothing()


def install() -> None:
    """Put the stand-ins where an import finds them. ``course`` is no package here, so nothing else of it can be imported."""
    course, checks = types.ModuleType("course"), types.ModuleType("course.checks")
    for name in NAMES:
        setattr(checks, name, _quiet)
    checks.CheckFailed = type("CheckFailed", (AssertionError,), {})  # type: ignore[attr-defined]
    course.checks = checks  # type: ignore[attr-defined]
    sys.modules.update({"course": course, "course.checks": checks})
