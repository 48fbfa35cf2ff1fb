"""The widgets without a browser: their values, their still twins, their manners. tests/browser has the live views."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from PIL import Image
from torch import Tensor

from inpaintlib import baselines, example, metrics, widgets
from inpaintlib.widgets.base import module

FOLDER = Path(widgets.__file__).parent
LIVE = "application/vnd.jupyter.widget-view+json"


def still_of(markup: str) -> tuple[Image.Image, str]:
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', markup)
    (alt,) = re.findall(r'alt="([^"]+)"', markup)
    return Image.open(io.BytesIO(base64.b64decode(source))), alt


def painter(**options: Any) -> widgets.MaskPainter:
    ramp = torch.linspace(0, 1, 16).expand(1, 3, 16, 16)
    mask = torch.ones(1, 1, 16, 16)
    mask[..., 4:9, 6:12] = 0
    chosen: Any = {"mean": baselines.mean_fill, "smooth": baselines.biharmonic}
    settings: dict[str, Any] = {"image": ramp, "inpainters": chosen, "mask": mask}
    return widgets.MaskPainter(**(settings | options))


@pytest.fixture(params=["convolution", "partial", "painter"])
def widget(request: pytest.FixtureRequest) -> widgets.CourseWidget:
    if request.param == "convolution":
        return widgets.ConvolutionStepper(example.image, example.kernel)
    if request.param == "partial":
        return widgets.PartialConvolutionStepper(example.image, example.kernel, example.mask)
    return painter()


# All widgets ------------------------------------------------------------------------------------------------------------------------------


def test_the_output_holds_the_live_view_and_its_still_twin(widget: widgets.CourseWidget) -> None:
    bundle: Any = widget._repr_mimebundle_()
    data, _ = bundle
    assert data[LIVE]["model_id"] == widget.model_id
    picture, alt = still_of(data["text/html"])
    assert picture.width > 300 and len(data["text/html"]) < 120_000
    assert len(alt) > 60
    assert data["text/plain"] == f"[{type(widget).__name__}] {widget.describe()}"


def test_a_still_is_the_same_on_every_run(widget: widgets.CourseWidget) -> None:
    assert widget.still() == widget.still(), "two calls give other bytes"


def test_a_widget_fetches_nothing_and_names_no_host() -> None:
    for path in [*FOLDER.glob("*.js"), FOLDER / "widgets.css"]:
        text = path.read_text()
        assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(|@import|url\(", text), path.name
        assert not re.search(r"(window|document)\.addEventListener", text), f"{path.name} listens to the whole page"


@pytest.mark.parametrize("name", ["convolution_stepper.js", "partial_convolution_stepper.js", "mask_painter.js"])
def test_a_module_stands_on_its_own(name: str) -> None:
    text = module(name)
    assert not re.search(r"^import ", text, re.MULTILINE)
    assert text.count("export default") == 1
    declared = re.findall(r"^(?:export )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared)), "a name is declared twice"
    with pytest.raises(FileNotFoundError):
        module("no_such.js")


def test_without_a_frontend_nothing_hangs() -> None:
    """A plain Python process, as nbval's kernels are: values can be set, and the still is there."""
    code = """
from inpaintlib import example, widgets
stepper = widgets.PartialConvolutionStepper(example.image, example.kernel, example.mask)
stepper.position = (1, 1)
assert round(stepper.value, 6) == 1.8 and "<img" in stepper.still()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


# Steppers ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 3, 3), (4, 4, 1)])
def test_the_stepper_equals_torch(stride: int, padding: int, dilation: int) -> None:
    image, kernel = torch.randn(7, 9, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    stepper = widgets.ConvolutionStepper(image, kernel, stride=stride, padding=padding, dilation=dilation)
    expected = F.conv2d(image[None, None], kernel[None, None], None, stride, padding, dilation)[0, 0]
    torch.testing.assert_close(stepper.output, expected)
    stepper.position = (expected.shape[0] - 1, expected.shape[1] - 1)
    assert stepper.value == pytest.approx(float(expected[-1, -1]))


def test_the_worked_example() -> None:
    stepper = widgets.PartialConvolutionStepper(example.image, example.kernel, example.mask)
    exact = torch.tensor([[33 / 2, -54 / 5, -39 / 2], [3, 9 / 5, -12], [-9 / 8, 72 / 7, -36 / 7]], dtype=torch.float64)
    torch.testing.assert_close(stepper.output, exact)
    assert stepper.new_mask.eq(1).all()
    assert "gives 16.5" in stepper.describe()


def test_a_window_of_holes_gives_nothing_and_padding_is_a_hole() -> None:
    mask = torch.ones(5, 5)
    mask[:3, :3] = 0
    stepper = widgets.PartialConvolutionStepper(example.image, example.kernel, mask)
    assert stepper.value == 0 and stepper.new_mask[0, 0] == 0 and stepper.new_mask.sum() == 8
    stepper.mask = torch.ones(5, 5)
    stepper.padding = 1
    known = F.conv2d(torch.ones(1, 1, 5, 5), torch.ones(1, 1, 3, 3), padding=1)[0, 0].double()
    plain = F.conv2d(example.image[None, None], example.kernel[None, None], padding=1)[0, 0].double()
    torch.testing.assert_close(stepper.output, plain * 9 / known)


def test_settings_that_do_not_fit_are_refused_and_the_window_stays_inside() -> None:
    stepper = widgets.ConvolutionStepper(example.image, example.kernel, position=(2, 2))
    with pytest.raises(traitlets.TraitError, match="does not fit"):
        stepper.dilation = 3
    assert stepper.dilation == 1
    with pytest.raises(traitlets.TraitError, match=r"expected a cell of the output, which is 3 by 3"):
        stepper.position = (3, 0)
    stepper.stride = 2
    assert stepper.position == (0, 0) and stepper.output.shape == (2, 2)


def test_everything_known_by_default_and_masks_of_every_kind() -> None:
    stepper = widgets.PartialConvolutionStepper(example.image.tolist(), example.kernel.numpy())
    torch.testing.assert_close(stepper.output, F.conv2d(example.image[None, None], example.kernel[None, None])[0, 0].double())
    for mask in (example.mask.bool(), example.mask[None, None].byte(), example.mask.tolist()):
        stepper.mask = mask
        assert stepper.value == 16.5


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((torch.ones(2, 5, 5), torch.ones(3, 3)), {}, r"image has shape \(2, 5, 5\)"),
        ((torch.ones(32, 32), torch.ones(3, 3)), {}, "at most 12 by 12 numbers. Pass a crop"),
        ((torch.ones(3, 3), torch.full((3, 3), torch.inf)), {}, "kernel holds NaN or infinite"),
        ((torch.ones(3, 3), torch.ones(5, 5)), {}, r"kernel \(5 by 5, dilation 1\) is larger than the image \(3 by 3, padding 0\)"),
        ((torch.ones(5, 5), torch.ones(3, 3)), {"stride": 0}, "stride is 0; expected a whole number from 1 to 4"),
        ((torch.ones(5, 5), torch.ones(3, 3)), {"mask": torch.ones(4, 5)}, r"mask has shape \(4, 5\), the image \(5, 5\)"),
        ((torch.ones(5, 5), torch.ones(3, 3)), {"mask": torch.full((5, 5), 255)}, "only 1 .known. and 0 .hole."),
    ],
)
def test_bad_input_of_a_stepper_is_named(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        widgets.PartialConvolutionStepper(*arguments, **options)


# Mask painter -----------------------------------------------------------------------------------------------------------------------------


def test_results_are_those_of_the_inpainters_and_scored_over_the_hole() -> None:
    view = painter()
    view.inpaint()
    image, mask = view._image, view.mask.float()
    for name, inpainter in (("mean", baselines.mean_fill), ("smooth", baselines.biharmonic)):
        expected = inpainter(image * mask, mask)
        torch.testing.assert_close(view.filled[name], expected)
        (row,) = [row for row in view.results if row["name"] == name]
        psnr = float(metrics.psnr(expected, image, data_range=1.0, mask=mask, region="hole"))
        assert row["score"].startswith("equal" if psnr == float("inf") else f"{psnr:.1f} dB")
        pixels = np.frombuffer(row["pixels"], dtype=np.uint8).reshape(16, 16, 3)
        assert np.abs(pixels / 255 - expected[0].permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6
    assert "30 of 256 pixels, 11.7 %" in view.message


def test_an_inpainter_never_sees_what_lies_under_the_hole() -> None:
    seen: list[Tensor] = []

    def spy(image: Tensor, mask: Tensor) -> Tensor:
        seen.append(image * (1 - mask))
        return image

    painter(inpainters={"spy": spy}).inpaint()
    assert seen[0].abs().sum() == 0


def test_an_error_is_shown_and_the_others_go_on() -> None:
    def broken(image: Tensor, mask: Tensor) -> Tensor:
        raise RuntimeError("no such layer")

    def flat(image: Tensor, mask: Tensor) -> Tensor:
        return image[:, :, :8]

    def meddles(image: Tensor, mask: Tensor) -> Tensor:
        return (image + 0.1).clamp(0, 1)

    view = painter(inpainters={"broken": broken, "flat": flat, "meddles": meddles, "mean": baselines.mean_fill})
    view.inpaint()
    rows = {row["name"]: row for row in view.results}
    assert rows["broken"]["error"] == "RuntimeError: no such layer" == view.errors["broken"]
    assert "expected the shape of the image" in rows["flat"]["error"]
    assert "known pixels" in rows["meddles"]["note"] and not rows["mean"]["note"]
    assert set(view.filled) == {"meddles", "mean"}
    assert "no such layer" in view.describe()


@pytest.mark.parametrize(("value", "message"), [(1.0, "Nothing is painted yet"), (0.0, "The whole picture is a hole")])
def test_nothing_painted_and_nothing_left_are_said(value: float, message: str) -> None:
    view = painter(mask=torch.full((1, 1, 16, 16), value))
    view.inpaint()
    assert message in view.message and not view.results
    picture, alt = still_of(view.still())
    assert message in alt and picture.width > 100


def test_the_browser_asks_and_python_answers() -> None:
    """What a view sends is set as the message of a frontend would be: everything at once, the mask as a memoryview."""
    view = painter()
    view.inpaint()
    before = view.filled["mean"].clone()
    hole = np.ones((16, 16), dtype=np.uint8)
    hole[10:14, 2:14] = 0
    view.set_state({"_known": memoryview(hole.tobytes()), "_asked": 1, "chosen": ["mean"]})
    assert view._answered == 1
    assert [row["name"] for row in view.results] == ["mean"]
    assert not torch.equal(view.filled["mean"], before)
    assert torch.equal(view.mask[0, 0], torch.from_numpy(hole))


def test_only_what_is_missing_is_computed_again() -> None:
    calls: list[str] = []

    def counting(name: str) -> Any:
        def inpainter(image: Tensor, mask: Tensor) -> Tensor:
            calls.append(name)
            return baselines.mean_fill(image, mask)

        return inpainter

    view = painter(inpainters={"a": counting("a"), "b": counting("b")})
    view.chosen = ["a"]
    view.inpaint()
    view.still()
    view.chosen = ["a", "b"]
    view.inpaint()
    assert calls == ["a", "b"]
    view.mask = 1 - view.mask
    assert calls == ["a", "b", "a", "b"]


def test_an_original_apart_from_the_image_is_what_counts() -> None:
    truth = torch.full((1, 3, 16, 16), 0.5)
    damaged = truth.clone()
    damaged[..., 4:9, 6:12] = 1.0  # a scratch in the very place of the hole
    view = painter(image=damaged, original=truth)
    view.inpaint()
    assert view.results[0]["score"] == "equal to the original"
    assert len(view._truth) == 16 * 16 * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": torch.rand(2, 3, 8, 8)}, "expected a single picture"),
        ({"image": torch.rand(8, 8, 3)}, "expected 3 channels"),
        ({"image": torch.rand(3, 8, 2000)}, "at most 1024 pixels a side"),
        ({"original": torch.rand(3, 8, 8)}, "expected the same shape"),
        ({"mask": torch.ones(1, 1, 8, 8)}, "mask has height and width"),
        ({"inpainters": {}}, "at least one name"),
        ({"inpainters": {"a": 3}}, "inpainter 'a' is an int"),
        ({"brush": 0}, "brush is 0; expected a whole number from 1 to 64"),
    ],
)
def test_bad_input_of_the_painter_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        painter(**options)
