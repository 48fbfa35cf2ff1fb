"""Named wrong solutions of the unit ``convolution``, two for each misconception, and right ones that are written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in loops and in another
manner, to see whether the mistake is recognised (``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair

# --- output_size ------------------------------------------------------------------------------------------------------------------------


def _slide(size, kernel, stride=1, padding=0, dilation=1, *, mistake=""):
    """Counts places by sliding, as one would on paper."""
    length = size + (padding if mistake == "padding_once" else 2 * padding)
    reach = dilation * kernel - 1 if mistake == "dilation_width" else dilation * (kernel - 1)
    start, places = 0, 0
    more = {"not_rounded_down": stride - 1, "rounded": stride // 2}.get(mistake, 0)
    while start + reach < length + more:
        places += 1
        start += 1 if mistake == "stride_ignored" else stride
    return places - (mistake == "first_place_forgotten")


OUTPUT_SIZE = {
    "first_place_forgotten": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride,
        partial(_slide, mistake="first_place_forgotten"),
    ),
    "not_rounded_down": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1,
        partial(_slide, mistake="not_rounded_down"),
    ),
    "rounded": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: round((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1),
        partial(_slide, mistake="rounded"),
    ),
    "plain_formula": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: size - kernel + 1,
        lambda size, kernel, stride=1, padding=0, dilation=1: len([start for start in range(size) if start + kernel <= size]),
    ),
    "padding_once": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: (size + padding - dilation * (kernel - 1) - 1) // stride + 1,
        partial(_slide, mistake="padding_once"),
    ),
    "dilation_width": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: (size + 2 * padding - kernel) // stride + 1, partial(_slide, mistake="dilation_width")
    ),
    "stride_ignored": Pair(
        lambda size, kernel, stride=1, padding=0, dilation=1: size + 2 * padding - dilation * (kernel - 1), partial(_slide, mistake="stride_ignored")
    ),
}

# --- correlate --------------------------------------------------------------------------------------------------------------------------


def _unfolded(image, kernel, stride=1, padding=0, dilation=1, *, mistake=""):
    """Columns of windows times the kernel as a matrix."""
    if mistake == "padding_one_side":
        image = F.pad(image, (padding, 0, padding, 0))
    if mistake in ("padding_one_side", "padding_forgotten"):
        padding = 0
    if mistake == "stride_on_kernel":
        stride, dilation = 1, dilation * stride
    stride = 1 if mistake == "stride_ignored" else stride
    dilation = 1 if mistake == "dilation_ignored" else dilation
    kernel = kernel.flip(2, 3) if mistake == "kernel_flipped" else kernel
    (cout, cin, high, wide), (rows, columns) = kernel.shape, image.shape[1:]
    shape = [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in ((rows, high), (columns, wide))]
    windows = F.unfold(image[None], (high, wide), dilation, padding, stride)[0].reshape(cin, high * wide, -1)
    per_channel = torch.einsum("ock,ckn->ocn", kernel.reshape(cout, cin, -1), windows)
    summed = per_channel.mean(1) if mistake == "channels_averaged" else per_channel.sum(1)
    if mistake == "mean_not_sum":
        summed = summed / (cin * high * wide)
    if mistake == "channels_not_summed":
        summed = per_channel[:, 0]
    output = summed.reshape(cout, *shape)
    return output[:, :-1, :-1] if mistake == "last_place_missing" else output


def _loops(image, kernel, stride=1, padding=0, dilation=1, *, mistake=""):
    """Six loops over plain lists, one product at a time."""
    image, kernel = image.tolist(), kernel.tolist()
    channels, rows, columns = len(image), len(image[0]), len(image[0][0])
    high, wide = len(kernel[0][0]), len(kernel[0][0][0])
    room = 0 if mistake == "padding_forgotten" else padding
    shift = 0 if mistake == "padding_one_side" else room
    down = (rows + 2 * room - dilation * (high - 1) - 1) // stride + 1
    across = (columns + 2 * room - dilation * (wide - 1) - 1) // stride + 1
    step = 1 if mistake == "stride_ignored" else stride
    gap = 1 if mistake == "dilation_ignored" else dilation
    if mistake == "stride_on_kernel":
        step, gap = 1, stride * dilation

    def pixel(c, i, j):
        return image[c][i][j] if 0 <= i < rows and 0 <= j < columns else 0.0

    output = torch.zeros(len(kernel), down, across)
    for o in range(len(kernel)):
        for i in range(down - (mistake == "last_place_missing")):
            for j in range(across - (mistake == "last_place_missing")):
                for c in range(channels):
                    window = 0.0
                    for a in range(high):
                        for b in range(wide):
                            weight = kernel[o][c][-1 - a][-1 - b] if mistake == "kernel_flipped" else kernel[o][c][a][b]
                            window += weight * pixel(c, i * step - shift + a * gap, j * step - shift + b * gap)
                    if mistake == "mean_not_sum":
                        output[o, i, j] += window / (high * wide)  # the mean of each channel's products, added up
                    elif mistake == "channels_not_summed":
                        output[o, i, j] = window  # overwritten by the next channel
                    else:
                        output[o, i, j] += window / channels if mistake == "channels_averaged" else window
    return output


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


_CORRELATE = ["kernel_flipped", "padding_forgotten", "padding_one_side", "stride_on_kernel", "stride_ignored"]
_CORRELATE += ["dilation_ignored", "last_place_missing", "channels_averaged", "channels_not_summed", "mean_not_sum"]

# --- convolve ---------------------------------------------------------------------------------------------------------------------------


def found(image, kernel):
    """The function of the exercise, as it was found."""
    turned = torch.rot90(kernel)
    high, wide = kernel.shape
    padded = F.pad(image, (wide // 2, wide // 2, high // 2, high // 2))
    return F.conv2d(padded[None, None], turned[None, None])[0, 0]


def _full(image, kernel, *, mistake=""):
    turned = {"not_turned": kernel, "one_axis": kernel.flip(1), "quarter_turn": torch.rot90(kernel)}.get(mistake, kernel.flip(0, 1))
    high, wide = (k // 2 if mistake == "too_little_padding" else k - 1 for k in turned.shape)
    if mistake == "padding_swapped":
        wide, high = high, wide
    return F.conv2d(F.pad(image, (wide, wide, high, high))[None, None], turned[None, None])[0, 0]


def _by_frequencies(image, kernel):
    """A product of spectra, in float32: its rounding is that of the largest sums, at every place."""
    size = [a + b - 1 for a, b in zip(image.shape, kernel.shape, strict=True)]
    return torch.fft.irfft2(torch.fft.rfft2(image, s=size) * torch.fft.rfft2(kernel, s=size), s=size)


def _painted(image, kernel, *, mistake=""):
    """Every pixel paints the kernel: here the unturned kernel is right."""
    image, kernel = image.numpy().astype(np.float64), kernel.numpy().astype(np.float64)
    if mistake == "not_turned":
        kernel = kernel[::-1, ::-1]
    elif mistake == "one_axis":
        kernel = kernel[::-1]
    elif mistake == "quarter_turn":
        kernel = np.rot90(kernel, 3)
    elif mistake == "padding_swapped":
        return _slid(np.pad(image, [(kernel.shape[1] - 1,) * 2, (kernel.shape[0] - 1,) * 2]), kernel[::-1, ::-1])
    output = np.zeros((image.shape[0] + kernel.shape[0] - 1, image.shape[1] + kernel.shape[1] - 1))
    for (i, j), value in np.ndenumerate(image):
        for (a, b), weight in np.ndenumerate(kernel):
            output[i + a, j + b] += value * weight
    if mistake == "too_little_padding":  # only the places where the whole kernel lies on the image
        return output[kernel.shape[0] - 1 : image.shape[0], kernel.shape[1] - 1 : image.shape[1]]
    return output


def _slid(image, kernel):
    """Correlation of what is there, window by window; an image smaller than the kernel raises."""
    output = np.zeros((image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1))
    for i, j in np.ndindex(output.shape):
        output[i, j] = (image[i : i + kernel.shape[0], j : j + kernel.shape[1]] * kernel).sum()
    return output


# --- seen -------------------------------------------------------------------------------------------------------------------------------


def _back(layers, index, *, mistake=""):
    first, last = index, index
    for kernel, stride, padding, dilation in layers if mistake == "wrong_order" else layers[::-1]:
        stride = 1 if mistake == "stride_ignored" else stride
        dilation = 1 if mistake == "dilation_ignored" else dilation
        padding = 0 if mistake == "padding" else padding
        first, last = first * stride - padding, last * stride - padding + dilation * (kernel - 1)
        first = max(0, first) if mistake == "clamped" else first  # in every layer
    if mistake == "centred":
        reach = (last - first) // 2
        return index - reach, index + reach
    return first, last + (mistake == "one_too_far")


def _field_and_offset(layers, index, *, mistake=""):
    """From the front: the width of the field, the distance between neighbours, and where output 0 starts."""
    field, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in reversed(layers) if mistake == "wrong_order" else layers:
        gap = 1 if mistake == "dilation_ignored" else dilation
        field += (kernel - 1) * gap * jump
        start += padding * jump if mistake == "padding" else -padding * jump
        jump *= 1 if mistake == "stride_ignored" else stride
    first = index * jump - field // 2 if mistake == "centred" else start + index * jump
    if mistake == "clamped":
        return [max(0, first), first + field - 1]
    return [first, first + field - (mistake != "one_too_far")]


# --- mean_filter ------------------------------------------------------------------------------------------------------------------------


def _divided(image, size, times=1, *, mistake=""):
    """A box sum, divided by what lies under the box."""
    for _ in range(1 if mistake == "only_once" else times):
        box, r = torch.ones(1, 1, size, size), size // 2
        x = F.pad(image[None, None], (r,) * 4, mode="replicate") if mistake == "border_repeated" else image[None, None]
        around = 0 if mistake in ("border_repeated", "shrinks") else r
        total = F.conv2d(x, box, padding=around)
        count = F.conv2d(torch.ones_like(image)[None, None], box, padding=r) if around else torch.full_like(total, size * size)
        count = {"dark_border": torch.full_like(total, size * size), "sum_not_mean": torch.ones_like(total)}.get(mistake, count)
        image = (total / count)[0, 0]
    return image


def _by_hand(image, size, times=1, *, mistake=""):
    rows, columns, r = *image.shape, size // 2
    old = image.tolist()
    for _ in range(times):
        new = old if mistake == "reads_its_own_output" else [[0.0] * columns for _ in range(rows)]
        for i in range(rows):
            for j in range(columns):
                window = [(a, b) for a in range(i - r, i + r + 1) for b in range(j - r, j + r + 1)]
                inside = [old[a][b] for a, b in window if 0 <= a < rows and 0 <= b < columns]
                if mistake == "border_repeated":
                    inside = [old[min(max(a, 0), rows - 1)][min(max(b, 0), columns - 1)] for a, b in window]
                new[i][j] = sum(inside) / {"dark_border": size**2, "sum_not_mean": 1}.get(mistake, len(inside))
        if mistake == "shrinks":
            new = [row[r : columns - r] for row in new[r : rows - r]]
            rows, columns = max(0, rows - 2 * r), max(0, columns - 2 * r)
        if mistake == "only_once":
            return torch.tensor(new)
        old = new
    return torch.tensor(old)


def _slices(image, size, times=1):
    """Python's slices, whose negative start counts from the end."""
    r = size // 2
    for _ in range(times):
        rows = [[image[i - r : i + r + 1, j - r : j + r + 1].mean() for j in range(image.shape[1])] for i in range(image.shape[0])]
        image = torch.tensor(rows)
    return image


