"""The known mistakes of the unit ``convolution``, computed: "what you got is what I expect without the padding".

Each entry is a list of functions, called as the oracle is, that make the same mistake in the ways in which it can be made. Pure
arithmetic through PyTorch; how a student writes it is the business of ``mutants.py``.
"""

from __future__ import annotations

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
    lambda size, kernel, stride=1, padding=0, dilation=1: round(_room(size, kernel, padding, dilation) / stride) + 1,
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


DARK_BORDER = [lambda image, size, times=1: _repeat(image, times, lambda x: _pool(x, size, padding=size // 2))]
SUM_NOT_MEAN = [
    lambda image, size, times=1: _repeat(image, times, lambda x: _pool(x, size, padding=size // 2, divisor_override=1)),
]
BORDER_REPEATED = [lambda image, size, times=1: _repeat(image, times, lambda x: _pool(_edge_padded(x, size), size))]
SHRINKS = [lambda image, size, times=1: _repeat(image, times, lambda x: _pool(x, size))]
ONLY_ONCE = [lambda image, size, times=1: _pool(image, size, padding=size // 2, count_include_pad=False)]
READS_ITS_OWN_OUTPUT = [lambda image, size, times=1: _repeat(image, times, lambda x: _in_place(x, size))]
