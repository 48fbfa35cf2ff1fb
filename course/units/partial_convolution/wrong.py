"""The known mistakes of the unit ``partial_convolution``, computed: "what you got is what I expect without the rescaling".

Several are the bugs of public implementations. Each entry is a list of functions, called as the oracle is, that make the same mistake in
the ways in which it can be made; how a student writes it is the business of ``mutants.py``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.task import Case
from course.units.partial_convolution.cases import new_mask

# --- window_factor ----------------------------------------------------------------------------------------------------------------------


def _safe(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


FACTOR_INVERTED = [lambda mask: float(mask.sum()) / mask.numel()]
FACTOR_WITHOUT_PLACES = [lambda mask: _safe(1.0, float(mask.sum()))]
FACTOR_COUNTS_HOLES = [
    lambda mask: _safe(mask.numel(), float((1 - mask).sum())),
    lambda mask: float((1 - mask).sum()) / mask.numel(),
    lambda mask: _safe(float((1 - mask).sum()), float(mask.sum())),
]
FACTOR_ONE_IN_HOLES = [lambda mask: _safe(mask.numel(), float(mask.sum())) or 1.0, lambda mask: float(mask.numel()) / max(1.0, float(mask.sum()))]
FACTOR_SQUARE = [lambda mask: _safe(mask.shape[0] ** 2, float(mask.sum())), lambda mask: _safe(mask.shape[1] ** 2, float(mask.sum())), lambda mask: _safe(9.0, float(mask.sum()))]


def factor_divides_by_zero(case: Case, got: Any, expected: Any) -> bool:
    """Infinity, NaN or a ZeroDivisionError, for a window that is all hole."""
    return not case.arguments["mask"].any() and _is_division_by_zero(got)


def _is_division_by_zero(got: Any) -> bool:
    """An epsilon in the denominator only hides the infinity: the factor is then millions."""
    if isinstance(got, BaseException):
        return isinstance(got, ZeroDivisionError)
    return got is not None and bool((~np.isfinite(got) | (np.abs(got) > 1e5)).any())


# --- one_channel ----------------------------------------------------------------------------------------------------------------------------


def _parts(image: Tensor, mask: Tensor, weight: Tensor, stride: int, padding: int, *, masked: bool = True) -> tuple[Tensor, Tensor, float]:
    """The plain sum over known pixels, the number of known places of one channel, and the number of places: all (B, C, H', W')."""
    image, mask, weight = image.double(), mask.double(), weight.double()
    plain = F.conv2d(image * mask if masked else image, weight, None, stride, padding)
    known = F.conv2d(mask, torch.ones(1, 1, *weight.shape[2:], dtype=torch.float64), None, stride, padding)
    return plain, known, float(weight.shape[2] * weight.shape[3])


def _one_channel(rule: Callable[[Tensor, Tensor, float, float], Tensor], *, masked: bool = True) -> Callable[..., Tensor]:
    """A wrong layer of one channel from what it does with (plain sum, known, places, bias)."""

    def layer(image: Tensor, mask: Tensor, kernel: Tensor, bias: float = 0.0) -> Tensor:
        return rule(*_parts(image[None, None], mask[None, None], kernel[None, None], 1, 0, masked=masked), bias)[0, 0]

    return layer


def _where(known: Tensor, value: Tensor) -> Tensor:
    """0 where nothing is known."""
    return torch.where(known > 0, value, torch.zeros_like(value))


NOT_RESCALED = [_one_channel(lambda y, known, places, b: _where(known, y + b)), _one_channel(lambda y, known, places, b: y + b)]
INVERTED = [_one_channel(lambda y, known, places, b: _where(known, y * known / places + b))]
WITHOUT_PLACES = [_one_channel(lambda y, known, places, b: _where(known, y / known + b))]
HOLES_READ = [
    _one_channel(lambda y, known, places, b: _where(known, y * places / known + b), masked=False),
    _one_channel(lambda y, known, places, b: _where(known, y + b), masked=False),
    _one_channel(lambda y, known, places, b: y + b, masked=False),
]


def _filled(image: Tensor, mask: Tensor, kernel: Tensor, bias: float = 0.0, *, window: bool, everywhere: bool) -> Tensor:
    """Holes take the mean of the known pixels, of the window or of the image, and then count as if they were known."""
    image, mask, kernel = image.double(), mask.double(), kernel.double()
    plain, known, _ = (t[0, 0] if isinstance(t, Tensor) else t for t in _parts(image[None, None], mask[None, None], kernel[None, None], 1, 0))
    ones = torch.ones_like(kernel)[None, None]
    if window:
        mean = F.conv2d((image * mask)[None, None], ones)[0, 0] / known.clamp(min=1)
    else:
        mean = (image * mask).sum() / mask.sum().clamp(min=1)
    y = plain + mean * F.conv2d((1 - mask)[None, None], kernel[None, None])[0, 0] + bias
    return y if everywhere else _where(known, y)


HOLES_FILLED = [partial(_filled, window=w, everywhere=e) for w in (False, True) for e in (False, True)]
BIAS_IN_HOLES = [_one_channel(lambda y, known, places, b: _where(known, y * places / known) + b)]
BIAS_RESCALED = [_one_channel(lambda y, known, places, b: _where(known, (y + b) * places / known))]
BIAS_FORGOTTEN = [_one_channel(lambda y, known, places, b: _where(known, y * places / known))]


def layer_divides_by_zero(case: Case, got: Any, expected: Any) -> bool:
    """NaN, infinity or an epsilon's millions, exactly where the window is all hole."""
    if got is None or isinstance(got, BaseException):
        return isinstance(got, ZeroDivisionError)
    y, right = (got[0], expected[0]) if isinstance(got, tuple) else (got, expected)
    if y.shape != right.shape:
        return False
    arguments = case.arguments
    weight = arguments["weight"] if "weight" in arguments else arguments["kernel"][None, None]
    mask = arguments["mask"].reshape(-1, 1, *arguments["mask"].shape[-2:])
    _, known, _ = _parts(mask, mask, torch.ones(1, 1, *weight.shape[2:]), arguments.get("stride", 1), arguments.get("padding", 0))
    empty = np.broadcast_to(known.numpy().reshape(y.shape if y.ndim == 2 else known.shape) == 0, y.shape)
    broken = ~np.isfinite(y)
    return bool(broken.any() and not (broken & ~empty).any() and np.allclose(y[~empty], right[~empty], rtol=1e-4, atol=1e-4))