def _slices_of_lists(image, size, times=1):
    old, r = image.double().tolist(), size // 2
    for _ in range(times):
        new = [[0.0] * len(row) for row in old]
        for i, row in enumerate(old):
            for j in range(len(row)):
                window = [value for line in old[i - r : i + r + 1] for value in line[j - r : j + r + 1]]
                new[i][j] = sum(window) / len(window) if window else float("nan")
        old = new
    return np.array(old)


def _in_place(image, size, times=1):
    image, r = image.clone(), size // 2
    for _ in range(times):
        for row, column in np.ndindex(*image.shape):
            top, left = max(0, row - r), max(0, column - r)
            image[row, column] = image[top : row + r + 1, left : column + r + 1].mean()
    return image


MUTANTS = {
    "convolution/output_size": OUTPUT_SIZE,
    "convolution/correlate": _pairs(_CORRELATE, _unfolded, _loops),
    "convolution/convolve": _pairs(["not_turned", "one_axis", "too_little_padding", "padding_swapped"], _full, _painted)
    | {"quarter_turn": Pair(found, partial(_painted, mistake="quarter_turn"))},
    "convolution/seen": _pairs(
        ["wrong_order", "padding", "stride_ignored", "dilation_ignored", "one_too_far", "centred", "clamped"], _back, _field_and_offset
    ),
    "convolution/mean_filter": _pairs(["dark_border", "sum_not_mean", "border_repeated", "shrinks", "only_once"], _divided, _by_hand)
    | {
        "reads_its_own_output": Pair(_in_place, partial(_by_hand, mistake="reads_its_own_output")),
        "negative_start": Pair(_slices, _slices_of_lists),
    },
}


