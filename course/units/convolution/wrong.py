"""The known mistakes of the unit ``convolution``, computed: "what you got is what I expect without the padding".

Each entry is a list of functions, called as the oracle is, that make the same mistake in the ways in which it can be made. Pure
arithmetic through PyTorch; how a student writes it is the business of ``mutants.py``.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.units.convolution.cases import full_convolution, torch_correlate

# --- output_size ------------------------------------------------------------------------------------------------------------------------


def _room(size: int, kernel: int, padding: int, dilation: int) -> int:
    return size + 2 * padding - dilation * (kernel - 1) - 1


SIZE_WITHOUT_FIRST_PLACE = [lambda size, kernel, stride=1, padding=0, dilation=1: _room(size, kernel, padding, dilation) // stride]
SIZE_NOT_ROUNDED_DOWN = [
    lambda size, kernel, stride=1, padding=0, dilation=1: _room(size, kernel, padding, dilation) / stride + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: -(-_room(size, kernel, padding, dilation) // stride) + 1,
]
SIZE_ROUNDED = [
    lambda size, kernel, stride=1, padding=0, dilation=1: round(_room(size, kernel, padding, dilation) / stride) + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: round(_room(size, kernel, padding, dilation) / stride + 1),  # halves go to even
    lambda size, kernel, stride=1, padding=0, dilation=1: int(_room(size, kernel, padding, dilation) / stride + 0.5) + 1,
]
SIZE_PLAIN = [
    lambda size, kernel, stride=1, padding=0, dilation=1: size - kernel + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: max(0, size - kernel + 1),
    lambda size, kernel, stride=1, padding=0, dilation=1: size + 2 * padding - kernel + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: (size - kernel) // stride + 1,
]
SIZE_PADDING_ONCE = [
    lambda size, kernel, stride=1, padding=0, dilation=1: (_room(size, kernel, 0, dilation) + padding) // stride + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: _room(size, kernel, 0, dilation) // stride + 1,
]
SIZE_DILATION = [
    lambda size, kernel, stride=1, padding=0, dilation=1: _room(size, kernel, padding, 1) // stride + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: (size + 2 * padding - dilation * kernel) // stride + 1,
    lambda size, kernel, stride=1, padding=0, dilation=1: max(0, (size + 2 * padding - dilation * kernel) // stride + 1),
    lambda size, kernel, stride=1, padding=0, dilation=1: (size + 2 * padding - kernel - dilation + 1) // stride + 1,
]
SIZE_STRIDE = [lambda size, kernel, stride=1, padding=0, dilation=1: _room(size, kernel, padding, dilation) + 1]

# --- correlate --------------------------------------------------------------------------------------------------------------------------


def _padded(image: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    return F.pad(image, (left, right, top, bottom))


FLIPPED = [lambda image, kernel, **options: torch_correlate(image, kernel.flip(-2, -1), **options)]
UNPADDED = [lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(image, kernel, stride, 0, dilation)]
ONE_SIDE = [
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(_padded(image, padding, 0, padding, 0), kernel, stride, 0, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(_padded(image, 0, padding, 0, padding), kernel, stride, 0, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(_padded(image, 2 * padding, 0, 2 * padding, 0), kernel, stride, 0, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(_padded(image, 0, 2 * padding, 0, 2 * padding), kernel, stride, 0, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(_padded(image, padding, padding, 0, 0), kernel, stride, 0, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(_padded(image, 0, 0, padding, padding), kernel, stride, 0, dilation),
]


def _windows_of_stride(image: Tensor, kernel: Tensor, stride: int, padding: int, dilation: int) -> Tensor:
    """The kernel's numbers ``stride * dilation`` apart, as many places as the right answer has, each one step on."""
    (high, wide), (rows, columns) = kernel.shape[-2:], torch_correlate(image, kernel, stride, padding, dilation).shape[-2:]
    reach = [stride * dilation * (k - 1) + places for k, places in ((high, rows), (wide, columns))]
    padded = F.pad(image, (padding, max(padding, reach[1]), padding, max(padding, reach[0])))[:, : reach[0], : reach[1]]
    return torch_correlate(padded, kernel, 1, 0, stride * dilation)


