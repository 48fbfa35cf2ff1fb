"""What the tasks of the unit ``partial_convolution`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import masks, pixels, ramp, tensors, weights
from course.checks.task import Case
from inpaintlib import example
from inpaintlib.layers import partial_conv2d

_real = torch.Generator().manual_seed(2)  # for the few cases with numbers that are not whole


def _mask(*rows: str) -> Tensor:
    """A mask drawn in text: ``#`` is a hole."""
    return torch.tensor([[0.0 if place == "#" else 1.0 for place in row] for row in rows])


# --- window_factor ----------------------------------------------------------------------------------------------------------------------


def factor(mask: Tensor) -> float:
    """Places by known places, or 0."""
    known = int(mask.sum())
    return mask.numel() / known if known else 0.0


@st.composite
def windows(draw: st.DrawFn) -> Case:
    return Case({"mask": draw(masks(draw(st.integers(1, 4)), draw(st.integers(1, 4))))})


WINDOWS = [
    Case({"mask": example.mask[:3, :3]}, "the first window of the worked example: 6 of 9 known"),
    Case({"mask": _mask("...", "...", "...")}, "everything known: nothing to make up for"),
    Case({"mask": _mask("###", "###", "##.")}, "a single known pixel"),
    Case({"mask": _mask("###", "###", "###")}, "all hole"),
    Case({"mask": _mask("..#")}, "a window that is not square"),
]

# --- one_channel ----------------------------------------------------------------------------------------------------------------------------


def layer(image: Tensor, mask: Tensor, kernel: Tensor, bias: float = 0.0) -> Tensor:
    """The library's layer in double precision, one channel."""
    pixels_in, known = image[None, None].double(), mask[None, None].double()
    return partial_conv2d(pixels_in, known, kernel[None, None].double(), torch.tensor([bias], dtype=torch.float64))[0][0, 0]


def layer_scale(image: Tensor, mask: Tensor, kernel: Tensor, bias: float = 0.0) -> Tensor:
    """The sum of the magnitudes of all products, times the factor."""
    return layer(image.abs(), mask, kernel.abs(), abs(bias))


@st.composite
def holes(draw: st.DrawFn) -> Case:
    high, wide = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rows, columns = high + draw(st.integers(0, 2)), wide + draw(st.integers(0, 2))
    arguments = {"image": draw(pixels(rows, columns)), "mask": draw(masks(rows, columns)), "kernel": draw(weights(high, wide))}
    return Case({**arguments, "bias": float(draw(st.sampled_from([0, 1, 2, -1])))})


HOLES = [
    Case({"image": example.image, "mask": example.mask, "kernel": example.kernel}, "the worked example"),
    Case({"image": example.image, "mask": torch.ones(5, 5), "kernel": example.kernel}, "no hole: an ordinary convolution"),
    Case({"image": ramp(1, 2), "mask": _mask(".#"), "kernel": torch.ones(1, 2), "bias": 1.0}, "one of two pixels known, and a bias"),
    Case({"image": ramp(3, 5), "mask": _mask("###..", "###..", "###.."), "kernel": ramp(3, 3), "bias": 2.0}, "the first window is all hole"),
    Case({"image": ramp(2, 2), "mask": _mask("##", "##"), "kernel": ramp(2, 2), "bias": 3.0}, "nothing is known"),
    Case(
        {
            "image": torch.rand(6, 5, generator=_real),
            "mask": _mask(".....", ".##..", ".###.", "..##.", ".....", "....."),
            "kernel": torch.randn(3, 3, generator=_real),
            "bias": 0.25,
        },
        "real numbers",
    ),
]

# --- update_mask ------------------------------------------------------------------------------------------------------------------------


def new_mask(mask: Tensor, size: int, stride: int = 1, padding: int = 0) -> Tensor:
    """The largest value under the window; max pooling pads with minus infinity, so the size of the padding is not limited to half a window."""
    padded = F.pad(mask[None, None], (padding,) * 4, value=0.0)
    return F.max_pool2d(padded, size, stride)[0, 0]


@st.composite
def mask_updates(draw: st.DrawFn) -> Case:
    size, stride, padding = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
    rows, columns = (max(1, size - 2 * padding) + draw(st.integers(0, 4)) for _ in range(2))
    return Case({"mask": draw(masks(rows, columns)), "size": size, "stride": stride, "padding": padding})


