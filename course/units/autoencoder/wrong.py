"""The known mistakes of the unit ``autoencoder``, computed: "what you got is what I expect without the biases"."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

# --- conv_parameters --------------------------------------------------------------------------------------------------------------------


def _conv(cin: int, cout: int, kernel: int, bias: bool = True, *, biases: str = "right", square: bool = True, reach: bool = True) -> int:
    places = kernel**2 if square else kernel
    extra = {"right": cout if bias else 0, "none": 0, "always": cout, "cin": cin if bias else 0, "one": 1 if bias else 0}[biases]
    return cout * (cin if reach else 1) * places + extra


NO_BIAS = [partial(_conv, biases="none")]
ALWAYS_BIAS = [partial(_conv, biases="always")]
BIAS_WRONG = [partial(_conv, biases="cin"), partial(_conv, biases="one")]
NOT_SQUARE = [partial(_conv, square=False)]
ONE_CHANNEL = [partial(_conv, reach=False), lambda cin, cout, kernel, bias=True: cin * kernel**2 + (cin if bias else 0)]

# --- unet_parameters --------------------------------------------------------------------------------------------------------------------


def _unet(
    width: int, depth: int, *, biases: bool = True, joined: bool = True, up: int = 2, second: bool = True, head: bool = True, levels: int = 0, up_in: bool = True
) -> int:
    """The count, with any part of it done wrongly."""

    def conv(cin: int, cout: int, kernel: int = 3) -> int:
        return cout * cin * kernel**2 + (cout if biases else 0)

    def double(cin: int, cout: int) -> int:
        return conv(cin, cout) + (conv(cout, cout) if second else 0)

    widths = [width * 2**level for level in range(depth + levels)]
    total = sum(double(cin, cout) for cin, cout in zip([3, *widths], widths, strict=False))
    for coarse, fine in zip(widths[:0:-1], widths[-2::-1], strict=True):
        total += (conv(coarse, fine, up) if up else 0) + double(2 * fine if joined else fine, fine)
    return total + (conv(width, 3) if head else 0)


SKIPS_FORGOTTEN = [partial(_unet, joined=False)]
UNET_NO_BIAS = [partial(_unet, biases=False)]
UP_KERNEL = [partial(_unet, up=3), partial(_unet, up=0), partial(_unet, up=1)]
SINGLE = [partial(_unet, second=False)]
HEAD_FORGOTTEN = [partial(_unet, head=False)]
ONE_LEVEL_MORE = [partial(_unet, levels=1)]

# --- adam_step --------------------------------------------------------------------------------------------------------------------------


def adam_with(
    weight: Tensor,
    gradient: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float,
    *,
    corrected: str = "both",
    root: bool = True,
    squared: bool = True,
    uphill: bool = False,
    count: int = 0,
    betas: tuple[float, float] = (0.9, 0.999),
) -> tuple[Tensor, Tensor, Tensor]:
    """A step of Adam with any of its parts done wrongly."""
    b1, b2 = betas
    g = gradient.double()
    m = b1 * m.double() + (1 - b1) * g
    v = b2 * v.double() + (1 - b2) * (g * g if squared else g.abs())
    first = 1 - b1 ** (t + count) if corrected in ("both", "first") else 1.0
    second = 1 - b2 ** (t + count) if corrected in ("both", "second") else 1.0
    if first == 0 or second == 0:
        raise ZeroDivisionError
    below = (v / second).sqrt() if root else v / second
    step = lr * (m / first) / (below + 1e-8)
    return (weight.double() + step if uphill else weight.double() - step), m, v


def _adam(**parts: Any) -> list[Callable[..., Any]]:
    return [partial(adam_with, **dict(zip(parts, chosen, strict=True))) for chosen in itertools.product(*parts.values())]


NOT_CORRECTED = _adam(corrected=["none", "first", "second"], root=[True, False], squared=[True, False])
NO_ROOT = _adam(root=[False], squared=[True, False])
NOT_SQUARED = _adam(squared=[False])
UPHILL = _adam(uphill=[True], corrected=["both", "none"])
COUNT_OFF = _adam(count=[1, -1])
SWAPPED_BETAS = _adam(betas=[(0.999, 0.9), (0.9, 0.99), (0.99, 0.999)])


def _old_means(weight: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int, lr: float) -> tuple[Tensor, Tensor, Tensor]:
    """The weight moves right, but the means handed back are those that came in."""
    return adam_with(weight, gradient, m, v, t, lr)[0], m, v


def _corrected_means(weight: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int, lr: float) -> tuple[Tensor, Tensor, Tensor]:
    moved, m, v = adam_with(weight, gradient, m, v, t, lr)
    return moved, m / (1 - 0.9**t), v / (1 - 0.999**t)


WRONG_STATE = [_old_means, _corrected_means]

# --- best_epoch -------------------------------------------------------------------------------------------------------------------------


def _stop(losses: Tensor, patience: int, *, at_first_rise: bool = False, off: int = 0, answer: str = "right", ignore: bool = False, rises: bool = False) -> tuple[int, int]:
    best, since, last = 0, 0, len(losses) - 1
    for now, loss in enumerate(losses.tolist()):
        if now == 0 or loss < losses[best]:
            best, since = now, 0
        elif rises:  # counts rises against the epoch before, not epochs without a new best
            since = since + 1 if loss > losses[now - 1] else 0
        else:
            since += 1
        limit = 1 if at_first_rise else patience + off
        if not ignore and since >= limit and now > 0:
            last = now
            break
    result = {"right": (best, last), "last": (last, last), "swapped": (last, best)}
    return result[answer]


def _best_of_all(losses: Tensor, patience: int) -> tuple[int, int]:
    return int(losses.argmin()), _stop(losses, patience)[1]


IMPATIENT = [partial(_stop, at_first_rise=True)]
OFF_BY_ONE = [partial(_stop, off=1), partial(_stop, off=-1)]
LAST_WEIGHTS = [partial(_stop, answer="last")]
SWAPPED = [partial(_stop, answer="swapped")]
SEES_THE_FUTURE = [_best_of_all, partial(_stop, ignore=True)]
COUNTS_RISES = [partial(_stop, rises=True)]