# --- update_mask ------------------------------------------------------------------------------------------------------------------------


def _counts(mask: Tensor, size: int, stride: int, padding: int) -> Tensor:
    return F.conv2d(mask[None, None], torch.ones(1, 1, size, size), None, stride, padding)[0, 0]


def _padded_known(mask: Tensor, padding: int) -> Tensor:
    return F.pad(mask, (padding,) * 4, value=1.0)


def _same_places(mask: Tensor, size: int, stride: int = 1, padding: int = 0) -> Tensor:
    """The old mask at the centres of the windows: as large as the new one."""
    rows, columns = new_mask(mask, size, stride, padding).shape
    padded = F.pad(mask, (padding, padding + size, padding, padding + size))[size // 2 :: stride, size // 2 :: stride]
    return padded[:rows, :columns]


MASK_KEPT = [lambda mask, size, stride=1, padding=0: mask, _same_places, lambda mask, size, stride=1, padding=0: mask[::stride, ::stride]]
MASK_ERODED = [
    lambda mask, size, stride=1, padding=0: (_counts(mask, size, stride, padding) == size * size).float(),
    lambda mask, size, stride=1, padding=0: (_counts(_padded_known(mask, padding), size, stride, 0) == size * size).float(),
]
MASK_PADDING_KNOWN = [
    lambda mask, size, stride=1, padding=0: new_mask(_padded_known(mask, padding), size, stride),
    lambda mask, size, stride=1, padding=0: new_mask(F.pad(mask[None, None], (padding,) * 4, mode="replicate")[0, 0], size, stride),
]
MASK_COUNTS = [
    lambda mask, size, stride=1, padding=0: _counts(mask, size, stride, padding),
    lambda mask, size, stride=1, padding=0: _counts(mask, size, stride, padding) / size**2,
]
MASK_POLARITY = [
    lambda mask, size, stride=1, padding=0: 1 - new_mask(mask, size, stride, padding),
    lambda mask, size, stride=1, padding=0: new_mask(1 - mask, size, stride, padding),
]

# --- partial_layer ----------------------------------------------------------------------------------------------------------------------


def _faulty(
    image: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: int = 1,
    padding: int = 0,
    *,
    scale: str = "right",
    bias_at: str = "known",
    outside: str = "hole",
    counts: bool = False,
) -> tuple[Tensor, Tensor]:
    """The right layer, or one with any of the mistakes of public implementations."""
    if outside == "known":
        image, mask, padding = F.pad(image, (padding,) * 4), F.pad(mask, (padding,) * 4, value=1.0), 0
    plain, known, places = _parts(image, mask, weight, stride, padding)
    cin, b = weight.shape[1], bias.double()[:, None, None]
    ratio = {"right": places / known, "channels": places / known / cin, "none": 1.0, "mean": 1 / known, "mean over channels": 1 / known / cin}[scale]
    y = (plain + b) * ratio if bias_at == "rescaled" else plain * ratio + (b if bias_at == "known" else 0)
    y = _where(known, y)
    if bias_at == "everywhere":
        y = y + b
    return y, known if counts else (known > 0).double()


def _mistakes(*, scale: Sequence[str] = ("right",), bias_at: Sequence[str] = ("known",), outside: Sequence[str] = ("hole",)) -> list[Callable[..., Any]]:
    """The layer with each combination of these."""
    return [partial(_faulty, scale=s, bias_at=b, outside=o) for s, b, o in itertools.product(scale, bias_at, outside)]


BIASES, BORDERS = ("known", "everywhere", "rescaled"), ("hole", "known")
LAYER_CHANNELS = _mistakes(scale=["channels"], bias_at=BIASES, outside=BORDERS)
LAYER_NOT_RESCALED = _mistakes(scale=["none", "mean", "mean over channels"], bias_at=BIASES, outside=BORDERS)
LAYER_PADDING_KNOWN = _mistakes(bias_at=BIASES, outside=["known"])
LAYER_BIAS_IN_HOLES = _mistakes(bias_at=["everywhere"])
LAYER_BIAS_RESCALED = _mistakes(bias_at=["rescaled"])
LAYER_MASK_COUNTS = [partial(_faulty, counts=True)]

def mask_stays_behind(case: Case, got: Any, expected: Any) -> bool:
    """The image is right, and the new mask is the old one, or still has holes where the layer has found something known."""
    if not isinstance(got, tuple):
        return False
    (y, new), (right, filled), old = got, expected, case.arguments["mask"].numpy()
    if y.shape != right.shape or not np.allclose(y, right, rtol=1e-4, atol=1e-4):
        return False
    if new.shape != filled.shape:
        stride = case.arguments.get("stride", 1)
        return any(np.array_equal(new, kept) for kept in (old, old[..., ::stride, ::stride]))
    return bool(np.isin(new, (0.0, 1.0)).all() and (new <= filled).all() and (new < filled).any())


# --- layers_until_full ------------------------------------------------------------------------------------------------------------------


def _until_full(mask: Tensor, size: int = 3, *, outside: float = 0.0) -> int:
    for layers in range(sum(mask.shape) + 2):
        if bool(mask.all()):
            return layers
        padded = F.pad(mask, (size // 2,) * 4, value=outside)
        mask = F.max_pool2d(padded[None, None], size, 1)[0, 0]
    return -1


def _plus(mask: Tensor, size: int, more: int) -> int:
    layers = _until_full(mask, size)
    return layers if layers < 0 else layers + more


def _ways(rule: Callable[[Tensor, int], int]) -> list[Callable[..., int]]:
    """A mistake by itself, and made by somebody who has thought of the mask without a known pixel."""
    return [lambda mask, size=3: rule(mask, size), lambda mask, size=3: rule(mask, size) if mask.any() else -1]


LAYERS_OFF_BY_ONE = [
    *_ways(lambda mask, size: _plus(mask, size, 1)),
    *_ways(lambda mask, size: _plus(mask, size, -1)),
    *_ways(lambda mask, size: max(1, _plus(mask, size, 0))),
]
LAYERS_FROM_OUTSIDE = _ways(lambda mask, size: _until_full(mask, size, outside=1.0))
LAYERS_SIZE_IGNORED = _ways(lambda mask, size: _until_full(mask, 3))
LAYERS_AREA = [*_ways(lambda mask, size: int((1 - mask).sum())), *_ways(lambda mask, size: -(-int((1 - mask).sum()) // size**2))]


def never_ends(case: Case, got: Any, expected: Any) -> bool:
    """A mask without a known pixel: the loop does not end, or its emergency brake is taken for the answer."""
    return not case.arguments["mask"].any() and got is not None
