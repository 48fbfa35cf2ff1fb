"""A family made of others: each mask is drawn from one of them, chosen by chance."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inpaintlib._mask_options import Size, check_count
from inpaintlib._numbers import Chance, Device, Numbers

__all__ = ["Mixture", "family_name"]

Family = Callable[..., Tensor]
_STEPS = 1 << 16  # the fineness of a share: chance comes in whole numbers


def family_name(family: Callable[..., Tensor]) -> str:
    """What a table calls the masks: the family's name with its options, a bank's own description, and no Python for a lambda."""
    if isinstance(family, functools.partial):
        return ", ".join([family_name(family.func), *(f"{key}={value}" for key, value in family.keywords.items())])
    name = str(getattr(family, "source", None) or getattr(family, "__name__", type(family).__name__))
    return "drawn by a function" if name == "<lambda>" else name


class Mixture:
    """Called like a family; made by :func:`inpaintlib.masks.mixture`.

    Args:
        families: named functions, called like the families.
        weights: how often each is chosen, relative to the others.
    """

    def __init__(self, families: dict[str, Family], weights: Sequence[float]) -> None:
        if len(families) < 1 or len(weights) != len(families):
            raise ValueError(f"{len(families)} families have {len(weights)} weights; expected one weight for each of at least one family.")
        if not all(isinstance(w, int | float) and 0 < w < math.inf for w in weights):
            raise ValueError(f"weights is {list(weights)}; expected numbers above 0, such as [2, 1] for twice as many of the first.")
        self.families, self.weights = families, tuple(weights)
        equal = len(set(weights)) == 1
        self.__name__ = "+".join(name if equal else f"{w:g}*{name}" for name, w in zip(families, weights, strict=True))

    def __call__(self, count: int, size: Size, *, generator: Chance = None, device: Device = None) -> Tensor:
        """Draw masks, uint8 (count, 1, H, W), 1 = known, 0 = hole; arguments and errors as in the families."""
        numbers = Numbers(generator, device)
        draws = numbers.integers(0, _STEPS - 1, check_count(count))
        limits = torch.tensor(self.weights, dtype=torch.float64).cumsum(0) / sum(self.weights) * _STEPS  # the upper end of each share
        chosen = torch.searchsorted(limits[:-1].round().long(), draws.cpu(), right=True)  # (count,): which family
        parts, places = [], []
        for index, family in enumerate(self.families.values()):
            here = (chosen == index).nonzero()[:, 0]
            if len(here):
                parts.append(family(len(here), size, generator=generator, device=device))
                places.append(here)
        masks = torch.cat(parts)
        order = torch.cat(places).argsort()  # back from family by family to the places that were drawn
        return masks.index_select(0, order.to(masks.device))

    def __repr__(self) -> str:
        return f"mixture of masks, {self.__name__}"
