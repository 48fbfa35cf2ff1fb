"""What the tasks of the unit ``gated_convolution`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import pixels, ramp, weights
from course.checks.task import Case
from inpaintlib.layers import gated_conv2d

_real = torch.Generator().manual_seed(4)  # for the few cases with numbers that are not whole


def _randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_real)


# --- gate -------------------------------------------------------------------------------------------------------------------------------


def mixed(feature: Tensor, gate: Tensor) -> np.ndarray:
    """In double precision, from the exponential function alone."""
    f, g = feature.double().numpy(), gate.double().numpy()
    return np.where(f > 0, f, np.expm1(np.minimum(f, 0))) / (1 + np.exp(-g))


@st.composite
def sums(draw: st.DrawFn) -> Case:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    return Case({"feature": draw(weights(*shape)), "gate": draw(weights(*shape))})


def _row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float32)


SUMS = [
    Case({"feature": _row(-3, -1, 0, 1, 3), "gate": _row(0, 2, -2, 2, -1)}, "features of both signs"),
    Case({"feature": _row(-2, 2), "gate": _row(0, 0)}, "half open"),
    Case({"feature": _row(-2, 2, 5), "gate": _row(20, 20, 20)}, "wide open: the activation alone"),
    Case({"feature": _row(-2, 2, 5), "gate": _row(-20, -20, -20)}, "shut"),
    Case({"feature": _randn(2, 3), "gate": _randn(2, 3)}, "real numbers"),
]

# --- gated_layer ------------------------------------------------------------------------------------------------------------------------


def library(x: Tensor, weight: Tensor, bias: Tensor, padding: int = 0, dilation: int = 1) -> tuple[Tensor, Tensor]:
    """The library's layer in double precision."""
    y, gate = gated_conv2d(x.double(), weight.double(), bias.double(), 1, padding, dilation, F.elu)
    return y, gate


def library_scale(x: Tensor, weight: Tensor, bias: Tensor, padding: int = 0, dilation: int = 1) -> Tensor:
    """How far y and gate move when both sums move by their magnitudes: by the product rule, the sigmoid's slope being s - s^2."""
    magnitude = F.conv2d(x.double().abs(), weight.double().abs(), bias.double().abs(), 1, padding, dilation)
    sums = F.conv2d(x.double(), weight.double(), bias.double(), 1, padding, dilation)
    (feature, gate), (of_feature, of_gate) = sums.chunk(2, dim=1), magnitude.chunk(2, dim=1)
    gate = torch.sigmoid(gate)
    return gate * of_feature + (F.elu(feature).abs() + 1) * (gate - gate.square()) * of_gate + gate


@st.composite
def batches(draw: st.DrawFn) -> Case:
    batch, cin, cout, size = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding, dilation = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    rows, columns = (max(1, dilation * (size - 1) + 1 - 2 * padding) + draw(st.integers(0, 2)) for _ in range(2))
    arguments = {
        "x": draw(weights(batch, cin, rows, columns)),
        "weight": draw(weights(2 * cout, cin, size, size)),
        "bias": draw(weights(2 * cout)),
    }
    return Case({**arguments, "padding": padding, "dilation": dilation})


def _layer(x: Tensor, weight: Tensor, bias: list[float], note: str, **options: int) -> Case:
    return Case({"x": x, "weight": weight, "bias": torch.tensor(bias), **options}, note)


def _kernels(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None, None, None]


