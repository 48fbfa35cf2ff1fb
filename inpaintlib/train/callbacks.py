"""Everything that happens around the loop but is not the loop: the base, and what every run has, its log, progress line and checkpoints."""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any, TextIO

from inpaintlib._files import write_atomically
from inpaintlib.train.checkpoint import save_checkpoint
from inpaintlib.train.run import Run

__all__ = ["Callback", "Checkpoint", "JsonLog", "Progress"]


class Callback:
    """The base: override what you need. Each method gets the :class:`~inpaintlib.train.run.Run`, in whatever state it is.

    Callbacks are called in the order in which they were passed; the log, the progress line and the checkpoint come after them. To use the
    model, open ``with run.evaluating() as model``: averaged weights, eval mode, and nobody else at it. ``with run.off_the_clock()`` keeps
    what takes long out of the run's minutes.
    """

    def on_start(self, run: Run) -> None:
        """Before the first step, of a resumed run too."""

    def on_step(self, run: Run) -> None:
        """After each training step."""

    def on_epoch(self, run: Run) -> None:
        """After the last step of each epoch."""

    def on_end(self, run: Run) -> None:
        """After the last step, also when the run was stopped; not after an error."""

    def state(self) -> dict[str, Any]:
        """What the callback has to remember across a kill and a resume: plain values that JSON can hold."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state` gave."""


class JsonLog(Callback):
    """Append each row of the history to ``log.jsonl`` in the run's folder, one JSON object a line.

    A log that cannot be written (a full disk) is warned about once and does not end the run; the rows are kept for the next try.
    """

    def __init__(self) -> None:
        self.written = 0
        self.torn = False  # a line may be half written: the next try writes the whole file

    def on_start(self, run: Run) -> None:
        self.written = len(run.history)  # what a resumed run brought along is there already

    def on_step(self, run: Run) -> None:
        if len(run.history) == self.written or run.out is None:
            return
        path = run.out / "log.jsonl"
        try:
            if self.torn:
                write_atomically(path, _lines(run.history.rows).encode())
            else:
                with open(path, "a", encoding="utf-8") as file:
                    file.write(_lines(run.history.rows[self.written :]))
        except OSError as error:
            if not self.torn:
                warnings.warn(f"the log {path} could not be written ({error}); the run goes on. Make room on the disk.", stacklevel=2)
            self.torn = True
        else:
            self.written, self.torn = len(run.history), False

    on_epoch = on_end = on_step


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


class Progress(Callback):
    """One line that says how far the run is, how fast, and how long it will take.

    On a terminal the line is rewritten every second; elsewhere (a notebook, a file) a new one comes every tenth of the run, at most every
    ten seconds.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self.shown_at, self.shown_fraction = -1e9, -1.0

    def on_start(self, run: Run) -> None:
        self.stream = self.stream or sys.stdout
        self.live = self.stream.isatty()
        if run.step:
            print(f"going on after step {run.step} (epoch {run.epochs:.1f})", file=self.stream)

    def on_step(self, run: Run) -> None:
        now = time.monotonic()
        due = now - self.shown_at >= 1 if self.live else now - self.shown_at >= 10 and run.fraction - self.shown_fraction >= 0.1
        if due:
            self.shown_at, self.shown_fraction = now, run.fraction
            self._show(run, "\r" if self.live else "\n")

    def on_end(self, run: Run) -> None:
        self._show(run, f"  ({run.reason})\n")

    def _show(self, run: Run, end: str) -> None:
        clear = "\x1b[K" if self.live else ""  # what a longer line left behind
        print(clear + self.line(run), end=end, file=self.stream, flush=True)

    def line(self, run: Run) -> str:
        """The line, such as ``epoch 3.2 of 30  loss 0.0213  PSNR 31.2 dB  2100 images/s  12 min left``."""
        total = f" of {round(run.total_steps / run.steps_per_epoch, 2):g}" if run.total_steps else ""
        parts = [f"epoch {run.epochs:.1f}{total}", f"loss {run.terms.get('loss', float('nan')):.4f}"]
        if "psnr_composited" in run.history:
            steps, values = run.history["psnr_composited"]
            looked = steps[-1] / run.steps_per_epoch  # it stays in the line until the next look, and must not pass for today's
            parts.append(f"PSNR {values[-1]:.2f} dB" + (f" at {looked:.1f}" if run.epochs - looked > 0.05 else ""))
        if "accuracy_real" in run.terms:
            parts.append(f"critic right on {run.terms['accuracy_real']:.0%} real, {run.terms['accuracy_fake']:.0%} filled")
        time_word = f"{_duration(run.seconds_left)} left" if run.fraction < 1 else _duration(run.seconds)
        parts += [f"{run.images_per_second:.0f} images/s", time_word]
        return "  ".join(parts)


def _duration(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class Checkpoint(Callback):
    """Keep ``last.safetensors`` (every so often, and at the end) and ``best.safetensors`` in the run's folder.

    Args:
        seconds: time between two checkpoints; None: only by ``steps`` and at the end.
        steps: training steps between two checkpoints.
        monitor: the column of the history whose largest value marks the best checkpoint.

    A checkpoint that cannot be written (a full disk) is warned about, and the one before it stays; at the end of a run it is an error.
    """

    def __init__(self, *, seconds: float | None = 60.0, steps: int | None = None, monitor: str = "psnr_composited") -> None:
        self.seconds, self.steps, self.monitor = seconds, steps, monitor
        self.best: float | None = None
        self.saved_at = time.monotonic()

    def on_start(self, run: Run) -> None:
        self.saved_at = time.monotonic()

    def on_step(self, run: Run) -> None:
        by_time = self.seconds is not None and time.monotonic() - self.saved_at >= self.seconds
        by_steps = self.steps is not None and run.step % self.steps == 0
        self.save_best(run)
        if by_time or by_steps:
            self.save(run, "last")

    def on_end(self, run: Run) -> None:
        self.save_best(run)
        self.save(run, "last", must=True)

    def save_best(self, run: Run) -> None:
        """Save the best checkpoint if the evaluation of this very step is better than all before."""
        rows = [row for row in run.history.rows[-3:] if self.monitor in row and row["step"] == run.step]
        if rows and (self.best is None or rows[-1][self.monitor] > self.best):
            self.best = rows[-1][self.monitor]
            self.save(run, "best")

    def save(self, run: Run, name: str, *, must: bool = False) -> None:
        """Write ``name.safetensors``."""
        assert run.out is not None
        path = run.out / f"{name}.safetensors"
        try:
            save_checkpoint(run, path)
        except OSError as error:
            kept = "the one before it is kept" if path.exists() else "there is none yet"
            message = f"the checkpoint {path} of step {run.step} could not be written ({error}); {kept}. Make room on the disk."
            if must:
                raise OSError(error.errno, message) from error
            warnings.warn(message, stacklevel=2)
        self.saved_at = time.monotonic()

    def state(self) -> dict[str, Any]:
        return {"best": self.best}

    def load(self, state: dict[str, Any]) -> None:
        self.best = state["best"]
