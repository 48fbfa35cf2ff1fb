"""What the tasks of the unit ``convolution`` are asked, and the right answers: random cases, corner cases, oracles.

The oracles compute in another way than the exercise teaches, wherever there is one.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import pixels, ramp, weights
from course.checks.picture import Panel
from course.checks.task import Case
from inpaintlib import example

_real = torch.Generator().manual_seed(1)  # for the few cases with numbers that are not whole

# --- output_size ------------------------------------------------------------------------------------------------------------------------


def measured_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """No formula: PyTorch is asked, with tensors that have a shape and no content."""
    image, weight = torch.empty(1, 1, size, device="meta"), torch.empty(1, 1, kernel, device="meta")
    return F.conv1d(image, weight, stride=stride, padding=padding, dilation=dilation).shape[-1]


@st.composite
def sizes(draw: st.DrawFn) -> Case:
    kernel, dilation, padding = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    smallest = max(1, dilation * (kernel - 1) + 1 - 2 * padding)
    size, stride = smallest + draw(st.integers(0, 20)), draw(st.integers(1, 4))
    return Case({"size": size, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation})


def windows(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> list[Panel]:
    """One row for each place of the kernel: 1 where it lies on the padded image; padding is drawn as a hole."""
    places = measured_size(size, kernel, stride, padding, dilation)
    covered = np.zeros((places, size + 2 * padding))
    for place in range(places):
        covered[place, place * stride + dilation * np.arange(kernel)] = 1
    outside = np.ones_like(covered)
    outside[:, padding : padding + size] = 0
    return [Panel("the places of the kernel, one a row", covered, outside == 1 if padding else None)]


SIZES = [
    Case({"size": 5, "kernel": 3}, "the worked example"),
    Case({"size": 3, "kernel": 3}, "the kernel fits exactly once"),
    Case({"size": 32, "kernel": 3, "stride": 2, "padding": 1}, "halves the image, with one column left over"),
    Case({"size": 7, "kernel": 3, "dilation": 3}, "a dilated kernel that fits exactly once"),
    Case({"size": 1, "kernel": 1}, "a single pixel"),
]

# --- correlate --------------------------------------------------------------------------------------------------------------------------


def torch_correlate(image: Tensor, kernel: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1) -> Tensor:
    """``conv2d`` in double precision."""
    return F.conv2d(image[None].double(), kernel.double(), None, stride, padding, dilation)[0]


def correlate_scale(image: Tensor, kernel: Tensor, **options: int) -> Tensor:
    """The sum of the magnitudes of all products, place by place."""
    return torch_correlate(image.abs(), kernel.abs(), **options)


@st.composite
def correlations(draw: st.DrawFn) -> Case:
    cin, cout = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    high, wide = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding, stride, dilation = draw(st.integers(0, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    rows, columns = (max(1, dilation * (k - 1) + 1 - 2 * padding) + draw(st.integers(0, 3)) for k in (high, wide))
    image, kernel = draw(pixels(cin, rows, columns)), draw(weights(cout, cin, high, wide))
    return Case({"image": image, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation})


WORKED = Case({"image": example.image[None], "kernel": example.kernel[None, None]}, "the worked example")

CORRELATIONS = [
    WORKED,
    Case({"image": ramp(1, 2, 2), "kernel": ramp(1, 1, 2, 2)}, "the kernel fits exactly once"),
    Case({"image": ramp(1, 2, 3), "kernel": ramp(1, 1, 1, 2)}, "neither image nor kernel is square"),
    Case({"image": ramp(1, 4, 4), "kernel": ramp(1, 1, 3, 3), "stride": 2, "padding": 1}, "stride 2 and padding 1, the usual halving layer"),
    Case({"image": ramp(1, 5, 5), "kernel": ramp(1, 1, 2, 2), "stride": 2}, "a row and a column are left over"),
    Case({"image": ramp(1, 4, 4), "kernel": ramp(1, 1, 2, 2), "dilation": 2}, "dilation 2"),
    Case({"image": ramp(3, 3, 3), "kernel": ramp(2, 3, 2, 2)}, "three channels in, two out"),
    Case({"image": torch.rand(3, 6, 5, generator=_real), "kernel": torch.randn(2, 3, 3, 3, generator=_real), "padding": 1}, "real numbers"),
]

#: What `look` draws: two channels, and every option, so that code which leaves one out is seen to be wrong.
EVERY_OPTION = Case(
    {
        "image": torch.tensor([[[1.0, 2, 0, 1], [0, 3, 1, 2], [4, 1, 0, 0], [2, 0, 1, 3]], [[2.0, 0, 1, 1], [1, 1, 0, 3], [0, 2, 5, 1], [1, 0, 2, 0]]]),
        "kernel": torch.tensor([[[[1.0, 0], [2, -1]], [[0.0, 1], [1, 3]]]]),
        "stride": 2,
        "padding": 1,
        "dilation": 2,
    },
    "two channels, stride 2, padding 1, dilation 2",
)

# --- convolve ---------------------------------------------------------------------------------------------------------------------------


def full_convolution(image: Tensor, kernel: Tensor) -> Tensor:
    """The definition: every pixel paints the kernel, scaled by its value, where it stands. Nothing to turn, nothing to pad."""
    (rows, columns), (high, wide) = image.shape, kernel.shape
    output = torch.zeros(rows + high - 1, columns + wide - 1, dtype=torch.float64)
    for i in range(rows):
        for j in range(columns):
            output[i : i + high, j : j + wide] += image[i, j].double() * kernel.double()
    return output


def convolve_scale(image: Tensor, kernel: Tensor) -> Tensor:
    return full_convolution(image.abs(), kernel.abs())


@st.composite
def planes(draw: st.DrawFn) -> Case:
    rows, columns, high, wide = (draw(st.integers(1, most)) for most in (4, 4, 3, 3))
    return Case({"image": draw(pixels(rows, columns)), "kernel": draw(weights(high, wide))})


_impulse = torch.zeros(3, 3)
_impulse[1, 1] = 1.0

PLANES = [
    Case({"image": _impulse, "kernel": ramp(3, 3)}, "one bright pixel: the output is a copy of the kernel"),
    Case({"image": ramp(3, 3), "kernel": torch.ones(3, 3)}, "a kernel that looks the same from every side"),
    Case({"image": ramp(2, 3), "kernel": ramp(1, 2)}, "a kernel that is not square"),
    Case({"image": example.image, "kernel": example.kernel}, "the worked example"),
    Case({"image": torch.rand(4, 5, generator=_real), "kernel": torch.randn(3, 3, generator=_real)}, "real numbers"),
]

# --- seen -------------------------------------------------------------------------------------------------------------------------------


def seen_pixels(layers: list[tuple[int, int, int, int]], index: int) -> tuple[int, int]:
    """No formula: the set of pixels under the window, and under the windows of these, layer by layer."""
    pixels_seen = {index}
    for kernel, stride, padding, dilation in reversed(layers):
        pixels_seen = {i * stride - padding + t * dilation for i in pixels_seen for t in range(kernel)}
    return min(pixels_seen), max(pixels_seen)


@st.composite
def stacks(draw: st.DrawFn) -> Case:
    layer = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3))
    return Case({"layers": draw(st.lists(layer, min_size=1, max_size=4)), "index": draw(st.integers(0, 9))})


def seen_row(layers: list[tuple[int, int, int, int]], index: int) -> list[Panel]:
    """The numbers of the pixels around those that are seen, and 1 below each between the first and the last of them."""
    first, last = seen_pixels(layers, index)
    around = np.arange(first - 1, last + 2)
    return [Panel("pixels, and 1 from the first to the last one seen", np.stack([around, (around >= first) & (around <= last)]).astype(float))]


STACKS = [
    Case({"layers": [(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)], "index": 15}, "dilations 1, 2, 4: fifteen pixels, 8 to 22"),
    Case({"layers": [(3, 1, 0, 1)], "index": 0}, "one layer, no padding"),
    Case({"layers": [(3, 2, 1, 1)], "index": 0}, "the first output reaches over the border"),
    Case({"layers": [(3, 1, 1, 1), (2, 2, 0, 1), (3, 1, 1, 1)], "index": 4}, "a pooling of 2 between two layers"),
    Case({"layers": [(5, 2, 2, 1), (3, 1, 1, 1)], "index": 3}, "two layers whose order matters"),
    Case({"layers": [], "index": 6}, "no layer at all: a pixel sees itself"),
]

# --- mean_filter ------------------------------------------------------------------------------------------------------------------------


def pooled_mean(image: Tensor, size: int, times: int = 1) -> Tensor:
    """Average pooling that leaves the padding out of its count."""
    pooled = image[None, None].double()
    for _ in range(times):
        pooled = F.avg_pool2d(pooled, size, stride=1, padding=size // 2, count_include_pad=False)
    return pooled[0, 0]


@st.composite
def filters(draw: st.DrawFn) -> Case:
    image = draw(pixels(draw(st.integers(1, 5)), draw(st.integers(1, 5))))
    return Case({"image": image, "size": draw(st.sampled_from([3, 1, 5])), "times": draw(st.integers(1, 3))})


FILTERS = [
    Case({"image": torch.ones(4, 4), "size": 3}, "a white image stays white, up to its corners"),
    Case({"image": example.image, "size": 3}, "the worked example"),
    Case({"image": ramp(1, 3), "size": 3}, "an image of one row"),
    Case({"image": ramp(2, 2), "size": 5}, "a window larger than the image"),
    Case({"image": ramp(3, 3), "size": 3, "times": 2}, "twice"),
    Case({"image": torch.rand(6, 5, generator=_real), "size": 5, "times": 3}, "real numbers, three times"),
]