STRIDE_ON_KERNEL = [
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(image, kernel, 1, padding, stride * dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(image, kernel, stride, padding, stride * dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: _windows_of_stride(image, kernel, stride, padding, dilation),
]


def _first_places(image: Tensor, kernel: Tensor, stride: int, padding: int, dilation: int) -> Tensor:
    """The window moves by 1, but only for as many places as the right answer has."""
    rows, columns = torch_correlate(image, kernel, stride, padding, dilation).shape[-2:]
    return torch_correlate(image, kernel, 1, padding, dilation)[:, :rows, :columns]


STRIDE_IGNORED = [
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(image, kernel, 1, padding, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: _first_places(image, kernel, stride, padding, dilation),
]


def _dense_window(image: Tensor, kernel: Tensor, stride: int, padding: int, dilation: int) -> Tensor:
    """The places of the right answer, but at each the kernel lies on neighbouring pixels."""
    rows, columns = torch_correlate(image, kernel, stride, padding, dilation).shape[-2:]
    return torch_correlate(image, kernel, stride, padding, 1)[:, :rows, :columns]


DILATION_IGNORED = [
    lambda image, kernel, stride=1, padding=0, dilation=1: torch_correlate(image, kernel, stride, padding, 1),
    lambda image, kernel, stride=1, padding=0, dilation=1: _dense_window(image, kernel, stride, padding, dilation),
]


def _without_last(image: Tensor, kernel: Tensor, stride: int, padding: int, dilation: int) -> Tensor:
    return torch_correlate(image, kernel, stride, padding, dilation)[:, :-1, :-1]


def _last_left_zero(image: Tensor, kernel: Tensor, stride: int, padding: int, dilation: int) -> Tensor:
    y = torch_correlate(image, kernel, stride, padding, dilation)
    y[:, -1], y[:, :, -1] = 0, 0
    return y


LAST_MISSING = [
    lambda image, kernel, stride=1, padding=0, dilation=1: _without_last(image, kernel, stride, padding, dilation),
    lambda image, kernel, stride=1, padding=0, dilation=1: _last_left_zero(image, kernel, stride, padding, dilation),
]


def _each_channel(image: Tensor, kernel: Tensor, **options: int) -> Tensor:
    """(Cout, Cin, H', W'): every product of a channel with its slice of the kernel, nothing added up over channels."""
    slices = [torch_correlate(image[c : c + 1], kernel[:, c : c + 1], **options) for c in range(len(image))]
    return torch.stack(slices, 1)


def _mean(image: Tensor, kernel: Tensor, *, over_channels: bool, **options: int) -> Tensor:
    """The mean of the products in place of their sum: over a whole window, or over each channel of it."""
    return torch_correlate(image, kernel, **options) / (kernel[0] if over_channels else kernel[0, 0]).numel()


MEAN_NOT_SUM = [partial(_mean, over_channels=True), partial(_mean, over_channels=False)]
CHANNELS_AVERAGED = [lambda image, kernel, **options: _each_channel(image, kernel, **options).mean(1)]
NOT_SUMMED = [
    lambda image, kernel, **options: _each_channel(image, kernel, **options),
    lambda image, kernel, **options: _each_channel(image, kernel, **options)[:, 0],
    lambda image, kernel, **options: _each_channel(image, kernel, **options)[:, -1],
    lambda image, kernel, **options: _each_channel(image, kernel, **options).flatten(0, 1),
    lambda image, kernel, **options: _each_channel(image, kernel, **options).sum(0),  # the output channels are added up instead
]

# --- convolve ---------------------------------------------------------------------------------------------------------------------------


def _padded_by(image: Tensor, kernel: Tensor, rows: int, columns: int) -> Tensor:
    """Correlation after so many zeros on each side."""
    return torch_correlate(F.pad(image, (columns, columns, rows, rows))[None], kernel[None, None])[0]


def _half(image: Tensor, kernel: Tensor, turned: Tensor) -> Tensor:
    """Half of the kernel as given, as zeros on each side."""
    return _padded_by(image, turned, kernel.shape[0] // 2, kernel.shape[1] // 2)


QUARTER_TURN = [
    lambda image, kernel: full_convolution(image, torch.rot90(kernel, -1)),  # correlated with a quarter turn: half a turn is missing, or too much
    lambda image, kernel: full_convolution(image, torch.rot90(kernel, 1)),
    lambda image, kernel: _padded_by(image, torch.rot90(kernel, 1), kernel.shape[0] - 1, kernel.shape[1] - 1),
    lambda image, kernel: _padded_by(image, torch.rot90(kernel, -1), kernel.shape[0] - 1, kernel.shape[1] - 1),
    lambda image, kernel: _half(image, kernel, torch.rot90(kernel, 1)),
    lambda image, kernel: _half(image, kernel, torch.rot90(kernel, -1)),
]
NOT_TURNED = [lambda image, kernel: full_convolution(image, kernel.flip(0, 1)), lambda image, kernel: _half(image, kernel, kernel)]
ONE_AXIS = [
    lambda image, kernel: full_convolution(image, kernel.flip(0)),
    lambda image, kernel: full_convolution(image, kernel.flip(1)),
    lambda image, kernel: _half(image, kernel, kernel.flip(0)),
    lambda image, kernel: _half(image, kernel, kernel.flip(1)),
]
TOO_LITTLE_PADDING = [
    lambda image, kernel: _half(image, kernel, kernel.flip(0, 1)),
    lambda image, kernel: _padded_by(image, kernel.flip(0, 1), 0, 0),
]

def _swapped(image: Tensor, kernel: Tensor) -> Tensor:
    """The zeros of the rows beside the columns, and those of the columns above the rows."""
    return _padded_by(image, kernel.flip(0, 1), kernel.shape[1] - 1, kernel.shape[0] - 1)


PADDING_SWAPPED = [_swapped]

# --- seen -------------------------------------------------------------------------------------------------------------------------------

Layers = list[tuple[int, int, int, int]]


def _walk(layers: Layers, index: int, *, strides: bool = True, paddings: int = 1, dilations: bool = True, end: int = -1) -> tuple[int, int]:
    """The right walk back through the layers, or one that forgets something."""
    first = last = index
    for k, s, p, d in reversed(layers):
        s, d = s if strides else 1, d if dilations else 1
        first, last = first * s - paddings * p, last * s - paddings * p + d * (k + end)
    return first, last


SEEN_FORWARDS = [lambda layers, index: _walk(layers[::-1], index)]
SEEN_WITHOUT_PADDING = [lambda layers, index: _walk(layers, index, paddings=0), lambda layers, index: _walk(layers, index, paddings=-1)]
SEEN_WITHOUT_STRIDE = [lambda layers, index: _walk(layers, index, strides=False)]
SEEN_WITHOUT_DILATION = [lambda layers, index: _walk(layers, index, dilations=False)]
SEEN_ONE_TOO_FAR = [
    lambda layers, index: _walk(layers, index, end=0),
    lambda layers, index: (_walk(layers, index)[0], _walk(layers, index)[1] + 1),
]


def _centred(layers: Layers, index: int, *, strides: bool, before: int, after: int) -> tuple[int, int]:
    """A field of the right width, laid with its middle on the index, or on the index times all strides."""
    width, jump = 1, 1
    for k, s, _, d in layers:
        width, jump = width + (k - 1) * d * jump, jump * s
    middle = index * jump if strides else index
    return middle - (width - before) // 2, middle + (width - after) // 2


_ROUNDINGS = ((0, 0), (1, 1), (0, 1), (1, 0))  # of half a field, for one of even width
SEEN_CENTRED = [partial(_centred, strides=s, before=b, after=a) for s in (True, False) for b, a in _ROUNDINGS]


def _clamped(layers: Layers, index: int, *, each: bool, both: bool) -> tuple[int, int]:
    """Pixels of the padding are not believed in: at the end, or layer by layer."""
    first = last = index
    for place, (k, s, p, d) in enumerate(reversed(layers), 1):
        first, last = first * s - p, last * s - p + d * (k - 1)
        if each or place == len(layers):
            first, last = max(0, first), max(0, last) if both else last
    return first, last


SEEN_CLAMPED = [partial(_clamped, each=each, both=both) for each in (False, True) for both in (False, True)]

# --- mean_filter ------------------------------------------------------------------------------------------------------------------------


def _repeat(image: Tensor, times: int, once: object) -> Tensor:
    for _ in range(times):
        image = once(image)  # type: ignore[operator]
    return image


def _pool(image: Tensor, size: int, **options: object) -> Tensor:
    return F.avg_pool2d(image[None, None].double(), size, stride=1, **options)[0, 0]  # type: ignore[arg-type]


def _edge_padded(image: Tensor, size: int) -> Tensor:
    return F.pad(image[None, None].double(), (size // 2,) * 4, mode="replicate")[0, 0]


def _in_place(image: Tensor, size: int) -> Tensor:
    """Every mean is written where the next one reads."""
    image, r = image.double().clone(), size // 2
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            image[i, j] = image[max(0, i - r) : i + r + 1, max(0, j - r) : j + r + 1].mean()
    return image


def _from_the_end(image: Tensor, size: int) -> Tensor:
    """A window that starts at row -1 starts at the last row: it is empty there, or another one."""
    r, means = size // 2, torch.zeros_like(image, dtype=torch.float64)
    for i, j in np.ndindex(*image.shape):
        means[i, j] = image[i - r : i + r + 1, j - r : j + r + 1].double().mean()
    return means


NEGATIVE_START = [lambda image, size, times=1: _repeat(image, times, lambda x: _from_the_end(x, size))]
DARK_BORDER = [lambda image, size, times=1: _repeat(image, times, lambda x: _pool(x, size, padding=size // 2))]
SUM_NOT_MEAN = [
    lambda image, size, times=1: _repeat(image, times, lambda x: _pool(x, size, padding=size // 2, divisor_override=1)),
]
BORDER_REPEATED = [lambda image, size, times=1: _repeat(image, times, lambda x: _pool(_edge_padded(x, size), size))]
SHRINKS = [lambda image, size, times=1: _repeat(image, times, lambda x: _pool(x, size))]
ONLY_ONCE = [lambda image, size, times=1: _pool(image, size, padding=size // 2, count_include_pad=False)]
READS_ITS_OWN_OUTPUT = [lambda image, size, times=1: _repeat(image, times, lambda x: _in_place(x, size))]
