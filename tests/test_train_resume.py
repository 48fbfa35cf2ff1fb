"""What a resumed run finds in its folder: another model, tied weights, a lost log, a lock held by somebody else."""

from __future__ import annotations

import json
import os
import sys
import types
import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from inpaintlib import masks, train
from inpaintlib.models.pretrained import load_pretrained, save_pretrained
from inpaintlib.train import cli
from inpaintlib.train.average import WeightAverage
from inpaintlib.train.history import History
from tests.training import StopAfter, TinyNet, checkpoint, noise, one_thread, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


class Switched(TinyNet):
    """Two networks of one shape: only the option tells them apart."""

    def __init__(self, grey: bool = False, span: tuple[float, ...] = (0, 1)) -> None:
        super().__init__()
        self.options = {"grey": grey, "span": span}


def test_a_model_of_the_same_shape_with_another_option_is_refused_by_what_differs(tmp_path):
    short(Switched(), out=tmp_path, callbacks=[StopAfter(4)])
    with pytest.raises(train.CheckpointError, match=r"\(grey was False, is True\)"):
        short(Switched(grey=True), out=tmp_path, resume=True)
    with pytest.raises(train.CheckpointError, match=r"\(grey was False, is True; span was \[0, 1\], is \[0, 2\]\)"):
        short(Switched(grey=True, span=(0, 2)), out=tmp_path, resume=True)
    short(Switched(), out=tmp_path, resume=True)  # a tuple among the options comes back from JSON as a list, and is the same


def test_a_model_without_options_is_told_apart_by_its_tensors(tmp_path):
    class Bare(TinyNet):
        def __init__(self, width: int = 8) -> None:
            super().__init__(width)
            self.options = {}

    short(Bare(), out=tmp_path, callbacks=[StopAfter(4)])
    with pytest.raises(train.CheckpointError, match=r"first\.weight was \(8, 4, 3, 3\), is \(9, 4, 3, 3\); .*\.\.\."):
        short(Bare(9), out=tmp_path, resume=True)


def test_options_that_json_does_not_know_are_kept_in_words(tmp_path):
    class Odd(TinyNet):
        def __init__(self, dtype: torch.dtype = torch.float32) -> None:
            super().__init__()
            self.options = {"dtype": dtype}

    short(Odd(), out=tmp_path, callbacks=[StopAfter(4)])
    short(Odd(), out=tmp_path, resume=True, callbacks=[StopAfter(8)])
    with pytest.raises(train.CheckpointError, match=r"dtype was torch\.float32, is torch\.float16"):
        short(Odd(torch.float16), out=tmp_path, resume=True)


# -- other parameters trained than before


def partly(*frozen: str) -> TinyNet:
    """The tiny network, with some of its parameters frozen."""
    model = tiny()
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    return model


def test_a_run_that_trains_other_parameters_than_before_is_refused_by_their_names(tmp_path):
    short(partly("first.bias", "norm.weight"), out=tmp_path, callbacks=[StopAfter(4)])
    for frozen, message in (
        ((), r"trained 4 parameters of the model, this run trains 6 of them \(first\.bias, norm\.weight only now\)\. Freeze the same"),
        (("first.bias", "last.bias"), r"\(last\.bias only then; norm\.weight only now\)"),
        (("first.bias", "norm.weight", "last.weight"), r"\(last\.weight only then\)"),
    ):
        with pytest.raises(train.CheckpointError, match=message):
            short(partly(*frozen), out=tmp_path, resume=True)
    resumed, whole = partly("first.bias", "norm.weight"), partly("first.bias", "norm.weight")
    short(resumed, out=tmp_path, resume=True)
    short(whole)
    assert same(resumed, whole)


