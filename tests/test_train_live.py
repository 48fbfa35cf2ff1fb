"""What a live figure and TensorBoard get to see of a run."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest

from inpaintlib import masks, train
from inpaintlib.train import cli
from inpaintlib.train.live import LiveCurves, TensorBoard
from tests.training import StopAfter, noise, one_thread, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


class Accuracy(train.Callback):
    """What an adversarial run records besides."""

    def on_step(self, run: train.Run) -> None:
        run.record({"accuracy_real": 0.5 + run.step / 100})


def test_listeners_get_every_row_once_and_in_order_late_ones_too():
    early: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []
    calls: list[tuple[int, str]] = []
    curves = LiveCurves(early.extend)

    class Join(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 9:
                curves.listen(late.extend)

    curves.listen(lambda rows: calls.append((len(rows), curves.stopped_by)))
    history = short(tiny(), callbacks=[train.Evaluate(noise(9), masks.lines, every=0.5), Accuracy(), curves, Join()], log_every=1)
    assert early == late == curves.rows == history.rows and {"loss", "psnr_composited", "accuracy_real"} <= set(history.columns())
    assert calls[-1] == (0, "all epochs done") and all(not said for _, said in calls[:-1])


def test_only_the_columns_that_are_wanted():
    curves = LiveCurves(columns=["loss", "accuracy_real"])
    short(tiny(), callbacks=[Accuracy(), curves])
    assert {frozenset(row) for row in curves.rows} == {
        frozenset({"step", "epoch", "seconds", name}) for name in ("loss", "accuracy_real")
    }  # fmt: skip
    with pytest.raises(TypeError, match=r"the word 'loss'; expected several, such as \['loss'\]"):
        LiveCurves(columns="loss")
    with pytest.raises(TypeError, match="expected a function that takes a list of rows"):
        LiveCurves([1])  # type: ignore[arg-type]


def test_a_listener_that_fails_is_left_out_and_harms_nobody():
    good: list[dict[str, Any]] = []

    def bad(rows: list[dict[str, Any]]) -> None:
        rows[0].clear()  # nor does it harm the others' rows
        raise RuntimeError("the figure is closed")

    with pytest.warns(UserWarning, match="the figure is closed") as seen:
        history = short(tiny(), callbacks=[LiveCurves(bad, good.extend)], log_every=1)
    assert good == history.rows and len(history) == 18 and sum("figure" in str(w.message) for w in seen) == 1


def test_another_thread_may_ask_join_and_leave_at_any_time():
    curves = LiveCurves()
    box: list[train.History] = []
    thread = threading.Thread(target=lambda: box.append(short(tiny(), epochs=20, callbacks=[curves], log_every=1)))
    asked: list[dict[str, Any]] = []
    heard: list[list[dict[str, Any]]] = []
    thread.start()
    while thread.is_alive():
        asked += curves.take(len(asked))
        mine: list[dict[str, Any]] = []
        curves.listen(mine.extend)
        time.sleep(0.001)
        curves.leave(mine.extend)
        curves.leave(mine.extend)
        heard.append(mine)
    thread.join()
    asked += curves.take(len(asked))
    assert asked == box[0].rows
    assert len(heard) > 5 and all(mine == box[0].rows[: len(mine)] for mine in heard)


def test_a_listener_may_wait_for_who_asks_for_the_rows():
    asked = threading.Event()

    def patient(rows: list[dict[str, Any]]) -> None:
        assert asked.wait(20)

    curves = LiveCurves(patient)
    thread = threading.Thread(target=lambda: short(tiny(), callbacks=[curves]))
    thread.start()
    while not curves.rows and thread.is_alive():
        time.sleep(0.001)
    asked.set()
    thread.join(timeout=20)
    assert not thread.is_alive() and curves.stopped_by == "all epochs done"


def test_a_resumed_run_shows_its_beginning_too_and_a_second_run_starts_anew(tmp_path):
    short(tiny(), out=tmp_path, callbacks=[StopAfter(8)])
    curves = LiveCurves()
    history = short(tiny(), out=tmp_path, callbacks=[curves], resume=True)
    assert curves.rows == history.rows and curves.rows[0]["step"] == 4
    again = short(tiny(), callbacks=[curves])
    assert curves.rows == again.rows


# -- TensorBoard


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    event = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = event.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {name: [(e.step, e.value) for e in found.Scalars(name)] for name in found.Tags()["scalars"]}


def test_tensorboard_gets_the_numbers_of_the_log_and_no_step_twice(tmp_path):
    pytest.importorskip("tensorboard")

    class Crash(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 11:
                raise RuntimeError("as if killed")

    saving = train.Checkpoint(seconds=None, steps=6)
    with pytest.raises(RuntimeError):
        short(tiny(), out=tmp_path, log_every=1, callbacks=[TensorBoard(), Crash(), saving])
    history = short(tiny(), out=tmp_path, log_every=1, callbacks=[train.Evaluate(noise(9), masks.lines), TensorBoard()], resume=True)
    seen = scalars(tmp_path / "tensorboard")
    for name in ("loss", "lr", "psnr_composited"):
        steps, values = history[name]
        assert [step for step, _ in seen[name]] == steps
        assert [value for _, value in seen[name]] == pytest.approx(values, rel=1e-6)


def test_tensorboard_is_asked_for_on_the_command_line(tmp_path):
    pytest.importorskip("tensorboard")
    words = ["partial_unet", "--option", "width=4", "--data", "photos", "--limit", "40", "--epochs", "1", "--batch-size", "16"]
    words += ["--precision", "fp32", "--threads", "1", "--device", "cpu", "--test-images", "4", "--out", str(tmp_path), "--tensorboard"]
    assert cli.main(words) == 0
    assert "loss" in scalars(tmp_path / "tensorboard")


def test_where_tensorboard_is_missing_that_is_said_before_the_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r'TensorBoard was asked for, and is not installed .*pip install "inpaintlib\[train\]"'):
        TensorBoard()
    assert cli.main(["partial_unet", "--data", "photos", "--epochs", "1", "--out", str(tmp_path / "run"), "--tensorboard"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: TensorBoard was asked for") and not (tmp_path / "run").exists()
