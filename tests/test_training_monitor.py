"""The training monitor without a browser: a run in its thread that can be paused, stopped and looked at. tests/browser clicks it."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from PIL import Image

from inpaintlib import losses, masks, train, widgets
from inpaintlib.widgets.base import module
from tests.training import noise, one_thread, same, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
SETTINGS: dict[str, Any] = {"batch_size": 8, "precision": "fp32", "device": "cpu", "log_every": 2}


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


@pytest.fixture
def make() -> Iterator[Callable[..., widgets.TrainingMonitor]]:
    """Makes monitors, and ends their runs when the test is over."""
    made: list[widgets.TrainingMonitor] = []

    def monitor(model: torch.nn.Module | None = None, *, epochs: float = 1e6, **options: Any) -> widgets.TrainingMonitor:
        network = tiny() if model is None else model
        made.append(widgets.TrainingMonitor(train.fit, network, noise(), masks.boxes, losses.hole_l1, epochs=epochs, **SETTINGS, **options))
        return made[-1]

    yield monitor
    for view in made:
        view.stop()
        if view._thread is not None:
            view._thread.join(10)


def test_a_run_in_the_monitor_is_that_of_fit(make):
    model, twin = tiny(), tiny()
    view = make(model, epochs=2)
    history = view.wait()
    expected = train.fit(twin, noise(), masks.boxes, losses.hole_l1, epochs=2, progress=False, **{**SETTINGS, "schedule": "one_cycle"})
    assert same(model, twin) and history["loss"] == expected["loss"]
    assert view.state == "ended" and history is view.history and "all epochs done" in view._headline and view._part == 1
    (panel,) = view._panels
    assert panel["lines"][0]["name"] == "loss" and [*panel["lines"][0]["x"]] == expected["loss"][0]


def test_the_browser_is_not_flooded(make, monkeypatch):
    """A message a step fills the queue of whoever reads later, and the end is lost: four a second, and fewer the longer it runs."""
    sent = []
    monkeypatch.setattr(widgets.TrainingMonitor, "send_state", lambda self, key=None: sent.append(key))
    view = make().start()
    until(lambda: view.history.rows and view.history.rows[-1]["step"] > 100)
    messages = len(sent)
    assert 2 <= messages <= 8 + 4 * (time.monotonic() - view._began)
    view._began -= 1000  # as if it had begun long ago: a message in ten seconds will do then
    before = len(sent)
    time.sleep(0.8)
    assert len(sent) <= before + 1
    view.stop()
    view.wait(20)
    assert view._part == view._done and len(sent) > before


def test_paused_it_stands_still_and_its_clock_too_then_it_goes_on_and_stops(make):
    ends = threading.Event()
    view = make(stop=ends).start()
    assert view.start() is view  # a second start is none
    until(lambda: len(view.history) > 2)
    view.pause()
    until(lambda: view._facts.startswith("Step"))
    time.sleep(0.1)
    place, state = view._place, view.state
    time.sleep(0.2)
    assert view._place == place and state == view.state == "paused"
    seconds = view.history.rows[-1]["seconds"]
    view.resume()
    until(lambda: view.history.rows[-1]["seconds"] > seconds)
    assert view.history.rows[-1]["seconds"] - seconds < 0.25, "the pause was counted"
    view.stop()
    assert view.wait().stopped_by == "stopped" and view.state == "ended" and ends.is_set()
    rows = len(view.history)
    time.sleep(0.1)
    assert len(view.history) == rows and not view._thread.is_alive()


def test_a_paused_run_can_be_stopped_and_one_that_was_never_started_too(make):
    view = make().start()
    until(lambda: len(view.history) > 0)
    view.pause()
    view.stop()
    assert view.wait(20).stopped_by == "stopped"
    never = make()
    never.stop()
    assert never.wait(20).stopped_by == "stopped" and not never.history.rows


def test_the_browsers_wishes_reach_the_run_from_another_thread(make):
    """Newer kernels take the browser's messages in a thread of their own."""
    view = make()

    def ask(what: str) -> None:
        message = {"_wish": what, "_asked": view._asked + 1}
        thread = threading.Thread(target=view.set_state, args=(message,))
        thread.start()
        thread.join()

    states = []
    for wish in ("start", "pause", "resume", "stop"):
        ask(wish)
        states.append(view.state)
        if wish == "start":
            until(lambda: len(view.history) > 1)
    assert states[:3] == ["running", "paused", "running"] and states[3] in ("stopping", "ended") and view._answered == 4
    view.wait(20)
    ask("fly")  # what nobody offers
    assert view._answered == 5 and view.state == "ended"