def _transposed_memory(image, kernel, **options):
    """Right values, channels last in memory, and with a gradient."""
    output = F.conv2d(image[None], kernel, **options)[0].requires_grad_()
    return output.permute(1, 2, 0).contiguous().permute(2, 0, 1)


EQUIVALENT = {
    "convolution/output_size": [_slide, lambda *a, **k: torch.tensor([_slide(*a, **k)]), lambda *a, **k: np.int16(_slide(*a, **k))],
    "convolution/correlate": [
        _unfolded,
        _loops,
        lambda *a, **k: _loops(*a, **k).double().numpy(),
        lambda *a, **k: _unfolded(*a, **k).tolist(),
        _transposed_memory,
        lambda image, kernel, **k: _unfolded(image.bfloat16(), kernel.bfloat16(), **k),
        lambda image, kernel, **k: F.conv2d(image[None].half(), kernel.half(), **k)[0],
    ],
    "convolution/convolve": [
        _full,
        _painted,
        _by_frequencies,
        lambda image, kernel: _full(kernel, image),
        lambda image, kernel: _full(image, kernel).half(),
    ],
    "convolution/seen": [_back, _field_and_offset, lambda *a: torch.tensor(_back(*a)), lambda *a: np.array(_back(*a), dtype=float)],
    "convolution/mean_filter": [
        _divided,
        _by_hand,
        lambda *a, **k: _divided(*a, **k).bfloat16(),
        lambda image, size, times=1: _by_hand(image.double(), size, times).T.contiguous().T.numpy(),
    ],
}
