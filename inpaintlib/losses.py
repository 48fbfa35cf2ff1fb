r"""What training minimises: callables ``(prediction, target, mask) -> scalar``, or ``-> {name: scalar}`` when there are several terms.

    prediction, target  float (B, C, H, W) in [0, 1]        mask  (B, 1, H, W), 1 = known, 0 = hole

All of them look at the raw prediction: composited, the known pixels would be right by construction and teach nothing.

The norms divide by the number of values they sum over, so that 0.05 reads "off by 5 % of the range". Liu et al. divide by the number of
values of the whole image instead, which makes large holes weigh more: that is ``over="image"``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from inpaintlib._check import describe

__all__ = ["Loss", "WeightedSum", "hole_l1", "hole_mse", "l1", "mse", "names", "parse", "valid_l1", "valid_mse", "weighted_sum"]

Loss = Callable[[Tensor, Tensor, Tensor], "Tensor | dict[str, Tensor]"]
Over = Literal["region", "image"]


def hole_l1(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    r"""Mean absolute error inside the holes, ||(1 - M) (x_out - x)||_1 / N.

    Args:
        prediction: float (B, C, H, W), what the network says for every pixel.
        target: the undamaged image, same shape.
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        over: N counts the values in the ``"region"`` (of the whole batch) or in the ``"image"`` (as Liu et al. do).

    Returns:
        A scalar in [0, 1]; 0 where there is no hole.

    Source: G. Liu et al., Image inpainting for irregular holes using partial convolutions, ECCV 2018, section 3.3.

    >>> import torch
    >>> mask = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    >>> hole_l1(torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25), mask)
    tensor(0.5000)
    >>> hole_l1(torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25), mask, over="image")
    tensor(0.1250)
    """
    return _region_mean((prediction - target).abs(), 1 - _checked(prediction, target, mask), over)


def valid_l1(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    r"""Mean absolute error on the known pixels, ||M (x_out - x)||_1 / N; arguments as in :func:`hole_l1`.

    It teaches the network to copy what it was given; without it the raw prediction may be anything outside the holes.

    Source: G. Liu et al., ECCV 2018, section 3.3.
    """
    return _region_mean((prediction - target).abs(), _checked(prediction, target, mask), over)


def hole_mse(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    r"""Mean squared error inside the holes, ||(1 - M) (x_out - x)||_2^2 / N; arguments as in :func:`hole_l1`.

    A squared error is smallest at the mean of all answers that fit, which is why it blurs where several fit.
    """
    return _region_mean((prediction - target).square(), 1 - _checked(prediction, target, mask), over)


def valid_mse(prediction: Tensor, target: Tensor, mask: Tensor, *, over: Over = "region") -> Tensor:
    """Mean squared error on the known pixels; arguments as in :func:`hole_l1`."""
    return _region_mean((prediction - target).square(), _checked(prediction, target, mask), over)


def l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error over the whole image, holes and known pixels alike; the mask is not looked at."""
    _checked(prediction, target, mask)
    return (prediction - target).abs().mean()


def mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the whole image, holes and known pixels alike; the mask is not looked at."""
    _checked(prediction, target, mask)
    return (prediction - target).square().mean()


def _checked(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Shapes only: a look at the values would cost a pass over the data in every training step."""
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {describe(prediction)}, target {describe(target)}; expected the same shape (B, C, H, W).")
    if mask.dim() != 4 or mask.shape[1] != 1 or mask.shape[0] not in (1, target.shape[0]) or mask.shape[2:] != target.shape[2:]:
        expected = (target.shape[0], 1, *target.shape[2:])
        raise ValueError(f"mask is {describe(mask)}; expected {expected}, one channel, 1 = known, 0 = hole.")
    return mask.to(prediction.dtype)


def _region_mean(error: Tensor, region: Tensor, over: Over) -> Tensor:
    if over not in ("region", "image"):
        raise ValueError(f'over is {over!r}; expected "region" or "image".')
    total = (error * region).sum()  # (B, C, H, W) * (B, 1, H, W): the mask serves all channels
    if over == "image":
        return total / error.numel()
    # A clamp at one value, not an epsilon: an empty region gives exactly 0, any other its exact mean.
    values = region.sum() * (error.numel() / region.numel())
    return total / values.clamp(min=1)


class WeightedSum:
    """Several losses, each with its weight: a loss that returns its weighted terms by name, so that each can be watched.

    Args:
        terms: ``{name: (weight, loss)}``.

    >>> import torch
    >>> loss = weighted_sum(hole=(6.0, hole_l1), valid=(1.0, valid_l1))
    >>> loss
    6*hole + 1*valid
    >>> mask = torch.tensor([[[[1.0, 0.0]]]])
    >>> {name: float(term) for name, term in loss(torch.ones(1, 3, 1, 2), torch.full((1, 3, 1, 2), 0.5), mask).items()}
    {'hole': 3.0, 'valid': 0.5}
    """

    def __init__(self, terms: dict[str, tuple[float, Loss]]) -> None:
        if not terms:
            raise ValueError("a weighted sum of no losses; expected at least one name=(weight, loss).")
        for name, term in terms.items():
            if not (isinstance(term, tuple) and len(term) == 2 and callable(term[1])):
                raise TypeError(f"the term {name} is {term!r}; expected a pair (weight, loss), such as (6.0, losses.hole_l1).")
        self.terms = terms

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        named: dict[str, Tensor] = {}
        for name, (weight, loss) in self.terms.items():
            value = loss(prediction, target, mask)
            parts = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
            named.update({k: weight * v for k, v in parts.items()})
        return named

    def __repr__(self) -> str:
        return " + ".join(f"{weight:g}*{name}" for name, (weight, _) in self.terms.items())


def weighted_sum(**terms: tuple[float, Loss]) -> WeightedSum:
    """``weighted_sum(hole=(6.0, hole_l1), valid=(1.0, valid_l1))``: see :class:`WeightedSum`."""
    return WeightedSum(terms)


_BY_NAME: dict[str, Loss] = {f.__name__: f for f in (hole_l1, valid_l1, hole_mse, valid_mse, l1, mse)}


def names() -> list[str]:
    """The losses that :func:`parse` knows, in alphabetical order."""
    return sorted(_BY_NAME)


def parse(text: str) -> Loss:
    """A loss from what one writes on a command line.

    Args:
        text: a name, or a weighted sum of names.

    Raises:
        ValueError: an unknown name or a weight that is no number.

    >>> parse("6*hole_l1 + valid_l1")
    6*hole_l1 + 1*valid_l1
    >>> parse("mse").__name__
    'mse'
    """
    if text.strip() in _BY_NAME:
        return _BY_NAME[text.strip()]
    terms: dict[str, tuple[float, Loss]] = {}
    for part in text.split("+"):
        weight, star, name = part.rpartition("*")
        name = name.strip()
        if name not in _BY_NAME:
            raise ValueError(f"the loss {text!r} names {name!r}; expected {', '.join(names())}, or a sum such as 6*hole_l1+valid_l1.")
        try:
            terms[name] = (float(weight) if star else 1.0, _BY_NAME[name])
        except ValueError:
            raise ValueError(f"the loss {text!r} has the weight {weight!r}; expected a number, as in 6*hole_l1+valid_l1.") from None
    return WeightedSum(terms)
