"""Several losses in one: weighted sums whose terms can be watched, made in code or read from a command line."""

from __future__ import annotations

from torch import Tensor

from inpaintlib.losses._common import Loss, check_weight
from inpaintlib.losses.liu import total_variation
from inpaintlib.losses.reconstruction import border_weighted, hole_l1, hole_log_mse, hole_mse, l1, mse, ssim_loss, valid_l1, valid_mse

__all__ = ["WeightedSum", "names", "parse", "weighted_sum"]


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
            check_weight(name, term[0])
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


# those that need nothing but the three tensors
_BY_NAME: dict[str, Loss] = {
    f.__name__: f for f in (border_weighted, hole_l1, hole_log_mse, hole_mse, l1, mse, ssim_loss, total_variation, valid_l1, valid_mse)
}


def names() -> list[str]:
    """The losses that :func:`parse` knows, in alphabetical order."""
    return sorted(_BY_NAME)


def parse(text: str) -> Loss:
    """A loss from what one writes on a command line.

    Args:
        text: a name, or a weighted sum of names.

    Raises:
        ValueError: an unknown name, one that comes twice, or a weight that is no number.

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
        if name in terms:
            raise ValueError(f"the loss {text!r} names {name!r} twice; expected each once, with its whole weight.")
        try:
            terms[name] = (float(weight) if star else 1.0, _BY_NAME[name])
        except ValueError:
            raise ValueError(f"the loss {text!r} has the weight {weight!r}; expected a number, as in 6*hole_l1+valid_l1.") from None
    return WeightedSum(terms)
