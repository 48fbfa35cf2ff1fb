"""A progress line for people: shown where somebody watches, silent in scripts, in CI and in the stored outputs of notebooks."""

from __future__ import annotations

import logging
import sys
import time

__all__ = ["Progress", "interactive", "log"]

log = logging.getLogger("inpaintlib.data")


def interactive() -> bool:
    """Whether a person is there to watch and to answer.

    In a notebook the front end says so itself: JupyterLab lets a cell ask for input; nbclient and nbval, which execute notebooks for the
    stored outputs and for CI, do not. Elsewhere both ends of the terminal have to be one.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False))
    return bool(sys.stdin and sys.stderr and sys.stdin.isatty() and sys.stderr.isatty())


class Progress:
    """Counts steps; after the first half second it draws one line on stderr, and wipes it at the end.

    Args:
        task: what is being done, for the line and for the log.
        total: the number of steps; 0 where it is not known.
        unit: what a step is, in the plural.
        scale: steps in one unit (1e6 to count bytes and show MB).
    """

    def __init__(self, task: str, total: int, unit: str, scale: float = 1) -> None:
        self.task, self.total, self.unit, self.scale = task, total, unit, scale
        self.done, self.first, self.width = 0, 0, 0
        self.visible = interactive()
        self.start = self.drawn = time.monotonic()
        log.info("%s: %s %s", task, f"{total / scale:,.0f}" if total else "?", unit)

    def start_at(self, done: int) -> None:
        """Say that the first ``done`` steps were there before, so that the time left is not estimated from them."""
        self.done = self.first = done

    def update(self, steps: int) -> None:
        """Count ``steps`` more."""
        self.done += steps
        now = time.monotonic()
        if self.visible and now - self.drawn > 0.5:
            self.drawn = now
            self._draw(now)

    def _draw(self, now: float) -> None:
        of = f" of {self.total / self.scale:,.0f}" if self.total else ""
        line = f"{self.task}: {self.done / self.scale:,.0f}{of} {self.unit}"
        here = self.done - self.first
        if self.total and here:
            line += f", {(self.total - self.done) * (now - self.start) / here:,.0f} s left"
        self.width = max(self.width, len(line))
        print(f"\r{line:<{self.width}}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.width:
            print("\r" + " " * self.width + "\r", end="", file=sys.stderr, flush=True)
        log.info("%s: done in %.1f s", self.task, time.monotonic() - self.start)