def test_an_error_is_said_and_raised_by_wait(make):
    def broken(prediction, target, mask):
        return (prediction - target).mean() * float("nan")

    view = widgets.TrainingMonitor(train.fit, tiny(), noise(), masks.boxes, broken, epochs=1, **SETTINGS)
    with pytest.raises(train.Diverged):
        view.wait()
    assert view.state == "failed" and "Diverged" in view.describe()


def test_samples_columns_and_callbacks_are_shown(make):
    looks = train.Samples(noise(9, seed=3), masks.boxes, count=3, every=0.5)
    watch = train.Evaluate(noise(9, seed=8), masks.boxes, every=0.5)
    view = make(epochs=2, samples=looks, columns=["psnr_raw", "loss", "no_such"], callbacks=[watch])
    view.wait()
    assert [[line["name"] for line in panel["lines"]] for panel in view._panels] == [["psnr_raw"], ["loss"]]
    png = base64.b64decode(view._picture.partition("base64,")[2])
    assert png == looks.png() and "3 held-out pictures after step 12" in view._picture_alt
    assert "psnr_raw" in view.describe() and "3 held-out pictures" in view.describe()


def test_long_curves_are_thinned_and_keep_their_newest_point(make):
    view = make()
    view._on_rows([{"step": n, "loss": 1 / n} for n in range(1, 1001)])
    (line,) = view._drawn()[0]["lines"]
    assert len(line["x"]) <= 300 and line["x"][-1] == 1000 and line["y"][-1] == 1 / 1000


@pytest.mark.parametrize("begun", [False, True])
def test_the_output_holds_the_live_view_and_its_still_twin(make, begun):
    view = make(epochs=2, samples=train.Samples(noise(9), masks.boxes, count=4))
    if begun:
        view.wait()
    bundle: Any = view._repr_mimebundle_()
    data, _ = bundle
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', data["text/html"])
    (alt,) = re.findall(r'alt="([^"]+)"', data["text/html"])
    assert Image.open(io.BytesIO(base64.b64decode(source))).width > 300 and len(data["text/html"]) < 120_000
    assert ("Step 12 of 12" in alt and "all epochs done" in alt) if begun else "Not started yet" in alt
    assert view.still() == view.still(), "two calls give other bytes"


def test_its_module_stands_on_its_own_and_bad_input_is_named():
    text = module("training_monitor.js")
    assert not re.search(r"^import ", text, re.MULTILINE) and text.count("export default") == 1
    declared = re.findall(r"^(?:export )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared)), "a name is declared twice"
    with pytest.raises(TypeError, match="fit is 3; expected a function that trains"):
        widgets.TrainingMonitor(3)
    with pytest.raises(TypeError, match=r"expected train\.Samples"):
        widgets.TrainingMonitor(train.fit, samples="pictures")


def test_a_process_that_ends_in_the_middle_of_a_run_ends_in_order():
    code = """
import time
from inpaintlib import losses, masks, train, widgets
from tests.training import noise, tiny
view = widgets.TrainingMonitor(train.fit, tiny(), noise(), masks.boxes, losses.hole_l1, epochs=1e6, batch_size=8, device="cpu").start()
while not view.history.rows: time.sleep(0.01)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=120, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