def test_groups_of_parameters_in_another_order_are_noticed(tmp_path):
    def sgd(turn: int):
        def make(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
            return torch.optim.SGD([{"params": part} for part in (parameters[:2], parameters[2:])][::turn], lr, momentum=0.9)

        return make

    short(tiny(), out=tmp_path, optimizer=sgd(1), callbacks=[StopAfter(4)])
    with pytest.raises(train.CheckpointError, match="in another order, or other groups"):
        short(tiny(), out=tmp_path, optimizer=sgd(-1), resume=True)
    short(tiny(), out=tmp_path, optimizer=sgd(1), resume=True)


def test_a_checkpoint_from_before_the_names_were_written_down_goes_on_if_it_can(tmp_path):
    short(partly("first.bias"), out=tmp_path, callbacks=[StopAfter(4)])
    tensors, state = checkpoint(tmp_path)
    del state["trained"]
    save_file(tensors, tmp_path / "last.safetensors", metadata={"state": json.dumps(state)})
    for frozen in (("first.weight",), ("first.bias", "norm.weight", "last.weight", "last.bias")):
        with pytest.raises(train.CheckpointError, match=r"now.*frozen.*its checkpoint cannot be used"):
            short(partly(*frozen), out=tmp_path, resume=True)
    resumed, whole = partly("first.bias"), partly("first.bias")
    short(resumed, out=tmp_path, resume=True)
    short(whole)
    assert same(resumed, whole)


# -- tied weights


class Tied(TinyNet):
    """The first convolution stands under two names, as a tied embedding does."""

    name = "tied"

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(4, 8, 3, padding=1)
        self.second.weight = self.first.weight

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        x = torch.cat([image, mask], dim=1)
        return torch.sigmoid(self.last(self.drop(torch.relu(self.norm(self.first(x) + self.second(x))))))


def tied(seed: int = 0) -> Tied:
    torch.manual_seed(seed)
    return Tied()


def test_tied_weights_are_averaged_saved_and_resumed_like_any_others(tmp_path):
    class Definition(train.Callback):
        """The average by its formula."""

        def on_start(self, run: train.Run) -> None:
            self.average = run.model.first.weight.detach().double().clone()

        def on_step(self, run: train.Run) -> None:
            keep = min(0.9, run.step / (9 + run.step))
            self.average = keep * self.average + (1 - keep) * run.model.first.weight.detach().double()

    follow = Definition()
    watch = [train.Evaluate(noise(9, seed=8), masks.lines, every=0.5)]  # swaps in the averaged weights, and out again
    whole = tied()
    short(whole, ema=0.9, lr=0.01, callbacks=[*watch, follow])
    torch.testing.assert_close(whole.first.weight.double(), follow.average, rtol=1e-4, atol=1e-6)
    assert whole.second.weight is whole.first.weight

    short(tied(), ema=0.9, lr=0.01, callbacks=[*watch, StopAfter(7)], out=tmp_path)
    resumed = tied(1)
    short(resumed, ema=0.9, lr=0.01, callbacks=watch, out=tmp_path, resume=True)
    assert same(resumed, whole)
    path = save_pretrained(resumed, tmp_path / "tied.safetensors", {"about": "tied"})
    state = load_pretrained(path)[1]
    assert torch.equal(state["first.weight"], state["second.weight"]) and state.keys() == resumed.state_dict().keys()
    again = tied(2)
    again.load_state_dict(state)
    assert again.second.weight is again.first.weight


def test_half_precision_models_with_tied_weights_are_saved_too(tmp_path):
    assert save_pretrained(tied().half(), tmp_path / "half.safetensors", {}).exists()


def test_swapping_tied_weights_twice_restores_both():
    model, average = tied(1), WeightAverage(tied(2), 0.9)
    before, held = {k: v.clone() for k, v in model.state_dict().items()}, {k: v.clone() for k, v in average.tensors.items()}
    with average.swapped(model):
        assert torch.equal(model.second.weight, held["first.weight"])
    assert same(dict(model.state_dict()), before) and same(average.tensors, held)


# -- a log that is gone


def test_a_run_goes_on_without_its_log_and_says_what_is_lost(tmp_path):
    short(tiny(), out=tmp_path, callbacks=[StopAfter(10)])
    (tmp_path / "log.jsonl").unlink()
    model, whole = tiny(), tiny()
    with pytest.warns(UserWarning, match=r"log\.jsonl does not reach up to step 10"):
        history = short(model, out=tmp_path, resume=True)
    short(whole)
    assert same(model, whole)
    assert history["loss"][0] == [10, 12, 16, 18] and History.read(tmp_path / "log.jsonl").rows == history.rows


def test_a_finished_run_whose_log_is_gone_or_cut_short_gets_its_card(tmp_path, capsys):
    words = ["partial_unet", "--option", "width=4", "--data", "photos", "--limit", "64", "--epochs", "2", "--batch-size", "16"]
    words += ["--precision", "fp32", "--threads", "1", "--device", "cpu", "--test-images", "5", "--out", str(tmp_path)]
    assert cli.main(words) == 0
    log = tmp_path / "log.jsonl"
    first = load_pretrained(tmp_path / "partial_unet.safetensors")
    rows = log.read_text().splitlines(keepends=True)
    for left in (rows[:1], []):
        log.write_text("".join(left))
        with pytest.warns(UserWarning, match="the rows between are lost"):
            assert cli.main([*words, "--resume"]) == 0, capsys.readouterr().err
        again = load_pretrained(tmp_path / "partial_unet.safetensors")
        keep = ("steps", "epochs", "images seen", "quality on the test images")
        assert [again[2][name] for name in keep] == [first[2][name] for name in keep] and same(again[1], first[1])
        assert again[2]["images a second"] > 0
        assert json.loads(log.read_text().splitlines()[-1])["step"] == first[2]["steps"]


def test_a_whole_log_is_not_complained_about_however_it_was_stopped(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in (1, 3, 8, 13):
            short(tiny(), out=tmp_path, resume=True, callbacks=[StopAfter(step)], log_every=5)
        short(tiny(), out=tmp_path, resume=True, log_every=1)


# -- the lock where there is no fcntl


def test_on_windows_the_folder_is_locked_by_its_first_byte(tmp_path, monkeypatch):
    """A stand-in for msvcrt that locks as msvcrt.locking does: for one opening, from where the file stands."""
    fcntl = pytest.importorskip("fcntl")
    calls: list[tuple[int, int]] = []
    msvcrt = types.ModuleType("msvcrt")
    msvcrt.LK_NBLCK = 2  # type: ignore[attr-defined]

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0, "the first byte"
        calls.append((mode, count))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    msvcrt.locking = locking  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)

    class Second(train.Callback):
        def on_start(self, run: train.Run) -> None:
            with pytest.raises(train.CheckpointError, match="another run is writing to"):
                short(tiny(), out=tmp_path)

    short(tiny(), out=tmp_path, callbacks=[Second()])
    short(tiny(), out=tmp_path, resume=True)
    assert checkpoint(tmp_path)[1]["counters"]["step"] == 18
    assert calls == [(2, 1)] * 3