MASK_UPDATES = [
    Case({"mask": example.mask, "size": 3}, "the worked example: every window holds a known pixel"),
    Case({"mask": _mask("####.", "####.", "####."), "size": 3, "padding": 1}, "the hole reaches the border: padding does not help to fill it"),
    Case({"mask": _mask("#####", "#####", "#####"), "size": 3, "padding": 1}, "all hole, with padding"),
    Case({"mask": _mask(".......", ".#####.", ".#####.", ".#####.", ".#####.", ".#####.", "......."), "size": 3, "padding": 1}, "a hole of 5 x 5"),
    Case({"mask": _mask("##..", "##..", "....", "...."), "size": 2, "stride": 2}, "stride 2"),
]

# --- partial_layer ----------------------------------------------------------------------------------------------------------------------


def library(image: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, padding: int = 0) -> tuple[Tensor, Tensor]:
    """The library's layer in double precision."""
    return partial_conv2d(image.double(), mask.double(), weight.double(), bias.double(), stride, padding)


def library_scale(image: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, **options: int) -> Tensor:
    return library(image.abs(), mask, weight.abs(), bias.abs(), **options)[0]


@st.composite
def batches(draw: st.DrawFn) -> Case:
    batch, cin, cout, size = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    rows, columns = (max(1, size - 2 * padding) + draw(st.integers(0, 2)) for _ in range(2))
    arguments = {
        "image": draw(pixels(batch, cin, rows, columns)),
        "mask": draw(masks(batch, 1, rows, columns)),
        "weight": draw(weights(cout, cin, size, size)),
        "bias": draw(weights(cout)),
    }
    return Case({**arguments, "stride": stride, "padding": padding})


def _batch(image: Tensor, mask: Tensor, weight: Tensor, bias: list[float], note: str, **options: int) -> Case:
    return Case({"image": image, "mask": mask, "weight": weight, "bias": torch.tensor(bias), **options}, note)


_known = _mask("....", ".##.", ".##.", "....")[None, None]
BATCHES = [
    _batch(example.image[None, None], example.mask[None, None], example.kernel[None, None], [0.0], "the worked example"),
    _batch(ramp(1, 1, 3, 3), torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), [0.0], "no hole, but a border", padding=1),
    _batch(ramp(1, 3, 3, 3), torch.ones(1, 1, 3, 3), ramp(1, 3, 3, 3), [0.0], "no hole, three channels"),
    _batch(ramp(1, 2, 4, 4), _known, ramp(2, 2, 3, 3), [0.0, 0.0], "a hole, two channels"),
    _batch(ramp(1, 1, 2, 4), _mask("##..", "##..")[None, None], ramp(1, 1, 2, 2), [5.0], "a window that is all hole, and a bias"),
    _batch(ramp(1, 1, 4, 4), _known, ramp(1, 1, 3, 3), [0.0], "stride 2", stride=2, padding=1),
    _batch(torch.rand(2, 3, 4, 4, generator=_real), torch.cat([_known, 1 - _known]), torch.randn(2, 3, 3, 3, generator=_real), [0.1, -0.2], "real numbers, two masks", padding=1),
]

# --- layers_until_full ------------------------------------------------------------------------------------------------------------------


def counted_layers(mask: Tensor, size: int = 3) -> int:
    """The farthest hole pixel from a known one, in steps of half a window, the larger of rows and columns: no layer is run."""
    known = mask.nonzero()
    if not len(known):
        return -1
    everywhere = torch.ones_like(mask).nonzero()
    distance = (everywhere[:, None] - known[None]).abs().amax(-1).amin(-1).max()
    return -(-int(distance) // (size // 2))


@st.composite
def hole_maps(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    mostly_hole = draw(tensors((rows, columns), (1, 0, 0, 0)))
    return Case({"mask": mostly_hole, "size": draw(st.sampled_from([3, 5]))})


HOLE_MAPS = [
    Case({"mask": _mask(*["........."] * 2, *["..#####.."] * 5, *["........."] * 2)}, "a hole of 5 x 5"),
    Case({"mask": torch.ones(3, 3)}, "nothing to fill"),
    Case({"mask": _mask(".####", "#####", "#####")}, "one known pixel, in a corner"),
    Case({"mask": _mask("#####", "#####", ".....")}, "a hole that reaches the border: only one side helps"),
    Case({"mask": _mask(".######"), "size": 5}, "a window of 5"),
    Case({"mask": _mask("###", "###")}, "nothing is known, ever"),
]
