"""ReceptiveField, MaskPropagation and GateExplorer without a browser; tests/browser/test_layer_widgets.py has the live views."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor, nn

from inpaintlib import layers, models, widgets
from inpaintlib.layers import GatedConv2d
from inpaintlib.widgets.base import module
from inpaintlib.widgets.stack import read_layers
from tests.test_widgets import LIVE, still_of

STACKS: dict[str, Any] = {
    "growing": [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
    "strided": [(5, 2, 1), (3, 1, 3), (2, 2, 1, "max pooling"), (3, 1, 1)],
    "even": [(4, 2, 1), (4, 1, 2)],
}


def gated() -> tuple[nn.Module, Tensor, Tensor]:
    """A small gated network with weights that make the gates differ, a picture and a hole."""
    torch.manual_seed(0)
    net = models.create("gated_unet", size=16, width=4)
    for layer in net.modules():
        if isinstance(layer, GatedConv2d):
            layer.weight.data *= 4
    mask = torch.ones(1, 1, 16, 16)
    mask[..., 5:11, 4:12] = 0
    return net, torch.rand(1, 3, 16, 16), mask


def explorer(**options: Any) -> widgets.GateExplorer:
    net, image, mask = gated()
    return widgets.GateExplorer(net, image, mask, **options)


def hole(size: int = 12) -> Tensor:
    mask = torch.ones(size, size)
    mask[3:9, 3:9] = 0
    return mask


@pytest.fixture(params=["receptive", "mask", "gates"])
def widget(request: pytest.FixtureRequest) -> widgets.CourseWidget:
    if request.param == "receptive":
        return widgets.ReceptiveField(STACKS, mask=hole(17))
    return widgets.MaskPropagation(hole(), [(3, 1, 1)] * 3) if request.param == "mask" else explorer()


def test_live_view_and_still_twin(widget: widgets.CourseWidget) -> None:
    bundle: Any = widget._repr_mimebundle_()
    data, _ = bundle
    assert data[LIVE]["model_id"] == widget.model_id
    picture, alt = still_of(data["text/html"])
    assert picture.width > 300 and len(data["text/html"]) < 120_000 and len(alt) > 60
    assert widget.still() == widget.still()


@pytest.mark.parametrize("name", ["receptive_field.js", "mask_propagation.js", "gate_explorer.js"])
def test_a_module_stands_on_its_own(name: str) -> None:
    text = module(name)
    assert not re.search(r"^import ", text, re.MULTILINE) and text.count("export default") == 1
    declared = re.findall(r"^(?:export )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared)), "a name is declared twice"


# Receptive field --------------------------------------------------------------------------------------------------------------------------


def ways_by_derivative(stack: list[dict[str, Any]], size: int, place: tuple[int, int, int]) -> Tensor:
    """In how many ways an output depends on each pixel: its derivative through convolutions of ones."""
    x = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    y: Tensor = x
    for layer in stack[: place[0]]:
        weight = torch.ones(1, 1, layer["kernel"], layer["kernel"], dtype=torch.float64)
        y = F.conv2d(y, weight, None, layer["stride"], layer["padding"], layer["dilation"])
    (grad,) = torch.autograd.grad(y[0, 0, place[1], place[2]], x)
    return grad[0, 0]


@pytest.mark.parametrize("name", STACKS)
def test_what_is_seen_is_what_the_derivative_says(name: str) -> None:
    view = widgets.ReceptiveField(STACKS, size=19)
    view.stack = name
    for level, (rows, columns) in list(enumerate(view._sizes))[1:]:
        for row, column in {(0, 0), (rows - 1, columns // 2), (rows // 2, columns // 2)}:
            view.position = (level, row, column)
            torch.testing.assert_close(view.seen, ways_by_derivative(view.stacks[name], 19, view.position))


def test_three_seven_fifteen() -> None:
    view = widgets.ReceptiveField(STACKS["growing"])
    assert view.field == [3, 7, 15] == layers.receptive_field(STACKS["growing"])
    assert view.position == (3, 15, 15) and view.seen.bool().sum() == 225
    assert "3 × 3, dilation 4: 15 × 15" in view.describe() and "sees 225 pixels." in view.describe()
    gaps = widgets.ReceptiveField([(3, 1, 4)] * 3)
    assert "sees 49 pixels of 625." in gaps.describe()
    both = widgets.ReceptiveField({"growing": STACKS["growing"], "equal": [(3, 1, 4)] * 3})
    assert both.describe().endswith("last layer. Growing: 225 pixels; equal: 49 pixels of 625.")


def test_a_hole_larger_than_the_field_leaves_nothing_known() -> None:
    mask = torch.ones(31, 31)
    mask[8:23, 8:23] = 0
    view = widgets.ReceptiveField(STACKS["growing"], mask=mask)
    assert "sees 225 pixels, 0 of them known" in view.describe()
    view.position = (3, 15, 16)
    assert "15 of them known" in view.describe()


def test_modules_say_what_they_are_and_a_new_stack_keeps_the_place_inside() -> None:
    read = read_layers([nn.Conv2d(1, 1, 3, stride=2, padding=5), nn.MaxPool2d(2), nn.Conv2d(1, 1, (5, 5), dilation=2)])
    assert [(layer["kernel"], layer["stride"], layer["dilation"]) for layer in read] == [(3, 2, 1), (2, 2, 1), (5, 1, 2)]
    assert read[1]["title"] == "MaxPool2d 2 × 2, stride 2"
    view = widgets.ReceptiveField(STACKS, size=31, position=(3, 30, 30))
    view.stack = "strided"
    assert view.position == (4, 4, 4)  # 31, 16, 16, 8, 8: the middle of the last


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([],), {}, "there are 0 layers; expected 1 to 8"),
        (({},), {}, "at least one list"),
        ((3,), {}, "layers is 3; expected a list"),
        (([(3, 1)],), {}, r"a layer is \(3, 1\); expected \(kernel, stride, dilation\)"),
        (([(3, 0, 1)],), {}, "stride of a layer is 0; expected a whole number from 1 to 8"),
        (([nn.Conv2d(1, 1, (3, 5))],), {}, "expected the same for height and width"),
        (([(3, 1, 1)],), {"size": 1000}, "size is 1000; expected a whole number from 3 to 64"),
        (([(2, 4, 1)] * 3,), {"size": 8}, "does not fit"),
        (([(3, 1, 1)],), {"mask": torch.full((5, 5), 3)}, "only 1 .known. and 0 .hole."),
        (([(3, 1, 1)],), {"mask": torch.ones(5, 65)}, "at most 64 by 64 pixels"),
        (([(3, 1, 1)],), {"position": (2, 0, 0)}, "position names layer 2; expected 1 to 1"),
        (([(3, 1, 1)],), {"position": (1, 31, 0)}, "row 31, column 0; expected a cell of layer 1, which is 31 by 31"),
    ],
)
def test_bad_input_is_named(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError, traitlets.TraitError), match=message):
        widgets.ReceptiveField(*arguments, **options)


# Mask propagation -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", [[(3, 1, 1)] * 3, [(5, 2, 1), (3, 1, 2)], [(3, 1, 2), (4, 2, 1)]])
def test_the_masks_are_dilations_counted_by_hand(stack: list[tuple[int, int, int]]) -> None:
    """Known is where a known pixel lies in the window: a maximum of the mask, with holes outside the image."""
    mask = (torch.rand(14, 11, generator=torch.Generator().manual_seed(1)) < 0.06).float()
    view = widgets.MaskPropagation(mask, stack)
    now = mask
    for layer, found in zip(view.layers, view.masks[1:], strict=True):
        p, k, d, s = layer["padding"], layer["kernel"], layer["dilation"], layer["stride"]
        now = F.pad(now, (p, p, p, p)).unfold(0, d * (k - 1) + 1, s).unfold(1, d * (k - 1) + 1, s)[..., ::d, ::d].amax((2, 3))
        assert torch.equal(found, now.double())
    assert int((view.masks[-1] == 0).sum()) < int((mask == 0).sum())


def test_a_hole_closes_as_the_library_counts_it() -> None:
    view = widgets.MaskPropagation(hole(), [(3, 1, 1)] * 4)
    empty = [int((m == 0).sum()) for m in view.masks]
    assert empty == [36, 16, 4, 0, 0]
    assert empty.index(0) == layers.layers_until_full(hole()[None, None])
    assert "36 holes" in view.describe() and "0 after layer 3" in view.describe()
    view.mask = torch.zeros(12, 12)
    assert all(m.sum() == 0 for m in view.masks)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shown", 4, "shown is 4; expected 0 to 3"),
        ("position", (1, 12, 0), "row 12, column 0; expected a cell of layer 1, which is 12 by 12"),
        ("mask", torch.ones(4, 12), "mask is 4 by 12; expected 12 by 12"),
        ("mask", torch.full((12, 12), 255), "only 1"),
    ],
)
def test_what_cannot_be_set_is_refused(name: str, value: Any, message: str) -> None:
    view = widgets.MaskPropagation(hole(), [(3, 1, 1)] * 3)
    with pytest.raises((ValueError, traitlets.TraitError), match=message):
        setattr(view, name, value)
    with pytest.raises(ValueError, match="at most 32 by 32"):
        widgets.MaskPropagation(torch.ones(40, 40), [(3, 1, 1)])


# Gate explorer ----------------------------------------------------------------------------------------------------------------------------


def test_feature_times_gate_is_what_each_layer_hands_on() -> None:
    net, image, mask = gated()
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        return lambda _layer, _inputs, y: outputs.update({name: y[0].detach()})

    for name, layer in net.named_modules():
        if isinstance(layer, GatedConv2d):
            layer.register_forward_hook(keep(name))
    view = widgets.GateExplorer(net, image, mask)
    assert [entry["name"] for entry in view._layers] == list(outputs)
    for name, output in outputs.items():
        view.layer = name
        torch.testing.assert_close(view.product, output, atol=1e-5, rtol=1e-4)
        assert view.gate.min() >= 0 and view.gate.max() <= 1 and view.feature.shape == output.shape
    assert all(layer.training for layer in net.modules())  # as it was


def test_channels_stand_in_the_order_of_what_they_listen_to() -> None:
    _, _, mask = gated()
    view = explorer(layers=["at_full", "to_half"])
    for name, known in (("at_full", mask[0, 0]), ("to_half", mask[0, 0, ::2, ::2])):  # the hole's sides are even or are rounded
        view.layer = name
        entry = view._about()
        ordered = view.preference[torch.tensor(entry["order"]) - 1]
        assert bool((ordered.diff() >= 0).all()) and sorted(entry["order"]) == list(range(1, len(view.gate) + 1))
        if name == "at_full":
            by_hand = [float(g[known == 1].mean() - g[known == 0].mean()) for g in view.gate]
            np.testing.assert_allclose(view.preference, by_hand, atol=1e-5)
            assert view.channel == entry["order"][0] == int(np.argmin(by_hand)) + 1
    sent = np.frombuffer(view._gates, dtype="<f4")
    np.testing.assert_array_equal(sent[-view.gate.numel() :].reshape(view.gate.shape), view.gate)


def test_it_sees_nothing_of_what_lies_under_the_hole_and_another_layer_keeps_the_channel_inside() -> None:
    net, image, mask = gated()
    one = widgets.GateExplorer(net, image, mask)
    other = widgets.GateExplorer(net, torch.where(mask > 0, image, torch.rand_like(image)), mask)
    assert one._features == other._features and one._gates == other._gates
    one.layer = "at_quarter.0"
    one.channel = 16
    one.layer = "at_full"
    assert one.channel == one._about()["order"][0]
    with pytest.raises(traitlets.TraitError, match="channel is 5; expected 1 to 4"):
        one.channel = 5
    with pytest.raises(traitlets.TraitError, match="layer is 'head'"):
        one.layer = "head"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": nn.Conv2d(3, 3, 1)}, "a Conv2d without gated convolutions"),
        ({"layers": ["head"]}, "layers holds 'head'; expected names among at_full"),
        ({"layers": []}, "layers holds nothing"),
        ({"image": torch.rand(2, 3, 16, 16), "mask": gated()[2].expand(2, -1, -1, -1)}, "expected a single picture"),
        ({"mask": torch.ones(1, 1, 16, 16)}, "all known or all hole"),
        ({"image": torch.rand(1, 3, 256, 256), "mask": F.interpolate(gated()[2], size=256)}, r"take \d+\.\d MB; expected at most 3"),
    ],
)
def test_what_gates_cannot_be_shown_is_said(change: dict[str, Any], message: str) -> None:
    net, image, mask = gated()
    settings: dict[str, Any] = {"model": net, "image": image, "mask": mask} | change
    with pytest.raises(ValueError, match=message):
        widgets.GateExplorer(settings.pop("model"), settings.pop("image"), settings.pop("mask"), **settings)


# A photograph of one's own in the mask painter --------------------------------------------------------------------------------------------


def painter(**options: Any) -> widgets.MaskPainter:
    unet = models.create("partial_unet", width=4)
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, 32, 32)
    mask[..., 8:12, 8:12] = 0
    return widgets.MaskPainter(image, {"net": unet.inpaint, "known": lambda x, m: x}, mask=mask, own=64, **options)


def test_a_photograph_takes_the_place_of_the_picture_and_the_first_comes_back() -> None:
    view = painter()
    before, mask = view.image.clone(), view.mask
    view.still()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    sent = {"_upload": memoryview(pixels.tobytes()), "_upload_size": [48, 64], "_source": "a.jpg: 900 × 700 pixels.", "_wanted": "own"}
    view.set_state(sent | {"_known": memoryview(mask.numpy().tobytes()), "_asked": 1})
    assert view.image.shape == (1, 3, 48, 64) and view.mask.shape == (1, 1, 48, 64) and view.mask.all()
    np.testing.assert_array_equal((view.image[0] * 255).round().permute(1, 2, 0).numpy(), pixels)
    assert view._pixels == pixels.tobytes() and not view._upload and view._answered == 1 and view._wanted == ""
    hole = torch.ones(1, 1, 48, 64)
    hole[..., 10:14, 10:14] = 0
    view.mask = hole
    assert set(view.filled) == {"net", "known"} and view.filled["net"].shape == (1, 3, 48, 64)
    assert "a.jpg: 900 × 700 pixels" in view.describe()
    view.set_state({"_wanted": "first", "_asked": 2})
    assert torch.equal(view.image, before) and torch.equal(view.mask, mask) and view._source == ""
    assert view.results and view.filled["net"].shape == (1, 3, 32, 32)


def test_sides_suit_all_inpainters_and_what_does_not_fit_is_refused() -> None:
    view = painter()
    assert view._multiple == 16 and view._own == 64
    state = {"_upload": memoryview(bytes(30)), "_upload_size": [48, 64], "_wanted": "own"}
    with pytest.raises(ValueError, match=r"sent 30 bytes as a picture of \(48, 64\); expected RGB of at most 64"):
        view.set_state(state | {"_asked": 1})
    image = view.image
    assert image.shape == (1, 3, 32, 32)  # the old picture stays
    for own in (8, 1000, 4.5, True):
        with pytest.raises(ValueError, match=f"own is {own!r}; expected a whole number from 32 to 512"):
            widgets.MaskPainter(image, {"a": lambda x, m: x}, own=own)  # type: ignore[arg-type]
    assert widgets.MaskPainter(image, {"a": lambda x, m: x})._own == 0
