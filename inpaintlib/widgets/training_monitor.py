"""A training run that one watches: its curves and pictures while it goes on, and buttons that reach it."""

from __future__ import annotations

import base64
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from inpaintlib import viz
from inpaintlib.train import Callback, History, LiveCurves, Samples
from inpaintlib.viz.charts import axis_label
from inpaintlib.widgets.base import CourseWidget, module

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from inpaintlib.train import Run

__all__ = ["TrainingMonitor"]

_NOT_DRAWN = ("step", "epoch", "seconds", "lr", "images_per_second")
_POINTS = 300  # of a curve that are sent to the browser; a longer run is thinned out
_POST_AFTER = 0.25  # seconds between two messages to the browser, at first
_POST_SHARE = 0.01  # of the time since the start, later on: whoever reads after the run's end (nbval) loses what exceeds 1,000 messages
_WORDS = {"ready": "Not started yet", "running": "Running", "paused": "Paused", "stopping": "Stopping after this step"}


class TrainingMonitor(CourseWidget):
    """Live curves and pictures of a training run, with buttons that start it, pause it and end it.

    The run has a thread of its own: the notebook stays free, other cells can look at the model meanwhile (``model.inpaint`` waits for the
    end of a step), and a click on Stop is heard. However it ends, the model keeps what it learned, :attr:`history` what was measured.

        monitor = TrainingMonitor(train.fit, model, images, masks.lines, losses.hole_l1, epochs=2)
        monitor.start()
        monitor

    Args:
        fit: ``train.fit``, ``train.fit_adversarial``, or any function that takes ``callbacks=``, ``stop=`` and ``progress=`` as they do.
        *arguments: what it is called with.
        columns: which columns of the history are drawn, a panel for each unit; None: all of them, as :func:`inpaintlib.viz.curves` does.
        samples: its pictures of held-out images are shown below the curves.
        **settings: more of what ``fit`` is called with, its own ``callbacks`` and ``stop`` among them.

    Attributes:
        state: "ready", "running", "paused", "stopping", "ended" or "failed".
        history: the rows so far; once the run has ended, what ``fit`` returned.
        error: what the run raised, if it failed; :meth:`wait` raises it again.

    Raises:
        TypeError: ``fit`` cannot be called, or ``samples`` is no :class:`~inpaintlib.train.Samples`.
    """

    _esm = module("training_monitor.js")

    state = traitlets.Unicode("ready").tag(sync=True)
    _headline = traitlets.Unicode(_WORDS["ready"] + ".").tag(sync=True)  # what is announced: it changes with the state only
    _facts = traitlets.Unicode().tag(sync=True)  # what changes all the time
    _part = traitlets.Float(0.0).tag(sync=True)  # of the run that is done, 0 to 1
    _panels: Any = traitlets.List().tag(sync=True)  # {"title", "lines": [{"name", "x", "y"}]}
    _picture = traitlets.Unicode().tag(sync=True)  # of the samples, as a data address
    _picture_alt = traitlets.Unicode().tag(sync=True)
    # The browser counts what it asks for, Python what it has answered; _wish says what is asked.
    _wish = traitlets.Unicode().tag(sync=True)
    _asked = traitlets.Int(0).tag(sync=True)
    _answered = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        fit: Callable[..., History],
        *arguments: Any,
        columns: Sequence[str] | None = None,
        samples: Samples | None = None,
        **settings: Any,
    ) -> None:
        if not callable(fit):
            raise TypeError(f"fit is {fit!r}; expected a function that trains, such as train.fit, followed by what it is called with.")
        if samples is not None and not isinstance(samples, Samples):
            raise TypeError(f"samples is {samples!r}; expected train.Samples(images, masks).")
        super().__init__()
        # Threads set values here: that of the run, and in new kernels one for the browser's messages beside that for cells.
        self._guard = threading.RLock()
        self._fit, self._arguments = fit, arguments
        self._samples = samples
        self._curves = LiveCurves(self._on_rows, columns=columns)
        self._going = threading.Event()
        self._going.set()
        self._stop: threading.Event = settings.pop("stop", None) or threading.Event()
        mine = [*([samples] if samples else []), self._curves, _Pulse(self)]
        self._settings = {"progress": False, **settings, "callbacks": [*settings.get("callbacks", ()), *mine]}
        self._thread: threading.Thread | None = None
        self._began = self._posted = 0.0
        self._done = 0.0
        self._place = ""  # step, time left and speed, in words
        self._shown: Any = None  # where IPython has displayed it
        self.history = History()
        self.error: BaseException | None = None

    # -- the buttons, from any thread

    def start(self) -> TrainingMonitor:
        """Begin the run in a thread of its own; a run that has begun goes on as it is."""
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._train, name="training", daemon=True)
                weakref.finalize(self, _end, self._stop, self._going, self._thread)  # at the interpreter's end no step may be half done
                self._began = time.monotonic()
                self._become("running")
                self._thread.start()
        return self

    def pause(self) -> None:
        """Hold the run after the current step, until :meth:`resume`; its clock stands still meanwhile."""
        with self._guard:
            if self.state == "running":
                self._going.clear()
                self._become("paused")

    def resume(self) -> None:
        """Let a paused run go on."""
        with self._guard:
            if self.state == "paused":
                self._become("running")
            self._going.set()

    def stop(self) -> None:
        """End the run after the current step. What was learned is kept."""
        with self._guard:
            if self.state in ("running", "paused"):
                self._become("stopping")
            self._stop.set()
            self._going.set()

    def wait(self, seconds: float | None = None) -> History:
        """Wait for the end of the run (it is started, if it was not), for so many seconds at most; the history.

        Raises:
            Exception: what the run raised.
        """
        self.start()
        assert self._thread is not None
        self._thread.join(seconds)
        if self._shown is not None and not self._thread.is_alive():
            data, metadata = self._mimebundle()
            self._shown.update(data, metadata=metadata, raw=True)  # the still that is stored with the notebook shows the end
            self._shown = None
        if self.error is not None:
            raise self.error
        return self.history

    # -- the run's thread

    def _train(self) -> None:
        try:
            history = self._fit(*self._arguments, stop=self._stop, **self._settings)
        except BaseException as error:
            with self._guard:
                self.error = error
                self._become("failed", f"The run failed: {type(error).__name__}: {error}")
        else:
            with self._guard:
                self.history = history
                self._become("ended", f"The run has ended: {history.stopped_by or 'done'}.")

    def _on_rows(self, rows: list[dict[str, Any]]) -> None:
        with self._guard:
            self.history.rows += rows
            self._post()

    def _pulse(self, run: Run) -> None:
        """After each step; here the run waits while it is paused."""
        of = f" of {run.total_steps}" if run.total_steps else ""
        self._place = f"Step {run.step}{of}, epoch {run.epochs:.1f}, {run.images_per_second:.0f} images a second"
        with self._guard:
            self._done = run.fraction
            self._post()
        if not self._going.is_set():
            self._post(now=True)
            with run.off_the_clock():
                self._going.wait()

    def _become(self, state: str, words: str = "") -> None:
        self.state, self._headline = state, words or _WORDS[state] + "."
        self._post(now=True)

    def _post(self, *, now: bool = False) -> None:
        """Send the browser what is new, in one message, and seldom unless ``now``."""
        instant = time.monotonic()
        if not now and instant - self._posted < max(_POST_AFTER, _POST_SHARE * (instant - self._began)):
            return
        with self._guard, self.hold_sync():
            self._posted = instant
            self._part = self._done
            self._facts = ". ".join(part for part in (self._place, self._newest()) if part)
            self._panels = self._drawn()
            if self._samples is not None and self._samples.filled:
                step, pictures = self._samples.filled[-1]
                alt = f"{len(pictures)} held-out pictures after step {step}. Three rows: with holes, filled, undamaged."
                if alt != self._picture_alt:
                    self._picture_alt = alt
                    self._picture = "data:image/png;base64," + base64.b64encode(self._samples.png()).decode("ascii")

    def _columns(self) -> list[str]:
        chosen = self._curves.columns
        rows = self.history.columns()
        return [name for name in (rows if chosen is None else chosen) if name in rows and name not in _NOT_DRAWN]

    def _drawn(self) -> list[dict[str, Any]]:
        panels: dict[str, list[dict[str, Any]]] = {}
        for name in self._columns():
            steps, values = self.history[name]
            thin = -(-len(steps) // _POINTS)
            keep = slice((len(steps) - 1) % thin, None, thin)  # the newest point is always among them
            panels.setdefault(axis_label(name), []).append({"name": name, "x": steps[keep], "y": values[keep]})
        return [{"title": title, "lines": lines} for title, lines in panels.items()]

    def _newest(self) -> str:
        return ", ".join(f"{name} {viz.number_text(self.history.last(name))}" for name in self._columns())

    # -- the browser

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; never while the run's thread sets values."""
        with self._guard:
            super().set_state(sync_data)

    @traitlets.observe("_asked")
    def _on_asked(self, change: Any) -> None:
        actions = {"start": self.start, "pause": self.pause, "resume": self.resume, "stop": self.stop}
        if self._wish in actions:
            actions[self._wish]()
        self._answered = self._asked

    # -- without a browser

    def describe(self) -> str:
        facts = f" {self._facts}." if self._facts else ""
        return f"A training run with its curves. {self._headline}{facts} {self._picture_alt}".strip()

    def still(self) -> str:
        caption = "Interactive in a running notebook: start the run, pause it, end it."
        return viz.figure_html(self.picture(), alt=self.describe(), caption=caption, max_bytes=80_000)

    def picture(self) -> Figure:
        """The curves so far, and the newest pictures below them, for :func:`inpaintlib.viz.show`."""
        import io

        import numpy as np
        from PIL import Image

        with self._guard:
            panels, picture = self._drawn(), self._picture
            looks = self._samples.png() if self._samples is not None and picture else None
        count = max(1, len(panels))
        rows, columns = -(-count // 2), min(count, 2)
        tall = [2.3] * rows + [2.6] * bool(looks)
        drawing, axes = viz.figure(4.0 * columns, sum(tall), len(tall), columns, gridspec_kw={"height_ratios": tall})
        places = axes.flat[: rows * columns]
        with viz.style():
            for ax, panel in zip(places, panels, strict=False):
                for index, line in enumerate(panel["lines"]):
                    marker = viz.MARKERS[index % len(viz.MARKERS)]
                    ax.plot(line["x"], line["y"], label=line["name"], marker=marker, markevery=max(1, len(line["x"]) // 8))
                ax.set(title=panel["title"], xlabel="training step")
                ax.legend(loc="best")
            if not panels:
                places[0].set(title="no step yet", xlabel="training step")
            for ax in places[count:]:
                ax.set_axis_off()
            if looks:
                for ax in axes[-1]:
                    ax.remove()
                below = drawing.add_subplot(axes[-1, 0].get_gridspec()[-1, :])
                below.imshow(np.asarray(Image.open(io.BytesIO(looks))))
                below.set_axis_off()
        return drawing

    def _mimebundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = self._repr_mimebundle_()
        return bundle if bundle is not None else ({"text/html": self.still(), "text/plain": self.describe()}, {})

    def _ipython_display_(self) -> None:
        """Displayed under a name, so that :meth:`wait` can exchange the still of the beginning for that of the end."""
        from IPython.display import display

        data, metadata = self._mimebundle()
        self._shown = display(data, metadata=metadata, raw=True, display_id=True)


class _Pulse(Callback):
    """Tells the monitor of each step. (It knows it weakly: the run's callbacks live as long as its thread.)"""

    def __init__(self, monitor: TrainingMonitor) -> None:
        self._monitor = weakref.ref(monitor)

    def on_step(self, run: Run) -> None:
        if (monitor := self._monitor()) is not None:
            monitor._pulse(run)


def _end(stop: threading.Event, going: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    going.set()
    if thread is not threading.current_thread():
        thread.join(10)
