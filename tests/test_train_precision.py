"""Sixteen bits: which are chosen where, and what a scaled loss does; on a CPU with a scaler put into the run, on a GPU in earnest."""

from __future__ import annotations

import pytest
import torch

from inpaintlib import losses, train
from inpaintlib.train import precision
from inpaintlib.train import run as run_module
from tests.training import StopAfter, checkpoint, one_thread, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Scaled(train.Callback):
    """Gives the run the scaler that float16 on a GPU would have."""

    def __init__(self, scale: float = 2.0**16, growth_interval: int = 2000) -> None:
        self.scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=growth_interval)

    def on_start(self, run: train.Run) -> None:
        if run.scaler is None:
            run.scaler = self.scaler


def test_float16_without_a_gpu_is_refused_with_what_to_use_instead():
    with pytest.raises(ValueError, match=r"precision is 'fp16', and the device is cpu; expected a GPU.*precision='auto'"):
        short(tiny(), precision="fp16")
    assert precision.choose("auto", CPU) in ("bf16", "fp32") and precision.loss_scaler("bf16", CPU) is None


@pytest.mark.parametrize(("generation", "expected"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 0), "fp16"), ((6, 1), "fp32")])
def test_a_gpu_computes_in_what_it_is_fast_with(monkeypatch, generation, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: generation)
    assert precision.choose("auto", CUDA) == expected and precision.choose("fp16", CUDA) == "fp16"


@pytest.mark.parametrize("clip", [None, 0.01])
def test_a_scaled_loss_gives_the_same_steps(clip):
    """A power of two changes no digit: weights, losses and the clipped gradients are equal to the bit."""
    one, two = tiny(), tiny()
    plain = short(one, optimizer="sgd", lr=0.05, clip=clip)
    scaled = short(two, optimizer="sgd", lr=0.05, clip=clip, callbacks=[Scaled()])
    assert same(one, two) and plain["loss"] == scaled["loss"]


def test_a_step_whose_gradient_overflows_is_skipped_and_the_factor_is_halved():
    moved: list[bool] = []
    overflow: list[int] = []

    def loss(prediction, target, mask):
        # at step 4 the gradient is infinite, the loss is not
        root = (prediction - prediction.detach()).sum().sqrt() if len(moved) == 3 else 0
        return losses.hole_l1(prediction, target, mask) + root

    class Watch(train.Callback):
        def on_start(self, run):
            self.before = run.model.last.weight.detach().clone()

        def on_step(self, run):
            moved.append(not torch.equal(self.before, run.model.last.weight))
            overflow.append(int(run.scaler.get_scale()))
            self.before = run.model.last.weight.detach().clone()

    model = tiny()
    short(model, loss=loss, callbacks=[Scaled(1024.0), Watch()])
    assert moved == [step != 3 for step in range(18)] and overflow == [1024] * 3 + [512] * 15
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_gradients_that_never_come_back_end_the_run():
    def loss(prediction, target, mask):
        return losses.hole_l1(prediction, target, mask) + (prediction - prediction.detach()).sum().sqrt()

    with pytest.raises(train.Diverged, match=r"step 5 .*its gradient is nan"):  # 8, 4, 2, 1 are skipped; a half is no accident
        short(tiny(), loss=loss, callbacks=[Scaled(8.0)])


def test_a_loss_that_is_no_number_is_not_hidden_by_the_scaler():
    with pytest.raises(train.Diverged, match=r"step 1 .*loss is nan"):
        short(tiny(), loss=lambda p, t, m: losses.hole_l1(p, t, m) * float("nan"), callbacks=[Scaled()])


def test_the_factor_is_part_of_a_checkpoint(tmp_path, monkeypatch):
    settings = {"optimizer": "sgd", "lr": 0.05}
    short(tiny(), callbacks=[Scaled(1024.0, growth_interval=5), StopAfter(7)], out=tmp_path, **settings)
    state = checkpoint(tmp_path)[1]["scaler"]
    assert state["scale"] == 2048.0 and state["_growth_tracker"] == 2
    fresh = torch.amp.GradScaler("cpu", init_scale=1.0, growth_interval=5)
    monkeypatch.setattr(run_module, "loss_scaler", lambda *_: fresh)  # in place before the checkpoint is read, as on a GPU
    short(tiny(), out=tmp_path, resume=True, **settings)
    assert fresh.get_scale() == 1024.0 * 2**3  # after 5, 10 and 15 steps


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_float16_on_a_gpu_stays_close_to_32_bits():
    one, two = tiny(dropout=0.0), tiny(dropout=0.0)
    full, half = short(one, lr=1e-3, device="cuda"), short(two, lr=1e-3, device="cuda", precision="fp16")
    assert all(p.dtype == torch.float32 for p in two.parameters())
    assert half["loss"][1] == pytest.approx(full["loss"][1], rel=0.02)
