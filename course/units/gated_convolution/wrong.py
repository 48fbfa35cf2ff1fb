"""The known mistakes of the unit ``gated_convolution``, computed; how a student writes them is the business of ``mutants.py``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# --- let_through ------------------------------------------------------------------------------------------------------------------------

_sigmoid, _elu = torch.sigmoid, F.elu
MIX_AFTER = [lambda feature, gate: _elu(feature.double() * _sigmoid(gate.double()))]
MIX_NO_SIGMOID = [lambda feature, gate: _elu(feature.double()) * gate, lambda feature, gate: _elu(feature.double() * gate)]
MIX_SWAPPED = [lambda feature, gate: _sigmoid(feature.double()) * _elu(gate.double()), lambda feature, gate: _sigmoid(feature.double()) * gate]
MIX_NO_ACTIVATION = [lambda feature, gate: feature * _sigmoid(gate.double())]
MIX_OTHER_ACTIVATION = [lambda feature, gate: torch.relu(feature) * _sigmoid(gate.double()), lambda feature, gate: torch.tanh(feature.double()) * _sigmoid(gate.double())]
MIX_GATE_ACTIVATED = [lambda feature, gate: _elu(feature.double()) * _sigmoid(_elu(gate.double()))]
MIX_INVERTED = [lambda feature, gate: _elu(feature.double()) * _sigmoid(-gate.double())]

# --- gated_layer ------------------------------------------------------------------------------------------------------------------------


def _faulty(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    padding: int = 0,
    dilation: int = 1,
    *,
    split: str = "halves",
    gates: str = "each",
    after: bool = False,
    squash: bool = True,
    gate_bias: bool = True,
    dilated: bool = True,
    raw: bool = False,
) -> tuple[Tensor, Tensor]:
    """The right layer, or one with any of these mistakes."""
    b = bias.double().clone()
    if not gate_bias:
        b[len(b) // 2 :] = 0
    both = F.conv2d(x.double(), weight.double(), b, 1, padding, dilation if dilated else 1)
    feature, gate = (both[:, 0::2], both[:, 1::2]) if split == "interleaved" else both.chunk(2, dim=1)
    if split == "swapped":
        feature, gate = gate, feature
    before = gate
    gate = {"each": gate, "mean of sums": gate.mean(1, keepdim=True), "first": gate[:, :1]}.get(gates, gate).expand_as(feature)
    gate = torch.sigmoid(gate) if squash else gate
    if gates == "mean":
        gate = gate.mean(1, keepdim=True).expand_as(feature)
    y = F.elu(feature * gate) if after else F.elu(feature) * gate
    return y, before if raw else gate


def _mistakes(**choices: Sequence[Any]) -> list[Callable[..., Any]]:
    """The layer with each combination of these."""
    return [partial(_faulty, **dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


_SHARED = ("mean", "mean of sums", "first")
LAYER_INTERLEAVED = _mistakes(split=["interleaved"], gates=("each", *_SHARED), after=(False, True))
LAYER_SWAPPED = _mistakes(split=["swapped"], gates=("each", *_SHARED), after=(False, True))
LAYER_ONE_GATE = _mistakes(gates=_SHARED, after=(False, True))
LAYER_AFTER = _mistakes(after=[True])
LAYER_NO_SIGMOID = _mistakes(squash=[False], after=(False, True))
LAYER_GATE_BIAS = _mistakes(gate_bias=[False])
LAYER_DILATION = _mistakes(dilated=[False])
LAYER_RAW = _mistakes(raw=[True])

# --- atrous -----------------------------------------------------------------------------------------------------------------------------


def _atrous(signal: Tensor, kernel: Tensor, rate: int = 1, *, sign: int = -1, fixed: bool = False, first: str = "middle", border: str = "zero") -> np.ndarray:
    """The right sum, or one with another sign, another middle, or another border."""
    n, radius = len(signal), len(kernel) // 2
    step = 1 if fixed else rate
    result = np.zeros(n)
    for p, i in np.ndindex(n, len(kernel)):
        s = p + sign * step * (i - (radius if first == "middle" else 0))
        if border == "wraps":
            s %= n
        elif border == "python" and -n <= s < 0:
            s += n
        elif border == "repeated":
            s = min(max(s, 0), n - 1)
        if 0 <= s < n:
            result[p] += float(signal[s]) * float(kernel[i])
    return result


ATROUS_CORRELATION = [partial(_atrous, sign=1)]
ATROUS_RATE_IGNORED = [partial(_atrous, fixed=True), partial(_atrous, fixed=True, sign=1)]
ATROUS_FROM_START = [partial(_atrous, first="start"), partial(_atrous, first="start", sign=1)]
ATROUS_WRAPS = [partial(_atrous, border=b, sign=s) for b in ("wraps", "python") for s in (-1, 1)]
ATROUS_REPEATED = [partial(_atrous, border="repeated", sign=s) for s in (-1, 1)]
ATROUS_STRIDE = [lambda signal, kernel, rate=1: _atrous(signal[::rate], kernel), lambda signal, kernel, rate=1: _atrous(signal, kernel)[::rate]]

# --- layers_needed ----------------------------------------------------------------------------------------------------------------------


def _needed(
    width: int, size: int = 3, doubled: bool = True, *, distance: Callable[[int], int] | None = None, first: int = 1, step: Callable[[int], int] | None = None, whole: int = 1
) -> int:
    """The right count, or one with another distance, other dilations, or the whole field taken for the reach to one side."""
    far = distance(width) if distance else (width + 1) // 2
    layers, reach, dilation = 0, 0, first if doubled else 1
    while reach < far:
        reach += whole * dilation * (size // 2)
        dilation = (step(dilation) if step else 2 * dilation) if doubled else 1
        layers += 1
    return layers


NEEDED_RIM = [partial(_needed, distance=lambda width: width // 2), partial(_needed, distance=lambda width: max(0, (width + 1) // 2 - 1))]
NEEDED_ONE_SIDE = [partial(_needed, distance=lambda width: width), partial(_needed, distance=lambda width: width + 1 if width else 0)]
NEEDED_WHOLE_FIELD = [
    partial(_needed, whole=2),
    partial(_needed, distance=lambda width: (width + 1) // 4 if width else 0),
    partial(_needed, distance=lambda width: ((width + 1) // 2) // 2),
]
NEEDED_SIZE_IGNORED = [lambda width, size=3, doubled=True: _needed(width, 3, doubled)]
NEEDED_ALWAYS_DOUBLED = [lambda width, size=3, doubled=True: _needed(width, size, True)]
NEEDED_NEVER_DOUBLED = [lambda width, size=3, doubled=True: _needed(width, size, False)]
NEEDED_FROM_TWO = [partial(_needed, first=2)]
NEEDED_ADDED = [partial(_needed, step=lambda dilation: dilation + 1), partial(_needed, first=2, step=lambda dilation: dilation + 2)]
