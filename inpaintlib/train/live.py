"""Callbacks that show a run while it is running: rows for a live figure, curves for TensorBoard."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from inpaintlib.train.callbacks import Callback
from inpaintlib.train.run import Run

__all__ = ["LiveCurves", "TensorBoard"]

Row = dict[str, Any]
Listener = Callable[[list[Row]], object]


class LiveCurves(Callback):
    """Hand what a run records to whoever draws it: the rows of the history, as they come, to any number of listeners.

    A listener is called as ``listener(rows)`` in the thread of the run, after the step that made the rows, and a last time with no rows
    at the end, when :attr:`stopped_by` is set. Who comes late gets all rows so far first. Who would rather ask, from a thread of its
    own, calls :meth:`take`. A listener that fails is left out with a warning, and the run goes on.

    Args:
        listeners: the first ones; :meth:`listen` adds more, from any thread.
        columns: what is handed on, such as ``["loss", "psnr_composited", "accuracy_real"]``, beside ``step``, ``epoch`` and ``seconds``;
            None: everything.

    >>> curves = LiveCurves(columns=["loss"])
    >>> curves.listen(lambda rows: print([row["loss"] for row in rows]))
    []
    >>> curves.add([{"step": 1, "loss": 0.5, "lr": 0.1}, {"step": 1, "psnr_raw": 20.0}])
    [0.5]
    """

    def __init__(self, *listeners: Listener, columns: Iterable[str] | None = None) -> None:
        if isinstance(columns, str):
            raise TypeError(f"columns is the word {columns!r}; expected several, such as [{columns!r}].")
        if wrong := [listener for listener in listeners if not callable(listener)]:
            raise TypeError(f"a listener is {wrong[0]!r}; expected a function that takes a list of rows.")
        self.columns = None if columns is None else tuple(columns)
        self.stopped_by = ""  # why the run ended; empty while it is running
        self._lock = threading.Lock()  # never held while a listener is called: it may ask for the rows, or wait for who does
        self._telling = threading.RLock()  # one call at a time, so that nobody gets rows twice or in another order
        self._listeners = list(listeners)
        self._rows: list[Row] = []
        self._seen = 0  # rows of the history that were looked at

    # -- from any thread

    @property
    def rows(self) -> list[Row]:
        """All rows so far, a copy."""
        with self._lock:
            return list(self._rows)

    def take(self, start: int = 0) -> list[Row]:
        """The rows from number ``start`` on: ``rows = take(n); n += len(rows)`` in a loop sees each row once."""
        with self._lock:
            return self._rows[start:]

    def listen(self, listener: Listener) -> None:
        """Add a listener; it gets the rows so far at once, here, and the others as they come."""
        with self._telling:
            with self._lock:
                self._listeners.append(listener)
            self._tell([listener], self.rows)

    def leave(self, listener: Listener) -> None:
        """Take a listener away; nothing happens if it has gone already."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    # -- from the run

    def add(self, rows: list[Row]) -> None:
        """Hand on new rows: what is left of them when only some columns are wanted."""
        if wanted := [kept for row in rows if (kept := self._kept(row))]:
            with self._telling:
                with self._lock:
                    self._rows += wanted
                    listeners = list(self._listeners)
                self._tell(listeners, wanted)

    def on_start(self, run: Run) -> None:
        with self._lock:
            self.stopped_by, self._rows, self._seen = "", [], 0
        self.on_step(run)  # what a resumed run brought along

    def on_step(self, run: Run) -> None:
        new = run.history.rows[self._seen :]
        self._seen += len(new)
        if new:
            self.add(new)

    def on_end(self, run: Run) -> None:
        self.on_step(run)
        with self._telling:
            self.stopped_by = run.reason
            self._tell(list(self._listeners), [])

    def _kept(self, row: Row) -> Row:
        if self.columns is None:
            return dict(row)
        wanted = {name: row[name] for name in self.columns if name in row}
        return {name: row[name] for name in ("step", "epoch", "seconds") if name in row} | wanted if wanted else {}

    def _tell(self, listeners: list[Listener], rows: list[Row]) -> None:
        for listener in listeners:
            try:
                listener([dict(row) for row in rows])  # copies: what one does with them is no matter of the others
            except Exception as error:  # a figure that was closed must not end an hour of training
                self.leave(listener)
                warnings.warn(f"a listener of the live curves failed and is left out from now on: {error!r}", stacklevel=2)


class TensorBoard(Callback):
    """Write every number that the run records for TensorBoard; look with ``tensorboard --logdir FOLDER``.

    Args:
        folder: where to; None: ``tensorboard`` in the run's folder, or ``runs/tensorboard`` if it has none.

    Raises:
        ImportError: TensorBoard is not installed; it is imported only here.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                f"TensorBoard was asked for, and is not installed ({error}); expected the course's extra \"train\". "
                'Run: python -m pip install "inpaintlib[train]" (in a clone: python -m pip install -e ".[train]"), or go without it: '
                "log.jsonl holds the same numbers."
            ) from None
        self._make = SummaryWriter
        self.folder = folder
        self._seen = 0

    def on_start(self, run: Run) -> None:
        self.path = Path(self.folder) if self.folder is not None else (run.out or Path("runs")) / "tensorboard"
        # A resumed run does some steps again: TensorBoard forgets what was written of them before.
        self.writer = self._make(str(self.path), purge_step=run.step + 1 if run.step else None, flush_secs=10)
        self._seen = len(run.history)

    def on_step(self, run: Run) -> None:
        new = run.history.rows[self._seen :]
        self._seen += len(new)
        for row in new:
            for name, value in row.items():
                if name not in ("step", "seconds") and isinstance(value, int | float) and math.isfinite(value):
                    self.writer.add_scalar(name, value, row["step"])

    def on_end(self, run: Run) -> None:
        self.on_step(run)
        self.writer.close()
