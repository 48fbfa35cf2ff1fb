"""Named wrong solutions of the unit ``gated_convolution``, two for each misconception, and right ones written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in another manner
(``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- let_through ------------------------------------------------------------------------------------------------------------------------


def _vectors(feature, gate, *, mistake=""):
    if mistake == "activation_after":
        return F.elu(feature * torch.sigmoid(gate))
    if mistake == "swapped":
        feature, gate = gate, feature
    gate = {"gate_activated": F.elu(gate), "inverted": -gate}.get(mistake, gate)
    gate = gate if mistake == "no_sigmoid" else torch.sigmoid(gate)
    return (feature if mistake == "no_activation" else torch.relu(feature) if mistake == "other_activation" else F.elu(feature)) * gate


def _numbers(feature, gate, *, mistake=""):
    """Number by number, with the exponential function."""

    def squashed(z):
        return z if mistake == "no_sigmoid" else 1 / (1 + math.exp(z if mistake == "inverted" else -z))

    def bent(z):
        if mistake == "no_activation":
            return z
        return math.tanh(z) if mistake == "other_activation" else z if z > 0 else math.exp(z) - 1

    output = torch.zeros_like(feature)
    for place in np.ndindex(*feature.shape):
        f, g = feature[place].item(), gate[place].item()
        if mistake == "swapped":
            f, g = g, f
        if mistake == "gate_activated":
            g = bent(g)
        output[place] = bent(f * squashed(g)) if mistake == "activation_after" else bent(f) * squashed(g)
    return output


_LET_THROUGH = ["activation_after", "no_sigmoid", "swapped", "no_activation", "other_activation", "gate_activated", "inverted"]

# --- gated_layer ------------------------------------------------------------------------------------------------------------------------


def found(x, weight, bias, padding=0, dilation=1):
    """The layer of the exercise, as it was found: three bugs."""
    both = F.conv2d(x, weight, padding=padding, dilation=dilation) + bias[:, None, None]
    feature, gate = both[:, 0::2], both[:, 1::2]
    gate = torch.sigmoid(gate).mean(1, keepdim=True).expand_as(feature)
    return F.elu(feature * gate), gate


def _layer(x, weight, bias, padding=0, dilation=1, *, mistake=""):
    """One convolution."""
    both = F.conv2d(x, weight, None if mistake == "gate_bias" else bias, padding=padding, dilation=1 if mistake == "dilation_ignored" else dilation)
    feature, gate = both.chunk(2, dim=1)
    if mistake == "gate_bias":
        feature = feature + bias[: len(bias) // 2, None, None]
    if mistake == "halves_swapped":
        feature, gate = gate, feature
    if mistake == "one_gate":
        gate = gate[:, :1].expand_as(feature)
    raw, gate = gate, gate if mistake == "no_sigmoid" else torch.sigmoid(gate)
    y = F.elu(feature * gate) if mistake == "activation_after" else F.elu(feature) * gate
    return y, raw if mistake == "raw_gate" else gate


def _two_layers(x, weight, bias, padding=0, dilation=1, *, mistake=""):
    """Windows laid out as columns, and two matrix products, channel by channel."""
    dilation = 1 if mistake == "dilation_ignored" else dilation
    batch, (kernels, _, k, _) = len(x), weight.shape
    rows, columns = (n + 2 * padding - dilation * (k - 1) for n in x.shape[2:])
    windows = F.unfold(x, k, dilation=dilation, padding=padding)
    sums = (weight.flatten(1) @ windows).reshape(batch, kernels, rows, columns)
    sums = [sums[:, i] + (0 if mistake == "gate_bias" and i >= kernels // 2 else bias[i]) for i in range(kernels)]
    half, outputs, gates = kernels // 2, [], []
    for channel in range(half):
        f, g = sums[channel], sums[half + channel]
        if mistake == "interleaved":
            f, g = sums[2 * channel], sums[2 * channel + 1]
        elif mistake == "halves_swapped":
            f, g = g, f
        elif mistake == "one_gate":
            g = sum(sums[half:]) / half
        opened = g if mistake == "no_sigmoid" else 1 / (1 + torch.exp(-g))
        activated = f * opened if mistake == "activation_after" else f
        activated = torch.where(activated > 0, activated, torch.expm1(activated))
        outputs.append(activated if mistake == "activation_after" else activated * opened)
        gates.append(g if mistake == "raw_gate" else opened)
    return torch.stack(outputs, 1), torch.stack(gates, 1)


# --- atrous -----------------------------------------------------------------------------------------------------------------------------


def _loops(signal, kernel, rate=1, *, mistake=""):
    n, r = len(signal), len(kernel) // 2
    if mistake == "stride":
        return _loops(signal[::rate], kernel)
    rate = 1 if mistake == "rate_ignored" else rate
    result = torch.zeros(n)
    for p in range(n):
        for t in range(-r, r + 1):
            s = p + rate * t if mistake == "correlation" else p - rate * (t + r) if mistake == "from_start" else p - rate * t
            if mistake == "repeated":
                s = max(0, min(s, n - 1))
            if 0 <= s < n or (mistake == "wraps" and -n <= s < 0):
                result[p] += signal[s] * kernel[t + r]
    return result


def _shifts(signal, kernel, rate=1, *, mistake=""):
    """The whole signal, moved once for each value of the kernel."""
    values, total = signal.double().numpy(), 0
    n, r, far = len(values), len(kernel) // 2, len(kernel) * rate
    mode = {"wraps": "wrap", "repeated": "edge"}.get(mistake, "constant")
    padded = np.pad(values, far, mode=mode)
    for i, weight in enumerate(kernel.tolist()):
        t = i if mistake == "from_start" else r - i if mistake == "correlation" else i - r
        start = far - (1 if mistake in ("rate_ignored", "stride") else rate) * t
        total = total + weight * padded[start : start + n]
    return total[::rate] if mistake == "stride" else total


# --- layers_needed ----------------------------------------------------------------------------------------------------------------------


def _count(width, size=3, doubled=True, *, mistake=""):
    distance = {"only_the_rim": width // 2, "one_side": width}.get(mistake, (width + 1) // 2)
    step = 1 if mistake == "size_ignored" else size - 1 if mistake == "whole_field" else size // 2
    doubled = {"always_doubled": True, "never_doubled": False}.get(mistake, doubled)
    layers, reach = 0, 0
    while reach < distance:
        dilation = 2**layers if doubled else 1
        if doubled and mistake == "from_two":
            dilation *= 2
        if doubled and mistake == "added":
            dilation = layers + 1
        reach += step * dilation
        layers += 1
    return layers


def _formula(width, size=3, doubled=True, *, mistake=""):
    """The smallest n whose sum of dilations is enough."""
    distance = -(-width // 2)
    if mistake == "only_the_rim":
        distance = max(0, distance - 1)
    elif mistake == "one_side":
        distance = width
    step = {"size_ignored": 1, "whole_field": 2 * (size // 2)}.get(mistake, size // 2)
    if (not doubled and mistake != "always_doubled") or mistake == "never_doubled":
        return -(-distance // step)

    def enough(n):
        return step * (n * (n + 1) // 2 if mistake == "added" else (2 if mistake == "from_two" else 1) * (2**n - 1)) >= distance

    return next(n for n in range(distance + 1) if enough(n))


_NEEDED = ["only_the_rim", "one_side", "whole_field", "size_ignored", "always_doubled", "never_doubled", "from_two", "added"]

MUTANTS = {
    "gated_convolution/let_through": _pairs(_LET_THROUGH, _vectors, _numbers),
    "gated_convolution/gated_layer": _pairs(
        ["halves_swapped", "one_gate", "activation_after", "no_sigmoid", "gate_bias", "dilation_ignored", "raw_gate"], _layer, _two_layers
    )
    | {"interleaved": Pair(found, partial(_two_layers, mistake="interleaved"))},
    "gated_convolution/atrous": _pairs(["correlation", "rate_ignored", "from_start", "wraps", "repeated", "stride"], _loops, _shifts),
    "gated_convolution/layers_needed": _pairs(_NEEDED, _count, _formula),
}

EQUIVALENT = {
    "gated_convolution/let_through": [
        _vectors,
        _numbers,
        lambda feature, gate: _vectors(feature, gate).tolist(),
        lambda feature, gate: _vectors(feature, gate).bfloat16(),
        lambda feature, gate: _vectors(feature.double(), gate.double()).T.contiguous().T,
    ],
    "gated_convolution/gated_layer": [
        _layer,
        _two_layers,
        lambda *a, **k: tuple(part.numpy() for part in _layer(*a, **k)),
        lambda *a, **k: [part.to(memory_format=torch.channels_last) for part in _two_layers(*a, **k)],
        lambda x, weight, bias, **k: _layer(x.double(), weight.double(), bias.double(), **k),
    ],
    "gated_convolution/atrous": [
        _loops,
        _shifts,
        lambda *a, **k: _loops(*a, **k).bfloat16(),
        lambda signal, kernel, rate=1: F.conv1d(signal[None, None], kernel.flip(0)[None, None], padding=rate * (len(kernel) // 2), dilation=rate)[0, 0],
        lambda *a, **k: list(_shifts(*a, **k)),
    ],
    "gated_convolution/layers_needed": [_count, _formula, lambda *a, **k: float(_count(*a, **k)), lambda *a, **k: torch.tensor(_formula(*a, **k))],
}