_one = torch.ones(1, 1, 1, 1)
LAYERS = [
    _layer(torch.tensor([[[[2.0, -1.0, 1.0]]]]), _kernels(1, 1), [0.0, 0.0], "one channel, three pixels"),
    _layer(_one, _kernels(-3, 0), [0.0, 0.0], "a negative feature, half open"),
    _layer(_one, _kernels(2, 5, 3, -3), [0.0] * 4, "two channels, one gate open, the other shut"),
    _layer(_one, _kernels(1, 2, 3, 1, -1, 0), [0.0] * 6, "three channels"),
    _layer(_one, _kernels(1, 0), [1.0, 2.0], "a bias for the feature and one for the gate"),
    _layer(ramp(1, 1, 5, 5) / 25, torch.cat([ramp(1, 1, 3, 3) / 9, -ramp(1, 1, 3, 3) / 9]), [0.5, 0.0], "dilation 2", padding=2, dilation=2),
    _layer(_randn(2, 3, 4, 4), _randn(4, 3, 3, 3) / 3, [0.1, -0.2, 0.3, 0.0], "real numbers", padding=1),
]

# --- atrous -----------------------------------------------------------------------------------------------------------------------------


def stretched(signal: Tensor, kernel: Tensor, rate: int = 1) -> np.ndarray:
    """NumPy's convolution with the kernel pulled apart by zeros, the middle part of it."""
    values = kernel.double().numpy()
    wide = np.zeros(rate * (len(values) - 1) + 1)
    wide[::rate] = values
    first = len(wide) // 2
    return np.convolve(signal.double().numpy(), wide)[first : first + len(signal)]


def stretched_scale(signal: Tensor, kernel: Tensor, rate: int = 1) -> np.ndarray:
    return stretched(signal.abs(), kernel.abs(), rate)


@st.composite
def signals(draw: st.DrawFn) -> Case:
    return Case({"signal": draw(pixels(draw(st.integers(1, 8)))), "kernel": draw(weights(2 * draw(st.integers(0, 2)) + 1)), "rate": draw(st.integers(1, 3))})


SIGNALS = [
    Case({"signal": torch.tensor([1.0, 4, 9, 16, 25, 36, 49]), "kernel": torch.tensor([1.0, 0, -1]), "rate": 2}, "the example of the lesson"),
    Case({"signal": torch.tensor([0.0, 0, 0, 1, 0, 0, 0]), "kernel": torch.tensor([1.0, 2, 3]), "rate": 3}, "a single 1: the kernel itself, pulled apart"),
    Case({"signal": torch.tensor([1.0, 2, 3]), "kernel": torch.tensor([1.0, 2, 3])}, "rate 1"),
    Case({"signal": torch.tensor([5.0, 7]), "kernel": torch.tensor([1.0, 1, 1]), "rate": 4}, "a kernel wider than the signal"),
    Case({"signal": torch.tensor([5.0, 7, 1]), "kernel": torch.tensor([2.0]), "rate": 3}, "a single value"),
    Case({"signal": _randn(9), "kernel": _randn(5), "rate": 2}, "real numbers, five values"),
]

# --- layers_needed ----------------------------------------------------------------------------------------------------------------------


def looked(width: int, size: int = 3, doubled: bool = True) -> int:
    """By sets: which offsets a pixel has looked at after each layer, and whether one of them is known, for every pixel of the hole."""
    seen, dilation, layers = {0}, 1, 0
    while not all(any(not 0 <= pixel + offset < width for offset in seen) for pixel in range(width)):
        seen = {offset + dilation * tap for offset in seen for tap in range(-(size // 2), size // 2 + 1)}
        dilation, layers = dilation * 2 if doubled else 1, layers + 1
    return layers


@st.composite
def widths(draw: st.DrawFn) -> Case:
    return Case({"width": draw(st.integers(0, 30)), "size": draw(st.sampled_from([3, 5])), "doubled": draw(st.booleans())})


WIDTHS = [
    Case({"width": 5}, "five pixels"),
    Case({"width": 0}, "no hole"),
    Case({"width": 1}, "a single pixel"),
    Case({"width": 14}, "its middle is 7 away: just reached by dilations 1, 2, 4"),
    Case({"width": 15}, "its middle is 8 away"),
    Case({"width": 12, "size": 5}, "kernels of 5"),
    Case({"width": 12, "doubled": False}, "without dilation"),
    Case({"width": 21, "size": 7, "doubled": False}, "kernels of 7, without dilation"),
]
