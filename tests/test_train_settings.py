"""Arguments that cannot work: each is named before anything is done, with what was expected and how to mend it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from inpaintlib import baselines, data, evaluation, losses, masks, metrics, models, train
from inpaintlib.features import train as features_train
from inpaintlib.train import schedules
from tests.training import TinyNet, judge, noise, one_thread, play, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
NAN, INF = float("nan"), float("inf")


def test_a_model_that_is_none_or_takes_something_else():
    for model, message in (
        (lambda image, mask: image, "model is a function; expected a torch module"),
        (TinyNet, r"model is the class TinyNet; .*Make one: TinyNet\(\.\.\.\)"),
        ("partial_unet", r"model is a str; .*models\.create\('partial_unet'\)"),
        (baselines.mean_fill, "expected a torch module"),
        (nn.Conv2d(3, 3, 1), r"a Conv2d, whose forward takes \(input.*expected forward\(image, mask\)"),
    ):
        with pytest.raises(TypeError, match=f"(?s){message}"):
            short(model)  # type: ignore[arg-type]


class Pair(TinyNet):
    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> Any:
        return super().forward(image, mask), mask


def test_a_model_that_returns_something_else():
    with pytest.raises(TypeError, match=r"the model returned a tuple; expected its prediction, a tensor \(B, 3, H, W\)"):
        short(Pair())


NUMBERS = [
    ({name: value}, f"{name} is {value!r}; expected a number above 0")
    for name in ("epochs", "minutes", "lr", "clip", "batch_size", "log_every", "checkpoint_seconds")
    for value in (NAN, INF, 0, -1, "3", True)
]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *NUMBERS,
        *(({name: None}, f"{name} is None; expected a number above 0") for name in ("lr", "batch_size", "log_every")),
        *(({name: 2.5}, f"{name} is 2.5; expected a whole number") for name in ("batch_size", "log_every")),
        *(({"ema": value}, f"ema is {value!r}; expected a decay between 0 and 1") for value in (1.5, 1, 0, -0.1, NAN, "0.9", True)),
        *(({"seed": value}, f"seed is {value!r}; expected a whole number from 0") for value in (-1, 0.5, "0", None, True, 2**63)),
        ({"out": ""}, "out is '', which is empty; expected the path of a folder"),
        ({"schedule": lambda fraction, epoch: NAN}, "gives nan at the start; expected a factor"),
        ({"schedule": lambda fraction, epoch: -1.0}, "gives -1.0 at the start; expected a factor"),
    ],
)
def test_numbers_that_are_none_or_too_small_or_too_large(change, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        short(tiny(), **change)


def test_numbers_of_numpy_are_numbers(tmp_path):
    numbers: dict[str, Any] = {"batch_size": np.int64(8), "epochs": np.float32(1), "log_every": np.int32(3), "lr": np.float32(0.5**9)}
    numbers |= {"seed": np.uint8(1), "ema": np.float32(0.75), "clip": np.int64(2), "checkpoint_seconds": np.int64(60)}
    model, twin = tiny(), tiny()
    watch = [train.Evaluate(noise(9), masks.boxes, count=np.int64(4), every=np.float32(1)), train.EarlyStopping(patience=np.int64(3))]
    short(model, out=tmp_path, callbacks=watch, **numbers)
    short(twin, **{name: value.item() for name, value in numbers.items()})
    assert same(model, twin)
    short(tiny(), out=tmp_path, resume=True, **{name: value.item() for name, value in numbers.items()})
    play(tiny(), judge(), epochs=1, critic_steps=np.int64(2), critic_lr=np.float32(1e-3), adversarial_weight=np.int64(0))
    for value in (np.float64(2.5), np.float32(2.5)):
        with pytest.raises(ValueError, match=r"batch_size is .*2\.5.*; expected a whole number"):
            short(tiny(), batch_size=value)


@pytest.mark.parametrize("value", [NAN, INF, -0.5, None])
def test_a_schedule_that_breaks_on_the_way_is_named(value):
    def slope(fraction: float, epoch: float) -> Any:
        return value if fraction > 0.5 else 1.0

    with pytest.raises(ValueError, match=f"schedule is slope, which gives {value!r} at step 11, with 56% of the run done; expected"):
        short(tiny(), schedule=slope)


def test_held_out_masks_that_are_no_tensors_are_named():
    with pytest.raises(TypeError, match=r"masks drew an ndarray .*; expected a tensor \(9, 1, 16, 16\), 1 = known\. Convert it"):
        train.Evaluate(noise(9), lambda count, size, generator=None: np.ones((count, 1, size, size)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"callbacks": train.Progress()}, r"callbacks is a single Progress; expected several in a list: callbacks=\[\.\.\.\]"),
        ({"callbacks": [train.Progress]}, r"one of the callbacks is the class Progress; .*Make one: Progress\(\.\.\.\)"),
        ({"callbacks": [print]}, r"one of the callbacks is a builtin_function_or_method; .*Derive its class from train\.Callback"),
        ({"callbacks": "progress"}, "callbacks is a str; expected a list"),
        ({"callbacks": None}, "callbacks is a NoneType; expected a list"),
        ({"schedule": schedules.cosine}, r"schedule is the function cosine, .*Did you mean cosine\(\)\?"),
        ({"schedule": 0.5}, "schedule is a float; expected a name, such as 'cosine'"),
        ({"optimizer": lambda parameters, lr: None}, "gave a NoneType; expected a torch.optim.Optimizer. Is its return missing"),
        ({"loss": nn.L1Loss}, r"loss is the class L1Loss; .*Make one: L1Loss\(\)"),
        ({"out": 3}, "out is an int; expected the path of a folder"),
        ({"stop": True}, "stop is a bool; expected a threading.Event"),
        *(({name: "no"}, f"{name} is 'no'; expected True or False") for name in ("flip", "compile", "progress", "channels_last")),
    ],
)
def test_things_of_another_kind(change, message):
    with pytest.raises(TypeError, match=f"(?s){message}"):
        short(tiny(), **change)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(ValueError, match="run', which is a file; expected the path of a folder"):
        short(tiny(), out=tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


def test_what_is_refused_has_changed_nothing(tmp_path):
    model = tiny().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for change in ({"epochs": NAN}, {"ema": 2}, {"schedule": schedules.step}, {"callbacks": [None]}):
        with pytest.raises((TypeError, ValueError)):
            short(model, out=tmp_path / "run", **change)
    assert not model.training and not (tmp_path / "run").exists()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_may_be_left_out_may_be_none(tmp_path):
    short(tiny(), clip=None, ema=None, channels_last=None, stop=None, checkpoint_seconds=None, out=str(tmp_path), callbacks=())
    assert (tmp_path / "last.safetensors").exists()


# -- a GPU that is asked for and absent, wherever a device can be named

ABSENT = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
IMAGE, KNOWN = torch.rand(2, 3, 16, 16), masks.boxes(2, 16, generator=torch.Generator().manual_seed(0))


def adversarial() -> None:
    critic = models.critic("sn_patch", size=32)
    train.fit_adversarial(tiny(), noise(), masks.boxes, losses.hole_l1, critic, epochs=1, device="cuda")


@ABSENT
@pytest.mark.parametrize(
    "use",
    [
        lambda: short(tiny(), device="cuda"),
        adversarial,
        lambda: noise().batches(4, device="cuda"),
        lambda: noise().to("cuda:0"),
        lambda: evaluation.compare({"mean": baselines.mean_fill}, IMAGE, KNOWN, metrics="mae", device="cuda"),
        lambda: masks.lines(2, 16, device="cuda"),
        lambda: masks.bank("lines", 4, 16)(2, device=torch.device("cuda")),
        lambda: masks.parse("lines+boxes")(2, 16, device="cuda"),
    ],
    ids=["fit", "fit_adversarial", "batches", "to", "compare", "lines", "bank", "mixture"],
)
def test_a_gpu_that_is_not_there_is_named(use):
    with pytest.raises(ValueError, match=r"(?s)'cuda(:0)?' was asked for, but torch .* sees none here; it has: cpu"):
        use()


@ABSENT
def test_a_gpu_that_is_not_there_on_the_command_line_and_in_the_environment(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    from inpaintlib.train import cli, detector

    for main, words in ((cli.main, ["partial_unet"]), (detector.main, []), (features_train.main, ["train", "small"])):
        assert main([*words, "--device", "cuda"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and "'cuda' was asked for" in said and said.count("\n") == 1
    monkeypatch.setenv("INPAINTLIB_DEVICE", "cuda")
    with pytest.raises(ValueError, match="'cuda' was asked for"):
        __import__("inpaintlib").device()


def test_a_device_that_nobody_knows_and_none_at_all():
    with pytest.raises(ValueError, match="device is 'gpu'; expected auto, cpu, cuda or mps"):
        noise().batches(4, device="gpu")
    with pytest.raises(ValueError, match="device is 'gpu'"):
        evaluation.compare({"mean": baselines.mean_fill}, IMAGE, KNOWN, device="gpu")
    assert next(noise().batches(4, device=None)).device.type == "cpu"


# -- a mask without a region, a region without a mask


@pytest.mark.parametrize(
    "metric",
    [
        metrics.mse, metrics.mae, metrics.dice, lambda *a, **k: metrics.psnr(*a, data_range=1, **k),
        lambda *a, **k: metrics.ssim(*a, data_range=1, **k),
    ],
    ids=["mse", "mae", "dice", "psnr", "ssim"],
)  # fmt: skip
def test_a_mask_without_a_region_is_asked_which_and_the_other_way_round(metric):
    other = torch.rand(2, 3, 16, 16)
    with pytest.raises(ValueError, match=r"a mask is given, but no region.*region='hole'"):
        metric(IMAGE, other, mask=KNOWN)
    with pytest.raises(ValueError, match="region='hole' needs the mask"):
        metric(IMAGE, other, region="hole")
    assert torch.equal(metric(IMAGE, other), metric(IMAGE, other, mask=KNOWN, region="all"))
    assert not torch.equal(metric(IMAGE, other), metric(IMAGE, other, mask=KNOWN, region="hole"))


def test_small_sets_are_still_fine_at_every_door():
    one = data.ImageSet(noise(1).images, noise(1).labels, ("noise",), "one image")
    with pytest.warns(UserWarning, match="1 images are fewer than a batch of 8"):
        history = short(tiny(), one, callbacks=[train.Evaluate(one, masks.boxes)])
    assert "psnr_raw" in history
    table = evaluation.compare({"mean": baselines.mean_fill}, one, masks.boxes, metrics="mae")
    assert table.per_image["mean"]["mae"].shape == (1,)
